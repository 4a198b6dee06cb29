"""Boards, cards, ladders and laws as text: whole outputs, widths, colour and ASCII."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from labbook.errors import UsageError
from labbook.logs.given import check_given
from labbook.report.board import board, runs_table
from labbook.report.card import answers, card
from labbook.report.cells import cell_width
from labbook.report.json import dumps, fit_json, runs_json, show_json, triage_json
from labbook.report.ladder import ladder_text, ladders_table, laws_text
from labbook.report.words import SUPPLY
from labbook.scaling.values import Refusal
from labbook.summary import Flag, Level, RunView, Summary
from tests.report import values
from tests.report.golden import check_golden

ANSI = re.compile(r"\x1b\[[0-9;]*m")

Render = Callable[[Summary, int, bool, bool], str]


def all_cards(s: Summary, width: int, color: bool, ascii: bool) -> str:  # noqa: A002
    """The card of every run."""
    return "\n".join(card(r, s.ladder(r.ladder), width, color, ascii, as_of=s.as_of) for r in s.runs)


def all_ladders(s: Summary, width: int, color: bool, ascii: bool) -> str:  # noqa: A002
    """Every ladder with its laws."""
    return "\n".join(
        ladder_text(v, width, color, ascii) + "\n" + laws_text(v, width, color, ascii) for v in s.ladders
    )


RENDERS: dict[str, Render] = {
    "board": lambda s, w, c, a: board(s, w, c, None, a),
    "runs": lambda s, w, c, a: runs_table(s, w, c, None, a),
    "cards": all_cards,
    "ladders": lambda s, w, c, a: ladders_table(s, w, c, a),
    "laws": all_ladders,
}
SUMMARIES = {"ordinary": values.summary(), "hostile": values.hostile(), "nothing": values.nothing()}

each_render = pytest.mark.parametrize("render", RENDERS.values(), ids=RENDERS)
each_summary = pytest.mark.parametrize("summary", SUMMARIES.values(), ids=SUMMARIES)


@each_render
@each_summary
def test_no_line_is_wider_than_asked(summary: Summary, render: Render) -> None:
    """At every width from 60 to 160, in Unicode and ASCII, with the same words in colour."""
    for width in range(60, 161):
        plain = render(summary, width, False, False)
        widest = max(map(cell_width, plain.splitlines()), default=0)
        assert widest <= width
        assert max(map(len, render(summary, width, False, True).splitlines()), default=0) <= width


@each_render
@each_summary
def test_colour_only_repeats_words(summary: Summary, render: Render) -> None:
    """Without its colours a coloured text is the plain text; a plain one holds no escape sequence."""
    plain, coloured = render(summary, 100, False, False), render(summary, 100, True, False)
    stripped = "\n".join(line.rstrip() for line in ANSI.sub("", coloured).splitlines())
    assert stripped == "\n".join(plain.splitlines())
    assert "\x1b" not in plain


@each_render
@each_summary
def test_ascii_text_is_ascii_and_as_wide(summary: Summary, render: Render) -> None:
    """The fall-back keeps every cell in its place."""
    plain, ascii_text = render(summary, 90, False, False), render(summary, 90, False, True)
    assert ascii_text.isascii()
    assert list(map(cell_width, plain.splitlines())) == list(map(len, ascii_text.splitlines()))


@each_render
def test_same_values_same_text(render: Render) -> None:
    """Nothing but the values decides the text."""
    assert render(values.hostile(), 80, True, False) == render(values.hostile(), 80, True, False)


@pytest.mark.parametrize("width", [60, 78, 120])
def test_board_golden(width: int) -> None:
    """The board of an ordinary notebook; narrow terminals lose columns, wide ones get more."""
    check_golden(f"report_board_{width}.txt", board(values.summary(), width))


def test_runs_golden() -> None:
    """The table of runs, and the hostile board."""
    check_golden("report_runs.txt", runs_table(values.summary(), 100))
    check_golden("report_board_hostile.txt", board(values.hostile(), 78))


@pytest.mark.parametrize("i", range(5))
def test_card_golden(i: int) -> None:
    """The page of a broken, a live, a finished, a left-out and an unknown run."""
    run = values.summary().runs[i]
    view = values.summary().ladder(run.ladder)
    check_golden(f"report_card_{run.name}.txt", card(run, view, 78, as_of=values.NOW))


def test_ladder_golden() -> None:
    """Grouping, one ladder, and its laws."""
    check_golden("report_ladders.txt", ladders_table(values.summary(), 78))
    check_golden("report_ladder.txt", ladder_text(values.ladder(), 78))
    check_golden("report_laws.txt", laws_text(values.ladder(), 78))
    check_golden("report_laws_refused.txt", laws_text(values.hostile().ladders[1], 78))


def test_json_golden() -> None:
    """What scripts read, in full."""
    s = values.summary()
    check_golden("report_runs.json", dumps(runs_json(s)))
    check_golden("report_show.json", dumps(show_json(s.runs[2])))
    check_golden("report_fit.json", dumps(fit_json(s.ladders[0])))
    check_golden("report_triage.json", dumps(triage_json(s)))


def test_narrow_board_keeps_state_run_and_loss() -> None:
    """What may go goes in a fixed order; state, run, progress and loss stay at any width."""
    heading = board(values.summary(), 40).split("\n\n")[1].splitlines()[0].split()
    assert heading[:4] == ["state", "run", "done", "loss"]
    wide = board(values.summary(), 140).split("\n\n")[1].splitlines()[0].split()
    assert wide == ["state", "run", "done", "loss", "end", "tok/s", "ETA", "N", "D", "regime", "flags"]


def test_board_says_how_to_supply_what_is_missing() -> None:
    """A command with the run's name quoted for a shell, and dots where only a person knows the figure."""
    runs = (values.bare_run("my run's", missing=("N", "planned steps")),)
    foot = " ".join(board(values.summary(runs=runs), 160).split())
    assert """labbook set 'my run'"'"'s' n=... planned_steps=...""" in foot
    with pytest.raises(UsageError):
        check_given("n", "...")


