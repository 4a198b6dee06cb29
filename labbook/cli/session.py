"""The workbook as the app asks for it: reading, computing, and the report of what is on the screen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labbook.cli.export import chosen, markdown_plot, whole, write_file
from labbook.records import Curve
from labbook.summary import Progress, Summary

if TYPE_CHECKING:
    from labbook.store import Notebook
    from labbook.workbook import Workbook


class Session:
    """One workbook behind the app; see `tui.walk.Walk`.

    The walk is imported in the thread that first asks for it, so that the first frame does not wait for it.
    """

    def __init__(
        self,
        notebook: Notebook,
        roots: Sequence[Path] = (),
        folder: Path | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self.notebook = notebook
        self.columns = columns
        self.roots = tuple(roots)
        self.folder = folder if folder is not None else Path.cwd()
        """Where reports are written."""
        self._lock = threading.Lock()
        self._book: Workbook | None = None

    @property
    def book(self) -> Workbook:
        """The walk over the notebook."""
        with self._lock:
            if self._book is None:
                from labbook.workbook import Workbook

                self._book = Workbook(self.notebook, roots=self.roots, columns=self.columns)
            return self._book

    def last_known(self) -> Summary | None:
        """The notebook's last board."""
        return self.book.last_known()

    def refresh(
        self,
        post: Callable[[Summary], None],
        progress: Callable[[Progress], None],
        stop: threading.Event,
        force: bool,
    ) -> None:
        """Read what is new and post what changed."""
        self.book.refresh(post, progress, stop, force)

    def curves(self, run_id: str) -> dict[str, Curve]:
        """The series of one run."""
        return self.book.curves(run_id)

    def export(self, summary: Summary, target: str) -> str:
        """Write the Markdown report of a run, a ladder or everything; returns the path."""
        from labbook.report.markdown import export

        ladder, run_id = chosen(summary, target or None)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(summary.as_of))
        path = self.folder / f"labbook-{ladder or run_id or 'all'}-{stamp}.md"
        command = f"labbook export {ladder or run_id or ''}".strip()
        summary = whole(self.book, summary, ladder, run_id)
        text = export(summary, ladder, run_id, plot=markdown_plot, command=command, made_at=time.time())
        write_file(path, text)
        return str(path)
