"""JSON that people write themselves: one run with lists of its losses, several by name, or one row a run."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from labbook.logs import names
from labbook.logs.carry import flatten, put_config
from labbook.logs.column_map import apply_columns, column_issues, columns_in, kept
from labbook.logs.config_names import KEYS
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.jsonl import flat_row
from labbook.logs.ladder_rows import MOST_RUNS, Ladder, reach_plan, run_sizes
from labbook.logs.numbers import number
from labbook.logs.opening import opened
from labbook.logs.parallel import beside, meaning, singular
from labbook.logs.rows import Rows
from labbook.logs.run_columns import columns_of, form_of
from labbook.records import Figure, Issue, Reading, RunPart
from labbook.text import clean

LARGEST = 64 << 20
"""Bytes of a document that is read whole."""
_LOSS_KEY = re.compile(rb'"[^"\n]{0,80}loss[^"\n]{0,80}"\s*:', re.IGNORECASE)
_LOGS = frozenset(
    {"log", "logs", "history", "metrics", "curve", "records", "steps", "training_log", "train_log"}
)
_NAMES = ("run_name", "model_name", "run", "name", "experiment", "run_id", "id")
_CONTAINERS = frozenset({"runs", "models", "results", "experiments", "data"})
_NOT_OURS = ("wandb-*.json",)
_CHECKED = 1e-6
"""Relative difference at which a summary disagrees with its points."""

Kind = Literal["run", "runs", "rows"]


@dataclass(frozen=True, slots=True)
class _Document:
    """A document and what it holds."""

    kind: Kind
    members: tuple[tuple[str, Mapping[str, object]], ...]
    """(name or empty, object)."""
    where: str
    """The key that decided."""


class JsonRuns:
    """A JSON document of one run or of several."""

    name = "json-run"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        if sample.binary or sample.head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in {b"{", b"["}:
            return None
        blocks = (sample.head, sample.middle, sample.tail)
        named = any(_LOSS_KEY.search(block) for block in blocks) or bool(sample.columns)
        if not named or sample.size > LARGEST or any(sample.path.match(pattern) for pattern in _NOT_OURS):
            return None
        try:
            tree = _parsed(sample.head if sample.whole else _bytes(sample.path))
        except OSError:
            return None
        found = _document(tree, sample.columns)
        return Sniffed(0.9, (Evidence("", found.where),)) if found is not None else None

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        data, mapped = _bytes(path), columns_in(state)
        tree = _parsed(data)
        if tree is None:  # it is being written
            text = "not whole JSON; read again when it is complete"
            return Reading([], offset, state, [Issue("cut-tail", text, f"byte {len(data)}")])
        found = _document(tree, mapped)
        if found is None:
            return Reading([], len(data), kept(mapped), [Issue("not-a-log", "no run in it")], replaces=True)
        issues: list[Issue] = []
        if found.kind == "rows":
            parts = _ladder(found, path.name, mapped, issues)
        else:
            parts = _runs(found, path.name, issues)
        return Reading(parts, len(data), kept(mapped), issues, replaces=True)


def _bytes(path: Path) -> bytes:
    with opened(path) as file:
        return file.read(LARGEST + 1)


def _parsed(data: bytes) -> object:
    """The document, None where it is not whole or too large."""
    if len(data) > LARGEST:
        return None
    try:
        return json.loads(
            data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig", "replace")
        )
    except (ValueError, RecursionError):
        return None


def _document(tree: object, columns: Mapping[str, str]) -> _Document | None:
    """What the document is; a trainer's own state is none of these."""
    if isinstance(tree, dict):
        if "log_history" in tree:
            return None
        key = _curve_key(tree)
        if key is not None:
            return _Document("run", (("", tree),), f'"{clean(key, 80)}"')
        inner = next(
            (tree[key] for key in tree if str(key).lower() in _CONTAINERS and _holds_runs(tree[key])), None
        )
        members = inner if inner is not None else tree
    else:
        members = tree
    listed = _members(members)
    if not listed:
        return _rows((("", tree),), columns) if isinstance(tree, dict) else None
    curve = next((key for _, member in listed if (key := _curve_key(member)) is not None), None)
    if curve is not None:
        return _Document("runs", tuple(pair for pair in listed if _curve_key(pair[1])), f'"{clean(curve, 80)}"')
    single = _rows((("", tree),), columns) if isinstance(tree, dict) else None
    return single or _rows(listed, columns)


