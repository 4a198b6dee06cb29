"""Where an unfinished run will end: its loss at the planned end, the interval, and what both rest on.

RUN is an id, a name, or the path of a log (read first). A forecast is made from finished runs of its ladder
(mode A), from its planned learning rate (B) or, where the rate stays constant, from a power law of its own
curve (C); where none of these holds there is no number but a reason.
The interval is made to hold nine times in ten; in the field about 85 % do.

Exit code: 0 with a forecast, 1 without one.
"""

import argparse

from labbook.cli.common import emit, reading, style
from labbook.errors import Exit
from labbook.scaling.values import Refusal
from labbook.selection import one_run, run_at
from labbook.summary import RunView, Summary


def configure(parser: argparse.ArgumentParser) -> None:
    """One run."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--json", action="store_true", help="the forecast as JSON, with the run's triage")


def run(args: argparse.Namespace) -> int:
    """Print the forecast of the run. Raises NotFoundError."""
    from dataclasses import replace

    from labbook.opinion import opinion
    from labbook.report.forecast import forecast_json, forecast_text
    from labbook.report.json import dumps, triage_json

    with reading(args, [args.run]) as (book, paths):
        summary = book.summary()
        view = run_at(summary, paths[0]) if paths else one_run(summary, args.run)
        law = opinion(summary.ladder(view.ladder), view)
    references = _references(summary, view)
    if args.json:
        (triage,) = triage_json(replace(summary, runs=(view,)))
        emit(dumps(forecast_json(triage, view, references, law)))
    else:
        how = style(args)
        emit(forecast_text(view, references, how.width, how.color, how.ascii, law=law))
    return int(Exit.ATTENTION if isinstance(view.forecast, Refusal) else Exit.OK)


def _references(summary: Summary, view: RunView) -> list[RunView]:
    """The runs the forecast names, in its order; of one name those of the run's ladder."""
    if isinstance(view.forecast, Refusal):
        return []
    named = {r.name: r for r in summary.runs if r.ladder == view.ladder and r.role == "rung"}
    others = {r.name: r for r in summary.runs if r.ladder == view.ladder and r.state == "done"}
    return [found for name in view.forecast.refs if (found := named.get(name) or others.get(name)) is not None]
