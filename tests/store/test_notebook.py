"""What is written comes back, once, whichever way it arrived."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labbook.errors import LabbookError, UsageError
from labbook.records import Curve, Figure, Issue, RunPart
from labbook.store import Notebook, SourceWrite, StoredRun

Source = Callable[..., SourceWrite]
PATH = "/runs/a/train.log"
EITHER = pytest.mark.parametrize("notebook", ["folder", "memory"], indirect=True)
STEPS = st.one_of(st.integers(0, 12).map(float), st.just(math.nan))
VALUES = st.floats(width=64)
POINTS = st.lists(st.tuples(STEPS, VALUES), min_size=1, max_size=40)


def only_run(notebook: Notebook) -> StoredRun:
    (run,) = notebook.runs()
    return run


def curve(notebook: Notebook, series: str = "train", path: str = PATH) -> Curve:
    key = (only_run(notebook).run_id, series, path)
    return notebook.curves([key])[key]


def last_of_each_step(rows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The rule of `curves`, written the slow way."""
    stepped = {step: value for step, value in rows if not math.isnan(step)}
    return sorted(stepped.items()) + [row for row in rows if math.isnan(row[0])]


def same(a: object, b: object) -> bool:
    """Equal, NaN equal to NaN, zeros of both signs equal."""
    return bool(np.array_equal(np.array(a, float), np.array(b, float), equal_nan=True))


@EITHER
def test_everything_of_a_part_comes_back(notebook: Notebook, source: Source) -> None:
    """Columns, words, figures, units and issues return as they were given; what is missing is NaN."""
    part = RunPart(
        name="tiny",
        config={"lr": 1e-3, "model.layers": 4, "compile": True, "note": None, "text": "a 'b' \"c\""},
        config_source="config.json",
        figures=[Figure("n_total", 6.1e6, "line 15", 2), Figure("seq_len", 256.0, "line 3")],
        units={"train": "nats/token"},
        step_kind="micro",
        step_origin=1,
        started=12.5,
        status="finished",
        status_line="done",
    )
    part.points("train").append(1, 4.5, tokens=512, epoch=0.5, wall=20.0, place=7, segment=2)
    part.points("train").append(2, math.nan)
    notebook.write([source(PATH, part=part, issues=[Issue("bad-line", "no", "line 4", 3)])], now=50.0)

    run = only_run(notebook)
    (said,) = run.said
    assert (run.name, run.folder, run.identity, run.created) == ("train.log", "/runs/a", PATH, 50.0)
    assert (said.source, said.format, said.name, said.config_source) == (PATH, "plain", "tiny", "config.json")
    assert said.config == part.config
    assert said.figures == tuple(part.figures)
    assert (said.units, said.step_kind, said.step_origin) == ({"train": "nats/token"}, "micro", 1)
    assert (said.started, said.status, said.status_line) == (12.5, "finished", "done")
    assert run.issues == (Issue("bad-line", "no", "line 4", 3),)
    found = curve(notebook)
    assert same([found.step, found.value], [[1, 2], [4.5, math.nan]])
    assert same([found.tokens, found.epoch, found.wall], [[512, math.nan], [0.5, math.nan], [20.0, math.nan]])
    assert found.segment.tolist() == [2, 0]
    (latest,) = run.latest
    assert (latest.points, latest.non_finite, latest.max_tokens, latest.last_wall) == (2, 1, 512.0, 20.0)
    assert same([latest.last_value, latest.min_value, latest.min_step], [math.nan, 4.5, 1])


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Notebook, Notebook]]:
    """Two notebooks in memory, shared by all examples."""
    with Notebook.open(":memory:") as pieces, Notebook.open(":memory:") as whole:
        yield pieces, whole


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=POINTS, cuts=st.lists(st.integers(0, 40), max_size=3))
def test_pieces_give_the_same_as_the_whole(
    pair: tuple[Notebook, Notebook], source: Source, rows: list[tuple[float, float]], cuts: list[int]
) -> None:
    """A log read in pieces has the curve and the latest values of one read at once, and of the slow rule."""
    pieces, whole = pair
    path = f"/runs/{len(whole.sources())}.log"
    bounds = [0, *sorted({min(c, len(rows)) for c in cuts} - {0}), len(rows)]
    whole.write([source(path, train=rows, offset=len(rows))], 1.0)
    for generation, (a, b) in enumerate(pairwise(bounds)):
        assert pieces.write([source(path, train=rows[a:b], offset=b, base=(a, generation))], 1.0) == 0
    runs = [next(run for run in notebook.runs() if run.identity == path) for notebook in pair]
    for run, notebook in zip(runs, pair, strict=True):
        key = (run.run_id, "train", path)
        found = notebook.curves([key])[key]
        assert same(list(zip(found.step, found.value, strict=True)), last_of_each_step(rows))
    assert repr(runs[0].latest) == repr(runs[1].latest)