def _holds_runs(value: object) -> bool:
    return bool(_members(value))


def _members(value: object) -> tuple[tuple[str, Mapping[str, object]], ...]:
    """The objects of a list or of an object, with their names; empty where there are others among them."""
    if isinstance(value, list):
        found = tuple(("", one) for one in value if isinstance(one, dict))
        return found if len(found) == len(value) else ()
    if isinstance(value, dict):
        named = tuple((clean(str(key)), one) for key, one in value.items() if isinstance(one, dict))
        return named if len(named) >= max(1, len(value) - 2) else ()
    return ()


def _curve_key(tree: Mapping[str, object]) -> str | None:
    """The key of a list of losses, or of records with a loss."""
    for key, value in tree.items():
        if not isinstance(value, list) or not value:
            continue
        is_list = len(value) > 1 and number(value[0]) is not None
        if meaning(str(key)) == "metric" and (is_list or _pair(value[0]) is not None):
            return str(key)
        first = value[0]
        if isinstance(first, dict) and (str(key).lower() in _LOGS or meaning(str(key)) == "metric"):
            row = flat_row(first)
            if any(meaning(name) in {"step", "tokens", "epoch"} for name in row) and any(
                meaning(name) == "metric" or name == "value"
                for last in [*value[-3:], first]
                for name in _keys(last)
            ):
                return str(key)
    return None


def _keys(value: object) -> list[str]:
    return list(flat_row(value)) if isinstance(value, dict) else []


