"""How a run was trained, gathered from its configuration, its figures and its curves for the pitfalls."""

from __future__ import annotations

import math
import re

from labbook.conventions import CONVENTIONS, training_flops
from labbook.logs.config import Config
from labbook.logs.names import is_loss
from labbook.logs.resolve import Resolved
from labbook.logs.schedule import planned_schedule
from labbook.measure import Measured
from labbook.recipe import Training
from labbook.store import StoredRun

_CURVE = 5
"""Points of a loss from which a log is a curve and not a table of results."""
_A_LOSS = re.compile(r"loss|nll|ppl|perplexity|entropy|xent|bpb|bpc", re.IGNORECASE)


def training(run: StoredRun, resolved: Resolved, measured: Measured) -> Training:
    """What is known of it."""
    config = Config(run.said)
    steps = resolved.planned_steps
    plan = planned_schedule(config, steps.value if steps is not None else None)
    doubts = [issue.text for issue in resolved.issues if issue.code == "token-count-doubtful"]
    flops = max((_figure(run, key) or 0.0 for key in ("total_flos", "train_flop")), default=0.0)
    return Training(
        steps=resolved.updates,
        top_lr=measured.peak_lr if measured.peak_lr is not None else _figure(run, "top_lr"),
        last_lr=measured.last_lr if measured.last_lr is not None else _figure(run, "last_lr"),
        end_lr=plan.end_lr,
        warmup=plan.warmup if plan.warmup is not None else measured.warmup,
        decay=plan.decay,
        lr_fall=measured.lr_fall,
        readings=_readings(run, measured),
        flops=flops if 0 < flops < math.inf else None,
        seed=resolved.seed,
        has_experts=_has_experts(config),
        broken_at=_broken_at(measured),
        token_doubt=doubts[0] if doubts else "",
        no_loss=_no_loss(run, resolved.judged_by),
    )


def _figure(run: StoredRun, key: str) -> float | None:
    """The greatest figure of that key any source states."""
    return max((f.value for said in run.said for f in said.figures if f.key == key), default=None)


def flops_by_convention(run: StoredRun, resolved: Resolved) -> tuple[tuple[str, float], ...]:
    """Training FLOP of the run by every convention beside 6ND whose sizes the log states, by name.

    N is the active one of a mixture of experts, else without embeddings: what a head or attention adds to a
    total is not known.
    """
    N, D = resolved.n("n_active") or resolved.n("n_non_embedding"), resolved.tokens_seen
    if N is None or D is None:
        return ()
    config = Config(run.said)
    sizes = {
        "n_layer": config.value("layers"),
        "n_ctx": config.value("seq_len"),
        "d_model": config.value("width"),
        "vocab": config.value("vocab"),
    }
    found = ((name, training_flops(name, N.value, D.value, **sizes)) for name in CONVENTIONS if name != "6ND")
    return tuple((name, value) for name, value in found if value is not None)


def _readings(run: StoredRun, measured: Measured) -> int | None:
    if measured.last is None or max((x.points for x in run.latest), default=0) < _CURVE:
        return None
    return max((x.points for x in run.latest if x.series == measured.last.series), default=None)


def _no_loss(run: StoredRun, judged_by: str | None) -> str:
    """The series a person chose, where its name is none of a loss and it rose; else empty."""
    rows = (x for x in run.latest if x.series == judged_by and not is_loss(x.series))
    return next((x.series for x in rows if x.last_value > x.first_value and not _A_LOSS.search(x.series)), "")


def _has_experts(config: Config) -> bool | None:
    experts = config.value("experts")
    if experts is None:
        return False if config.value("layers") is not None else None
    return experts > 1


def _broken_at(measured: Measured) -> float | None:
    ended = (f for f in measured.flags if f.id in ("nan", "diverged") and f.cleared_step is None)
    return next((f.since_step for f in ended), None)
