"""BCN20000: 18,946 dermoscopic images from Barcelona, the larger part with one of eight diagnoses.

Not checked against the real files: the columns of the test part's table, that figshare's lesion ids are those of ISIC
2019, and everything about the ISIC archive's export but its columns `isic_id` and `diagnosis_3`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.adapters._challenge import challenge_metadata
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import find_file, find_folders, not_found
from skinzoo.datasets.opening import Rows, check_part, open_rows
from skinzoo.datasets.tables import Table, group_column, image_ids, name_labels, read_table
from skinzoo.errors import TableError
from skinzoo.taxonomy import ISIC2019
from skinzoo.types import IGNORE_INDEX

_CODES = {
    "nevus": "NV",
    "melanoma, nos": "MEL",
    "melanoma in situ": "MEL",
    "melanoma invasive": "MEL",
    "melanoma metastasis": "MEL",
    "seborrheic keratosis": "BKL",
    "solar lentigo": "BKL",
    "lichen planus like keratosis": "BKL",
    "basal cell carcinoma": "BCC",
    "solar or actinic keratosis": "AK",
    "squamous cell carcinoma, nos": "SCC",
    "squamous cell carcinoma in situ": "SCC",
    "squamous cell carcinoma, invasive": "SCC",
    "dermatofibroma": "DF",
    "hemangioma": "VASC",
    "angiokeratoma": "VASC",
    "pyogenic granuloma": "VASC",
}

INFO = DatasetInfo(
    name="bcn20000",
    title="BCN20000: dermoscopic lesions in the wild",
    tree="""\
BCN20000/
  bcn_20k_train.csv                                  (bcn_filename,age_approx,...,diagnosis,lesion_id ...)
  BCN_20k_train/bcn_20k_train/BCN_0000000001.jpg     (or one folder less)
  (the same with test)
or, as the ISIC archive exports it,
BCN20000/
  metadata.csv                                       (isic_id,...,diagnosis_3 ...)
  ISIC_0053453.jpg                                   (or all images in images/)
""",
    label_space=ISIC2019,
    group="lesion",
    num_images=18_946,
    class_counts={"MEL": 2857, "NV": 4206, "BCC": 2809, "AK": 737, "BKL": 1138, "DF": 124, "VASC": 111, "SCC": 431},
    parts={"train": 12_413, "test": 6_533},
    metadata=("age_approx", "sex", "anatom_site_general", "capture_date"),
    namespace="isic",
    licence="CC BY 4.0",
    homepage="https://doi.org/10.6084/m9.figshare.24140028",
    citation=(
        "Hernandez-Perez C et al. BCN20000: dermoscopic lesions in the wild. Sci Data 11, 641 (2024). "
        "doi:10.1038/s41597-024-03387-w"
    ),
    access="download the archives from the homepage and unpack them; or export the collection from the ISIC archive",
)


@register_dataset(INFO)
def bcn20000(root: Path, checks: CheckOptions, *, part: str = "train") -> SkinDataset:
    """Open one part of BCN20000 as figshare or the ISIC archive distribute it.

    Classes are those of ISIC 2019, which holds all these images under other names, training part in training part: do
    not test a model of one on the other. Figshare's lesion ids are written as those there are, so that what compares
    groups notices. The test part opens without labels; the published table has none.

    The archive's export knows no parts: images with a diagnosis are taken for the training part, the others for the
    test part. Its own names of diagnoses are translated; where one has no counterpart among the eight classes, the
    image has no label (`LABEL_UNMATCHED`).

    `age_approx` is in years, NaN where missing; other metadata is None where missing or `unknown`. `capture_date` is
    text, year first.

    Args:
        root: The folder with the tables.
        checks: How closely to look at the files.
        part: `"train"` or `"test"`.

    Raises:
        ConfigError: No such part.
        DatasetNotFoundError: The part's table or images are absent.
        TableError: The table lacks a column or is no table.
        LabelError: A code that is no class of ISIC 2019.
    """
    stem = f"bcn_20k_{check_part(INFO, part)}"
    path = find_file([root, *find_folders(root, stem)], [f"{stem}.csv", "metadata.csv"])
    folders = find_folders(root, stem) or find_folders(root, "images") or [root]
    if path is None:
        raise not_found(INFO, root, f"no {stem}.csv and no metadata.csv")
    try:
        table = read_table(path, ["bcn_filename"], ["lesion_id", "diagnosis", *INFO.metadata])
    except TableError as error:
        try:
            table = read_table(path, ["isic_id", "diagnosis_3"], ["lesion_id", *INFO.metadata])
        except TableError:
            raise error from None
        return _open_export(root, table, checks, folders, part)
    rows = _rows(table, image_ids(table["bcn_filename"]))
    if part == "train":
        if "diagnosis" not in table:
            raise TableError(f"{path}: wanted the column diagnosis of the training part; it is not there.")
        rows.labels, unlabelled = name_labels(table, "diagnosis", rows.ids, ISIC2019)
        rows.findings += unlabelled
    return open_rows(INFO, root, rows, checks, images=folders, part=part)


def _open_export(root: Path, table: Table, checks: CheckOptions, folders: list[Path], part: str) -> SkinDataset:
    ids = image_ids(table["isic_id"])
    asked = [bool(cell) == (part == "train") for cell in table["diagnosis_3"]]
    others = [name for name, mine in zip(ids, asked, strict=True) if not mine]
    kept = [i for i, mine in enumerate(asked) if mine]
    table = table.take(kept)
    if not kept:
        raise TableError(
            f"{table.path} has no row of the {part} part: none {'with' if part == 'train' else 'without'} a diagnosis.",
            "EMPTY_DATASET",
        )
    rows = _rows(table, image_ids(table["isic_id"]))
    if part == "train":
        rows.labels, unmatched = _translated(table, rows.ids)
        rows.findings += unmatched
    return open_rows(INFO, root, rows, checks, images=folders, part=part, others=others)


def _rows(table: Table, ids: list[str]) -> Rows:
    lesions = group_column(table["lesion_id"]) if "lesion_id" in table else [""] * len(ids)
    metadata, findings = challenge_metadata(table, ids, INFO.metadata)
    return Rows(ids, groups=lesions, metadata=metadata, findings=findings)


def _translated(table: Table, ids: list[str]) -> tuple[NDArray[np.int64], list[Finding]]:
    """Class indices by the archive's diagnoses, and one finding for each diagnosis that is no class."""
    names = [cell.casefold() for cell in table["diagnosis_3"]]
    index = {name: ISIC2019.index(code) for name, code in _CODES.items()}
    index |= {code.casefold(): i for i, code in enumerate(ISIC2019)}
    findings = [
        Finding.of(
            "LABEL_UNMATCHED",
            ids[names.index(name)],
            "",
            f"diagnosis {name!r} is none of the classes; {n} images are used without a label",
            "kept",
            count=n,
        )
        for name, n in sorted(Counter(names).items())
        if name not in index
    ]
    return np.array([index.get(name, IGNORE_INDEX) for name in names], dtype=np.int64), findings
