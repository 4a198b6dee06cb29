"""What a word on the command line means: a run, a ladder, a path, a glob."""

from __future__ import annotations

import difflib
import fnmatch
from pathlib import Path

from labbook.errors import NotFoundError
from labbook.summary import LadderView, RunView, Summary
from labbook.text import PATH_LIMIT, clean


def find_runs(summary: Summary, word: str) -> tuple[RunView, ...]:
    """Every run that answers to the word: id, name, glob over names, ladder key or path; often none."""
    exact = [r for r in summary.runs if word in (r.run_id, r.name)]
    if exact:
        return tuple(exact)
    if any(c in word for c in "*?[") and not Path(word).expanduser().exists():
        return tuple(r for r in summary.runs if fnmatch.fnmatchcase(r.name, word))
    in_ladder = [r for r in summary.runs if r.ladder == word]
    if in_ladder:
        return tuple(in_ladder)
    return under(summary, [Path(word)])


def under(summary: Summary, paths: list[Path]) -> tuple[RunView, ...]:
    """Runs that have a source at or under one of the paths."""
    roots = [clean(str(p.expanduser().resolve()), PATH_LIMIT) for p in paths]
    return tuple(
        run
        for run in summary.runs
        if any(Path(s.path).is_relative_to(root) for s in run.sources for root in roots)
    )


def one_run(summary: Summary, word: str) -> RunView:
    """The single run the word means.

    Raises NotFoundError where none or several do, naming the nearest.
    """
    found = find_runs(summary, word)
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(f"{r.name} ({r.run_id})" for r in found[:4])
        raise NotFoundError(f"{word!r} means {len(found)} runs: {listed}", "name one by its id")
    raise NotFoundError(f"no run {word!r}", _nearest(word, [r.name for r in summary.runs], "labbook runs"))


def run_at(summary: Summary, path: Path) -> RunView:
    """The only run at the path. Raises NotFoundError."""
    found = under(summary, [path])
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(f"no run under {path}", f"see: labbook sniff {path}")
    names = ", ".join(f"{r.name} ({r.run_id})" for r in found[:6])
    raise NotFoundError(f"{len(found)} runs under {path}: {names}", "name one of them by its id")


def find_ladder(summary: Summary, word: str | None) -> LadderView:
    """The ladder the word means: a key, the start of one, or a path of its runs; without a word the only one.

    Raises NotFoundError where none or several do.
    """
    found = find_ladders(summary, word)
    if len(found) == 1:
        return found[0]
    listed = ", ".join(x.key for x in found)
    raise NotFoundError(f"{word!r} means {len(found)} ladders: {listed}", "name one of them")


def find_ladders(summary: Summary, word: str | None) -> list[LadderView]:
    """Every ladder the word means; several where it is a path with runs of several. Raises NotFoundError."""
    if not summary.runs:
        raise NotFoundError("the notebook holds no run", "read some first: labbook ingest PATH")
    if not summary.ladders:
        raise NotFoundError(
            "no ladder: two or more runs of one recipe make one", "see what is known of each run: labbook runs"
        )
    if word is None:
        if len(summary.ladders) == 1:
            return [summary.ladders[0]]
        keys = ", ".join(x.key for x in summary.ladders[:6])
        raise NotFoundError(f"{len(summary.ladders)} ladders: {keys}", "name one of them")
    exact = [x for x in summary.ladders if x.key == word]
    found = exact or [x for x in summary.ladders if x.key.startswith(word.lower())]
    if not found:
        keys_of_runs = {r.ladder for r in find_runs(summary, word)}
        found = [x for x in summary.ladders if x.key in keys_of_runs]
    if found:
        return found
    raise NotFoundError(
        f"no ladder {word!r}", _nearest(word, [x.key for x in summary.ladders], "labbook ladders")
    )


def _nearest(word: str, names: list[str], otherwise: str) -> str:
    near = difflib.get_close_matches(word, names, n=3)
    return f"did you mean {', '.join(near)}" if near else f"see: {otherwise}"
