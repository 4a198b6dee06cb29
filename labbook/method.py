"""What only the ladder's maker knows of its method: versions, conventions and choices (science.md section 9).

The figures of the fit itself are in the `Comparison`; reports put both together.
"""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version

from labbook import __version__
from labbook.ladder import Ladder
from labbook.rung import largest
from labbook.scaling.values import Comparison

N_WORDS = {
    "n_non_embedding": "parameters without embeddings and head",
    "n_total": "all parameters",
    "n_active": "active parameters",
    "n_other": "parameters as the trainer counts them",
}
D_WORDS = {
    "unique": "unique tokens of the training set (Kaplan's D)",
    "seen": "tokens seen",
}
RULE_WORDS = {
    "min_val": "minimum validation loss of the run",
    "last": "last validation loss",
}


WEIGHT_WORDS = {
    "equal": "equal",
    "repeats": "repeats: every (N, D) counts once, each of its runs with 1/(runs there)",
}


def method_block(ladder: Ladder, comparison: Comparison) -> tuple[tuple[str, str], ...]:
    """Versions, readings, conventions, rules and ranges as ordered key and value pairs."""
    codes = Counter(s.code for s in ladder.left_out)
    left_out = ", ".join(f"{n} {code}" for code, n in sorted(codes.items()))
    rows = [
        ("labbook", __version__),
        ("numpy", version("numpy")),
        ("duckdb", version("duckdb")),
        ("ladder", ladder.key),
        (
            "n",
            f"{len(ladder.rungs)} rungs, {len(ladder.left_out)} runs left out" + f" ({left_out})" * bool(codes),
        ),
        ("N", f"{N_WORDS[ladder.n_kind]} ({ladder.n_kind})"),
        ("D reading", f"{ladder.d_reading}: {D_WORDS[ladder.d_reading]}; {ladder.d_reason}"),
        ("C", "6 N x tokens seen (6ND), without attention and head"),
        ("C of the laws", f"6 N D with D as read ({ladder.d_reading}); a: N_opt ~ C^a at that C"),
        ("loss", f"{ladder.loss_unit}, {ladder.rungs[0].level.series if ladder.rungs else 'none'}"),
        ("loss rule", f"{ladder.loss_rule}: {_rule_words(ladder)}"),
        ("outlier rule", ", then ".join(map(str, ladder.choices.drop)) or "none"),
        ("weights", WEIGHT_WORDS[ladder.choices.weights]),
        ("second objective", _second_objective(ladder)),
        ("gains", "90 % by delta-t within each admitted form, from the least to the greatest end of the forms"),
        ("P and medians", "over 60 parametric draws of each admitted form (30 and their mirror images)"),
        ("seed", f"from the data digest, {comparison.digest[:12]}"),
    ]
    return (*rows, *_ranges(ladder), *_target(ladder))


def _second_objective(ladder: Ladder) -> str:
    """What the law in front is fitted with beside least squares in logs."""
    chosen = ladder.choices.objective
    if chosen == "auto":
        return (
            "huber:0.001 (auto: from 12 rungs on)" if len(ladder.rungs) >= 12 else "none (auto: below 12 rungs)"
        )
    return "none" if chosen == "least-squares-log" else f"{chosen} (asked for)"


def _rule_words(ladder: Ladder) -> str:
    """What was read: of training losses alone a mean, whatever the rule for validation."""
    estimators = {r.level.estimator for r in ladder.rungs}
    if estimators == {"mean_last_5pct"}:
        return "mean of the last 5 % of the training losses"
    return RULE_WORDS[ladder.loss_rule]


def _ranges(ladder: Ladder) -> list[tuple[str, str]]:
    columns = {
        "range of N": [r.N for r in ladder.rungs],
        "range of D": [r.D for r in ladder.rungs],
        "range of C": [r.C for r in ladder.rungs],
        "range of D/N": [r.D / r.N for r in ladder.rungs],
    }
    return [(name, f"{min(v):.6g} to {max(v):.6g}") for name, v in columns.items() if v]


def _target(ladder: Ladder) -> list[tuple[str, str]]:
    """Where refits without some rungs are read."""
    if not ladder.rungs:
        return []
    top = largest(ladder.rungs)
    where = f"N {2 * top.N:.6g}, D {2 * top.D:.6g}"
    return [("target", f"{where}: twice N and D of {top.name}; extrapolation factor 4 in C")]
