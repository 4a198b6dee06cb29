"""The smaller JSON objects that several commands print: counts, flags, gains, regimes, laws.

A missing figure is None, never left out and never 0; `json.dumps` turns what is not finite into null.
"""

from __future__ import annotations

import math
from typing import Any

from labbook.report.figures import known
from labbook.report.ranking import aicc_difference
from labbook.report.words import KINDS
from labbook.scaling.values import Comparison, Fit, FitStatus, Gains, Interval, Refusal, Regime, Warned
from labbook.summary import (
    Count,
    Eta,
    Flag,
    LadderView,
    LeftOut,
    Level,
    RungView,
    RunView,
    SeriesInfo,
    SourceInfo,
)

Object = dict[str, Any]


def whole(value: float | None) -> int | float | None:
    """A count as an integer where it is one."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value


def refusal_object(refused: Refusal) -> Object:
    """A refusal where a number or a regime would stand."""
    return {"refused": refused.code, "reason": refused.text, "remedy": refused.remedy or None}


def refused_law(refused: Refusal) -> Object:
    """A refusal as the `refused` field of a law."""
    return {"code": refused.code, "reason": refused.text, "remedy": refused.remedy or None}


def count_object(found: Count) -> Object:
    """One figure of a run with its provenance."""
    return {
        "kind": found.kind,
        "value": whole(found.value),
        "how": found.how,
        "source": found.source,
        "digits": found.digits,
        "approximate": found.approximate,
    }


def kind_of(found: Count | None) -> str | None:
    """non_embedding, total, active or the log's own kind."""
    return None if found is None else KINDS.get(found.kind, found.kind)


def flag_object(flag: Flag) -> Object:
    """One flag with its evidence."""
    return {
        "id": flag.id,
        "severity": flag.severity,
        "since_step": whole(flag.since_step),
        "since_time": flag.since_time,
        "value": flag.value,
        "threshold": flag.threshold,
        "evidence": {"window": flag.window, "n": None, "ref_run": None},
        "cleared_step": whole(flag.cleared_step),
        "text": flag.text,
    }


def series_object(s: SeriesInfo) -> Object:
    """One series of a run."""
    return {
        "name": s.name,
        "points": s.points,
        "distinct_steps": s.distinct_steps,
        "first_step": whole(s.first_step),
        "last_step": whole(s.last_step),
        "first_value": s.first_value,
        "last_value": s.last_value,
        "last_value_raw": s.last_value_raw,
        "unit": s.unit,
        "non_finite": s.non_finite,
        "source": s.source,
        "epochs": list(s.epochs) if s.epochs is not None else None,
        "tokens": list(s.tokens) if s.tokens is not None else None,
    }


def source_object(s: SourceInfo) -> Object:
    """One source of a run."""
    return {
        "path": s.path,
        "format": s.format,
        "confidence": s.confidence,
        "bytes": s.bytes,
        "offset": s.offset,
        "gone": s.gone,
    }


def level_value(level: Level | None) -> float | None:
    """The loss of a level, or None."""
    return None if level is None else level.value


def level_object(run: RunView) -> Object:
    """Training and validation level now. Estimator and n are validation's where there is one."""
    leading = run.val or run.train
    return {
        "train": level_value(run.train),
        "train_se": run.train.se if run.train is not None else None,
        "val": level_value(run.val),
        "val_step": whole(run.val.step) if run.val is not None else None,
        "val_se": run.val.se if run.val is not None else None,
        "estimator": leading.estimator if leading is not None else None,
        "n": leading.n if leading is not None else None,
    }


def eta_object(eta: Eta | Refusal) -> Object:
    """When a run will be done, or why that is not known."""
    if isinstance(eta, Refusal):
        return refusal_object(eta)
    return {
        "finish_at": eta.finish_at,
        "lo": eta.lo,
        "hi": eta.hi,
        "sec_per_step": eta.sec_per_step,
        "limit_at": None,
        "fits_limit": None,
    }


def regime_object(regime: Regime | Refusal) -> Object:
    """What limits a run: label, probabilities, gains, per form and pooled, or the refusal."""
    if isinstance(regime, Refusal):
        return refusal_object(regime)
    pooled = regime.pooled
    return {
        "label": regime.label,
        "prefix": "repeat-limited" if regime.repeat_limited else None,
        "form_dependent": regime.form_dependent,
        "p": _probabilities(pooled),
        "data_share": regime.data_share,
        "gain_2x_tokens": _gain(pooled.g_tokens, pooled.g_tokens_interval, pooled.tokens_from)
        if pooled
        else None,
        "gain_2x_params": _gain(pooled.g_params, pooled.g_params_interval, "pool") if pooled else None,
        "margin": pooled.margin if pooled else None,
        "elasticity_N": regime.elasticity_N,
        "elasticity_D": regime.elasticity_D,
        "remaining_drop": regime.remaining_drop,
        "best_per_doubling": regime.best_per_doubling,
        "settle": regime.settle or None,
        "N": whole(regime.N),
        "D": whole(regime.D),
        "forms": {law: form_object(gains, law) for law, gains in regime.by_form.items()},
        "identifiable": regime.refused is None,
        "inconclusive": None if regime.refused is None else refused_law(regime.refused),
    }


