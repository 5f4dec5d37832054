"""ISIC 2018 task 3 on fabricated copies of its tree, and on trees that are not quite it."""

import warnings

import pytest

from skinzoo.datasets import load_dataset
from skinzoo.errors import ConfigError, DatasetNotFoundError, TableError

HOT_HEADER = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC"


def one_hot(ids, header=HOT_HEADER):
    rows = [f"{name}," + ",".join("1.0" if c == k % 7 else "0.0" for c in range(7)) for k, name in enumerate(ids)]
    return "\n".join([header, *rows]) + "\n"


@pytest.fixture
def silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def isic2018(tmp_path, write_image):
    root = tmp_path / "ISIC2018"
    for part, n in (("Training", 7), ("Validation", 3)):
        ids = [f"ISIC_{k:07d}" for k in range(n)]
        for k, name in enumerate(ids):
            write_image(root / f"ISIC2018_Task3_{part}_Input" / f"{name}.jpg", seed=k)
        truth = root / f"ISIC2018_Task3_{part}_GroundTruth"
        truth.mkdir()
        (truth / f"{truth.name}.csv").write_text(one_hot(ids))
    (root / "ISIC2018_Task3_Training_Input" / "ATTRIBUTION.txt").touch()
    return root


def test_isic2018_task3(isic2018, silent):
    data = load_dataset("isic2018_task3", isic2018)
    assert data.name == "isic2018_task3[train]"
    assert data.records.labels.tolist() == list(range(7))
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 7}
    assert len(load_dataset("isic2018_task3", isic2018, part="val")) == 3
    with pytest.raises(DatasetNotFoundError, match="no ISIC2018_Task3_Test_Input"):
        load_dataset("isic2018_task3", isic2018, part="test")
    with pytest.raises(ConfigError, match="part='dev'"):
        load_dataset("isic2018_task3", isic2018, part="dev")


def test_isic2018_task3_lesions_from_the_loose_table(isic2018, silent):
    rows = "\n".join(f"ISIC_{k:07d},HAM_{k // 2},histo" for k in range(7))
    (isic2018 / "ISIC2018_Task3_Training_LesionGroupings.csv").write_text(
        f"image,lesion_id,diagnosis_confirm_type\n{rows}\n"
    )
    data = load_dataset("isic2018_task3", isic2018)
    assert data.records.groups.tolist() == [f"HAM_{k // 2}" for k in range(7)]
    assert data.integrity.findings == ()


def test_isic2018_task3_columns_by_name_nested_folder_and_weights(isic2018, silent):
    folder = isic2018 / "ISIC2018_Task3_Training_Input"
    folder.rename(isic2018 / "tmp")
    folder.mkdir()
    (isic2018 / "tmp").rename(folder / folder.name)
    table = isic2018 / "ISIC2018_Task3_Training_GroundTruth" / "ISIC2018_Task3_Training_GroundTruth.csv"
    table.write_text("image,AKIEC,BCC,BKL,DF,MEL,NV,VASC,score_weight\nISIC_0000000,1,0,0,0,0,0,0,0\n")
    for k in range(1, 7):
        (folder / folder.name / f"ISIC_{k:07d}.jpg").unlink()
    data = load_dataset("isic2018_task3", isic2018)
    assert data.class_counts()["AKIEC"] == len(data) == 1


def test_isic2018_task3_truth_in_ham10000s_columns(isic2018, silent):
    table = isic2018 / "ISIC2018_Task3_Validation_GroundTruth" / "ISIC2018_Task3_Validation_GroundTruth.csv"
    rows = "".join(f"HAM_7,ISIC_{k:07d},mel,histo\n" for k in range(3))
    table.write_text("lesion_id,image_id,dx,dx_type\n" + rows)
    data = load_dataset("isic2018_task3", isic2018, part="val")
    assert set(data.records.groups.tolist()) == {"HAM_7"}
    groupings = table.with_name("ISIC2018_Task3_Validation_LesionGroupings.csv")
    groupings.write_text("image,lesion_id\nISIC_0000000,NaN\nISIC_0000001,HAM_8\n")
    data = load_dataset("isic2018_task3", isic2018, part="val")
    assert data.records.groups.tolist() == ["HAM_7", "HAM_8", "HAM_7"]
    table.write_text("lesion_id,image_id,dx,dx_type\n" + rows.replace("HAM_7", "null"))
    data = load_dataset("isic2018_task3", isic2018, part="val")
    assert data.records.groups.tolist() == ["ISIC_0000000", "HAM_8", "ISIC_0000002"]
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 2}
    table.write_text("id,label\n1,2\n")
    with pytest.raises(TableError, match="wanted the columns image, MEL, NV"):
        load_dataset("isic2018_task3", isic2018, part="val")
