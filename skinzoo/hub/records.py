"""The weights that skinzoo knows: one JSON file each, in `records/`, read when they are first asked for."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from skinzoo.errors import ConfigError, UnknownNameError
from skinzoo.files import refuse_constant, without_repetition
from skinzoo.hub.record import WeightsRecord
from skinzoo.registry import did_you_mean
from skinzoo.types import Task

_MAX_BYTES = 1_000_000


def list_weights(
    pattern: str | None = None, *, architecture: str | None = None, task: Task | str | None = None
) -> list[str]:
    """Names of the weights that `create_model` takes, sorted.

    Args:
        pattern: Shell-style, such as `"multitask_*"`; None for all.
        architecture: Only those of this architecture, by its full name.
        task: Only those of this task.

    Raises:
        ConfigError: There is no such task, or the pattern is no text.
    """
    if pattern is not None and not isinstance(pattern, str):
        raise ConfigError(f"pattern must be a text such as 'multitask_*', got {pattern!r:.80}.")
    wanted = None if task is None else Task(task)
    return [
        record.name
        for record in known_records().values()
        if (pattern is None or fnmatchcase(record.name, pattern))
        and architecture in (None, record.architecture)
        and wanted in (None, record.task)
    ]


def weights_info(name: str) -> WeightsRecord:
    """What is known about weights, by their full name `<architecture>.<tag>`; `print` it.

    Raises:
        UnknownNameError: There are none of that name; the message lists close matches.
    """
    records = known_records()
    if not isinstance(name, str) or name not in records:
        raise UnknownNameError(f"unknown weights {name!r:.200}; {did_you_mean(str(name)[:200], records)}")
    return records[name]


def find_record(architecture: str, tag: str) -> WeightsRecord:
    """The weights of an architecture, by their tag.

    Args:
        architecture: Its registered name; an alias is none.
        tag: The tag, or the full name `<architecture>.<tag>`.

    Raises:
        UnknownNameError: There are none; the message lists those of the architecture, and others of a similar tag.
    """
    records, tag = known_records(), str(tag)[:200]
    found = records.get(tag if tag.startswith(f"{architecture}.") else f"{architecture}.{tag}")
    if found is None:
        raise UnknownNameError(_unknown(architecture, tag, records.values()))
    return found


@cache
def known_records() -> Mapping[str, WeightsRecord]:
    """All records by name, sorted by name.

    Raises:
        ConfigError: A record is damaged; the message names file and field.
    """
    return read_records(files("skinzoo.hub") / "records")


def read_records(folder: Traversable) -> dict[str, WeightsRecord]:
    """The records of a folder by name, sorted by name.

    Raises:
        ConfigError: A record is damaged, or its file is not called after it; the message names file and field.
    """
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".json")), key=lambda f: f.name)
    records = (read_record(file) for file in found)
    return {record.name: record for record in sorted(records, key=lambda r: r.name)}


def read_record(file: Traversable | Path) -> WeightsRecord:
    """Read one record.

    Raises:
        ConfigError: It is damaged, or the file is not called `<name>.json`; the message names file and field.
    """
    place = file.name
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES:,} bytes")
        values = json.loads(
            content.decode("utf-8"), object_pairs_hook=without_repetition, parse_constant=refuse_constant
        )
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{place} is no readable record: {error}.") from error
    record = WeightsRecord.from_dict(values, place=place)
    if place != f"{record.name}.json":
        raise ConfigError(f"{place}: name is {record.name!r}; the file must be called {record.name}.json.")
    return record


def _unknown(architecture: str, tag: str, records: Iterable[WeightsRecord]) -> str:
    own: dict[str, str] = {}
    others: dict[str, str] = {}
    for record in records:
        (own if record.architecture == architecture else others)[record.name] = record.tag
    if tag in others:
        return f"the weights {tag!r} are those of another model than {architecture}; create_model({tag!r}) loads them."
    if own:
        says = f"{architecture} has no weights {tag!r}; {did_you_mean(tag, own.values())}"
    else:
        says = f"there are no weights for {architecture} ({tag!r} was asked for)."
    close = difflib.get_close_matches(tag, others.values(), n=4, cutoff=0.5)
    if names := [name for name, other in others.items() if other in close]:
        says += f" Other models have: {', '.join(names[:8])}."
    elif not own:
        says += f" There are weights for: {', '.join(sorted({n.partition('.')[0] for n in others})) or 'none'}."
    return says
