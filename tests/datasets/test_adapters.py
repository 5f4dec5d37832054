"""Every file-based adapter on a fabricated copy of its real tree, and on trees that are not quite it."""

import shutil
import warnings

import pytest

from skinzoo.datasets import ham10000, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import ConfigError, DatasetNotFoundError, IntegrityError, LabelError, TableError
from skinzoo.taxonomy import BINARY, ISIC9, ISIC2018

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


@pytest.fixture
def archive(tmp_path, write_image, write_mask):
    root = tmp_path / "archive"
    ids = [f"ISIC_{k:07d}" for k in range(7)]
    for k, name in enumerate(ids):
        write_image(root / "images" / f"{name}.jpg", seed=k)
        write_mask(root / "masks" / f"{name}_segmentation.png")
    (root / "GroundTruth.csv").write_text(one_hot(ids))
    return root


# HAM10000


def test_ham10000(fake_ham10000, silent):
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
def test_ham10000_table_under_its_other_names(fake_ham10000, silent, table, delimiter):
    assert len(ham10000(fake_ham10000(table=table, delimiter=delimiter))) == 28


@pytest.mark.parametrize("folders", [("images",), ("ham10000_images_part_1", "HAM10000_IMAGES_PART_2")])
def test_ham10000_images_under_other_names(fake_ham10000, silent, folders):
    assert len(ham10000(fake_ham10000(folders=folders))) == 28


def test_ham10000_nested_folders_and_kaggles_second_copy(fake_ham10000, silent):
    root = fake_ham10000()
    for name in ("HAM10000_images_part_1", "HAM10000_segmentations_lesion_tschandl"):
        (root / name).rename(root / "tmp")
        (root / name).mkdir()
        (root / "tmp").rename(root / name / name)
    shutil.copytree(root / "HAM10000_images_part_2", root / "ham10000_images_part_2")
    data = ham10000(root, strict=True)
    assert len(data) == 28
    assert data.has_masks


def test_two_different_pictures_of_one_id_are_refused(fake_ham10000, write_image):
    root = fake_ham10000()
    write_image(root / "HAM10000_images_part_2" / "ISIC_0024306.jpg", seed=99)
    with pytest.raises(IntegrityError, match=r"ID_AMBIGUOUS: .*part_1/ISIC_0024306.jpg and .*part_2/ISIC_0024306.jpg"):
        ham10000(root)


def test_ham10000_masks_are_optional_unless_wanted(fake_ham10000, silent):
    bare = fake_ham10000(masks=None)
    data = ham10000(bare)
    assert not data.has_masks
    assert data.integrity.findings == ()
    assert data[0].mask is None
    with pytest.raises(DatasetNotFoundError, match="no mask folder"):
        ham10000(bare, masks=True)
    assert not ham10000(fake_ham10000("other"), masks=False).has_masks
    with pytest.raises(ConfigError, match="masks='yes'"):
        ham10000(bare, masks="yes")


def test_ham10000_what_is_missing_and_what_is_too_much_is_listed(fake_ham10000, write_image):
    root = fake_ham10000()
    first = root / "HAM10000_images_part_1"
    (first / "ISIC_0024306.jpg").unlink()
    (first / "ISIC_0024308.jpg").rename(first / "isic_0024308.jpg")
    (root / "HAM10000_segmentations_lesion_tschandl" / "ISIC_0024310_segmentation.png").unlink()
    write_image(first / "ISIC_9999999.jpg", seed=99)
    with pytest.warns(IntegrityWarning, match="26 of 28 rows are usable"):
        data = ham10000(root)
    report = data.integrity
    assert report.counts() == {"EXTRA_FILE": 2, "FILE_MISSING": 2, "MASK_MISSING": 1, "MASK_RESIZED": 25}
    missing = {f.id: f.message for f in report.of("FILE_MISSING")}
    assert "'isic_0024308' is there and differs by case only" in missing["ISIC_0024308"]
    assert "case" not in missing["ISIC_0024306"]
    assert len(data) == 26
    with pytest.raises(IntegrityError, match="FILE_MISSING"):
        ham10000(root, strict=True)


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
        ham10000(root)


def test_ham10000_bad_tables(fake_ham10000):
    root = fake_ham10000()
    path = root / "HAM10000_metadata.csv"
    good = path.read_text()
    path.write_text(good.replace("image_id", "image"))
    with pytest.raises(TableError, match="wanted the columns lesion_id, image_id, dx; found lesion_id, image, dx"):
        ham10000(root)
    path.write_text(good.replace(",bcc,", ",basal,"))
    with pytest.raises(LabelError, match="line 4: label 'basal'"):
        ham10000(root)


def test_a_row_that_stands_twice(fake_ham10000):
    root = fake_ham10000()
    path = root / "HAM10000_metadata.csv"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows, rows[1], rows[2].replace(",nv,", ",mel,")]) + "\n")
    with pytest.warns(IntegrityWarning, match=r"27 of 30 rows are usable \(DUP_CONFLICT 2, DUP_ID 1\)"):
        data = ham10000(root)
    assert "ISIC_0024307" not in data.records.ids
    assert data.integrity.of("DUP_ID")[0].id == "ISIC_0024306"


