"""Detectors on published curves (science.md 11.2); skipped where the reference data is absent."""

import csv
import re
from collections import defaultdict

import numpy as np
import pytest

from labbook.triage import Evidence, find_flags


def _table(path):
    return np.genfromtxt(path, delimiter=",", names=True)


def _runs(path, key, x, y, *more):
    rows = defaultdict(list)
    with path.open() as handle:
        for row in csv.DictReader(handle):
            rows[tuple(row[k] for k in key)].append([float(row[k]) for k in (x, y, *more)])
    return {name: np.array(sorted(values)) for name, values in rows.items()}


def _megatron(path):
    """(step, learning rate, lm loss, nan iterations) of each logged row."""
    row = re.compile(r" iteration +(\d+)/.*learning rate: (\S+).*lm loss: (\S+).*nan iterations: +(\d+)")
    return np.array(
        [[float(x) for x in m.groups()] for m in map(row.search, path.read_text().splitlines()) if m]
    )


def test_k2_65b_has_two_spikes_and_never_diverged(reference, curve):
    """Both jumps to 7.8 and more at once, the second as a warning, at most two other episodes."""
    rows = _table(reference / "colpret" / "k2_65b_loss.csv")
    flags = find_flags(Evidence(train=curve(rows["step"], rows["loss"]), now=1.0))
    high = [f for f in flags if f.value > 7.7]
    assert {f.id for f in flags} == {"spike"}
    assert [f.severity for f in high] == ["info", "warn"]
    assert [f.since_step for f in high] == pytest.approx([187680000, 307305600], abs=2e5)
    assert all(f.cleared_step for f in flags)
    assert len(flags) - 2 <= 2


def test_k2_65b_jumps_are_told_at_once(reference, curve):
    """With the very line that jumps as the last of the log."""
    rows = _table(reference / "colpret" / "k2_65b_loss.csv")
    for at in np.flatnonzero(rows["loss"] > 7.7)[-2:]:
        flags = find_flags(Evidence(train=curve(rows["step"][: at + 1], rows["loss"][: at + 1]), now=1.0))
        assert flags[-1].value == rows["loss"][at]


def test_olmo_ladder_is_healthy(reference, curve):
    """30 finished runs, validation losses with their learning rate."""
    runs = _runs(reference / "olmo_ladder" / "curves.csv", ["run"], "step", "c4_loss", "lr")
    told = {
        k: find_flags(Evidence(val=curve(v[:, 0], v[:, 1], "val"), lr=curve(v[:, 0], v[:, 2], "lr"), now=1.0))
        for k, v in runs.items()
    }
    assert len(told) == 30
    assert not any(told.values())


def test_multi_power_curves_are_healthy(reference, curve):
    """27 smoothed training curves under nine schedules."""
    paths = sorted((reference / "multi_power_law").glob("*/*.csv"))
    tables = [_table(path) for path in paths]
    told = [
        find_flags(Evidence(train=curve(t["step"], t["loss"]), lr=curve(t["step"], t["lr"], "lr"), now=1.0))
        for t in tables
    ]
    assert len(told) == 27
    assert not any(told)


@pytest.mark.parametrize("known", [True, False])
def test_repeated_data_up_to_seven_epochs_has_one_real_jump(reference, curve, known):
    """36 validation curves, with the epochs known or not."""
    path = reference / "colpret" / "repeated_data_curves.csv"
    runs = _runs(path, ["data", "num_params", "epochs"], "token_num", "loss")
    told = {}
    for (data, size, epochs), v in runs.items():
        evidence = Evidence(
            val=curve(v[:, 0], v[:, 1], "val"), epochs=float(epochs) if known else None, now=1.0
        )
        if int(epochs) <= 7 and (flags := find_flags(evidence)):
            told[data, size, epochs] = [f.id for f in flags]
    assert told == {("c4", "8.7B", "7"): ["diverged"]}


def test_memorisation_is_no_divergence_where_epochs_are_known(reference, curve):
    """The 12 curves of 14 and 44 epochs: only the abrupt jump of OSCAR 8.7B stays."""
    path = reference / "colpret" / "repeated_data_curves.csv"
    runs = _runs(path, ["data", "num_params", "epochs"], "token_num", "loss")
    told = [
        key
        for key, v in runs.items()
        if int(key[2]) > 7
        and find_flags(Evidence(val=curve(v[:, 0], v[:, 1], "val"), epochs=float(key[2]), now=1.0))
    ]
    assert told == [("oscar", "8.7B", "14")]


@pytest.mark.parametrize(
    ("name", "by", "ids"),
    [
        ("alibi_nods", 2000, {"nan", "diverged"}),
        ("alibi_bf16", 3400, {"diverged"}),
        ("adam_alibi", 7800, {"diverged"}),
    ],
)
def test_blow_ups_are_found(reference, curve, name, by, ids):
    """Sparse Megatron logs, read only up to the step by which it must be known."""
    rows = _megatron(reference / "repeated_data" / f"blowup_{name}.log")
    rows = rows[rows[:, 0] <= by]
    step, lr, loss, nan = rows.T
    flags = find_flags(
        Evidence(
            train=curve(step, loss), lr=curve(step, lr, "lr"), nan_iterations=curve(step, nan, "nan"), now=1.0
        )
    )
    assert {f.id for f in flags} == ids
    assert all(f.cleared_step is None for f in flags)
