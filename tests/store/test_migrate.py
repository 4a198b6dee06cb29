"""Notebooks of earlier versions are brought along, those of later ones are refused."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from labbook.errors import NotebookError
from labbook.resources import resource_dir
from labbook.store import Notebook, SourceWrite
from labbook.store.migrate import migrations

Source = Callable[..., SourceWrite]


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """The first version's tables alone."""
    folder = tmp_path / "schemas"
    folder.mkdir()
    shutil.copy(resource_dir("schemas") / "001_store.sql", folder)
    return folder


def add_second(schemas: Path, sql: str) -> None:
    (schemas / "002_more.sql").write_text(sql)


GOOD = "alter table runs add column host varchar; create table extra (x integer); insert into extra values (7);"


def test_a_first_version_notebook_is_brought_along(folder: Path, schemas: Path, source: Source) -> None:
    """What it holds stays, the new tables are there, and each change is recorded once."""
    with Notebook.open(folder, schemas=schemas) as notebook:
        notebook.write([source("/r/a.log", train=[(1, 5.0)])], 1.0)
        before = repr(notebook.runs())
        stamp = notebook.stamp()
    add_second(schemas, GOOD)
    for _ in range(2):
        with Notebook.open(folder, schemas=schemas) as notebook:
            assert repr(notebook.runs()) == before
            assert notebook.query("from extra").rows == [(7,)]
            rows = notebook.query("select version, name from migrations order by 1").rows
            assert rows == [(1, "001_store"), (2, "002_more")]
            assert notebook.stamp() != stamp


def test_a_change_that_fails_changes_nothing(folder: Path, schemas: Path) -> None:
    """Its own transaction is rolled back, and the notebook works as before."""
    Notebook.open(folder, schemas=schemas).close()
    add_second(schemas, "create table extra (x integer); insert into nowhere values (1);")
    with pytest.raises(NotebookError, match="nowhere"):
        Notebook.open(folder, schemas=schemas)
    (schemas / "002_more.sql").unlink()
    with Notebook.open(folder, schemas=schemas) as notebook:
        assert notebook.query("select count(*) from duckdb_tables() where table_name = 'extra'").rows == [(0,)]


def test_a_newer_notebook_is_refused(folder: Path, schemas: Path) -> None:
    """With one clear line, on opening and for an app that was open while another labbook upgraded it."""
    with Notebook.open(folder) as old_app:
        add_second(schemas, GOOD)
        Notebook.open(folder, schemas=schemas).close()
        for visit in (
            lambda: Notebook.open(folder),
            old_app.runs,
            lambda: old_app.give(["x"], {"n": "1"}, 1.0),
        ):
            with pytest.raises(NotebookError, match="newer labbook") as caught:
                visit()
            assert "upgrade labbook" in caught.value.hint


def test_compacting_brings_the_tables_along(folder: Path, schemas: Path, source: Source) -> None:
    """The rewritten notebook has the same rows, changes and views."""
    add_second(schemas, GOOD)
    with Notebook.open(folder, schemas=schemas) as notebook:
        notebook.write([source("/r/a.log", train=[(2, 5.0), (1, 4.0)])], 1.0)
        before = repr(notebook.runs()), notebook.query("from curve order by step").rows
        sizes = notebook.compact()
        assert (sizes.points, sizes.unsorted) == (2, 0)
        assert (repr(notebook.runs()), notebook.query("from curve order by step").rows) == before
        assert notebook.query("from extra").rows == [(7,)]
        assert notebook.query("select count(*) from migrations").rows == [(2,)]


def test_the_tables_run_on_a_lake() -> None:
    """No keys, indexes, sequences, enums or checks: DuckLake has none of them."""
    for change in migrations():
        statements = "\n".join(line.split("--")[0] for line in change.sql.lower().splitlines())
        for word in ("primary", "unique", "index", "sequence", "enum", "check", "timestamptz", "references"):
            assert word not in statements.split(), f"{word} in {change.name}"


def test_files_are_numbered_without_gaps() -> None:
    """So that the largest number says how far a notebook is."""
    assert [change.version for change in migrations()] == list(range(1, len(migrations()) + 1))
