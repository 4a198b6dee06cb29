"""What can mislead a fit of these runs before a law is fitted: the pitfalls of science.md section 10.

A pitfall is a warning with a stable code; it names the runs it is about.
"""

from __future__ import annotations

from collections.abc import Sequence

from labbook.recipe import Candidate
from labbook.rung import SAME, Rung, cells, listed
from labbook.scaling.values import Warned


def pitfalls(
    members: Sequence[Candidate], rungs: Sequence[Rung], n_kind: str, reading: str
) -> tuple[Warned, ...]:
    """Every pitfall of these rungs as a warning; members: all runs of the recipe, rungs among them or not."""
    by_id = {m.run_id: m for m in members}
    used = [by_id[r.run_id] for r in rungs]
    found: list[Warned] = []
    if any(n_kind not in m.n and m.n for m in members):
        found.append(Warned("n-convention-mixed", "N is counted differently across rungs."))
    if used and n_kind == "n_other":
        found.append(Warned("n-convention-unknown", "It is not known what N counts."))
    epochs = [m.epochs for m in used if m.epochs is not None]
    if reading == "seen" and epochs and max(epochs) > 4 * (1 + SAME):
        found.append(Warned("epochs-high", "Data was repeated; tokens seen overstate D."))
    elif reading == "seen" and epochs and max(epochs) > 1 + SAME:
        found.append(Warned("repeated-data", "Data was repeated; tokens seen overstate D."))
    small = [r.name for r in rungs if r.D / r.N < 1]
    if small:
        share = f"{len(small)} of {len(rungs)} rungs have less than one token per parameter"
        sentence = f"{share} and may dominate the fit; see without them: {listed(small)}."
        found.append(Warned("very-undertrained-points", sentence))
    found += _embedding_warning(used, n_kind) + _rate_warning(used, rungs) + _unknown_rates(used, rungs)
    return tuple(found)


def _embedding_warning(used: Sequence[Candidate], n_kind: str) -> list[Warned]:
    shares = [
        (1 - m.n["n_non_embedding"].value / m.n["n_total"].value, m)
        for m in used
        if "n_non_embedding" in m.n and "n_total" in m.n
    ]
    if not shares:
        return []
    share, smallest = min(shares, key=lambda pair: pair[1].n[n_kind].value if n_kind in pair[1].n else 0.0)
    if share <= 0.2:
        return []
    text = "Embeddings are a large part of the small models; the exponent depends on the count"
    return [Warned("embedding-heavy", f"{text}: {share:.0%} of {smallest.name}.")]


def _rate_warning(used: Sequence[Candidate], rungs: Sequence[Rung]) -> list[Warned]:
    """One learning rate for every size means nobody tuned it by size."""
    rates = {m.peak_lr for m in used if m.peak_lr is not None}
    sizes = {r.N for r in rungs}
    if len(rates) == 1 and len(sizes) > 2 and all(m.peak_lr is not None for m in used):
        sentence = "LR was not tuned per size; with a sweep the lower envelope is fitted."
        return [Warned("lr-not-tuned", sentence)]
    return []


def _unknown_rates(used: Sequence[Candidate], rungs: Sequence[Rung]) -> list[Warned]:
    """Cells of several runs whose learning rate nobody states may be a sweep taken for repeats."""
    by_id = {m.run_id: m for m in used}
    doubtful = [
        r.name for cell in cells(rungs) if len(cell) > 1 for r in cell if by_id[r.run_id].peak_lr is None
    ]
    if not doubtful:
        return []
    sentence = f"Learning rate unknown: repeats and a sweep cannot be told apart for {listed(doubtful)}."
    return [Warned("lr-unknown", sentence)]
