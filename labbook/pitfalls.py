"""What can mislead a fit of these runs before a law is fitted: the pitfalls of science.md section 10.

A pitfall is a warning with a stable code (`scaling.codes`); it names the runs it is about. Where the logs
cannot tell, it is silent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median

import numpy as np

from labbook.recipe import Candidate
from labbook.rung import SAME, Rung, cells, close, listed, repeats
from labbook.scaling.codes import warned
from labbook.scaling.repeats import pure_error
from labbook.scaling.values import Warned

ENDED = 0.95
"""Share of a planned decay from which a run without a logged learning rate counts as annealed."""
DECAYED = 0.11
"""Of the peak: at or below it a run has decayed, to a tenth and a little."""
SLACK = 0.05
"""Share of the way from the peak to the end a learning rate may be short of the end."""
CONSTANT = 0.98
"""Of the peak: a run that ends above it did not decay."""
WARM_UP = 0.2
FALLS = 0.01
SAME_LOSS = 1e-6
FLOPS_VARY = 1.1
_ROW = re.compile(r"(.+) \((\d+)\)\Z")
"""Further rows of one run in a table."""


@dataclass(frozen=True)
class Setting:
    """A ladder before its fit."""

    members: Sequence[Candidate]
    """All runs of the recipe, rungs among them or not."""
    rungs: Sequence[Rung]
    n_kind: str
    reading: str
    copies: Sequence[Rung] = ()
    """Rungs that were left out because the same point stands already."""

    @cached_property
    def by_id(self) -> Mapping[str, Candidate]:
        """The members by run id."""
        return {m.run_id: m for m in self.members}

    @cached_property
    def used(self) -> list[Candidate]:
        """The runs of the rungs, in their order."""
        return [self.by_id[r.run_id] for r in self.rungs]


def pitfalls(
    members: Sequence[Candidate],
    rungs: Sequence[Rung],
    n_kind: str,
    reading: str,
    *,
    copies: Sequence[Rung] = (),
) -> tuple[Warned, ...]:
    """Every pitfall of these rungs as a warning."""
    setting = Setting(members, rungs, n_kind, reading, copies)
    found = (trigger(setting) for trigger in TRIGGERS)
    return tuple(warning for warning in found if warning is not None)


def no_rungs(members: Sequence[Candidate], reading: str) -> dict[str, tuple[str, str]]:
    """(code, reason) by run id of runs that are finished and have a loss and yet are no rungs."""
    found = {run_id: ("unannealed-points", reason) for run_id, reason in unannealed(members, reading).items()}
    for m in members:
        if m.training.no_loss:
            found[m.run_id] = "non-loss-metric", f"{m.training.no_loss} is no loss"
    return found


def unannealed(members: Sequence[Candidate], reading: str) -> dict[str, str]:
    """Finished runs whose learning rate stood above its end, by run id with the reason (science.md 1.4).

    A run's own plan decides, else where the other runs of the recipe ended. Runs of a constant rate are
    finished anywhere. Where nothing was annealed and all share one decay longer than the runs, they stay:
    that is `one-horizon`. A run past its minimum has its result where D is unique tokens.
    """
    ended = [m for m in members if m.finished and not m.broken and m.set_aside is None]
    shares = {m.run_id: share for m in ended if (share := _end_share(m)) is not None}
    if shares and min(shares.values()) >= CONSTANT:
        return {}
    found = {}
    for m in ended:
        reason = _short_of_plan(m)
        if reason is None:
            reason = _above_others(m, [v for k, v in shares.items() if k != m.run_id])
        if reason and not (reading == "unique" and m.rises_again):
            found[m.run_id] = reason
    if len(found) == len(ended) and _shared_decay(ended) is not None:
        return {}
    return found


def duplicates(
    rungs: Sequence[Rung], members: Sequence[Candidate]
) -> tuple[list[Rung], list[tuple[Rung, Rung]]]:
    """(rungs that stay, (copy, the rung it repeats) for each that goes): same N and D within 1 %, loss within
    1e-6, and no seed, learning rate or batch that tells them apart. The first by name stays."""
    by_id = {m.run_id: m for m in members}
    kept: list[Rung] = []
    copies: list[tuple[Rung, Rung]] = []
    for cell in cells(rungs):
        first: list[Rung] = []
        for rung in sorted(cell, key=lambda r: (r.name, r.run_id)):
            same = next((r for r in first if _is_copy(rung, r, by_id)), None)
            if same is None:
                first.append(rung)
            else:
                copies.append((rung, same))
        kept += first
    return kept, copies


def _is_copy(a: Rung, b: Rung, by_id: Mapping[str, Candidate]) -> bool:
    one, two = by_id[a.run_id], by_id[b.run_id]
    told = [
        (one.training.seed, two.training.seed),
        (one.peak_lr, two.peak_lr),
        (one.batch, two.batch),
    ]
    differ = any(None not in pair and pair[0] != pair[1] for pair in told)
    return abs(a.loss - b.loss) <= SAME_LOSS * abs(b.loss) and not differ


def _end_share(m: Candidate) -> float | None:
    """Learning rate at the end over its peak, both from the log."""
    t = m.training
    return t.last_lr / t.top_lr if t.last_lr is not None and t.top_lr else None


def _short_of_plan(m: Candidate) -> str | None:
    """Why the run ended above the end of its own plan, empty where it did not; None where no plan is known."""
    t = m.training
    if t.last_lr is not None and t.top_lr is not None and t.end_lr is not None and t.end_lr < t.top_lr:
        over = (t.last_lr - t.end_lr) / (t.top_lr - t.end_lr)
        return f"learning rate {t.last_lr:.2g} at its end, planned {t.end_lr:.2g}" if over > SLACK else ""
    if t.last_lr is None and t.decay is not None and t.steps is not None:
        short = t.steps < ENDED * t.decay
        return f"ended at step {t.steps:.0f} of a decay of {t.decay:.0f}" if short else ""
    return None


def _above_others(m: Candidate, others: Sequence[float]) -> str:
    """Why the run ended above the others of its recipe, empty where it did not or nothing tells."""
    share = _end_share(m)
    usual = median(others) if others else 1.0
    if share is None or usual > DECAYED or share <= max(DECAYED, usual + SLACK * (1 - usual)):
        return ""
    return f"learning rate {share:.0%} of its peak at its end, {usual:.0%} in the other runs"


def _shared_decay(runs: Sequence[Candidate]) -> float | None:
    """The planned decay all runs share where it is longer than the runs, of two lengths or more."""
    decays = [m.training.decay for m in runs if m.training.decay is not None]
    steps = sorted(m.training.steps for m in runs if m.training.steps is not None)
    if len(runs) < 2 or not len(runs) == len(decays) == len(steps):
        return None
    lengths = [steps[0]] + [b for a, b in pairwise(steps) if not close(a, b)]
    if not close(min(decays), max(decays)) or len(lengths) < 2 or lengths[-2] * (1 + SAME) >= min(decays):
        return None
    return decays[0]


def _unannealed(s: Setting) -> Warned | None:
    rungs = {r.run_id for r in s.rungs}
    names = [s.by_id[run_id].name for run_id in unannealed(s.members, s.reading) if run_id not in rungs]
    return warned("unannealed-points", about=listed(names)) if names else None


def _one_horizon(s: Setting) -> Warned | None:
    decay = _shared_decay(s.used)
    return warned("one-horizon", about=f"{decay:.0f} steps in every run") if decay is not None else None


def _long_warmup(s: Setting) -> Warned | None:
    over = [
        m.name
        for m in s.used
        if m.training.warmup is not None and m.training.steps and m.training.warmup > WARM_UP * m.training.steps
    ]
    return warned("long-warmup", about=listed(over)) if over else None


def _not_tuned(s: Setting) -> Warned | None:
    """One learning rate for every size, and no other tried, means nobody tuned it by size."""
    rates = {m.peak_lr for m in s.members if m.peak_lr is not None}
    sizes = {r.N for r in s.rungs}
    stated = all(m.peak_lr is not None for m in s.used)
    return warned("lr-not-tuned") if len(rates) == 1 and len(sizes) > 2 and stated else None


def _unknown_rates(s: Setting) -> Warned | None:
    """Cells of several runs whose learning rate nobody states may be a sweep taken for repeats."""
    doubtful = [
        r.name for cell in cells(s.rungs) if len(cell) > 1 for r in cell if s.by_id[r.run_id].peak_lr is None
    ]
    return warned("lr-unknown", about=listed(doubtful)) if doubtful else None


def _mixed_counts(s: Setting) -> Warned | None:
    other = [m.name for m in s.members if m.n and s.n_kind not in m.n]
    return warned("n-convention-mixed", about=listed(other)) if other else None


def _unknown_count(s: Setting) -> Warned | None:
    return warned("n-convention-unknown") if s.rungs and s.n_kind == "n_other" else None


def _embeddings(s: Setting) -> Warned | None:
    shares = [
        (1 - m.n["n_non_embedding"].value / m.n["n_total"].value, m)
        for m in s.used
        if "n_non_embedding" in m.n and "n_total" in m.n
    ]
    if not shares:
        return None
    share, smallest = min(shares, key=lambda pair: pair[1].n[s.n_kind].value if s.n_kind in pair[1].n else 0.0)
    return warned("embedding-heavy", about=f"{share:.0%} of {smallest.name}") if share > 0.2 else None


def _experts(s: Setting) -> Warned | None:
    mixtures = [m.name for m in s.used if m.has_experts]
    dense = [m.name for m in s.used if not m.has_experts]
    return warned("moe-mixed", about=f"with experts {listed(mixtures)}") if mixtures and dense else None


def _flops(s: Setting) -> Warned | None:
    """The trainer's counter over 6ND, where N does not follow from that counter."""
    ratios = []
    for m in s.used:
        count = m.n.get("n_active", m.n.get(s.n_kind))
        if m.training.flops is not None and m.tokens_seen and count is not None and count.how != "flos":
            ratios.append((m.training.flops / (6 * count.value * m.tokens_seen), m.name))
    if not ratios or max(ratios)[0] <= FLOPS_VARY * min(ratios)[0]:
        return None
    (low, least), (high, most) = min(ratios), max(ratios)
    about = f"logged / 6ND is {low:.3g} for {least}, {high:.3g} for {most}"
    return warned("flop-convention-mixed", share=f"{100 * (high / low - 1):.0f}", about=about)


