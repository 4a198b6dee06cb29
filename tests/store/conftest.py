"""Notebooks, sources made by hand, and the follower that other processes run."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from labbook.records import Fingerprint, Issue, RunPart, SourceState
from labbook.store import Notebook, SourceWrite

Rows = Sequence[tuple[float, float]]
FOLLOWING = Path(__file__).parent / "following.py"


@pytest.fixture(scope="session")
def following() -> ModuleType:
    """The follower, as a module; `following.__file__` is the script."""
    spec = importlib.util.spec_from_file_location("following", FOLLOWING)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the test's notebook is."""
    return tmp_path / "notebook"


@pytest.fixture
def notebook(request: pytest.FixtureRequest, folder: Path) -> Iterator[Notebook]:
    """An empty notebook: in memory, or where the test's parameter says "folder"."""
    kind = getattr(request, "param", "memory")
    with Notebook.open(folder if kind == "folder" else ":memory:") as opened:
        yield opened


@pytest.fixture
def source() -> Callable[..., SourceWrite]:
    """Makes the news of one source: `source("/r/a.log", train=[(step, value), ...])`."""
    return _source


def _source(
    path: str,
    *,
    identity: str | None = None,
    name: str | None = None,
    offset: int = 100,
    base: tuple[int, int] = (0, 0),
    replaces: bool = False,
    mtime: float = 1000.0,
    part: RunPart | None = None,
    issues: Sequence[Issue] = (),
    **series: Rows,
) -> SourceWrite:
    part = part or RunPart()
    for key, rows in series.items():
        for step, value in rows:
            part.points(key).append(step, value)
    state = SourceState(path, "plain", Fingerprint(1, 2, offset, mtime, 10, "d"), offset=offset)
    own_name = name or path.rsplit("/", 1)[-1]
    runs = [(identity or path, own_name, path.rsplit("/", 1)[0], part)]
    return SourceWrite(state, runs, list(issues), replaces, *base)
