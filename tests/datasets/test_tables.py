"""Rows 25 to 32 of the bad-input catalogue: tables that are not what they promise."""

import csv
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    assert list(read.lines) == [2, 3, 4]
    assert "other" not in read
    assert "absent" not in read
    assert len(read) == 3


def test_bom_crlf_quotes_and_blank_lines(table):
    read = read_table(table('\ufeffid,note\r\na,"x, y"\r\n\r\nb,"two\nlines"\r\n'), ["id", "note"])
    assert read.columns == {"id": ["a", "b"], "note": ["x, y", "two\nlines"]}


def test_a_delimiter_can_be_named(table):
    read = read_table(table("id|note\na|x, y\n"), ["id", "note"], delimiter="|")
    assert read["note"] == ["x, y"]


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (
            "image_id,dx\na,b\n",
            "CSV_SHAPE",
            "wanted the columns image, MEL; found image_id, dx .tried comma, semicolon",
        ),
        ("image|MEL\na|1\n", "CSV_DELIMITER", r"found image\|MEL: 1 column, looks like '\|'.*delimiter='\|'"),
        ("image MEL\na 1\n", "CSV_DELIMITER", "looks like ' '"),
        ("<html><body>403</body></html>", "CSV_SHAPE", "a web page"),
        ("version https://git-lfs.github.com/spec/v1\n", "LFS_POINTER", "git lfs pull"),
        ("image,MEL,MEL\na,1,1\n", "CSV_SHAPE", "'MEL' stands twice"),
        ("image,MEL\na,1\nb,x,y\n", "CSV_SHAPE", "line 3: 3 cells under 2 columns; a stray or missing delimiter"),
        ("image,MEL\na,1\nb,1,\n", "CSV_SHAPE", "line 3: 3 cells under 2 columns; a delimiter at the end of the line"),
        ("image,MEL\na,1\n\nb\n", "CSV_SHAPE", "line 4: 1 cells under 2 columns"),
        ('image,MEL\n"a\nb",1\nc\n', "CSV_SHAPE", "line 4: 1 cells under 2 columns"),
        ('image,MEL\n"a, b",1,2\n', "CSV_SHAPE", "line 2: 3 cells under 2 columns"),
        ("image,MEL\n", "EMPTY_DATASET", "a header and no row"),
        ("image,MEL\n\n", "EMPTY_DATASET", "a header and no row"),
        ("", "EMPTY_DATASET", "found nothing"),
        ('image,MEL\na,"1\n', "CSV_SHAPE", "not a readable table"),
        ("image,MEL\na,1\n".encode("utf-16"), "ENCODING", "looks like UTF-16"),
        ("image,MEL\na,1\n".encode("utf-16-le"), "ENCODING", "looks like UTF-16"),
        ("image,MEL\nMünchen,1\n".encode("cp1252"), "ENCODING", "looks like Windows-1252"),
        (("image,MEL\n" + "a,1\n" * 9000 + "München,1\n").encode("cp1252"), "ENCODING", "looks like Windows-1252"),
    ],
)
def test_refused_tables(table, content, code, message):
    with pytest.raises(TableError, match=message) as caught:
        read_table(table(content), ["image", "MEL"])
    assert caught.value.code == code


CELL = st.text(st.sampled_from("ab0,;\" \tü'|_."), max_size=4) | st.just("two\nlines")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_table_is_read_as_the_csv_module_reads_it(tmp_path, rows, delimiter, end, quoting):
    path = tmp_path / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows([("a", "b", "c"), *rows])
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        expected = [(reader.line_num, row) for row in reader if row][1:]
    read = read_table(path, ["c"], ["a"])
    assert read["c"] == [row[2].strip() for _, row in expected]
    assert read["a"] == [row[0].strip() for _, row in expected]
    assert list(read.lines) == [line for line, _ in expected]


def test_memory_follows_the_columns_and_not_the_file(table):
    wide = ",".join(f"{k / 7:.12f}" for k in range(40))
    lines = [f"id{i:05d},back,{i % 90}.5,{wide}" for i in range(6000)]
    path = table("\n".join(["id,site,age," + ",".join(f"c{k}" for k in range(40)), *lines]))
    tracemalloc.start()
    read = read_table(path, ["id", "site"], ["age"], numbers=["age"])
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < path.stat().st_size / 3
    assert len({id(cell) for cell in read["site"]}) == 1
    assert read.numbers["age"].values.nbytes == 6000 * 8


