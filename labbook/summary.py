"""What screens and reports show: frozen values, made by `workbook`, with nothing left to compute.

A missing number is None and has its reason in `missing` or a `Refusal`; it is never 0.
Times are Unix seconds; losses are in `loss_unit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from labbook.choices import DEFAULT, Choices
from labbook.scaling.values import (
    Approach,
    Comparison,
    Fit,
    Influence,
    NextRuns,
    Refusal,
    Regime,
    RepeatedFit,
    Resampled,
    Warned,
)

if TYPE_CHECKING:
    from labbook.triage.forecast.values import Forecast

State = Literal["ok", "done", "failed", "cancelled", "stalled", "nan", "diverged", "spike-open", "unknown"]
Severity = Literal["crit", "warn", "info"]


@dataclass(frozen=True, slots=True)
class Count:
    """A number of parameters or tokens, with where it comes from."""

    kind: str
    """n_non_embedding, n_total, n_active, n_other, tokens_seen, unique_tokens, tokens_per_step ..."""
    value: float
    how: str
    """given, printed, config, computed, counter, flos or name."""
    source: str
    """In words: `config non_embedding_params (config.json)`, `12 L h^2 from n_layer, n_embd`."""
    digits: int | None = None
    """Significant digits where the source rounds; None for exact."""
    approximate: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """What triage noticed, with its evidence."""

    id: str
    """nan, diverged, spike, stalled, off-ladder ..."""
    severity: Severity
    text: str
    since_step: float | None = None
    since_time: float | None = None
    value: float | None = None
    threshold: float | None = None
    window: int | None = None
    """Points the rule looked at."""
    cleared_step: float | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """The loss of a run now, or at its end, by a named estimator."""

    value: float
    se: float | None
    series: str
    """train, val or val:<set>."""
    estimator: str
    """last, min_val, mean_last_5pct, line_last_15pct."""
    step: float | None
    n: int
    """Points the estimator used."""


@dataclass(frozen=True, slots=True)
class Eta:
    """When a run will be done."""

    finish_at: float
    lo: float
    hi: float
    sec_per_step: float


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """One series of a run, as `show` lists it."""

    name: str
    points: int
    """In file order, before repeats are removed."""
    distinct_steps: int | None
    """None where it was not counted."""
    first_step: float | None
    last_step: float | None
    first_value: float | None
    last_value: float | None
    last_value_raw: float | None
    """As logged, before any conversion of unit."""
    unit: str | None
    non_finite: int
    source: str
    """Path of the source that leads this series, the newest of its pieces."""
    epochs: tuple[float, float] | None = None
    """Epoch of the first and the last point; None where the log has none, or where it was not looked up."""
    tokens: tuple[float, float] | None = None
    """The same of the log's own token counter."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """One source of a run, as `show` lists it."""

    path: str
    format: str
    confidence: float
    bytes: int
    offset: int
    gone: bool = False
    """True where the file is no longer there; what was read of it is kept. Looked up for one run at a time."""


ENDED = Refusal("finished", "the run has ended")


@dataclass(frozen=True, slots=True)
class RunView:
    """One run, ready to be shown."""

    run_id: str
    name: str
    path: str
    """Folder or file the run is known by."""
    formats: tuple[str, ...]
    state: State
    status: str
    """What the log says: running, finished, cancelled, failed or unknown."""
    last_seen: float | None
    """Time of the last progress of the step counter."""
    step: float | None
    planned_steps: float | None
    frac: float | None
    n: Count | None
    """The N its ladder uses."""
    n_all: tuple[Count, ...]
    tokens_seen: Count | None
    unique_tokens: Count | None
    epochs: float | None
    tokens_per_step: Count | None
    tokens_per_s: float | None
    sec_per_step: float | None
    eta: Eta | Refusal
    loss: Level | None
    """The loss the board shows: the ladder's by its loss rule, else the current level."""
    train: Level | None
    val: Level | None
    loss_unit: str
    loss_rule: str
    ladder: str | None
    """Key of its ladder."""
    role: str
    """rung, left-out or none."""
    role_reason: str
    """Why it is no rung, with the code first: `unfinished: 42 % of 1562 steps`; empty for a rung."""
    residual: float | None
    """ln L - ln L of the preferred law at its (N, D), also for a finished run that is left out."""
    regime: Regime | Refusal
    flags: tuple[Flag, ...]
    missing: tuple[str, ...]
    """What a person could supply: `N`, `tokens per step`, `unique tokens`, `planned steps`, `loss`."""
    advice: str
    recipe: tuple[tuple[str, str], ...]
    """(key, value) pairs that decide the ladder."""
    seed: str | None
    peak_lr: float | None
    series: tuple[SeriesInfo, ...]
    sources: tuple[SourceInfo, ...]
    issues: tuple[tuple[str, str, str, int], ...]
    """(code, place, text, count)."""
    minimum: Level | None = None
    """Lowest validation loss of the run."""
    speed_source: str = ""
    """What the speed was measured from, in words."""
    flops: tuple[tuple[str, float], ...] = ()
    """Training FLOP by other conventions than 6ND, where the log states the sizes they need."""
    unit_source: str = ""
    """Who says `loss_unit`: `given`, `by format ...`, `assumed`."""
    forecast: Forecast | Refusal = ENDED
    """The loss at the planned end, or why there is none."""


