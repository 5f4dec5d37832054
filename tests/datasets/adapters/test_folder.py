"""Trees of class folders: what is a class, what is a part, what is neither."""

import shutil

import pytest

from skinzoo.datasets import load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import DatasetNotFoundError, IntegrityError
from skinzoo.taxonomy import BINARY, ISIC9, ISIC2018


def test_nine_classes_with_official_split(fake_isic9):
    data = load_dataset("folder", fake_isic9)
    assert data.label_space is ISIC9
    assert set(data.class_counts().values()) == {3}
    assert data.table["official_split"].tolist() == ["train"] * 18 + ["test"] * 9
    assert len(set(data.records.ids.tolist())) == 27


def test_folder_below_a_long_title_and_in_lower_case(fake_isic9, tmp_path):
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
def test_label_space_from_folder_names(tmp_path, write_image, names, space):
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
def test_a_class_may_be_called_like_a_part(tmp_path, write_image, name):
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


@pytest.mark.parametrize("wrappers", [(), ("unpacked",), ("unpacked", "Train")])
def test_a_part_alone_is_still_a_part(fake_isic9, tmp_path, wrappers):
    root = tmp_path.joinpath("alone", *wrappers)
    root.mkdir(parents=True)
    (fake_isic9 / "Train").rename(root / "Train")
    data = load_dataset("folder", tmp_path / "alone")
    assert len(data) == 18
    assert set(data.table["official_split"]) == {"train"}


def test_a_part_alone_with_one_class(tmp_path, write_image):
    write_image(tmp_path / "test" / "wart" / "a.jpg")
    data = load_dataset("folder", tmp_path)
    assert (data.class_counts(), set(data.table["official_split"])) == ({"wart": 1}, {"test"})


@pytest.mark.parametrize("place", ["Train/nevus", "Test"])
def test_a_link_to_nothing_in_place_of_a_folder_is_reported(fake_isic9, place):
    shutil.rmtree(fake_isic9 / place)
    (fake_isic9 / place).symlink_to(fake_isic9 / "gone")
    with pytest.warns(IntegrityWarning, match="FILE_MISSING 1"):
        data = load_dataset("folder", fake_isic9)
    assert [(f.path, f.action) for f in data.integrity.of("FILE_MISSING")] == [(place, "kept")]
    assert data.integrity.num_ok == len(data)
    with pytest.raises(IntegrityError, match="FILE_MISSING"):
        load_dataset("folder", fake_isic9, strict=True)
