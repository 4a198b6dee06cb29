"""Files that lie elsewhere now: a source is known again by its head and by the bytes before its offset."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from labbook.logs.follow import HEAD, change, digest, fingerprint, is_continued
from labbook.logs.opening import opened
from labbook.records import SourceState


class Heads:
    """Known sources by length and digest of their head."""

    def __init__(self, known: Iterable[SourceState]) -> None:
        self._by_length: dict[int, dict[str, list[SourceState]]] = {}
        for state in known:
            if state.fingerprint.head_len:
                by_digest = self._by_length.setdefault(state.fingerprint.head_len, {})
                by_digest.setdefault(state.fingerprint.head_digest, []).append(state)

    def moved(self, path: Path, format_: str) -> str | None:
        """The known source that is no longer where it was and has the same bytes up to its offset.

        A log that was packed is known by what is in the archive. Raises OSError.
        """
        if not self._by_length:
            return None
        with opened(path) as file:
            head = file.read(HEAD)
        for length, by_digest in self._by_length.items():
            for state in by_digest.get(digest(head[:length]), ()) if length <= len(head) else ():
                if state.format == format_ and is_continued(path, state) and not _still_there(state):
                    return state.path
        return None


def _still_there(state: SourceState) -> bool:
    """True where the source is where it was, unchanged or grown."""
    try:
        return change(state, fingerprint(Path(state.path), state.fingerprint.head_len)) != "replaced"
    except OSError:
        return False
