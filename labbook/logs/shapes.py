"""Lines of no known trainer: what stands between the numbers says what each number is.

Lines of one kind differ in their numbers alone. A line is split at its numbers; the texts between them are its
shape, and what the shape means is worked out once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from labbook.logs import names
from labbook.text import clean

MOST = 300
"""Numbers of a line that are looked at."""
NAMED = 200
"""Ranks below it are counters with a name; above stand `[95/500]` and bars."""
NUMBER = (
    r"(?<![\w.])[-+]?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?"
    r"|(?i:nan|inf(?:inity)?)(?!\w))"
)
"""A number anywhere in a line, not glued to a word before it."""
_NUMBER = re.compile(f"({NUMBER})")
_BAR, _RULE = re.compile(r"%\|[^|]*\|"), re.compile("[━╸╺]+")
_KEY = re.compile(
    r"(?P<run>[A-Za-z_][\w./\-@]*(?:[ \t]+[A-Za-z_][\w./\-@]*)*)"
    r"[ \t]?(?:\((?P<aside>[A-Za-z]+)\))?[\"']?\s*(?P<sep>[:=])?\s*[\"'\[(]*\s*\Z"
)
"""The words before a number: `grad norm: `, `'loss': `, `Iter(train) [`, `step=`."""
_CONTEXT = re.compile(
    r"(?<![\w./\-])(?:(?P<train>train(?:ing)?)|(?P<test>test(?:ing)?)"
    r"|(?P<val>val(?:id(?:ation|ating)?)?|eval(?:uation|uating|uate)?|dev|held-?out))(?![\w./\-])",
    re.IGNORECASE,
)
_COUNTERS = {
    name: rank
    for rank, name in enumerate(
        (
            *("it", "itr", "iters", "iterations", "steps", "global_iter", "optimizer_step", "train_step"),
            *("train_iter", "update", "updates", "num_steps", "batch", "batches", "batch_idx", "minibatch"),
        ),
        100,
    )
}
"""Counters that the names table leaves out, because elsewhere they may mean something else."""
_BLOCKING = frozenset(
    {"per", "each", "every", "best", "final", "max", "min", "total", "last", "next", "previous", "old"}
    | {
        "target",
        "initial",
        "avg",
        "mean",
        "average",
        "running",
        "ema",
        "smooth",
        "smoothed",
        "aux",
        "auxiliary",
    }
    | {"z", "moe", "gate", "router", "balance", "kl", "reg", "warmup", "time", "resume", "save", "log"}
)
"""Words that turn the name after them into another quantity: `best val loss`, `seconds per step`."""
_OWN = frozenset({"train", "val", "valid", "validation", "test", "eval", "lr", "tokens", "step", "epoch"})
_PLACES = re.compile(r"\.(?:py|cc|cpp|cu|sh|rs)\Z")
_LONGEST_KEY = 4
_NEAR = 400
"""Characters before a bare `loss` in which a word for validation counts."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the numbers of a line mean, by their place in it."""

    counter: int | None = None
    """The step."""
    total: int | None = None
    """The n of a step `k/n`."""
    named: bool = False
    """True where the counter has a name; else it is a bar or `[k/n]`."""
    is_bar: bool = False
    epoch: int | None = None
    epochs: int | None = None
    """The n of an epoch `k/n`."""
    held_out: bool = False
    """True where the line speaks of validation."""
    metrics: tuple[tuple[str, int], ...] = ()
    has_loss: bool = False


def split(line: str) -> list[str]:
    """Texts and numbers of a line in turn, a text first and last; what draws a bar is left out."""
    if "%|" in line:
        line = _BAR.sub("%||", line)
    if "━" in line:
        line = _RULE.sub("━", line)
    return _NUMBER.split(line, maxsplit=MOST)


