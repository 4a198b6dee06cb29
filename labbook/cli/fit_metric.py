"""Fit a law of any metric to a table: `labbook fit TABLE --law logistic --x X --y Y`."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from labbook.cli.common import emit, reading, style
from labbook.errors import Exit, FitError, UsageError
from labbook.quantities import parse_size
from labbook.text import clean

if TYPE_CHECKING:
    from labbook.metricfit import Table

PLOT_WIDTH, PLOT_HEIGHT = 100, 20
FITTED = "fit"
"""In the place of a bound: it is a parameter."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Which columns, and what is known of the metric."""
    group = parser.add_argument_group(
        "a metric against any resource",
        "with --law logistic, bounded-power, repeated-sampling or saturating (all three); LADDER is then a "
        "table (CSV, TSV, JSON, JSONL, Parquet) or a run",
    )
    group.add_argument("--x", metavar="COLUMN", help="the resource; of a run step or tokens")
    group.add_argument("--y", metavar="COLUMN", help="the metric: a share between two bounds, or percent")
    group.add_argument(
        "--lo", metavar="SHARE", help="its floor, the chance level (0); fit makes it a parameter"
    )
    group.add_argument(
        "--hi", metavar="SHARE", help="its ceiling (1, or 100 for percent); fit makes it a parameter"
    )
    group.add_argument(
        "--items", metavar="COUNT", help="items the metric is counted over: a number or a column"
    )
    group.add_argument("--by", metavar="COLUMN", help="one fit for each value of this column")
    group.add_argument("--at", metavar="X,...", help="predict the metric there")
    group.add_argument("--reach", metavar="P,...", help="how much of the resource brings the metric there")
    group.add_argument(
        "--least-squares", action="store_true", help="on the log-odds, although --items are counted"
    )


def run(args: argparse.Namespace) -> int:
    """Print the fits."""
    from labbook.metricfit import Asked, fit_table
    from labbook.report.json import dumps
    from labbook.report.metric import metric_json, metric_text

    if args.ladder is None or args.x is None or args.y is None:
        raise UsageError(
            f"{args.law} is fitted to columns", f"labbook fit TABLE --law {args.law} --x COLUMN --y COLUMN"
        )
    args.x, args.y = clean(args.x), clean(args.y)  # as the columns are shown
    args.items, args.by = (None if word is None else clean(word) for word in (args.items, args.by))
    lo, hi = _bound("--lo", args.lo, 0.0), _bound("--hi", args.hi, 1.0)
    asked = Asked(
        law=args.law,
        x=args.x,
        y=args.y,
        lo=lo,
        hi=hi,
        lo_is_given=args.lo is not None,
        hi_is_given=args.hi is not None,
        at=_amounts("--at", args.at),
        levels=_amounts("--reach", args.reach),
        least_squares=args.least_squares,
    )
    report = fit_table(_table(args), asked)
    if args.json:
        emit(dumps(metric_json(report)))
    else:
        how = style(args)
        size = (0, 0) if args.no_plot else (min(how.width, PLOT_WIDTH), PLOT_HEIGHT)
        emit(metric_text(report, how.width, how.color, how.ascii, plot=size))
    if not any(group.comparison.fits for group in report.groups):
        refused = next(iter(report.groups[0].comparison.refused.values()))
        raise FitError(f"{refused.code}: {refused.text}", refused.remedy)
    return int(Exit.OK)


def _table(args: argparse.Namespace) -> Table:
    """The readings of the table, or of the run of that name. Raises as `metricfit`."""
    from labbook.metricfit import is_table, read_curves, read_table
    from labbook.selection import one_run

    if is_table(Path(args.ladder).expanduser()):
        return read_table(Path(args.ladder).expanduser(), args.x, args.y, args.items, args.by)
    if args.by is not None:
        raise UsageError("--by is for tables: a run has one curve")
    items = None if args.items is None else _amounts("--items", args.items)[0]
    with reading(args, [args.ladder]) as (book, _):
        found = one_run(book.summary(fits=False), args.ladder)
        return read_curves(found.name, book.curves(found.run_id), args.x, args.y, items)


def _bound(flag: str, text: str | None, otherwise: float) -> float | None:
    """A bound, None where it is to be fitted. Raises UsageError."""
    if text is None:
        return otherwise
    if text == FITTED:
        return None
    try:
        return float(text.strip().rstrip("%"))
    except ValueError:
        raise UsageError(f"{flag} {text!r} is no number", f"a share such as 0.25, or {FITTED}") from None


def _amounts(flag: str, text: str | None) -> tuple[float, ...]:
    """`1e9,124M` as numbers. Raises UsageError."""
    if text is None:
        return ()
    try:
        values = tuple(parse_size(word) for word in text.split(","))
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None
    if not all(0.0 < value < math.inf for value in values):
        raise UsageError(f"{flag} {text!r}: must be positive and finite")
    return values
