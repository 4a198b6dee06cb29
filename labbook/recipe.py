"""Which runs follow one recipe.

Grouping never guesses across a contradiction: runs whose known recipe fields differ are two ladders.
Fields a run does not state are taken as agreeing, and the ladder's reasons say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from labbook.scaling.values import OwnGain
from labbook.summary import Count, Level

RECIPE_FIELDS = ("recipe", "dataset", "tokenizer", "family", "schedule", "context", "unit")
"""What two runs of one ladder may not differ in, where both state it."""


@dataclass(frozen=True, slots=True)
class Training:
    """How a run was trained and logged, as far as the log and the configuration tell. Lengths in updates."""

    steps: float | None = None
    """Made so far."""
    top_lr: float | None = None
    """Greatest learning rate in the log."""
    last_lr: float | None = None
    """The one at the end; None where the log of the rate stops before the run does."""
    end_lr: float | None = None
    """Where the plan ends."""
    warmup: float | None = None
    decay: float | None = None
    """Planned length of the decay, warm-up included."""
    lr_fall: float | None = None
    """Share of the peak the rate falls by within the points a final loss is the mean of."""
    readings: int | None = None
    """Evaluations behind the final loss; None where the log is no curve."""
    flops: float | None = None
    """By the trainer's own counter."""
    seed: str | None = None
    has_experts: bool | None = None
    """None where nothing says whether it is a mixture of experts."""
    broken_at: float | None = None
    """Step from which the loss is no result."""
    token_doubt: str = ""
    """How the log's own counts of tokens contradict each other."""
    no_loss: str = ""
    """The series it is judged by, where that is no loss."""


UNKNOWN = Training()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One run as a ladder sees it. Losses are in the run's unit, reduced to nats where that is possible."""

    run_id: str
    name: str
    folder: str
    """Folder that holds the run's folder: siblings share it."""
    recipe: Mapping[str, str]
    """Only the fields that are known, of RECIPE_FIELDS."""
    n: Mapping[str, Count]
    """The best count of each kind that is known."""
    tokens_seen: float | None
    unique_tokens: float | None
    finished: bool
    unfinished_reason: str
    broken: str | None
    """Why its end is no result (`nan from step 412`), or None."""
    last: Level | None
    """Final loss by the single-epoch rule."""
    minimum: Level | None
    """Lowest validation loss."""
    peak_lr: float | None
    batch: float | None
    assumed: frozenset[str] = frozenset()
    """Fields of `recipe` that no log and no person states."""
    rises_again: bool = False
    """True where the validation loss left its minimum for good."""
    set_aside: str | None = None
    """Why it stays out of every fit: a person's words, or what its row of a table says."""
    training: Training = UNKNOWN
    own_gain: OwnGain | None = None
    """What twice the tokens would lower `last` by, where its learning rate was constant."""

    @property
    def has_experts(self) -> bool | None:
        """True for a mixture of experts, None where the log cannot tell."""
        return True if "n_active" in self.n else self.training.has_experts

    @property
    def epochs(self) -> float | None:
        """Tokens seen over unique tokens."""
        if self.tokens_seen is None or not self.unique_tokens:
            return None
        return self.tokens_seen / self.unique_tokens


def group(candidates: Iterable[Candidate]) -> list[list[Candidate]]:
    """Runs by recipe: two or more runs without a contradiction and with something in common.

    A mixture of experts and a run known to be dense contradict each other: they share no law in N.
    Something in common is a recipe or data set both state, or the folder both stand in.
    """
    groups: list[_Group] = []
    for run in sorted(candidates, key=lambda c: (-len(c.recipe), c.name, c.run_id)):
        fitting = [g for g in groups if g.closeness(run) > 0]
        if fitting:
            max(fitting, key=lambda g: g.closeness(run)).add(run)
        else:
            groups.append(_Group(run))
    return [sorted(g.members, key=lambda c: (c.name, c.run_id)) for g in groups if len(g.members) > 1]


class _Group:
    """Runs gathered so far, with what is known of their recipe."""

    def __init__(self, first: Candidate) -> None:
        self.members: list[Candidate] = []
        self.known: dict[str, str] = {}
        self.folders: set[str] = set()
        self.has_experts: bool | None = None
        self.add(first)

    def add(self, run: Candidate) -> None:
        self.members.append(run)
        self.known = {**run.recipe, **self.known}
        self.folders.add(run.folder)
        if self.has_experts is None:
            self.has_experts = run.has_experts

    def closeness(self, run: Candidate) -> int:
        """How much speaks for the run; 0 where nothing does, or something speaks against it."""
        if any(self.known.get(f, v) != v for f, v in run.recipe.items()):
            return 0
        if None not in (self.has_experts, run.has_experts) and self.has_experts != run.has_experts:
            return 0
        named = sum(f in run.recipe and f in self.known for f in ("recipe", "dataset"))
        return 4 * named + 2 * (run.folder in self.folders)


def known_fields(members: Iterable[Candidate]) -> dict[str, str]:
    """The recipe of a group: every field any member states."""
    known: dict[str, str] = {}
    for member in members:
        for name, value in member.recipe.items():
            known.setdefault(name, value)
    return {f: known[f] for f in RECIPE_FIELDS if f in known}


def ladder_keys(groups: Sequence[Sequence[Candidate]]) -> list[str]:
    """Short, stable keys: the data set or recipe, and what else tells two ladders apart."""
    recipes = [known_fields(g) for g in groups]
    bases = [
        r.get("recipe") or r.get("dataset") or PurePath(g[0].folder).name or "ladder"
        for r, g in zip(recipes, groups, strict=True)
    ]
    keys: list[str] = []
    for base, recipe, members in zip(bases, recipes, groups, strict=True):
        parts = [base]
        for name in RECIPE_FIELDS:
            values = {r.get(name) for r, b in zip(recipes, bases, strict=True) if b == base}
            if len(values) > 1 and name in recipe:
                parts.append(recipe[name])
        mixed = {any(m.has_experts for m in g) for g, b in zip(groups, bases, strict=True) if b == base}
        if len(mixed) > 1 and any(m.has_experts for m in members):
            parts.append("moe")
        key = _slug("-".join(parts))
        if key in keys:
            key = f"{key}-{members[0].run_id[:4]}"
        keys.append(key)
    return keys


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")[:60] or "ladder"