@pytest.mark.parametrize("word", ["nan", "None", "NA", "null", "unknown", ""])
def test_lesion_ids_that_say_nothing_make_no_large_group(fake_ham10000, silent, word):
    root = fake_ham10000()
    path = root / "HAM10000_metadata.csv"
    path.write_text(path.read_text().replace("HAM_0000000", word).replace("HAM_0000001", word))
    data = ham10000(root)
    assert data.records.groups[[0, 1, 21, 22]].tolist() == data.records.ids[[0, 1, 21, 22]].tolist()
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 4, "MASK_RESIZED": 28}


def test_rows_without_a_diagnosis_are_used_and_listed(fake_ham10000):
    root = fake_ham10000()
    path = root / "HAM10000_metadata.csv"
    path.write_text(path.read_text().replace("ISIC_0024308,bcc", "ISIC_0024308,"))
    with pytest.warns(IntegrityWarning, match=r"28 of 28 rows are usable \(LABEL_NONE 1\)"):
        data = ham10000(root)
    assert data[2].label is None
    assert [(f.id, f.action) for f in data.integrity.of("LABEL_NONE")] == [("ISIC_0024308", "kept")]
    with pytest.raises(IntegrityError, match="LABEL_NONE"):
        ham10000(root, strict=True)


# ISIC 2018 task 3


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


# archive


def test_archive(archive, silent):
    data = load_dataset("archive", archive)
    assert len(data) == 7
    assert data.has_masks
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 7}
    assert data.records.groups.tolist() == data.records.ids.tolist()
    assert data[3].label == 3


def test_archive_takes_lesions_from_the_metadata_beside_it(archive, silent):
    rows = "".join(f"HAM_{k // 2},ISIC_{k:07d},mel\n" for k in range(7))
    (archive / "HAM10000_metadata.csv").write_text("lesion_id,image_id,dx\n" + rows)
    data = load_dataset("archive", archive)
    assert data.records.groups.tolist() == [f"HAM_{k // 2}" for k in range(7)]
    assert data.integrity.findings == ()


def test_archive_rows_without_one_class_are_listed(archive):
    table = archive / "GroundTruth.csv"
    table.write_text(table.read_text().replace("ISIC_0000002,0.0,0.0,1.0", "ISIC_0000002,0.0,0.0,0.0"))
    with pytest.warns(IntegrityWarning, match=r"6 of 7 rows are usable \(LABEL_NONE 1\)"):
        data = load_dataset("archive", archive)
    assert "ISIC_0000002" not in data.records.ids
    table.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no GroundTruth\.csv.*\n.*holds: images/, masks/"):
        load_dataset("archive", archive)


# folders


def test_nine_classes_with_official_split(fake_isic9, silent):
    data = load_dataset("folder", fake_isic9)
    assert data.label_space is ISIC9
    assert set(data.class_counts().values()) == {3}
    assert data.table["official_split"].tolist() == ["train"] * 18 + ["test"] * 9
    assert len(set(data.records.ids.tolist())) == 27


def test_folder_below_a_long_title_and_in_lower_case(fake_isic9, tmp_path, silent):
    (tmp_path / "outer").mkdir()
    fake_isic9.rename(tmp_path / "outer" / "Skin cancer ISIC The International Skin Imaging Collaboration")
    assert len(load_dataset("folder", tmp_path / "outer")) == 27
    (next((tmp_path / "outer").iterdir()) / "Train").rename(next((tmp_path / "outer").iterdir()) / "training")
    assert set(load_dataset("folder", tmp_path / "outer").table["official_split"]) == {"train", "test"}


@pytest.mark.parametrize(
    ("names", "space"),
    [
        (("NV", "mel", "bcc", "AKIEC", "benign keratosis", "df", "vasc"), ISIC2018),
        (("NV", "mel"), ("mel", "NV")),
        (("benign", "malignant"), BINARY),
        (("wart", "Acne"), ("Acne", "wart")),
    ],
)
def test_label_space_from_folder_names(tmp_path, write_image, silent, names, space):
    for k, name in enumerate(names):
        write_image(tmp_path / name / f"{k}.png", seed=k)
    data = load_dataset("folder", tmp_path)
    found = data.label_space
    assert (found.classes if isinstance(space, tuple) else found) == space
    assert data.has_labels


def test_everyday_names_are_not_ids_but_archive_ids_are(tmp_path, write_image):
    for k, folder in enumerate(("benign", "malignant")):
        write_image(tmp_path / folder / "1.jpg", seed=k)
        write_image(tmp_path / folder / "ISIC_0000001.jpg", seed=k + 10)
        write_image(tmp_path / folder / "same.jpg", seed=20)
    with pytest.warns(IntegrityWarning, match=r"2 of 6 rows are usable \(DUP_CONFLICT 4\)"):
        data = load_dataset("folder", tmp_path)
    assert data.records.ids.tolist() == ["benign_1", "malignant_1"]
    with pytest.warns(IntegrityWarning):
        kept = load_dataset("folder", tmp_path, conflicts="keep")
    assert "ISIC_0000001#2" in kept.records.ids
    assert len(kept) == 6