@EITHER
def test_the_same_reading_twice_changes_nothing(notebook: Notebook, source: Source) -> None:
    """A reading that began where another process has been meanwhile is left out and counted."""
    assert notebook.write([source(PATH, train=[(1, 5.0), (2, 4.0)])], 1.0) == 0
    before = repr(notebook.runs())
    assert notebook.write([source(PATH, train=[(1, 5.0), (2, 4.0)])], 2.0) == 1
    assert repr(notebook.runs()) == before
    assert len(curve(notebook)) == 2


def test_only_the_late_source_of_a_batch_is_left_out(notebook: Notebook, source: Source) -> None:
    """The other sources of the batch are stored."""
    notebook.write([source(PATH, train=[(1, 5.0)])], 1.0)
    assert notebook.write([source(PATH, train=[(1, 5.0)]), source("/runs/b.log", train=[(1, 6.0)])], 2.0) == 1
    assert [run.latest[0].points for run in notebook.runs()] == [1, 1]


@EITHER
def test_a_grown_file_adds_its_news(notebook: Notebook, source: Source) -> None:
    """The offset and revision move on; the repeated step shows its last value and is counted in file order."""
    notebook.write([source(PATH, train=[(1, 5.0), (2, 4.0)])], 1.0)
    stored = notebook.sources()[PATH]
    assert (stored.offset, stored.generation, stored.first_read) == (100, 1, 1.0)
    notebook.write([source(PATH, train=[(2, 3.5), (3, 3.0)], offset=200, base=(100, 1))], 2.0)
    stored = notebook.sources()[PATH]
    assert (stored.offset, stored.generation, stored.first_read, stored.last_read) == (200, 2, 1.0, 2.0)
    assert curve(notebook).value.tolist() == [5.0, 3.5, 3.0]
    assert only_run(notebook).latest[0].points == 4


@EITHER
def test_a_rewritten_file_replaces_what_it_said(notebook: Notebook, source: Source) -> None:
    """Points, words and issues of the source go; those of another source of the same run stay."""
    notebook.write([source(PATH, train=[(1, 5.0), (2, 4.0)], lr=[(1, 0.1)], issues=[Issue("x", "y")])], 1.0)
    other = "/runs/a/events"
    notebook.write([source(other, identity=PATH, val=[(1, 6.0)])], 1.0)
    notebook.write([source(PATH, train=[(1, 9.0)], base=(100, 1), replaces=True)], 2.0)
    run = only_run(notebook)
    assert [(latest.series, latest.points) for latest in run.latest] == [("train", 1), ("val", 1)]
    assert run.issues == ()
    assert curve(notebook).value.tolist() == [9.0]
    assert len(curve(notebook, "lr")) == 0
    assert curve(notebook, "val", other).value.tolist() == [6.0]


def test_a_run_no_source_speaks_of_any_more_goes(notebook: Notebook, source: Source) -> None:
    """A rewritten file with another run in it drops the first; what was typed waits for its return."""
    notebook.write([source(PATH, identity="id-1", train=[(1, 5.0)])], 1.0)
    first = only_run(notebook).run_id
    notebook.give([first], {"n": "6M"}, 1.0)
    notebook.write([source(PATH, identity="id-2", train=[(1, 5.0)], base=(100, 1), replaces=True)], 2.0)
    assert only_run(notebook).identity == "id-2"
    notebook.write([source(PATH, identity="id-1", train=[(1, 5.0)], base=(100, 2), replaces=True)], 3.0)
    assert (only_run(notebook).run_id, only_run(notebook).given) == (first, {"n": "6M"})


