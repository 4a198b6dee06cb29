"""N of a run: every answer with its kind and where it comes from, the one that stands first.

The order is given, printed exactly or configured, computed from the architecture, printed with few digits,
computed where a key that decides the formula is absent, from total_flos.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from labbook.logs.architecture import Shape, counts_of, shape_of
from labbook.logs.config import Config
from labbook.logs.evidence import Evidence
from labbook.logs.families import family_of
from labbook.quantities import format_size
from labbook.records import Issue, Said
from labbook.summary import Count

KINDS = ("n_non_embedding", "n_total", "n_active", "n_other")
DISAGREE = 0.02
"""Two answers of one kind that differ by more are an issue."""
GUESSED = 0.2
"""A count by a formula that had to guess may be off by this much more."""
BORNE_OUT = 1e-3
"""A formula whose total comes this near to the stated one is the right one."""
RANKS_AGREE = 0.03
"""The sum over model-parallel ranks counts shared parts several times: the formula stands when this near."""
_GIVEN, _EXACT, _COMPUTED, _ROUNDED, _APPROXIMATE, _FLOS = range(6)
_FAMILIES = {
    "nanogpt": "nanogpt",
    "llmc": "gpt2",
    "build-nanogpt": "gpt2",
    "mingpt": "mingpt",
    "neox": "gpt_neox",
}
"""Text formats whose trainer has one architecture."""
_SHAPE = {"layers": "n_layer", "width": "n_embd", "heads": "n_head", "vocab": "vocab_size"}
_RANKS = re.compile(r"sum over (\d+)\b.*\branks?\b")


def parameter_counts(known: Evidence) -> tuple[Count, ...]:
    """Every N found but by total_flos, by kind and precedence; disagreements become issues of `known`."""
    told = {kind: _told(known, kind) for kind in KINDS}
    experts = (known.config.value("experts") or 1.0) > 1
    shared = 1 if experts else 2
    summed = [count for counts in told.values() for _, count in counts if _ranks(count) >= shared]
    ranked = [(rank, c) for counts in told.values() for rank, c in counts if _ranks(c) < shared]
    computed = _computed(known, [count for _, count in told["n_non_embedding"]])
    exact = [c.value for rank, c in told["n_total"] if rank <= _EXACT and _ranks(c) < shared]
    computed = _borne_out(computed, exact)
    if summed:
        computed, summed = _beside_ranks(computed, summed[0], experts)
    ranked += [(_ROUNDED, count) for count in summed]
    ranked += [(_APPROXIMATE if count.approximate else _COMPUTED, count) for count in computed]
    ordered = [count for _, count in sorted(ranked, key=lambda pair: pair[0])]
    by_kind = [count for kind in KINDS for count in ordered if count.kind == kind]
    known.issues += disagreements(by_kind)
    return tuple(dict.fromkeys(by_kind))


def _told(known: Evidence, kind: str) -> list[tuple[int, Count]]:
    keys = (kind, "n") if kind == "n_non_embedding" else (kind,)
    given = [(_GIVEN, count) for key in keys if (count := known.given_count(key, kind)) is not None]
    told = known.printed(kind) + (known.configured(kind) if kind != "n_other" else [])
    return given + [(_EXACT if count.digits is None else _ROUNDED, count) for count in told]


def _computed(known: Evidence, stated: Sequence[Count]) -> list[Count]:
    """What the architecture gives; by weight matrices alone where that is how the run itself counts.

    So too where a person gives depth and width: then the runs of a ladder are counted alike, whatever else
    their logs say.
    """
    shape = _shape(known)
    if shape is None:
        return []
    counts = counts_of(shape)
    bare = counts_of(shape.matrices)
    if not counts or not bare:
        return []
    if not stated and any(key in known.given for key in _SHAPE.values()):
        return [bare[0], *counts[1:]]
    if stated and _differ(stated[0].value, counts[0].value) and not _differ(stated[0].value, bare[0].value):
        return [bare[0], *counts[1:]]
    return counts


def _shape(known: Evidence) -> Shape | None:
    config = known.config
    values = {quantity: known.given_number(key) for quantity, key in _SHAPE.items() if key in known.given}
    if values:
        config = _Overlaid(known.said, values)
    words = [word for word in [known.word("family")] if word]
    words += [str(entry.value) for name in ("family", "model_name") for entry in config.all(name)]
    words += [_FAMILIES[one.format] for one in known.said if one.format in _FAMILIES]
    word = next((word for word in words if family_of(config, word) is not None), next(iter(words), None))
    return shape_of(config, word)


def _borne_out(computed: Sequence[Count], totals: Sequence[float]) -> list[Count]:
    """A formula that had to guess is sure where its total is the one that is stated."""
    total = next((c for c in computed if c.kind == "n_total"), None)
    if total is None or not any(abs(stated - total.value) <= BORNE_OUT * stated for stated in totals):
        return list(computed)
    return [replace(c, approximate=False) if c.kind in ("n_total", "n_non_embedding") else c for c in computed]


def _ranks(count: Count) -> int:
    """Model-parallel ranks the count is a sum over, 0 where it is none."""
    found = _RANKS.search(count.source)
    return int(found[1]) if found else 0


def _beside_ranks(computed: Sequence[Count], summed: Count, experts: bool) -> tuple[list[Count], list[Count]]:
    """(computed, summed) after the sum over ranks was held against the formula.

    Of a mixture of experts it is a lower bound: experts lie on ranks of their own that are not printed.
    """
    total = next((c for c in computed if c.kind == "n_total" and not c.approximate), None)
    if total is None or abs(summed.value - total.value) > RANKS_AGREE * total.value:
        if experts:
            source = f"{summed.source}: at least, experts on other ranks are not in it"
            return list(computed), [replace(summed, kind="n_other", source=source, approximate=True)]
        return list(computed), [replace(summed, kind="n_total", approximate=True)]
    more = 100 * (summed.value / total.value - 1)
    says = f"{total.source}; {summed.source} says {format_size(summed.value, 4)} ({more:+.1f} %)"
    formula = [replace(c, source=says) if c is total else c for c in computed]
    return formula, [replace(summed, kind="n_other", approximate=True)]


def with_flos(known: Evidence, counts: Sequence[Count], seen: Count | None) -> tuple[Count, ...]:
    """The counts, and N from total_flos = 6 N D (transformers' floating_point_ops) after those of its kind.

    That N has an output head of its own, where there is one, so it may lie between the two counts.
    """
    flos = total_flos(known)
    if seen is None or seen.how == "flos" or not flos > 0:
        return tuple(counts)
    found = Count("n_non_embedding", flos / 6 / seen.value, "flos", "total_flos / 6 / tokens", None, True)
    first = {kind: next((c for c in counts if c.kind == kind), None) for kind in KINDS}
    low, high = first["n_non_embedding"], first["n_total"] or first["n_non_embedding"]
    is_between = low is None or high is None or low.value * 0.98 <= found.value <= high.value * 1.02
    if not is_between and not seen.approximate:
        known.issues += disagreements([c for c in (low, found) if c is not None])
    same = [c for c in counts if c.kind == "n_non_embedding"]
    return (*same, found, *(c for c in counts if c.kind != "n_non_embedding"))


def total_flos(known: Evidence) -> float:
    """The trainer's own count of operations, 0 where there is none."""
    return max((f.value for one in known.said for f in one.figures if f.key == "total_flos"), default=0.0)


def disagreements(counts: Sequence[Count]) -> list[Issue]:
    """An issue for each second N of a kind that the first does not bear out."""
    issues: list[Issue] = []
    standing: dict[str, Count] = {}
    for count in counts:
        lead = standing.setdefault(count.kind, count)
        slack = DISAGREE + max(10.0 ** (1 - c.digits) if c.digits else 0.0 for c in (count, lead))
        slack += GUESSED if count.approximate and count.how == "computed" else 0.0
        if count.kind != "n_other" and abs(count.value - lead.value) > slack * lead.value:
            first, second = format_size(lead.value, 4), format_size(count.value, 4)
            text = f"{count.kind} is {first} by {lead.source}, {second} by {count.source}"
            issues.append(Issue("n-disagrees", text))
    return issues


def _differ(a: float, b: float) -> bool:
    return abs(a - b) > DISAGREE * a


class _Overlaid(Config):
    """A configuration with the sizes a person gave in front of it."""

    def __init__(self, said: Sequence[Said], values: Mapping[str, float | None]) -> None:
        super().__init__(said)
        self._values = values

    def value(self, quantity: str) -> float | None:
        given = self._values.get(quantity)
        return given if given is not None else super().value(quantity)
