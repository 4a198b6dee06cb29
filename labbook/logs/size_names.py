"""N from the runs' names, where nothing else says it: `pythia-70m` beside `pythia-160m`.

A size counts only where sibling runs have names that differ in just that. A name often says other things in
the same letters: `d12` is a depth, `10B` may be tokens, and a model called 7b may have 1.48 B.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from labbook.logs.numbers import human
from labbook.logs.resolve import Resolved
from labbook.summary import Count

TOKENS_NEAR = 0.1
"""A size this near to the tokens of the run is taken for its tokens."""
_SIZE = re.compile(
    r"(?<![A-Za-z0-9.])(?:[nN]=?)?(?P<size>\d+(?:[.p]\d+)?[mMbB])(?![A-Za-z0-9])(?![-_. ]?(?:tok|T\b))"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A run as its names show it."""

    run_id: str
    name: str
    folder: str
    resolved: Resolved


@dataclass(frozen=True, slots=True)
class _Reading:
    """One size in the names of one run, and the rest of them."""

    run: Named
    word: str
    value: float
    digits: int | None
    rest: tuple[str, str]
    """Folder and name with the size left out: siblings share it."""


def sizes_by_name(runs: Iterable[Named]) -> dict[str, Count]:
    """By id the N its names say of each run that has none, marked as approximate."""
    runs = list(runs)
    if all(run.resolved.counts for run in runs):
        return {}
    groups: dict[tuple[str, str], list[_Reading]] = {}
    for run in runs:
        for reading in _readings(run):
            groups.setdefault(reading.rest, []).append(reading)
    found: dict[str, list[_Reading]] = {}
    for group in groups.values():
        if len({one.value for one in group}) > 1 and not any(map(_says_tokens, group)):
            for one in group:
                found.setdefault(one.run.run_id, []).append(one)
    return {
        run_id: _inferred(ones[0])
        for run_id, ones in found.items()
        if len({one.value for one in ones}) == 1 and not ones[0].run.resolved.counts
    }


def _inferred(one: _Reading) -> Count:
    return Count("n_total", one.value, "name", f"inferred from the name: {one.word}", one.digits, True)


def with_size(resolved: Resolved, count: Count | None) -> Resolved:
    """The run with the N of its name, where it has one."""
    if count is None:
        return resolved
    missing = tuple(name for name in resolved.missing if name != "N")
    return replace(resolved, counts=(count,), missing=missing)


def _readings(run: Named) -> Iterator[_Reading]:
    """Every size of the run's name, and of the last two parts of its folder."""
    head, _, tail = run.folder.rstrip("/").rpartition("/")
    above, _, parent = head.rpartition("/")
    for match in _SIZE.finditer(run.name):
        yield _reading(run, match, (head, _without(run.name, match)))
    for before, part, after in ((above, parent, f"/{tail}"), (head, tail, "")):
        if part == run.name:
            continue
        for match in _SIZE.finditer(part):
            yield _reading(run, match, (f"{before}/{_without(part, match)}{after}", ""))


def _reading(run: Named, match: re.Match[str], rest: tuple[str, str]) -> _Reading:
    word = match["size"]
    value, digits = human(word.replace("p", ".")) or (0.0, None)
    return _Reading(run, word, value, digits, rest)


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]}\0{text[match.end() :]}"


def _says_tokens(one: _Reading) -> bool:
    """True where the size is the number of tokens the run saw or was to see."""
    resolved = one.run.resolved
    tokens = (resolved.tokens_seen, resolved.planned_tokens, resolved.unique_tokens)
    return any(
        count is not None and abs(count.value - one.value) <= TOKENS_NEAR * one.value for count in tokens
    )
