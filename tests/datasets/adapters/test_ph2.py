"""PH2 on fabricated copies of its tree, with its text table, its Excel sheet, and derived ones."""

import sys

import numpy as np
import pytest
from openpyxl import Workbook
from PIL import Image

from skinzoo.datasets import dataset_info, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import DatasetNotFoundError, LabelError, MissingDependencyError, TableError
from skinzoo.taxonomy import PH2
from tests.conftest import lesion_mask

IDS = ("IMD003", "IMD002", "IMD058")
TEXT = """\
||   Name || Histological Diagnosis || Clinical Diagnosis || Asymmetry | Pigment Network | Dots/Globules | Streaks | \
Regression Areas | Blue-Whitish Veil ||           Colors ||
|| IMD003 ||                        ||                  0 ||         0 |               T |             A |       A | \
                A |                 A ||                4 ||
|| IMD002 ||                        ||                  1 ||         1 |              AT |             T |       A | \
                A |                 A ||             3  4 ||
|| IMD058 ||               Melanoma ||                  2 ||         2 |              AT |            AT |       P | \
                P |                 P ||       1 3  4  6 ||

Legends for "Clinical Diagnosis":
0 - Common Nevus; \xe9
"""
HEADER = (
    "Image Name",
    "Histological Diagnosis",
    "Common Nevus",
    "Atypical Nevus",
    "Melanoma",
    "Asymmetry\n(0/1/2)",
    "Pigment Network\n(AT/T)",
    "Dots/Globules\n(A/AT/T)",
    "Streaks\n(A/P)",
    "Regression Areas\n(A/P)",
    "Blue-Whitish Veil\n(A/P)",
    "White",
    "Red",
    "Light-Brown",
    "Dark-Brown",
    "Blue-Gray",
    "Black",
)
SHEET = [
    ("IMD003", None, "X", None, None, 0, "T", "A", "A", "A", "A", None, None, None, "X", None, None),
    ("IMD002", None, None, "X", None, 1, "AT", "T", "A", "A", "A", None, None, "X", "X", None, None),
    ("IMD058", "Melanoma", None, None, "X", 2, "AT", "AT", "P", "P", "P", "X", None, "X", "X", None, "X"),
]
CRITERIA = {
    "asymmetry": [0, 1, 2],
    "pigment_network": ["typical", "atypical", "atypical"],
    "dots_globules": ["absent", "typical", "atypical"],
    "streaks": ["absent", "absent", "present"],
    "regression_areas": ["absent", "absent", "present"],
    "blue_whitish_veil": ["absent", "absent", "present"],
    "colors": ["dark-brown", "light-brown, dark-brown", "white, light-brown, dark-brown, black"],
    "histological_diagnosis": [None, None, "Melanoma"],
}


def write_text(root, text=TEXT):
    (root / "PH2_dataset.txt").write_bytes(text.encode("latin-1"))


def write_sheet(root, rows, legends=12):
    book = Workbook()
    for _ in range(legends):
        book.active.append(["Legends", "0 - Fully Symmetric"])
    for row in rows:
        book.active.append(row)
    book.save(root / "PH2_dataset.xlsx")


@pytest.fixture
def tree(tmp_path, write_image):
    def make(images="PH2 Dataset images", ids=IDS):
        root = tmp_path / "PH2Dataset"
        for k, name in enumerate(ids):
            case = root / images / name
            write_image(case / f"{name}_Dermoscopic_Image" / f"{name}.bmp", seed=k)
            (case / f"{name}_lesion").mkdir()
            Image.fromarray(lesion_mask()).convert("1").save(case / f"{name}_lesion" / f"{name}_lesion.bmp")
            write_image(case / f"{name}_roi" / f"{name}_R1_Label4.bmp", seed=k)
        return root

    return make


