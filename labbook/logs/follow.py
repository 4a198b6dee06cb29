"""Reading what is still growing: fingerprints, offsets, rotation, truncation, and sidecars that change.

Everything is polled: no notification reaches a node from another node's writes.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from labbook import logs
from labbook.logs.identity import run_name
from labbook.logs.opening import Unpacked, opened, packing
from labbook.logs.sidecar import apply_sidecars
from labbook.records import Fingerprint, Issue, Reading, SourceState
from labbook.text import PATH_LIMIT, clean

if TYPE_CHECKING:
    from labbook.logs.discover import Found

Change = Literal["same", "grown", "replaced"]
HEAD = 4096
SETTLED_S = 3600.0
"""A last line without an end counts once its file has been silent for so long."""
PACKED_PIECE = 32 << 20
"""Unpacked bytes of an archive read at once: every piece unpacks all before it again."""
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


def change(state: SourceState, now: Fingerprint, *, is_packed: bool = False) -> Change:
    """What happened to a source since its last reading.

    Same head and not smaller: the same file, wherever it lies now. `grown` where size or time differ.
    is_packed: the offset counts unpacked bytes and says nothing of the file's size.
    """
    before = state.fingerprint
    same_head = now.head_digest == before.head_digest and now.head_len == before.head_len
    longer_head = now.head_len > before.head_len and now.inode == before.inode and now.device == before.device
    least = before.head_len if is_packed else max(state.offset, before.head_len)
    if now.size < least or not (same_head or longer_head):
        return "replaced"
    if now.size == before.size and now.mtime == before.mtime:
        return "same"
    return "grown"


def read_source(
    found: Found, state: SourceState | None, *, final: bool = False, limit: int | None = None
) -> tuple[Reading, SourceState] | None:
    """The news of a source since `state` and the state to keep; None where nothing changed.

    limit: bytes after which a long file is left for the next call; `Reading.more` says so.
    Never raises on content; what the system refuses is an issue `unreadable` and leaves the state as it was.
    """
    path = Path(found.path)
    try:
        return _read(found, path, state, final, limit)
    except OSError as error:
        kept = state or SourceState(str(path), found.format, _NOWHERE, confidence=found.confidence)
        issue = Issue(
            "unreadable", clean(f"cannot be read: {error.strerror or error}"), clean(str(path), PATH_LIMIT)
        )
        return Reading([], kept.offset, dict(kept.state), [issue]), kept


def _read(
    found: Found, path: Path, state: SourceState | None, final: bool, limit: int | None
) -> tuple[Reading, SourceState] | None:
    beside = _stats((*found.sidecars, *found.also))
    form = _format(found.format)
    is_packed = packing(path) is not None
    ends = final or is_packed
    replaced = False
    offset, parser = 0, dict(found.first_state)
    if state is not None and state.format == found.format:
        verdict = _verdict(path, state, form.whole, is_packed)
        ends = ends or _is_settled(state, verdict)
        same = verdict == "same" and state.state.get("beside", {}) == beside
        renamed = any(_parser(state).get(key) != value for key, value in found.first_state)
        if same and not renamed and not state.state.get("more") and (not ends or state.state.get("ended")):
            return None
        before = _parser(state)
        replaced = verdict == "replaced" or renamed
        if not replaced or (form.whole and not renamed):
            offset, parser = state.offset, before  # a format that is read whole knows its own past
        elif "columns" in before:
            parser = {"columns": before["columns"], **parser}
    elif state is not None:
        replaced = True
    now = fingerprint(path)
    ends = ends or (offset == 0 and _is_silent(now))
    piece = limit if limit is None or not is_packed else max(limit, PACKED_PIECE)
    reading = form.read(path, offset, parser, final=ends, limit=piece)
    reading.replaces = reading.replaces or (replaced and not form.whole)
    _annotate(found, reading)
    if offset == 0 and reading.offset and not any(part.series for part in reading.parts) and not reading.more:
        reading.issues.append(Issue("no-points", _NOTHING.get(found.format, "no record in it so far")))
    kept: dict[str, object] = {
        "parser": reading.state,
        "beside": beside,
        "tail": _tail(path, reading.offset),
        "more": reading.more,
        "ended": ends and not reading.more,
        "unended": ends and "encoding" in reading.state and _is_inside_a_line(path, reading.offset),
    }
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


def _verdict(path: Path, state: SourceState, whole: bool, is_packed: bool) -> Change:
    verdict = change(state, fingerprint(path, state.fingerprint.head_len), is_packed=is_packed)
    if verdict != "grown":
        return verdict
    if is_packed:
        return "replaced"  # nobody reads on in the middle of an archive
    if not whole and (state.state.get("unended") or _tail(path, state.offset) != state.state.get("tail")):
        # a tail that was taken for the last line has gone on; or the head is a header that every launch prints,
        # and what follows is another run
        return "replaced"
    return verdict


def _is_settled(state: SourceState, verdict: Change) -> bool:
    """True for a file whose last, unended line is not going to be ended any more."""
    unread = state.fingerprint.size > state.offset
    return verdict == "same" and unread and _is_silent(state.fingerprint)


def _is_silent(seen: Fingerprint) -> bool:
    return time.time() - seen.mtime > SETTLED_S


def is_continued(path: Path, state: SourceState) -> bool:
    """True where the bytes before the state's offset are the ones that were read there."""
    kept = state.state.get("tail")
    return bool(kept) and path.stat().st_size >= state.offset and _tail(path, state.offset) == kept


def _tail(path: Path, offset: int) -> str:
    """Digest of the last 4 KiB before the offset."""
    with opened(path) as file:
        if isinstance(file, Unpacked):
            return ""
        file.seek(max(0, offset - HEAD))
        return digest(file.read(min(offset, HEAD)))


def _is_inside_a_line(path: Path, offset: int) -> bool:
    """True where the bytes read so far do not end with the end of a line."""
    with opened(path) as file:
        if isinstance(file, Unpacked) or not offset:
            return False
        file.seek(offset - 1)
        return file.read(1) not in (b"\n", b"\r")


def _stats(paths: Sequence[Path]) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in paths:
        try:
            stat = os.stat(path)
        except OSError:
            continue
        found[str(path)] = [stat.st_size, stat.st_mtime]
    return found


def _parser(state: SourceState) -> dict[str, object]:
    return _mapping(state.state.get("parser"))


def _mapping(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}


def _format(name: str) -> logs.Format:
    found = logs.by_name(name)
    assert found is not None, name  # discovery only names formats that there are
    return found


def _annotate(found: Found, reading: Reading) -> None:
    """Add what the files beside the source say."""
    for part in reading.parts:
        apply_sidecars(part, run_name(Path(found.folder), part), found.sidecars, reading.issues)
        if found.format == "tensorboard" and any(path.name == "hparams.yaml" for path in found.sidecars):
            part.step_origin = 0  # Lightning's logger: the step is the index of the update
