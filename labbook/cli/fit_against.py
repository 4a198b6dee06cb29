"""Two recipes at equal compute: `labbook fit LADDER --against LADDER`."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from labbook.cli import choices
from labbook.cli.common import emit, reading, style
from labbook.errors import Exit, FitError, UsageError
from labbook.filter import parse_filter
from labbook.quantities import parse_size
from labbook.selection import find_ladder


def configure(parser: argparse.ArgumentParser) -> None:
    """The other ladder, and at which compute."""
    group = parser.add_argument_group("two recipes")
    group.add_argument("--against", metavar="LADDER", help="compare with this ladder at equal compute")
    group.add_argument("--flops", metavar="C,...", help="at these budgets of training FLOP, as 1e20,3e21")


def run(args: argparse.Namespace) -> int:
    """Print the comparison."""
    from labbook.against import against
    from labbook.report.json import dumps
    from labbook.report.versus import versus_json, versus_text
    from labbook.scaling.values import Refusal

    flops = _budgets(args.flops)
    with reading(args, _paths(args)) as (book, _):
        only = parse_filter(args.runs) if args.runs else None
        summary = book.summary(choices=choices.chosen(args), only=only)
    a, b = find_ladder(summary, args.ladder), find_ladder(summary, args.against)
    if a.key == b.key:
        if args.ladder != args.against:
            text = f"{args.ladder} and {args.against} are read as one ladder, {a.key}"
            raise UsageError(text, "put them in two folders, or give each a dataset column")
        raise UsageError(f"{a.key} against itself", "name two ladders, see: labbook ladders")
    rivals = against(a, b, flops)
    if args.json:
        emit(dumps(versus_json(rivals)))
    else:
        how = style(args)
        emit(versus_text(rivals, how.width, how.color, how.ascii))
    if isinstance(rivals.found, Refusal):
        raise FitError(f"{rivals.found.code}: {rivals.found.text}", rivals.found.remedy)
    return int(Exit.OK)


def _paths(args: argparse.Namespace) -> list[str]:
    """The words that name something on disk, each once. Raises UsageError without a first ladder."""
    if args.ladder is None:
        raise UsageError("--against needs two ladders", "labbook fit LADDER --against LADDER")
    words = dict.fromkeys((args.ladder, args.against))
    return [word for word in words if Path(word).expanduser().exists()]


def _budgets(text: str | None) -> tuple[float, ...]:
    """`1e20,3e21` as FLOP. Raises UsageError."""
    try:
        values = tuple(parse_size(word) for word in text.split(",")) if text else ()
    except ValueError as error:
        raise UsageError(f"--flops: {error}") from None
    if not all(0.0 < value < math.inf for value in values):
        raise UsageError(f"--flops {text!r}: a budget must be positive and finite")
    return values
