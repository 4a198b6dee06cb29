"""The choices of a fit as options of a command: reading of D, outlier rules, objective, weights."""

from __future__ import annotations

import argparse

from labbook.choices import RULES, WEIGHTS, Choices, parse_rules
from labbook.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """The options, with their defaults in words."""
    rules = ", ".join(f"{name}:<{what}>" for name, what in RULES.items())
    parser.add_argument("--reading", choices=("unique", "seen"), help="D as unique tokens or as tokens seen")
    parser.add_argument(
        "--drop", action="append", default=[], metavar="RULE", help=f"leave rungs out, again and again: {rules}"
    )
    parser.add_argument(
        "--objective",
        default="auto",
        metavar="NAME",
        help="what the preferred law is fitted with beside least squares in logs, which alone compares laws: "
        "auto (huber:0.001 from 12 rungs on), huber:<delta>, least-squares-raw, or least-squares-log for none",
    )
    parser.add_argument(
        "--weights",
        choices=WEIGHTS,
        default="equal",
        help="repeats: every (N, D) counts once; equal by default",
    )


def chosen(args: argparse.Namespace) -> Choices:
    """The choices of this command line.

    Raises UsageError for a rule or an objective that is not known.
    """
    drop = parse_rules(args.drop)
    return Choices(args.reading, drop, _objective(args.objective), args.weights)


def _objective(text: str) -> str:
    """The canonical name of an objective; `auto` stays."""
    if text == "auto":
        return text
    from labbook.scaling.solve import HUBER_FROM, read_objective

    try:
        return read_objective(text, HUBER_FROM)[0]
    except ValueError as error:
        what, _, known = str(error).partition(": ")
        raise UsageError(what, f"known: {known}") from error
