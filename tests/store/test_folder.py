"""Where a notebook is, and what is said where none can be."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from labbook.errors import NotebookError
from labbook.store import Notebook, SourceWrite
from labbook.store import folder as places

Source = Callable[..., SourceWrite]
NOBODY = 65534


@pytest.fixture
def anyones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that any user reaches."""
    import shutil
    import tempfile

    path = Path(tempfile.mkdtemp(prefix="labbook-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def as_nobody(work: Callable[[], None]) -> None:
    """Run `work` in a child that may not do everything; its assertions count here."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.getuid() == 0:
                os.setuid(NOBODY)
            work()
            code = 0
        except BaseException as error:  # noqa: BLE001  told to the parent
            os.write(write, repr(error).encode())
        finally:
            os._exit(code)
    os.close(write)
    _, status = os.waitpid(child, 0)
    said = os.read(read, 10_000).decode()
    os.close(read)
    assert os.waitstatus_to_exitcode(status) == 0, said


def test_a_notebook_is_a_private_folder(folder: Path) -> None:
    """Its owner alone may look into it, and there is a line for the curious."""
    with Notebook.open(folder) as notebook:
        assert notebook.where == str(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {file.name for file in folder.iterdir()} == {"labbook.duckdb", "lock", "gate", "stamp", "README"}
    assert len((folder / "README").read_text().splitlines()) == 1


def test_the_default_is_under_xdg_data_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Else under ~/.local/share; LABBOOK_NOTEBOOK names another, and an argument wins."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert places.locate(None) == tmp_path / "data" / "labbook" / "notebook"
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert places.locate(None) == tmp_path / "home" / ".local" / "share" / "labbook" / "notebook"
    monkeypatch.setenv("LABBOOK_NOTEBOOK", "~/other")
    assert places.locate(None) == tmp_path / "home" / "other"
    assert places.locate(tmp_path / "named") == tmp_path / "named"
    monkeypatch.setenv("LABBOOK_NOTEBOOK", ":memory:")
    assert places.locate(None) is None


def test_memory_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Source) -> None:
    """Not even a spill folder where labbook was started."""
    monkeypatch.chdir(tmp_path)
    with Notebook.open(":memory:") as notebook:
        notebook.write([source("/r/a.log", train=[(k, 1.0) for k in range(1000)])], 1.0)
        notebook.compact()
        assert (notebook.where, notebook.sizes().bytes, notebook.sizes().points) == (":memory:", 0, 1000)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_refused_with_the_way_out(folder: Path, tmp_path: Path) -> None:
    """A table given by mistake is not touched; the database inside a notebook names its folder."""
    table = tmp_path / "runs.csv"
    table.write_text("N,D\n")
    with pytest.raises(NotebookError, match="is a file; a notebook is a folder") as caught:
        Notebook.open(table)
    assert "--notebook" in caught.value.hint
    assert table.read_text() == "N,D\n"
    Notebook.open(folder).close()
    with pytest.raises(NotebookError) as caught:
        Notebook.open(folder / "labbook.duckdb")
    assert str(folder) in caught.value.hint


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    """Nothing is written beside somebody's logs."""
    (tmp_path / "train.log").write_text("step 1\n")
    with pytest.raises(NotebookError, match="other things in it"):
        Notebook.open(tmp_path, fallback_memory=True)
    assert [file.name for file in tmp_path.iterdir()] == ["train.log"]


@pytest.mark.parametrize("content", [b"", b"hello\n" * 5000], ids=["empty", "junk"])
def test_a_file_that_is_no_database_is_left_alone(folder: Path, content: bytes) -> None:
    """It is named, and stays as it was."""
    folder.mkdir()
    database = folder / "labbook.duckdb"
    database.write_bytes(content)
    with pytest.raises(NotebookError, match="is not a DuckDB database"):
        Notebook.open(folder, fallback_memory=True)
    assert database.read_bytes() == content


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_database_is_said_to_be_damaged(folder: Path, source: Source, damage: str) -> None:
    """A cut or changed block is noticed by its checksum and never read as points."""
    with Notebook.open(folder) as notebook:
        notebook.write([source("/r/a.log", train=[(k, k / 7) for k in range(20_000)])], 1.0)
    database = folder / "labbook.duckdb"
    content = bytearray(database.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    else:
        for place in range(12_288, len(content), 4096):
            content[place] ^= 0xFF
    database.write_bytes(content)

    def read() -> None:
        with Notebook.open(folder) as notebook:
            (run,) = notebook.runs()
            notebook.curves([(run.run_id, "train", run.sources[0].path)])

    with pytest.raises(NotebookError, match="is damaged") as caught:
        read()
    assert "move it away" in caught.value.hint


def test_another_programs_database_is_refused(folder: Path) -> None:
    """A DuckDB file with other tables gets none of ours."""
    folder.mkdir()
    with duckdb.connect(str(folder / "labbook.duckdb")) as connection:
        connection.execute("create table theirs (x integer)")
    with pytest.raises(NotebookError, match="not a labbook notebook"):
        Notebook.open(folder)


def test_a_database_open_in_another_program_is_named(folder: Path) -> None:
    """Whoever opened the file without the lock is told by program and pid."""
    import subprocess
    import sys

    Notebook.open(folder).close()
    database = str(folder / "labbook.duckdb")
    script = f"import duckdb; c = duckdb.connect({database!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "open\n"
        with pytest.raises(NotebookError, match=f"open in another program.*pid {other.pid}"):
            Notebook.open(folder)
        other.communicate("\n")


def test_a_notebook_that_was_removed_is_said_to_be_gone(folder: Path, source: Source) -> None:
    """An app left open over a removed notebook neither crashes nor writes into nothing."""
    with Notebook.open(folder) as notebook:
        (folder / "labbook.duckdb").unlink()
        with pytest.raises(NotebookError, match="is gone"):
            notebook.runs()
        with pytest.raises(NotebookError, match="is gone"):
            notebook.write([source("/r/a.log", train=[(1, 1.0)])], 1.0)
    assert not (folder / "labbook.duckdb").exists()


def test_a_half_made_notebook_is_made_again(folder: Path) -> None:
    """A kill while the database was being made leaves nothing that stands in the way."""
    folder.mkdir()
    (folder / "labbook.duckdb.new").write_bytes(b"half")
    (folder / "labbook.duckdb.new.wal").write_bytes(b"half")
    with Notebook.open(folder) as notebook:
        assert notebook.runs() == []


def test_a_place_that_cannot_be_written_gives_memory_and_says_so(anyones: Path) -> None:
    """Without the fallback it is an error with the way out."""

    def work() -> None:
        with pytest.raises(NotebookError, match="cannot be written"):
            Notebook.open(anyones / "mine")
        with Notebook.open(anyones / "mine", fallback_memory=True) as notebook:
            assert "cannot be written" in notebook.note and "empty notebook in memory" in notebook.note
            assert notebook.runs() == []

    anyones.chmod(0o555)
    Notebook.open(":memory:").close()
    as_nobody(work)


def test_a_folder_closed_to_us_gives_memory(anyones: Path) -> None:
    """Somebody else's private notebook."""
    with Notebook.open(anyones / "theirs"):
        pass

    def work() -> None:
        with pytest.raises(NotebookError, match="cannot be written"):
            Notebook.open(anyones / "theirs")
        with Notebook.open(anyones / "theirs", fallback_memory=True) as notebook:
            assert "empty notebook in memory" in notebook.note

    (anyones / "theirs").chmod(0o000 if os.getuid() else 0o700)
    Notebook.open(":memory:").close()
    as_nobody(work)
    (anyones / "theirs").chmod(0o700)


@pytest.mark.parametrize("has_lock", [True, False])
def test_a_read_only_notebook_is_worked_on_as_a_copy(anyones: Path, source: Source, has_lock: bool) -> None:
    """Another's notebook can be looked at and played with; it stays as it is."""
    shared = anyones / "notebook"
    with Notebook.open(shared) as notebook:
        notebook.write([source("/r/a.log", train=[(1, 5.0), (2, 4.0)])], 1.0)
        notebook.give([notebook.runs()[0].run_id], {"n": "6M"}, 1.0)
        expected = repr(notebook.runs())
    shared.chmod(0o555)
    for file in shared.iterdir():
        file.chmod(0o444)
    if not has_lock:
        (shared / "lock").unlink()
        (shared / "gate").unlink()
    before = (shared / "labbook.duckdb").read_bytes()

    def work() -> None:
        with Notebook.open(shared, fallback_memory=True) as copy:
            assert repr(copy.runs()) == expected
            assert "a copy of it in memory" in copy.note
            news = source("/r/a.log", train=[(3, 3.0)], offset=200, base=(100, 1))
            assert copy.write([news], 2.0) == 0
            assert copy.runs()[0].latest[0].points == 3

    Notebook.open(":memory:").close()
    as_nobody(work)
    assert (shared / "labbook.duckdb").read_bytes() == before
    with Notebook.open(shared) as notebook:
        assert repr(notebook.runs()) == expected


def test_an_ingest_that_might_not_fit_is_refused_first(folder: Path) -> None:
    """Twice the batch and 64 MB have to be free; the line says how much there is."""
    with Notebook.open(folder) as notebook:
        notebook.require_space(1)
        with pytest.raises(NotebookError, match=r"MB free; \d+ MB are needed"):
            notebook.require_space(2**60)
