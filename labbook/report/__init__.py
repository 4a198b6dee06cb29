"""Values to text: boards, cards, ladders, JSON and the exported report.

`EXPORTS` holds the formats of `labbook export`; a new one is one module and one line here.
"""

from dataclasses import dataclass
from typing import Protocol

from labbook.report import markdown
from labbook.report.markdown import Plot
from labbook.summary import Summary


class Write(Protocol):
    """What a format does: values to the text of a whole report."""

    def __call__(
        self,
        summary: Summary,
        ladder_key: str | None,
        run_id: str | None,
        plot: Plot | None,
        command: str,
        made_at: float,
    ) -> str:
        """The report of a ladder, of a run with its ladder, or of everything."""


@dataclass(frozen=True, slots=True)
class Export:
    """One format a report can be written in."""

    name: str
    """What `--to` calls it; also the ending of the file."""
    title: str
    write: Write


EXPORTS = (Export("md", "Markdown with receipts", markdown.export),)
