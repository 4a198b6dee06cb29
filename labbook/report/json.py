"""What `--json` prints: the values of a summary as dicts whose shapes only ever grow.

Each object carries `schema`, its name and version; the shapes stand in `schemas/json/`. A missing figure
is null; what is not finite is null too, because JSON has no word for it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from labbook.errors import LabbookError, NotFoundError
from labbook.report.forecast import forecast_object
from labbook.report.method import all_warnings, json_key, method_rows
from labbook.report.objects import (
    Object,
    alternatives_object,
    count_object,
    eta_object,
    flag_object,
    kind_of,
    laws_object,
    left_out_object,
    level_object,
    level_value,
    refused_law,
    regime_object,
    rung_object,
    series_object,
    source_object,
    warned_object,
    whole,
)
from labbook.report.parts import part_objects
from labbook.report.ranking import preferred_by_aicc
from labbook.report.reading import ingest_json, sniff_json
from labbook.report.words import KINDS
from labbook.scaling.values import Refusal
from labbook.summary import LadderView, RunView, Summary

__all__ = [
    "dumps", "error_json", "fit_json", "ingest_json", "ladders_json", "runs_json", "show_json", "sniff_json",
    "triage_json",
]  # fmt: skip


def dumps(value: object) -> str:
    """The value as JSON text in full precision, ASCII only; the same value gives the same text."""
    return json.dumps(finite(value), indent=2, ensure_ascii=True, allow_nan=False)


def finite(value: object) -> Any:
    """The value with plain Python numbers, and None for every number that is not finite."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    raise TypeError(f"no JSON for {type(value).__name__}")


def runs_json(summary: Summary) -> list[Object]:
    """`labbook runs --json`: one object per run."""
    return [{"schema": "labbook.runs/1", **_run(run)} for run in summary.runs]


def _run(run: RunView) -> Object:
    """What `runs` and `show` both say of a run."""
    return {
        "run_id": run.run_id,
        "name": run.name,
        "ladder": run.ladder,
        "format": run.formats[0] if run.formats else None,
        "state": run.state,
        "step": whole(run.step),
        "planned_steps": whole(run.planned_steps),
        "n_params": whole(run.n.value) if run.n else None,
        "n_kind": kind_of(run.n),
        "n_source": run.n.source if run.n else None,
        "tokens_seen": whole(run.tokens_seen.value) if run.tokens_seen else None,
        "d_source": run.tokens_seen.source if run.tokens_seen else None,
        "unique_tokens": whole(run.unique_tokens.value) if run.unique_tokens else None,
        "epochs": run.epochs,
        "loss": level_value(run.loss),
        "loss_unit": run.loss_unit,
        "loss_unit_source": run.unit_source or None,
        "loss_rule": run.loss_rule,
        "regime": run.regime.label if not isinstance(run.regime, Refusal) else None,
        "flags": [f.id for f in run.flags],
        "status": run.status,
        "frac": run.frac,
        "path": run.path,
        "formats": list(run.formats),
        "last_seen": run.last_seen,
        "n_how": run.n.how if run.n else None,
        "d_how": run.tokens_seen.how if run.tokens_seen else None,
        "unique_source": run.unique_tokens.source if run.unique_tokens else None,
        "train_loss": level_value(run.train),
        "val_loss": level_value(run.val),
        "role": run.role,
        "role_reason": run.role_reason or None,
        "residual": run.residual,
        "tokens_per_s": run.tokens_per_s,
        "sec_per_step": run.sec_per_step,
        "peak_lr": run.peak_lr,
        "seed": run.seed,
        "missing": list(run.missing),
        "advice": run.advice or None,
    }


def show_json(run: RunView) -> Object:
    """`labbook show --json`: one run with provenance, series, sources and issues."""
    counts = [*run.n_all, run.tokens_seen, run.unique_tokens, run.tokens_per_step]
    if run.n is not None and run.n not in run.n_all:
        counts.insert(0, run.n)
    return {
        "schema": "labbook.show/1",
        **_run(run),
        "counts": [count_object(c) for c in counts if c is not None],
        "level": level_object(run),
        "eta": eta_object(run.eta),
        "regime_detail": regime_object(run.regime),
        "flag_details": [flag_object(f) for f in run.flags],
        "recipe": dict(run.recipe),
        "series": [series_object(s) for s in run.series],
        "sources": [source_object(s) for s in run.sources],
        "issues": [
            {"code": code, "place": place or None, "text": text, "count": n}
            for code, place, text, n in run.issues
        ],
    }


def ladders_json(summary: Summary) -> list[Object]:
    """`labbook ladders --json`: grouping with its reasons."""
    return [{"schema": "labbook.ladders/1", **_ladder(view)} for view in summary.ladders]


