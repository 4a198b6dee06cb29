"""Arrays and Parquet: curves by the names of their columns, whatever else the file holds."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np
import pytest

from labbook import duck, logs
from labbook.logs import arrays
from labbook.logs.format import take_sample
from labbook.records import Reading


def read(path: Path) -> tuple[str | None, Reading]:
    """(format, all of the file)."""
    claim = logs.recognise(take_sample(path), logs.FORMATS)
    return (claim[0].name, claim[0].read(path, 0, {})) if claim is not None else (None, Reading([], 0, {}))


def write_parquet(path: Path, query: str) -> Path:
    """A Parquet file of the rows of a query."""
    plain = path.with_name("plain.parquet")
    with duck.closing(duck.connect_memory(), "test") as connection:
        connection.execute(f"copy ({query}) to '{plain}' (format parquet)")
    return plain.rename(path)


def test_arrays_stand_beside_the_steps_of_their_own_name(tmp_path: Path) -> None:
    """`val_step` places `val_loss`, also where both lists are as long as the training's."""
    path = tmp_path / "metrics.npz"
    np.savez(
        path,
        step=[1, 2, 3],
        train_loss=np.array([5.5, np.nan, 4.5], np.float32),
        val_step=[2, 4, 6],
        val_loss=[5, 4, 3.5],
    )
    form, reading = read(path)
    series = reading.parts[0].series
    assert form == "numpy"
    assert list(series["train"].step) == [1.0, 2.0, 3.0]
    assert math.isnan(series["train"].value[1])
    assert list(series["val"].step) == [2.0, 4.0, 6.0]
    assert reading.issues == []


def test_tokens_and_rates_beside_the_losses(tmp_path: Path) -> None:
    """Every vector of the length of a counter is a series; a single number is configuration."""
    path = tmp_path / "metrics.npz"
    np.savez(path, iters=[1, 2], tokens=[1000, 2000], losses=[5.5, 4.5], lr=[0.5, 0.25], n_params=1000000)
    part = read(path)[1].parts[0]
    assert list(part.series["train"].tokens) == [1000.0, 2000.0]
    assert list(part.series["lr"].value) == [0.5, 0.25]
    assert part.config["n_params"] == 1000000


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_without_an_axis_is_counted_and_that_is_said(tmp_path: Path, order: str) -> None:
    """One column: the index is the step; two: the first is."""
    path = tmp_path / "val_loss.npy"
    np.save(path, np.array([5.5, 4.5], np.float16))
    form, reading = read(path)
    assert form == "numpy"
    assert list(reading.parts[0].series["val"].step) == [0.0, 1.0]
    assert [issue.code for issue in reading.issues] == ["no-axis"]
    np.save(path, np.asarray([[10, 5.5], [20, 4.5], [30, 4.25]], order=order))  # type: ignore[call-overload]
    reading = read(path)[1]
    assert list(reading.parts[0].series["val"].step) == [10.0, 20.0, 30.0]
    assert reading.issues == []


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("tokens.npy", np.arange(9)),
        ("weights.npy", np.ones(9)),
        ("loss.npy", np.arange(9)),
        ("loss.npy", np.ones((3, 3))),
    ],
)
def test_data_and_weights_are_no_log(tmp_path: Path, name: str, array: np.ndarray) -> None:
    """Whole numbers are tokens; a matrix is none of ours; the name decides the rest."""
    np.save(tmp_path / name, array)
    assert read(tmp_path / name)[0] is None


def test_what_is_pickled_is_never_opened(tmp_path: Path) -> None:
    """An object array could run anything: it is left out and said to be."""
    path = tmp_path / "metrics.npz"
    fate = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[()]]:
            return fate.touch, ()

    np.savez(path, step=[1, 2], loss=[5.5, 4.5], notes=np.array([Evil()], dtype=object))
    reading = read(path)[1]
    assert not fate.exists()
    assert [(issue.code, issue.place) for issue in reading.issues] == [("not-numbers", "notes")]
    assert len(reading.parts[0].series["train"]) == 2


