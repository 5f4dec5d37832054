"""Collections by name: the registry, and `load_dataset`, `list_datasets`, `dataset_info` over it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skinzoo.datasets.base import DatasetInfo, SkinDataset
from skinzoo.errors import ConfigError, DatasetNotFoundError
from skinzoo.registry import Registry, accepted_options, check_options

Adapter = Callable[..., SkinDataset]


@dataclass(frozen=True)
class DatasetEntry:
    """A collection's declared facts and the function that opens it."""

    info: DatasetInfo
    open: Adapter


DATASETS: Registry[DatasetEntry] = Registry("dataset")


def register_dataset(info: DatasetInfo) -> Callable[[Adapter], Adapter]:
    """Decorator: make a function that opens a collection known to `load_dataset` as `info.name`.

    The function takes the folder as its parameter `root` (no such parameter: it needs no files) and its options as
    keyword arguments, and returns a `SkinDataset`.
    """

    def add(function: Adapter) -> Adapter:
        DATASETS.register(info.name, has_masks=info.has_masks, group=info.group)(DatasetEntry(info, function))
        return function

    return add


def data_root() -> Path:
    """The folder in which collections are looked for by name: `$SKINZOO_DATA`, or `~/.cache/skinzoo/data`."""
    return Path(os.environ.get("SKINZOO_DATA") or "~/.cache/skinzoo/data").expanduser()


def load_dataset(name: str, root: str | os.PathLike[str] | None = None, **options: Any) -> SkinDataset:
    """Open a collection.

    Args:
        name: One of `list_datasets()`.
        root: Its folder; None looks for a folder of that name in `$SKINZOO_DATA` (default `~/.cache/skinzoo/data`).
        **options: What the collection's function takes; see there.

    Returns:
        The usable rows; `.integrity` says what was found wrong with the others.

    Raises:
        UnknownNameError: No such collection.
        ConfigError: An option that it does not take, or a name or folder that is neither text nor a path.
        DatasetNotFoundError: The folder or a required file is absent; the message shows the expected tree.
    """
    entry = _entry(name)
    check_options(options, accepted_options(entry.open, skip=("root",)), of=f"dataset {name!r}")
    if root is not None and not isinstance(root, str | os.PathLike):
        raise ConfigError(f"root={root!r} is no folder; give its path, or None for {data_root() / entry.info.name}.")
    if "root" not in inspect.signature(entry.open).parameters:
        return entry.open(**options)
    if root is None:
        root = data_root() / entry.info.name
        if not root.is_dir():
            where = f" Get it from {entry.info.homepage}." if entry.info.homepage else ""
            raise DatasetNotFoundError(f"{name}: no root was given and {root} does not exist; pass root=...{where}")
    return entry.open(root, **options)


def list_datasets(pattern: str = "*", *, has_masks: bool | None = None, group: str | None = None) -> list[str]:
    """Names of the collections that match a shell-style pattern and the facets given."""
    return DATASETS.names(pattern, has_masks=has_masks, group=group)


def dataset_info(name: str) -> DatasetInfo:
    """A collection's declared facts: size, classes, licence, citation, expected folders.

    Raises:
        UnknownNameError: No such collection.
        ConfigError: The name is no text.
    """
    return _entry(name).info


def _entry(name: str) -> DatasetEntry:
    if not isinstance(name, str):
        raise ConfigError(f"name={name!r} is no text; give one of {', '.join(DATASETS.names())}.")
    return DATASETS[name]
