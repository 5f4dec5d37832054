"""ISIC 2019 on fabricated copies of its tree."""

import pytest

from skinzoo.datasets import dataset_info, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import ConfigError, DatasetNotFoundError, TableError
from skinzoo.taxonomy import ISIC2019

CLASSES = ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK"]
TRAIN = ["ISIC_0000000", "ISIC_0000013_downsampled", *(f"ISIC_00000{k}" for k in range(20, 26))]
TEST = ["ISIC_0034321", "ISIC_0034322", "ISIC_0034323_downsampled"]


def truth(labels, classes=CLASSES, extra=""):
    rows = [f"{name},{','.join(str(float(c == label)) for c in classes)}{extra}" for name, label in labels.items()]
    return "\n".join([f"image,{','.join(classes)}{',score_weight,validation_weight' if extra else ''}", *rows]) + "\n"


@pytest.fixture
def isic2019(tmp_path, write_image):
    for word, ids in (("Training", TRAIN), ("Test", TEST)):
        for k, name in enumerate(ids):
            write_image(tmp_path / f"ISIC_2019_{word}_Input" / f"{name}.jpg", seed=k)
        (tmp_path / f"ISIC_2019_{word}_Input" / "ATTRIBUTION.txt").touch()
    (tmp_path / "ISIC_2019_Training_GroundTruth.csv").write_text(truth(dict(zip(TRAIN, CLASSES, strict=False))))
    lesions = ["MSK4_0011169", "", "BCN_0000001", "BCN_0000001", "HAM_0000001", "HAM_0000002", "", ""]
    rows = [
        f"{name},{5 * k if k else ''},{'head/neck' if k else ''},{lesions[k]},female" for k, name in enumerate(TRAIN)
    ]
    (tmp_path / "ISIC_2019_Training_Metadata.csv").write_text(
        "\n".join(["image,age_approx,anatom_site_general,lesion_id,sex", *reversed(rows)]) + "\n"
    )
    (tmp_path / "ISIC_2019_Test_GroundTruth.csv").write_text(
        truth(dict(zip(TEST, ("SCC", "UNK", "MEL"), strict=True)), extra=",1.0,0.0")
    )
    (tmp_path / "ISIC_2019_Test_Metadata.csv").write_text(
        "image,age_approx,anatom_site_general,sex\n" + "".join(f"{name},0.0,palms/soles,male\n" for name in TEST)
    )
    return tmp_path


def test_training_part(isic2019):
    data = load_dataset("isic2019", isic2019, strict=True)
    assert data.label_space is ISIC2019
    assert data.records.ids.tolist() == TRAIN
    assert data.class_counts() == dict.fromkeys(ISIC2019, 1)
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 3}
    assert data.records.groups.tolist() == [
        "MSK4_0011169", TRAIN[1], "BCN_0000001", "BCN_0000001", "HAM_0000001", "HAM_0000002", TRAIN[6], TRAIN[7],
    ]  # fmt: skip
    assert data[0].metadata == {"age_approx": None, "anatom_site_general": None, "sex": "female", "is_unknown": False}
    assert data[1].metadata["age_approx"] == 5.0


def test_images_of_the_test_part_that_are_of_no_class(isic2019):
    data = load_dataset("isic2019", isic2019, part="test", strict=True)
    assert [sample.label for sample in data] == [ISIC2019.index("SCC"), None, ISIC2019.index("MEL")]
    assert [sample.metadata["is_unknown"] for sample in data] == [False, True, False]
    assert data[0].metadata["age_approx"] == 0.0
    assert data.records.groups.tolist() == TEST
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 3}
    assert "is_unknown" not in dataset_info("isic2019").inputs


def test_columns_by_name_nested_folders_and_no_metadata(isic2019):
    order = ["UNK", *reversed(ISIC2019.classes)]
    path = isic2019 / "ISIC_2019_Training_GroundTruth.csv"
    images = isic2019 / "ISIC_2019_Training_Input"
    path.unlink()
    (images / path.name).write_text(truth(dict(zip(TRAIN, CLASSES, strict=False)), order))
    images.rename(isic2019 / "tmp")
    images.mkdir()
    (isic2019 / "tmp").rename(images / images.name)
    (isic2019 / "ISIC_2019_Training_Metadata.csv").unlink()
    data = load_dataset("isic2019", isic2019)
    assert data.table["label"].tolist() == list(ISIC2019)
    assert data.records.groups.tolist() == TRAIN
    assert list(data.records.metadata) == ["is_unknown"]


def test_without_the_ninth_column(isic2019):
    path = isic2019 / "ISIC_2019_Training_GroundTruth.csv"
    path.write_text(truth(dict(zip(TRAIN, [*CLASSES[:7], "none"], strict=True)), CLASSES[:8]))
    with pytest.warns(IntegrityWarning, match=r"7 of 8 rows are usable \(LABEL_NONE 1\)"):
        data = load_dataset("isic2019", isic2019)
    assert not data.records.metadata["is_unknown"].any()


def test_a_row_of_a_class_and_unknown_is_set_aside(isic2019):
    path = isic2019 / "ISIC_2019_Test_GroundTruth.csv"
    path.write_text(path.read_text().replace(f"{TEST[1]},0.0", f"{TEST[1]},1.0"))
    with pytest.warns(IntegrityWarning, match=r"2 of 3 rows are usable \(LABEL_MULTI 1\)"):
        data = load_dataset("isic2019", isic2019, part="test")
    assert data.records.ids.tolist() == [TEST[0], TEST[2]]


def test_metadata_under_ids_without_the_downsampled_ending(isic2019):
    path = isic2019 / "ISIC_2019_Training_Metadata.csv"
    path.write_text(path.read_text().replace("_downsampled", ""))
    data = load_dataset("isic2019", isic2019)
    assert (data[1].id, data[1].metadata["age_approx"]) == ("ISIC_0000013_downsampled", 5.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,0,1,2,3,4,5,6,7,8\nISIC_0000000,1,0,0,0,0,0,0,0,0\n", "wanted the columns image, MEL, NV"),
        (truth({"0": "MEL"}), "line 2: image '0' is no id of the ISIC archive"),
        (truth({"ISIC_0000013_resized": "MEL"}), "'ISIC_0000013_resized' is no id"),
    ],
)
def test_tables_that_are_refused(isic2019, text, message):
    (isic2019 / "ISIC_2019_Training_GroundTruth.csv").write_text(text)
    with pytest.raises(TableError, match=message):
        load_dataset("isic2019", isic2019)


def test_what_is_missing(isic2019):
    with pytest.raises(ConfigError, match="part='val' is unknown; use 'train', 'test'"):
        load_dataset("isic2019", isic2019, part="val")
    (isic2019 / "ISIC_2019_Test_GroundTruth.csv").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no ISIC_2019_Test_GroundTruth\.csv"):
        load_dataset("isic2019", isic2019, part="test")
    (isic2019 / "ISIC_2019_Test_Input").rename(isic2019 / "test")
    with pytest.raises(DatasetNotFoundError, match="no ISIC_2019_Test_Input"):
        load_dataset("isic2019", isic2019, part="test")


def test_declared_facts():
    info = dataset_info("isic2019")
    assert sum(info.parts.values()) == info.num_images == 33_569
    assert info.num_images - sum(info.class_counts.values()) == 2047  # of no class
    assert info.class_counts.keys() == set(ISIC2019)