def test_columns_of_numbers_mean_the_same_as_text(table):
    cells = ["0", "55.0", "", "55+", "5_5", "55,5", " 7 ", "nan", "unknown", "1e400", "121"]
    path = table("id;age\n" + "".join(f"r{i};{cell}\n" for i, cell in enumerate(cells)))
    outcomes = []
    for numbers in ([], ["age"]):
        read = read_table(path, ["id", "age"], numbers=numbers)
        assert ("age" in read.columns, "age" in read) == (not numbers, True)
        values, findings = number_column(read, "age", read["id"], 0, 120)
        assert np.array_equal(values, [0, 55, *[np.nan] * 4, 7, *[np.nan] * 4], equal_nan=True)
        assert [(f.id, f.code, f.row) for f in findings] == [(f"r{i}", "META_VALUE", i) for i in (3, 4, 5, 9, 10)]
        outcomes.append([f.message for f in findings])
    assert outcomes[0] == outcomes[1]
    assert "line 7: age '55,5' is not in 0..120; a decimal comma?" in outcomes[0][2]


def test_a_column_that_is_wrong_throughout_is_reported_in_few_findings(table):
    read = read_table(table("id;age\n" + "".join(f"r{i};{i},5\n" for i in range(250))), ["id", "age"])
    _, findings = number_column(read, "age", read["id"], 0, 120)
    assert (len(findings), sum(f.count for f in findings)) == (101, 250)
    assert "line 102 and on" in findings[-1].message


def test_image_endings_are_taken_off_ids():
    assert image_ids(["ISIC_1.jpg", "ISIC_2", "a.b", "c.PNG"]) == ["ISIC_1", "ISIC_2", "a.b", "c"]


def labels_of(table, *cells):
    """`name_labels` of a column with the given cells, in `ISIC2018`."""
    rows = [f'r{i},"{cell}"' for i, cell in enumerate(cells)]
    read = read_table(table("\n".join(["id,dx", *rows]) + "\n"), ["id", "dx"])
    return name_labels(read, "dx", read["id"], ISIC2018)


def test_class_names(table):
    labels, findings = labels_of(table, "MEL", "NV", "", "melanoma", "nevus")
    assert labels.tolist() == [0, 1, IGNORE_INDEX, 0, 1]
    assert [(f.code, f.id, f.action, f.row) for f in findings] == [("LABEL_NONE", "r2", "kept", 2)]
    assert "line 4: dx is empty" in findings[0].message
    assert labels_of(table, "mel", "nv", "")[1][1:] == [], "lower case throughout is how HAM10000 writes its codes"


@pytest.mark.parametrize(
    ("cells", "rows", "severity", "shown"),
    [
        (("MEL", "mel", "Nv"), [1, 2], "info", "'Nv', 'mel'"),
        (("Melanoma", "MEL"), [0], "info", "'Melanoma'"),
        (("MEL", "NV ", " BKL", ""), [1, 2], "warning", "'BKL', 'NV'"),
        (("MEL", "nevus ", "Nevus"), [1, 2], "warning", "'Nevus', 'nevus'"),
    ],
)
def test_other_spellings_are_used_and_counted_once(table, cells, rows, severity, shown):
    labels, findings = labels_of(table, *cells)
    assert (labels >= 0).tolist() == [bool(c) for c in cells]
    spelling = [f for f in findings if f.code == "LABEL_SPELLING"]
    assert [(f.id, f.severity, f.count, f.action) for f in spelling] == [(f"r{rows[0]}", severity, len(rows), "kept")]
    assert shown in spelling[0].message


def test_an_unknown_class_is_refused_with_the_classes_allowed(table):
    with pytest.raises(LabelError, match=r"line 3: label 'melanomma' .* Allowed in dx: MEL, NV, BCC") as caught:
        labels_of(table, "mel", "melanomma")
    assert caught.value.code == "LABEL_UNKNOWN"


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