def _ladder(view: LadderView) -> Object:
    return {
        "ladder": view.key,
        "name": view.name,
        "n": len(view.rungs),
        "recipe": dict(view.recipe),
        "reasons": list(view.reasons),
        "n_kind": KINDS.get(view.n_kind, view.n_kind),
        "d_reading": view.d_reading,
        "d_reason": view.d_reason,
        "loss_rule": view.loss_rule,
        "loss_unit": view.loss_unit,
        "loss_series": view.loss_series,
        "preferred": view.comparison.preferred if view.comparison is not None else None,
        "refused": refused_law(view.refused) if view.refused is not None else None,
        "rungs": [rung_object(r) for r in view.rungs],
        "replicates": [list(group) for group in view.replicates],
        "left_out": [left_out_object(x) for x in view.left_out],
        "warnings": [warned_object(w) for w in view.warnings],
    }


def fit_json(view: LadderView, law: str | None = None) -> Object:
    """`labbook fit --json`: every law of one ladder, or only `law`.

    Raises NotFoundError where the ladder has no such law.
    """
    comparison = view.comparison
    laws = laws_object(comparison)
    if law is not None and law not in laws:
        raise NotFoundError(f"no law {law!r} was fitted to {view.name}", f"fitted: {', '.join(laws) or 'none'}")
    gate = comparison.gate if comparison is not None else None
    return {
        "schema": "labbook.fit/1",
        **_ladder(view),
        "preferred_by": {
            "aicc": preferred_by_aicc(comparison) if comparison is not None else None,
            "holdout": comparison.preferred_by_holdout if comparison is not None else None,
        },
        "admitted": list(comparison.admitted) if comparison is not None else [],
        "seed_sd": comparison.seed_sd if comparison is not None else None,
        "digest": comparison.digest if comparison is not None else None,
        "gate": refused_law(gate) if gate is not None else None,
        "warnings": [warned_object(w) for w in all_warnings(view)],
        "method": _method(view),
        "laws": laws if law is None else {law: laws[law]},
        "alternatives": alternatives_object(view),
        **part_objects(view),
    }


def _method(view: LadderView) -> Object:
    """The method block; parameters stand under `laws` and are not repeated."""
    fit = view.preferred
    params = fit.params | fit.derived if fit is not None else {}
    return {json_key(key): value for key, value in method_rows(view) if key not in params}


def triage_json(summary: Summary) -> list[Object]:
    """`labbook triage --json`: the verdicts on each run, most severe first."""
    return [_triage(summary, run) for run in summary.runs]


def _triage(summary: Summary, run: RunView) -> Object:
    return {
        "schema": "labbook.triage/1",
        "run_id": run.run_id,
        "name": run.name,
        "as_of": {"seq": None, "time": summary.as_of},
        "engine_version": summary.version,
        "state": run.state,
        "status": run.status,
        "flags": [flag_object(f) for f in run.flags],
        "progress": {
            "step": whole(run.step),
            "planned": whole(run.planned_steps),
            "frac": run.frac,
            "tokens_seen": whole(run.tokens_seen.value) if run.tokens_seen else None,
            "unique_tokens": whole(run.unique_tokens.value) if run.unique_tokens else None,
            "epochs": run.epochs,
        },
        "eta": eta_object(run.eta),
        "level": level_object(run),
        "slope": {"nats_per_doubling": None, "se": None, "lr_frac": None},
        "forecast": forecast_object(run.forecast),
        "ladder": _on_ladder(run, summary.ladder(run.ladder)),
        "paired": None,
        "throughput": {
            "tokens_per_s": run.tokens_per_s,
            "now": None,
            "base": None,
            "ratio": None,
            "since_step": None,
        },
        "regime": regime_object(run.regime),
        "advice": run.advice or None,
    }


def _on_ladder(run: RunView, view: LadderView | None) -> Object:
    """Residual of a run on its ladder, or why there is none."""
    if view is None:
        return {"refused": "no-ladder", "reason": run.role_reason or "The run is in no ladder."}
    if run.residual is None:
        reason = run.role_reason or (view.refused.text if view.refused else "No law gives a residual here.")
        return {"refused": "no-residual", "reason": reason}
    D = run.unique_tokens if view.d_reading == "unique" else run.tokens_seen
    return {
        "resid_pct": 100 * math.expm1(run.residual) if run.residual < 700 else None,
        "z": None,
        "n_rungs": len(view.rungs),
        "at_tokens": whole(D.value) if D is not None else None,
    }


def error_json(error: LabbookError) -> Object:
    """The one object on stderr when a command fails under `--json`."""
    return {
        "schema": "labbook.error/1",
        "error": error.message,
        "hint": error.hint or None,
        "kind": type(error).__name__,
        "exit_code": int(error.exit_code),
    }
