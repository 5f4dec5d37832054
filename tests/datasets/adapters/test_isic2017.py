"""ISIC 2017 on fabricated copies of its tree."""

import shutil

import numpy as np
import pytest
from PIL import Image

from skinzoo.datasets import dataset_info, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import ConfigError, DatasetNotFoundError, TableError
from skinzoo.taxonomy import ISIC2017

IDS = [f"ISIC_{k:07d}" for k in range(4)]
TRUTH = "image_id,melanoma,seborrheic_keratosis\n" + "".join(
    f"{name},{'1.0' if k == 1 else '0.0'},{'1.0' if k == 2 else '0.0'}\n" for k, name in enumerate(IDS)
)
METADATA = (
    f"image_id,age_approximate,sex\n{IDS[0]},55,female\n{IDS[1]},unknown,unknown\n{IDS[2]},0,male\n{IDS[3]},,male\n"
)


@pytest.fixture(params=["Training"])
def isic2017(request, tmp_path, write_image, write_mask):
    root, word = tmp_path / "isic2017", request.param
    images = root / f"ISIC-2017_{word}_Data"
    for k, name in enumerate(IDS):
        write_image(images / f"{name}.jpg", seed=k)
        write_image(images / f"{name}_superpixels.png", seed=k + 50)
        write_mask(root / f"ISIC-2017_{word}_Part1_GroundTruth" / f"{name}_segmentation.png")
    (images / f"ISIC-2017_{word}_Data_metadata.csv").write_text(METADATA)
    (root / f"ISIC-2017_{word}_Part3_GroundTruth.csv").write_text(TRUTH)
    return root


def test_task1(isic2017):
    data = load_dataset("isic2017_task1", isic2017, strict=True)
    assert data.records.ids.tolist() == IDS
    assert data.integrity.findings == ()
    assert not data.has_labels
    on_disk = np.array(Image.open(isic2017 / "ISIC-2017_Training_Part1_GroundTruth" / f"{IDS[1]}_segmentation.png"))
    np.testing.assert_array_equal(data[1].mask, on_disk == 255)
    assert data[0].metadata == {"age_approximate": 55.0, "sex": "female"}


def test_task3(isic2017):
    data = load_dataset("isic2017_task3", isic2017, strict=True)
    assert data.label_space is ISIC2017
    assert data.table["label"].tolist() == ["NV", "MEL", "SEK", "NV"]
    assert data.integrity.findings == ()
    assert all(sample.mask is not None for sample in data)
    assert [sample.metadata["age_approximate"] for sample in data] == [55.0, None, 0.0, None]
    assert [sample.metadata["sex"] for sample in data] == ["female", None, "male", "male"]
    assert not load_dataset("isic2017_task3", isic2017, masks=False).has_masks


@pytest.mark.parametrize(("isic2017", "part"), [("Validation", "val"), ("Test_v2", "test")], indirect=["isic2017"])
def test_other_parts(isic2017, part):
    for name in ("isic2017_task1", "isic2017_task3"):
        data = load_dataset(name, isic2017, part=part, strict=True)
        assert (len(data), data.part, data.has_masks) == (4, part, True)
        assert data[0].metadata["age_approximate"] == 55.0


def test_nested_folders_table_beside_the_images_and_web_pages_mask_names(isic2017):
    images = isic2017 / "ISIC-2017_Training_Data"
    (isic2017 / "ISIC-2017_Training_Part3_GroundTruth.csv").rename(images / "ISIC-2017_Training_Part3_GroundTruth.csv")
    images.rename(isic2017 / "tmp")
    images.mkdir()
    (isic2017 / "tmp").rename(images / images.name)
    for mask in (isic2017 / "ISIC-2017_Training_Part1_GroundTruth").iterdir():
        mask.rename(mask.with_name(mask.name.replace("_segmentation", "_Segmentation")))
    (isic2017 / "ISIC-2017_Training_Part1_GroundTruth").rename(isic2017 / "isic-2017_training_part1_groundtruth")
    data = load_dataset("isic2017_task3", isic2017, masks=True, strict=True)
    assert (len(data), data.has_masks, "age_approximate" in data.records.metadata) == (4, True, True)


