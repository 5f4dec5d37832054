"""Anyone's own table, as CSV and as Parquet."""

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skinzoo.datasets import load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.datasets.parquet import read_parquet
from skinzoo.errors import (
    ConfigError,
    DataError,
    DatasetNotFoundError,
    IntegrityError,
    LabelError,
    MissingDependencyError,
    TableError,
    UnknownNameError,
)
from skinzoo.taxonomy import BINARY, ISIC2018, LabelSpace

COLUMNS = ("path", "class", "who", "outline", "set", "age", "place")
ROWS = [
    ("a/001.jpg", "nevus", "P1", "m/001.png", "train", "55", "back"),
    ("a/002", "wart", "P1", "", "Train", "", "NA"),
    ("b/001.jpg", "nevus", "NA", "m/003", "test", "0", ""),
    ("b/004.JPG", "", "P2", "", "", "7.5", "unknown"),
]


def write_csv(path, rows=ROWS, columns=COLUMNS, delimiter=","):
    path.write_text("\n".join(delimiter.join(row) for row in [columns, *rows]) + "\n", encoding="utf-8")


def write_parquet(path, rows=ROWS, columns=COLUMNS):
    pq.write_table(pa.table({c: [r[k] or None for r in rows] for k, c in enumerate(columns)}), path)


@pytest.fixture
def root(tmp_path, write_image, write_mask):
    for k, (path, *_) in enumerate(ROWS):
        write_image(tmp_path / (path if "." in path else f"{path}.jpg"), seed=k)
    for name in ("001", "003"):
        write_mask(tmp_path / f"m/{name}.png")
    write_csv(tmp_path / "my.csv")
    return tmp_path


ALL = {
    "image": "path",
    "label": "class",
    "group": "who",
    "mask": "outline",
    "official_split": "set",
    "metadata": ["place"],
    "numbers": ["age"],
}


@pytest.mark.parametrize("file", ["my.csv", "my.parquet", "absolute"])
def test_everything_a_table_can_say(root, file):
    write_parquet(root / "my.parquet")
    with pytest.warns(IntegrityWarning):
        data = load_dataset("table", root, file=root / "my.csv" if file == "absolute" else file, **ALL)
    assert data.label_space.classes == ("nevus", "wart")
    assert [s.label for s in data] == [0, 1, 0, None]
    assert data.records.ids.tolist() == ["a_001", "002", "b_001", "004"]
    assert data.records.images.tolist() == ["a/001.jpg", "a/002.jpg", "b/001.jpg", "b/004.JPG"]
    assert data.records.masks.tolist() == ["m/001.png", "", "m/003.png", ""]
    assert data.records.groups.tolist() == ["P1", "P1", "b_001", "P2"]
    assert data.records.metadata["official_split"].tolist() == ["train", "train", "test", None]
    assert data.records.metadata["place"].tolist() == ["back", "NA", None, None]
    assert np.array_equal(data.records.metadata["age"], [55, np.nan, 0, 7.5], equal_nan=True)
    assert data[0].mask.sum() > 0
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 1, "LABEL_NONE": 1, "MASK_MISSING": 2}
    assert (data.info.group, data.info.has_masks, data.info.label_space) == ("lesion", True, data.label_space)
    assert data.info.metadata == ("place", "age", "official_split")
    assert {name: len(part) for name, part in data.official(missing="drop").items()} == {"train": 2, "test": 1}


def test_images_alone(root):
    data = load_dataset("table", root, file="my.csv", image="path", strict=True)
    assert not data.has_labels
    assert not data.has_masks
    assert data.info.group == "image"
    assert data.records.groups.tolist() == data.records.ids.tolist()


def test_ids_are_text(root):
    write_csv(root / "t.csv", [("a/001.jpg", "0012"), ("a/002.jpg", "1e5"), ("b/001.jpg", "NA")], ("image", "name"))
    data = load_dataset("table", root, file="t.csv", id="name")
    assert data.records.ids.tolist() == ["0012", "1e5", "NA"]


