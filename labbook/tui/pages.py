"""Pages of text: reports of the `report` package as styled lines, and the app's own explanations."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from labbook.report.card import answers, card
from labbook.report.cells import cell_width, crop, wrap
from labbook.report.ladder import ladder_text
from labbook.report.laws import laws_text
from labbook.report.paint import style_of
from labbook.report.words import SUPPLY
from labbook.summary import LadderView, RunView
from labbook.tui.shown import Shown
from labbook.tui.spans import Line, line, safe

LABEL = 10
WHOLE = 78
"""Width at which every answer is one line."""

_CODE = re.compile(r"\x1b\[(\d+)m")
_STYLES = {"31": "red", "32": "green", "33": "yellow", "34": "blue", "35": "magenta", "36": "cyan",
           "2": "dim", "1": "bold", "0": ""}  # fmt: skip

EMPTY = (
    "This notebook is empty: no training log was read into it yet.",
    "",
    "  labbook ingest PATH    read the logs under PATH, of any trainer",
    "  labbook PATH           read them and open this screen",
    "  labbook demo           a real sample ladder, to look around",
    "",
    "Logs are only read: nothing is written beside them, nothing leaves this machine.",
)


def styled(text: str) -> Line:
    """A line of a coloured report as spans."""
    spans, style = [], ""
    for i, part in enumerate(_CODE.split(text)):
        if i % 2:
            style = _STYLES.get(part, style)
        elif part:
            spans.append((part, style))
    return tuple(spans)


def here() -> tzinfo | None:
    """The time zone of whoever sits at the terminal."""
    return datetime.now().astimezone().tzinfo


def detail(shown: Shown, width: int, zone: tzinfo) -> list[Line]:
    """The answers about the run under the cursor, one line each, wrapped where the terminal is narrow."""
    run = shown.run
    if run is None or shown.summary is None:
        return []
    ladder = shown.summary.ladder(run.ladder)
    room = WHOLE - LABEL if width >= WHOLE else 4 * WHOLE
    rows = answers(run, ladder, room, shown.now, zone)
    rows += [("missing", missing_line(run, room))] if run.missing else []
    title = f"{run.name}  {run.path}" if run.path != run.name else run.name
    lines: list[Line] = [line(crop(safe(title), width), "bold")]
    for label, text in rows:
        lines += _answer(label, safe(text), width)
    return lines


def _answer(label: str, text: str, width: int) -> list[Line]:
    parts = [text] if LABEL + cell_width(text) <= width else wrap(text, max(10, width - LABEL))
    tint = style_of(text) or ""
    first: Line = ((f"{label:<{LABEL}}", "dim"), (parts[0], tint))
    return [first, *(((" " * LABEL, ""), (part, tint)) for part in parts[1:])]


def missing_line(run: RunView, width: int) -> str:
    """What a person could supply and what to type: as much of the command as fits, whole words only."""
    words = ", ".join(run.missing)
    values = [SUPPLY[word] for word in run.missing if word in SUPPLY]
    if not values:
        return words
    for name in (shlex.quote(safe(run.name)), "RUN"):
        for count in range(len(values), 0, -1):
            text = f"{words}: labbook set {name} {' '.join(values[:count])}"
            if cell_width(text) <= width:
                return text
    return f"labbook set RUN {values[0]}"


def run_page(run: RunView, ladder: LadderView | None, now: float, width: int, zone: tzinfo) -> list[Line]:
    """Everything known of one run, with where every number comes from."""
    text = card(run, ladder, min(width, 110), color=True, as_of=now, zone=zone)
    lines = [styled(x) for x in text.rstrip("\n").split("\n")]
    missing = wrap(missing_line(run, 4 * WHOLE), width, rest="  ") if run.missing else []
    return [*lines, *([(), line("Missing", "bold")] if missing else []), *(line(x) for x in missing)]


def ladder_page(view: LadderView, width: int) -> tuple[list[Line], list[str]]:
    """The ladder's tables and method, and for each line the id of the run it is about, or empty."""
    width = min(width, 110)
    texts = ladder_text(view, width, color=True).rstrip("\n").split("\n")
    tables = len(texts)
    texts += ["", *laws_text(view, width, color=True).rstrip("\n").split("\n")]
    runs = [(r.name, r.run_id) for r in view.rungs] + [(x.name, x.run_id) for x in view.left_out]
    lines = [styled(text) for text in texts]
    keys = [_about("".join(t for t, _ in x), runs) if i < tables else "" for i, x in enumerate(lines)]
    return lines, keys


def _about(text: str, runs: Sequence[tuple[str, str]]) -> str:
    """Id of the run whose table row `text` is: the row starts with its name, whole or cropped."""
    best = ("", "")
    for name, run_id in runs:
        whole = text.startswith(name) and text[len(name) : len(name) + 1] in ("", " ")
        cut = text.partition("…")[0]
        cropped = "…" in text and bool(cut) and name.startswith(cut.rstrip()) and "  " not in cut
        if (whole or cropped) and len(name) > len(best[0]):
            best = (name, run_id)
    return best[1]


def sentences(texts: Iterable[str], width: int) -> list[Line]:
    """Explanations broken at the width."""
    return [
        line(x) for text in texts for x in (wrap(text, width) if not text.startswith(" ") else [text]) or [""]
    ]