def test_a_source_stands_in_a_batch_once(notebook: Notebook, source: Source) -> None:
    """Twice is the caller's mistake."""
    with pytest.raises(ValueError, match="only once"):
        notebook.write([source(PATH), source(PATH)], 1.0)


@EITHER
def test_several_runs_of_one_source_stay_apart(notebook: Notebook, source: Source) -> None:
    """A panel export feeds one run a part; its issues are shown with each of them."""
    write = source("/runs/panel.csv", issues=[Issue("bad-line", "no")])
    write.parts = []
    for k in range(3):
        part = RunPart(key=f"#{k}")
        part.points("train").append(1, float(k))
        write.parts.append((f"/runs/panel.csv#{k}", f"panel {k}", "/runs", part))
    notebook.write([write], 1.0)
    runs = notebook.runs()
    assert [(run.name, run.latest[0].last_value) for run in runs] == [
        ("panel 0", 0),
        ("panel 1", 1),
        ("panel 2", 2),
    ]
    assert all(run.issues == (Issue("bad-line", "no"),) and len(run.sources) == 1 for run in runs)


def test_later_news_keep_what_only_the_head_said(notebook: Notebook, source: Source) -> None:
    """Configuration is merged, the newer value wins; figures are not repeated; unsaid things stay."""
    head = RunPart(
        name="tiny", config={"a": 1, "b": 2}, config_source="head", figures=[Figure("n_total", 5.0, "x")]
    )
    head.step_kind, head.step_origin, head.started, head.units = "micro", 1, 7.0, {"train": "nats/token"}
    notebook.write([source(PATH, part=head, train=[(1, 2.0)])], 1.0)
    tail = RunPart(config={"b": 3}, figures=[Figure("n_total", 5.0, "x"), Figure("planned_steps", 9.0, "y")])
    notebook.write([source(PATH, part=tail, name="other", train=[(2, 2.0)], offset=200, base=(100, 1))], 2.0)
    (said,) = only_run(notebook).said
    assert said.config == {"a": 1, "b": 3}
    assert [figure.key for figure in said.figures] == ["n_total", "planned_steps"]
    assert (said.name, said.config_source, said.step_kind, said.step_origin) == ("tiny", "head", "micro", 1)
    assert (said.started, said.units) == (7.0, {"train": "nats/token"})
    assert only_run(notebook).name == "train.log"


@pytest.mark.parametrize(
    ("before", "now", "rows", "after"),
    [
        ("finished", "unknown", [], "finished"),
        ("finished", "unknown", [(2, 1.0)], "finished"),
        ("cancelled", "unknown", [], "cancelled"),
        ("cancelled", "unknown", [(2, 1.0)], "unknown"),
        ("failed", "unknown", [(2, 1.0)], "unknown"),
        ("running", "failed", [(2, 1.0)], "failed"),
        ("unknown", "finished", [], "finished"),
    ],
)
def test_status_after_more_was_read(
    source: Source, before: str, now: str, rows: list[tuple[float, float]], after: str
) -> None:
    """Silence keeps the status, but a run that failed or was cancelled and has new points goes on."""
    with Notebook.open(":memory:") as notebook:
        notebook.write([source(PATH, part=RunPart(status=before), train=[(1, 2.0)])], 1.0)  # type: ignore[arg-type]
        part = RunPart(status=now)  # type: ignore[arg-type]
        notebook.write([source(PATH, part=part, train=rows, offset=200, base=(100, 1))], 2.0)
        assert only_run(notebook).said[0].status == after


def test_last_progress_is_the_logs_own_clock(notebook: Notebook, source: Source) -> None:
    """Wall times of the points count, not the file's time."""
    part = RunPart()
    part.points("train").append(1, 5.0, wall=300.0)
    part.points("train").append(2, 5.0)
    notebook.write([source(PATH, part=part, mtime=9000.0)], 1.0)
    assert only_run(notebook).last_progress == 300.0


def test_last_progress_without_a_clock_needs_the_step_to_grow(notebook: Notebook, source: Source) -> None:
    """A heartbeat that touches the file, or repeats a step, is no progress."""
    notebook.write([source(PATH, train=[(1, 5.0)], mtime=100.0)], 1.0)
    assert only_run(notebook).last_progress == 100.0
    notebook.write([source(PATH, train=[(1, 5.0)], mtime=200.0, offset=200, base=(100, 1))], 1.0)
    assert only_run(notebook).last_progress == 100.0
    notebook.write([source(PATH, train=[(2, 5.0)], mtime=300.0, offset=300, base=(200, 2))], 1.0)
    assert only_run(notebook).last_progress == 300.0
    same_rows = [(1, 5.0), (1, 5.0), (2, 5.0)]
    notebook.write([source(PATH, train=same_rows, mtime=400.0, base=(300, 3), replaces=True)], 1.0)
    assert only_run(notebook).last_progress == 300.0


