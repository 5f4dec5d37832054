"""BCN20000 on fabricated copies of figshare's tree and of an export of the ISIC archive."""

import pytest

from skinzoo.datasets import dataset_info, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import ConfigError, DatasetNotFoundError, LabelError, TableError
from skinzoo.taxonomy import ISIC2019

HEADER = "bcn_filename,age_approx,anatom_site_general,diagnosis,lesion_id,capture_date,sex,split"
CODES = ["MEL", "NV", "SCC", "AK", "NV"]


def figshare_table(codes=CODES, header=HEADER):
    rows = [HEADER]
    for k, code in enumerate(codes):
        lesion = "" if k == 4 else f"BCN_{k // 2:07d}"
        rows.append(f"BCN_{k:010d}.jpg,{55.0 if k else ''},anterior torso,{code},{lesion},2012-05-16,male,train")
    keep = [HEADER.split(",").index(c) for c in header.split(",")]
    return "\n".join(",".join(row.split(",")[i] for i in keep) for row in rows) + "\n"


@pytest.fixture
def figshare(tmp_path, write_image):
    """`figshare(table, folder=..., part="train")` writes five images and the table and returns the root."""

    def write(table=None, *, folder="BCN_20k_{part}/bcn_20k_{part}", part="train"):
        for k in range(5):
            write_image(tmp_path / folder.format(part=part) / f"BCN_{k:010d}.jpg", seed=k)
        (tmp_path / f"bcn_20k_{part}.csv").write_text(figshare_table() if table is None else table)
        return tmp_path

    return write


@pytest.mark.parametrize("folder", ["BCN_20k_{part}/bcn_20k_{part}", "BCN_20k_{part}", "images", "."])
def test_training_part(figshare, folder):
    data = load_dataset("bcn20000", figshare(folder=folder), strict=True)
    assert data.label_space is ISIC2019
    assert data.records.ids.tolist() == [f"BCN_{k:010d}" for k in range(5)]
    assert [ISIC2019.classes[k] for k in data.records.labels] == CODES
    assert data.records.groups.tolist() == ["BCN_0000000"] * 2 + ["BCN_0000001"] * 2 + ["BCN_0000000004"]
    assert data[1].metadata == {
        "age_approx": 55.0,
        "sex": "male",
        "anatom_site_general": "anterior torso",
        "capture_date": "2012-05-16",
    }
    assert data[0].metadata["age_approx"] is None
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 1}


@pytest.mark.parametrize("header", [HEADER, HEADER.replace("diagnosis,", "").replace("lesion_id,", "")])
def test_test_part_has_no_labels(figshare, header):
    data = load_dataset("bcn20000", figshare(figshare_table(header=header), part="test"), part="test")
    assert not data.has_labels
    assert data.name == "bcn20000[test]"


EXPORTED = ["Melanoma, NOS", "Nevus", "Solar or actinic keratosis", "Scar", "Scar", "", "DF"]


@pytest.fixture
def export(tmp_path, write_image):
    rows = ["isic_id,attribution,age_approx,diagnosis_1,diagnosis_3,lesion_id,sex"]
    for k, diagnosis in enumerate(EXPORTED):
        write_image(tmp_path / f"ISIC_{53453 + k:07d}.jpg", seed=k)
        rows.append(f'ISIC_{53453 + k:07d},Barcelona,50,Benign,"{diagnosis}",IL_{k:07d},female')
    (tmp_path / "metadata.csv").write_text("\n".join(rows))
    return tmp_path


def test_an_export_of_the_archive_is_translated(export):
    with pytest.warns(IntegrityWarning, match="LABEL_UNMATCHED 2"):
        data = load_dataset("bcn20000", export)
    assert [None if s.label is None else ISIC2019.classes[s.label] for s in data] == [
        "MEL",
        "NV",
        "AK",
        None,
        None,
        "DF",
    ]
    assert data.integrity.counts() == {"LABEL_UNMATCHED": 2}, "images of the other part are not extra"
    assert "diagnosis 'scar' is none of the classes" in data.integrity.findings[0].message
    test = load_dataset("bcn20000", export, part="test")
    assert test.records.ids.tolist() == ["ISIC_0053458"]
    assert not test.has_labels


def test_an_export_without_a_part_says_so(export):
    table = export / "metadata.csv"
    table.write_text("\n".join(line for line in table.read_text().splitlines() if '""' not in line))
    with pytest.raises(TableError, match="no row of the test part: none without a diagnosis") as caught:
        load_dataset("bcn20000", export, part="test")
    assert caught.value.code == "EMPTY_DATASET"


def test_what_is_wrong_is_said(figshare, tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"no bcn_20k_train\.csv and no metadata\.csv"):
        load_dataset("bcn20000", tmp_path)
    root = figshare()
    with pytest.raises(ConfigError, match="part='val'"):
        load_dataset("bcn20000", root, part="val")
    with pytest.raises(LabelError, match="line 2: label 'UNK'"):
        load_dataset("bcn20000", figshare(figshare_table(["UNK", *CODES[1:]])))
    with pytest.raises(TableError, match="wanted the columns bcn_filename"):
        load_dataset("bcn20000", figshare("a,b\n1,2\n"))
    with pytest.raises(TableError, match="wanted the column diagnosis"):
        load_dataset("bcn20000", figshare(figshare_table(header=HEADER.replace("diagnosis,", ""))))


def test_facts():
    info = dataset_info("bcn20000")
    assert sum(info.class_counts.values()) == info.parts["train"] == 12_413
    assert sum(info.parts.values()) == info.num_images
