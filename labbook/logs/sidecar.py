"""Files beside a log that say what the log does not: config.json, hparams.yaml, and a person's labbook.toml."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from labbook.logs.carry import MOST_KEYS, flatten, put_config, scalar
from labbook.logs.literal import literal
from labbook.logs.objects import bracket_depth
from labbook.logs.person import PERSON, given_of
from labbook.records import Issue, RunPart, Scalar
from labbook.text import PATH_LIMIT, clean

CONFIGS = (
    "config.json",
    "adapter_config.json",
    "hparams.yaml",
    "params.json",
    "training_args.json",
    "config.yaml",
    "model_config.yaml",
    "lit_config.json",
    "args.json",
)
"""Names under which trainers write what ran; the first that says a thing is believed."""
LARGEST = 4 << 20
LARGEST_YAML = 256 << 10
"""Bytes of a YAML file that is read as such; PyYAML takes seconds for a megabyte."""
DEEPEST_YAML = 100
"""Brackets within brackets; PyYAML takes minutes for thousands."""
_PAIR = re.compile(r"([A-Za-z_][\w.\-]*):\s+(\S.*)\Z")


def apply_sidecars(part: RunPart, name: str, paths: Sequence[Path], issues: list[Issue]) -> None:
    """Add what the sidecars say to the part; the log's own configuration wins. Never raises on content.

    What is wrong in a labbook.toml is said once for the file, by `person.check_person`, not for every run.
    """
    for path in paths:
        place = clean(str(path), PATH_LIMIT)
        try:
            found = given_of(path, name) if path.name == PERSON else read_config(path)
        except OSError as error:
            if path.name != PERSON:
                issues.append(Issue("bad-sidecar", clean(f"{path.name}: {error.strerror}"), place))
            continue
        except ValueError as error:
            issues.append(Issue("bad-sidecar", clean(f"{path.name}: {error}", 160), place))
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
    """YAML as flat configuration; its plain `key: value` lines alone where it holds objects of a program or is
    more than PyYAML is quick with."""
    import yaml

    try:
        if len(text) > LARGEST_YAML or bracket_depth(text) > DEEPEST_YAML:
            raise ValueError("too large or too deep for PyYAML")
        events = yaml.parse(text, yaml.SafeLoader) if "*" in text else ()
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            raise ValueError("it refers to itself")  # a few lines may stand for more than any memory holds
        return flatten(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        pairs = (_PAIR.match(line.rstrip()) for line in text.splitlines())
        plain = (pair for pair in pairs if pair and pair[2][0] not in "!&*[{|>")
        return {clean(pair[1], 120): _plain(pair[2]) for pair in islice(plain, MOST_KEYS)}


def _plain(text: str) -> Scalar:
    word = {"true": True, "false": False, "null": None, "~": None}
    if text.lower() in word:
        return word[text.lower()]
    value = literal(text)
    return value[0] if value is not None else scalar(text)
