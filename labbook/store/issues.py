"""What readers met and survived, by source; the same remark is counted, not repeated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from labbook.duck import Connection
from labbook.records import Issue
from labbook.store import rows
from labbook.text import clean

MOST = 200
"""Different remarks kept of one source; those beyond are counted under the last of their code."""
News = tuple[str, str, list[Issue]]
"""(source_id, run_id or empty, issues)."""
Key = tuple[str, str]
"""(code, text)."""


def put(connection: Connection, news: Iterable[News]) -> None:
    """Add the issues of each source to those it has."""
    some = [(source_id, run_id, issues) for source_id, run_id, issues in news if issues]
    if not some:
        return
    ids = [source_id for source_id, *_ in some]
    stored = _of_sources(connection, ids)
    values: list[tuple[object, ...]] = []
    for source_id, run_id, issues in some:
        kept = stored[source_id]
        for issue in issues:
            _add(kept, _cleaned(issue))
        values += [(source_id, run_id, i.code, i.place, i.text, i.count) for i in kept.values()]
    rows.delete(connection, "issues", "source_id", ids)
    rows.insert(connection, "issues", "source_id, run_id, code, place, text, count", values)


def _of_sources(connection: Connection, source_ids: list[str]) -> dict[str, dict[Key, Issue]]:
    found = connection.execute(
        f"select source_id, code, text, place, count from issues where source_id in ({rows.KEYS})",
        [rows.listed(source_ids)],
    ).fetchall()
    stored: dict[str, dict[Key, Issue]] = defaultdict(dict)
    for source_id, *issue in found:
        stored[source_id][issue[0], issue[1]] = Issue(*issue)
    return stored


def _cleaned(issue: Issue) -> Issue:
    return Issue(clean(issue.code), clean(issue.text, 1000), clean(issue.place), issue.count)


def _add(kept: dict[Key, Issue], issue: Issue) -> None:
    key = (issue.code, issue.text)
    if key not in kept and len(kept) >= MOST:
        key = next((k for k in reversed(kept) if k[0] == issue.code), key)
    old = kept.get(key)
    kept[key] = Issue(old.code, old.text, old.place, old.count + issue.count) if old else issue
