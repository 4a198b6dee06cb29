"""How forecasts would have done: every finished run replayed at 10, 20, 40, 60 and 80 % of its plan.

LADDER is a key (see `labbook ladders`), the start of one, or a path that is read first; without it the only
ladder. Each run is forecast from its own points up to there and the whole curves of the other finished runs;
printed are error and coverage by mode and fraction, with the width by the table and, from three other runs on,
by their errors.
"""

import argparse

from labbook.cli.common import emit, reading, style
from labbook.errors import Exit
from labbook.selection import find_ladder, find_ladders


def configure(parser: argparse.ArgumentParser) -> None:
    """A ladder."""
    parser.add_argument("ladder", nargs="?", metavar="LADDER", help="key, start of a key, or a path to read")
    parser.add_argument("--runs", action="store_true", help="a row for every forecast too")
    parser.add_argument("--json", action="store_true", help="the back-test as JSON, with every forecast")


def run(args: argparse.Namespace) -> int:
    """Print the back-test. Raises NotFoundError, and FitError for a ladder without two curves."""
    from labbook.backtesting import backtest
    from labbook.report.backtest import backtest_json, backtest_text
    from labbook.report.json import dumps

    with reading(args, [args.ladder or ""]) as (book, paths):
        summary = book.summary()
        views = find_ladders(summary, args.ladder) if paths else [find_ladder(summary, args.ladder)]
        tests = [backtest(view.name, book.forecaster.finished(view.key)) for view in views]
    if args.json:
        emit(dumps(backtest_json(tests)))
    else:
        how = style(args)
        texts = [backtest_text(x, how.width, how.color, how.ascii, every=args.runs) for x in tests]
        emit("\n\n".join(texts))
    return int(Exit.OK)
