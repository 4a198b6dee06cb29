"""The walk: what is posted when, what is kept, and that nothing is done twice."""

import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

from labbook.choices import Choices
from labbook.errors import NotFoundError
from labbook.filter import parse_filter
from labbook.store import Notebook
from labbook.summary import Progress, Summary
from labbook.workbook import Workbook

NOW = 1795320000.0


@pytest.fixture
def root(sample_runs: Path, tmp_path: Path) -> Path:
    """Two trainers of the sample ladder, to be changed."""
    for trainer in ("pyloop", "hf"):
        shutil.copytree(sample_runs / trainer, tmp_path / "runs" / trainer)
    return tmp_path / "runs"


def refreshed(book: Workbook, **options: bool) -> list[Summary]:
    """What one refresh posts."""
    posted: list[Summary] = []
    book.refresh(posted.append, **options)
    return posted


def test_the_board_comes_before_the_fits_and_nothing_comes_twice(root: Path) -> None:
    """First the runs with their ladder still bare, then the verdicts, then silence."""
    with Workbook(Notebook.open(":memory:"), roots=[root], clock=lambda: NOW) as book:
        posted = refreshed(book)
        assert [x.ladders[0].comparison is None for x in posted] == [True, False]
        assert len(posted[0].runs) == 12
        assert refreshed(book) == []
        assert refreshed(book, force=True) == []


def test_the_last_board_is_there_before_anything_is_read(root: Path, tmp_path: Path) -> None:
    """A second start draws it from the notebook, even when the logs are gone; it says that it is old."""
    notebook = tmp_path / "notebook"
    with Workbook(Notebook.open(notebook), roots=[root], clock=lambda: NOW) as book:
        last = refreshed(book)[-1]
    shutil.rmtree(root)
    with Workbook(Notebook.open(notebook), roots=[root], clock=lambda: NOW + 60) as book:
        known = book.last_known()
    assert known is not None
    assert known.stale
    assert known.as_of == NOW
    assert known.runs == last.runs
    assert known.ladders == last.ladders


def test_an_empty_notebook_has_no_last_board() -> None:
    """None, not an empty board."""
    with Workbook(Notebook.open(":memory:")) as book:
        assert book.last_known() is None


def test_only_the_changed_run_is_measured_again(root: Path) -> None:
    """The others are the very same objects."""
    with Workbook(Notebook.open(":memory:"), roots=[root]) as book:
        refreshed(book)
        before = dict(book._measured)
        log = root / "pyloop" / "d16-D6.4M" / "train.log"
        with log.open("a") as f:
            f.write("step 1600: train loss 2.0, val loss 2.13\n")
        refreshed(book, force=True)
        changed = {i for i, m in book._measured.items() if m is not before[i]}
    assert len(changed) == 1


def test_a_new_run_appears_and_a_growing_one_moves(root: Path, sample_runs: Path) -> None:
    """Files that come later are found; a line more is a step more."""
    with Workbook(Notebook.open(":memory:"), roots=[root]) as book:
        refreshed(book)
        shutil.copytree(sample_runs / "lightning" / "d64-D0.1M", root / "late")
        names = {r.name for r in refreshed(book, force=True)[-1].runs}
        assert "late" in names
        log = root / "pyloop" / "d16-D6.4M" / "train.log"
        with log.open("a") as f:
            f.write("iter 1700: loss 2.0, time 40.00ms, mfu -100.00%\n")
        last = refreshed(book)[-1]
    assert next(r for r in last.runs if r.name == "d16-D6.4M").step == 1701


def test_a_moved_folder_keeps_its_runs_and_what_was_typed(root: Path, tmp_path: Path) -> None:
    """Same ids under the new path."""
    with Workbook(Notebook.open(":memory:"), roots=[tmp_path]) as book:
        first = refreshed(book)[-1]
        run = next(r for r in first.runs if r.name == "d16-D0.1M")
        book.give([run.run_id], {"seed": "7"})
        root.rename(tmp_path / "archive")
        last = refreshed(book, force=True)[-1]
    assert {r.run_id for r in last.runs} == {r.run_id for r in first.runs}
    moved = next(r for r in last.runs if r.run_id == run.run_id)
    assert moved.seed == "7"
    assert str(tmp_path / "archive") in moved.path


def test_a_stop_ends_a_refresh_early(root: Path) -> None:
    """Told to stop, it reads no further file."""
    stop = threading.Event()
    seen: list[Progress] = []

    def progress(p: Progress) -> None:
        seen.append(p)
        if p.done == 3:
            stop.set()

    with Workbook(Notebook.open(":memory:"), roots=[root]) as book:
        book.refresh(lambda _: None, progress, stop)
        assert len(book.notebook.sources()) == 3
        stop.clear()
        assert len(refreshed(book, force=True)[-1].runs) == 12


def test_the_two_stages_agree_whatever_the_notebook(root: Path, tmp_path: Path) -> None:
    """A notebook on disk and one in memory give the same summary."""
    summaries = []
    for where in (":memory:", tmp_path / "notebook"):
        with Workbook(Notebook.open(where), clock=lambda: NOW) as book:
            book.ingest([root])
            summaries.append(book.summary())
    assert summaries[0].runs == summaries[1].runs
    assert summaries[0].ladders == summaries[1].ladders


