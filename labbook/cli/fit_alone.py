"""Laws that are fitted by themselves: `labbook fit LADDER --law repeated` or `--law kaplan-steps`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labbook.cli.common import emit, style
from labbook.errors import Exit, FitError, UsageError
from labbook.quantities import parse_size

if TYPE_CHECKING:
    from labbook.report.objects import Object
    from labbook.scaling.values import Refusal
    from labbook.summary import LadderView
    from labbook.workbook import Workbook

REPEATED, STEPS = "repeated", "kaplan-steps"
ALONE = (REPEATED, STEPS)
_NO_REPEATS = "No run is known to repeat its data: the cost of repeats cannot be seen."
_OF_THE_OTHERS = ("objective", "influence", "bootstrap")
"""Options that say how the laws of a ladder are fitted together."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The batch the law of size and steps counts steps by."""
    group = parser.add_argument_group(
        "laws that are fitted by themselves",
        "--law repeated: what repeating data costs; --law kaplan-steps: loss by size and optimiser steps",
    )
    group.add_argument(
        "--critical-batch",
        metavar="B*,ALPHA_B",
        help="B_crit(L) = B*/L^(1/ALPHA_B) in tokens, as measured for this recipe; without it kaplan-steps "
        "needs one batch for all runs",
    )


def check(args: argparse.Namespace) -> None:
    """Raises UsageError for options that say nothing of the law asked for, and a batch that is none."""
    if args.law not in ALONE:
        if args.critical_batch is not None:
            raise UsageError("--critical-batch is for the law of size and steps", "--law kaplan-steps")
        return
    unheard = [name for name in _OF_THE_OTHERS if getattr(args, name) not in (False, "auto")]
    if unheard:
        raise UsageError(
            f"--{unheard[0]} says nothing of {args.law}, which is fitted by itself", "leave it away"
        )
    if args.law == REPEATED and (args.critical_batch is not None or args.weights != "equal"):
        name = "critical-batch" if args.critical_batch is not None else "weights"
        raise UsageError(f"--{name} says nothing of {args.law}", "leave it away")
    _critical(args.critical_batch)


def show(args: argparse.Namespace, book: Workbook, views: Sequence[LadderView]) -> int:
    """Print the law on each ladder; views are of the book's last summary.

    Raises FitError where no ladder has a fit, with the reason of the first.
    """
    from labbook.report.json import dumps

    shown = [(_repeated if args.law == REPEATED else _steps)(args, book, view) for view in views]
    refused = [why for _, _, why in shown if why is not None]
    if args.json:
        emit(dumps(shown[0][1] if len(shown) == 1 else [each for _, each, _ in shown]))
    elif len(refused) < len(shown):
        emit("\n\n".join(text for text, _, _ in shown))
    if len(refused) == len(shown):
        raise FitError(f"{args.law}: {refused[0].text}", refused[0].remedy)
    return int(Exit.OK)


def _repeated(args: argparse.Namespace, book: Workbook, view: LadderView) -> tuple[str, Object, Refusal | None]:
    """Text, JSON and refusal of the law of repeated data."""
    from labbook.report.alone import repeated_json, repeated_text
    from labbook.scaling.laws import described
    from labbook.scaling.values import FitStatus, Refusal, RepeatedFit

    view, law, how = book.completed(view), described(REPEATED), style(args)
    remedy = "labbook set RUN unique_tokens=... where it is known, or one run of 4 or more epochs"
    found = view.repeated or Refusal("no-repeated-rungs", _NO_REPEATS, remedy)
    if isinstance(found, RepeatedFit) and found.status is FitStatus.NOT_CONVERGED:
        found = Refusal("not-converged", "No optimum found; nothing is shown.", "add runs of other epochs")
    text = repeated_text(law, view, found, how.width, how.color, how.ascii)
    return text, repeated_json(law, view, found), found if isinstance(found, Refusal) else None


def _steps(args: argparse.Namespace, book: Workbook, view: LadderView) -> tuple[str, Object, Refusal | None]:
    """Text, JSON and refusal of the law of size and steps."""
    from labbook.report.steps import steps_json, steps_text
    from labbook.scaling.values import Refusal
    from labbook.steps import steps_of

    stepped, how = steps_of(book.ladder(view), view, _critical(args.critical_batch)), style(args)
    text = steps_text(stepped, how.width, how.color, how.ascii)
    return text, steps_json(stepped), stepped.found if isinstance(stepped.found, Refusal) else None


def _critical(text: str | None) -> dict[str, float] | None:
    """`2M,0.25` as B_star and alpha_B. Raises UsageError, for Kaplan's constants too."""
    if text is None:
        return None
    try:
        B_star, alpha_B = map(parse_size, text.split(","))
    except ValueError:
        raise UsageError(f"--critical-batch {text!r} is no pair", "B*,alpha_B such as 1.2M,0.25") from None
    if not (B_star > 0.0 and alpha_B > 0.0):
        raise UsageError(f"--critical-batch {text!r}: both must be positive")
    from labbook.scaling.batch import CRITICAL_BATCH

    found = {"B_star": B_star, "alpha_B": alpha_B}
    if found == CRITICAL_BATCH:
        hint = "measure the critical batch of this recipe, or leave it away where all batches agree"
        raise UsageError("2e8,0.21 are the constants of Kaplan et al., of other runs", hint)
    return found