@pytest.mark.parametrize("word", SUPPLY.values())
def test_a_suggested_value_that_is_pasted_is_refused(word: str) -> None:
    """Nothing labbook suggests can end up in the notebook as if it were known."""
    key, _, value = word.partition("=")
    with pytest.raises(UsageError):
        check_given(key, value)


def test_the_command_names_the_ladder_only_where_no_other_run_is_in_it() -> None:
    """Setting a whole ladder would overwrite what its other runs already know."""
    lacking = [values.run(f"r{i}", missing=("unique tokens",)) for i in range(3)]
    whole = board(values.summary(runs=tuple(lacking)), 200)
    assert "labbook set L1 unique_tokens=..." in whole
    mixed = board(values.summary(runs=(*lacking, values.run("full"))), 200)
    assert "labbook set r0 unique_tokens=..." in mixed
    two = board(values.summary(runs=(*lacking[:2], values.run("full"))), 200)
    assert "labbook set r0 r1 unique_tokens=..." in two
    twins = (values.run("r", run_id="id-1", missing=("N",)), values.run("r", run_id="id-2"))
    assert "labbook set id-1 n=..." in board(values.summary(runs=twins), 200)


def test_the_gap_between_the_losses_is_of_one_step() -> None:
    """A validation minimum of step 1500 of 10000 less the training loss at the end is no gap."""
    assert "val - train .133" in said(values.run(train=at(1520.0)))["data"]
    for train in (at(10_000.0), at(1532.0), at(None)):
        assert "val - train" not in said(values.run(train=train))["data"]


def said(run: RunView, width: int = 110) -> dict[str, str]:
    """Answers by their heading."""
    return dict(answers(run, values.ladder(), width, values.NOW))


def at(step: float | None) -> Level:
    """A training loss of that step."""
    return Level(1.1012, 0.003, "train", "mean_last_5pct", step, 100)


def test_the_card_says_what_the_error_of_a_loss_is() -> None:
    """One reading has noise, a mean a standard error; narrow cards shorten it, the board has none."""
    wide = said(values.run())["loss now"]
    assert wide == "1.2345 +- .0012 noise of one reading nats/byte (val, min_val at step 1500); train 1.1012"
    assert said(values.run(), 72)["loss now"].startswith("1.2345 +- .0012 noise nats/B (val")
    assert "+- .003 standard error" in said(values.run(val=None))["loss now"]
    assert "noise" not in board(values.summary(), 160)


