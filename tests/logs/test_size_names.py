"""N from names, where siblings differ in just that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labbook.logs.resolve import Resolved
from labbook.logs.size_names import Named, sizes_by_name, with_size
from labbook.store import Notebook
from labbook.summary import Count
from labbook.workbook import Workbook


def run(name: str, folder: str | None = None, resolved: Resolved | None = None) -> Named:
    path = folder if folder is not None else f"runs/{name}"
    return Named(f"{path}:{name}", name, path, resolved or Resolved(missing=("N", "loss")))


def sizes(*runs: Named) -> dict[str, float]:
    return {run_id.rpartition(":")[2]: count.value for run_id, count in sizes_by_name(runs).items()}


def test_sizes_of_siblings_are_read() -> None:
    """As total parameters, approximate, with the digits of the name."""
    found = sizes_by_name([run("pythia-70m-seed1"), run("pythia-160m-seed1"), run("pythia-1.4b-seed1")])
    assert [count.value for count in found.values()] == [70e6, 160e6, 1.4e9]
    count = next(iter(found.values()))
    assert (count.kind, count.how, count.source) == ("n_total", "name", "inferred from the name: 70m")
    assert (count.digits, count.approximate) == (2, True)


def test_folders_name_runs_too() -> None:
    """`70M/train.log` beside `160M/train.log`, and a version folder below them."""
    assert sizes(run("70M", "a/70M"), run("160M", "a/160M")) == {"70M": 70e6, "160M": 160e6}
    deep = [run(f"{size}/version_0", f"a/{size}/version_0") for size in ("70M", "160M")]
    assert sizes(*deep) == {"70M/version_0": 70e6, "160M/version_0": 160e6}


@pytest.mark.parametrize(
    "names",
    [
        ("gpt-124M",),
        ("gpt-124M-lr3", "gpt-350M-lr6"),
        ("gpt-124M-a", "gpt-124M-b"),
        ("gpt-70M-1B", "gpt-160M-3B"),
        ("d12", "d24"),
        ("c4-10BT", "c4-20BT"),
        ("c4-10B-tokens", "c4-20B-tokens"),
        ("d128-D0.4M", "d128-D1.6M"),
        ("bs64k", "bs128k"),
        ("v1.5", "v2.5"),
    ],
)
def test_a_size_that_may_mean_something_else_is_no_n(names: tuple[str, ...]) -> None:
    """One run, names that differ in more, depths, tokens, batches."""
    assert sizes(*map(run, names)) == {}


def test_sizes_that_are_the_tokens_of_the_runs_are_no_n() -> None:
    """`10B` and `20B` of one model are how long it was trained."""
    short = Resolved(tokens_seen=Count("tokens_seen", 10.2e9, "counter", ""))
    assert sizes(run("c4-10B", resolved=short), run("c4-20B")) == {}


def test_a_run_whose_n_is_known_helps_its_siblings_and_keeps_its_own() -> None:
    """A name never stands beside a number that the log gives."""
    known = Resolved(counts=(Count("n_total", 1.476e9, "printed", "line 3"),))
    runs = [run("llama-7b", resolved=known), run("llama-13b")]
    assert sizes(*runs) == {"llama-13b": 13e9}
    assert sizes(run("a-7b", resolved=known), run("a-13b", resolved=known)) == {}


def test_runs_elsewhere_are_no_siblings() -> None:
    """The folder around them is part of what must be the same."""
    assert sizes(run("x-70m", "a/x-70m"), run("x-160m", "b/x-160m")) == {}


def test_the_size_of_the_name_is_the_runs_n() -> None:
    """And N is no longer missing."""
    (count, _) = sizes_by_name([run("x-70m"), run("x-160m")]).values()
    known = with_size(Resolved(missing=("N", "loss")), count)
    assert (known.n("n_total"), known.missing) == (count, ("loss",))
    untouched = Resolved()
    assert with_size(untouched, None) is untouched


def test_the_board_has_the_size_of_the_name(tmp_path: Path) -> None:
    """From files to the runs that are shown; what a person gives stands before the name."""
    for size, start in (("70m", 5.0), ("160m", 4.0)):
        lines = (json.dumps({"step": step, "loss": start - step / 100}) for step in range(1, 40))
        (tmp_path / f"base-{size}.jsonl").write_text("\n".join(lines) + "\n")
    with Workbook(Notebook.open(":memory:"), roots=[tmp_path]) as book:
        book.ingest([tmp_path])
        shown = {run.name: run.n for run in book.summary(fits=False).runs}
        assert {name: (n.value, n.approximate) for name, n in shown.items() if n} == {
            "base-70m": (70e6, True),
            "base-160m": (160e6, True),
        }
        book.give([run.run_id for run in book.summary(fits=False).runs if run.name == "base-70m"], {"n": "68M"})
        given = {run.name: run.n for run in book.summary(fits=False).runs}
    assert {name: (n.value, n.how) for name, n in given.items() if n} == {
        "base-70m": (68e6, "given"),
        "base-160m": (160e6, "name"),
    }
