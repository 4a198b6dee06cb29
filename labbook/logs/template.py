"""Teaching a line: `it={step} objective={loss}` becomes a pattern table like the shipped ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labbook.errors import UsageError
from labbook.logs.lines import Lines, pieces, unlabel
from labbook.logs.numbers import CUT
from labbook.logs.patterns import Table, parse_table
from labbook.resources import user_folder
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
EXAMPLE = "such as: it={step} objective={loss}"
_FIELD = re.compile(r"\{(\w+)\}")
_NAME = re.compile(r"[A-Za-z][\w\-]{0,39}\Z")
_LEFT = 3
"""Lines shown of those a template does not take."""


@dataclass(frozen=True, slots=True)
class Match:
    """One line and what a template takes from it."""

    place: int
    """Line number."""
    line: str
    taken: tuple[tuple[str, str], ...]
    """(field, text)."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a template takes from a file."""

    template: str
    matched: int
    unmatched: int
    """Lines with something on them that it does not take."""
    shown: tuple[Match, ...]
    """The first, a middle and the last match."""
    left_over: tuple[tuple[int, str], ...]
    """(line number, line) of the first that it does not take."""
    saved: str | None = None
    """Path of the table it was kept as."""


def pattern_of(template: str) -> str:
    """The template as a line pattern with `{num}` and `{raw}` pieces. Raises UsageError."""
    out, at, met = "", 0, set[str]()
    for field in _FIELD.finditer(template):
        out += _literal(template[at : field.start()])
        at = field.end()
        out += _group(field[1], template[at : at + 1], met)
    out += _literal(template[at:])
    if not met & {"loss", "val"}:
        raise UsageError("the template names no {loss} and no {val}", EXAMPLE)
    if not met & {"step", "tokens", "epoch"}:
        raise UsageError("the template names no {step}", EXAMPLE)
    return out


def _literal(text: str) -> str:
    """Text as a pattern; blanks match any run of blanks."""
    return r"\s+".join(re.escape(part) for part in re.split(r"\s+", text))


def _group(word: str, after: str, met: set[str]) -> str:
    if word == "_":
        return r"\S*?"
    if word not in FIELDS or word in met:
        known = ", ".join(f"{{{name}}}" for name in (*FIELDS, "_"))
        raise UsageError(f"{{{clean(word, 40)}}} cannot stand here", f"each of these at most once: {known}")
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
    matches: list[Match] = []
    left: list[tuple[int, str]] = []
    unmatched = 0
    for place, bare in _bare_lines(path):
        found = pattern.search(bare)
        if found is not None:
            matches.append(Match(place, clean(bare, 160), _taken(found)))
        elif bare.strip(CUT + " \t"):
            unmatched += 1
            left += [(place, clean(bare, 160))] if len(left) < _LEFT else []
    shown = dict.fromkeys(matches[index] for index in (0, len(matches) // 2, -1)) if matches else {}
    return Trial(template, len(matches), unmatched, tuple(shown), tuple(left))


def _bare_lines(path: Path) -> Iterator[tuple[int, str]]:
    for place, line in Lines(path, 0, {}, final=True, bars=True):
        cut = CUT if line.endswith(CUT) else ""
        states = pieces(line.removesuffix(CUT))
        for index, piece in enumerate(states):
            bare = unlabel(piece)[1]
            yield place, bare + cut if index == len(states) - 1 else bare


def _taken(found: re.Match[str]) -> tuple[tuple[str, str], ...]:
    words = {group: word for word, group in FIELDS.items()}
    return tuple((words[group], text) for group, text in found.groupdict().items() if text is not None)


def save_template(name: str, template: str) -> Path:
    """Keep the template as a table of the user's own; from then on it works everywhere.

    Raises UsageError where the name or the template will not do or the name is taken, OSError.
    """
    if not _NAME.match(name):
        raise UsageError(f"not a name for a format: {clean(name, 60)}", "letters, digits, - and _")
    quoted = json.dumps(pattern_of(template))  # a TOML basic string has the escapes of JSON
    path = user_folder() / f"{name}.toml"
    if path.exists():
        raise UsageError(f"there is a format of that name: {path}", "choose another name, or remove the file")
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"# taught by the line: {clean(template, 300)}\n"
    text = f"{head}[{name}]\ndetect = [{quoted}]\n\n[[{name}.record]]\nline = {quoted}\n"
    path.write_text(text, "utf-8")
    return path