def test_label_spaces(root):
    def open_as(space, cells=("mel", "NV")):
        write_csv(root / "t.csv", [("a/001.jpg", cells[0]), ("a/002.jpg", cells[1])], ("image", "dx"))
        return load_dataset("table", root, file="t.csv", label="dx", label_space=space)

    assert open_as("isic2018").label_space is ISIC2018
    assert open_as(ISIC2018).records.labels.tolist() == [0, 1]
    assert open_as(None).label_space.classes == ("mel", "NV"), "in alphabetical order, whatever the case"
    assert open_as(None, ("malignant", "benign")).label_space is BINARY
    assert open_as(None, ("Wart", "wart")).label_space.classes == ("Wart",)
    zero_one = LabelSpace("binary", ("benign", "malignant"), aliases={"0": "benign", "1": "malignant"})
    assert open_as(zero_one, ("1", "0")).records.labels.tolist() == [1, 0]
    with pytest.raises(LabelError, match="Allowed in dx: benign, malignant"):
        open_as("binary")
    with pytest.raises(UnknownNameError, match="isic2018"):
        open_as("isic218")
    with pytest.raises(TableError, match="'dx' is empty in every row"):
        open_as(None, ("", ""))


@pytest.mark.parametrize("column", ["path", "outline"])
@pytest.mark.parametrize("bad", ["../x.jpg", "/etc/passwd", "C:/x.jpg", "a\\x.jpg", "~/x.jpg", "a/../../x", "//h/x"])
def test_paths_out_of_the_root_are_refused_before_anything_is_opened(root, column, bad, monkeypatch):
    at = COLUMNS.index(column)
    write_csv(root / "my.csv", [*ROWS, tuple(bad if k == at else cell for k, cell in enumerate(ROWS[0]))])
    monkeypatch.setattr(os, "scandir", lambda *_: pytest.fail("looked at a folder"))
    with pytest.raises(DataError, match=f"line 6, column {column}: ") as caught:
        load_dataset("table", root, file="my.csv", **ALL)
    assert caught.value.code == "PATH_ESCAPE"


def test_links_out_of_the_root_are_set_aside(root, tmp_path_factory, write_image, write_mask):
    outside = tmp_path_factory.mktemp("outside")
    (root / "a/link.jpg").symlink_to(write_image(outside / "x.jpg", seed=9))
    (root / "m/link.png").symlink_to(write_mask(outside / "m.png"))
    (root / "away").symlink_to(outside)
    rows = [("a/001.jpg", "m/link.png"), ("a/link.jpg", ""), ("away/x.jpg", "")]
    write_csv(root / "t.csv", rows, ("image", "mask"))
    with pytest.warns(IntegrityWarning):
        data = load_dataset("table", root, file="t.csv", mask="mask")
    assert data.integrity.counts()["PATH_ESCAPE"] == 2
    assert data.records.ids.tolist() == ["001"]
    assert not data.has_masks


def test_files_that_are_not_there_and_files_that_nobody_names(root):
    write_csv(root / "t.csv", [("a/001.jpg",), ("a/009.jpg",), ("none/1.jpg",), ("a/001.png",)], ("image",))
    with pytest.warns(IntegrityWarning, match="FILE_MISSING 3"):
        data = load_dataset("table", root, file="t.csv")
    assert data.records.images.tolist() == ["a/001.jpg"]
    assert [(f.severity, f.path, f.count) for f in data.integrity.of("EXTRA_FILE")] == [("info", "a/002.jpg", 1)]
    write_csv(root / "t.csv", [("a/009.jpg",)], ("image",))
    with pytest.raises(DatasetNotFoundError, match="none of the 1 images"):
        load_dataset("table", root, file="t.csv")


