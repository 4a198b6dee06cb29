"""The runs of one recipe to a ladder: which of them are rungs, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from labbook.choices import DEFAULT, DROP_RUN, Choices, Rule
from labbook.pitfalls import duplicates, no_rungs, pitfalls
from labbook.recipe import Candidate, group, known_fields, ladder_keys
from labbook.rung import SAME, Rung, cells, close, drop, listed, repeats, same_epochs
from labbook.scaling.values import Warned
from labbook.summary import LeftOut, Level

MOST_EPOCHS = 4.0
"""Beyond this a run is no rung of a law of one epoch (science.md 1.2)."""
LARGEST_SIZE = 1e20
"""Above this a figure counts neither parameters nor tokens."""
LOSSES = (1e-9, 1e6)
"""Between these lies any loss a law can speak of, in whatever unit."""
N_KINDS = ("n_non_embedding", "n_total", "n_active", "n_other")


@dataclass(frozen=True)
class Ladder:
    """The runs of one recipe, and the rungs among them under one reading of D and one set of choices."""

    key: str
    name: str
    recipe: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    n_kind: str
    d_reading: str
    d_reason: str
    loss_rule: str
    loss_unit: str
    rungs: tuple[Rung, ...]
    repeats: tuple[tuple[int, ...], ...]
    """Indices into `rungs` of runs with the same N, D and learning rate."""
    left_out: tuple[LeftOut, ...]
    variants: tuple[Rung, ...]
    """What the left-out learning-rate variants would be as rungs."""
    warnings: tuple[Warned, ...]
    members: tuple[Candidate, ...] = field(repr=False)
    choices: Choices = DEFAULT


def ladders(candidates: Iterable[Candidate], choices: Choices = DEFAULT) -> list[Ladder]:
    """The ladders among the runs, the longest first."""
    groups = group(candidates)
    keys = ladder_keys(groups)
    return sorted(
        (build(key, g, choices) for key, g in zip(keys, groups, strict=True)),
        key=lambda ladder: (-len(ladder.rungs), ladder.key),
    )


def build(key: str, members: Sequence[Candidate], choices: Choices = DEFAULT) -> Ladder:
    """A ladder of one group: its readings chosen, its rungs taken, every other run left out with a reason.

    Runs dropped by name go before a sweep's best setting is looked for, rungs dropped by rule after it.
    """
    recipe = known_fields(members)
    n_kind = choose_n_kind(members)
    d_reading, d_reason = choose_reading(members, n_kind)
    if choices.reading is not None and choices.reading != d_reading:
        d_reading, d_reason = choices.reading, "asked for"
    loss_rule = "min_val" if d_reading == "unique" else "last"
    points, left_out = _points(members, n_kind, d_reading)
    points, copies = duplicates(points, members)
    points, longer = _early_stopped(points) if d_reading == "unique" else (points, [])
    left_out += longer
    points, named = drop(points, (rule for rule in choices.drop if rule.name == DROP_RUN))
    rungs, variants = _best_of_sweeps(points, {m.run_id: m for m in members})
    rungs, ruled = drop(rungs, (rule for rule in choices.drop if rule.name != DROP_RUN))
    left_out += [_as_variant(rung, best) for rung, best in variants]
    left_out += [_as_copy(rung, same) for rung, same in copies]
    left_out += [_as_dropped(rung, rule) for rung, rule in (*named, *ruled)]
    rungs = sorted(rungs, key=lambda r: (r.N, r.D, r.name, r.run_id))
    return Ladder(
        key=key,
        name=recipe.get("recipe") or recipe.get("dataset") or key,
        recipe=tuple(recipe.items()),
        reasons=_reasons(members, recipe),
        n_kind=n_kind,
        d_reading=d_reading,
        d_reason=d_reason,
        loss_rule=loss_rule,
        loss_unit=recipe.get("unit", "nats/token"),
        rungs=tuple(rungs),
        repeats=repeats(rungs),
        left_out=tuple(sorted(left_out, key=lambda s: (s.code, s.name, s.run_id))),
        variants=tuple(rung for rung, _ in variants),
        warnings=pitfalls(members, rungs, n_kind, d_reading, copies=[rung for rung, _ in copies]),
        members=tuple(members),
        choices=choices,
    )


def choose_n_kind(members: Sequence[Candidate]) -> str:
    """The kind of N most runs state, then most state exactly, then without embeddings before total.

    Where every run is a mixture of experts it is the active N.
    """
    if members and all("n_active" in m.n for m in members):
        return "n_active"
    counts = Counter(kind for m in members for kind in m.n)
    exact = Counter(kind for m in members for kind, count in m.n.items() if not count.approximate)
    return max(N_KINDS, key=lambda kind: (counts[kind], exact[kind], -N_KINDS.index(kind)))


def choose_reading(members: Sequence[Candidate], n_kind: str) -> tuple[str, str]:
    """`unique` where data was repeated and its size is known for every rung, else `seen` (science.md 1.2)."""
    rungs = [m for m in members if m.finished and not m.broken and n_kind in m.n and m.minimum]
    repeated = [m for m in rungs if m.epochs is not None and m.epochs > 1 + SAME]
    unknown = [m.name for m in rungs if m.unique_tokens is None]
    if repeated and not unknown:
        most = max(m.epochs or 0.0 for m in repeated)
        return (
            "unique",
            f"{len(repeated)} of {len(rungs)} finished runs repeat their data, up to {most:.3g} epochs",
        )
    if repeated:
        return "seen", f"data is repeated, but unique tokens are unknown for {listed(unknown)}"
    if rungs and not unknown:
        return "seen", "no rung has more than one epoch"
    return "seen", "unique tokens are unknown"


def _points(members: Sequence[Candidate], n_kind: str, reading: str) -> tuple[list[Rung], list[LeftOut]]:
    rungs: list[Rung] = []
    left_out: list[LeftOut] = []
    unfit = no_rungs(members, reading)
    for m in members:
        count = m.n.get(n_kind)
        D = m.unique_tokens if reading == "unique" else m.tokens_seen
        level = m.minimum if reading == "unique" else m.last
        refusal = _why_no_rung(m, n_kind, D, level, reading) or unfit.get(m.run_id)
        if refusal is None and count is not None and D is not None and level is not None:
            used = m.n.get("n_active", count)
            C = 6.0 * used.value * (m.tokens_seen if m.tokens_seen is not None else D)
            rungs.append(Rung(m.run_id, m.name, count.value, D, C, level.value, level, m.epochs))
        elif refusal is not None:
            left_out.append(
                LeftOut(
                    m.run_id,
                    m.name,
                    *refusal,
                    count.value if count else None,
                    D,
                    level.value if level else None,
                )
            )
    return rungs, left_out


def _why_no_rung(
    m: Candidate, n_kind: str, D: float | None, level: Level | None, reading: str
) -> tuple[str, str] | None:
    """(code, reason) of the first thing that keeps a run out, in the order a person would mend them."""
    if m.set_aside is not None:
        return "given", m.set_aside
    if n_kind not in m.n:
        kinds = ", ".join(m.n)
        return "no-params", f"N is not known as {n_kind}" + (f", only as {kinds}" if kinds else "")
    if m.n[n_kind].value > LARGEST_SIZE:
        return "no-params", f"N of {m.n[n_kind].value:.3g} is no number of parameters"
    if D is None:
        return "no-tokens", "tokens are not known"
    if D > LARGEST_SIZE:
        return "no-tokens", f"D of {D:.3g} is no number of tokens"
    if level is None:
        return "no-loss", "no loss of the ladder's kind"
    if m.broken:
        return "broken-run", m.broken
    if not m.finished:
        return "unfinished", m.unfinished_reason
    if not LOSSES[0] < level.value < LOSSES[1]:
        return "no-loss", f"final loss is {level.value:.6g}"
    if reading == "seen" and m.epochs is not None and m.epochs > MOST_EPOCHS * (1 + SAME):
        text = "tokens seen overstate D; the law of repeated data takes it"
        return "epochs-high", f"{m.epochs:.3g} epochs: {text}"
    return None


def _early_stopped(rungs: Sequence[Rung]) -> tuple[list[Rung], list[LeftOut]]:
    """Of runs of one N and data set that differ in their epochs, those that went furthest down.

    The others ended before their minimum or long past it; repeats of the best stay with it.
    """
    kept: list[Rung] = []
    out: list[LeftOut] = []
    for cell in cells([replace(r, epochs=None) for r in rungs]):
        ids = {r.run_id for r in cell}
        runs = [r for r in rungs if r.run_id in ids]
        best = min(runs, key=lambda r: (r.loss, r.name, r.run_id))
        for run in runs:
            if same_epochs(run, best):
                kept.append(run)
            else:
                reason = (
                    f"{run.epochs:.3g} epochs of the same data; {best.name} reached less in {best.epochs:.3g}"
                )
                out.append(LeftOut(run.run_id, run.name, "other-epochs", reason, run.N, run.D, run.loss))
    return kept, out


def _best_of_sweeps(
    rungs: Sequence[Rung], members: Mapping[str, Candidate]
) -> tuple[list[Rung], list[tuple[Rung, Rung]]]:
    """Same N and D at several learning rates or batches: the best setting stays, with all its repeats.

    Returns the rungs, and (variant, best rung of its cell) for each that goes. A run whose setting is not
    known stays: it cannot be told from a repeat.
    """
    kept: list[Rung] = []
    variants: list[tuple[Rung, Rung]] = []
    for cell in cells(rungs):
        settings = {r.run_id: (members[r.run_id].peak_lr, members[r.run_id].batch) for r in cell}
        best = min(cell, key=lambda r: r.loss)
        for rung in cell:
            if _same_setting(settings[rung.run_id], settings[best.run_id]):
                kept.append(rung)
            else:
                variants.append((rung, best))
    return kept, variants


def _same_setting(a: tuple[float | None, float | None], b: tuple[float | None, float | None]) -> bool:
    return all(x is None or y is None or close(x, y) for x, y in zip(a, b, strict=True))


def _as_variant(rung: Rung, best: Rung) -> LeftOut:
    excess = 100 * (rung.loss / best.loss - 1)
    side = "above" if excess >= 0 else "below"
    reason = f"another learning rate or batch than {best.name}, loss {abs(excess):.1f} % {side} it"
    return LeftOut(rung.run_id, rung.name, "lr-variant", reason, rung.N, rung.D, rung.loss)


def _as_copy(rung: Rung, same: Rung) -> LeftOut:
    reason = f"the same N, D and loss as {same.name}: counted once"
    return LeftOut(rung.run_id, rung.name, "duplicate-points", reason, rung.N, rung.D, rung.loss)


def _as_dropped(rung: Rung, rule: Rule) -> LeftOut:
    return LeftOut(rung.run_id, rung.name, "dropped", str(rule), rung.N, rung.D, rung.loss)


def _reasons(members: Sequence[Candidate], recipe: Mapping[str, str]) -> tuple[str, ...]:
    reasons = []
    for name, value in recipe.items():
        stating = sum(name in m.recipe for m in members)
        rest = len(members) - stating
        tail = f"; {rest} do not say and are taken as agreeing" if rest else ""
        assumed = sum(name in m.assumed for m in members)
        said = f"stated by {stating - assumed} of {len(members)} runs{tail}"
        reasons.append(f"{name} {value}: {said}" + (f"; assumed for {assumed}" if assumed else ""))
    if not reasons:
        reasons.append(f"same folder {members[0].folder}; nothing else is known of the recipe")
    return tuple(reasons)
