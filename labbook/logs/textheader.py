"""What the lines that are no records say of a run: figures, configuration, its name."""

from __future__ import annotations

import re

from labbook.logs.carry import add_figure, flatten, put_config
from labbook.logs.hints import literal_of
from labbook.logs.literal import literal
from labbook.logs.numbers import CUT, finite, human, number
from labbook.logs.objects import object_at_end
from labbook.logs.patterns import Patterns, Table
from labbook.records import Figure, RunPart
from labbook.text import clean

_ECHOED = "echoed configuration"


class Header:
    """Reads the lines between the records by their table. Kept as JSON between readings."""

    def __init__(self, table: Table, state: object) -> None:
        known = state if isinstance(state, dict) else {}
        self.table = table
        self.addends = _figures(known.get("addends"))
        """By figure and number of its pattern, what was met of a sum."""
        self.ranks = _figures(known.get("ranks"))
        """By figure and rank, what was met of a sum over ranks."""
        self._all = _probes(
            *table.header.values(), *table.sums.values(), *table.sums_by.values(), *table.texts.values()
        )
        self._config = _probes(table.config, table.config_object)
        self._banners = _probes(table.new_run)

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {"addends": self.addends, "ranks": self.ranks}

    def is_launch(self, line: str) -> bool:
        """True for the banner of a launch; what a sum lacks will not come any more."""
        if not _may_match(self._banners, line) or not any(p.search(line) for p in self.table.new_run):
            return False
        self.addends, self.ranks = {}, {}
        return True

    def see(self, line: str, place: int, into: RunPart) -> None:
        """Take what a bare line says of the run."""
        if _may_match(self._config, line):
            self._configured(line, into)
        if not _may_match(self._all, line):
            return
        table = self.table
        for key, patterns in table.header.items():
            for pattern in patterns:
                if match := pattern.search(line):
                    put_figure(into, key, _figure(match), f"line {place}: {clean(line, 120)}")
        for key, patterns in table.sums.items():
            for index, pattern in enumerate(patterns):
                if (match := pattern.search(line)) and finite(value := number(match["v"])):
                    self._addend(into, key, str(index), value, place)
        for key, patterns in table.sums_by.items():
            for match in (match for pattern in patterns for match in pattern.finditer(line)):
                if (found := _figure(match)) is not None and finite(found[0]):
                    self.ranks.setdefault(key, {})[clean(match["k"], 80)] = found[0]
        for pattern in table.texts.get("name", ()):
            if (match := pattern.search(line)) and CUT not in match["v"]:
                into.name = clean(match["v"]) or into.name

    def settle(self, into: RunPart) -> None:
        """A record came: every rank has said its share."""
        for key, shares in self.ranks.items():
            add_figure(into, Figure(key, sum(shares.values()), f"sum over {len(shares)} ranks"))
        self.ranks = {}

    def _configured(self, line: str, into: RunPart) -> None:
        for pattern in self.table.config:
            match = pattern.search(line)
            value = literal(match["value"]) if match else None
            if match and value is not None:
                put_config(into, {clean(match["key"], 120): value[0]}, _ECHOED)
                return
        told = any(pattern.search(line) for pattern in self.table.config_object)
        if told and (found := object_at_end(line.removesuffix(CUT))):
            put_config(into, flatten(found[1]), _ECHOED)

    def _addend(self, into: RunPart, key: str, index: str, value: float | None, place: int) -> None:
        """Collect the addends of a sum; header repeats of other ranks say the same again."""
        if value is None:
            return
        found = self.addends.setdefault(key, {})
        found[index] = value
        if len(found) == len(self.table.sums[key]):
            source = f"line {place}: sum of {len(found)} printed figures"
            add_figure(into, Figure(key, sum(found.values()), source))
            self.addends[key] = {}


def put_figure(part: RunPart, key: str, found: tuple[float, int | None] | None, source: str) -> None:
    """Add a figure of (value, significant digits or None), once."""
    if found is not None and finite(found[0]):
        add_figure(part, Figure(key, found[0], source, found[1]))


def _figure(match: re.Match[str]) -> tuple[float, int | None] | None:
    groups = match.groupdict()
    if (billions := groups.get("billions")) is not None:
        value = number(billions)
        return None if value is None else (float(round(value * 1e9)), None)
    return human(groups.get("v") or "")


def _probes(*groups: Patterns) -> tuple[str, ...] | None:
    """Texts of which a line that any of the patterns matches holds one; None where that is not known."""
    found = [literal_of(pattern.pattern) for patterns in groups for pattern in patterns]
    return tuple(dict.fromkeys(found)) if all(found) else None


def _may_match(probes: tuple[str, ...] | None, line: str) -> bool:
    return probes is None or any(probe in line for probe in probes)


def _figures(saved: object) -> dict[str, dict[str, float]]:
    known = saved if isinstance(saved, dict) else {}
    return {str(key): {str(k): float(v) for k, v in found.items()} for key, found in known.items()}
