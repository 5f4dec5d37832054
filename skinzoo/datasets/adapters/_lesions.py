"""Lesion ids for collections that know none themselves: looked up by image id in another collection's table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from skinzoo.datasets.adapters.ham10000 import TABLE_NAMES
from skinzoo.datasets.ids import canonical_id
from skinzoo.datasets.listing import find_file
from skinzoo.datasets.tables import group_column, read_table
from skinzoo.errors import DatasetNotFoundError, TableError

KNOWN_TABLES: tuple[Sequence[str], ...] = (
    TABLE_NAMES,
    ("ISIC_2019_Training_Metadata.csv",),
    ("ISIC2018_Task3_Training_LesionGroupings.csv",),
)
_IMAGE_COLUMNS = ("image_id", "image", "isic_id", "image_name")


def find_lesions(folders: Iterable[Path], given: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """Lesion id of each image id.

    Args:
        folders: Where to look for the metadata tables of HAM10000, ISIC 2019 and ISIC 2018; all that are there are
            read, and the first that knows an image's lesion is believed.
        given: A table to read instead, with the columns `lesion_id` and `image_id`, `image`, `isic_id` or
            `image_name`.

    Returns:
        Lesion ids by `canonical_id`; empty if there is no table.

    Raises:
        DatasetNotFoundError: `given` is no file.
        TableError: A table lacks a column or is no table.
    """
    if given is not None:
        path = Path(given).expanduser()
        if not path.is_file():
            raise DatasetNotFoundError(f"lesions={str(given)!r} is no file; give a table of image_id and lesion_id.")
        return _read(path)
    places = list(folders)
    found: dict[str, str] = {}
    for names in KNOWN_TABLES:
        if (table := find_file(places, names)) is not None:
            found = _read(table) | found
    return found


def lesions_for(ids: Iterable[str], lesions: dict[str, str]) -> list[str]:
    """The lesion of each id, empty where `lesions` does not know it."""
    return [lesions.get(canonical_id(i), "") for i in ids]


def _read(path: Path) -> dict[str, str]:
    table = read_table(path, ["lesion_id"], _IMAGE_COLUMNS)
    columns = [c for c in _IMAGE_COLUMNS if c in table]
    if not columns:
        raise TableError(
            f"{path}: wanted the column lesion_id and one of {', '.join(_IMAGE_COLUMNS)}; found lesion_id."
        )
    pairs = zip(table[columns[0]], group_column(table["lesion_id"]), strict=True)
    return {canonical_id(image): lesion for image, lesion in pairs if lesion}
