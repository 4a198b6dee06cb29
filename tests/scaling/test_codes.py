"""Every code that is given is listed and explained, and every listed code is given somewhere."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import labbook
from labbook.scaling.codes import CODES, code_named, is_rounded, near, of_paper, warned
from labbook.scaling.laws.chinchilla import BESIROGLU, HOFFMANN

PACKAGE = Path(labbook.__file__).parent
GIVERS = {"Warned", "warned", "warn", "refuse", "Refusal", "NoForecast", "LeftOut"}
NOT_YET: dict[str, str] = {}
"""Codes nothing gives, with the reason."""
LISTED = {code.code for code in CODES}


def texts(node: ast.expr) -> Iterator[str]:
    """Texts an expression may be; of one with figures in it the part before the first."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)
    elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
        yield str(node.values[0].value).rstrip(":")


@dataclass
class Codes:
    """What the package's modules say."""

    given: set[str] = field(default_factory=set)
    """`module: code` of every warning, refusal and run left out that names its code."""
    said: set[str] = field(default_factory=set)
    """Every listed code that stands in any module but the one that lists them."""


@pytest.fixture(scope="module")
def package() -> Codes:
    """Every module of the package, read once; readers of logs leave out files, which have no code."""
    found = Codes()
    for path in sorted(PACKAGE.rglob("*.py")):
        where, source = str(path.relative_to(PACKAGE)), path.read_text("utf-8")
        if where != "scaling/codes.py":
            found.said |= {code for code in LISTED if f'"{code}"' in source or f'"{code}:' in source}
        if not where.startswith("logs/") and any(f"{giver}(" in source for giver in GIVERS):
            calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
            found.given |= {f"{where}: {code}" for call in calls for code in given(call)}
    return found


def given(call: ast.Call) -> Iterator[str]:
    """The code a call gives: its first argument, of a run left out the third."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    at = 2 if name == "LeftOut" else 0
    if name in GIVERS and len(call.args) > at:
        yield from texts(call.args[at])


def test_every_code_that_is_given_is_listed(package: Codes) -> None:
    """A warning nobody can look up is a riddle."""
    assert sorted(place for place in package.given if place.rpartition(": ")[2] not in LISTED) == []


def test_every_listed_code_is_given_somewhere(package: Codes) -> None:
    """A code that cannot occur is a promise not kept."""
    assert LISTED - package.said == set(NOT_YET)


def test_codes_are_short_words_and_every_part_is_a_sentence() -> None:
    """Stable names; texts that can be read alone."""
    assert len(LISTED) == len(CODES)
    for code in CODES:
        assert code.code == code.code.lower().strip("-")
        assert set(code.code) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        for text in (code.sentence, code.meaning, code.remedy):
            assert text[-1] in ".?" or text.endswith("..."), code.code
        assert not code.trigger.endswith("."), code.code


def test_figures_and_runs_are_put_into_the_sentence() -> None:
    """Figures stand in the sentence, runs at its end; a figure that is missing is an error."""
    assert warned("broken-run", s=412).text == "Left out: the run diverged at step 412."
    assert warned("long-warmup", about="a, b").text.endswith("biases a upward: a, b.")
    with pytest.raises(KeyError):
        warned("broken-run")
    with pytest.raises(KeyError):
        warned("no-such-code")


def test_constants_of_a_paper_are_named_and_their_digits_counted() -> None:
    """Hoffmann's rounded constants give D/N 93 where their own give 59."""
    assert [w.code for w in of_paper("Hoffmann et al. 2022", HOFFMANN)] == [
        "published-constants",
        "parameters-rounded",
    ]
    assert [w.text for w in of_paper("Besiroglu et al. 2024", BESIROGLU)] == [
        "Constants of Besiroglu et al. 2024; not fitted to these runs."
    ]
    assert [is_rounded([value]) for value in (8.8e13, 0.076, 482.01, 5.309743, 0.0, 1.0)] == [
        True, True, False, False, False, False,
    ]  # fmt: skip


def test_a_code_is_found_with_its_parameter_and_nearly_right() -> None:
    """`at-bound:E` is `at-bound`; a typing error finds its code."""
    at_bound = code_named("at-bound:E")
    assert at_bound is not None
    assert at_bound.code == "at-bound"
    assert code_named("nothing") is None
    assert near("embeding_heavy")[0] == "embedding-heavy"
    assert set(near("isoflop")) == {"isoflop-few", "isoflop-edge", "isoflop-wide"}
