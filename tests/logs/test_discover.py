"""Finding sources: what is a log, what is not and why, links, run folders, what need not be opened again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from labbook.logs.discover import Discovery, LeftOut, discover
from labbook.logs.follow import read_source
from labbook.records import SourceState

ITER = "iter 0: loss 4.0000, time 20.00ms, mfu 1.00%\n"


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def reasons(discovery: Discovery) -> dict[str, str]:
    return {Path(path).name: reason for path, reason in discovery.skipped}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.log", "", "nothing written yet"),
        ("a.log", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        ("a.jsonl", '{"prompt": "x", "answer": "y"}\n' * 9, "data, not a log"),
        ("a.jsonl", '{"step": 1, "acc": 0.5}\n' * 9, "accuracies without a loss"),
        ("a.jsonl", '{"loss": 1.5}\n' * 9, "no step"),
        ("a.csv", "step,reward\n1,2\n", "rewards without a loss"),
        ("a.log", "hello\nworld\n", "no format known"),
        ("a.log", b"\x00\x01\x02\x03" * 99, "binary"),
        ("a.log", b"\x1f\x8b\x08\x00" * 99, "gzip"),
        ("train.o4711", "hello\n", "no format known"),
        ("train.o4711", "", "nothing written yet"),
        ("train.log.1", "", "nothing written yet"),
        ("nohup", "hello\n", "no format known"),
        ("a.strange", "hello\n", "no format known"),
        ("metrics.json", '{"loss": [1.5]}', "JSON without log_history"),
        ("a.csv", "step,loss\n1,2.5,9\n2,2.0,9\n", "uneven rows, none of which can be read; line 2: 3 cells"),
    ],
)
def test_what_is_no_log_is_left_out_with_its_sentence(
    tmp_path: Path, name: str, content: str, reason: str
) -> None:
    """Every negative case has its own words."""
    put(tmp_path / name, content)
    found = discover([tmp_path])
    assert found.found == []
    assert reason in reasons(found)[name]


def test_sources_programs_and_settings_are_counted_and_not_listed(tmp_path: Path) -> None:
    """A repository around the logs does not fill the screen."""
    for name in ("train.py", "README.md", "config.yaml", "weights.pt", "config.json", "LICENSE"):
        put(tmp_path / name, "x = 1\n")
    put(tmp_path / "train.log", ITER)
    found = discover([tmp_path])
    assert (len(found.found), found.plain, found.skipped) == (1, 6, [])


@pytest.mark.parametrize(
    "name",
    [
        *("config.json", "generation_config.json", "tokenizer.json", "vocab.json", "args.json"),
        *("model.safetensors.index.json", "package-lock.json", "special_tokens_map.json"),
        *("Makefile", ".gitignore", "main.rs"),
    ],
)
def test_settings_and_what_every_repository_has_are_counted_and_not_listed(tmp_path: Path, name: str) -> None:
    """By their names, as long as no format claims them."""
    put(tmp_path / name, '{"a": 1}\n')
    found = discover([tmp_path])
    assert (found.plain, found.skipped) == (1, [])


def test_the_output_of_a_job_is_scanned_whole(tmp_path: Path) -> None:
    """`train.o4711` promises a log as `train.out` does."""
    filler = "some output of a compiler\n" * 20000
    put(tmp_path / "train.o4711", filler[: len(filler) // 3] + "\n" + ITER + filler[len(filler) // 3 :])
    assert [found.format for found in discover([tmp_path]).found] == ["nanogpt"]


def test_a_labbook_toml_of_a_wrong_shape_is_named_once_for_all_runs(tmp_path: Path) -> None:
    """Not once for each of the three runs it speaks of; the good entry still counts."""
    for name in ("d12-a", "d12-b", "d12-c"):
        put(tmp_path / name / "train.log", ITER)
    path = put(tmp_path / "labbook.toml", 'n_total = 1\n[run."d12-*"]\nn_total = 124e6\nn = -3\n')
    found = discover([tmp_path])
    assert [(issue.code, issue.place) for issue in found.issues] == [("bad-sidecar", str(path))] * 2
    for source in found.found:
        result = read_source(source, None)
        assert result is not None
        assert result[0].parts[0].config == {"given.n_total": "124000000.0"}
        assert result[0].issues == []


def test_links_and_loops_do_not_bring_a_source_twice(tmp_path: Path) -> None:
    """`latest-run` is a link to a run; a link to the parent is no way round in circles."""
    put(tmp_path / "runs" / "a" / "train.log", ITER)
    (tmp_path / "runs" / "latest").symlink_to(tmp_path / "runs" / "a")
    (tmp_path / "runs" / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "runs" / "same.log").symlink_to(tmp_path / "runs" / "a" / "train.log")
    (tmp_path / "runs" / "gone.log").symlink_to(tmp_path / "nowhere")
    found = discover([tmp_path, tmp_path / "runs" / "latest", tmp_path / "runs" / "same.log"])
    assert [source.path for source in found.found] == [(tmp_path / "runs" / "a" / "train.log").resolve()]


def test_installed_packages_and_environments_are_not_searched(tmp_path: Path) -> None:
    """A virtual environment may hold logs of somebody else's tests."""
    put(tmp_path / "env" / "pyvenv.cfg", "")
    put(tmp_path / "env" / "lib" / "train.log", ITER)
    put(tmp_path / "lib" / "site-packages" / "x" / "train.log", ITER)
    put(tmp_path / ".git" / "train.log", ITER)
    found = discover([tmp_path])
    assert found.found == []
    assert reasons(found) == {"env": "a virtual environment", "site-packages": "installed packages"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_listed_with_the_reason_of_the_system(tmp_path: Path) -> None:
    """A permission is a reason, no crash."""
    put(tmp_path / "train.log", ITER).chmod(0)
    assert "Permission denied" in reasons(discover([tmp_path]))["train.log"]


def test_paths_that_are_no_paths_are_answered(tmp_path: Path) -> None:
    """A missing path and an address each get a sentence."""
    found = discover([tmp_path / "nowhere", "https://wandb.ai/me/project"])
    assert [reason for _, reason in found.skipped] == [
        "no such file or folder",
        "labbook reads files: export or download the run first",
    ]


def test_a_record_deep_in_a_long_log_is_found(tmp_path: Path) -> None:
    """The samples of head, middle and tail hold nothing; the file is scanned whole."""
    filler = "some output of a compiler\n" * 20000
    put(tmp_path / "job.out", filler[: len(filler) // 3] + "\n" + ITER + filler[len(filler) // 3 :])
    (found,) = discover([tmp_path]).found
    assert found.format == "nanogpt"
    assert found.evidence[0].place.startswith("line 66")


def test_a_walk_can_be_stopped(tmp_path: Path) -> None:
    """`should_stop` is asked at every folder."""
    for name in "abc":
        put(tmp_path / name / "train.log", ITER)
    asked: list[int] = []

    def after_two() -> bool:
        asked.append(1)
        return len(asked) > 2

    found = discover([tmp_path], after_two)
    assert found.stopped
    assert len(found.found) == 1


def test_a_known_source_is_not_opened_again(tmp_path: Path) -> None:
    """Unchanged and grown sources keep their format without evidence; a replaced one is sniffed anew."""
    path = put(tmp_path / "run" / "train.log", ITER)
    first = discover([tmp_path])
    result = read_source(first.found[0], None)
    assert result is not None and first.found[0].evidence
    known: dict[str, SourceState] = {str(path): result[1]}
    assert discover([tmp_path], known=known).found[0].evidence == ()
    path.write_text(ITER + ITER.replace("0:", "1:"))
    assert discover([tmp_path], known=known).found[0].evidence == ()
    path.write_text("step 7: train loss 1.0000, val loss 2.0000\n")
    assert discover([tmp_path], known=known).found[0].evidence != ()


def test_what_was_left_out_is_looked_at_again_when_it_changes(tmp_path: Path) -> None:
    """A walk remembers its verdicts; an empty log that begins to fill is found."""
    path = put(tmp_path / "train.log", "")
    put(tmp_path / ".notes", "nothing\n")
    left_out: dict[str, LeftOut] = {}
    first, second = (discover([tmp_path], left_out=left_out) for _ in range(2))
    assert first.skipped == second.skipped == [(str(path), "nothing written yet")]
    assert first.plain == second.plain == 1
    assert set(left_out) == {str(path), str(tmp_path / ".notes")}
    path.write_text(ITER)
    assert [found.path for found in discover([tmp_path], left_out=left_out).found] == [path]


def test_a_moved_source_is_known_by_its_head(tmp_path: Path) -> None:
    """A folder that was renamed keeps its runs; a copy beside its original is no move."""
    path = put(tmp_path / "old" / "train.log", ITER * 3)
    result = read_source(discover([tmp_path]).found[0], None)
    assert result is not None
    known = {str(path): result[1]}
    copy = put(tmp_path / "copy" / "train.log", ITER * 3)
    assert {found.moved_from for found in discover([tmp_path], known=known).found} == {None}
    copy.unlink()
    path.parent.rename(tmp_path / "new")
    (moved,) = discover([tmp_path], known=known).found
    assert moved.moved_from == str(path)


def test_run_folders_bring_the_sources_of_one_run_together(
    tmp_path: Path, sample: Callable[[str], Path]
) -> None:
    """W&B below a run, checkpoints of a run, splits of an event log, logs with names of their own."""
    run = tmp_path / "x"
    events, wandb = sample("tensorboard").read_bytes(), sample("wandb").read_bytes()
    state = sample("hf-trainer-state").read_bytes()
    put(run / "a" / "wandb" / "offline-run-20260105_100000-abc" / "run-abc.wandb", wandb)
    put(run / "b" / "wandb" / "run-20260105_100000-abc" / "run-abc.wandb", wandb)
    put(run / "b" / "wandb" / "run-20260106_100000-def" / "run-def.wandb", wandb)
    put(run / "c" / "checkpoint-10" / "trainer_state.json", state)
    put(run / "c" / "trainer_state.json", state)
    put(run / "d" / "train" / "events.out.tfevents.1.node", events)
    put(run / "d" / "validation" / "events.out.tfevents.1.node", events)
    put(run / "e" / "small.log", ITER)
    put(run / "e" / "large.log", ITER)
    put(run / "f" / "train.log", ITER)
    folders = [str(found.folder.relative_to(run)) for found in discover([run]).found]
    assert folders == [
        "a",
        "b/wandb/run-20260105_100000-abc",
        "b/wandb/run-20260106_100000-def",
        "c",
        "c",
        "d",
        "d",
        "e/large",
        "e/small",
        "f",
    ]


def test_a_broken_pattern_of_the_user_is_named_and_the_rest_still_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Own tables win over shipped ones; a broken one is left out with file and key."""
    folder = tmp_path / "config" / "labbook" / "formats"
    put(
        folder / "mine.toml",
        "[mine]\ndetect = ['^it=']\n[[mine.record]]\nline = '^it=(?P<step>\\d+) l=(?P<train>{num})'\n",
    )
    put(folder / "broken.toml", "[broken]\ndetect = ['(']\n[[broken.record]]\nline = 'x'\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    put(tmp_path / "logs" / "mine.log", "it=1 l=3.5\nit=2 l=3.25\n")
    found = discover([tmp_path / "logs"])
    assert [source.format for source in found.found] == ["mine"]
    assert [issue.code for issue in found.issues] == ["broken-pattern"]
    assert "broken.toml: [broken] detect" in found.issues[0].text
    result = read_source(found.found[0], None)
    assert result is not None
    assert list(result[0].parts[0].series["train"].value) == [3.5, 3.25]
