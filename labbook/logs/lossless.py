"""The sentence for a source that was read and holds no loss: what it has instead."""

from __future__ import annotations

from collections.abc import Iterable

from labbook.logs import names
from labbook.records import Issue, RunPart
from labbook.text import clean

_ACCURACIES = frozenset(
    {"acc", "accuracy", "map", "map50", "precision", "recall", "f1", "auc", "auroc", "bleu", "rouge", "iou"}
    | {"top1", "top5", "exact", "miou"}
)
_REWARDS = frozenset({"reward", "rewards", "rew", "return", "returns", "score"})
_NAMED = 6
"""Metrics the sentence names."""


def without_loss(parts: Iterable[RunPart], what: str) -> list[Issue]:
    """An issue `no-points` where no run has a metric, `no-loss` where none has a loss; else nothing.

    what: the source in words, as the sentence begins: `MLflow database`.
    """
    metrics = dict.fromkeys(name for part in parts for name in part.series)
    if not metrics:
        return [Issue("no-points", f"{what} without metrics: its runs logged none so far")]
    if any(names.is_loss(name) or name == "train_eval" for name in metrics):
        return []
    shown = ", ".join(list(metrics)[:_NAMED]) + (", ..." if len(metrics) > _NAMED else "")
    return [Issue("no-loss", clean(f"{_kind(metrics)}: {shown}", 300))]


def _kind(metrics: Iterable[str]) -> str:
    words = {word for name in metrics for word in names.plain(name).split("_")}
    if words & _REWARDS:
        return "rewards without a loss"
    return "accuracies without a loss" if words & _ACCURACIES else "no known loss among its metrics"
