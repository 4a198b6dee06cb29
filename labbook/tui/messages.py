"""What the loader tells the app, and what widgets tell their screen."""

from __future__ import annotations

from textual.message import Message

from labbook.summary import Progress, Summary


class SummaryReady(Message):
    """A new board; of a burst only the last is handled."""

    def __init__(self, summary: Summary) -> None:
        super().__init__()
        self.summary = summary

    def can_replace(self, message: Message) -> bool:
        """A newer board makes one that still waits pointless."""
        return isinstance(message, SummaryReady)


class NotebookEmpty(Message):
    """The notebook was opened and holds no board yet."""


class ReadingProgress(Message):
    """How far the reading pass is; None when it is over."""

    def __init__(self, progress: Progress | None) -> None:
        super().__init__()
        self.progress = progress

    def can_replace(self, message: Message) -> bool:
        """Only the newest counts."""
        return isinstance(message, ReadingProgress)


class ReadingDone(Message):
    """A pass ended well, and the person should know: the first, one asked for, or one after a failure."""

    def __init__(self, *, forced: bool, changed: bool) -> None:
        super().__init__()
        self.forced = forced
        self.changed = changed


class ReadingFailed(Message):
    """A pass failed; what was known stays."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class ShowScreen(Message):
    """Go to a screen by its name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class GoOut(Message):
    """Back to where the person came from."""


class Choose(Message):
    """Another run or ladder is the one looked at."""

    def __init__(self, *, run_id: str | None = None, ladder_key: str | None = None) -> None:
        super().__init__()
        self.run_id = run_id
        self.ladder_key = ladder_key


class FilterChanged(Message):
    """The person typed another filter."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words


class SortNext(Message):
    """Sort the board by the next column."""


class Export(Message):
    """Write the report of a run, a ladder or (empty) the whole board."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target


class Notice(Message):
    """A line for the person, shown for a while."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