def test_ladders_can_be_made_of_chosen_runs_and_with_the_other_reading(root: Path) -> None:
    """`only` and `reading`; the kept board is not touched by either."""
    with Workbook(Notebook.open(":memory:")) as book:
        book.ingest([root])
        chosen = book.summary(only=parse_filter("d32"))
        assert {r.name.split("-")[0] for r in chosen.ladders[0].rungs} == {"d32"}
        assert book.summary(choices=Choices(reading="seen")).ladders[0].d_reading == "seen"
        assert book.summary().ladders[0].d_reading == "unique"


def test_state_follows_the_clock(root: Path) -> None:
    """A run that is 40 % done is training while its log is fresh and stalled when it has been silent."""
    log = root / "pyloop" / "d16-D6.4M" / "train.log"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:120]))
    os.utime(log, (NOW, NOW))
    states = []
    for later in (10.0, 4 * 3600.0):
        with Workbook(Notebook.open(":memory:"), clock=lambda later=later: NOW + later) as book:
            book.ingest([root])
            states.append(next(r for r in book.summary().runs if r.name == "d16-D6.4M").state)
    assert states == ["ok", "stalled"]


def test_curves_of_an_unknown_run_are_an_error() -> None:
    """Not an empty plot."""
    with Workbook(Notebook.open(":memory:")) as book, pytest.raises(NotFoundError):
        book.curves("nobody")


def test_a_copied_folder_is_listed_once_and_is_its_own_run_when_it_grows(root: Path, tmp_path: Path) -> None:
    """Copies double no rung; either path finds the run; a line more in the copy makes it another run."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    with Workbook(Notebook.open(":memory:"), roots=[root, copy]) as book:
        once = refreshed(book)[-1]
        assert len(once.runs) == 12
        assert len(once.ladders[0].rungs) == 11
        twin = next(r for r in once.runs if r.name == "d16-D0.1M")
        assert {Path(s.path).is_relative_to(copy) for s in twin.sources} == {True, False}
        assert [code for code, *_ in twin.issues] == ["copy"]
        assert parse_filter(str(copy)).select(once.runs) == once.runs
        with (copy / "pyloop" / "d16-D0.1M" / "train.log").open("a") as f:
            f.write("iter 700: loss 2.0, time 40.00ms, mfu -100.00%\n")
        apart = refreshed(book, force=True)[-1]
    assert len(apart.runs) == 13


def test_a_dry_run_reads_and_stores_nothing(root: Path) -> None:
    """It says what would be new; a real reading then finds it all still new."""
    with Workbook(Notebook.open(":memory:")) as book:
        dry = book.ingest([root], dry=True)
        assert dry.points > 0
        assert book.notebook.runs() == []
        assert book.ingest([root]).points == dry.points
        again = book.ingest([root], dry=True)
    assert (again.points, again.unchanged) == (0, 12)


def test_an_idle_pass_opens_neither_a_log_nor_the_database(root: Path, tmp_path: Path) -> None:
    """With nothing new, a pass looks at sizes and times only, also when new files are looked for."""
    notebook = tmp_path / "notebook"
    with Workbook(Notebook.open(notebook), roots=[root]) as book:
        for _ in range(2):  # the second pass still learns what the first has stored
            book._discover_at = 0.0
            refreshed(book)
        book._discover_at = 0.0
        opened: list[str] = []

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            if watching and event == "open" and str(arguments[0]).startswith((str(root), str(notebook))):
                opened.append(str(arguments[0]))

        watching = True
        sys.addaudithook(hook)
        assert refreshed(book) == []
        watching = False
    assert [path for path in opened if not path.endswith("stamp")] == [], "the lock stands for the database"


def test_a_changed_sidecar_is_read_again(root: Path) -> None:
    """The configuration beside a log counts as part of it."""
    with Workbook(Notebook.open(":memory:"), roots=[root]) as book:
        refreshed(book)
        config = root / "hf" / "d32-D0.1M" / "config.json"
        config.write_text(config.read_text().replace("100000", "200000"))
        book._discover_at = 0.0
        last = refreshed(book)[-1]
    changed = next(r for r in last.runs if r.name == "d32-D0.1M")
    assert changed.unique_tokens is not None
    assert changed.unique_tokens.value == 200000


def test_the_board_is_kept_even_when_it_changes_right_after_it_was_kept(root: Path, tmp_path: Path) -> None:
    """What is posted within the pause between two keepings is kept at the next look."""
    times = iter(range(10**9))
    with Workbook(Notebook.open(tmp_path / "n"), roots=[root], clock=lambda: NOW + 20.0 * next(times)) as book:
        refreshed(book)
        with (root / "pyloop" / "d16-D6.4M" / "train.log").open("a") as f:
            f.write("step 1600: train loss 2.0, val loss 2.13\n")
        refreshed(book, force=True)
        book._snapshot_at = 0.0
        refreshed(book)
    with Workbook(Notebook.open(tmp_path / "n")) as book:
        known = book.last_known()
    assert known is not None
    assert next(r for r in known.runs if r.name == "d16-D6.4M").step == 1600
