"""The analytic derivatives are the derivatives."""

from operator import attrgetter

import numpy as np
import pytest

from labbook.scaling.form import jacobian, log_loss
from labbook.scaling.laws import FAMILY, Law
from labbook.scaling.objective import Problems, evaluate
from labbook.scaling.points import read_points
from labbook.scaling.starts import rows
from tests.scaling.ladders import grid, random_params

H = 1e-6


def problem(law: Law, seed: int) -> tuple[Problems, np.ndarray]:
    """Three rows near a random truth, each with its own weights, on noisy losses."""
    random = np.random.default_rng(seed)
    N, D = grid()
    params = random_params(law, seed)
    centred = law.centre(read_points(N, D, law.predict(N, D, params)))
    theta = rows(3, law.write(params, centred.centre))
    theta[:, list(law.form.free)] += 0.05 * random.standard_normal((3, law.form.k))
    y = centred.y + 0.02 * random.standard_normal(N.size)
    return Problems(law.form, centred.n, centred.d, y, random.uniform(0.0, 2.0, (3, N.size))), theta


@pytest.mark.parametrize("delta", [np.inf, 1e-2], ids=["least squares", "Huber"])
@pytest.mark.parametrize("law", FAMILY, ids=attrgetter("name"))
def test_gradient_and_hessian_match_central_differences(law: Law, delta: float) -> None:
    """At random valid parameters, for every form and both objectives, to 1e-6."""
    for seed in range(4):
        problems, theta = problem(law, seed)
        here = evaluate(problems, theta, delta)
        for column, coordinate in enumerate(law.form.free):
            up, down = theta.copy(), theta.copy()
            up[:, coordinate] += H
            down[:, coordinate] -= H
            above, below = evaluate(problems, up, delta), evaluate(problems, down, delta)
            slope = (above.value - below.value) / (2 * H)
            bend = (above.gradient - below.gradient) / (2 * H)
            assert here.gradient[:, column] == pytest.approx(slope, abs=1e-6 * np.abs(here.gradient).max())
            assert here.hessian[:, column] == pytest.approx(bend, abs=1e-6 * np.abs(here.hessian).max())


@pytest.mark.parametrize("law", FAMILY, ids=attrgetter("name"))
def test_jacobian_matches_central_differences(law: Law) -> None:
    """d ln f / d theta at the points, to 1e-6."""
    problems, theta = problem(law, 1)
    J = jacobian(law.form, theta[0], problems.n, problems.d)
    for column, coordinate in enumerate(law.form.free):
        up, down = theta[0].copy(), theta[0].copy()
        up[coordinate] += H
        down[coordinate] -= H
        ends = [log_loss(law.form, each, problems.n, problems.d) for each in (up, down)]
        assert J[:, column] == pytest.approx((ends[0] - ends[1]) / (2 * H), abs=1e-6 * np.abs(J).max())


def test_huber_is_a_sum_and_bends_at_delta() -> None:
    """Half the square inside delta, delta (|r| - delta/2) outside, added over points with their weights."""
    law = FAMILY[0]
    problems, theta = problem(law, 2)
    r = log_loss(law.form, theta, problems.n, problems.d) - problems.y
    delta = 0.01
    rho = np.where(np.abs(r) <= delta, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta))
    assert evaluate(problems, theta, delta).value == pytest.approx(
        (problems.weights * rho).sum(axis=1), rel=1e-12
    )
    assert (np.abs(r) > delta).any() and (np.abs(r) < delta).any()