@dataclass(frozen=True, slots=True)
class RungView:
    """One rung of a ladder in its fit."""

    run_id: str
    name: str
    N: float
    D: float
    C: float
    loss: float
    residual: float | None
    regime: Regime
    epochs: float | None = None
    """Tokens seen over unique tokens."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A run that belongs to the ladder's recipe but is no rung."""

    run_id: str
    name: str
    code: str
    """unfinished, lr-variant, broken-run, no-params, no-tokens, no-loss, failed, given ..."""
    reason: str
    N: float | None = None
    D: float | None = None
    loss: float | None = None
    residual: float | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """What another choice would have said: the other D reading, or the learning-rate variants put in."""

    title: str
    n: int
    preferred: str | None
    rms_log: float | None
    changes: tuple[tuple[str, str, str], ...]
    """(run name, verdict now, verdict then) where they differ."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class LadderView:
    """One ladder with its fits, verdicts and method."""

    key: str
    """Stable short key."""
    name: str
    recipe: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    """Why these runs are one ladder."""
    n_kind: str
    """n_non_embedding, n_total or n_active."""
    d_reading: str
    """unique or seen."""
    d_reason: str
    loss_rule: str
    loss_unit: str
    loss_series: str
    rungs: tuple[RungView, ...]
    replicates: tuple[tuple[str, ...], ...]
    """Groups of run names with the same N, D and learning rate."""
    left_out: tuple[LeftOut, ...]
    comparison: Comparison | None
    """None while it is being computed, or where `refused` says why there is none."""
    refused: Refusal | None
    alternatives: tuple[Alternative, ...]
    warnings: tuple[Warned, ...]
    method: tuple[tuple[str, str], ...]
    """The method block, key and value, in order."""
    approaches: tuple[Approach, ...] = ()
    """Every way to the compute-optimal allocation that applies, side by side."""
    influence: tuple[Influence, ...] = ()
    """The preferred law without each size, budget and band of tokens per parameter."""
    drops: tuple[Influence, ...] = ()
    """The preferred law without its largest losses, then without its largest residuals."""
    robust: Fit | None = None
    """The preferred law under Huber's objective, from 12 rungs on."""
    resampled: tuple[Resampled, ...] = ()
    """Bootstrap intervals, for an export."""
    next_runs: NextRuns | None = None
    repeated: RepeatedFit | Refusal | None = None
    """What repeating data costs; None where no run of the recipe repeats its data."""
    choices: Choices = DEFAULT
    """What a person chose of the fit."""

    @property
    def preferred(self) -> Fit | None:
        """The fit of the preferred law."""
        if self.comparison is None or self.comparison.preferred is None:
            return None
        return self.comparison.fits[self.comparison.preferred]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reading pass is."""

    done: int
    total: int
    bytes_done: int
    bytes_total: int
    current: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one reading pass did."""

    read: tuple[tuple[str, str, int], ...]
    """(path, format, new points) of every source with something new."""
    unchanged: int
    """Sources that had nothing new."""
    skipped: tuple[tuple[str, str], ...]
    """(path, reason) of what is no log."""
    failed: tuple[tuple[str, str], ...]
    """(path, reason) of what looks like a log and could not be read."""
    issues: tuple[tuple[str, str, str, str, int], ...]
    """(path, code, place, text, count) of bad lines that were survived."""
    runs: tuple[str, ...]
    """Ids of the runs the paths hold, read now or before."""
    points: int
    seconds: float
    interrupted: bool = False

    @property
    def nothing_read(self) -> bool:
        """True where the paths hold no log that could be read."""
        return not self.read and not self.unchanged

    def why_nothing(self) -> str:
        """The reason to show when nothing was read."""
        for path, reason in (*self.failed, *self.skipped):
            return f"{path}: {reason}"
        return "there is no file in it; logs are read as they are written by the trainer"


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything a screen shows, at one moment."""

    as_of: float
    runs: tuple[RunView, ...]
    """Most severe first."""
    ladders: tuple[LadderView, ...]
    notebook: str
    version: str
    scope: str = ""
    """The filter the board is preset to, in words; empty for the whole notebook."""
    skipped: tuple[tuple[str, str], ...] = ()
    """(path, reason) of what looked like a log and was not read."""
    stale: bool = False
    """True for the last known board, shown before anything was read again."""

    def run(self, run_id: str) -> RunView | None:
        """The run of that id."""
        return next((r for r in self.runs if r.run_id == run_id), None)

    def ladder(self, key: str | None) -> LadderView | None:
        """The ladder of that key."""
        return next((x for x in self.ladders if x.key == key), None)
