"""Imports point one way, each heavy library has one owner, and quick commands start without the heavy ones."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import labbook

PACKAGE = Path(labbook.__file__).parent

GROUND = {
    "__version__",
    "records",
    "quantities",
    "errors",
    "text",
    "resources",
    "summary",
    "choices",
    "scaling.values",
    "__init__",
    "duck",
    "conventions",
}
MAY_IMPORT = {
    "logs": {"logs"},
    "store": {"store"},
    "scaling": {"scaling"},
    "triage": {"triage"},
    "recipe": {"recipe"},
    "rung": set(),
    "pitfalls": {"recipe", "rung", "scaling"},
    "ladder": {"recipe", "rung", "pitfalls", "ladder"},
    "method": {"recipe", "rung", "ladder", "method"},
    "sensitivity": {"scaling"},
    "analysis": {"recipe", "rung", "ladder", "method", "analysis", "scaling", "sensitivity"},
    "resampling": {"results", "analysis", "scaling"},
    "planning": {"analysis", "planning", "scaling"},
    "other_choices": {"analysis", "ladder", "rung", "scaling"},
    "completion": {"other_choices", "analysis", "approaches", "ladder", "repeats", "results", "scaling"},
    "planned_rate": {"logs", "triage"},
    "forecast_inputs": {"ladder", "logs", "measure", "planned_rate", "store", "triage", "views"},
    "forecasting": {"forecast_inputs", "ladder", "measure", "results", "store", "triage", "views"},
    "backtesting": {"triage"},
    "opinion": {"analysis", "scaling"},
    "lineup": {"analysis", "ladder", "triage", "views"},
    "filter": {"filter"},
    "selection": {"selection"},
    "background": set(),
    "shelf": {"store"},
    "results": {"store", "snapshot"},
    "approaches": {"scaling"},
    "repeats": {"recipe", "rung", "ladder", "scaling"},
    "steps": {"recipe", "rung", "ladder", "scaling"},
    "curvefit": {"scaling"},
    "metricfit": {"scaling"},
    "against": {"analysis", "scaling"},
    "homes": {"logs", "store", "shelf"},
    "intake": {"logs", "store", "background", "shelf", "homes"},
}
OWNERS = {
    "duckdb": {"duck"},
    "scipy": {"scaling", "triage"},
    "plotext": {"report"},
    "textual": {"tui"},
    "rich": {"tui"},
}


@cache
def modules() -> list[tuple[str, tuple[str, ...]]]:
    """Every module of the package by its dotted name below labbook, with what it imports."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found.append((name.removesuffix(".__init__"), tuple(imports(ast.parse(path.read_text())))))
    return found


def imports(tree: ast.Module) -> Iterator[str]:
    """Modules a module imports anywhere, those for annotations only left out."""
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "labbook":
                yield from (f"labbook.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("floor", MAY_IMPORT)
def test_a_floor_imports_only_what_is_below_it(floor: str) -> None:
    """logs, store, scaling and triage do not know each other; nothing below knows a screen."""
    wrong = []
    for name, targets in modules():
        if name.split(".")[0] != floor:
            continue
        for target in targets:
            inner = target.removeprefix("labbook.")
            if not target.startswith("labbook.") or inner in GROUND:
                continue
            if inner.split(".")[0] not in MAY_IMPORT[floor]:
                wrong.append(f"{name} imports {target}")
    assert wrong == []


@pytest.mark.parametrize("front", ["cli", "tui"])
def test_nothing_below_imports_a_front_end(front: str) -> None:
    """The core has no screen: only the console entry point and the front ends know cli and tui."""
    wrong = [
        f"{name} imports {target}"
        for name, targets in modules()
        for target in targets
        if target.startswith(f"labbook.{front}") and name.split(".")[0] not in ("cli", "tui", "__main__")
    ]
    assert wrong == []


@pytest.mark.parametrize("library", OWNERS)
def test_each_library_has_one_owner(library: str) -> None:
    """DuckDB in one module, plotext in the plots, Textual in the app, SciPy in the numbers."""
    found = {name.split(".")[0] for name, targets in modules() for t in targets if t.split(".")[0] == library}
    assert found <= OWNERS[library]


def loaded_after(*words: str) -> set[str]:
    """Top-level modules a fresh interpreter holds after a command line."""
    code = (
        "import sys; from labbook.cli import main; "
        f"code = main({list(words)!r}); "
        "print('\\n' + ' '.join({m.split('.')[0] for m in sys.modules})); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_starts_without_anything_heavy() -> None:
    """`labbook --help` answers at once on a login node."""
    assert not loaded_after("--help") & {"numpy", "scipy", "duckdb", "textual", "rich", "plotext", "yaml"}


@pytest.mark.parametrize(
    "command",
    ["demo", "ingest", "runs", "show", "set", "ladders", "fit", "triage", "export", "forecast", "backtest"],
)
def test_help_of_a_command_starts_without_anything_heavy(command: str) -> None:
    """So does the help of each command."""
    assert not loaded_after(command, "--help") & {"numpy", "scipy", "duckdb", "textual", "rich", "plotext"}


def test_runs_starts_without_scipy_and_textual(tmp_path: Path, sample_runs: Path) -> None:
    """`labbook runs` reads the notebook and nothing else, even when the ladder has to be fitted."""
    notebook = str(tmp_path / "notebook")
    loaded = loaded_after("--notebook", notebook, "runs", str(sample_runs / "hf"))
    assert "duckdb" in loaded
    assert not loaded & {"scipy", "textual", "rich", "plotext"}
