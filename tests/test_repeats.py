"""A ladder's runs to the law of repeated data: which of them count, and by what tokens and loss."""

import math

from labbook.ladder import Ladder, build
from labbook.recipe import Candidate
from labbook.repeats import repeated_of
from labbook.scaling.laws.repeated import LAW, PUBLISHED
from labbook.scaling.values import Refusal, RepeatedFit
from tests.test_ladder import candidate, level

TRUTH = {**PUBLISHED, "R_D": 6.0, "R_N": 4.0}


def run(N: float, U: float, epochs: float, **changes: object) -> Candidate:
    """A finished run of the planted law."""
    loss = float(LAW.predict([N], [U * epochs], [U], TRUTH)[0])
    name = f"{N:g}-{U:g}-{epochs:g}"
    return candidate(name, N, U * epochs, loss, **{"unique_tokens": U, **changes})


def members() -> list[Candidate]:
    """Runs of one to twenty epochs of two amounts of data."""
    sizes = (2e7, 8e7, 3e8, 1.2e9)
    return [run(N, U, epochs) for N in sizes for U in (2e8, 1e9) for epochs in (1.0, 4.0, 20.0)]


def found(runs: list[Candidate]) -> RepeatedFit | Refusal | None:
    """Of the ladder those runs are."""
    ladder: Ladder = build("books", runs)
    return repeated_of(ladder)


def test_tokens_seen_and_the_final_loss_count() -> None:
    """Not the unique tokens, not the lowest loss, whatever the ladder's reading: the planted law comes back."""
    fit = found(members())
    assert isinstance(fit, RepeatedFit)
    assert (fit.n, fit.n_repeated) == (24, 16)
    assert math.isclose(fit.params["R_D"], 6.0, rel_tol=1e-6)


def test_a_ladder_of_one_epoch_has_nothing_to_say() -> None:
    """No run is known to repeat its data: nothing is shown, which is no refusal."""
    assert found([run(N, U, 1.0) for N in (2e7, 8e7) for U in (2e8, 1e9)]) is None
    assert found([candidate(name, N) for name, N in (("a", 1e7), ("b", 3e7))]) is None


def test_runs_left_out_of_the_ladder_are_left_out_here() -> None:
    """A broken run, one without a usable final loss and one set aside by hand do not count."""
    wrong = [
        run(4e7, 2e8, 2.0, broken="nan from step 412"),
        run(5e7, 2e8, 2.0, last=level(math.inf)),
        run(6e7, 2e8, 2.0, set_aside="by hand"),
    ]
    fit = found([*members(), *wrong])
    assert isinstance(fit, RepeatedFit)
    assert fit.n == 24


def test_a_run_of_unknown_data_is_named() -> None:
    """Where others repeat their data, a run whose unique tokens are not known stops the fit and is named."""
    refused = found([*members(), run(4e7, 2e8, 2.0, unique_tokens=None)])
    assert isinstance(refused, Refusal)
    assert refused.code == "no-unique-tokens"
    assert "4e+07-2e+08-2" in refused.text