def shape_of(texts: tuple[str, ...], aliases: Mapping[str, str]) -> Shape | None:
    """The meaning of a line by the texts around its numbers; None where nothing in it is of use.

    aliases: the name to read instead of one of the log's own, by that in its plain form.
    """
    reading = _Reading(texts, aliases)
    at = 0
    while at < len(texts) - 1:
        at = reading.number(at)
    return reading.shape()


def name_before(text: str) -> str:
    """The name that ends the text before a number, empty where there is none."""
    found = _KEY.search(text[-120:])
    if found is None:
        return ""
    words = found["run"].split()
    for size in range(min(_LONGEST_KEY, len(words)), 0, -1):
        if meaning(" ".join(words[-size:]), {}) is not None:
            return " ".join(words[-size:])
    return words[-1].rstrip("-./@")


def meaning(name: str, aliases: Mapping[str, str]) -> tuple[str, int] | None:
    """(`axis`, `epoch`, `tokens`, `loss` or `series`, rank) of a name; None for a name that is not known."""
    if (given := aliases.get(names.plain(name))) is not None:
        found = meaning(given, {})
        return None if found is None else (found[0], -1)
    flat, rank = names.plain(name), names.axis_rank(name)
    if rank is None:
        rank = _COUNTERS.get(flat)
    if rank is not None:
        return "axis", rank
    if names.is_epoch(name):
        return "epoch", 0
    if names.tokens_rank(name) is not None:
        return "tokens", 0
    found = names.series_of(name) or names.series_of_tail(name)
    return None if found is None else ("loss" if names.is_loss(found[0]) else "series", found[1])


def speaks_of(text: str) -> str | None:
    """`val` or `test` where the last word for a split in a text is one of those, None for training."""
    last = next(reversed([*_CONTEXT.finditer(text)]), None)
    return None if last is None or last["train"] else "test" if last["test"] else "val"