def test_an_archive_that_would_fill_the_memory_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory of the archive says how much is inside."""
    monkeypatch.setattr(arrays, "LARGEST", 1 << 16)
    path = tmp_path / "metrics.npz"
    np.savez_compressed(path, step=[1, 2], loss=[5.5, 4.5], huge=np.zeros(1 << 16))
    reading = read(path)[1]
    assert [issue.code for issue in reading.issues] == ["too-large"]
    assert len(reading.parts[0].series["train"]) == 2


def test_an_array_smaller_than_its_header_says_is_refused(tmp_path: Path) -> None:
    """A header may promise more than there is, to have it allocated."""
    block = io.BytesIO()
    np.lib.format.write_array_header_1_0(block, {"descr": "<f8", "fortran_order": False, "shape": (1 << 50,)})
    path = tmp_path / "metrics.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("loss.npy", block.getvalue() + bytes(80))
    reading = read(path)[1]
    assert [issue.code for issue in reading.issues] == ["not-numbers"]


CURVES = """
select * from (values
  ('a', 1000000, 1, 5.5::float, null::double), ('b', 4000000, 1, 5.25, null),
  ('a', 1000000, 2, 4.5, 4.75), ('b', 4000000, 2, 'nan', 4.25)
) v(run, n_params, step, loss, val_loss)
"""


def test_a_parquet_file_of_several_runs(tmp_path: Path) -> None:
    """The column of runs tells them apart; null is missing, NaN is a value, N a figure."""
    form, reading = read(write_parquet(tmp_path / "all.parquet", CURVES))
    a, b = reading.parts
    assert form == "parquet"
    assert [(part.key, part.figures[0].value) for part in (a, b)] == [("a", 1e6), ("b", 4e6)]
    assert list(a.series["train"].step) == [1.0, 2.0]
    assert math.isnan(b.series["train"].value[1])
    assert list(b.series["val"].value) == [4.25]


def test_a_parquet_file_of_one_curve(tmp_path: Path) -> None:
    """One column a metric; lists and texts are left alone."""
    query = "select i as step, 5.5 - i as train_loss, [i] as weights, 'x' as host from range(3) t(i)"
    form, reading = read(write_parquet(tmp_path / "one.parquet", query))
    assert form == "parquet"
    assert [part.key for part in reading.parts] == [""]
    assert list(reading.parts[0].series["train"].value) == [5.5, 4.5, 3.5]
    assert set(reading.parts[0].series) == {"train"}


def test_a_parquet_file_whose_splits_share_a_column(tmp_path: Path) -> None:
    """Rows of validation are no points of training."""
    query = "select * from (values ('train', 1, 5.5), ('train', 2, 4.5), ('val', 2, 4.75)) v(split, step, loss)"
    part = read(write_parquet(tmp_path / "one.parquet", query))[1].parts[0]
    assert (list(part.series["train"].value), list(part.series["val"].value)) == ([5.5, 4.5], [4.75])
    assert part.config == {}


def test_a_parquet_file_of_finished_runs(tmp_path: Path) -> None:
    """Rows with N, D and a loss are a ladder here too."""
    query = "select * from (values ('a', 1e6, 2e7, 4.5), ('b', 4e6, 8e7, 4.25)) v(name, \"N\", \"D\", val_loss)"
    _, reading = read(write_parquet(tmp_path / "runs.parquet", query))
    assert [(p.key, p.status, p.series["val"].value[0]) for p in reading.parts] == [
        ("a", "finished", 4.5),
        ("b", "finished", 4.25),
    ]


@pytest.mark.parametrize("name", ["a'b.parquet", "a[1]*.parquet", 'a";drop.parquet', "a b?.parquet"])
def test_names_of_files_are_never_read_as_sql_or_as_patterns(tmp_path: Path, name: str) -> None:
    """Only the file itself is read, not another that fits its name."""
    write_parquet(tmp_path / "a1x.parquet", "select 1 as step, 9.0 as loss")
    path = write_parquet(tmp_path / name, 'select 1 as step, 5.5 as loss, 2 as "a\'b""; --"')
    _, reading = read(path)
    assert list(reading.parts[0].series["train"].value) == [5.5]


@pytest.mark.parametrize(
    "query",
    ["select 'words' as text, 1 as label", "select 'words' as loss, 1 as step", "select 1.5 as loss, 2 as x"],
)
def test_training_data_in_parquet_is_no_log(tmp_path: Path, query: str) -> None:
    """No loss in numbers on an axis: not ours."""
    assert read(write_parquet(tmp_path / "data.parquet", query))[0] is None
