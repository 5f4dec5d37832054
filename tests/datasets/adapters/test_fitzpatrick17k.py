"""Fitzpatrick17k on fabricated copies of its tree."""

import pytest

from skinzoo.datasets import dataset_info, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import ConfigError, DatasetNotFoundError, LabelError
from skinzoo.taxonomy import FITZPATRICK3

TABLE = """\
md5hash,fitzpatrick_scale,fitzpatrick_centaur,label,nine_partition_label,three_partition_label,qc,url,url_alphanum
5e82,3,3,psoriasis,inflammatory,non-neoplastic,,https://www.dermaamin.com/site/a1.jpg,a1
d2ba,2,-1,dermatofibroma,benign dermal,benign,1 Diagnostic,https://www.dermaamin.com/site/a2.jpg,a2
45f7,6,5,kaposi sarcoma,malignant dermal,malignant,,http://atlasdermatologico.com.br/img?imageId=7,a3
9bc2,-1,-1,melanoma,malignant melanoma,malignant,3 Wrongly labelled,,
"""
IDS = ("5e82", "d2ba", "45f7", "9bc2")


@pytest.fixture
def tree(tmp_path, write_image):
    (tmp_path / "fitzpatrick17k.csv").write_text(TABLE)
    for k, name in enumerate(IDS):
        write_image(tmp_path / "images" / f"{name}.jpg", seed=k)
    return tmp_path


@pytest.mark.parametrize("folder", ["images", "finalfitz17k", "Fitzpatrick17k_images"])
def test_three_partitions_and_metadata(tree, folder):
    (tree / "images").rename(tree / folder)
    data = load_dataset("fitzpatrick17k", tree, strict=True)
    assert data.label_space is FITZPATRICK3
    assert data.integrity.findings == ()
    assert data.table["label"].tolist() == ["non-neoplastic", "benign", "malignant", "malignant"]
    assert [s.metadata["condition"] for s in data] == ["psoriasis", "dermatofibroma", "kaposi sarcoma", "melanoma"]
    info = dataset_info("fitzpatrick17k")
    assert set(data.records.metadata) == set(info.metadata)
    assert set(info.inputs) == {"fitzpatrick_scale", "fitzpatrick_centaur", "qc", "source"}
    assert [s.metadata["fitzpatrick_scale"] for s in data] == [3, 2, 6, None]
    assert [s.metadata["fitzpatrick_centaur"] for s in data] == [3, None, 5, None]
    assert [s.metadata["qc"] for s in data] == [None, "1 Diagnostic", None, "3 Wrongly labelled"]
    assert [s.metadata["source"] for s in data] == [*["www.dermaamin.com"] * 2, "atlasdermatologico.com.br", None]


@pytest.mark.parametrize(
    ("label", "classes", "malignant"),
    [
        (
            "nine_partition",
            ("benign dermal", "inflammatory", "malignant dermal", "malignant melanoma"),
            {"malignant dermal", "malignant melanoma"},
        ),
        ("label", ("dermatofibroma", "kaposi sarcoma", "melanoma", "psoriasis"), {"kaposi sarcoma", "melanoma"}),
    ],
)
def test_finer_labels(tree, label, classes, malignant):
    space = load_dataset("fitzpatrick17k", tree, label=label, strict=True).label_space
    assert space.classes == classes
    assert space.malignant == malignant
    with pytest.raises(ConfigError, match=r"label='two' is unknown; use 'three_partition', 'nine_partition', 'label'"):
        load_dataset("fitzpatrick17k", tree, label="two")


def test_images_that_were_not_fetched(tree):
    (tree / "images" / "9bc2.jpg").unlink()
    (tree / "images" / "45f7.jpg").unlink()
    (tree / "images" / "d2ba.jpg").write_text("<html>403</html>")
    with pytest.warns(IntegrityWarning, match=r"1 of 4 rows are usable \(FILE_MISSING 2, IMG_NOT_IMAGE 1\)"):
        data = load_dataset("fitzpatrick17k", tree)
    missing = {f.id: f.message for f in data.integrity.of("FILE_MISSING")}
    assert "no url to fetch it from" in missing["9bc2"]
    assert "url" not in missing["45f7"]


def test_what_is_absent_or_wrong(tree):
    table = tree / "fitzpatrick17k.csv"
    table.write_text(TABLE.replace(",benign,", ",harmless,"))
    with pytest.raises(LabelError, match="line 3: label 'harmless'"):
        load_dataset("fitzpatrick17k", tree)
    (tree / "images").rename(tree / "pictures")
    with pytest.raises(DatasetNotFoundError, match="no folder images/ or finalfitz17k/"):
        load_dataset("fitzpatrick17k", tree)
    table.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"(?s)no fitzpatrick17k.csv.*fetch each url"):
        load_dataset("fitzpatrick17k", tree)


def test_declared_facts():
    info = dataset_info("fitzpatrick17k")
    assert sum(info.class_counts.values()) == info.num_images
    assert set(info.class_counts) == set(FITZPATRICK3)
