"""What a person says the columns of a table mean: `N=Model Size,D=Tokens,loss=final`.

The map stands in a reader's state under `columns`. A reader that finds it there gives the named columns the
names of the names table before anything is looked up, so that everything after it works as for any log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from labbook.errors import UsageError
from labbook.logs.names import plain
from labbook.records import Issue
from labbook.text import clean

STATE = "columns"
"""Where the map stands in a reader's state."""
TARGETS: dict[str, tuple[str, str]] = {
    "N": ("n_params", "parameters, all of them"),
    "N_non_embedding": ("n_non_embedding", "parameters without embeddings"),
    "N_active": ("n_active", "parameters one token passes through"),
    "D": ("tokens", "tokens seen"),
    "U": ("unique_tokens", "tokens of the training set"),
    "C": ("flops", "training FLOP"),
    "loss": ("loss", "training loss, or the only one"),
    "val": ("val_loss", "validation loss"),
    "step": ("step", "step counter"),
    "epoch": ("epoch", "epoch"),
    "lr": ("lr", "learning rate"),
    "grad_norm": ("grad_norm", "gradient norm"),
    "tokens_per_step": ("tokens_per_step", "tokens of one optimizer step"),
    "run": ("run", "name of the run"),
    "state": ("state", "how the run ended"),
}
"""By the word a person writes: (name the readers know, what it means)."""
_UNIT = re.compile(r"(?P<column>.+):(?P<unit>[KMBT])\Z")
_SIZED = frozenset({"N", "N_non_embedding", "N_active", "D", "U", "tokens_per_step"})
_BY_PLAIN = {plain(target): target for target in TARGETS}
SHAPE = '"N=Model Size,D=Tokens,loss=final"; N=params:M for millions'
"""How a map is written."""


def parse_columns(text: str) -> dict[str, str]:
    """The map of a `--columns` text, column by target. Raises UsageError.

    A column's name may hold blanks; `:K`, `:M`, `:B` or `:T` after it says what its numbers count.
    """
    found: dict[str, str] = {}
    for piece in text.split(","):
        if not piece.strip():
            continue
        key, equals, column = (part.strip() for part in piece.partition("="))
        target = _BY_PLAIN.get(plain(key))
        if not equals or not column:
            raise UsageError(f"--columns: {clean(piece, 80)} names no column", f"write {SHAPE}")
        if target is None:
            near = get_close_matches(plain(key), _BY_PLAIN, n=1)
            meant = f"did you mean {_BY_PLAIN[near[0]]}? " if near else ""
            raise UsageError(
                f"--columns: nothing is called {clean(key, 60)}", f"{meant}known: {', '.join(TARGETS)}"
            )
        if target in found:
            raise UsageError(f"--columns: {target} is given twice", f"write {SHAPE}")
        found[target] = column
    if not found:
        raise UsageError("--columns is empty", f"write {SHAPE}")
    return found


def columns_in(state: Mapping[str, object]) -> dict[str, str]:
    """The map kept in a reader's state, empty where there is none."""
    kept = state.get(STATE)
    return {str(key): str(value) for key, value in kept.items()} if isinstance(kept, dict) else {}


def kept(columns: Mapping[str, str]) -> dict[str, object]:
    """The map as an entry of the next state."""
    return {STATE: dict(columns)} if columns else {}


def missing_columns(columns: Mapping[str, str], present: Iterable[str]) -> str | None:
    """A sentence on the columns of the map that a table does not have, None where it has them all."""
    names = [name for name in present if name]
    absent = [column for column in columns.values() if _place(column, names) is None]
    if not absent:
        return None
    there = ", ".join(clean(name, 60) for name in names[:40]) or "none"
    return f"no column {' and no column '.join(clean(name, 60) for name in absent)}; there are: {there}"


def column_issues(columns: Mapping[str, str], present: Sequence[str], place: str = "") -> list[Issue]:
    """The same as an issue, for a reader that may not fail."""
    problem = missing_columns(columns, present)
    return [Issue("no-column", problem, place)] if problem is not None else []


def apply_columns(columns: Mapping[str, str], present: Sequence[str]) -> list[str]:
    """The names of a table's columns after the map, in order.

    A column that bears a name the map gives to another one keeps its values under `(<name>)`.
    """
    if not columns:
        return list(present)
    renamed = list(present)
    known = {plain(TARGETS[target][0]) for target in columns if target in TARGETS}
    for at, name in enumerate(present):
        if plain(name) in known:
            renamed[at] = f"({name})"
    for target, column in columns.items():
        at_place = _place(column, present)
        if at_place is None or target not in TARGETS:
            continue
        unit = _UNIT.match(column)
        stated = f" ({unit['unit']})" if unit and target in _SIZED and column not in present else ""
        renamed[at_place] = TARGETS[target][0] + stated
    return renamed


def _place(column: str, present: Sequence[str]) -> int | None:
    """Index of a column: by its name as written, else by its name as names are compared."""
    unit = _UNIT.match(column)
    for wanted in (column, unit["column"].strip() if unit else column):
        for same in (str.strip, plain):
            found = next((at for at, name in enumerate(present) if same(name) == same(wanted)), None)
            if found is not None:
                return found
    return None