def _losses(s: Setting) -> Warned | None:
    by_series: dict[str, list[str]] = {}
    for r in s.rungs:
        kind = r.level.series.partition(":")[0] + f" ({r.level.estimator})"
        by_series.setdefault(kind, []).append(r.name)
    if len(by_series) > 1:
        rarest = min(by_series, key=lambda kind: (len(by_series[kind]), kind))
        return warned("loss-mixed", about=f"{rarest} of {listed(by_series[rarest])}")
    sets = sorted({r.level.series for r in s.rungs if ":" in r.level.series})
    if len(sets) > 1:
        return warned("loss-mixed", about=listed(sets))
    assumed = [m.name for m in s.used if "unit" in m.assumed]
    if 0 < len(assumed) < len(s.used):
        return warned("loss-mixed", about=f"unit assumed for {listed(assumed)}, stated for the others")
    return None


def _metrics(s: Setting) -> Warned | None:
    metrics = [f"{m.training.no_loss} of {m.name}" for m in s.members if m.training.no_loss]
    return warned("non-loss-metric", about=listed(metrics)) if metrics else None


def _tokens(s: Setting) -> Warned | None:
    doubtful = [m.name for m in s.used if m.training.token_doubt]
    return warned("token-count-doubtful", about=listed(doubtful)) if doubtful else None


