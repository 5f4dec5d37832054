"""DDI: 656 clinical photographs of biopsied lesions on light, medium and dark skin, made to test models on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.listing import find_file, find_folders, not_found
from skinzoo.datasets.opening import Rows, open_rows
from skinzoo.datasets.tables import image_ids, name_labels, read_table, text_column
from skinzoo.taxonomy import BINARY

INFO = DatasetInfo(
    name="ddi",
    title="Diverse Dermatology Images (DDI)",
    tree="""\
ddidiversedermatologyimages/
  ddi_metadata.csv   (DDI_ID,DDI_file,skin_tone,malignant,disease)
  000001.png         (or in a folder images/)
""",
    label_space=BINARY,
    num_images=656,
    class_counts={"benign": 485, "malignant": 171},
    parts={"test": 656},
    metadata=("skin_tone", "disease"),
    leaky={"disease": "it is the diagnosis"},
    modality="clinical",
    licence="Stanford AIMI research use agreement: no commercial use, no redistribution",
    homepage="https://ddi-dataset.github.io/",
    citation=(
        "Daneshjou R et al. Disparities in dermatology AI performance on a diverse, curated clinical image set. "
        "Sci Adv 8, eabq6147 (2022). doi:10.1126/sciadv.abq6147"
    ),
    access="register with Stanford AIMI through the homepage and accept the research use agreement",
)


@register_dataset(INFO)
def ddi(root: Path, checks: CheckOptions) -> SkinDataset:
    """Open DDI: benign or malignant, all of it a test part.

    `skin_tone` is `"12"`, `"34"` or `"56"`: Fitzpatrick types I and II, III and IV, V and VI. Report results for each.
    Which images are of one patient was not published, so `split` cannot keep patients together: test on the whole, and
    do not train on a part of it.

    The counts are those of the paper from memory: per tone 159, 167 and 159 benign and 49, 74 and 48 malignant.
    The columns were checked on a published subset of the table; the images were not at hand.

    Args:
        root: The folder with `ddi_metadata.csv`, or one further up.
        checks: How closely to look at the files.

    Raises:
        DatasetNotFoundError: The table or the images are absent.
        TableError: The table lacks a column or is no table.
        LabelError: A cell of `malignant` that is neither True nor False.
    """
    bases = [root, *find_folders(root, "ddi*")]
    path = find_file(bases, ["ddi_metadata.csv"])
    if path is None:
        raise not_found(INFO, root, "no ddi_metadata.csv")
    table = read_table(path, ["DDI_file", "malignant"], INFO.metadata)
    ids = image_ids(table["DDI_file"])
    words = {"true": "malignant", "1": "malignant", "false": "benign", "0": "benign"}
    named = [words.get(c.lower(), c) for c in table["malignant"]]
    labels, unlabelled = name_labels(
        replace(table, columns={**table.columns, "malignant": named}), "malignant", ids, BINARY
    )
    metadata = {name: text_column(table[name]) for name in INFO.metadata if name in table}
    rows = Rows(ids, labels, metadata=metadata, findings=unlabelled)
    images = list(dict.fromkeys([*bases, *(f for base in bases for f in find_folders(base, "images"))]))
    return open_rows(INFO, root, rows, checks, images=images, part="test")
