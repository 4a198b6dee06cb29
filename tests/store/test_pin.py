"""What the store takes for granted of DuckDB and of imports."""

import subprocess
import sys

import duckdb

from labbook import duck


def test_duckdb_is_older_than_2() -> None:
    """DuckDB 2.0 reads the file's headers before it takes the lock.

    A process that opens the file while another one commits starts from the old headers and overwrites the
    commit without an error. Before this pin is lifted, delay the lock call of one process, commit in a
    second one meanwhile, and see that the first keeps the second's rows.
    """
    assert int(duckdb.__version__.split(".")[0]) < 2


def test_looking_at_the_runs_imports_nothing_heavy() -> None:
    """`labbook runs` starts without numpy, and typing a value needs none either."""
    script = (
        "import sys; from labbook.store import Notebook\n"
        "with Notebook.open(':memory:') as n: n.runs(); n.sources(); n.give(['x'], {'n': '1'}, 1.0)\n"
        "print(*{'numpy', 'scipy', 'textual', 'pandas', 'pyarrow'} & set(sys.modules))"
    )
    heavy = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert heavy.split() == []


def test_connections_stay_off_the_network_and_leave_cores() -> None:
    """No extension is looked for, and a login node keeps its cores and memory."""
    connection = duck.connect_memory()
    names = (
        "autoinstall_known_extensions",
        "autoload_known_extensions",
        "enable_progress_bar",
        "threads",
        "temp_directory",
    )
    values = connection.execute(f"select {', '.join(f'current_setting({n!r})' for n in names)}").fetchone()
    connection.close()
    assert values == (False, False, False, 2, "")