def test_a_state_that_says_it_all_is_said_once() -> None:
    """Neither `failed: failed` nor `failed failed`; the log's own line is kept."""
    for state in ("failed", "cancelled", "diverged"):
        run = values.run(state=state, frac=0.5, flags=(Flag(state, "crit", f"{state}: exit code 1"),))
        text = card(run, None, 100)
        assert text.count(f"{state} (crit): exit code 1") == 2, "the answer and the list of flags"
        assert f"alive     {state}, step" in text
        assert not re.search(rf"{state}\W+{state}", text)
        assert board(values.summary(runs=(run,)), 120).split("\n\n")[1].count(state) == 1
    assert said(values.run(flags=(Flag("failed", "crit", "failed"),)))["broken"] == "failed (crit)"


def test_a_finished_run_says_how_many_steps_were_logged() -> None:
    """1561 of 1562 is neither 100 % nor unfinished."""
    run = values.run(step=1561.0, frac=1561 / 1562)
    assert said(run)["alive"].startswith("done: finished, 1561 of 1562 steps logged, last progress")
    assert "99%" in board(values.summary(runs=(run,)), 100)
    assert "(100%)" in said(values.run())["alive"]


def test_parameters_of_an_unknown_kind_are_a_sentence() -> None:
    """Not `of unknown kind parameters`."""
    assert "- N: parameters of an unknown kind\n" in ladder_text(values.ladder(n_kind="n_other"), 100)


def test_a_run_of_many_series_lists_the_known_ones_and_some_others() -> None:
    """Eighty series: losses first, sixteen more that can be told apart, and how many are left."""
    names = [
        f"gradients/model.layers.{i}.attn.{q}_proj.weight.norm_over_ranks" for i in range(19) for q in "qkvo"
    ]
    row = values.run().series[0]
    series = tuple(
        replace(row, name=n) for n in (*names[:70], "train", "val:c4", "lr", "perf/step_ms", *names[70:])
    )
    run = values.run("my run", series=series)
    text = card(run, None, 78).split("Series\n")[1].split("\n\n")[0].splitlines()
    assert [x.split()[0] for x in text[1:5]] == ["train", "val:c4", "lr", "perf/step_ms"]
    assert len({x.split()[0] for x in text[5:-1]}) == 16
    assert text[-1] == "and 60 more series (labbook show 'my run' --json)"
    assert "more series" not in card(values.run(), None, 78)
    assert len(show_json(run)["series"]) == 80


def test_residuals_say_what_they_are_relative_to() -> None:
    """A variant is off its ladder's law by one figure and off the best learning rate by another."""
    text = ladder_text(values.ladder(), 78)
    assert "resid % of the law kaplan" in text
    assert re.search(r"loss +resid % of the law +code", text)
    assert "+0.42 % against kaplan" in said(values.run())["ladder"]


def test_an_assumed_unit_is_said_to_be_assumed() -> None:
    """On the card, and in the board's header for all runs or some; a unit the log states has no note."""
    guess = values.run("a", unit_source="assumed", loss_unit="nats/token")
    stated = values.run("b", unit_source="given", loss_unit="nats/token")
    for width in (68, 110):
        assert "nats/token (unit assumed)" in said(guess, width)["loss now"]
    assert "train 1.1012" in said(guess, 68)["loss now"]
    assert "loss in nats/token (assumed);" in board(values.summary(runs=(guess,)), 120)
    assert "loss in nats/token (assumed in 1 run);" in board(values.summary(runs=(guess, stated)), 120)
    assert "assumed" not in board(values.summary(runs=(stated,)), 120) + card(stated, None, 120)
    assert "assumed" not in said(values.run(unit_source="assumed", loss_unit="other"))["loss now"]


def test_board_names_units_where_runs_differ() -> None:
    """One unit stands in the heading; two stand beside each loss."""
    one = values.run("a")
    mixed = board(values.summary(runs=(one, values.run("b", loss_unit="bits/byte"))), 100)
    assert "loss in" not in mixed
    assert "nats/B" in mixed and "bits/B" in mixed
    assert "loss in nats/byte" in board(values.summary(runs=(one,)), 100)


def test_board_limit_says_what_it_hides() -> None:
    """Rows beyond the limit are counted."""
    text = board(values.summary(), 78, limit=2)
    assert "and 3 more runs" in text
    assert "d128-D1.6M" not in text


def test_progress_is_never_rounded_up() -> None:
    """99.96 % of the plan is not done."""
    text = board(values.summary(runs=(values.live(frac=0.9996),)), 100)
    assert " 99%" in text and "100%" not in text


