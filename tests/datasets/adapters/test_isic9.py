"""The nine Kaggle classes as a collection: contradictions, lesions joined from other tables, and the real folders."""

import numpy as np
import pytest

from skinzoo.datasets import check_disjoint, dataset_info, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import DatasetNotFoundError, LabelError, LeakageError, TableError
from skinzoo.taxonomy import ISIC9

HAM = "lesion_id,image_id,dx\nHAM_1,ISIC_0000000,akiec\nHAM_1,ISIC_0000001,akiec\nHAM_2,ISIC_0000040,nv\n"
ISIC2019 = "image,age_approx,lesion_id\nISIC_0000041_downsampled,50,BCN_7\nISIC_0000040,50,BCN_8\nISIC_0000042,,\n"


def groups(data):
    return dict(zip(data.records.ids.tolist(), data.records.groups.tolist(), strict=True))


def test_without_a_table_of_lesions(fake_isic9):
    data = load_dataset("isic9", fake_isic9)
    assert data.label_space is ISIC9
    assert data.table["official_split"].tolist() == ["train"] * 18 + ["test"] * 9
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 27}
    assert data.records.groups.tolist() == data.records.ids.tolist()


def test_lesions_of_tables_in_the_root(fake_isic9):
    (fake_isic9 / "HAM10000_metadata.csv").write_text(HAM)
    (fake_isic9 / "ISIC_2019_Training_Metadata.csv").write_text(ISIC2019)
    data = load_dataset("isic9", fake_isic9)
    found = groups(data)
    assert [found[f"ISIC_{k:07d}"] for k in (0, 1, 40, 41)] == ["HAM_1", "HAM_1", "HAM_2", "BCN_7"]
    assert found["ISIC_0000042"] == "ISIC_0000042"
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 23}


def test_lesions_of_a_table_that_is_given(fake_isic9, tmp_path):
    (fake_isic9 / "HAM10000_metadata.csv").write_text(HAM)
    table = tmp_path / "mine.csv"
    table.write_text(ISIC2019)
    found = groups(load_dataset("isic9", fake_isic9, lesions=table))
    assert [found[f"ISIC_{k:07d}"] for k in (0, 40, 41)] == ["ISIC_0000000", "BCN_8", "BCN_7"]
    with pytest.raises(DatasetNotFoundError, match="is no file; give a table of image_id and lesion_id"):
        load_dataset("isic9", fake_isic9, lesions=tmp_path / "absent.csv")
    table.write_text("picture,lesion_id\na,b\n")
    with pytest.raises(TableError, match="wanted the column lesion_id and one of image_id, image"):
        load_dataset("isic9", fake_isic9, lesions=str(table))


def test_all_nine_classes_whatever_is_there_and_no_other(fake_isic9, write_image):
    for part in ("Train", "Test"):
        (fake_isic9 / part / "nevus").rename(fake_isic9 / f"old {part}")
    (fake_isic9 / "Train" / "scar").mkdir()
    with pytest.warns(IntegrityWarning, match=r"24 of 24 rows are usable \(CLASS_EMPTY 1, EXTRA_FILE 2\)"):
        data = load_dataset("isic9", fake_isic9)
    assert data.label_space is ISIC9
    assert data.class_counts()["NV"] == 0
    write_image(fake_isic9 / "Train" / "scar" / "a.jpg", seed=99)
    with pytest.raises(LabelError, match="scar holds images, but label 'scar' is none of isic9's classes"):
        load_dataset("isic9", fake_isic9)


def test_declared_facts():
    info = dataset_info("isic9")
    assert sum(info.class_counts.values()) == info.num_images == sum(info.parts.values())
    assert set(info.class_counts) == set(ISIC9)
    assert info.outranks == (("AK", "NV"), ("MEL", "SEK"))


@pytest.fixture(scope="module")
def joined(real_isic9, real_ham10000):
    with pytest.warns(IntegrityWarning, match="2047 of 2359 rows are usable"):
        return load_dataset("isic9", real_isic9, lesions=real_ham10000 / "HAM10000_metadata.csv")


@pytest.mark.real_data
def test_real_contradictions_are_exactly_those_that_are_declared(joined):
    report = joined.integrity
    assert report.counts() == {"DUP_CONFLICT": 310, "DUP_ID": 2, "GROUP_UNKNOWN": 1_043, "IDENTICAL_BYTES": 4}
    messages = [f.message for f in report.of("DUP_CONFLICT")]
    assert sum("under MEL and SEK" in m for m in messages) == 2 * 78
    assert sum("under AK and NV" in m for m in messages) == 2 * 77
    assert {f.path.rpartition("/")[2] for f in report.of("DUP_ID")} == {"ISIC_0025509(1).jpg", "ISIC_0025601(1).jpg"}


@pytest.mark.real_data
def test_real_contradictions_resolved(real_isic9):
    with pytest.warns(IntegrityWarning, match="2202 of 2359 rows are usable"):
        data = load_dataset("isic9", real_isic9, conflicts="resolve")
    counts = data.class_counts()
    assert {code: counts[code] for code in ("AK", "NV", "MEL", "SEK")} == {"AK": 130, "NV": 296, "MEL": 454, "SEK": 2}


@pytest.mark.real_data
def test_real_files_are_the_published_ones_and_two_copies(real_isic9):
    with pytest.warns(IntegrityWarning, match="2359 of 2359"):
        everything = load_dataset("isic9", real_isic9, conflicts="keep", duplicates="keep")
    info = dataset_info("isic9")
    assert everything.class_counts() == {**info.class_counts, "BCC": info.class_counts["BCC"] + 2}
    official = everything.table["official_split"].value_counts()
    assert official.to_dict() == {"train": info.parts["train"] + 2, "test": info.parts["test"]}


@pytest.mark.real_data
def test_real_lesions(joined, real_ham10000):
    named = np.char.startswith(joined.records.groups, "HAM_")
    assert (named.sum(), len(np.unique(joined.records.groups[named]))) == (1_200, 900)
    check_disjoint(*joined.split(allow_missing_classes=True))
    with pytest.raises(LeakageError, match=r"share \d+ ids"):
        check_disjoint(joined, load_dataset("ham10000", real_ham10000, masks=False))
