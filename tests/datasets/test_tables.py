"""Rows 25 to 32 of the bad-input catalogue: tables that are not what they promise."""

import numpy as np
import pytest

from skinzoo.datasets.tables import (
    group_column,
    image_ids,
    name_labels,
    number_column,
    one_hot_labels,
    read_table,
    text_column,
)
from skinzoo.errors import LabelError, TableError
from skinzoo.taxonomy import ISIC2018
from skinzoo.types import IGNORE_INDEX


@pytest.fixture
def table(tmp_path):
    def write(content):
        path = tmp_path / "t.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_and_text_that_stays_text(table, delimiter):
    rows = [("id", "note", "other"), ("0012", "NA", "x"), ("1e5", " null ", ""), ("nan", "", "y")]
    read = read_table(table("\n".join(delimiter.join(r) for r in rows) + "\n"), ["id"], ["note", "absent"])
    assert read["id"] == ["0012", "1e5", "nan"]
    assert read["note"] == ["NA", "null", ""]
    assert read.lines == [2, 3, 4]
    assert "other" not in read
    assert "absent" not in read
    assert len(read) == 3


def test_bom_crlf_quotes_and_blank_lines(table):
    read = read_table(table('\ufeffid,note\r\na,"x, y"\r\n\r\nb,"two\nlines"\r\n'), ["id", "note"])
    assert read.columns == {"id": ["a", "b"], "note": ["x, y", "two\nlines"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image_id,dx\na,b\n", "wanted the columns image, MEL; found image_id, dx"),
        ("image|MEL\na|1\n", r"found image\|MEL \(tried comma, semicolon, tab\)"),
        ("<html><body>403</body></html>", "a web page"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("image,MEL,MEL\na,1,1\n", "'MEL' stands twice"),
        ("image,MEL\na,1\nb,1,\n", "line 3: 3 cells under 2 columns"),
        ("image,MEL\na,1\n\nb\n", "line 4: 1 cells under 2 columns"),
        ("image,MEL\n", "a header and no row"),
        ("", "found nothing"),
        ('image,MEL\na,"1\n', "not a readable table"),
        ("image,MEL\na,1\n".encode("utf-16"), "looks like UTF-16"),
        ("image,MEL\nMünchen,1\n".encode("cp1252"), "looks like Windows-1252"),
    ],
)
def test_refused_tables(table, content, message):
    with pytest.raises(TableError, match=message):
        read_table(table(content), ["image", "MEL"])


def test_image_endings_are_taken_off_ids():
    assert image_ids(["ISIC_1.jpg", "ISIC_2", "a.b", "c.PNG"]) == ["ISIC_1", "ISIC_2", "a.b", "c"]


def test_class_names(table):
    read = read_table(table("id,dx\na,mel\nb, NV \nc,\nd,Melanoma\n"), ["id", "dx"])
    labels, findings = name_labels(read, "dx", read["id"], ISIC2018)
    assert labels.tolist() == [0, 1, IGNORE_INDEX, 0]
    assert [(f.code, f.id, f.action) for f in findings] == [("LABEL_NONE", "c", "kept")]
    assert "line 4: dx is empty" in findings[0].message
    wrong = read_table(table("id,dx\na,mel\nb,melanomma\n"), ["id", "dx"])
    with pytest.raises(LabelError, match="line 3: label 'melanomma'"):
        name_labels(wrong, "dx", wrong["id"], ISIC2018)


def test_words_for_a_missing_group_are_no_group():
    cells = ["nan", "NaN", " None ", "NA", "n/a", "null", "Unknown", "<NA>", "", "HAM_1", "nana", "0"]
    assert group_column(cells) == [""] * 9 + ["HAM_1", "nana", "0"]


def test_one_hot_columns_are_found_by_name_and_never_guessed(table):
    header = "image,AKIEC,BCC,BKL,DF,MEL,NV,VASC,score_weight,validation_weight"
    rows = {
        "good": "0,0,0,0,1.0,0,0,1,1",
        "none": "0,0,0,0,0,0,0,1,1",
        "multi": "0,0,0,0,1,1,0,1,1",
        "half": "0,0,0,0,0.5,0.5,0,1,1",
        "minus": "0,0,0,0,2,-1,0,1,1",
        "empty": ",0,0,0,1,0,0,1,1",
        "vasc": "0,0,0,0,0,0,1,0,0",
    }
    content = "\n".join([header, *(f"{name},{cells}" for name, cells in rows.items())])
    read = read_table(table(content), ["image", *ISIC2018])
    labels, good, findings = one_hot_labels(read, read["image"], ISIC2018)
    assert labels.tolist() == [0] + [IGNORE_INDEX] * 5 + [6]
    assert good.tolist() == [True] + [False] * 5 + [True]
    assert [(f.id, f.code, f.action) for f in findings] == [
        ("none", "LABEL_NONE", "quarantined"),
        ("multi", "LABEL_MULTI", "quarantined"),
        ("half", "LABEL_VALUE", "quarantined"),
        ("minus", "LABEL_VALUE", "quarantined"),
        ("empty", "LABEL_VALUE", "quarantined"),
    ]
    assert "line 4" in findings[1].message


def test_ages_and_text(table):
    read = read_table(table("id,age\na,0\nb,55+\nc,\nd,unknown\ne,130\nf,85.0\n"), ["id", "age"])
    ages, findings = number_column(read, "age", read["id"], 0, 120)
    assert np.array_equal(ages, [0, np.nan, np.nan, np.nan, np.nan, 85], equal_nan=True)
    assert [(f.id, f.code) for f in findings] == [("b", "META_VALUE"), ("e", "META_VALUE")]
    assert text_column(["male", "unknown", "", "Unknown"]).tolist() == ["male", None, None, None]
