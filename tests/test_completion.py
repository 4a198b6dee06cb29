"""The parts of a report beyond the verdicts: worked out once and kept."""

import json
from pathlib import Path

import pytest

from labbook.report.json import dumps, fit_json
from labbook.store import Notebook
from labbook.summary import LadderView
from labbook.workbook import Workbook

NOW = 1795320000.0
SIZES = tuple(1e6 * 10 ** (i / 4) for i in range(9))


@pytest.fixture(scope="module")
def constant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine sizes trained at one constant rate on a Chinchilla truth, logged as they go."""
    root = tmp_path_factory.mktemp("constant")
    for N in SIZES:
        folder = root / f"n{N:.2e}"
        folder.mkdir()
        rows = [{"n_params_non_embedding": N, "tokens_per_step": 65536, "max_steps": 40000, "dataset": "books"}]
        for step in range(400, 40001, 400):
            D = step * 65536
            loss = 1.7 + 480 * N**-0.35 + 2000 * D**-0.37
            rows.append({"step": step, "val_loss": loss, "lr": 3e-4, "tokens": D})
        (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return root


def completed(notebook: Notebook, root: Path) -> LadderView:
    """The one ladder of a folder, with everything a report says."""
    with Workbook(notebook, roots=[root], clock=lambda: NOW) as book:
        book.ingest([root])
        (view,) = book.summary().ladders
        return book.completed(view)


def test_curves_of_a_constant_rate_give_the_envelope(constant: Path) -> None:
    """Approach 1 stands beside the others."""
    view = completed(Notebook.open(":memory:"), constant)
    assert len(view.rungs) == len(SIZES)
    ways = {x.name: x for x in view.approaches}
    low, high = ways["envelope"].a_interval or (0.0, 0.0)
    assert low < 0.37 / 0.72 < high
    assert ways["envelope"].a == pytest.approx(0.37 / 0.72, abs=0.03)


def test_a_second_process_looks_up_what_the_first_worked_out(sample_runs: Path, tmp_path: Path) -> None:
    """Same notebook, same runs: fits come out of it without their handles, and say the same."""
    notebook = tmp_path / "notebook"
    runs = sample_runs / "pyloop"
    first = completed(Notebook.open(notebook), runs)
    again = completed(Notebook.open(notebook), runs)
    assert first.comparison is not None and again.comparison is not None
    assert all(fit.handle is not None for fit in first.comparison.fits.values())
    assert all(fit.handle is None for fit in again.comparison.fits.values())
    assert dumps(fit_json(again)) == dumps(fit_json(first))
