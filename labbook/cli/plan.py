"""Where the next unit of compute goes: the allocation of least loss by each law, with intervals.

LADDER is a key (see `labbook ladders`), the start of one, or a path that is read first; a path with several
ladders in it plans each. Without a budget it is ten times the ladder's largest run. Sizes are written 124M,
2.5B, 3e20.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from labbook.choices import Choices
from labbook.cli.common import emit, reading, say, style
from labbook.errors import Exit, FitError, UsageError
from labbook.quantities import parse_size
from labbook.selection import find_ladder, find_ladders

if TYPE_CHECKING:
    from labbook.planning import PlanView, Request
    from labbook.summary import LadderView

_SIZES = ("flops", "gpu_hours", "tokens", "params", "flops_per_gpu", "utilisation", "serve", "cap")


def configure(parser: argparse.ArgumentParser) -> None:
    """A ladder, a budget, and what else is to be known of it."""
    parser.add_argument("ladder", nargs="?", metavar="LADDER", help="key, start of a key, or a path to read")
    budget = parser.add_argument_group("budget, one of")
    budget.add_argument("--flops", metavar="C", help="training FLOP, counted as 6ND")
    budget.add_argument("--gpu-hours", metavar="H", help="with --flops-per-gpu or --throughput")
    budget.add_argument("--tokens", metavar="D", help="the N for which D tokens are the optimum")
    budget.add_argument("--params", metavar="N", help="the D for which N parameters are the optimum")
    speed = parser.add_argument_group("speed of one GPU")
    speed.add_argument("--flops-per-gpu", metavar="F", help="FLOP/s achieved, or the peak with --utilisation")
    speed.add_argument("--utilisation", metavar="U", help="share of the peak that is achieved, such as 0.4")
    speed.add_argument("--throughput", metavar="T@N", help="tokens/s at N parameters, such as 12K@1.3B")
    more = parser.add_argument_group("more")
    more.add_argument("--at", metavar="N,D", help="the loss of a proposed run, such as 7B,2T")
    more.add_argument("--serve", metavar="TOKENS", help="tokens to be served: a smaller model trained longer")
    more.add_argument("--cap", metavar="C", help="most FLOP of the next run (default: the largest so far)")
    parser.add_argument("--reading", choices=("unique", "seen"), help="D as unique tokens or as tokens seen")
    parser.add_argument("--json", action="store_true", help="the plan as JSON, full precision")


def run(args: argparse.Namespace) -> int:
    """Print the plan."""
    request = _request(args)
    from labbook.planning import achieved_rate, check_request, plan_ladder

    check_request(request, achieved_rate(request))
    with reading(args, [args.ladder or ""]) as (book, paths):
        summary = book.summary(choices=Choices(reading=args.reading))
    views = find_ladders(summary, args.ladder) if paths else [find_ladder(summary, args.ladder)]
    found: list[PlanView] = []
    refused: list[tuple[LadderView, FitError]] = []
    for view in views:
        try:
            found.append(plan_ladder(view, request))
        except FitError as error:
            refused.append((view, error))
    if not found:
        raise refused[0][1]
    for view, why in refused:
        say(args, f"{view.key}: no plan: {why.message}")
    _print(args, found)
    return int(Exit.ATTENTION if refused or any(_is_refused(x) for x in found) else Exit.OK)


def _print(args: argparse.Namespace, found: list[PlanView]) -> None:
    if args.json:
        from labbook.report.json import dumps
        from labbook.report.plan_json import plan_json

        emit(dumps(plan_json(found[0]) if len(found) == 1 else [plan_json(x) for x in found]))
        return
    from labbook.report.plan import plan_text

    how = style(args)
    emit("\n\n".join(plan_text(x, how.width, how.color, how.ascii) for x in found))


def _is_refused(found: PlanView) -> bool:
    from labbook.scaling.planned import OneResource

    return isinstance(found.answer, OneResource)


def _request(args: argparse.Namespace) -> Request:
    """The options as numbers, checked before anything is read. Raises UsageError."""
    sizes = {name: _size(f"--{name.replace('_', '-')}", getattr(args, name)) for name in _SIZES}
    throughput = _pair("--throughput", args.throughput, "@", "12K@1.3B")
    at = _pair("--at", args.at, ",", "7B,2T")
    from labbook.planning import Request

    return Request(served=sizes.pop("serve"), throughput=throughput, at=at, **sizes)


def _size(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = parse_size(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if not 0.0 < value < 1e100:
        raise UsageError(f"{option} must be positive, not {text}", "write 124M, 2.5B or 3e20")
    return value


def _pair(option: str, text: str | None, between: str, example: str) -> tuple[float, float] | None:
    if text is None:
        return None
    first, found, second = text.partition(between)
    one, other = _size(option, first) if first else None, _size(option, second) if second else None
    if not found or one is None or other is None:
        raise UsageError(f"{option} is written {example}, not {text!r}")
    return one, other