def _probabilities(g: Gains | None) -> Object | None:
    return None if g is None else {"data": g.p_data, "model": g.p_model, "balanced": g.p_balanced}


def _gain(median: float, interval: Interval, source: str) -> Object:
    return {"m": median, "lo": interval[0], "hi": interval[1], "source": source}


def form_object(g: Gains, law: str) -> Object:
    """What one form alone says."""
    return {
        "label": g.label,
        "p": _probabilities(g),
        "margin": g.margin,
        "gain_2x_tokens": _gain(g.g_tokens, g.g_tokens_interval, law),
        "gain_2x_params": _gain(g.g_params, g.g_params_interval, law),
    }


def rung_object(rung: RungView) -> Object:
    """One rung in its fit."""
    return {
        "run_id": rung.run_id,
        "name": rung.name,
        "N": whole(rung.N),
        "D": whole(rung.D),
        "C": whole(rung.C),
        "loss": rung.loss,
        "residual": rung.residual,
        "regime": rung.regime.label,
        "regime_detail": regime_object(rung.regime),
    }


def left_out_object(out: LeftOut) -> Object:
    """One run of the recipe that is no rung."""
    return {
        "run_id": out.run_id,
        "name": out.name,
        "code": out.code,
        "reason": out.reason,
        "N": whole(out.N),
        "D": whole(out.D),
        "loss": out.loss,
        "residual": out.residual,
    }


def warned_object(warned: Warned) -> Object:
    """A warning with its stable code."""
    return {"code": warned.code, "text": warned.text}


def laws_object(comparison: Comparison | None) -> Object:
    """Every law by name, fitted or refused."""
    if comparison is None:
        return {}
    fitted = {law: fit_object(comparison, fit) for law, fit in comparison.fits.items()}
    return fitted | {law: _refused_fit(r) for law, r in comparison.refused.items() if law not in fitted}


def fit_object(comparison: Comparison, fit: Fit) -> Object:
    """One fitted law in full precision. Parameters that are not determined, or no optimum, are not shown."""
    rms, worst = comparison.holdout.get(fit.law, (None, None))
    shown = fit.status is not FitStatus.NOT_CONVERGED
    known_params = shown and fit.status is not FitStatus.UNIDENTIFIED
    return {
        "status": fit.status.value,
        "params": dict(fit.params) if known_params else None,
        "intervals": {name: _bounds(fit, name) for name in (*fit.params, *fit.derived)} if shown else None,
        "rms_log": fit.rms_log if shown else None,
        "aicc": fit.aicc if shown else None,
        "objective": fit.objective,
        "starts_at_best": fit.starts_at_best,
        "refused": None,
        "derived": dict(fit.derived) if known_params else None,
        "equation": fit.equation,
        "n": fit.n,
        "k": fit.k,
        "aicc_difference": aicc_difference(comparison, fit.law) if shown else None,
        "max_resid_log": fit.max_resid_log if shown else None,
        "holdout_rms_log": rms,
        "holdout_worst_log": worst,
        "objective_value": fit.objective_value if shown else None,
        "interval_method": fit.interval_method,
        "starts": fit.starts,
        "distinct_optima": fit.distinct_optima,
        "tolerance": fit.tolerance,
        "condition": fit.condition if known(fit.condition) else None,
        "corr": fit.corr,
        "bound": list(fit.bound),
        "admitted": fit.law in comparison.admitted,
        "left_out_of_pool": comparison.left_out_of_pool.get(fit.law),
        "warnings": [warned_object(w) for w in fit.warnings],
    }


def _bounds(fit: Fit, name: str) -> list[float] | None:
    found = fit.intervals.get(name)
    return None if found is None else [found[0], found[1]]


def _refused_fit(refused: Refusal) -> Object:
    empty = (
        "params derived intervals rms_log aicc objective starts_at_best equation n k aicc_difference "
        "max_resid_log holdout_rms_log holdout_worst_log objective_value interval_method starts "
        "distinct_optima tolerance condition corr left_out_of_pool"
    )
    nothing: Object = dict.fromkeys(empty.split())
    return {"status": "refused", **nothing, "refused": refused_law(refused), "bound": [], "admitted": False} | {
        "warnings": []
    }


def alternatives_object(view: LadderView) -> list[Object]:
    """What other choices would have said."""
    return [
        {
            "title": a.title,
            "n": a.n,
            "preferred": a.preferred,
            "rms_log": a.rms_log,
            "changes": [{"name": name, "now": now, "then": then} for name, now, then in a.changes],
            "note": a.note or None,
        }
        for a in view.alternatives
    ]
