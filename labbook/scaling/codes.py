"""Every code of a warning, a refusal or a run left out: when it is given, what it says, what follows from it.

The texts stand in `schemas/codes.toml`. Codes are stable; their sentences may gain figures.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from labbook.resources import resource_dir
from labbook.scaling.values import Warned

LEAST_DIGITS = 4
"""Constants of fewer significant digits are rounded: a law may be far off what it was (science.md 2.2)."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code. `sentence` holds figures in braces: `Without {group}, a moves from {a1} to {a2}.`"""

    code: str
    trigger: str
    sentence: str
    meaning: str
    """What it does to the numbers."""
    remedy: str


def _read() -> tuple[Code, ...]:
    text = (resource_dir("schemas") / "codes.toml").read_text("utf-8")
    return tuple(Code(code, **texts) for code, texts in tomllib.loads(text).items())


CODES: tuple[Code, ...] = _read()
_BY_NAME = {code.code: code for code in CODES}


def code_named(name: str) -> Code | None:
    """The code of that name; `at-bound:E` is `at-bound`. None where there is none."""
    return _BY_NAME.get(name) or _BY_NAME.get(name.partition(":")[0])


def near(name: str, most: int = 3) -> list[str]:
    """Names of codes that look like it, the nearest first."""
    word = name.strip().lower().replace("_", "-").replace(" ", "-")
    holding = [code for code in _BY_NAME if len(word) > 2 and word in code]
    return list(dict.fromkeys([*get_close_matches(word, _BY_NAME, most), *holding]))[:most]


def warned(code: str, *, about: str = "", **figures: object) -> Warned:
    """The warning of that code with its figures filled in; about: the runs it names, put at its end.

    Raises KeyError for a code that is not listed, or a figure the sentence needs and does not get.
    """
    text = _BY_NAME[code].sentence.format(**figures)
    return Warned(code, f"{text.removesuffix('.')}: {about}." if about else text)


def of_paper(paper: str, constants: Mapping[str, float]) -> tuple[Warned, ...]:
    """What is to be said beside a law with the constants of a paper."""
    found = [warned("published-constants", paper=paper)]
    if is_rounded(constants.values()):
        found.append(warned("parameters-rounded"))
    return tuple(found)


def is_rounded(constants: Iterable[float]) -> bool:
    """Whether any constant but 0 and whole numbers below ten has fewer than four significant digits."""
    return any(0 < _digits(value) < LEAST_DIGITS for value in constants)


def _digits(value: float) -> int:
    """Significant digits of the shortest text of a number; 0 for a small whole number, which is exact."""
    if value == int(value) and abs(value) < 10:
        return 0
    mantissa = repr(float(value)).partition("e")[0]
    return len(mantissa.lstrip("-").replace(".", "").strip("0"))
