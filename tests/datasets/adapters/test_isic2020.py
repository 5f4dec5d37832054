"""ISIC 2020 on fabricated copies of the challenge's and of Kaggle's tree."""

import shutil

import pytest

from skinzoo.datasets import dataset_info, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import ConfigError, DatasetNotFoundError, LabelError, TableError
from skinzoo.taxonomy import BINARY

TRAIN = [f"ISIC_{k:07d}" for k in range(6)]
TEST = [f"ISIC_{k:07d}" for k in range(50, 53)]
V1 = "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target"
SITE_JPEG = "ISIC_2020_Training_JPEG/train"


def rows(v2=False):
    lines = []
    for k, name in enumerate(TRAIN):
        words = ("melanoma", "malignant", 1) if k == 5 else ("unknown", "benign", 0)
        lesion = f",IL_{k:07d}" if v2 else ""
        sex, age, site = ("", "", "") if k == 0 else ("male", 45.0, "torso")
        lines.append(f"{name},IP_{k // 2:07d}{lesion},{sex},{age},{site},{words[0]},{words[1]},{words[2]}")
    header = V1.replace("patient_id", "patient_id,lesion_id") if v2 else V1
    return "\n".join([header, *lines]) + "\n"


@pytest.fixture
def make(tmp_path, write_image):
    """`make(train=..., test=..., tables={name: text})` writes images and tables and returns the root."""

    def write(train=None, test=None, tables=None):
        for folder, ids in ((train, TRAIN), (test, TEST)):
            for name in ids if folder else ():
                write_image(tmp_path / folder / f"{name}.jpg", seed=int(name[5:]))
        for name, text in (tables or {}).items():
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("folder", "table", "v2"),
    [
        (SITE_JPEG, "ISIC_2020_Training_GroundTruth_v2.csv", True),
        ("ISIC_2020_Training_JPEG/ISIC_2020_Training_JPEG", "ISIC_2020_Training_GroundTruth.csv", False),
        ("ISIC_2020_Training_Input", "ISIC_2020_Training_GroundTruth.csv", False),
        ("train", "ISIC_2020_Training_GroundTruth_v2.csv", True),
        ("jpeg/train", "train.csv", False),
    ],
)
def test_training_part_in_all_layouts(make, folder, table, v2):
    data = load_dataset("isic2020", make(folder, tables={table: rows(v2)}), strict=True)
    assert data.label_space is BINARY
    assert data.records.labels.tolist() == [0, 0, 0, 0, 0, 1]
    assert data.records.groups.tolist() == ["IP_0000000"] * 2 + ["IP_0000001"] * 2 + ["IP_0000002"] * 2
    assert data.integrity.findings == ()
    assert [data[0].metadata[c] for c in ("sex", "age_approx", "anatom_site_general_challenge")] == [None] * 3
    assert [data[5].metadata[c] for c in ("sex", "age_approx", "diagnosis")] == ["male", 45.0, "melanoma"]
    assert data[0].metadata["diagnosis"] is None
    assert data[5].metadata.get("lesion_id") == ("IL_0000005" if v2 else None)


def test_the_second_version_of_the_table_goes_first(make):
    root = make(
        SITE_JPEG,
        tables={"ISIC_2020_Training_GroundTruth.csv": rows(), "ISIC_2020_Training_GroundTruth_v2.csv": rows(v2=True)},
    )
    assert "lesion_id" in load_dataset("isic2020", root).records.metadata


@pytest.mark.parametrize(
    ("folder", "table", "header"),
    [
        (
            "ISIC_2020_Test_JPEG/ISIC_2020_Test_Input",
            "ISIC_2020_Test_Metadata.csv",
            "image,patient,anatom_site_general,sex,age_approx",
        ),
        ("jpeg/test", "test.csv", "image_name,patient_id,anatom_site_general_challenge,sex,age_approx"),
    ],
)
def test_test_part_has_no_labels(make, folder, table, header):
    lines = [f"{name},IP_00000{k}9,torso,female,70.0" for k, name in enumerate(TEST)]
    data = load_dataset(
        "isic2020", make(test=folder, tables={table: "\n".join([header, *lines])}), part="test", strict=True
    )
    assert data.records.ids.tolist() == TEST
    assert not data.has_labels
    assert data.records.groups.tolist() == ["IP_0000009", "IP_0000019", "IP_0000029"]
    assert data[0].metadata == {"age_approx": 70.0, "sex": "female", "anatom_site_general_challenge": "torso"}
    assert data.integrity.findings == ()


