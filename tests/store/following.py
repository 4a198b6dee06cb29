"""A minimal follower of real files: what the store's tests write, and what their processes run.

A log line is `<step> <loss>`; a line feeds the series `train` with the loss and `lr` with a tenth of it.

    python following.py follow NOTEBOOK LINES PATH...     read to the end, LINES at a time, after a line on
                                                          stdin; prints the skipped
    python following.py killed NOTEBOOK TIMES ACKS PATH   the same in a child killed TIMES times at random
    python following.py hold NOTEBOOK SECONDS             keep the lock, printing its pid once it has it
"""

import os
import random
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from labbook.records import Fingerprint, Issue, RunPart, SourceState
from labbook.store import Notebook, SourceWrite, StoredSource
from labbook.store.lock import locked


def news(path: Path, stored: StoredSource | None, lines: int = 10**9) -> SourceWrite:
    """The next `lines` complete lines of the file after what is stored of it."""
    base = (stored.offset, stored.generation) if stored else (0, 0)
    offset, part, issues = base[0], RunPart(), []
    with path.open("rb") as file:
        file.seek(offset)
        for _, line in zip(range(lines), file, strict=False):
            if not line.endswith(b"\n"):
                break
            try:
                step, loss = map(float, line.split())
            except ValueError:
                issues.append(Issue("bad-line", "a line without step and loss", f"byte {offset}"))
            else:
                part.points("train").append(step, loss, place=offset)
                part.points("lr").append(step, loss / 10, place=offset)
            offset += len(line)
    stat = path.stat()
    print_ = Fingerprint(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime, 0, "")
    state = SourceState(str(path), "plain", print_, offset=offset)
    return SourceWrite(
        state,
        [(str(path), path.name, str(path.parent), part)],
        issues,
        base_offset=base[0],
        base_generation=base[1],
    )


def follow(notebook: Notebook, paths: Iterable[Path], lines: int) -> int:
    """Read the files to their end, `lines` of each at a time; how many writes came too late."""
    skipped, files = 0, list(paths)
    while True:
        stored = notebook.sources()
        batch = [news(path, stored.get(str(path)), lines) for path in files]
        batch = [w for w in batch if w.source.offset > w.base_offset]
        if not batch:
            return skipped
        skipped += notebook.write(batch, time.time())


def _killed(folder: Path, times: int, acks: Path, path: Path) -> None:
    delays = random.Random(1)
    Notebook.open(folder).close()
    acks.touch()
    for _ in range(times):
        child = os.fork()
        if child == 0:
            _follow_with_acks(folder, acks, path)
        before, patience = acks.stat().st_size, time.monotonic() + 30
        while acks.stat().st_size == before and time.monotonic() < patience:
            time.sleep(0.002)
        time.sleep(delays.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _follow_with_acks(folder: Path, acks: Path, path: Path) -> None:
    notebook = Notebook.open(folder)
    with acks.open("ab", buffering=0) as file:
        while True:
            write = news(path, notebook.sources().get(str(path)), 50)
            notebook.write([write], time.time())
            file.write(b"%d\n" % write.source.offset)


def _hold(folder: Path, seconds: float) -> None:
    Notebook.open(folder).close()
    with locked(folder, exclusive=True, on_wait=print):
        print(os.getpid(), flush=True)
        time.sleep(seconds)


def main(action: str, folder: str, *rest: str) -> None:
    """One of the actions above."""
    if action == "follow":
        with Notebook.open(folder) as notebook:
            print("ready", flush=True)
            sys.stdin.readline()
            print(follow(notebook, map(Path, rest[1:]), int(rest[0])))
    elif action == "killed":
        _killed(Path(folder), int(rest[0]), Path(rest[1]), Path(rest[2]))
    else:
        _hold(Path(folder), float(rest[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