def _epochs(s: Setting) -> Warned | None:
    finished = [m for m in s.members if m.finished and not m.broken and m.set_aside is None]
    repeated = [m for m in finished if m.epochs is not None and m.epochs > 1 + SAME]
    if s.reading != "seen" or not repeated:
        return None
    most = max(repeated, key=lambda m: (m.epochs or 0.0, m.name))
    code = "epochs-high" if (most.epochs or 0.0) > 4 * (1 + SAME) else "repeated-data"
    return warned(code, about=f"{most.epochs:.3g} epochs in {most.name}")


def _short_runs(s: Setting) -> Warned | None:
    small = [r.name for r in s.rungs if r.D / r.N < 1]
    if not small:
        return None
    return warned("very-undertrained-points", k=len(small), n=len(s.rungs), about=listed(small))


def _broken(s: Setting) -> Warned | None:
    broken = [m for m in s.members if m.broken and m.set_aside is None]
    if not broken:
        return None
    steps = [m.training.broken_at for m in broken]
    if None in steps:
        return Warned("broken-run", f"Left out: {listed([f'{m.name} ({m.broken})' for m in broken])}.")
    return warned("broken-run", s=listed([f"{at:.0f} ({m.name})" for at, m in zip(steps, broken, strict=True)]))


def _noisy(s: Setting) -> Warned | None:
    """A run's single evaluation, or one whose noise exceeds that between seeds (science.md 1.5)."""
    sd = pure_error(np.array([r.loss for r in s.rungs]), repeats(s.rungs)).sd
    single = [r.name for r in s.rungs if s.by_id[r.run_id].training.readings == 1]
    noisy = [r.name for r in s.rungs if r.level.se is not None and r.level.se > sd * r.loss]
    if not single and not noisy:
        return None
    parts = [f"a single evaluation of {listed(single)}"] if single else []
    parts += [f"noise above the seeds' {100 * sd:.2g} % in {listed(noisy)}"] if noisy else []
    return warned("noisy-final-loss", about="; ".join(parts))


def _reads_high(s: Setting) -> Warned | None:
    high = [
        r.name
        for r in s.rungs
        if r.level.estimator.startswith("mean_last") and (s.by_id[r.run_id].training.lr_fall or 0.0) > FALLS
    ]
    return warned("loss-reads-high", about=listed(high)) if high else None


def _copies(s: Setting) -> Warned | None:
    return warned("duplicate-points", runs=listed([r.name for r in s.copies])) if s.copies else None


def _clusters(s: Setting) -> Warned | None:
    """Rows of a table with the name of one run, of one size, at different tokens."""
    named = {r.name: r for r in s.rungs}
    rows = [(r, named.get(found[1])) for r in s.rungs if (found := _ROW.match(r.name)) is not None]
    runs = [
        first.name for r, first in rows if first is not None and close(r.N, first.N) and not close(r.D, first.D)
    ]
    return warned("clustered-points", about=listed(sorted(set(runs)))) if runs else None


TRIGGERS: tuple[Callable[[Setting], Warned | None], ...] = (
    _mixed_counts,
    _unknown_count,
    _epochs,
    _short_runs,
    _embeddings,
    _not_tuned,
    _unknown_rates,
    _unannealed,
    _one_horizon,
    _long_warmup,
    _experts,
    _flops,
    _losses,
    _metrics,
    _tokens,
    _broken,
    _noisy,
    _reads_high,
    _copies,
    _clusters,
)
"""In the order they are printed."""
