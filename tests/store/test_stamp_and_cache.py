"""How a screen notices news, and results that are kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

import labbook.store.cache
from labbook.store import Notebook, SourceWrite

Source = Callable[..., SourceWrite]
EITHER = pytest.mark.parametrize("notebook", ["folder", "memory"], indirect=True)


def test_the_stamp_changes_with_every_commit_of_anyone(folder: Path, source: Source) -> None:
    """Points and typed values change it for every open notebook; looking and keeping results does not."""
    with Notebook.open(folder) as mine, Notebook.open(folder) as theirs:
        stamps = [mine.stamp()]
        theirs.write([source("/r/a.log", train=[(1, 5.0)])], 1.0)
        stamps.append(mine.stamp())
        theirs.give(["x"], {"n": "1"}, 1.0)
        stamps.append(mine.stamp())
        assert len(set(stamps)) == 3
        mine.runs()
        mine.curves([("x", "train", "/r/a.log")])
        mine.cache_put("fit", "d", "value", 1.0)
        mine.compact()
        assert mine.stamp() == theirs.stamp() == stamps[-1]


def test_the_stamp_of_memory(source: Source) -> None:
    """The same without a folder."""
    with Notebook.open(":memory:") as notebook:
        first = notebook.stamp()
        notebook.cache_put("fit", "d", "value", 1.0)
        assert notebook.stamp() == first
        notebook.write([source("/r/a.log", train=[(1, 5.0)])], 1.0)
        assert notebook.stamp() != first


@EITHER
def test_a_result_is_kept_under_its_digest(notebook: Notebook) -> None:
    """A newer value replaces the older; another kind or digest has its own."""
    assert notebook.cache_get("fit", "a") is None
    notebook.cache_put("fit", "a", '{"E": 1.69, "text": "漢\'"}', 1.0)
    notebook.cache_put("fit", "a", '{"E": 1.70}', 2.0)
    notebook.cache_put("forecast", "a", "other", 2.0)
    assert notebook.cache_get("fit", "a") == '{"E": 1.70}'
    assert notebook.cache_get("forecast", "a") == "other"
    assert notebook.cache_get("fit", "b") is None


def test_results_of_another_version_do_not_count(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A labbook that computes differently computes again."""
    notebook.cache_put("fit", "a", "old", 1.0)
    monkeypatch.setattr(labbook.store.cache, "__version__", "99.0")
    assert notebook.cache_get("fit", "a") is None


def test_the_oldest_results_go_first(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept stays within its bound; one result larger than that is not kept at all."""
    monkeypatch.setattr(labbook.store.cache, "MOST_BYTES", 1000)
    for k in range(15):
        notebook.cache_put("fit", str(k), "x" * 100, float(k))
    kept = [k for k in range(15) if notebook.cache_get("fit", str(k))]
    assert kept == list(range(5, 15))
    notebook.cache_put("fit", "large", "x" * 1001, 20.0)
    assert notebook.cache_get("fit", "large") is None
    assert notebook.sizes().cache_bytes <= 1000
