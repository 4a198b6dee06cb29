"""What a person wrote into `labbook.toml`: tables `[run."glob"]` of the keys of `given`, and what is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from labbook.errors import UsageError
from labbook.logs.given import READING, SIZES, check_given
from labbook.records import Issue, Scalar
from labbook.text import PATH_LIMIT, clean

PERSON = "labbook.toml"
GIVEN = "given."
"""What labbook.toml says of a run stands in its configuration under this prefix."""
SHAPE = '[run."d12-*"] n_total = 124e6'
"""How an entry is written."""

_Entry = tuple[str, str, Scalar]
"""(glob, key, value) that fits."""


def given_of(path: Path, name: str) -> dict[str, Scalar]:
    """What the tables of the file say of the run of that name; later tables win. What is wrong is left out.

    Raises OSError.
    """
    stat = path.stat()
    entries = _kept(path, stat.st_size, stat.st_mtime_ns)
    return {f"{GIVEN}{key}": str(value) for glob, key, value in entries if fnmatchcase(name, glob)}


@lru_cache(maxsize=64)
def _kept(path: Path, size: int, changed: int) -> tuple[_Entry, ...]:
    """The file's entries as of its size and time of change: thousands of runs ask for the same file."""
    return tuple(_entries(path, []))


def reading_given(path: Path, name: str) -> dict[str, str]:
    """The `READING` keys the file's tables say of the run of that name. Raises OSError."""
    said = given_of(path, name)
    return {key: str(said[GIVEN + key]) for key in READING if GIVEN + key in said}


def check_person(path: Path) -> list[Issue]:
    """An issue for each thing in the file that cannot be used. Never raises."""
    wrong: list[str] = []
    try:
        for _ in _entries(path, wrong):
            pass
    except OSError as error:
        wrong.append(f"cannot be read: {error.strerror}")
    place = clean(str(path), PATH_LIMIT)
    return [Issue("bad-sidecar", clean(f"{path.name}: {text}", 300), place) for text in wrong]


def _entries(path: Path, wrong: list[str]) -> Iterator[_Entry]:
    """Every entry that fits; a sentence in `wrong` for each that does not. Raises OSError."""
    try:
        tree = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        wrong.append(f"no TOML: {error}; write {SHAPE}")
        return
    for key, value in tree.items():
        if key != "run":
            wrong.append(f"{_at_top(key, value)}; write {SHAPE}")
        elif not isinstance(value, dict):
            wrong.append(f"run is no table; write {SHAPE}")
        else:
            yield from _tables(value, wrong)


def _at_top(key: str, value: object) -> str:
    name = clean(key, 60)
    what = f"[{name}] is no table of runs" if isinstance(value, dict) else f"{name} is in no table"
    return f"{what} and is not used"


def _tables(tables: Mapping[str, object], wrong: list[str]) -> Iterator[_Entry]:
    plain = [clean(key, 60) for key, value in tables.items() if not isinstance(value, dict)]
    if plain:
        wrong.append(f"[run] names no run, {', '.join(plain)} is of no use; write {SHAPE}")
    for glob, table in tables.items():
        for key, value in table.items() if isinstance(table, dict) else ():
            problem = _problem(key, value)
            if problem is None:
                yield glob, key, value
            else:
                wrong.append(f'[run."{clean(glob, 60)}"] {problem}; write {SHAPE}')


def _problem(key: str, value: object) -> str | None:
    """Why this is no entry of a run."""
    if isinstance(value, dict):
        return f"holds a table {clean(key, 60)}: a name with dots stands in quotes"
    shown = f"{clean(key, 60)} = {clean(str(value), 60)}"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return f"{shown}: must be {'a number' if key in SIZES else 'a number or text'}"
    if key in READING:
        return _no_reading(key, value, shown)
    try:
        check_given(key, str(value))
    except UsageError as error:
        return f"{error.message} {error.hint.partition('known:')[0]}".strip()
    return None


def _no_reading(key: str, value: Scalar, shown: str) -> str | None:
    """Why a log cannot be read so."""
    from labbook.logs import FORMATS

    if not isinstance(value, str) or not clean(value):
        return f"{shown}: must be text"
    names = [one.name for one in FORMATS]
    if key == "format" and value not in names:
        near = get_close_matches(value, names, n=1)
        return f"{shown}: no such format{f', did you mean {near[0]}?' if near else ''}"
    return None