def _pair(value: object) -> tuple[float, float | None] | None:
    """(step, value) of a list of two; the value is None where it is null."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    step = number(value[0])
    return (step, number(value[1])) if step is not None else None


def _rows(
    members: tuple[tuple[str, Mapping[str, object]], ...], columns: Mapping[str, str]
) -> _Document | None:
    """Objects that each are a finished run, where they state its sizes and a loss."""
    rows = [_renamed(flat_row(member), columns) for _, member in members]
    told = [row for row in rows if names.is_run_table(tuple(row))]
    if not told or len(told) < len(rows) / 2:
        return None
    if len(rows) > 1 and form_of(tuple(told[0]), told) != "ladder":
        return None
    return _Document("rows", members, ", ".join(clean(key, 40) for key in list(told[0])[:6]))


def _renamed(row: dict[str, object], columns: Mapping[str, str]) -> dict[str, object]:
    return dict(zip(apply_columns(columns, tuple(row)), row.values(), strict=True)) if columns else row


def _ladder(found: _Document, source: str, columns: Mapping[str, str], issues: list[Issue]) -> list[RunPart]:
    ladder = Ladder(source)
    for index, (name, member) in enumerate(found.members, 1):
        row = flat_row(member)
        issues += column_issues(columns, tuple(row)) if index == 1 else []
        place = f"row {index}" if len(found.members) > 1 else "the document"
        ladder.add(_renamed(row, columns), index, place, name or None)
    parts = ladder.close()
    issues += ladder.issues
    if len(parts) == 1 and not parts[0].key.startswith("row "):
        return parts
    if len(parts) == 1:
        parts[0].key, parts[0].name = "", None
    return parts


def _runs(found: _Document, source: str, issues: list[Issue]) -> list[RunPart]:
    """The runs of a document, each under a key of its own."""
    parts = [_run(name, tree, source, issues) for name, tree in found.members[:MOST_RUNS]]
    taken: Counter[str] = Counter()
    for index, part in enumerate(parts, 1):
        if found.kind == "runs":
            told = part.name or f"run {index}"
            taken[told] += 1
            part.key = told if taken[told] == 1 else f"{told} ({taken[told]})"
            part.name = part.key
    return parts


def _run(name: str, tree: Mapping[str, object], source: str, issues: list[Issue]) -> RunPart:
    """One run: its scalars are configuration, its lists are curves."""
    told = name or next((clean(str(tree[key])) for key in _NAMES if isinstance(tree.get(key), str)), "")
    part = RunPart(name=told or None, step_origin=1)
    scalars = {key: value for key, value in tree.items() if not isinstance(value, list)}
    put_config(part, flatten(scalars), source)
    part.figures += _sizes(scalars, source)
    rows = Rows()
    met: list[Issue] = []
    for series_rows in _curves(tree, met):
        for place, row in enumerate(series_rows):
            rows.add(part, row, place, met)
    issues += [replace(issue, place=issue.place or told) for issue in met]
    _count_from(part)
    _finish(part, tree)
    reach_plan(part)
    issues += _checked(part, tree, told)
    return part


def _sizes(scalars: Mapping[str, object], source: str) -> list[Figure]:
    """Sizes under names that configurations do not have; the tokens of a run with a curve are its plan."""
    row = {str(key): value for key, value in scalars.items() if not isinstance(value, dict)}
    columns = columns_of(tuple(row))
    known = {
        role for role in names.N_KINDS if names.plain(columns.of(role) or "") in map(names.plain, KEYS[role])
    }
    known |= {"tokens_per_step", "unique_tokens"}
    return [figure for figure in run_sizes(columns, row, source) if figure.key not in known]


def _curves(tree: Mapping[str, object], issues: list[Issue]) -> Iterator[list[dict[str, object]]]:
    """The rows of every curve of a run, curve by curve, under names that mean the same in any log."""
    lists = {str(key): value for key, value in tree.items() if isinstance(value, list) and value}
    lengths = {key: len(value) for key, value in lists.items()}
    for key, value in lists.items():
        name, kind = singular(key), meaning(key)
        if isinstance(value[0], dict):
            yield [_record(one, name if kind == "metric" else None) for one in value if isinstance(one, dict)]
        elif _pair(value[0]) is not None:
            pairs = [pair for one in value if (pair := _pair(one)) is not None]
            yield [{"step": step, name: y} for step, y in pairs]
        elif number(value[0]) is not None and (kind == "metric" or names.series_of(name) is not None):
            at = beside(key, lengths)
            if at.is_bare:
                text = f"{clean(key, 60)} has no steps beside it: its points are counted from 0"
                issues.append(Issue("no-axis", text, clean(key, 60)))
            axes = [("step", at.step), ("tokens", at.tokens), ("epoch", at.epoch)]
            columns = {axis: lists[other] for axis, other in axes if other is not None}
            columns = columns or {"step": list(range(len(value)))}
            yield [
                {axis: column[index] for axis, column in columns.items()} | {name: y}
                for index, y in enumerate(value)
            ]


def _record(tree: Mapping[str, object], series: str | None) -> dict[str, object]:
    """A record of a curve; in a list of one metric `loss` and `value` are that metric."""
    row = flat_row(tree)
    if series is None:
        return row
    return {series if key in {"loss", "value"} else key: value for key, value in row.items()}


def _count_from(part: RunPart) -> None:
    """Training steps that begin at 0, or end one before the planned number, are indices of updates."""
    named = [part.series[name] for name in ("train", "lr") if name in part.series]
    steps = [step for points in named or part.series.values() for step in points.step if step == step]
    told = (number(part.config[key]) for key in ("total_steps", "max_steps", "num_steps") if key in part.config)
    part.step_origin = 0 if steps and (min(steps) == 0 or max(steps) + 1 == next(told, None)) else 1


def _finish(part: RunPart, tree: Mapping[str, object]) -> None:
    said = next((str(key) for key in tree if str(key).startswith("final_")), None)
    state = str(tree.get("status") or tree.get("state") or "").lower()
    if state in {"failed", "crashed", "killed", "cancelled"}:
        part.status, part.status_line = "failed", f"status {clean(state, 40)}"
    elif state in {"finished", "completed", "done"}:
        part.status, part.status_line = "finished", f"status {clean(state, 40)}"
    elif said is not None and number(tree[said]) is not None:
        part.status, part.status_line = "finished", f"{clean(said, 60)} {clean(str(tree[said]), 40)}"


def _checked(part: RunPart, tree: Mapping[str, object], run: str) -> list[Issue]:
    """An issue for each summary that its curve does not bear out."""
    found: list[Issue] = []
    for key, value in tree.items():
        word, _, rest = names.plain(str(key)).partition("_")
        told, series = number(value), names.series_of(rest)
        points = part.series.get(series[0]) if series is not None else None
        if told is None or points is None or word not in {"final", "last", "best", "min"}:
            continue
        finite = [one for one in points.value if one == one]
        expected = min(finite, default=told) if word in {"best", "min"} else points.value[-1]
        if abs(expected - told) > _CHECKED * abs(told):
            text = f"{clean(str(key), 60)} is {told:.6g}, the curve says {expected:.6g}"
            found.append(Issue("summary-disagrees", text, run))
    return found
