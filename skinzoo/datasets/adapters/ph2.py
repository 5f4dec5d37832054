"""PH2: 200 dermoscopic images of melanocytic lesions in three classes, with masks and dermoscopic criteria."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.adapters._ph2_tables import (
    CLASS_COLUMNS,
    CLINICAL,
    COLOURS,
    NAME,
    colour_names,
    read_excel_table,
    read_text_table,
)
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import find_file, find_folders, not_found, subfolders
from skinzoo.datasets.opening import Rows, open_rows
from skinzoo.datasets.tables import Table, name_labels, number_column, one_hot_labels, text_column
from skinzoo.errors import TableError
from skinzoo.taxonomy import PH2

INFO = DatasetInfo(
    name="ph2",
    title="PH2, dermoscopic images of the Pedro Hispano hospital",
    tree="""\
PH2Dataset/
  PH2_dataset.txt   (or PH2_dataset.xlsx)
  PH2 Dataset images/IMD003/IMD003_Dermoscopic_Image/IMD003.bmp   (or PH2_Dataset_images)
  PH2 Dataset images/IMD003/IMD003_lesion/IMD003_lesion.bmp
""",
    label_space=PH2,
    num_images=200,
    class_counts={"CN": 80, "AN": 80, "MEL": 40},
    has_masks=True,
    metadata=(
        "asymmetry",
        "pigment_network",
        "dots_globules",
        "streaks",
        "regression_areas",
        "blue_whitish_veil",
        "colors",
        "histological_diagnosis",
    ),
    leaky={"histological_diagnosis": "it names the diagnosis, and only lesions that were cut out have one"},
    licence="research and education only; no redistribution, no commercial use",
    homepage="https://www.fc.up.pt/addi/ph2%20database.html",
    citation=(
        "Mendonca T, Ferreira PM, Marques JS, Marcal ARS, Rozeira J. PH2 - a dermoscopic image database for research "
        "and benchmarking. EMBC 2013, 5437-5440. doi:10.1109/EMBC.2013.6610779"
    ),
    access="follow the download link on the homepage and accept its terms",
)

_CODES = {"A": "absent", "P": "present", "T": "typical", "AT": "atypical"}
_CRITERIA = {
    "pigment_network": "pigment network",
    "dots_globules": "dots/globules",
    "streaks": "streaks",
    "regression_areas": "regression areas",
    "blue_whitish_veil": "blue-whitish veil",
}


@register_dataset(INFO)
def ph2(root: Path, checks: CheckOptions, *, masks: bool = True) -> SkinDataset:
    """Open PH2.

    Each image is its own group: the collection names no patients. `asymmetry` is 0 (none), 1 (in one axis) or 2;
    `pigment_network` is typical or atypical, `dots_globules` that or absent, the other criteria are absent or present;
    `colors` lists the colours seen. They are what a dermatologist saw in the image, so a model that is to work alone
    has none of them. Which of them are there depends on the table; derived tables without the criteria are read too.

    The masks of single colours (`IMD003_roi`) are not read. Mirrors that lack an image are used as they are; the row
    is listed as `FILE_MISSING`.

    Checked on a real copy were the folders, the sizes and the modes of the masks. The two tables were fabricated after
    published readers of them, because no original lay at hand.

    Args:
        root: The folder with the table, or one further up.
        checks: How closely to look at the files.
        masks: False passes the masks over.

    Raises:
        DatasetNotFoundError: The table or the images are absent.
        MissingDependencyError: Only the Excel table is there, and openpyxl is not installed.
        TableError: The table lacks a column or is no table.
        LabelError: A diagnosis that PH2 does not know.
    """
    bases = [root, *find_folders(root, "PH2*", "metadata")]
    folders = [f for base in bases for f in find_folders(base, "PH2*images", "images")]
    text, excel = (find_file(bases, [f"PH2_dataset.{ending}"]) for ending in ("txt", "xlsx"))
    path = text or excel
    if path is None or not folders:
        raise not_found(INFO, root, "no PH2_dataset.txt or .xlsx" if path is None else "no folder PH2 Dataset images")
    cases = subfolders(folders[0])
    images = [f for case in cases for f in find_folders(case, "*_Dermoscopic_Image")]
    if not images:
        raise not_found(INFO, root, f"no folder *_Dermoscopic_Image below {folders[0]}")
    table = read_text_table(path) if text else read_excel_table(path)
    rows = _rows(table)
    lesions = [f for case in cases for f in find_folders(case, "*_lesion")] if masks else []
    return open_rows(INFO, root, rows, checks, images=images, masks=lesions)


def _rows(table: Table) -> Rows:
    ids = table[NAME]
    metadata, findings = _metadata(table, ids)
    if CLINICAL in table:
        names = {str(k): code for k, code in enumerate(PH2)}
        coded = replace(table, columns={**table.columns, CLINICAL: [names.get(c, c) for c in table[CLINICAL]]})
        labels, unlabelled = name_labels(coded, CLINICAL, ids, PH2)
        return Rows(ids, labels, metadata=metadata, findings=[*findings, *unlabelled])
    if missing := [title for title in CLASS_COLUMNS.values() if title not in table]:
        raise TableError(
            f"{table.path}: wanted the columns {', '.join(CLASS_COLUMNS.values())}; found no {', '.join(missing)} "
            f"among {', '.join(table.columns)}."
        )
    crosses = {code: [_cross(c) for c in table[title]] for code, title in CLASS_COLUMNS.items()}
    labels, usable, bad = one_hot_labels(replace(table, columns=crosses), ids, PH2)
    return Rows(ids, labels, usable, metadata=metadata, findings=[*findings, *bad])


def _cross(cell: str) -> str:
    return {"": "0", "x": "1"}.get(cell.lower(), cell)


def _metadata(table: Table, ids: list[str]) -> tuple[dict[str, NDArray[Any]], list[Finding]]:
    metadata: dict[str, NDArray[Any]] = {}
    findings: list[Finding] = []
    if "asymmetry" in table and "pigment network" in table:  # derived tables call a figure of their own so
        metadata["asymmetry"], findings = number_column(table, "asymmetry", ids, 0, 2)
    for name, column in _CRITERIA.items():
        if column in table:
            words = [_CODES.get(c.upper()) for c in table[column]]
            metadata[name] = np.array(words, dtype=object)
            findings += _odd(table, column, ids, words)
    if "colors" in table:
        found = [colour_names(c) for c in table["colors"]]
        metadata["colors"] = np.array([c or None for c in found], dtype=object)
        findings += _odd(table, "colors", ids, found)
    elif all(colour in table for colour in COLOURS):
        metadata["colors"] = np.array(
            [", ".join(c for c in COLOURS if _cross(table[c][i]) == "1") or None for i in range(len(ids))], dtype=object
        )
    if "histological diagnosis" in table:
        metadata["histological_diagnosis"] = text_column(table["histological diagnosis"])
    return metadata, findings


def _odd(table: Table, column: str, ids: list[str], read: list[str | None]) -> list[Finding]:
    """A finding for each cell that holds something and was not understood."""
    return [
        Finding.of("META_VALUE", ids[i], "", f"{table.where(i)}: {column} {cell!r} is unknown", "kept")
        for i, (cell, word) in enumerate(zip(table[column], read, strict=True))
        if cell and word is None
    ]
