"""What `labbook plan --json` prints: `schemas/json/plan.schema.json`."""

from __future__ import annotations

from labbook.planning import PlanView
from labbook.report.method import json_key, method_rows
from labbook.report.next_runs import next_object
from labbook.report.objects import Object, refused_law, warned_object
from labbook.report.plan import plan_method
from labbook.scaling.planned import Allocation, Beside, Estimate, Forecast, OneResource, Plan, Serving


def plan_json(found: PlanView) -> Object:
    """One ladder's plan; `refused` says why there is no allocation."""
    view, answer = found.ladder, found.answer
    head: Object = {
        "schema": "labbook.plan/1",
        "ladder": view.key,
        "name": view.name,
        "n": len(view.rungs),
        "n_kind": view.n_kind,
        "d_reading": view.d_reading,
        "c_convention": "6ND",
        "loss_unit": view.loss_unit,
        "budget": found.budget,
        "passes": found.passes,
        "flops_per_gpu": found.rate,
        "level": 0.9,
    }
    body = _refused(answer) if isinstance(answer, OneResource) else _plan(found, answer)
    method = [*method_rows(view, plan_method(found))]
    return {
        **head,
        **body,
        "warnings": [warned_object(w) for w in answer.warnings],
        "digest": answer.digest,
        "method": {json_key(key): value for key, value in method},
    }


def _plan(found: PlanView, answer: Plan) -> Object:
    return {
        "refused": None,
        "given": answer.given,
        "amount": answer.amount,
        "laws": [_allocation(found, x) for x in answer.laws],
        "pooled": _allocation(found, answer.pooled),
        "left_out": answer.left_out,
        "here": _forecast(found, answer.here),
        "beside": [_beside(x) for x in answer.beside],
        "published": [_beside(x) for x in answer.published],
        "frontier": [_allocation(found, x) for x in answer.frontier],
        "at": None if answer.at is None else _forecast(found, answer.at),
        "served": answer.served,
        "serving": [_serving(x) for x in answer.serving],
        "next_runs": next_object(answer.next_runs),
        "one_resource": None,
    }


def _refused(answer: OneResource) -> Object:
    return {
        "refused": refused_law(answer.refused),
        "one_resource": None
        if answer.loss is None
        else {
            "law": answer.law,
            "equation": answer.equation,
            "N": answer.N,
            "D": answer.D,
            "C": answer.C,
            "loss": _estimate(answer.loss),
        },
    }


def _estimate(x: Estimate) -> Object:
    return {"value": x.value, "interval": None if x.interval is None else list(x.interval)}


def _allocation(found: PlanView, x: Allocation) -> Object:
    return {
        "law": x.law,
        "C": _estimate(x.C),
        "N": _estimate(x.N),
        "D": _estimate(x.D),
        "tokens_per_param": _estimate(x.ratio),
        "loss": _estimate(x.loss),
        "gpu_hours": found.hours(x.C.value),
    }


def _forecast(found: PlanView, x: Forecast) -> Object:
    return {
        "N": x.N,
        "D": x.D,
        "C": x.C,
        "gpu_hours": found.hours(x.C),
        "loss": _estimate(x.loss),
        "by_law": {law: _estimate(loss) for law, loss in x.by_law.items()},
        "excess": _estimate(x.excess),
        "gains": {
            gain.of: {
                "pooled": _estimate(gain.pooled),
                "by_law": {law: _estimate(each) for law, each in gain.by_law.items()},
            }
            for gain in x.gains
        },
        "factor_N": x.factor_N,
        "factor_D": x.factor_D,
        "factor_C": x.factor_C,
        "warnings": [warned_object(w) for w in x.warnings],
    }


def _beside(x: Beside) -> Object:
    return {
        "name": x.name,
        "N": x.N,
        "D": x.D,
        "excess": _estimate(x.excess),
        "by_law": x.by_law,
        "note": x.note or None,
    }


def _serving(x: Serving) -> Object:
    return {
        "law": x.law,
        "N": _estimate(x.N),
        "D": _estimate(x.D),
        "loss": _estimate(x.loss),
        "training_flop": x.training,
        "serving_flop": x.serving,
        "saving": x.saving,
    }
