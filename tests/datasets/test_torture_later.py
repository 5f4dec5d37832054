"""Bad inputs that show after a collection was opened: splits that cannot be made, and files that change.

Numbers are rows of the catalogue of bad inputs.
"""

import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest
from torture import crop, raster, saved

from skinzoo.datasets import load_dataset, make_loader
from skinzoo.datasets.decode import read_image
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import ImageDecodeError, LeakageError, SplitError


def official(root, rows):
    """A `table` with official parts; pictures of one seed are equal byte for byte."""
    lines = ["image,class,set,who"]
    for name, seed, label, part, who in rows:
        (root / f"{name}.png").write_bytes(saved(raster(seed), "PNG"))
        lines.append(f"{name}.png,{label},{part},{who}")
    (root / "t.csv").write_text("\n".join(lines) + "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IntegrityWarning)
        return load_dataset("table", root, file="t.csv", label="class", official_split="set", group="who")


def test_row_22_one_picture_on_both_sides_of_the_official_parts(tmp_path):
    data = official(tmp_path, [("a", 1, "nevus", "train", "P1"), ("b", 1, "nevus", "test", "P2")])
    assert data.integrity.counts()["IDENTICAL_BYTES"] == 2
    with pytest.raises(LeakageError, match=r"share 1 groups \(such as 'P1'\).*Split by group, or drop") as caught:
        data.official()
    assert caught.value.code == "LEAK"


def patients(tmp_path, groups_of):
    """One picture for each group named, by class."""
    named = [(label, who) for label, groups in groups_of.items() for who in groups]
    return official(tmp_path, [(f"i{k}", k, label, "", who) for k, (label, who) in enumerate(named)])


@pytest.mark.parametrize(
    ("groups_of", "code", "message"),
    [
        ({"mel": ["A"], "nv": "BCDE"}, "SPLIT_TOO_FEW", r"at least 3 groups .*: mel has 1\. Ask for fewer parts"),
        ({"mel": "AAA", "nv": "BCDE"}, "SPLIT_TOO_FEW", "mel has 1"),
        ({"mel": "AB", "nv": "AB"}, "SPLIT_TOO_FEW", "mel has 2, nv has 2"),
    ],
    ids=["one picture", "one lesion", "two lesions"],
)
def test_rows_38_and_39_classes_that_cannot_stand_in_every_part(tmp_path, groups_of, code, message):
    data = patients(tmp_path, groups_of)
    with pytest.raises(SplitError, match=message) as caught:
        data.split()
    assert (type(caught.value), caught.value.code) == (SplitError, code)
    assert "allow_missing_classes=True" in str(caught.value)


def test_row_38_a_class_that_is_absent_from_a_part_by_consent(tmp_path):
    data = patients(tmp_path, {"mel": "A", "nv": "BCDEFGH"})
    parts = data.split(allow_missing_classes=True)
    assert sorted(part.class_counts()["mel"] for part in parts) == [0, 0, 1]
    single = patients(tmp_path, {"nv": "BCDEFGH"})
    assert [part.class_counts()["nv"] > 0 for part in single.split()] == [True] * 3


def test_row_40_fewer_groups_than_parts(tmp_path):
    data = patients(tmp_path, {"nv": "AABB"})
    for make in (
        lambda: data.split(allow_missing_classes=True),
        lambda: data.kfold(3, allow_missing_classes=True),
    ):
        with pytest.raises(SplitError, match=r"2 groups cannot make 3 parts.* ask for fewer parts") as caught:
            make()
        assert caught.value.code == "SPLIT_GROUPS"


def test_row_40_rows_without_a_group_are_no_group_together(tmp_path):
    data = patients(tmp_path, {"nv": ["", "nan", "NaN", "None", "unknown", "A", "A"]})
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 5}
    assert len(set(data.records.groups.tolist())) == 6
    assert sum(map(len, data.split((0.5, 0.5)))) == 7


@pytest.fixture
def four(tmp_path):
    """Four good pictures, as a dataset."""
    for k in range(4):
        path = tmp_path / "nevus" / f"i{k}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(saved(raster(k)))
    return load_dataset("folder", tmp_path, strict=True)


@contextmanager
def batches_of(data, workers, size):
    """A loader's batches; ends its processes, which PyTorch is slow to do after an error."""
    loader = make_loader(data, crop, batch_size=size, num_workers=workers)
    batches = iter(loader)
    try:
        yield batches
    finally:
        if workers:
            batches._shutdown_workers()


CHANGES = {
    "vanished": (Path.unlink, "FILE_MISSING", "the file does not exist"),
    "cut off": (lambda p: p.write_bytes(p.read_bytes()[:900]), "IMG_TRUNCATED", "truncated or damaged JPEG"),
    "emptied": (lambda p: p.write_bytes(b""), "IMG_EMPTY", "zero bytes"),
    "a folder": (lambda p: (p.unlink(), p.mkdir()), "NOT_REGULAR", "not a file but a folder"),
}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("change", CHANGES)
def test_row_41_a_file_that_is_not_what_it_was(four, tmp_path, change, workers):
    """Its id is named, from a worker process too, and no other picture comes in its place."""
    spoil, code, message = CHANGES[change]
    spoil(tmp_path / "nevus" / "i2.jpg")
    with batches_of(four, workers, 1) as batches:
        assert [next(batches).ids, next(batches).ids] == [["i0"], ["i1"]]
        with pytest.raises(ImageDecodeError, match=rf"i2: .*i2\.jpg: {message}.* \[{code}\]") as caught:
            next(batches)
    assert type(caught.value) is ImageDecodeError


@pytest.mark.parametrize(("failures", "is_read"), [(1, True), (2, False)])
def test_row_41_reading_is_tried_once_more_in_a_worker_too(four, tmp_path, monkeypatch, failures, is_read):
    log = tmp_path / "tries"

    def stale(path, **options):
        with log.open("a") as file:
            file.write(f"{Path(path).stem}\n")
        if log.read_text().split().count("i2") <= failures and Path(path).stem == "i2":
            raise ImageDecodeError("cannot be read: Stale file handle", "FILE_UNREADABLE")
        return read_image(path, **options)

    monkeypatch.setattr("skinzoo.datasets.filesource.read_image", stale)
    with batches_of(four, 1, 4) as batches:
        if is_read:
            assert [batch.ids for batch in batches] == [["i0", "i1", "i2", "i3"]]
        else:
            with pytest.raises(ImageDecodeError, match=r"i2: .*Stale file handle \[FILE_UNREADABLE\]"):
                list(batches)
    assert log.read_text().split().count("i2") == 2
