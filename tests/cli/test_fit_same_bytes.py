"""The same table gives the same bytes, in any process."""

import os
import subprocess
import sys
from pathlib import Path

import labbook
from tests.scaling.ladders import DESIGNS, TRUTH, cross, plant


def printed(table: Path, hash_seed: str, threads: str) -> bytes:
    """What `labbook fit TABLE --json` writes in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "labbook", "fit", str(table), "--json", "--notebook", ":memory:"],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(labbook.__file__).parents[1]),
            "PYTHONHASHSEED": hash_seed,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
        },
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_hash_seed_and_no_number_of_threads_changes_a_byte(tmp_path: Path) -> None:
    """Every law, interval, verdict and draw of twelve rungs, and the method block."""
    ladder = plant("chinchilla", TRUTH, *cross(*DESIGNS[12]), 0.004)
    rows = [f"r{i},{n:.0f},{d:.0f},{loss:.17g}" for i, (n, d, loss) in enumerate(zip(*ladder, strict=True))]
    table = tmp_path / "ladder.csv"
    table.write_text("\n".join(["run,params,tokens,val_loss", *rows]) + "\n")
    one = printed(table, "0", "1")
    assert len(one) > 10_000
    assert printed(table, "77", "2") == one
