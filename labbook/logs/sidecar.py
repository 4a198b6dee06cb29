"""Files beside a log that say what the log does not: config.json, hparams.yaml, and a person's labbook.toml."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from labbook.errors import UsageError
from labbook.logs.carry import flatten, put_config, scalar
from labbook.logs.given import check_given
from labbook.logs.literal import literal
from labbook.records import Issue, RunPart, Scalar
from labbook.text import clean

CONFIGS = ("config.json", "adapter_config.json", "hparams.yaml", "params.json", "training_args.json")
PERSON = "labbook.toml"
LARGEST = 4 << 20
GIVEN = "given."
"""What labbook.toml says of a run stands in its configuration under this prefix."""
_PAIR = re.compile(r"([A-Za-z_][\w.\-]*):\s+(\S.*)\Z")


def apply_sidecars(part: RunPart, name: str, paths: Sequence[Path], issues: list[Issue]) -> None:
    """Add what the sidecars say to the part; the log's own configuration wins. Never raises on content."""
    for path in paths:
        try:
            found = _given(path, name, issues) if path.name == PERSON else read_config(path)
        except OSError as error:
            issues.append(Issue("unreadable", clean(f"{path.name}: {error.strerror}"), str(path)))
            continue
        except ValueError as error:
            issues.append(Issue("bad-sidecar", clean(f"{path.name}: {error}", 160), str(path)))
            continue
        fresh = {key: value for key, value in found.items() if key not in part.config}
        put_config(part, fresh, path.name)
        if path.name != PERSON and fresh and path.name not in part.config_source:
            part.config_source = f"{part.config_source}, {path.name}"


def read_config(path: Path) -> dict[str, Scalar]:
    """Flat configuration of a JSON or YAML file. Raises OSError, ValueError."""
    with path.open("rb") as file:
        text = file.read(LARGEST).decode("utf-8-sig", "replace")
    if path.suffix == ".json":
        try:
            return flatten(json.loads(text))
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
    return _yaml(text)


def _yaml(text: str) -> dict[str, Scalar]:
    """YAML as flat configuration; its plain `key: value` lines alone where it holds objects of a program."""
    import yaml

    try:
        return flatten(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        pairs = (_PAIR.match(line.rstrip()) for line in text.splitlines())
        return {clean(pair[1], 120): _plain(pair[2]) for pair in pairs if pair and pair[2][0] not in "!&*[{|>"}


def _plain(text: str) -> Scalar:
    word = {"true": True, "false": False, "null": None, "~": None}
    if text.lower() in word:
        return word[text.lower()]
    value = literal(text)
    return value[0] if value is not None else scalar(text)


def _given(path: Path, name: str, issues: list[Issue]) -> dict[str, Scalar]:
    """What `[run."glob"]` tables say of the run of that name; later tables win."""
    with path.open("rb") as file:
        tree = tomllib.load(file)
    found: dict[str, Scalar] = {}
    tables = tree.get("run", {})
    for glob, table in tables.items() if isinstance(tables, dict) else ():
        if isinstance(table, dict) and fnmatchcase(name, glob):
            found |= {f"{GIVEN}{key}": str(value) for key, value in _checked(table, path, issues)}
    return found


def _checked(table: dict[str, object], path: Path, issues: list[Issue]) -> Iterable[tuple[str, object]]:
    for key, value in table.items():
        try:
            check_given(key, str(value))
        except UsageError as error:
            issues.append(Issue("bad-sidecar", clean(f"{path.name}: {error.message}", 160), str(path)))
        else:
            yield key, value
