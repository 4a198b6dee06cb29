"""A frozen time zone for everything the app draws, and a quicker Pilot."""

import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times on the screen are local; goldens are in UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pilot looks for an idle process every 8 ms instead of every 20; `settle` waits for what is drawn."""
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.008)
