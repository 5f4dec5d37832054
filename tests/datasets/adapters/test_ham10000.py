"""HAM10000 on fabricated copies of its tree, and on trees that are not quite it."""

import shutil

import pytest

from skinzoo.datasets import load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import ConfigError, DatasetNotFoundError, IntegrityError, LabelError, TableError
from skinzoo.taxonomy import ISIC2018


def test_ham10000(fake_ham10000):
    data = load_dataset("ham10000", fake_ham10000(), strict=True)
    assert repr(data) == (
        "SkinDataset('ham10000', 28 images, 21 lesions: MEL 4, NV 4, BCC 4, AKIEC 4, BKL 4, DF 4, VASC 4)"
    )
    assert data.label_space is ISIC2018
    assert data.integrity.counts() == {"MASK_RESIZED": 28}
    first, second = data[0], data[1]
    assert (first.id, first.label, first.group) == ("ISIC_0024306", 0, "HAM_0000000")
    assert first.metadata == {"dx_type": "histo", "age": None, "sex": None, "localization": None}
    assert second.metadata == {"dx_type": "histo", "age": 5.0, "sex": "female", "localization": "back"}
    assert data[18].metadata["age"] == 0.0
    assert (first.image.shape, first.mask.shape) == ((24, 32, 3), (24, 32))
    assert data.table["label"].tolist()[:3] == ["MEL", "NV", "BCC"]
    assert sum(len(part) for part in data.split()) == 28


@pytest.mark.parametrize(
    ("table", "delimiter"),
    [
        ("HAM10000_metadata", ","),
        ("HAM10000_metadata.tab", "\t"),
        ("HAM10000_metadata.txt", ";"),
        ("ham10000_Metadata.CSV", ","),
    ],
)
def test_ham10000_table_under_its_other_names(fake_ham10000, table, delimiter):
    assert len(load_dataset("ham10000", fake_ham10000(table=table, delimiter=delimiter))) == 28


@pytest.mark.parametrize("folders", [("images",), ("ham10000_images_part_1", "HAM10000_IMAGES_PART_2")])
def test_ham10000_images_under_other_names(fake_ham10000, folders):
    assert len(load_dataset("ham10000", fake_ham10000(folders=folders))) == 28


def test_ham10000_nested_folders_and_kaggles_second_copy(fake_ham10000):
    root = fake_ham10000()
    for name in ("HAM10000_images_part_1", "HAM10000_segmentations_lesion_tschandl"):
        (root / name).rename(root / "tmp")
        (root / name).mkdir()
        (root / "tmp").rename(root / name / name)
    shutil.copytree(root / "HAM10000_images_part_2", root / "ham10000_images_part_2")
    data = load_dataset("ham10000", root, strict=True)
    assert len(data) == 28
    assert data.has_masks


def test_two_different_pictures_of_one_id_are_refused(fake_ham10000, write_image):
    root = fake_ham10000()
    write_image(root / "HAM10000_images_part_2" / "ISIC_0024306.jpg", seed=99)
    with pytest.raises(IntegrityError, match=r"ID_AMBIGUOUS: .*part_1/ISIC_0024306.jpg and .*part_2/ISIC_0024306.jpg"):
        load_dataset("ham10000", root)


def test_ham10000_masks_are_optional_unless_wanted(fake_ham10000):
    bare = fake_ham10000(masks=None)
    data = load_dataset("ham10000", bare)
    assert not data.has_masks
    assert data.integrity.findings == ()
    assert data[0].mask is None
    with pytest.raises(DatasetNotFoundError, match="no mask folder"):
        load_dataset("ham10000", bare, masks=True)
    assert not load_dataset("ham10000", fake_ham10000("other"), masks=False).has_masks
    with pytest.raises(ConfigError, match="masks='yes'"):
        load_dataset("ham10000", bare, masks="yes")