def test_a_source_without_a_run_is_remembered(notebook: Notebook, source: Source) -> None:
    """A file that holds no run, or a copy of another source, is not read again."""
    write = source("/runs/copy.log")
    write.parts, write.source.state = [], {"twin_of": PATH}
    notebook.write([write], 1.0)
    assert notebook.runs() == []
    assert notebook.sources()["/runs/copy.log"].state == {"twin_of": PATH}


def test_a_run_without_points_has_no_progress(notebook: Notebook, source: Source) -> None:
    """A file with a header only: the time of its last progress is missing, not 0."""
    notebook.write([source(PATH)], 1.0)
    assert math.isnan(only_run(notebook).last_progress)


def test_remarks_are_counted_not_repeated(notebook: Notebook, source: Source) -> None:
    """A thousand bad lines are one row with its first place; different ones are bounded, none is lost."""
    bad = [Issue("bad-line", "no number", f"line {k}") for k in range(10)]
    notebook.write([source(PATH, issues=bad)], 1.0)
    notebook.write([source(PATH, issues=bad, offset=200, base=(100, 1))], 1.0)
    assert only_run(notebook).issues == (Issue("bad-line", "no number", "line 0", 20),)
    many = [Issue("bad-line", f"line says {k}") for k in range(500)]
    notebook.write([source(PATH, issues=many, offset=300, base=(200, 2))], 1.0)
    kept = only_run(notebook).issues
    assert len(kept) == 200
    assert sum(issue.count for issue in kept) == 520


@EITHER
def test_curves_of_many_series_in_one_call(notebook: Notebook, source: Source) -> None:
    """Every wanted key is answered; one that is not there has an empty curve."""
    writes = [source(f"/runs/{k}.log", train=[(1, k), (2, k + 0.5)], lr=[(1, k / 10)]) for k in range(20)]
    notebook.write(writes, 1.0)
    keys = [(run.run_id, "train", run.sources[0].path) for run in notebook.runs()]
    found = notebook.curves([*keys, ("none", "train", "/x"), (keys[0][0], "none", keys[0][2])])
    assert {found[key].value[0] for key in keys} == set(range(20))
    assert len(found[("none", "train", "/x")]) == len(found[(keys[0][0], "none", keys[0][2])]) == 0
    assert notebook.curves([]) == {}


@EITHER
def test_what_a_person_typed(notebook: Notebook, source: Source) -> None:
    """The newest value counts, an empty one takes the key back, and nothing typed is lost."""
    notebook.write([source(PATH, train=[(1, 2.0)])], 1.0)
    run_id = only_run(notebook).run_id
    notebook.give([run_id], {"n": "6M", "tag": "keep"}, 2.0)
    notebook.give([run_id], {"n": "7M"}, 3.0)
    notebook.give([run_id, "ladder-1"], {"tag": "", "note": "two\nlines 'quoted' [b]"}, 4.0)
    assert only_run(notebook).given == {"n": "7M", "note": "two\nlines 'quoted' [b]"}
    assert notebook.given()["ladder-1"] == {"note": "two\nlines 'quoted' [b]"}
    history = [(g.key, g.value, g.at) for g in notebook.given_history(run_id) if g.key != "note"]
    assert history == [("n", "6M", 2.0), ("tag", "keep", 2.0), ("n", "7M", 3.0), ("tag", "", 4.0)]


