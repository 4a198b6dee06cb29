"""What the report says of repeated data: a range beside every worth, or the reason why there is none."""

import json
from dataclasses import replace

from labbook.report.repeated import TITLE, objects, section
from labbook.report.section import section_lines, section_markdown
from labbook.scaling.values import FitStatus, Refusal, RepeatedFit, Warned
from labbook.summary import LadderView
from tests.report.values import ladder

FIT = RepeatedFit(
    n=24,
    n_repeated=16,
    params={"E": 1.87, "A": 520.8, "B": 1487.0, "alpha": 0.35, "beta": 0.35, "R_D": 6.02, "R_N": 4.4},
    held=(),
    intervals={"R_D": (4.1, 9.7), "R_N": (0.2, 1e4), "worth at 2": (1.89, 1.95), "worth at 44": (5.1, 10.6)},
    rms_log=0.0042,
    objective="huber:0.001",
    objective_value=1.25e-5,
    status=FitStatus.UNIDENTIFIED,
    worth=((2.0, 1.92), (44.0, 7.01)),
    draws=400,
    failed=3,
    seed="ab12",
    warnings=(Warned("repeat-constants-unidentified", "R_N* is not determined by these runs: 0.2 to 1e+04."),),
)


def view(repeated: RepeatedFit | Refusal | None) -> LadderView:
    """A ladder with that answer."""
    return ladder(repeated=repeated)


def test_each_worth_stands_beside_its_range() -> None:
    """Epochs, worth and interval in a table; both constants, the runs and every warning in words."""
    lines = section_lines(section(view(FIT)), 78, False)
    text = " ".join(" ".join(lines).split())
    assert all(len(line) <= 78 for line in lines)
    assert lines[1] == TITLE
    assert "44 7.01 [5.1, 10.6]" in text
    assert "R_D* 6.02 [4.1, 9.7], R_N* 4.4 [0.2, 1e4]" in text
    assert "24 runs, 16 of more than one epoch; all fitted, alpha = beta; huber:0.001, rms 0.42 % of L" in text
    assert "repeat-constants-unidentified: R_N* is not determined by these runs: 0.2 to 1e+04." in text


def test_held_parameters_and_few_runs_are_said() -> None:
    """What was not fitted is named, and that a bootstrap of so few runs claims too much."""
    few = replace(FIT, n=9, held=("E", "A", "B", "alpha", "beta"))
    text = " ".join(section_markdown(section(view(few))))
    assert "E, A, B, alpha, beta held" in text
    assert "covers less than the 95 % it claims" in text
    apart = replace(FIT, params={**FIT.params, "beta": 0.3})
    assert "alpha and beta apart" in " ".join(section_markdown(section(view(apart))))


def test_without_a_fit_there_is_a_reason_and_no_number() -> None:
    """A refusal in its words, a fit without an optimum as that, and no part where no data was repeated."""
    refused = section(view(Refusal("no-unique-tokens", "Unique tokens are not known for a.", "supply them")))
    assert refused is not None
    assert (list(refused.texts), list(refused.rows)) == (
        ["Unique tokens are not known for a; supply them."],
        [],
    )
    lost = section(view(replace(FIT, status=FitStatus.NOT_CONVERGED)))
    assert lost is not None
    assert not lost.rows
    assert "6.02" not in " ".join(lost.texts)
    assert section(view(None)) is None


def test_the_object_carries_full_precision() -> None:
    """Every figure as it is, and an interval that is not there as null."""
    found = json.loads(json.dumps(objects(view(FIT))))
    assert found["params"] == FIT.params
    assert found["worth"][1] == {"epochs": 44.0, "worth": 7.01, "interval": [5.1, 10.6]}
    assert found["intervals"] == {"R_D": [4.1, 9.7], "R_N": [0.2, 1e4]}
    assert found["status"] == "unidentified"
    assert objects(view(None)) is None
    refused = objects(view(Refusal("no-repeated-rungs", "No run repeats its data.")))
    assert refused is not None
    assert refused["refused"] == "no-repeated-rungs"