class _Reading:
    """One pass over the texts of a line."""

    def __init__(self, texts: tuple[str, ...], aliases: Mapping[str, str]) -> None:
        self.texts = texts
        self.aliases = aliases
        self.said = ""
        """What was passed so far, names of numbers left out."""
        self.counters: list[tuple[int, int, int | None]] = []
        """(rank, counter, total)."""
        self.epoch: tuple[int, int | None] | None = None
        self.metrics: dict[str, int] = {}
        self.losses: set[str] = set()
        self.is_bar = False

    def number(self, at: int) -> int:
        """Take number `at`; the next one to take."""
        before = self.texts[at]
        total = self._total(at)
        after = self.texts[at + 1 if total is None else total + 1]
        found = _KEY.search(before[-120:])
        key, role = self._key(found) if found is not None else ("", None)
        start = before.rfind(key) if key else len(before)
        self.said += before[: start if role is not None else len(before)] + "\n"
        explicit = found is not None and found["sep"] is not None
        self._put(at, total, key, role, _Around(before, after, explicit))
        return at + 1 if total is None else total + 1

    def _total(self, at: int) -> int | None:
        """The number after a slash, where it is over."""
        if at + 2 < len(self.texts) and self.texts[at + 1].strip(" ") == "/" and _ends(self.texts[at + 2]):
            return at + 1
        return None

    def _key(self, found: re.Match[str]) -> tuple[str, tuple[str, int] | None]:
        """The longest name that ends the words and means something, and what; else the last words."""
        words = found["run"].split()
        words[-1] = words[-1].rstrip("-./@")
        aside = (found["aside"] or "").lower()
        if aside in names.HELD_OUT and meaning(words[-1], self.aliases) is not None:
            role = meaning(f"{aside} {words[-1]}", self.aliases)
            return f"{aside} {words[-1]}", role if role is not None and role[0] == "loss" else None
        if aside and (role := meaning(f"{aside} {words[-1]}", self.aliases)) is not None:
            return f"{aside} {words[-1]}", role
        for size in range(min(_LONGEST_KEY, len(words)), 0, -1):
            name = " ".join(words[-size:])
            role = meaning(name, self.aliases)
            if role is None:
                continue
            before = words[-size - 1].lower().strip("-./@:") if len(words) > size else ""
            if before in _BLOCKING or aside in _BLOCKING:
                return " ".join(words[-size - 1 :]), None
            return name, role
        return " ".join(words[-3:]), None

    def _put(self, at: int, total: int | None, key: str, role: tuple[str, int] | None, around: _Around) -> None:
        kind = role[0] if role is not None else ""
        if kind == "axis" and role is not None and around.counts:
            self.counters.append((role[1], at, total))
        elif kind == "epoch" and (around.counts or around.is_value):
            self.epoch = self.epoch or (at, total)
        elif not kind and (total is not None or around.after.startswith("it [")):
            self._bare(at, total, around)
        elif key.lower() in {"train", "training"} and around.after.strip() == "[" and self.epoch is None:
            self.epoch = (at, None)
        elif around.is_value and total is None and key:
            self._metric(at, key, kind, around.explicit)

    def _bare(self, at: int, total: int | None, around: _Around) -> None:
        """`k/n` without a name: in brackets, or behind a bar; or the `95it [` of a bar without an end."""
        before = around.before.rstrip()
        if total is None or before.endswith(("%||", "━")):
            self.is_bar = True
            words = re.findall(r"[A-Za-z]+", self.texts[max(0, at - 1)])
            if words and words[-1].lower() in {"epoch", "epochs"}:
                self.epoch = self.epoch or (at, total)
            else:
                self.counters.append((NAMED + 1, at, total))
        elif before.endswith("[") and around.after.lstrip()[:1] in {"]", "("}:
            self.counters.append((NAMED, at, total))

    def _metric(self, at: int, key: str, kind: str, explicit: bool) -> None:
        given = self.aliases.get(names.plain(key))
        if kind == "loss":
            name = given or self._in_context(key)
            self.losses.add(name)
        elif kind:
            name = given or key
        elif explicit and (self.counters or self.losses or self.epoch) and _is_metric(key):
            name = clean(key, 80)
        else:
            return
        self.metrics.setdefault(name, at)

    def _in_context(self, key: str) -> str:
        """A bare `loss` in a line that speaks of validation is the loss of that."""
        split = speaks_of(self.said[-_NEAR:]) if names.plain(key) == "loss" else None
        return f"{split} loss" if split is not None else key

    def shape(self) -> Shape | None:
        held_out = bool(self.losses) and all(name.startswith(("val ", "test ")) for name in self.losses)
        known = [row for row in self.counters if not held_out or row[0] < min(_COUNTERS.values())]
        rank, counter, total = min(known, default=(NAMED, None, None))
        if counter is None and self.epoch is None and not self.metrics:
            return None
        return Shape(
            counter=counter,
            total=total,
            named=counter is not None and rank < NAMED,
            is_bar=self.is_bar,
            epoch=self.epoch[0] if self.epoch else None,
            epochs=self.epoch[1] if self.epoch else None,
            held_out=held_out,
            metrics=tuple(self.metrics.items()),
            has_loss=bool(self.losses),
        )


@dataclass(frozen=True, slots=True)
class _Around:
    """The texts on both sides of a number."""

    before: str
    after: str
    explicit: bool
    """True where a colon or an equals sign stands between name and number."""

    @property
    def is_value(self) -> bool:
        """True where the number is over: a delimiter follows, or the end of a line that is whole."""
        return _ends(self.after)

    @property
    def counts(self) -> bool:
        """True where a counter may end: a colon or a dash may follow one, but `10:30` is a clock."""
        after = self.after
        return self.is_value or (len(after) > 1 and after[0] in ":-/" and not after[1:2].isalnum())


def _ends(after: str) -> bool:
    return not after or after[0] in " \t,;|)]}%\"'"


def _is_metric(key: str) -> bool:
    return names.plain(key) not in _OWN and _PLACES.search(key) is None and len(key) <= 80
