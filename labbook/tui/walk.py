"""What the app asks of labbook: the walk from logs to a `Summary`, as `workbook` does it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from labbook.summary import Progress, Summary

if TYPE_CHECKING:
    from labbook.records import Curve


class Walk(Protocol):
    """Reading and computing, without a screen. Every method may be called from a thread other than the UI's."""

    def last_known(self) -> Summary | None:
        """The notebook's last board, quickly and without reading a log; None for an empty notebook."""
        ...

    def refresh(
        self,
        post: Callable[[Summary], None],
        progress: Callable[[Progress], None],
        stop: threading.Event,
        force: bool,
    ) -> None:
        """Read what is new and post one `Summary` for each real change; nothing where nothing changed.

        Returns early once `stop` is set. `force` reads also what is not yet due.
        """
        ...

    def curves(self, run_id: str) -> dict[str, Curve]:
        """The series of one run by name. Slow: for a worker."""
        ...

    def export(self, summary: Summary, target: str) -> str:
        """Write the Markdown report of `target` and return its path.

        target: a run's id, a ladder's key, or empty for the whole board.
        """
        ...