def test_metadata_is_optional_joined_by_id_and_checked(isic2017):
    path = isic2017 / "ISIC-2017_Training_Data" / "ISIC-2017_Training_Data_metadata.csv"
    path.write_text(f"image_id,sex,age_approximate\n{IDS[3]},male,130\n{IDS[1]},female,40\n")
    with pytest.warns(IntegrityWarning, match="META_VALUE 1"):
        data = load_dataset("isic2017_task3", isic2017)
    assert [sample.metadata["sex"] for sample in data] == [None, "female", None, "male"]
    assert [sample.metadata["age_approximate"] for sample in data] == [None, 40.0, None, None]
    path.write_text(f"image_id,sex\n{IDS[1]},male\n{IDS[2]},male\n{IDS[1]},female\n")
    with pytest.raises(TableError, match=rf"line 4: {IDS[1]} stands in line 2 too, with other values"):
        load_dataset("isic2017_task1", isic2017)
    path.unlink()
    assert load_dataset("isic2017_task3", isic2017).records.metadata == {}


def test_rows_with_no_single_class_are_set_aside(isic2017):
    path = isic2017 / "ISIC-2017_Training_Part3_GroundTruth.csv"
    text = TRUTH.replace(f"{IDS[1]},1.0,0.0", f"{IDS[1]},1.0,1.0").replace(f"{IDS[2]},0.0,1.0", f"{IDS[2]},,0.0")
    path.write_text(text)
    with pytest.warns(IntegrityWarning, match=r"2 of 4 rows are usable \(LABEL_MULTI 1, LABEL_VALUE 1\)"):
        data = load_dataset("isic2017_task3", isic2017)
    assert data.records.ids.tolist() == [IDS[0], IDS[3]]
    assert data[0].metadata["sex"] == "female"


def test_tables_that_are_refused(isic2017):
    path = isic2017 / "ISIC-2017_Training_Part3_GroundTruth.csv"
    path.write_text(TRUTH + "5,0.0,0.0\n")
    with pytest.raises(TableError, match=r"line 6: image_id '5' is no id of the ISIC archive"):
        load_dataset("isic2017_task3", isic2017)
    path.write_text(TRUTH.replace("melanoma", "mel"))
    with pytest.raises(TableError, match="wanted the columns image_id, melanoma, seborrheic_keratosis"):
        load_dataset("isic2017_task3", isic2017)


def test_columns_beyond_the_official_ones_are_passed_over(isic2017):
    lines = TRUTH.splitlines()
    text = "\n".join(["Unnamed: 0," + lines[0] + ",score_weight,validation_weight", *(f"7,{x},1,0" for x in lines[1:])])
    (isic2017 / "ISIC-2017_Training_Part3_GroundTruth.csv").write_text(text)
    data = load_dataset("isic2017_task3", isic2017, strict=True)
    assert data.class_counts() == {"MEL": 1, "SEK": 1, "NV": 2}


def test_what_is_missing(isic2017):
    with pytest.raises(ConfigError, match="part='valid' is unknown; use 'train', 'val', 'test'"):
        load_dataset("isic2017_task3", isic2017, part="valid")
    with pytest.raises(DatasetNotFoundError, match="no ISIC-2017_Test_v2_Data"):
        load_dataset("isic2017_task3", isic2017, part="test")
    shutil.rmtree(isic2017 / "ISIC-2017_Training_Part1_GroundTruth")
    assert not load_dataset("isic2017_task3", isic2017).has_masks
    for options in ({"name": "isic2017_task1"}, {"name": "isic2017_task3", "masks": True}):
        with pytest.raises(DatasetNotFoundError, match="no ISIC-2017_Training_Part1_GroundTruth"):
            load_dataset(root=isic2017, **options)
    (isic2017 / "ISIC-2017_Training_Part3_GroundTruth.csv").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no ISIC-2017_Training_Part3_GroundTruth\.csv"):
        load_dataset("isic2017_task3", isic2017)


def test_declared_facts():
    info = dataset_info("isic2017_task3")
    assert sum(info.parts.values()) == sum(info.class_counts.values()) == info.num_images == 2750
    assert len(info.downloads) == 9
    assert dataset_info("isic2017_task1").class_counts == {}
