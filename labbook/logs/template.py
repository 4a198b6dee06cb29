"""Teaching a line: `it={step} objective={loss}` becomes a pattern table like the shipped ones."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from labbook.errors import UsageError
from labbook.logs.lines import Lines, pieces, unlabel
from labbook.logs.patterns import Table, parse_table, user_folder
from labbook.text import clean

FIELDS = {
    "step": "step",
    "loss": "train",
    "val": "val",
    "lr": "lr",
    "grad_norm": "grad_norm",
    "tokens": "tokens",
    "epoch": "epoch",
}
"""Series or axis by the template's own word; `{_}` is anything without a blank."""
_FIELD = re.compile(r"\{(\w+)\}")
_NAME = re.compile(r"[A-Za-z][\w\-]{0,39}\Z")


@dataclass(frozen=True, slots=True)
class Trial:
    """What a template takes from a file."""

    matched: int
    unmatched: int
    """Lines with something on them that it does not take."""
    shown: tuple[tuple[int, str], ...]
    """(line number, line) of the first, a middle and the last match."""
    left_over: tuple[tuple[int, str], ...]
    """The first lines it does not take."""


def pattern_of(template: str) -> str:
    """The template as a line pattern with `{num}` and `{raw}` pieces. Raises UsageError."""
    out, at, met = "", 0, set[str]()
    for field in _FIELD.finditer(template):
        out += _literal(template[at : field.start()])
        at = field.end()
        out += _group(field[1], template[at : at + 1], met)
    out += _literal(template[at:])
    if not met & {"loss", "val"}:
        raise UsageError("the template names no {loss} and no {val}", "such as: it={step} objective={loss}")
    if not met & {"step", "tokens", "epoch"}:
        raise UsageError("the template names no {step}", "such as: it={step} objective={loss}")
    return out


def _literal(text: str) -> str:
    """Text as a pattern; blanks match any run of blanks."""
    return r"\s+".join(re.escape(part) for part in re.split(r"\s+", text))


def _group(word: str, after: str, met: set[str]) -> str:
    if word == "_":
        return r"\S*?"
    if word not in FIELDS or word in met:
        known = ", ".join(f"{{{name}}}" for name in (*FIELDS, "_"))
        raise UsageError(f"{{{word}}} cannot stand here", f"each of these at most once: {known}")
    met.add(word)
    piece = "num" if not after or after.isspace() else "raw"  # text glued to it ends the number
    return f"(?P<{FIELDS[word]}>{{{piece}}})"


def table_of(name: str, template: str) -> Table:
    """The template as a table of one record. Raises UsageError."""
    pattern = pattern_of(template)
    return parse_table(name, {"detect": [pattern], "record": [{"line": pattern}]}, "template")


def try_template(path: Path, template: str) -> Trial:
    """What the template takes from the file and what it leaves. Raises UsageError, OSError."""
    pattern = table_of("template", template).records[0].line
    matched: list[tuple[int, str]] = []
    left: list[tuple[int, str]] = []
    for place, line in Lines(path, 0, {}, bars=True):
        for piece in pieces(line):
            bare = unlabel(piece)[1]
            if pattern.search(bare):
                matched.append((place, clean(bare, 160)))
            elif bare.strip():
                left.append((place, clean(bare, 160)))
    shown = dict.fromkeys(matched[index] for index in (0, len(matched) // 2, -1)) if matched else {}
    return Trial(len(matched), len(left), tuple(shown), tuple(left[:3]))


def save_template(name: str, template: str) -> Path:
    """Keep the template as a table of the user's own; from then on it works everywhere.

    Raises UsageError where the name or the template will not do, OSError.
    """
    if not _NAME.match(name):
        raise UsageError(f"not a name for a format: {clean(name, 60)}", "letters, digits, - and _")
    pattern = pattern_of(template)
    quoted = json.dumps(pattern)  # a TOML basic string has the escapes of JSON
    path = user_folder() / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[{name}]\ndetect = [{quoted}]\n\n[[{name}.record]]\nline = {quoted}\n", "utf-8")
    return path
