"""Supply what the logs do not say. What is typed here wins over what was read, and survives re-reading.

  labbook set d128-D0.4M n=393216 unique_tokens=400K        one run
  labbook set 'd128-*' n_non_embedding=393216               a glob over names
  labbook set cpython-ladder tokens_per_step=4096           every run of a ladder
  labbook set --from-name 'd{n_embd}-D{unique_tokens}' n_layer=2     read values out of the runs' names
  labbook set --table known.csv                             a CSV: column `run`, the others are keys or N, D

An empty value (KEY=) takes a value back. `labbook set --keys` lists the keys.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labbook.cli.common import chosen_runs, emit, reading
from labbook.errors import NotFoundError, UsageError
from labbook.summary import RunView

if TYPE_CHECKING:
    from labbook.workbook import Workbook


def configure(parser: argparse.ArgumentParser) -> None:
    """Runs and assignments in any order."""
    parser.add_argument(
        "words", nargs="*", metavar="RUN|KEY=VALUE", help="runs (id, name, glob, ladder, path) and values"
    )
    parser.add_argument(
        "--from-name", metavar="PATTERN", help="take {key} fields out of each run's name; {_} skips text"
    )
    parser.add_argument(
        "--table", metavar="CSV", help="one line a run: column `run` (id or name), other columns are keys"
    )
    parser.add_argument("--keys", action="store_true", help="list what can be set")


def run(args: argparse.Namespace) -> int:
    """Write the values and say what changed."""
    if args.keys:
        from labbook.logs.given import MEANINGS

        emit("\n".join(f"{key:<16} {meaning}" for key, meaning in MEANINGS.items()))
        return 0
    values = assignments(w for w in args.words if "=" in w)
    targets = [w for w in args.words if "=" not in w]
    if not (values or args.from_name or args.table):
        raise UsageError(
            "nothing to set", "write KEY=VALUE, e.g. labbook set RUN n=124M; see: labbook set --keys"
        )
    if not targets and values and not (args.from_name or args.table):
        raise UsageError("no run named", "name runs, a glob, a ladder or a path before KEY=VALUE")
    with reading(args, targets) as (book, _):
        summary = book.summary(fits=False)
        runs = summary.runs if args.table and not targets else chosen_runs(summary, targets)
        per_run = _per_run(args, runs, values)
        _write(book, per_run)
    keys = sorted({key for found in per_run.values() for key in found})
    emit(f"set {', '.join(keys)} for {len(per_run)} runs")
    return 0


def assignments(words: Iterable[str]) -> dict[str, str]:
    """`KEY=VALUE` words as a dict, each checked.

    Raises UsageError for an unknown key or a value of the wrong kind.
    """
    from labbook.logs.given import check_given

    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"{word!r} is not KEY=VALUE", "e.g. n=124M; see: labbook set --keys")
        key, value = key.strip(), value.strip()
        if value:
            check_given(key, value)
        values[key] = value
    return values


def name_pattern(template: str) -> re.Pattern[str]:
    """`d{n_embd}-D{unique_tokens}` as a regular expression over the whole start of a name.

    Raises UsageError where a field is no key, or there is none.
    """
    from labbook.logs.given import GIVEN_KEYS

    pieces: list[str] = []
    for text, field in re.findall(r"([^{]*)(?:\{(\w+)\})?", template):
        pieces.append(re.escape(text))
        if field == "_":
            pieces.append(r".*?")
        elif field:
            if field not in GIVEN_KEYS:
                raise UsageError(f"no key {field!r} in --from-name", "see: labbook set --keys")
            pieces.append(rf"(?P<{field}>\d[\d.]*(?:e[-+]?\d+)?[kKmMbBgGtT]?|[A-Za-z_]+)")
    pattern = re.compile("".join(pieces) + r"(?![\d.])")
    if not pattern.groups:
        raise UsageError(f"--from-name {template!r} names no key", "write e.g. 'd{n_embd}-D{unique_tokens}'")
    return pattern


def _per_run(
    args: argparse.Namespace, runs: Sequence[RunView], values: dict[str, str]
) -> dict[str, dict[str, str]]:
    if args.table:
        return _from_table(Path(args.table).expanduser(), runs, values)
    if not args.from_name:
        return {run.run_id: values for run in runs}
    pattern = name_pattern(args.from_name)
    found = {run.run_id: match for run in runs if (match := pattern.match(run.name))}
    if not found:
        raise NotFoundError(
            f"no run's name fits {args.from_name!r}", f"a name here: {runs[0].name}" if runs else ""
        )
    return {
        run_id: {**assignments(f"{k}={v}" for k, v in match.groupdict().items()), **values}
        for run_id, match in found.items()
    }


def _from_table(path: Path, runs: Sequence[RunView], values: dict[str, str]) -> dict[str, dict[str, str]]:
    headings, rows = _table(path)
    keys = {heading: _key(path, heading) for heading in headings[1:]}
    found: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, start=2):
        name = row[headings[0]]
        matching = [r for r in runs if name in (r.run_id, r.name)]
        if not matching:
            raise NotFoundError(f"{path}:{number}: no run {name!r}", "see: labbook runs")
        given = assignments(f"{key}={row[heading]}" for heading, key in keys.items() if row[heading])
        for run in matching:
            found[run.run_id] = {**values, **given}
    return found


def _table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """(headings with the run's first, rows) of a table of values; blank lines left out. Raises UsageError."""
    from labbook.logs.given import RUN_COLUMNS
    from labbook.logs.names import plain

    try:
        text = path.read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        lines = csv.reader(text.splitlines(), delimiter=max(",;\t", key=first.count))
        cells = [[cell.strip() for cell in row] for row in lines if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"cannot read {path}: {error}", "a CSV with a column `run` and one column a key"
        ) from error
    headings = cells[0] if cells else []
    named = [heading for word in RUN_COLUMNS for heading in headings if plain(heading) == word]
    if not named:
        raise UsageError(f"{path} has no column `run`", "first line e.g.: run,n,unique_tokens")
    rows = [dict(zip(headings, row + [""] * len(headings), strict=False)) for row in cells[1:]]
    return [named[0], *(h for h in headings if h and h not in named)], rows


def _key(path: Path, heading: str) -> str:
    """The key a heading stands for. Raises UsageError where it stands for none."""
    from labbook.logs.given import check_given, given_key

    key = given_key(heading)
    if key is None:
        check_given(heading, "")
    return key or heading


def _write(book: Workbook, per_run: dict[str, dict[str, str]]) -> None:
    """One write for all runs with the same values."""
    by_values: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for run_id, given in per_run.items():
        by_values.setdefault(tuple(sorted(given.items())), []).append(run_id)
    for given_items, run_ids in by_values.items():
        book.give(run_ids, dict(given_items))
