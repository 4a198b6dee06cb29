"""Which rungs are the same point of a ladder."""

import random
from dataclasses import replace

import pytest

from labbook.rung import Rung, cells, close, same_epochs
from labbook.summary import Level

LEVEL = Level(3.0, None, "val", "last", None, 1)


def rung(place: int, N: float, D: float, epochs: float | None = None) -> Rung:
    """A rung by its place."""
    return Rung(str(place), f"run {place}", N, D, 6 * N * D, 3.0, LEVEL, epochs)


def first_that_fits(rungs: list[Rung]) -> list[list[Rung]]:
    """The definition: in order, each joins the first cell whose first rung is the same point."""
    found: list[list[Rung]] = []
    for one in sorted(rungs, key=lambda r: (r.N, r.D, r.name, r.run_id)):
        for cell in found:
            if close(cell[0].N, one.N) and close(cell[0].D, one.D) and same_epochs(cell[0], one):
                cell.append(one)
                break
        else:
            found.append([one])
    return found


@pytest.mark.parametrize("seed", range(40))
def test_cells_are_the_first_that_fit(seed: int) -> None:
    """Also where sizes and lengths lie at 1 % of each other, above and below."""
    draw = random.Random(seed)
    sizes = [1e8 * 1.004 ** draw.randrange(40) for _ in range(8)] + [1e8, 1.01e8, 0.99e8, 1e8 / 0.99]
    lengths = [1e9 * 1.0049 ** draw.randrange(40) for _ in range(8)] + [1e9, 0.99e9, 1e9 / 0.99]
    epochs = (None, None, 1.0, 1.005, 4.0)
    rungs = [rung(i, draw.choice(sizes), draw.choice(lengths), draw.choice(epochs)) for i in range(80)]
    assert cells(rungs) == first_that_fits(rungs)
    draw.shuffle(rungs)
    assert cells(rungs) == first_that_fits(rungs)


def test_epochs_tell_cells_apart_where_both_are_known() -> None:
    """Unknown epochs agree with any."""
    once, often, unknown = rung(0, 1e8, 1e9, 1.0), rung(1, 1e8, 1e9, 4.0), rung(2, 1e8, 1e9)
    assert cells([once, often]) == [[once], [often]]
    assert cells([once, often, unknown]) == [[once, unknown], [often]]
    assert cells([replace(once, epochs=None), often]) == [[replace(once, epochs=None), often]]