def test_a_copy_suffix_is_taken_off_only_beside_its_original(tmp_path, write_image):
    for k, name in enumerate(("a.jpg", "a(1).jpg", "b (1).jpg", "c.jpg", "c (2).jpg")):
        write_image(tmp_path / "nevus" / name, seed=0 if name.startswith("a") else k)
    write_image(tmp_path / "melanoma" / "d.jpg", seed=9)
    with pytest.warns(IntegrityWarning, match="DUP_ID 1"):
        data = load_dataset("folder", tmp_path)
    assert sorted(data.records.ids.tolist()) == ["a", "b (1)", "c", "c (2)", "d"]
    assert data.integrity.of("DUP_ID")[0].path == "nevus/a(1).jpg"


def test_wrong_folder_level_shows_what_was_found(tmp_path, write_image):
    write_image(tmp_path / "deep" / "a.jpg")
    with pytest.raises(DatasetNotFoundError, match=r"(?s)no image in any class folder.*a\.jpg.*<class name>"):
        load_dataset("folder", tmp_path / "deep")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetNotFoundError, match="holds: nothing"):
        load_dataset("folder", tmp_path / "empty")


def test_what_lies_outside_the_class_folders_is_reported(fake_isic9, write_image):
    write_image(fake_isic9 / "loose.jpg", seed=99)
    write_image(fake_isic9 / "more nevi" / "a.jpg", seed=98)
    write_image(fake_isic9 / "Train" / "nevus" / "deeper" / "b.jpg", seed=97)
    (fake_isic9 / "Test" / "nevus" / "c.dcm").touch()
    with pytest.warns(IntegrityWarning, match=r"27 of 27 rows are usable \(EXTRA_FILE 4\)"):
        data = load_dataset("folder", fake_isic9)
    found = {f.path for f in data.integrity.of("EXTRA_FILE")}
    assert found == {"loose.jpg", "more nevi/", "Train/nevus/deeper/", "Test/nevus/c.dcm"}


def test_images_directly_in_the_parts_are_reported(fake_isic9, write_image):
    (fake_isic9 / "outer").mkdir()
    for part in ("Train", "Test"):
        (fake_isic9 / part).rename(fake_isic9 / "outer" / part)
    write_image(fake_isic9 / "loose.jpg", seed=99)
    write_image(fake_isic9 / "outer" / "Train" / "a.jpg", seed=98)
    write_image(fake_isic9 / "outer" / "val" / "b.jpg", seed=97)
    with pytest.warns(IntegrityWarning, match=r"27 of 27 rows are usable \(EXTRA_FILE 3\)"):
        data = load_dataset("folder", fake_isic9)
    assert {f.path for f in data.integrity.findings} == {"loose.jpg", "outer/Train/a.jpg", "outer/val/b.jpg"}


@pytest.mark.parametrize("name", ["train", "Val", "testing"])
def test_a_class_may_be_called_like_a_part(tmp_path, write_image, silent, name):
    for k, folder in enumerate((name, "b")):
        write_image(tmp_path / folder / f"{k}.jpg", seed=k)
    data = load_dataset("folder", tmp_path)
    assert data.class_counts() == {name: 1, "b": 1}
    assert set(data.table["official_split"]) == {""}


def test_parts_without_class_folders_are_not_guessed_at(tmp_path, write_image):
    write_image(tmp_path / "train" / "a.jpg", seed=0)
    with pytest.raises(DatasetNotFoundError, match="images directly in train/, so that nothing says"):
        load_dataset("folder", tmp_path)
    write_image(tmp_path / "test" / "b.jpg", seed=1)
    write_image(tmp_path / "nevus" / "c.jpg", seed=2)
    with pytest.raises(DatasetNotFoundError, match="images directly in test/ and train/, so that nothing says"):
        load_dataset("folder", tmp_path)


def test_an_empty_folder_is_no_class_but_in_a_known_label_space(tmp_path, write_image, fake_isic9):
    for k, folder in enumerate(("wart", "acne")):
        write_image(tmp_path / "a" / folder / f"{k}.jpg", seed=k)
    (tmp_path / "a" / "scar").mkdir()
    write_image(tmp_path / "a" / "mole" / "deeper" / "c.jpg", seed=2)
    with pytest.warns(IntegrityWarning, match=r"CLASS_EMPTY 2, EXTRA_FILE 1"):
        data = load_dataset("folder", tmp_path / "a")
    assert data.label_space.classes == ("acne", "wart")
    assert [(f.path, f.action) for f in data.integrity.of("CLASS_EMPTY")] == [("mole/", "kept"), ("scar/", "kept")]
    for part in ("Train", "Test"):
        shutil.rmtree(fake_isic9 / part / "nevus")
    (fake_isic9 / "Test" / "nevus").mkdir()
    data = load_dataset("folder", fake_isic9, strict=True)
    assert data.label_space is ISIC9
    assert data.class_counts()["NV"] == 0
    assert data.integrity.findings == ()
