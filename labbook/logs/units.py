"""The unit of a loss: given, decided by a perplexity beside it, by the format, else nats per token.

Where loss and perplexity of one step stand together they decide the base: e^8.0174 = 3033.3 are nats,
2^20.472 = 1.4544e6 are bits. Where only a perplexity is logged its logarithm is the loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from labbook.logs.evidence import Evidence
from labbook.logs.names import PERPLEXITY, is_loss, plain
from labbook.records import Issue, Latest

AGREE = 1e-3
"""Between a loss and the logarithm of the perplexity beside it."""
ABOVE_UNIFORM = 1.35
"""A first loss this many times ln V is in another base or summed over something; bits are 1.44 times nats."""
MOST_AT_START = 20.0
"""A first loss above it is odd where V is not known: it is guessing among e^20 tokens."""
EARLY = 200
"""Steps after which a first loss says nothing of the start."""
_BYTES = frozenset({"bytes", "byte", "byte_level", "bytelevel", "utf8_bytes", "raw_bytes"})


@dataclass(frozen=True, slots=True)
class Units:
    """The units a run's losses are logged in."""

    unit: str
    """Of the series the run is judged by."""
    source: str
    train: str
    """Of the training loss, which may differ: nanochat validates in bits per byte."""
    perplexity: Mapping[str, str]
    """By role (train, val) the perplexity whose logarithm stands for the loss, where no loss is logged."""


def main_val(series: Mapping[str, object], wanted: str | None = None) -> str | None:
    """The validation series a run is judged by: the one asked for, `val`, else the only or first `val:...`."""
    if wanted is not None and wanted in series:
        return wanted
    if "val" in series:
        return "val"
    sets = sorted(name for name in series if name.startswith("val:") and name != "val:test")
    return sets[0] if sets else ("val:test" if "val:test" in series else None)


def units_of(known: Evidence) -> Units:
    """The units of a run's losses; what contradicts or looks odd becomes an issue of `known`."""
    names = {row.series: row for row in known.latest}
    chosen = known.word("loss")
    judged = main_val(names, chosen)
    perplexity = _perplexities(known, chosen)
    decided = _by_perplexity(known)
    unit, source = _unit(known, "train" if judged is None else "val", decided)
    train, _ = _unit(known, "train", decided)
    if perplexity:
        first = next(iter(perplexity.values()))
        byte = unit.partition("/")[2] == "byte"
        unit = train = "nats/byte" if byte else "nats/token"
        source = f"derived: ln of {first}"
    elif source == "assumed" or source.startswith("by format"):
        known.issues += _hints(known, names.get("train"), train)
    return Units(unit, source, train, perplexity)


def _unit(known: Evidence, role: str, decided: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """(unit, where from) of a role, train or val. A byte tokenizer makes nats per token nats per byte."""
    if "unit" in known.given:
        return known.given["unit"]
    other = "val" if role == "train" else "train"
    printed = _printed(known, role) or _printed(known, other)
    found = decided.get(role) or printed or decided.get(other)
    tokenizer = (known.text("tokenizer") or "").lower().replace("-", "_")
    base, _, per = (found[0] if found else "nats/token").partition("/")
    if tokenizer in _BYTES and per == "token" and base == "nats":
        return f"{base}/byte", f"tokenizer {tokenizer}: a token is a byte"
    return found or ("nats/token", "assumed")


def _printed(known: Evidence, role: str) -> tuple[str, str] | None:
    return next(((one.units[role], f"by format {one.format}") for one in known.said if role in one.units), None)


def _perplexities(known: Evidence, chosen: str | None) -> dict[str, str]:
    """By role the perplexities that stand for a loss, where none is logged or a person chose one."""
    if chosen is not None:
        return {"val": chosen} if PERPLEXITY.match(plain(chosen)) else {}
    if any(is_loss(row.series) for row in known.latest):
        return {}
    found: dict[str, str] = {}
    for row in known.latest:
        match = PERPLEXITY.match(plain(row.series))
        if match is not None:
            found.setdefault("val" if match["held"] else "train", row.series)
    return found


def _by_perplexity(known: Evidence) -> dict[str, tuple[str, str]]:
    """By role the unit that a perplexity at the same step decides; a format that says otherwise is an issue."""
    decided: dict[str, tuple[str, str]] = {}
    for role, loss, row in _pairs(known):
        unit = _base(loss.last_value, row.last_value)
        if unit is None or role in decided:
            continue
        printed = next((one.units[role] for one in known.said if role in one.units), unit)
        if printed.partition("/")[0] != unit.partition("/")[0]:
            beside = f"{row.series} {row.last_value:.6g} beside {loss.series} {loss.last_value:.6g}"
            text = f"{beside}: {unit}, not {printed}"
            known.issues.append(Issue("unit-by-perplexity", text))
        decided[role] = (
            printed if printed.startswith(unit.partition("/")[0]) else unit,
            f"by {row.series} beside it",
        )
    return decided


def _pairs(known: Evidence) -> Iterator[tuple[str, Latest, Latest]]:
    """(role, loss, perplexity) that stand at the same last step of one source."""
    for row in known.latest:
        match = PERPLEXITY.match(plain(row.series))
        for loss in known.latest if match is not None else ():
            role = "train" if loss.series == "train" else "val"
            against = "val" if match and match["train"] else "train" if match and match["held"] else ""
            together = loss.source == row.source and loss.last_step == row.last_step
            if is_loss(loss.series) and together and role != against:
                yield role, loss, row


def _base(loss: float, perplexity: float) -> str | None:
    """The unit in which the perplexity is the loss's power, None where it is neither."""
    if not (perplexity > 1.0 and math.isfinite(perplexity) and math.isfinite(loss)):
        return None
    slack = AGREE * max(1.0, abs(loss))
    if abs(math.log(perplexity) - loss) <= slack:
        return "nats/token"
    return "bits/token" if abs(math.log2(perplexity) - loss) <= slack else None


def _hints(known: Evidence, train: Latest | None, unit: str) -> list[Issue]:
    """A first loss far above that of guessing, or above what any vocabulary explains."""
    if train is None or unit != "nats/token" or train.first_step > EARLY:
        return []
    vocab = known.given_number("vocab_size") or known.config.value("vocab")
    uniform = math.log(vocab) if vocab is not None and vocab > 1 else None
    most = MOST_AT_START if uniform is None else ABOVE_UNIFORM * uniform
    if not math.isfinite(train.first_value) or train.first_value < most:
        return []
    beside = "" if uniform is None else f", ln of the vocabulary {uniform:.4g}"
    text = f"the first training loss is {train.first_value:.4g}{beside}: "
    return [Issue("loss-above-uniform", f"{text}base 2, or a sum over accumulation steps? set unit")]
