"""The notebook's runs as they were last looked at: what changed since is read again, and nothing else."""

from __future__ import annotations

from labbook.store import Notebook, Revision, StoredRun


class Shelf:
    """A notebook's runs in memory. Belongs to one thread at a time."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self._stamp: object = None
        self._revisions: dict[str, Revision] = {}
        self._runs: dict[str, StoredRun] = {}

    def runs(self) -> dict[str, StoredRun]:
        """Every run by its id, by name. Raises NotebookError, NotebookBusy."""
        stamp = self.notebook.stamp()
        if self._stamp is not None and stamp == self._stamp:
            return self._runs
        revisions = self.notebook.revisions()
        changed = [key for key, revision in revisions.items() if self._revisions.get(key) != revision]
        fresh = {run.run_id: run for run in self.notebook.runs(changed)} if changed else {}
        kept = {
            key: fresh.get(key) or self._runs[key] for key in revisions if key in fresh or key in self._runs
        }
        self._runs = dict(sorted(kept.items(), key=lambda item: (item[1].name, item[0])))
        self._stamp, self._revisions = stamp, revisions
        return self._runs
