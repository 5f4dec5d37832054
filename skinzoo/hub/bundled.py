"""Weights that are part of the installed package: they load without a network."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from skinzoo.errors import ChecksumError, ConfigError, WeightsError
from skinzoo.hub.digests import FileDigest
from skinzoo.hub.record import WeightsRecord

MAX_BYTES = 10_000_000
"""Largest file of bundled weights."""


def bundled_folder(record: WeightsRecord) -> Path:
    """The folder of bundled weights, on this disk; each of its files is compared with the record.

    Args:
        record: Of weights without a repository.

    Raises:
        ConfigError: The weights are not bundled.
        WeightsError: The package is installed in a way that has no files, or without these.
        ChecksumError: A file is not the one that was published.
    """
    if record.repository is not None:
        raise ConfigError(f"{record.name} is not part of the package; its files are in {record.reference} on the Hub.")
    folder = files("skinzoo.hub") / "bundled" / record.name
    if not isinstance(folder, Path):
        raise WeightsError(
            f"skinzoo is imported from a zip file, where {record.name} cannot be read; install it into a folder: "
            "pip install skinzoo."
        )
    for name, expected in record.files.items():
        path = folder / name
        if not path.is_file():
            raise WeightsError(f"{path} is absent, which belongs to {record.name}; install skinzoo again.")
        if (found := FileDigest.of(path)) != expected:
            raise ChecksumError(
                f"{path} is not the file that was published: want sha256 {expected}, got {found}. Install it again: "
                "pip install --force-reinstall skinzoo."
            )
    return folder
