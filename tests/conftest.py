"""Folders and clocks the tests share."""

import os
from pathlib import Path

import pytest

from labbook.resources import resource_dir


@pytest.fixture(autouse=True)
def _private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the notebook or configuration of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.delenv("LABBOOK_NOTEBOOK", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture(scope="session")
def sample_runs() -> Path:
    """The real ladder that ships with labbook."""
    return resource_dir("sample_runs")


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set")
    return Path(value)


@pytest.fixture(scope="session")
def real_logs() -> Path:
    """Real logs of many trainers, named by LABBOOK_LOGS; skips when unset."""
    return _folder("LABBOOK_LOGS")


@pytest.fixture(scope="session")
def reference() -> Path:
    """Published ladders and curves, named by LABBOOK_REFERENCE; skips when unset."""
    return _folder("LABBOOK_REFERENCE")
