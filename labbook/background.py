"""One call at a time in a thread of its own: storing a batch while the next one is read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Runs calls one after the other; belongs to one thread, which starts them and waits for them."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._result: T | None = None
        self._error: BaseException | None = None

    def start(self, call: Callable[[], T]) -> None:
        """Run the call; the one before must have been waited for."""

        def run() -> None:
            try:
                self._result = call()
            except BaseException as error:  # noqa: BLE001  raised again where the result is asked for
                self._error = error

        self._result = self._error = None
        self._thread = threading.Thread(target=run, name="labbook-store")
        self._thread.start()

    def wait(self) -> T | None:
        """The result of the call that was started, None where there was none. Raises what it raised."""
        thread, self._thread = self._thread, None
        if thread is None:
            return None
        thread.join()
        if self._error is not None:
            raise self._error
        return self._result
