"""How long a plan takes. Run with `pytest tests/bench/test_bench_plan.py --benchmark-enable`."""

from pytest_benchmark.fixture import BenchmarkFixture

from labbook.scaling.compare import compare
from labbook.scaling.next_run import next_runs
from labbook.scaling.plan import Question, plan
from labbook.scaling.planned import Plan
from labbook.scaling.values import NextRuns
from tests.bench.test_bench_scaling import ladder


def test_plan_of_30_rungs(benchmark: BenchmarkFixture) -> None:
    """Four laws, every option, the fits there already. Goal: 500 ms."""
    rungs = ladder(6, 5)
    comparison = compare(*rungs)
    asked = Question("compute", 1e23, at=(7e9, 2e12), served=1e12)
    assert isinstance(benchmark(plan, comparison, *rungs, asked), Plan)


def test_fits_and_plan_of_30_rungs(benchmark: BenchmarkFixture) -> None:
    """From the rungs on, as the first plan of a ladder is made. Goal: 500 ms for the plan, 300 for the fits."""
    rungs = ladder(6, 5)

    def walk() -> object:
        return plan(compare(*rungs), *rungs, Question("compute", 1e23))

    assert isinstance(benchmark(walk), Plan)


def test_next_run_of_30_rungs(benchmark: BenchmarkFixture) -> None:
    """Some fifty candidates by four laws; no goal."""
    rungs = ladder(6, 5)
    assert isinstance(benchmark(next_runs, compare(*rungs), *rungs), NextRuns)
