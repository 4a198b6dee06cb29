"""Reading what is still growing: fingerprints, offsets, rotation, truncation, and sidecars that change.

Everything is polled: no notification reaches a node from another node's writes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from labbook import logs
from labbook.logs.identity import run_name
from labbook.logs.sidecar import apply_sidecars
from labbook.records import Fingerprint, Issue, Reading, SourceState
from labbook.text import clean

if TYPE_CHECKING:
    from labbook.logs.discover import Found

Change = Literal["same", "grown", "replaced"]
HEAD = 4096
_NOWHERE = Fingerprint(0, 0, 0, 0.0, 0, "")
_NOTHING = {"tensorboard": "no scalar in it: a graph, texts or images only"}
"""What a source without a single point is, by format."""


def fingerprint(path: Path, head_len: int = HEAD) -> Fingerprint:
    """How the file looks now. Raises OSError.

    head_len: bytes of the head to digest; give an earlier fingerprint's to compare the two.
    """
    with path.open("rb") as file:
        return _fingerprint(file, head_len)


def _fingerprint(file: BinaryIO, head_len: int) -> Fingerprint:
    stat = os.fstat(file.fileno())  # open + fstat: attributes of a path may be cached for seconds on NFS
    head = file.read(min(head_len, HEAD))
    return Fingerprint(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime, len(head), digest(head))


def digest(block: bytes) -> str:
    """Of the bytes a fingerprint or a tail stands for."""
    return hashlib.blake2b(block, digest_size=16).hexdigest()


def change(state: SourceState, now: Fingerprint) -> Change:
    """What happened to a source since its last reading.

    Same head and not smaller: the same file, wherever it lies now. `grown` where size or time differ.
    """
    before = state.fingerprint
    same_head = now.head_digest == before.head_digest and now.head_len == before.head_len
    longer_head = now.head_len > before.head_len and now.inode == before.inode and now.device == before.device
    if now.size < max(state.offset, before.head_len) or not (same_head or longer_head):
        return "replaced"
    if now.size == before.size and now.mtime == before.mtime:
        return "same"
    return "grown"


def read_source(
    found: Found, state: SourceState | None, *, final: bool = False
) -> tuple[Reading, SourceState] | None:
    """The news of a source since `state` and the state to keep; None where nothing changed.

    Never raises on content; what the system refuses is an issue `unreadable` and leaves the state as it was.
    """
    path = Path(found.path)
    try:
        return _read(found, path, state, final)
    except OSError as error:
        kept = state or SourceState(str(path), found.format, _NOWHERE, confidence=found.confidence)
        issue = Issue("unreadable", clean(f"cannot be read: {error.strerror or error}"), str(path))
        return Reading([], kept.offset, dict(kept.state), [issue]), kept


def _read(
    found: Found, path: Path, state: SourceState | None, final: bool
) -> tuple[Reading, SourceState] | None:
    beside = _stats(found.sidecars)
    form = _format(found.format)
    replaced = False
    offset, parser = 0, {}
    if state is not None and state.format == found.format:
        verdict = _verdict(path, state, form.whole)
        same_sidecars = state.state.get("sidecars", {}) == beside
        if verdict == "same" and same_sidecars and not final:
            return None
        replaced = verdict == "replaced"
        if not replaced:
            offset, parser = state.offset, _mapping(state.state.get("parser"))
    elif state is not None:
        replaced = True
    now = fingerprint(path)
    reading = form.read(path, offset, parser, final=final)
    reading.replaces = reading.replaces or (replaced and not form.whole)
    _annotate(found, reading)
    if offset == 0 and reading.offset and not any(part.series for part in reading.parts):
        reading.issues.append(Issue("no-points", _NOTHING.get(found.format, "no record in it so far")))
    kept: dict[str, object] = {"parser": reading.state, "sidecars": beside, "tail": _tail(path, reading.offset)}
    after = SourceState(
        str(path),
        found.format,
        now,
        reading.offset,
        kept,
        found.confidence,
        state.source_id if state is not None else "",
    )
    reading.state = kept
    return reading, after


def _verdict(path: Path, state: SourceState, whole: bool) -> Change:
    verdict = change(state, fingerprint(path, state.fingerprint.head_len))
    if verdict != "grown":
        return verdict
    if not whole and _tail(path, state.offset) != state.state.get("tail"):
        return "replaced"  # the head is a header that every launch prints; what follows is another run
    return verdict


def is_continued(path: Path, state: SourceState) -> bool:
    """True where the bytes before the state's offset are the ones that were read there."""
    return path.stat().st_size >= state.offset and _tail(path, state.offset) == state.state.get("tail")


def _tail(path: Path, offset: int) -> str:
    """Digest of the last 4 KiB before the offset."""
    with path.open("rb") as file:
        file.seek(max(0, offset - HEAD))
        return digest(file.read(min(offset, HEAD)))


def _stats(paths: Sequence[Path]) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in paths:
        try:
            stat = os.stat(path)
        except OSError:
            continue
        found[str(path)] = [stat.st_size, stat.st_mtime]
    return found


def _mapping(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}


def _format(name: str) -> logs.Format:
    known, _ = logs.formats()
    return next(format_ for format_ in known if format_.name == name)


def _annotate(found: Found, reading: Reading) -> None:
    """Add what the files beside the source say."""
    for part in reading.parts:
        apply_sidecars(part, run_name(Path(found.folder), part), found.sidecars, reading.issues)
        if found.format == "tensorboard" and any(path.name == "hparams.yaml" for path in found.sidecars):
            part.step_origin = 0  # Lightning's logger: the step is the index of the update
