"""`labbook fit LADDER --against LADDER`: two recipes at equal compute."""

import io
import json
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from labbook.against import against
from labbook.cli import main
from labbook.resources import resource_dir
from labbook.scaling.laws import law_by_name
from labbook.scaling.values import Refusal
from labbook.store import Notebook
from labbook.summary import LadderView
from labbook.workbook import Workbook
from tests.cli.conftest import Labbook
from tests.scaling.ladders import DESIGNS, TRUTH, cross

OTHER = {**TRUTH, "E": 1.70}


def write(path: Path, recipes: dict[str, dict[str, float]], n: int = 12, loss: str = "loss_c4_val") -> None:
    """A ladder table of finished models, one ladder a data set."""
    N, D = cross(*DESIGNS[n])
    lines = [f"name,dataset,params,tokens,{loss}"]
    for at, (name, params) in enumerate(recipes.items()):
        scatter = np.exp(0.001 * np.random.default_rng(at).standard_normal(N.size))
        losses = law_by_name("chinchilla").predict(N, D, params) * scatter
        rows = enumerate(zip(N, D, losses, strict=True))
        lines += [f"{name}-{i},{name},{n:.0f},{d:.0f},{L:.6f}" for i, (n, d, L) in rows]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recipes of one evaluation in a table, a third of another evaluation; read and fitted."""
    where = tmp_path_factory.mktemp("recipes")
    write(where / "models.csv", {"clean": OTHER, "raw": TRUTH})
    write(where / "elsewhere.csv", {"other": TRUTH}, 6, "loss_ptb")
    with redirect_stdout(io.StringIO()):
        assert main(["--notebook", str(where / "notebook"), "ingest", str(where)]) == 0
        assert main(["--notebook", str(where / "notebook"), "ladders"]) == 0
    return where / "notebook"


@pytest.fixture
def read(labbook: Labbook, notebook: Path) -> Labbook:
    """Runs `labbook WORDS...` on that notebook."""
    return lambda *words: labbook("--notebook", notebook, *words)


def test_the_better_recipe_is_named_at_each_budget(read: Labbook) -> None:
    """Losses, paired interval, allocations, exponents, and what was pooled."""
    ran = read("fit", "clean", "--against", "raw", "--flops", "1e19,1e20,1e24")
    assert ran.code == 0, ran.err
    for words in (
        "A clean",
        "against B raw",
        "A better",
        "beyond both ladders",
        "By which N and D",
        "Exponents",
    ):
        assert words in ran.out
    assert "Paired: 12 pairs of rungs" in ran.out
    assert "overlapping-exponents" in ran.out
    assert "far-extrapolation at C 1.00e24" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 78


def test_json_is_what_its_schema_says(read: Labbook) -> None:
    """The planted difference within its interval; the same keys where it is refused."""
    schema = json.loads((resource_dir("schemas") / "json" / "versus.schema.json").read_text())
    valid = jsonschema.Draft202012Validator(schema)
    found = read("fit", "clean", "--against", "raw", "--json").json
    valid.validate(found)
    assert [found["a"], found["b"]] == ["clean", "raw"]
    assert {at["verdict"] for at in found["budgets"]} == {"A better"}
    assert all(at["difference"] == pytest.approx(OTHER["E"] - TRUTH["E"], abs=0.05) for at in found["budgets"])
    refused = read("fit", "clean", "--against", "other", "--json")
    valid.validate(refused.json)
    assert refused.code == 2
    assert refused.json["refused"]["code"] == "loss-mixed"


def test_other_conventions_are_named_or_refused(notebook: Path) -> None:
    """Another count of N or tokenizer bars the parameters; another tokenizer per token bars the losses too."""
    with Workbook(Notebook.open(notebook)) as book:
        views = {view.key: view for view in book.summary().ladders}
    a, b = views["clean"], views["raw"]

    def codes(one: LadderView, other: LadderView) -> list[str]:
        found = against(one, other, [1e19]).found
        return [found.code] if isinstance(found, Refusal) else [warned.code for warned in found.warnings]

    assert codes(a, b) == ["overlapping-exponents"]
    assert codes(replace(a, n_kind="n_other"), b) == ["overlapping-exponents", "cross-ladder-constants"]
    one, other = (replace(view, recipe=(("tokenizer", name),)) for view, name in ((a, "gpt2"), (b, "llama")))
    assert codes(one, other) == ["loss-mixed"]
    one, other = (replace(view, loss_unit="nats/byte") for view in (one, other))
    assert codes(one, other) == ["overlapping-exponents", "cross-ladder-constants"]
    assert codes(one, b) == ["loss-mixed"]
    assert codes(replace(a, comparison=None), b) == ["no-law"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("fit", "clean", "--against", "other"), 2, "evaluation set"),
        (("fit", "clean", "--against", "clean"), 64, "name two ladders"),
        (("fit", "--against", "raw"), 64, "labbook fit LADDER --against LADDER"),
        (("fit", "clean", "--against", "nothing"), 64, "no ladder 'nothing'"),
        (("fit", "clean", "--against", "raw", "--flops", "much"), 64, "--flops: not a size"),
        (("fit", "clean", "--against", "raw", "--flops", "-1"), 64, "must be positive"),
    ],
)
def test_what_cannot_be_compared_is_one_line(read: Labbook, words, code: int, says: str) -> None:
    """Why, and what to try next."""
    ran = read(*words)
    assert (ran.code, says in ran.err) == (code, True), ran.err
