"""Which ISIC image each row of DermaMNIST's arrays shows, by the tables of those who found out."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.tables import Table, group_column, image_ids, read_table
from skinzoo.errors import LabelError, TableError
from skinzoo.taxonomy import ISIC2018

TABLES = {
    "official": ("dermamnist_split_info.csv", "dermamnist_ids.csv"),
    "corrected": ("DermaMNIST-C.csv", "combined_metadata_corrected-HAM10000_corrected.csv"),
    "extended": ("DermaMNIST-E.csv", "combined_extended.csv"),
}
"""What the tables are called, by variant: the first as published beside the arrays, the second as in its repository."""


class PictureIds(NamedTuple):
    """What is known about the rows of one array.

    Attributes:
        ids: ISIC ids.
        lesions: Lesion ids, empty where the table tells none.
    """

    ids: list[str]
    lesions: list[str]


def read_ids(path: Path, part: str, labels: NDArray[np.int64]) -> PictureIds:
    """The ids of a part's rows.

    The table has a column `split`, and the ids in `image_id` or `image`. With a column `index`, that is the position in
    the array; without one, the rows of a part stand in the array's order. Diagnoses in `dx` or `diag`, where
    there are any, are compared with the labels, so that a table of another release is not taken for this one's.

    Args:
        path: The table.
        part: `"train"`, `"val"` or `"test"`.
        labels: Class indices in `ISIC2018` (N,) of the array's rows.

    Raises:
        TableError: A column is absent, or the table does not fit the labels.
    """
    table = read_table(path, ["split"], ["index", "image_id", "image", "lesion_id", "dx", "diag"])
    column = next((c for c in ("image_id", "image") if c in table), None)
    if column is None:
        raise TableError(f"{path}: wanted a column image_id or image beside split; found neither.")
    rows = [i for i, cell in enumerate(table["split"]) if cell.lower() == part]
    if len(rows) != len(labels):
        raise TableError(f"{path} has {len(rows)} rows for {part}, but the array has {len(labels)}; another release?")
    if "index" in table:
        rows = _in_order(table, rows, part)
    _compare(table, rows, labels, part)
    lesions = group_column(table["lesion_id"]) if "lesion_id" in table else [""] * len(table)
    names = image_ids(table[column])
    return PictureIds([names[i] for i in rows], [lesions[i] for i in rows])


def _in_order(table: Table, rows: list[int], part: str) -> list[int]:
    position = {table["index"][i]: i for i in rows}
    wanted = [str(k) for k in range(len(rows))]
    if set(position) != set(wanted):
        raise TableError(f"{table.path}: index of {part} does not run from 0 to {len(rows) - 1}, each number once.")
    return [position[k] for k in wanted]


def _compare(table: Table, rows: list[int], labels: NDArray[np.int64], part: str) -> None:
    column = next((c for c in ("dx", "diag") if c in table), None)
    if column is None:
        return
    for at, (i, label) in enumerate(zip(rows, labels.tolist(), strict=True)):
        try:
            agrees = ISIC2018.index(table[column][i]) == label
        except LabelError:
            agrees = False
        if not agrees:
            raise TableError(
                f"{table.path}, {table.where(i)}: {table[column][i]!r}, but row {at} of the array {part} is "
                f"{ISIC2018.classes[label]}; the table belongs to another release."
            )
