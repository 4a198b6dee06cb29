"""N of a run: every answer with its kind and where it comes from, the one that stands first.

The order is given, printed exactly or configured, computed from the architecture, printed with few digits,
computed where a key that decides the formula is absent, from total_flos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labbook.logs.architecture import counts_of, shape_of
from labbook.logs.config import Config
from labbook.logs.evidence import Evidence
from labbook.quantities import format_size
from labbook.records import Issue, Said
from labbook.summary import Count

KINDS = ("n_non_embedding", "n_total", "n_active", "n_other")
DISAGREE = 0.02
"""Two answers of one kind that differ by more are an issue."""
_GIVEN, _EXACT, _COMPUTED, _ROUNDED, _APPROXIMATE, _FLOS = range(6)
_FAMILIES = {"nanogpt": "nanogpt"}
"""Text formats whose trainer has one architecture."""
_SHAPE = {"layers": "n_layer", "width": "n_embd", "heads": "n_head", "vocab": "vocab_size"}


def parameter_counts(known: Evidence, seen: Count | None) -> tuple[Count, ...]:
    """Every N found, by kind and precedence; disagreements become issues of `known`."""
    ranked = [(rank, count) for kind in KINDS for rank, count in _told(known, kind)]
    ranked += [(_APPROXIMATE if count.approximate else _COMPUTED, count) for count in _computed(known)]
    ranked += [(_FLOS, count) for count in _from_flos(known, seen)]
    ordered = [count for _, count in sorted(ranked, key=lambda pair: pair[0])]
    by_kind = [count for kind in KINDS for count in ordered if count.kind == kind]
    known.issues += _disagreements(by_kind)
    return tuple(dict.fromkeys(by_kind))


def _told(known: Evidence, kind: str) -> list[tuple[int, Count]]:
    keys = (kind, "n") if kind == "n_non_embedding" else (kind,)
    given = [(_GIVEN, count) for key in keys if (count := known.given_count(key, kind)) is not None]
    told = known.printed(kind) + (known.configured(kind) if kind != "n_other" else [])
    return given + [(_EXACT if count.digits is None else _ROUNDED, count) for count in told]


def _computed(known: Evidence) -> list[Count]:
    config = known.config
    values = {quantity: known.given_number(key) for quantity, key in _SHAPE.items() if key in known.given}
    if values:
        config = _Overlaid(known.said, values)
    family = known.text("family") or next(
        (_FAMILIES[s.format] for s in known.said if s.format in _FAMILIES), None
    )
    shape = shape_of(config, family)
    return counts_of(shape) if shape is not None else []


def _from_flos(known: Evidence, seen: Count | None) -> list[Count]:
    """N without embeddings from total_flos = 6 N D (transformers' floating_point_ops)."""
    flos = max((f.value for one in known.said for f in one.figures if f.key == "total_flos"), default=0.0)
    if seen is None or not flos > 0:
        return []
    return [Count("n_non_embedding", flos / 6 / seen.value, "flos", "total_flos / 6 / tokens", None, True)]


def _disagreements(counts: Sequence[Count]) -> list[Issue]:
    """An issue for each second N of a kind that the first does not bear out."""
    issues: list[Issue] = []
    standing: dict[str, Count] = {}
    for count in counts:
        lead = standing.setdefault(count.kind, count)
        slack = DISAGREE + (10.0 ** (1 - count.digits) if count.digits else 0.0)
        if abs(count.value - lead.value) > slack * lead.value:
            first, second = format_size(lead.value, 4), format_size(count.value, 4)
            text = f"{count.kind} is {first} by {lead.source}, {second} by {count.source}"
            issues.append(Issue("n-disagrees", text))
    return issues


class _Overlaid(Config):
    """A configuration with the sizes a person gave in front of it."""

    def __init__(self, said: Sequence[Said], values: Mapping[str, float | None]) -> None:
        super().__init__(said)
        self._values = values

    def value(self, quantity: str) -> float | None:
        given = self._values.get(quantity)
        return given if given is not None else super().value(quantity)
