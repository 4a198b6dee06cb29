"""What a trainer that nobody described says of the run before it begins: parameters, tokens of a step."""

from __future__ import annotations

import math
import re

from labbook.logs.numbers import PIECES, human, number
from labbook.records import Figure
from labbook.text import clean

_KIND = r"(?P<kind>total |non-embedding |trainable )?"
_PARAMETERS = (
    re.compile(rf"(?i){_KIND}(?:model )?\bparam(?:eter)?s?(?: count)?\s*[:=]\s*(?P<v>{PIECES['human']})"),
    re.compile(rf"(?i)(?P<v>{PIECES['human']})\s+{_KIND}(?:model )?param(?:eter)?s\b"),
)
"""`total parameters: 12.3M` and `12,345,678 trainable parameters`."""
_PER_STEP = re.compile(
    rf"(?i)\btokens (?:per|/) (?:step|iter(?:ation)?|update)\b[^:=\d]*[:=]\s*(?P<v>{PIECES['int']})"
)
_KINDS = {"total": "n_total", "non-embedding": "n_non_embedding"}
_LONGEST = 400
"""Characters of a line that are searched: on thousands of digits these patterns would take minutes."""


def figure_in(line: str, place: int) -> Figure | None:
    """The figure a header line prints, None where there is none."""
    source = f"line {place}: {clean(line, 120)}"
    line = line[:_LONGEST]
    for pattern in _PARAMETERS:
        match = pattern.search(line)
        found = human(match["v"]) if match else None
        if match and found and math.isfinite(found[0]):
            kind = _KINDS.get((match["kind"] or "").strip().lower(), "n_other")
            return Figure(kind, found[0], source, found[1])
    match = _PER_STEP.search(line)
    per_step = number(match["v"]) if match else None
    if per_step is None or not math.isfinite(per_step):
        return None
    return Figure("tokens_per_step", per_step, source)
