"""Lists that stand side by side: losses here, the steps they belong to there, told apart by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from labbook.logs import names

_PLURALS = re.compile(r"(losses|steps|iterations|iters|epochs|values|norms|lrs|rates)\b")
_TAIL = re.compile(r"_(history|curve|list|log|values|hist|trace)\Z")
_HEADS = {**dict.fromkeys(names.HELD_OUT, "val"), "train": "train", "training": "train"}


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside a list of values, by the name of its list; None where there is none."""

    step: str | None
    tokens: str | None
    epoch: str | None

    @property
    def is_bare(self) -> bool:
        """True where nothing says where the values belong."""
        return self.step is None and self.tokens is None and self.epoch is None


def singular(name: str) -> str:
    """The name of one value of a list: `train_losses` is `train_loss`, `lr_history` is `lr`."""
    flat = _TAIL.sub("", names.plain(name)).replace("/", "_")
    return _PLURALS.sub(lambda found: _one(found[1]), flat)


def _one(word: str) -> str:
    return "loss" if word == "losses" else word[:-1]


def meaning(name: str) -> str | None:
    """`step`, `tokens`, `epoch` or `metric` for the name of a list; None where it cannot be either."""
    flat = singular(name)
    bare = flat.partition("_")[2] if flat.partition("_")[0] in _HEADS else flat
    if names.axis_rank(bare) is not None or names.axis_rank(flat) is not None:
        return "step"
    role = names.column_role(bare)
    if names.tokens_rank(bare) is not None or (role is not None and role[0] == "tokens_seen"):
        return "tokens"
    if names.is_epoch(bare):
        return "epoch"
    series = names.series_of(flat)
    if series is not None or bare == "loss" or flat.split("_")[-1] == "loss":
        return "metric"
    return None


def beside(name: str, lengths: Mapping[str, int]) -> Beside:
    """The lists of the same length that place the values of the list `name`.

    A list with the same first word, `val_step` for `val_loss`, goes before one without such a word.
    """
    own = _HEADS.get(singular(name).partition("_")[0])
    found: dict[str, tuple[int, str]] = {}
    for other, length in lengths.items():
        kind = meaning(other)
        head = _HEADS.get(singular(other).partition("_")[0])
        if kind in {None, "metric"} or other == name or length != lengths[name] or head not in {own, None}:
            continue
        rank = 0 if head == own else 1
        if str(kind) not in found or rank < found[str(kind)][0]:
            found[str(kind)] = (rank, other)
    return Beside(*(found[kind][1] if kind in found else None for kind in ("step", "tokens", "epoch")))