def test_stale_board_says_so() -> None:
    """The last known board is marked with its age and as stale."""
    text = board(values.summary(stale=True), 78)
    assert "last known board" in text and "as of 2026-09-21 14:13 UTC" in text


def test_answers_are_one_line_each() -> None:
    """Ten answers in the order of the questions, none wider than asked."""
    for s in SUMMARIES.values():
        for run in s.runs:
            said = answers(run, s.ladder(run.ladder), 68, s.as_of)
            assert [label for label, _ in said] == [
                "alive", "broken", "done when", "speed", "loss now", "ends at", "data", "ladder", "limits",
                "do",
            ]  # fmt: skip
            assert all(cell_width(text) <= 68 and "\n" not in text for _, text in said)


def test_card_shows_provenance_of_every_count() -> None:
    """Kind, value, how, digits and source of each N and D, C from them; what the ladder uses is marked."""
    text = card(values.run(), values.ladder(), 120)
    rows = {line.split("  ")[0]: line for line in text.splitlines()}
    assert "393216" in rows["N, non-embedding *"] and "config" in rows["N, non-embedding *"]
    assert " 2  line 15: number of parameters: 0.42M" in rows["N, total"]
    assert "unique tokens *" in rows and "tokens seen" in rows
    assert "6 N x tokens" in rows["C, FLOP *"]


def test_unknown_figures_print_no_zero() -> None:
    """A run of which nothing is known shows dashes and reasons, never 0."""
    text = card(values.bare_run(), None, 78)
    assert not re.search(r"\b0\b", text.split("Where")[0].split("id-")[1].split("\n", 1)[1])
    assert "in no ladder" in text and "planned steps unknown" in text


def test_laws_text_holds_full_figures_and_reasons() -> None:
    """Six significant digits with intervals, AICc difference, hold-out, refusals with their remedy."""
    text = " ".join(laws_text(values.ladder(), 110).split())
    for words in (
        "alpha_N 0.0761235 [0.0685111, 0.0837358]",
        "-80.1 35.2 0.95 1.3 converged",
        "no interval: at a bound",
        "general: six rungs for six parameters; two more sizes.",
        "power: did not converge",
        "short-range: Less than one decade of N",
        "data-limited -> balanced: d128-D1.6M",
        "no verdict would change",
    ):
        assert words in text


def test_a_gate_replaces_the_verdicts() -> None:
    """Where no regime can be given the reason and the run that would settle it stand instead."""
    view = values.ladder(comparison=values.comparison(gate=values.GATE))
    text = " ".join(laws_text(view, 78).split())
    assert "inconclusive: one D per N (corr .97); 124M at 3x tokens would separate N and D." in text
    assert "2x tokens" not in text


def test_a_refused_ladder_prints_sentence_and_remedy() -> None:
    """No fit: why, and what to try."""
    refused = Refusal("too-few-rungs", "Three rungs for four parameters.", "Two more sizes.")
    text = laws_text(values.ladder(comparison=None, refused=refused), 78)
    assert "Three rungs for four parameters. Two more sizes." in text
    assert "being computed" in laws_text(values.ladder(comparison=None), 78)


def test_left_out_runs_show_code_reason_and_residual() -> None:
    """Every left-out run is named with why, and how far off it is where that is known."""
    text = ladder_text(values.ladder(), 78)
    assert re.search(r"d128-D1.6M-lr30x .*\+53\.73 +lr-variant", text)
    assert "- d128-D1.6M-lr30x: peak LR 0.09, a lower loss at 0.003" in text


def test_loners_are_listed_with_their_reason() -> None:
    """A run in no ladder is not lost."""
    s = values.summary()
    s = replace(s, runs=(*s.runs[:-1], replace(s.runs[-1], role_reason="no-params: N is not known")))
    assert "found-somewhere: no-params: N is not known" in ladders_table(s, 78)


def test_reports_import_nothing_heavy() -> None:
    """`labbook runs` prints its table without numpy, duckdb, scipy, textual, rich or plotext."""
    code = (
        "import sys, labbook.report, labbook.report.board, labbook.report.card, labbook.report.json, "
        "labbook.report.ladder, labbook.report.verdict\n"
        "heavy = {'numpy', 'duckdb', 'scipy', 'textual', 'rich', 'plotext'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
