"""PAD-UFES-20: 2,298 smartphone photographs of 1,373 patients in six classes, with a questionnaire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import find_file, find_folders, not_found
from skinzoo.datasets.opening import Rows, open_rows
from skinzoo.datasets.tables import Table, group_column, image_ids, metadata_columns, name_labels, read_table
from skinzoo.taxonomy import PAD_UFES_20

_NUMBERS = {"age": (0, 120), "fitspatrick": (1, 6), "diameter_1": (0, 1000), "diameter_2": (0, 1000)}
_TEXTS = ("lesion_id", "background_father", "background_mother", "gender", "region")
_HABITS = ("smoke", "drink", "pesticide")
_HISTORY = ("skin_cancer_history", "cancer_history", "has_piped_water", "has_sewage_system")
_SYMPTOMS = ("itch", "grew", "hurt", "changed", "bleed", "elevation")
_ANSWERS = (*_HABITS, *_HISTORY, *_SYMPTOMS, "biopsed")

INFO = DatasetInfo(
    name="pad_ufes_20",
    title="PAD-UFES-20, smartphone images and clinical data of the Federal University of Espirito Santo",
    tree="""\
PAD-UFES-20/
  metadata.csv
  images/imgs_part_1/PAT_1516_1765_530.png   (unpack the three imgs_part_*.zip; or all images in images/)
  images/imgs_part_2/...
  images/imgs_part_3/...
""",
    label_space=PAD_UFES_20,
    group="patient",
    num_images=2_298,
    class_counts={"ACK": 730, "BCC": 845, "MEL": 52, "NEV": 244, "SCC": 192, "SEK": 235},
    metadata=(*_TEXTS, *_NUMBERS, *_ANSWERS),
    leaky={"biopsed": "every malignant lesion was biopsied, and 21 % of the others"},
    modality="clinical",
    licence="CC BY 4.0",
    homepage="https://doi.org/10.17632/zr7vgbcyr2.1",
    citation=(
        "Pacheco AGC et al. PAD-UFES-20: a skin lesion dataset composed of patient data and clinical images collected "
        "from smartphones. Data in Brief 32, 106221 (2020). doi:10.1016/j.dib.2020.106221"
    ),
    access="download the archive from the homepage and unpack it, with the three zip files in images/",
)


@register_dataset(INFO)
def pad_ufes_20(root: Path, checks: CheckOptions) -> SkinDataset:
    """Open PAD-UFES-20. These are photographs, not dermoscopic images.

    Splits go by patient: 179 patients have lesions of several classes, and one lesion may have several images.
    There is no official split.

    Columns keep the names of the table (`fitspatrick`, `biopsed`). `age` is in years and the diameters are in
    millimetres, NaN where missing; answers are True, False or None (`UNK` and empty alike). Whole questionnaires are
    absent for some patients, so that a missing value says something about the clinic visit; take care with models that
    read it.

    The counts were computed from a copy of the published table; the images were not at hand.

    Args:
        root: The folder with `metadata.csv`.
        checks: How closely to look at the files.

    Raises:
        DatasetNotFoundError: The table or the images are absent.
        TableError: The table lacks a column or is no table.
        LabelError: A diagnosis that PAD-UFES-20 does not know.
    """
    path = find_file([root], ["metadata.csv"])
    if path is None:
        raise not_found(INFO, root, "no metadata.csv")
    above = find_folders(root, "images")
    parts = [f for base in [root, *above] for f in find_folders(base, "imgs_part_?")]
    if not parts and not above:
        raise not_found(INFO, root, "no folder images/ or imgs_part_1/")
    table = read_table(path, ["patient_id", "diagnostic", "img_id"], INFO.metadata)
    ids = image_ids(table["img_id"])
    labels, unlabelled = name_labels(table, "diagnostic", ids, PAD_UFES_20)
    metadata, odd = _metadata(table, ids)
    rows = Rows(ids, labels, groups=group_column(table["patient_id"]), metadata=metadata, findings=[*odd, *unlabelled])
    return open_rows(INFO, root, rows, checks, images=[*above, *parts])


def _metadata(table: Table, ids: list[str]) -> tuple[dict[str, NDArray[Any]], list[Finding]]:
    metadata, findings = metadata_columns(table, ids, (*_TEXTS, *_NUMBERS), _NUMBERS)
    for name in _ANSWERS:
        if name in table:
            metadata[name], odd = _answers(table, name, ids)
            findings += odd
    return metadata, findings


def _answers(table: Table, column: str, ids: list[str]) -> tuple[NDArray[np.object_], list[Finding]]:
    """A column of True and False, None where the patient did not know or was not asked."""
    known = {"true": True, "false": False, "unk": None, "": None}
    findings = [
        Finding.of(
            "META_VALUE", ids[i], "", f"{table.where(i)}: {column} {cell!r} is neither True, False nor UNK", "kept"
        )
        for i, cell in enumerate(table[column])
        if cell.lower() not in known
    ]
    return np.array([known.get(c.lower()) for c in table[column]], dtype=object), findings
