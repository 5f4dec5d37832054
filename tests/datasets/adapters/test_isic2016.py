"""ISIC 2016 on fabricated copies of its trees."""

import numpy as np
import pytest
from PIL import Image

from skinzoo.datasets import dataset_info, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import ConfigError, DatasetNotFoundError, LabelError, TableError
from skinzoo.taxonomy import BINARY

IDS = [f"ISIC_{k:07d}" for k in range(4)]
WORDS = "".join(f"{name},{'malignant' if k == 2 else 'benign'}\n" for k, name in enumerate(IDS))


@pytest.fixture
def make(tmp_path, write_image, write_mask):
    """`make(images=..., masks=..., table=..., text=...)` writes those parts of a tree and returns its root."""

    def write(images=None, masks=None, table=None, text=WORDS):
        for k, name in enumerate(IDS):
            if images:
                write_image(tmp_path / images / f"{name}.jpg", seed=k)
            if masks:
                write_mask(tmp_path / masks / f"{name}_Segmentation.png")
        if table:
            (tmp_path / table).write_text(text)
        return tmp_path

    return write


PART1 = {"images": "ISBI2016_ISIC_Part1_Training_Data", "masks": "ISBI2016_ISIC_Part1_Training_GroundTruth"}
TABLE = "ISBI2016_ISIC_Part3_Training_GroundTruth.csv"


def test_task1_has_masks_and_no_labels(make):
    root = make(**PART1)
    data = load_dataset("isic2016_task1", root, strict=True)
    assert data.records.ids.tolist() == IDS
    assert not data.has_labels
    assert data.integrity.findings == ()
    assert data[0].label is None
    on_disk = np.array(Image.open(root / PART1["masks"] / f"{IDS[3]}_Segmentation.png"))
    np.testing.assert_array_equal(data[3].mask, on_disk == 255)
    assert data.name == "isic2016_task1[train]"


def test_task1_parts_nested_folders_other_case_and_strange_files(make, tmp_path, write_image):
    make(
        images="isbi2016_isic_part1_test_data/ISBI2016_ISIC_Part1_Test_Data",
        masks="ISBI2016_ISIC_Part1_Test_GroundTruth/ISBI2016_ISIC_Part1_Test_GroundTruth",
    )
    images = tmp_path / "isbi2016_isic_part1_test_data" / "ISBI2016_ISIC_Part1_Test_Data"
    masks = tmp_path / "ISBI2016_ISIC_Part1_Test_GroundTruth" / "ISBI2016_ISIC_Part1_Test_GroundTruth"
    write_image(images / "preview.png", seed=9)
    (masks / f"{IDS[1]}_Segmentation.png").unlink()
    (masks / f"{IDS[0]}_Segmentation.png").rename(masks / f"{IDS[0]}_segmentation.PNG")
    with pytest.warns(IntegrityWarning, match=r"4 of 4 rows are usable \(EXTRA_FILE 1, MASK_MISSING 1\)"):
        data = load_dataset("isic2016_task1", tmp_path, part="test")
    assert [sample.mask is not None for sample in data] == [True, False, True, True]


def test_task1_what_is_missing(make, tmp_path):
    with pytest.raises(ConfigError, match="part='val' is unknown; use 'train', 'test'"):
        load_dataset("isic2016_task1", tmp_path, part="val")
    with pytest.raises(DatasetNotFoundError, match="no ISBI2016_ISIC_Part1_Training_Data"):
        load_dataset("isic2016_task1", tmp_path)
    make(images=PART1["images"])
    with pytest.raises(DatasetNotFoundError, match="no ISBI2016_ISIC_Part1_Training_GroundTruth"):
        load_dataset("isic2016_task1", tmp_path)
    for file in (tmp_path / PART1["images"]).iterdir():
        file.rename(file.with_name(f"x{file.name}"))
    make(masks=PART1["masks"])
    with pytest.raises(DatasetNotFoundError, match=r"no image called ISIC_ and seven digits in .*Part1_Training_Data/"):
        load_dataset("isic2016_task1", tmp_path)


@pytest.mark.parametrize("images", ["ISBI2016_ISIC_Part3_Training_Data", PART1["images"]])
def test_task3_with_the_masks_of_task1(make, images):
    root = make(images=images, masks=PART1["masks"], table=TABLE)
    data = load_dataset("isic2016_task3", root, strict=True)
    assert data.label_space is BINARY
    assert [sample.label for sample in data] == [0, 0, 1, 0]
    assert all(sample.mask is not None for sample in data)
    assert data.integrity.findings == ()
    assert not load_dataset("isic2016_task3", root, masks=False).has_masks


