"""The one thread that walks from logs to boards and posts them to the app."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from textual.message import Message

from labbook.errors import LabbookError
from labbook.summary import Progress, Summary
from labbook.text import clean
from labbook.tui.messages import NotebookEmpty, ReadingDone, ReadingFailed, ReadingProgress, SummaryReady
from labbook.tui.walk import Walk

PROGRESS_EVERY_S = 0.5
"""A slow link should not carry more than two progress lines a second."""


class Loader:
    """Last known board first, then one reading pass after another until stopped."""

    def __init__(self, walk: Walk, post: Callable[[Message], object], poll_s: float) -> None:
        self._walk = walk
        self._post = post
        self._poll_s = poll_s
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._following = threading.Event()
        self._following.set()
        self._forced = threading.Event()
        self._told = 0.0
        self._changed = False
        self._settled = False
        """True while the app knows that the last pass went well."""
        self._thread = threading.Thread(target=self._run, name="labbook-loader", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; a pass under way ends at its next look at the stop event."""
        self._stop.set()
        self._wake.set()

    def join(self, timeout: float) -> bool:
        """Wait for the end; False where it did not come in `timeout` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def follow(self, on: bool) -> None:
        """Go on reading, or rest until asked."""
        if on:
            self._following.set()
            self._wake.set()
        else:
            self._following.clear()

    def read_now(self) -> None:
        """One full pass at once, also while resting."""
        self._forced.set()
        self._wake.set()

    def _run(self) -> None:
        self._guarded(self._last_known)
        while not self._stop.is_set():
            if self._following.is_set() or self._forced.is_set():
                self._guarded(self._pass)
            self._wake.wait(self._poll_s)
            self._wake.clear()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except LabbookError as error:
            self._failed(f"{error.message}. {error.hint}" if error.hint else error.message)
        except Exception as error:  # noqa: BLE001 - the board must outlive any failed reading
            self._failed(f"{type(error).__name__}: {error}")

    def _failed(self, text: str) -> None:
        self._settled = False
        self._post(ReadingFailed(clean(text)))

    def _last_known(self) -> None:
        known = self._walk.last_known()
        self._post(NotebookEmpty() if known is None else SummaryReady(known))

    def _pass(self) -> None:
        forced = self._forced.is_set()
        self._forced.clear()
        self._changed, self._told = False, 0.0
        try:
            self._walk.refresh(self._summary, self._progress, self._stop, forced)
        finally:
            if self._told:
                self._post(ReadingProgress(None))
        if forced or not self._settled:
            self._settled = True
            self._post(ReadingDone(forced=forced, changed=self._changed))

    def _summary(self, summary: Summary) -> None:
        self._changed = True
        self._post(SummaryReady(summary))

    def _progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told >= PROGRESS_EVERY_S:
            self._told = now
            self._post(ReadingProgress(progress))