@EITHER
def test_hostile_text_is_only_text(notebook: Notebook, source: Source) -> None:
    """Quotes, SQL, markup, NUL, escapes and undecodable paths neither break a table nor reach a screen."""
    path = '/runs/it\'s "q"; drop table points; --\udcff\n[red]'
    part = RunPart(
        name="\x1b[31mred\x00 [bold]x[/]",
        config={"k'\x00\udcfe": 'v\x00"; drop', "λ": "漢\u202e"},
        status_line="\x07bell",
        figures=[Figure("n_total", 1.0, "li\x00ne \udcff")],
    )
    part.points("val:it's \x00[b]\x1b]0;t\x07").append(1, 2.0)
    notebook.write([source(path, part=part, name="a\x00\x1b[2Jb'", issues=[Issue("x", "\x1b[2Jz\x00")])], 1.0)
    run = only_run(notebook)
    assert (run.sources[0].path, run.identity) == (path, path)
    assert run.folder == path.rsplit("/", 1)[0]
    assert (run.name, run.issues[0].text, run.said[0].status_line) == ("a b'", "z", "bell")
    assert run.said[0].config == part.config
    (series,) = [latest.series for latest in run.latest]
    assert series == "val:it's  [b]"
    notebook.give([run.run_id], {"note": "x\x00\udcff'; drop table runs"}, 1.0)
    assert only_run(notebook).given == {"note": "x?'; drop table runs"}
    key = (run.run_id, series, path)
    assert notebook.curves([key])[key].value.tolist() == [2.0]


@EITHER
def test_a_moved_file_keeps_its_run(notebook: Notebook, source: Source) -> None:
    """After a move the run, its offset and points are the same; a new file at the old path is a new run."""
    notebook.write([source("/old/a/train.log", identity="/old/a", train=[(1, 2.0)])], 1.0)
    notebook.write([source("/other/b.log", train=[(1, 3.0)])], 1.0)
    first = next(run for run in notebook.runs() if run.identity == "/old/a")
    notebook.move({"/old/a/train.log": "/new/a/train.log"})
    moved = next(run for run in notebook.runs() if run.run_id == first.run_id)
    assert (moved.identity, moved.folder, moved.sources[0].path) == ("/new/a", "/new/a", "/new/a/train.log")
    assert notebook.sources()["/new/a/train.log"].offset == 100
    for k, loss in enumerate([8.0, 9.0]):
        notebook.write([source("/old/a/train.log", identity="/old/a", train=[(1, loss)])], 2.0)
        notebook.move({"/old/a/train.log": f"/new/{k}/train.log"})
    runs = {run.identity: run for run in notebook.runs()}
    assert len({run.run_id for run in runs.values()}) == 4
    keys = [(runs[name].run_id, "train", runs[name].sources[0].path) for name in ("/new/a", "/new/0", "/new/1")]
    assert [c.value.tolist() for c in notebook.curves(keys).values()] == [[2.0], [8.0], [9.0]]


@EITHER
def test_a_forgotten_run_comes_back_whole(notebook: Notebook, source: Source) -> None:
    """Forgetting a run forgets that its log was read."""
    notebook.write([source(PATH, train=[(1, 2.0)]), source("/runs/b.log", train=[(1, 3.0)])], 1.0)
    gone = next(run for run in notebook.runs() if run.identity == PATH)
    notebook.forget([gone.run_id])
    assert [run.identity for run in notebook.runs()] == ["/runs/b.log"]
    assert list(notebook.sources()) == ["/runs/b.log"]
    assert notebook.sizes().points == 1
    assert notebook.write([source(PATH, train=[(1, 2.0)])], 2.0) == 0
    assert len(notebook.runs()) == 2


@EITHER
def test_a_query_reads_and_nothing_else(notebook: Notebook, source: Source) -> None:
    """Views answer with the last written values, in nats too; anything but one reading statement is refused."""
    part = RunPart(units={"train": "bits/token"})
    notebook.write([source(PATH, part=part, train=[(1, 5.0), (1, 3.0)])], 1.0)
    table = notebook.query("select value, value_nats, unit from curve_nats")
    assert table.columns == ("value", "value_nats", "unit")
    assert table.rows == [(3.0, pytest.approx(3 * math.log(2)), "bits/token")]
    for refused in ("delete from points", "select 1; drop table points", "select from where", "select nope"):
        with pytest.raises(UsageError):
            notebook.query(refused)
    assert len(curve(notebook)) == 1


def test_a_folders_query_reaches_no_file(folder: Path) -> None:
    """Neither another file nor an extension."""
    with Notebook.open(folder) as notebook:
        for text in ("select * from read_text('/etc/hostname')", "from '/etc/passwd'"):
            with pytest.raises(LabbookError):
                notebook.query(text)