def test_task3_without_masks(make):
    root = make(images="ISBI2016_ISIC_Part3_Training_Data", table=TABLE)
    data = load_dataset("isic2016_task3", root)
    assert (data.has_masks, data.integrity.findings) == (False, ())
    with pytest.raises(DatasetNotFoundError, match=r"no ISBI2016_ISIC_Part1_Training_GroundTruth or .*Part3B"):
        load_dataset("isic2016_task3", root, masks=True)
    with pytest.raises(ConfigError, match="masks=None"):
        load_dataset("isic2016_task3", root, masks=None)


@pytest.mark.parametrize("beside", [False, True])
def test_task3b_keeps_images_and_masks_in_one_folder(make, beside):
    folder = "ISBI2016_ISIC_Part3B_Test_Data"
    root = make(folder, folder, "ISBI2016_ISIC_Part3B_Test_GroundTruth.csv")
    if beside:
        make(images="ISBI2016_ISIC_Part3_Test_Data")
    (root / folder / f"{IDS[1]}_Segmentation.png").unlink()
    with pytest.warns(IntegrityWarning, match=r"4 of 4 rows are usable \(MASK_MISSING 1\)"):
        data = load_dataset("isic2016_task3", root, part="test")
    assert [sample.mask is not None for sample in data] == [True, False, True, True]
    assert data.records.images[0] == f"{folder}/{IDS[0]}.jpg"
    assert load_dataset("isic2016_task3", root, part="test", masks=False).integrity.findings == ()


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{name},{float(k == 2)}\n" for k, name in enumerate(IDS)),
        "".join(f"{name};{int(k == 2)}\r\n" for k, name in enumerate(IDS)),
        "\ufeff" + WORDS.replace(",", ".jpg, "),
        "img_id,Label\n" + WORDS,
        "image,class,score_weight,validation_weight\n" + WORDS.replace("\n", ",1.0,0.0\n"),
    ],
)
def test_task3_tables_with_words_numbers_and_headers(make, text):
    root = make(images=PART1["images"], table=TABLE, text=text)
    data = load_dataset("isic2016_task3", root, strict=True)
    assert data.records.ids.tolist() == IDS
    assert data.records.labels.tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (",img_id,Label\n0,ISIC_0000000,benign\n", TableError, "wanted two columns, .* has , img_id, Label"),
        ("<html>403</html>", TableError, "wanted two columns"),
        ("", TableError, "the first line has nothing"),
        (WORDS.replace("1,benign", "1"), TableError, "line 2: 1 cells under 2 columns"),
        ("id,Label\n1,benign\n2,benign\n", TableError, "line 2: image '1' is no id of the ISIC archive"),
        ("ISIC0000000,benign\n" + WORDS, TableError, "line 1: image 'ISIC0000000' is no id"),
        (WORDS.replace("malignant", "maligant"), LabelError, "line 3: label 'maligant'"),
        (WORDS.encode("utf-16").decode("latin-1"), TableError, "UTF-8"),
    ],
)
def test_task3_tables_that_are_refused(make, text, error, message):
    root = make(images=PART1["images"])
    (root / TABLE).write_text(text, encoding="latin-1")
    with pytest.raises(error, match=message):
        load_dataset("isic2016_task3", root)


def test_task3_an_empty_class_is_no_label_and_a_missing_table_is_named(make):
    root = make(images=PART1["images"], table=TABLE, text=WORDS.replace("malignant", ""))
    with pytest.warns(IntegrityWarning, match="LABEL_NONE 1"):
        assert load_dataset("isic2016_task3", root)[2].label is None
    (root / TABLE).unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no ISBI2016_ISIC_Part3_Training_GroundTruth.csv or .*Part3B"):
        load_dataset("isic2016_task3", root)


def test_declared_facts():
    for name in ("isic2016_task1", "isic2016_task3"):
        info = dataset_info(name)
        assert sum(info.parts.values()) == info.num_images == 1279
        assert {f.part for f in info.downloads} == {"train", "test"}
        assert all(f.unpack == f.url.endswith(".zip") for f in info.downloads)
    assert sum(dataset_info("isic2016_task3").class_counts.values()) == 1279
