"""What a warning code means, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from labbook.report.cells import wrap
from labbook.report.objects import Object
from labbook.report.paint import paint
from labbook.scaling.codes import Code

_LABEL = 8
"""Cells of the word before each part."""


def code_text(code: Code, width: int, color: bool = False) -> str:
    """One code in full: its sentence, when it is given, what it does to the numbers, what to do."""
    parts = {"when": code.trigger, "effect": code.meaning, "do": code.remedy}
    lines = [paint(code.code, "bold", color), *wrap(code.sentence, width, "  ", "  ")]
    for word, text in parts.items():
        lines += wrap(text, width, f"  {word:<{_LABEL}}", " " * (_LABEL + 2))
    return "\n".join(lines)


def codes_text(codes: Sequence[Code], width: int, color: bool = False) -> str:
    """Every code with its sentence."""
    lines = []
    for code in codes:
        lines += [paint(code.code, "bold", color), *wrap(code.sentence, width, "  ", "  ")]
    return "\n".join(lines)


def codes_json(codes: Sequence[Code]) -> Object:
    """The codes as an object of `schemas/json/explain.schema.json`."""
    fields = ("code", "trigger", "sentence", "meaning", "remedy")
    return {
        "schema": "labbook.explain/1",
        "codes": [{name: getattr(code, name) for name in fields} for code in codes],
    }
