"""Collections by name: the registry, and `load_dataset`, `list_datasets`, `dataset_info` over it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.fetching import fetch_missing, how_to_get, is_unfinished, wanted_files
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.listing import open_root
from skinzoo.download import RemoteFile
from skinzoo.errors import ConfigError, DatasetNotFoundError
from skinzoo.registry import Registry, accepted_options, check_options

Adapter = Callable[..., SkinDataset]


@dataclass(frozen=True)
class DatasetEntry:
    """A registered collection.

    Attributes:
        info: Its declared facts.
        open: Opens it; see `register_dataset`.
    """

    info: DatasetInfo
    open: Adapter

    @property
    def needs_files(self) -> bool:
        """False if the collection is made, not read."""
        return "root" in inspect.signature(self.open).parameters

    @property
    def options(self) -> list[str]:
        """Names of all options that `load_dataset` takes for this collection."""
        own = accepted_options(self.open, skip=("root", "checks"))
        return [*own, *(f.name for f in fields(CheckOptions))] if self.needs_files else own


DATASETS: Registry[DatasetEntry] = Registry("dataset")


def register_dataset(info: DatasetInfo) -> Callable[[Adapter], Adapter]:
    """Decorator: make a function that opens a collection known to `load_dataset` as `info.name`.

    The function takes the folder (`root: Path`, which exists) and how closely to look at its files
    (`checks: CheckOptions`), then its own options as keyword arguments, and returns a `SkinDataset`. A collection that
    needs no files takes neither of the first two.

    Args:
        info: The collection's declared facts.

    Raises:
        ConfigError: There is a collection of that name.
    """

    def add(function: Adapter) -> Adapter:
        DATASETS.register(info.name, has_masks=info.has_masks, group=info.group, modality=info.modality)(
            DatasetEntry(info, function)
        )
        return function

    return add


def data_root() -> Path:
    """The folder in which collections are looked for by name: `$SKINZOO_DATA`, or `~/.cache/skinzoo/data`."""
    return Path(os.environ.get("SKINZOO_DATA") or "~/.cache/skinzoo/data").expanduser()


def load_dataset(
    name: str, root: str | os.PathLike[str] | None = None, *, download: bool = False, **options: Any
) -> SkinDataset:
    """Open a collection.

    Args:
        name: One of `list_datasets()`.
        root: Its folder; None looks for a folder of that name in `$SKINZOO_DATA` (default `~/.cache/skinzoo/data`).
        download: Where the folder does not hold the collection, fetch the files of the part that is asked for, if its
            publisher lets everybody have them (`dataset_info(name).downloads`), and unpack them. A download that was
            cut off is continued; what is there is never fetched again. The licence is logged.
        **options: The fields of `CheckOptions` (`check`, `duplicates`, `conflicts`, `strict` ...), which every
            collection of files takes, and what the collection's own function takes, such as `part` or `masks`.

    Returns:
        The usable rows; `.integrity` says what was found wrong with the others.

    Raises:
        UnknownNameError: No such collection.
        ConfigError: An option that it does not take, or a name or folder that is neither text nor a path.
        DatasetNotFoundError: The folder or a required file is absent; the message shows the expected tree.
        DownloadError: `download`, and a file could not be fetched; if that needs an account or a form, the message
            says so.
        ArchiveError: `download`, and an archive cannot be unpacked safely.
        TableError: A table lacks a column or is no table.
        LabelError: A label that the collection does not know.
        IntegrityError: `strict` and something is unusable.
    """
    entry = _entry(name)
    check_options(options, entry.options, of=f"dataset {name!r}")
    if not entry.needs_files:
        if root is not None:
            raise ConfigError(f"{name} needs no files, so it takes no root; got {root!r}.")
        return entry.open(**options)
    checks = CheckOptions(**{f.name: options.pop(f.name) for f in fields(CheckOptions) if f.name in options})
    folder = _folder(entry.info, root)
    wanted = _wanted(entry, options) if download else []
    if is_unfinished(folder, wanted):
        fetch_missing(entry.info, folder, wanted)
    try:
        return _open(entry, folder, checks, options, is_default=root is None)
    except DatasetNotFoundError:
        if not download:
            raise
    fetch_missing(entry.info, folder, wanted)
    return _open(entry, folder, checks, options)


def _open(
    entry: DatasetEntry, folder: Path, checks: CheckOptions, options: Mapping[str, Any], *, is_default: bool = False
) -> SkinDataset:
    if is_default and not folder.is_dir():
        raise DatasetNotFoundError(
            f"{entry.info.name}: no root was given and {folder} does not exist; pass root=... {how_to_get(entry.info)}"
        )
    return entry.open(open_root(folder, entry.info), checks, **options)


def download_dataset(
    name: str, root: str | os.PathLike[str] | None = None, *, part: str | None = None, **options: Any
) -> Path:
    """Fetch a collection's files without opening it.

    Args:
        name: One of `list_datasets()`.
        root: Its folder, made if absent; None takes the one in which `load_dataset` looks for it.
        part: One of its parts; None fetches all.
        **options: Further options of the collection that its files depend on, such as a `size`.

    Returns:
        The folder.

    Raises:
        UnknownNameError: No such collection.
        ConfigError: No such part or option, or the collection needs no files.
        DownloadError: A file could not be fetched, or that needs an account or a form, which the message describes.
        ArchiveError: An archive cannot be unpacked safely.
    """
    entry = _entry(name)
    if not entry.needs_files:
        raise ConfigError(f"{name} needs no files, so there is nothing to fetch; load_dataset({name!r}) makes it.")
    check_options(options, {k for f in entry.info.downloads for k in f.options}, of=f"the download of {name!r}")
    folder = _folder(entry.info, root)
    fetch_missing(entry.info, folder, wanted_files(entry.info, part, options))
    return folder


def _folder(info: DatasetInfo, root: str | os.PathLike[str] | None) -> Path:
    if root is None:
        return data_root() / info.name
    if not isinstance(root, str | os.PathLike):
        raise ConfigError(f"root={root!r} is no folder; give its path, or None for {data_root() / info.name}.")
    return Path(root).expanduser()


def _wanted(entry: DatasetEntry, options: Mapping[str, Any]) -> list[RemoteFile]:
    """The files that opening the collection with these options needs."""
    parameters = inspect.signature(entry.open).parameters
    given = {k: options.get(k, parameters[k].default) for k in entry.options if k in parameters}
    return wanted_files(entry.info, given.pop("part", None), given)


def list_datasets(
    pattern: str = "*", *, has_masks: bool | None = None, group: str | None = None, modality: str | None = None
) -> list[str]:
    """Names of the collections that match a shell-style pattern, sorted.

    Args:
        pattern: Such as `"isic20*"`.
        has_masks: True for those with lesion masks, False for those without; None for all.
        group: `"patient"`, `"lesion"` or `"image"`: what their group ids stand for; None for all.
        modality: Such as `"dermoscopic"` or `"clinical"`, see `DatasetInfo`; None for all.
    """
    return sorted(DATASETS.names(pattern, has_masks=has_masks, group=group, modality=modality))


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