def test_listed_duplicates_are_set_aside_or_kept(make):
    pairs = [(TRAIN[1], TRAIN[0]), (TRAIN[1], TRAIN[3]), (TRAIN[5], "ISIC_0000099")]
    text = "image_name_1,image_name_2\n" + "".join(f"{a},{b}\n" for a, b in pairs)
    root = make(
        SITE_JPEG, tables={"ISIC_2020_Training_GroundTruth.csv": rows(), "ISIC_2020_Training_Duplicates.csv": text}
    )
    with pytest.warns(IntegrityWarning, match=r"4 of 6 rows are usable \(DUP_LISTED 2\)"):
        data = load_dataset("isic2020", root, strict=True)
    assert data.records.ids.tolist() == [TRAIN[0], TRAIN[2], TRAIN[4], TRAIN[5]]
    assert data.records.labels.tolist() == [0, 0, 0, 1]
    assert [(f.id, f.action) for f in data.integrity.of("DUP_LISTED")] == [
        (TRAIN[1], "quarantined"),
        (TRAIN[3], "quarantined"),
    ]
    assert f"the same picture as {TRAIN[0]}" in data.integrity.findings[0].message
    with pytest.warns(IntegrityWarning, match=r"6 of 6 rows are usable \(DUP_LISTED 2\)"):
        assert len(load_dataset("isic2020", root, duplicates="keep")) == 6


def test_listed_duplicates_that_are_none(make):
    root = make(SITE_JPEG, tables={"ISIC_2020_Training_GroundTruth.csv": rows()})
    path = root / "ISIC_2020_Training_Duplicates.csv"
    for text in ("image_name_1,image_name_2\nISIC_0000001,nan\n", "a,b\nISIC_0000000,ISIC_0000001\n"):
        path.write_text(text)
        with pytest.raises(TableError, match=r"image_name_2"):
            load_dataset("isic2020", root)


def test_kaggles_dicom_files_beside_the_jpegs_and_alone(make):
    root = make("jpeg/train", tables={"train.csv": rows()})
    (root / "train").mkdir()
    for name in TRAIN:
        (root / "train" / f"{name}.dcm").touch()
    data = load_dataset("isic2020", root)
    assert data.records.images[0] == "jpeg/train/ISIC_0000000.jpg"
    shutil.rmtree(root / "jpeg")
    with pytest.raises(DatasetNotFoundError, match="no JPEG image of the train part, only DICOM files"):
        load_dataset("isic2020", root)


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        (",target", ",label", TableError, "wanted the columns image_name, patient_id, target"),
        (f"{TRAIN[2]},", "ISIC_12,", TableError, "line 4: image_name 'ISIC_12' is no id"),
        ("malignant,1", "malignant,2", LabelError, "line 7: label '2'"),
    ],
)
def test_tables_that_are_refused(make, old, new, error, message):
    root = make(SITE_JPEG, tables={"ISIC_2020_Training_GroundTruth.csv": rows().replace(old, new)})
    with pytest.raises(error, match=message):
        load_dataset("isic2020", root)


def test_odd_rows_are_reported(make):
    text = (
        rows().replace("IP_0000002", "").replace(f"{TRAIN[1]},IP_0000000,male,45.0", f"{TRAIN[1]},IP_0000000,male,450")
    )
    with pytest.warns(IntegrityWarning, match="META_VALUE 1"):
        data = load_dataset("isic2020", make(SITE_JPEG, tables={"ISIC_2020_Training_GroundTruth.csv": text}))
    assert data.records.groups.tolist()[4:] == TRAIN[4:]
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 2, "META_VALUE": 1}


def test_what_is_missing(make):
    root = make(tables={"test.csv": "id,patient\nISIC_0000050,IP_0000001\n"})
    with pytest.raises(ConfigError, match="part='val' is unknown; use 'train', 'test'"):
        load_dataset("isic2020", root, part="val")
    with pytest.raises(DatasetNotFoundError, match=r"no ISIC_2020_Training_GroundTruth_v2\.csv or .* or train\.csv"):
        load_dataset("isic2020", root)
    with pytest.raises(DatasetNotFoundError, match="no JPEG image of the test part"):
        load_dataset("isic2020", root, part="test")
    make(test="jpeg/test")
    with pytest.raises(TableError, match="wanted the columns image_name, patient_id"):
        load_dataset("isic2020", root, part="test")


def test_declared_facts():
    info = dataset_info("isic2020")
    assert info.inputs == ("age_approx", "sex", "anatom_site_general_challenge")
    assert sum(info.parts.values()) == info.num_images
    assert sum(info.class_counts.values()) == info.parts["train"]
