"""Scalars of event files to points: what a tag is called, and the twins that say how many samples were seen.

Megatron logs each scalar a second time as `<tag> vs samples`, with the samples seen in place of the step. A
twin is no series of its own; it says how many samples the step of its scalar stands for.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from labbook.logs import names
from labbook.logs.rows import Rows
from labbook.logs.scalars import Scalars, put_scalars
from labbook.records import NAN, Issue, RunPart

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEP = "Event.step"
_TWINS = {" vs samples": "consumed_samples", " vs tokens": "tokens", " vs gigaflos (without embeddings)": ""}
"""What the step of a twin counts, by the ending of its tag; empty for what is not kept."""


class Feed:
    """Puts the scalars of one file into its run."""

    def __init__(
        self, part: RunPart, rows: Rows, issues: list[Issue], folder: str, twin: object = None
    ) -> None:
        self.part = part
        self.rows = rows
        self.issues = issues
        self.folder = folder
        """`validation` where the whole file is of a held-out set."""
        known = twin if isinstance(twin, dict) else {}
        self.last = str(known.get("tag", "")), float(known.get("step", NAN))
        """Tag and step of the last scalar that is no twin."""
        self.pairs: dict[str, list[float]] = dict(known.get("pairs", {}))
        """By what twins count, the last step and its count."""
        self._names: dict[str, int] = {}
        self._by_tag: list[tuple[int, str, str]] = []
        """By code of a tag: code of its name or -1; of a twin what its step counts, and whose it is."""

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        tag, step = self.last
        return {"tag": tag, "pairs": self.pairs} | ({} if math.isnan(step) else {"step": step})

    def take(self, found: Scalars, tags: list[str]) -> None:
        """Add the scalars of one block. tags: by code, those of all blocks so far."""
        import numpy as np

        if not len(found.tag):
            return
        self._by_tag += [self._meaning(tag) for tag in tags[len(self._by_tag) :]]
        name = np.array([code for code, _, _ in self._by_tag], np.int64)[found.tag]
        is_twin = np.array([bool(of) for _, _, of in self._by_tag])[found.tag]
        if is_twin.any():
            found, name = self._paired(found, tags, name, is_twin)
        else:
            self.last = tags[found.tag[-1]], float(found.step[-1])
        kept = name >= 0
        if not kept.all():
            found, name = _chosen(found, kept), name[kept]
        found = replace(found, tag=name)
        put_scalars(self.part, self.rows, found, list(self._names), STEP, self.issues)

    def _meaning(self, tag: str) -> tuple[int, str, str]:
        for ending, counts in _TWINS.items():
            if tag.endswith(ending):
                return self._code(counts) if counts else -1, counts, tag.removesuffix(ending)
        return self._code(_series_name(tag, self.folder)), "", ""

    def _code(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))

    def _paired(
        self, found: Scalars, tags: list[str], name: NDArray[np.int64], is_twin: NDArray[np.bool_]
    ) -> tuple[Scalars, NDArray[np.int64]]:
        """The scalars with what their twins count: a twin follows its scalar at once.

        Name -1 for what is not kept: twins of other scalars, and those that say the same again.
        """
        import numpy as np

        n = len(name)
        before = np.maximum.accumulate(np.where(is_twin, -1, np.arange(n)))
        step, value, name = found.step.copy(), found.value.copy(), name.copy()
        last_tag, last_step = self.last
        code_of = {tag: code for code, tag in enumerate(tags)}
        bases = np.array([code_of.get(of, -1) if of else -1 for _, _, of in self._by_tag], np.int64)
        base = np.where(before >= 0, found.tag[before], code_of.get(last_tag, -2))
        at = np.where(before >= 0, found.step[before], last_step)
        first = np.array([of == last_tag for _, _, of in self._by_tag])[found.tag] & (before < 0)
        belongs = is_twin & ((bases[found.tag] == base) | first)
        step[belongs], value[belongs] = at[belongs], found.step[belongs]
        name[is_twin & ~belongs] = -1
        for counts in {counts for _, counts, _ in self._by_tag if counts}:
            which = np.flatnonzero(belongs & (name == self._names[counts]))
            if len(which):
                pairs = np.vstack(
                    [np.array([self.pairs.get(counts, [NAN, NAN])]), np.c_[step[which], value[which]]]
                )
                name[which[(pairs[1:] == pairs[:-1]).all(axis=1)]] = -1
                self.pairs[counts] = pairs[-1].tolist()
        if before[-1] >= 0:
            self.last = tags[found.tag[before[-1]]], float(found.step[before[-1]])
        return replace(found, step=step, value=value), name


def _chosen(found: Scalars, kept: NDArray[np.bool_]) -> Scalars:
    return Scalars(found.tag[kept], found.step[kept], found.wall[kept], found.value[kept], found.place[kept])


def _series_name(tag: str, folder: str) -> str:
    """The name a tag goes by: Keras' `epoch_loss` is `loss`, in the folder `validation` it is that set's."""
    flat = tag.removeprefix("epoch_") if tag.startswith("epoch_") else tag
    if folder and names.series_of(flat) == names.series_of("loss"):
        return f"{folder}/loss"
    if flat.endswith(" validation") and "/" not in flat and _is_train(flat.removesuffix(" validation")):
        return "validation/loss"
    return flat if flat != tag and names.series_of(flat) else tag


def _is_train(name: str) -> bool:
    found = names.series_of(name)
    return found is not None and found[0] == "train"
