"""The plan as text and as JSON: every figure has its interval, a refusal says why, the schema holds."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import jsonschema
import numpy as np
import pytest

from labbook.errors import FitError, UsageError
from labbook.planning import PlanView, Request, plan_ladder
from labbook.report.cells import cell_width
from labbook.report.figures import loss_figure
from labbook.report.json import dumps
from labbook.report.next_runs import next_section, objects, section
from labbook.report.plan import hours_word, plan_text, ratio_word, small
from labbook.report.plan_json import plan_json
from labbook.resources import resource_dir
from labbook.scaling.compare import compare
from labbook.scaling.planned import OneResource, Plan
from labbook.scaling.values import NextRuns, Refusal
from labbook.summary import LadderView
from tests.report import values
from tests.scaling.ladders import SIZES, TRUTH, Ladder, cross, plant

ASKED = Request(flops=1e22, flops_per_gpu=4e14, at=(3e9, 5e11), served=1e12)
FLOOR = {"E": 1.5, "N_c": 1e9, "D_c": 5e10, "alpha_N": 0.3, "alpha_D": 0.25}


def view_of(rungs: Ladder, passes: float = 1.0) -> LadderView:
    """A ladder of those rungs, their data passed over so many times."""
    rows = [
        replace(values.rung(f"run{i}", N, D, loss, "balanced"), C=6.0 * N * D * passes)
        for i, (N, D, loss) in enumerate(zip(*map(list, rungs), strict=True))
    ]
    return values.ladder(rungs=tuple(rows), comparison=compare(*rungs), d_reading="unique")


@cache
def planned() -> PlanView:
    """20 rungs, every option asked for."""
    rungs = plant("kaplan-floor", FLOOR, *cross(SIZES, (5.0, 20.0, 80.0, 320.0)), noise=0.003, seed=3)
    return plan_ladder(view_of(rungs), ASKED)


@cache
def refused() -> PlanView:
    """D = 20 N."""
    N = np.geomspace(2e7, 2e9, 7)
    rungs = plant("chinchilla", TRUTH, N, 20.0 * N, noise=0.001)
    return plan_ladder(view_of(rungs), Request(flops=1e21))


def test_the_text_says_every_figure_with_its_interval() -> None:
    """The pooled optimum, both readings, hours, serving, papers and where the plan came from."""
    found = planned()
    text = plan_text(found, width=120)
    assert isinstance(found.answer, Plan)
    pooled = found.answer.pooled
    low, high = pooled.loss.interval or (0.0, 0.0)
    assert f"{loss_figure(pooled.loss.value)}  [{loss_figure(low)}, {loss_figure(high)}]" in text
    assert "C = 1.00e22 FLOP (given as FLOP)" in text
    assert "N: parameters without embeddings and head; D: unique tokens" in text
    assert "published-constants: constants of papers, not fitted to these runs" in text
    assert f"{hours_word(found.hours(1e22))} GPU-hours" in text
    assert "At N = 3B, D = 500B" in text
    assert "To serve 1T tokens" in text
    assert "Wanted: ln rho at 1.6B, 512B" in text
    assert f"data digest: sha256 {found.answer.digest}" in text
    assert all(law in text for law in found.ladder.comparison.admitted)  # type: ignore[union-attr]


@pytest.mark.parametrize("width", [60, 78, 120])
def test_lines_keep_their_width(width: int) -> None:
    """In every part, and the refusal."""
    for found in (planned(), refused()):
        assert max(map(cell_width, plan_text(found, width).splitlines())) <= width


def test_a_refusal_says_why_and_what_is_known() -> None:
    """The reason, the run that would help, and the loss by compute alone with its interval."""
    found = refused()
    assert isinstance(found.answer, OneResource)
    text = " ".join(plan_text(found, width=200).split())
    assert "No allocation: one D per N (corr 1.00). One run at" in text
    assert "By compute alone, L(C) = E + k C^-c, C = 6ND" in text
    assert found.answer.loss is not None
    assert loss_figure(found.answer.loss.value) in text
    assert "Least loss by law" not in text


def test_ascii_is_ascii() -> None:
    """For a locale that shows nothing else."""
    assert plan_text(planned(), ascii=True).isascii()


def test_json_is_what_its_schema_says() -> None:
    """A plan, a bare plan, a refusal and several; full precision."""
    schema = json.loads((resource_dir("schemas") / "json" / "plan.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    bare = plan_ladder(planned().ladder, Request(tokens=1e11))
    printed = [json.loads(dumps(plan_json(found))) for found in (planned(), bare, refused())]
    for body in (*printed, printed):
        jsonschema.Draft202012Validator(schema).validate(body)
    full, plain, without = printed
    answer = planned().answer
    assert isinstance(answer, Plan)
    assert full["pooled"]["N"]["value"] == answer.pooled.N.value
    assert full["pooled"]["gpu_hours"] == pytest.approx(1e22 / 4e14 / 3600.0)
    assert full["passes"] is None
    assert (plain["at"], plain["serving"], plain["given"]) == (None, [], "tokens")
    assert without["refused"]["code"] == "n-d-confounded"
    assert "pooled" not in without
    incomplete = {key: value for key, value in full.items() if key != "frontier"}
    assert not jsonschema.Draft202012Validator(schema).is_valid(incomplete)


def test_the_next_runs_are_a_part_of_a_ladders_report() -> None:
    """From the view, as a section and as an object; nothing where nothing was worked out."""
    answer = planned().answer
    assert isinstance(answer, Plan)
    assert isinstance(answer.next_runs, NextRuns)
    view = replace(planned().ladder, next_runs=answer.next_runs)
    part = section(view)
    assert part is not None
    assert part.rows[0][0] == "best"
    assert [row[0] for row in part.rows[-2:]] == ["most a FLOP", "best beyond"]
    assert len(part.rows) == 7
    found = objects(view)
    assert found is not None
    assert found["best"]["N"] == answer.next_runs.best.N
    assert len(found["candidates"]) == len(answer.next_runs.candidates)
    assert section(planned().ladder) is None
    assert objects(planned().ladder) is None
    told = next_section(Refusal("no-candidate", "No run within the cap is new", "A larger cap."))
    assert told is not None
    assert told.texts == ["No run within the cap is new. A larger cap."]


def test_a_fit_out_of_the_notebook_plans_the_same() -> None:
    """Fits that carry their values only are made again."""
    view = planned().ladder
    assert view.comparison is not None
    stored = {name: replace(fit, handle=None) for name, fit in view.comparison.fits.items()}
    again = plan_ladder(replace(view, comparison=replace(view.comparison, fits=stored)), ASKED)
    assert again.answer == planned().answer


def test_data_passed_over_again_is_said_and_what_needs_the_compute_spent_refused() -> None:
    """C of unique tokens is one pass: hours and serving would be weighed against a part of the cost."""
    rungs = plant("chinchilla", TRUTH, *cross(SIZES[:3], (5.0, 40.0, 320.0)), noise=0.003)
    view = view_of(rungs, passes=3.0)
    text = " ".join(plan_text(plan_ladder(view, Request(flops=1e21))).split())
    assert "passed over them 3 times (median)" in text
    assert "They divide the compute spent, which this C is not." in text
    for asked, said in (
        (Request(gpu_hours=3.0, flops_per_gpu=4e14), "GPU-hours buy the compute spent"),
        (Request(flops=1e21, served=1e12), "Serving is weighed against the compute spent"),
    ):
        with pytest.raises(UsageError, match=said):
            plan_ladder(view, asked)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request(flops=1e20, tokens=1e9), "one budget at a time, not --flops and --tokens"),
        (Request(gpu_hours=10.0), "--gpu-hours needs the speed of a GPU"),
        (Request(gpu_hours=1.0, flops_per_gpu=1e15, throughput=(1e4, 1e9)), "say the same twice"),
        (Request(utilisation=0.4), "--utilisation is a share of"),
        (Request(flops_per_gpu=1e15, utilisation=1.4), "is no share"),
    ],
)
def test_contradictions_are_refused(request_: Request, said: str) -> None:
    """One line each."""
    with pytest.raises(UsageError, match=said):
        plan_ladder(planned().ladder, request_)


def test_a_ladder_without_fits_is_an_error() -> None:
    """Its own refusal and remedy."""
    few = Refusal("too-few-rungs", "1 finished rungs: no fit", "finish more runs")
    with pytest.raises(FitError, match="1 finished rungs"):
        plan_ladder(values.ladder(comparison=None, refused=few), ASKED)


def test_hours_are_flop_over_the_achieved_rate() -> None:
    """A peak with its utilisation, and a throughput at a size, 6N a token."""
    for asked in (
        Request(gpu_hours=100.0, flops_per_gpu=1e15, utilisation=0.4),
        Request(gpu_hours=100.0, throughput=(4e14 / 6e9, 1e9)),
    ):
        found = plan_ladder(planned().ladder, asked)
        assert isinstance(found.answer, Plan)
        assert found.answer.amount == pytest.approx(100.0 * 3600.0 * 4e14)
        assert found.hours(found.answer.amount) == pytest.approx(100.0)


def test_figures_say_no_more_than_is_known() -> None:
    """Ratios without an exponent, losses too small to tell, hours."""
    assert [ratio_word(x) for x in (7.41, 74.16, 1539.6)] == ["7.41", "74.2", "1540"]
    assert [small(x) for x in (0.0, 5e-5, 0.0123)] == ["<.0001", "<.0001", ".012"]
    assert [hours_word(x) for x in (None, 0.3141, 5000.0)] == ["", "0.314", "5000"]