def test_a_path_without_ending_must_mean_one_file(root, write_image):
    write_image(root / "a/001.png", seed=77)
    write_csv(root / "t.csv", [("a/001",)], ("image",))
    with pytest.raises(IntegrityError, match=r"'a/001' may be .*; write the ending") as caught:
        load_dataset("table", root, file="t.csv")
    assert caught.value.code == "ID_AMBIGUOUS"
    write_csv(root / "t.csv", [("a/001.png",), ("a/001.jpg",)], ("image",))
    assert load_dataset("table", root, file="t.csv", id="image").records.images.tolist() == ["a/001.png", "a/001.jpg"]


def test_letters_with_accents(root, write_image):
    write_image(root / "é/ü.jpg", seed=5)  # composed on disk
    write_csv(root / "t.csv", [("é/ü.jpg",)], ("image",))  # decomposed in the table
    assert load_dataset("table", root, file="t.csv").records.images.tolist() == ["é/ü.jpg"]


def test_delimiters(root):
    write_csv(root / "pipe.csv", delimiter="|")
    with pytest.raises(TableError, match="looks like"):
        load_dataset("table", root, file="pipe.csv", image="path")
    assert len(load_dataset("table", root, file="pipe.csv", image="path", delimiter="|")) == 4


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ConfigError, "file=None is no table"),
        ({"file": "absent.csv"}, DatasetNotFoundError, r"no file absent\.csv"),
        ({"file": "a"}, DatasetNotFoundError, "no file a"),
        ({"file": "my.csv"}, TableError, "wanted the columns image; found path, class"),
        ({"file": "my.csv", "image": "path", "label": "dx"}, TableError, "wanted the columns path, dx"),
        ({"file": "my.csv", "image": "path", "metadata": "age"}, ConfigError, r"give \['age'\]"),
        ({"file": "my.csv", "image": "path", "label": "age", "numbers": ["age"]}, ConfigError, "'age' is read as text"),
        ({"file": "my.csv", "image": "path", "delimiter": ",,"}, ConfigError, "delimiter=',,'"),
        ({"file": "my.csv", "image": "path", "label_space": 7}, ConfigError, "label_space=7"),
        ({"file": "my.csv", "image": "path", "id": "outline"}, TableError, "line 3: no image path or no id"),
        ({"file": "my.csv", "image": "outline"}, TableError, "line 3: no image path or no id"),
    ],
)
def test_what_is_wrong_is_said(root, options, error, message):
    with pytest.raises(error, match=message):
        load_dataset("table", root, **options)


def test_parquet_types_become_text(tmp_path):
    columns = {
        "id": [1, 2, 3],
        "label": pa.array(["a", "b", "a"]).dictionary_encode(),
        "flag": [True, None, False],
        "size": [1.5, float("nan"), None],
        "age": [55, None, 0],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = read_parquet(tmp_path / "t.parquet", ["id", "label"], ["flag", "size", "age", "absent"], numbers=["age"])
    assert table.columns == {
        "id": ["1", "2", "3"],
        "label": ["a", "b", "a"],
        "flag": ["True", "", "False"],
        "size": ["1.5", "", ""],
    }
    assert np.array_equal(table.numbers["age"].values, [55, np.nan, 0], equal_nan=True)
    assert table.where(2) == "row 3"


def test_parquet_files_that_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), path)
    with pytest.raises(TableError, match="no row") as caught:
        read_parquet(path, ["a"])
    assert caught.value.code == "EMPTY_DATASET"
    with pytest.raises(TableError, match="column 'b' is absent; found a"):
        read_parquet(path, ["b"])
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), path)
    with pytest.raises(TableError, match="column 'a' stands twice"):
        read_parquet(path, ["a"])
    path.write_text("a,b\n1,2\n")
    with pytest.raises(TableError, match="not a readable Parquet file"):
        read_parquet(path, ["a"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'skinzoo\[data\]'"):
        read_parquet(path, ["a"])
