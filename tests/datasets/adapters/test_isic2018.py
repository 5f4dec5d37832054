"""ISIC 2018 on fabricated copies of its trees; what task 3's tables may look like is tested with the first adapters."""

import pytest

from skinzoo.datasets import dataset_info, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import ConfigError, DatasetNotFoundError, TableError

IDS = [f"ISIC_{k:07d}" for k in range(3)]


@pytest.fixture
def task1(tmp_path, write_image, write_mask):
    for word in ("Training", "Test"):
        for k, name in enumerate(IDS):
            write_image(tmp_path / f"ISIC2018_Task1-2_{word}_Input" / f"{name}.jpg", seed=k)
            write_mask(tmp_path / f"ISIC2018_Task1_{word}_GroundTruth" / f"{name}_segmentation.png")
        for folder in tmp_path.iterdir():
            (folder / "ATTRIBUTION.txt").touch()
            (folder / "LICENSE.txt").touch()
    return tmp_path


@pytest.fixture
def task3(tmp_path, write_image):
    root = tmp_path / "ISIC2018"
    for k, name in enumerate(IDS):
        write_image(root / "ISIC2018_Task3_Training_Input" / f"{name}.jpg", seed=k)
    (root / "ISIC2018_Task3_Training_GroundTruth.csv").write_text(
        "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n" + "".join(f"{name},0.0,1.0,0.0,0.0,0.0,0.0,0.0\n" for name in IDS)
    )
    return root


@pytest.mark.parametrize("part", ["train", "test"])
def test_task1(task1, part):
    data = load_dataset("isic2018_task1", task1, part=part, strict=True)
    assert data.records.ids.tolist() == IDS
    assert data.integrity.findings == ()
    assert not data.has_labels
    assert all(sample.mask is not None and 0 < sample.mask.mean() < 1 for sample in data)


def test_task1_nested_superpixels_and_missing_masks(task1, write_image):
    for folder in ("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth"):
        (task1 / folder).rename(task1 / "tmp")
        (task1 / folder).mkdir()
        (task1 / "tmp").rename(task1 / folder / folder)
    write_image(task1 / "ISIC2018_Task1-2_Training_Input" / "ISIC2018_Task1-2_Training_Input" / "a_superpixels.png")
    masks = task1 / "ISIC2018_Task1_Training_GroundTruth" / "ISIC2018_Task1_Training_GroundTruth"
    (masks / f"{IDS[0]}_segmentation.png").unlink()
    with pytest.warns(IntegrityWarning, match=r"3 of 3 rows are usable \(MASK_MISSING 1\)"):
        data = load_dataset("isic2018_task1", task1)
    assert [sample.mask is not None for sample in data] == [False, True, True]


def test_task1_what_is_missing(task1):
    with pytest.raises(ConfigError, match="part='all' is unknown; use 'train', 'val', 'test'"):
        load_dataset("isic2018_task1", task1, part="all")
    with pytest.raises(DatasetNotFoundError, match="no ISIC2018_Task1-2_Validation_Input"):
        load_dataset("isic2018_task1", task1, part="val")
    (task1 / "ISIC2018_Task1_Test_GroundTruth").rename(task1 / "masks")
    with pytest.raises(DatasetNotFoundError, match="no ISIC2018_Task1_Test_GroundTruth"):
        load_dataset("isic2018_task1", task1, part="test")


def test_task3_groupings_give_lesions_and_how_they_were_confirmed(task3):
    (task3 / "ISIC2018_Task3_Training_LesionGroupings.csv").write_text(
        "image,lesion_id,diagnosis_confirm_type\n"
        f"{IDS[2]},HAM_0000001,histopathology\n{IDS[0]},HAM_0000001,histopathology\n{IDS[1]},HAM_0000002,\n"
    )
    data = load_dataset("isic2018_task3", task3, strict=True)
    assert data.records.groups.tolist() == ["HAM_0000001", "HAM_0000002", "HAM_0000001"]
    assert [s.metadata["diagnosis_confirm_type"] for s in data] == ["histopathology", None, "histopathology"]
    assert dataset_info("isic2018_task3").inputs == ()


def test_task3_contradicting_groupings_and_foreign_ids_are_refused(task3):
    groupings = task3 / "ISIC2018_Task3_Training_LesionGroupings.csv"
    groupings.write_text(f"image,lesion_id\n{IDS[0]},HAM_1\n{IDS[0]},HAM_1\n{IDS[0]},HAM_2\n")
    with pytest.raises(TableError, match=rf"line 4: {IDS[0]} stands in line 2 too"):
        load_dataset("isic2018_task3", task3)
    groupings.unlink()
    table = task3 / "ISIC2018_Task3_Training_GroundTruth.csv"
    table.write_text(table.read_text().replace(IDS[1], "1"))
    with pytest.raises(TableError, match="line 3: image '1' is no id of the ISIC archive"):
        load_dataset("isic2018_task3", task3)


def test_declared_facts():
    for name, files in (("isic2018_task1", 6), ("isic2018_task3", 7)):
        info = dataset_info(name)
        assert sum(info.parts.values()) == info.num_images
        assert len({f.url for f in info.downloads}) == files
