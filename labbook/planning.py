"""A budget as people name it, put to a ladder: FLOP, GPU-hours, tokens or parameters in, a plan out."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from labbook.analysis import columns, revived
from labbook.errors import FitError, UsageError
from labbook.scaling.optimum import Given
from labbook.scaling.plan import Question, default_budget, plan
from labbook.scaling.planned import OneResource, Plan
from labbook.summary import LadderView

SECONDS_PER_HOUR = 3600.0
SEVERAL_PASSES = 1.05
"""Tokens seen over tokens read as D from which runs count as passing over their data again."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks: at most one budget, and what is to be known of it."""

    flops: float | None = None
    gpu_hours: float | None = None
    tokens: float | None = None
    params: float | None = None
    flops_per_gpu: float | None = None
    """FLOP/s of one GPU."""
    utilisation: float | None = None
    """Share of `flops_per_gpu` that is achieved; None: it is an achieved rate."""
    throughput: tuple[float, float] | None = None
    """Tokens a second of one GPU, and the N it was measured at."""
    at: tuple[float, float] | None = None
    served: float | None = None
    cap: float | None = None


@dataclass(frozen=True)
class PlanView:
    """A plan of one ladder, with what a report must say of it."""

    ladder: LadderView
    answer: Plan | OneResource
    budget: str
    """How the budget was named, in words."""
    rate: float | None
    """Achieved FLOP/s of one GPU, where it is known."""
    passes: float | None
    """Tokens seen over D as read, median of the rungs; None where nothing is read twice."""

    def hours(self, C: float) -> float | None:
        """GPU-hours of C training FLOP."""
        return None if self.rate is None else C / self.rate / SECONDS_PER_HOUR


def plan_ladder(view: LadderView, request: Request) -> PlanView:
    """The request put to a ladder.

    Raises UsageError for several budgets, hours without a rate, and what needs the compute spent where D is
    read once and passed over several times; FitError where the ladder has no fits.
    """
    rate = achieved_rate(request)
    check_request(request, rate)
    if view.comparison is None or not view.comparison.fits:
        refused = view.refused
        raise FitError(refused.text if refused else "no law could be fitted", refused.remedy if refused else "")
    N, D, L = columns(view.rungs)
    passes = statistics.median(rung.C / (6.0 * rung.N * rung.D) for rung in view.rungs)
    if passes > SEVERAL_PASSES and (rate is not None or request.served is not None):
        what = "GPU-hours buy" if rate is not None else "Serving is weighed against"
        raise UsageError(
            f"{what} the compute spent, and 6 N x {view.d_reading} tokens is only one pass of it",
            "--reading seen counts D in tokens seen",
        )
    given, amount, words = _budget(request, rate, default_budget(N, D))
    question = Question(given, amount, request.at, request.served, request.cap)
    answer = plan(revived(view) or view.comparison, N, D, L, question)
    return PlanView(view, answer, words, rate, passes if passes > SEVERAL_PASSES else None)


def check_request(request: Request, rate: float | None) -> None:
    """Raises UsageError for several budgets, hours without a rate, or a share that is none."""
    named = [x for x in ("flops", "gpu_hours", "tokens", "params") if getattr(request, x) is not None]
    if len(named) > 1:
        words = " and ".join("--" + name.replace("_", "-") for name in named)
        raise UsageError(f"one budget at a time, not {words}", "a proposed N and D together: --at N,D")
    if request.gpu_hours is not None and rate is None:
        hint = "--flops-per-gpu 4e14, or --throughput 12K@1.3B: tokens a second of one GPU at that N"
        raise UsageError("--gpu-hours needs the speed of a GPU", hint)
    if request.utilisation is not None:
        if request.flops_per_gpu is None:
            raise UsageError("--utilisation is a share of --flops-per-gpu", "name both")
        if not 0.0 < request.utilisation <= 1.0:
            raise UsageError(f"--utilisation {request.utilisation:g} is no share", "write 0.4 for 40 %")


def achieved_rate(request: Request) -> float | None:
    """FLOP/s one GPU achieves, by 6 N a token where a throughput is given.

    Raises UsageError where both are given.
    """
    if request.flops_per_gpu is not None and request.throughput is not None:
        raise UsageError("--flops-per-gpu and --throughput say the same twice", "name one of them")
    if request.throughput is not None:
        per_second, N = request.throughput
        return 6.0 * N * per_second
    if request.flops_per_gpu is None:
        return None
    return request.flops_per_gpu * (1.0 if request.utilisation is None else request.utilisation)


def _budget(request: Request, rate: float | None, otherwise: float) -> tuple[Given, float, str]:
    if request.tokens is not None:
        return "tokens", request.tokens, "given as tokens"
    if request.params is not None:
        return "params", request.params, "given as parameters"
    if request.flops is not None:
        return "compute", request.flops, "given as FLOP"
    if request.gpu_hours is not None and rate is not None:
        C = request.gpu_hours * SECONDS_PER_HOUR * rate
        return "compute", C, f"{request.gpu_hours:g} GPU-h at {rate:.4g} FLOP/s".replace("e+", "e")
    return "compute", otherwise, "none was named: ten times the largest run"