def test_ham10000_what_is_missing_and_what_is_too_much_is_listed(fake_ham10000, write_image):
    root = fake_ham10000()
    first = root / "HAM10000_images_part_1"
    (first / "ISIC_0024306.jpg").unlink()
    (first / "ISIC_0024308.jpg").rename(first / "isic_0024308.jpg")
    (root / "HAM10000_segmentations_lesion_tschandl" / "ISIC_0024310_segmentation.png").unlink()
    write_image(first / "ISIC_9999999.jpg", seed=99)
    with pytest.warns(IntegrityWarning, match="26 of 28 rows are usable"):
        data = load_dataset("ham10000", root)
    report = data.integrity
    assert report.counts() == {"EXTRA_FILE": 2, "FILE_MISSING": 2, "MASK_MISSING": 1, "MASK_RESIZED": 25}
    missing = {f.id: f.message for f in report.of("FILE_MISSING")}
    assert "'isic_0024308' is there and differs by case only" in missing["ISIC_0024308"]
    assert "case" not in missing["ISIC_0024306"]
    assert len(data) == 26
    with pytest.raises(IntegrityError, match="FILE_MISSING"):
        load_dataset("ham10000", root, strict=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: (r / "HAM10000_metadata.csv").unlink(), "no HAM10000_metadata table"),
        (lambda r: [shutil.rmtree(p) for p in r.glob("*part*")], "no image folder"),
        (lambda r: [p.unlink() for p in r.glob("*part*/*.jpg")], r"none of the 28 images .*\(such as ISIC_0024306"),
        (shutil.rmtree, "is not a folder"),
    ],
)
def test_ham10000_absent_parts_show_the_expected_tree(fake_ham10000, change, message):
    root = fake_ham10000()
    change(root)
    with pytest.raises(DatasetNotFoundError, match=rf"(?s){message}.*Expected:\nHAM10000/\n.*doi.org/10.7910"):
        load_dataset("ham10000", root)


def test_ham10000_bad_tables(fake_ham10000):
    root = fake_ham10000()
    path = root / "HAM10000_metadata.csv"
    good = path.read_text()
    path.write_text(good.replace("image_id", "image"))
    with pytest.raises(TableError, match="wanted the columns lesion_id, image_id, dx; found lesion_id, image, dx"):
        load_dataset("ham10000", root)
    path.write_text(good.replace(",bcc,", ",basal,"))
    with pytest.raises(LabelError, match="line 4: label 'basal'"):
        load_dataset("ham10000", root)


def test_a_row_that_stands_twice(fake_ham10000):
    root = fake_ham10000()
    path = root / "HAM10000_metadata.csv"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows, rows[1], rows[2].replace(",nv,", ",mel,")]) + "\n")
    with pytest.warns(IntegrityWarning, match=r"27 of 30 rows are usable \(DUP_CONFLICT 2, DUP_ID 1\)"):
        data = load_dataset("ham10000", root)
    assert "ISIC_0024307" not in data.records.ids
    assert data.integrity.of("DUP_ID")[0].id == "ISIC_0024306"


@pytest.mark.parametrize("word", ["nan", "None", "NA", "null", "unknown", ""])
def test_lesion_ids_that_say_nothing_make_no_large_group(fake_ham10000, word):
    root = fake_ham10000()
    path = root / "HAM10000_metadata.csv"
    path.write_text(path.read_text().replace("HAM_0000000", word).replace("HAM_0000001", word))
    data = load_dataset("ham10000", root)
    assert data.records.groups[[0, 1, 21, 22]].tolist() == data.records.ids[[0, 1, 21, 22]].tolist()
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 4, "MASK_RESIZED": 28}


def test_rows_without_a_diagnosis_are_used_and_listed(fake_ham10000):
    root = fake_ham10000()
    path = root / "HAM10000_metadata.csv"
    path.write_text(path.read_text().replace("ISIC_0024308,bcc", "ISIC_0024308,"))
    with pytest.warns(IntegrityWarning, match=r"28 of 28 rows are usable \(LABEL_NONE 1\)"):
        data = load_dataset("ham10000", root)
    assert data[2].label is None
    assert [(f.id, f.action) for f in data.integrity.of("LABEL_NONE")] == [("ISIC_0024308", "kept")]
    with pytest.raises(IntegrityError, match="LABEL_NONE"):
        load_dataset("ham10000", root, strict=True)