@pytest.mark.parametrize("images", ["PH2 Dataset images", "PH2_Dataset_images"])
@pytest.mark.parametrize("form", ["text", "sheet"])
@pytest.mark.parametrize("above", [False, True])
def test_both_tables_say_the_same(tree, images, form, above):
    root = tree(images)
    write_text(root) if form == "text" else write_sheet(root, [HEADER, *SHEET])
    data = load_dataset("ph2", root.parent if above else root, strict=True)
    assert data.label_space is PH2
    assert data.integrity.findings == ()
    assert dict(zip(data.records.ids.tolist(), data.table["label"], strict=True)) == {
        "IMD003": "CN",
        "IMD002": "AN",
        "IMD058": "MEL",
    }
    assert {name: column.tolist() for name, column in data.records.metadata.items()} == CRITERIA
    assert set(data.records.metadata) == set(dataset_info("ph2").metadata)
    for sample in data:
        np.testing.assert_array_equal(sample.mask, lesion_mask() // 255)
    assert not load_dataset("ph2", root, masks=False).has_masks


def test_derived_sheet_without_legends_and_criteria(tree):
    root = tree()
    header = ("Image Name", "Common Nevus", "Atypical Nevus", "Melanoma", "std", "asymmetry", "border")
    rows = [("IMD003", "X", None, None, 1.5, 7.2, 3), ("IMD002", None, "x", None, 1, 9, 3), ("IMD058", 0, 0, 1, 1, 9)]
    write_sheet(root, [header, *rows, (None,)], legends=0)
    data = load_dataset("ph2", root, strict=True)
    assert data.class_counts() == {"CN": 1, "AN": 1, "MEL": 1}
    assert dict(data.records.metadata) == {}


def test_missing_images_are_listed(tree):
    root = tree(ids=IDS[:2])
    write_text(root)
    with pytest.warns(IntegrityWarning, match=r"2 of 3 rows are usable \(FILE_MISSING 1\)"):
        data = load_dataset("ph2", root)
    assert data.integrity.of("FILE_MISSING")[0].id == "IMD058"


def test_cells_that_make_no_sense(tree):
    root = tree()
    write_sheet(root, [HEADER, (*SHEET[0][:3], "X", *SHEET[0][4:]), ("IMD002",), (*SHEET[2][:6], "Q", *SHEET[2][7:])])
    with pytest.warns(IntegrityWarning, match=r"1 of 3 rows are usable \(LABEL_MULTI 1, LABEL_NONE 1, META_VALUE 1\)"):
        data = load_dataset("ph2", root)
    assert "row 16: pigment network 'Q'" in data.integrity.of("META_VALUE")[0].message
    write_text(root, TEXT.replace("3  4 ||", "3  9 ||"))
    with pytest.warns(IntegrityWarning, match="META_VALUE 1"):
        assert load_dataset("ph2", root)[1].metadata["colors"] is None
    write_text(root, TEXT.replace(" 2 ||         2 ", " 5 ||         2 "))
    with pytest.raises(LabelError, match="line 4: label '5'"):
        load_dataset("ph2", root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Name\tClinical Diagnosis\nIMD003\t0\n", "wanted a line `|| Name"),
        (TEXT.splitlines()[0], "a header and no row"),
        (TEXT.replace("| Streaks ", ""), "line 2: 10 cells under 9 columns"),
        (TEXT.replace("| Streaks", "| Asymmetry"), "stands twice"),
        (TEXT.replace("Clinical Diagnosis ||", "Verdict ||"), "found no common nevus, atypical nevus, melanoma among"),
    ],
)
def test_refused_text_tables(tree, text, message):
    root = tree()
    write_text(root, text)
    with pytest.raises(TableError) as error:
        load_dataset("ph2", root)
    assert message in str(error.value)


def test_refused_sheets(tree, monkeypatch):
    root = tree()
    write_sheet(root, SHEET)
    with pytest.raises(TableError, match="no sheet has a row with a cell `Image Name`"):
        load_dataset("ph2", root)
    (root / "PH2_dataset.xlsx").write_text("<html>")
    with pytest.raises(TableError, match="not a readable Excel table"):
        load_dataset("ph2", root)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'skinzoo\[data\]'`, or use PH2_dataset.txt"):
        load_dataset("ph2", root)


def test_what_is_absent(tree):
    root = tree()
    with pytest.raises(DatasetNotFoundError, match=r"no PH2_dataset.txt or .xlsx"):
        load_dataset("ph2", root)
    write_text(root)
    (root / "PH2 Dataset images").rename(root / "pictures")
    with pytest.raises(DatasetNotFoundError, match="no folder PH2 Dataset images"):
        load_dataset("ph2", root)
    (root / "images").mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"no folder \*_Dermoscopic_Image below"):
        load_dataset("ph2", root)
