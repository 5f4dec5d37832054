"""Pictures from `.npz` files: where they lie, who shares them, and files that are not what they promise."""

import gc
import multiprocessing
import pickle
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from forked import in_a_fork

from skinzoo.datasets.arraysource import ArraySource, read_labels
from skinzoo.errors import DataError

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 8, 9, 3), dtype=np.uint8)
OTHERS = PICTURES[::-1].copy()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The temporary folder into which arrays are unpacked."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


@pytest.fixture(params=[np.savez, np.savez_compressed], ids=["stored", "compressed"])
def npz(request, tmp_path):
    request.param(tmp_path / "a.npz", train_images=PICTURES, test_images=OTHERS, labels=np.arange(5)[:, None])
    return tmp_path / "a.npz"


def test_pictures(npz, folder):
    source = ArraySource(npz, ["train_images", "test_images"])
    for k in range(5):
        np.testing.assert_array_equal(source.read(f"train_images/{k}", "", "")[0], PICTURES[k])
        np.testing.assert_array_equal(source.read(f"test_images/{k}", "", "")[0], OTHERS[k])
    np.testing.assert_array_equal(source.array("test_images"), OTHERS)
    picture, mask = source.read("train_images/0", "", "")
    picture[:] = 0
    assert mask is None
    assert source.read("train_images/0", "", "")[0].any()
    assert not source.array("train_images").flags.writeable
    view, mask = source.view("test_images/3", "", "")
    np.testing.assert_array_equal(view, OTHERS[3])
    assert type(view) is np.ndarray
    assert not view.flags.writeable
    assert np.shares_memory(view, source.array("test_images"))
    assert mask is None
    with pytest.raises(DataError, match="'test_images/5' is no picture"):
        source.view("test_images/5", "", "")
    for key in ("train_images/5", "train_images/-1", "train_images/", "labels/0", ""):
        with pytest.raises(DataError, match=r"x: '.*' is no picture of .*a\.npz"):
            source.read(key, "", "x")


def test_stored_arrays_are_read_where_they_are_and_others_unpacked_once(npz, folder):
    source = ArraySource(npz, ["train_images"])
    stored = zipfile.ZipFile(npz).infolist()[0].compress_type == zipfile.ZIP_STORED
    unpacked = [p.name for p in folder.rglob("*.npy")]
    assert unpacked == ([] if stored else ["train_images.npy"])
    mapped = source.array("train_images")
    assert isinstance(mapped, np.memmap)
    assert Path(mapped.filename) == (npz if stored else next(folder.rglob("*.npy")))


def test_sent_to_another_process_it_shares_the_files(npz, folder):
    source = ArraySource(npz, ["train_images"])
    sent = pickle.dumps(source)
    assert len(sent) < 1_000
    copy = pickle.loads(sent)
    assert copy.array("train_images").filename == source.array("train_images").filename
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(source.read, "train_images/3", "", "").result()[0]
    np.testing.assert_array_equal(found, PICTURES[3])


def test_the_unpacked_copy_goes_with_its_owner_and_not_with_a_forked_worker(tmp_path, folder):
    np.savez_compressed(tmp_path / "a.npz", train_images=PICTURES)
    source = ArraySource(tmp_path / "a.npz", ["train_images"])
    sent = pickle.dumps(source)

    def let_go():
        nonlocal source
        del source
        gc.collect()

    assert in_a_fork(let_go) == 0
    np.testing.assert_array_equal(pickle.loads(sent).array("train_images"), PICTURES)
    assert len(list(folder.iterdir())) == 1
    del source
    gc.collect()
    assert list(folder.iterdir()) == []
    np.testing.assert_array_equal(pickle.loads(sent).array("train_images"), PICTURES)


def test_damaged_files(npz, folder):
    data = npz.read_bytes()
    with pytest.raises(DataError, match="has no array val_images"):
        ArraySource(npz, ["val_images"])
    npz.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="train_images cannot be read: File is not a zip file"):
        ArraySource(npz, ["train_images"])
    with pytest.raises(DataError, match=r"is not a complete \.npz file"):
        read_labels(npz, "labels")


def test_a_flipped_bit_in_a_compressed_array_is_found(tmp_path, folder):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, train_images=PICTURES)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="train_images cannot be read") as error:
        ArraySource(path, ["train_images"])
    assert error.value.code == "ARRAY_BAD"


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (PICTURES.astype(np.float32), r"float32 of shape \(5, 8, 9, 3\); wanted uint8"),
        (PICTURES[..., 0], r"uint8 of shape \(5, 8, 9\)"),
        (PICTURES[..., :2], r"uint8 of shape \(5, 8, 9, 2\)"),
        (np.asfortranarray(PICTURES), "row by row"),
        (np.array([{"a": 1}], dtype=object), "object of shape"),
    ],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_another_kind_are_refused_before_anything_is_unpacked(tmp_path, folder, save, array, message):
    save(tmp_path / "a.npz", train_images=array)
    with pytest.raises(DataError, match=message):
        ArraySource(tmp_path / "a.npz", ["train_images"])
    assert list(folder.iterdir()) == []


def test_an_array_shorter_than_its_header_says(tmp_path, folder):
    np.save(tmp_path / "a.npy", PICTURES)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("train_images.npy", (tmp_path / "a.npy").read_bytes()[:-1])
    with pytest.raises(DataError, match=r"1207 bytes, but its header promises 1208"):
        ArraySource(tmp_path / "a.npz", ["train_images"])


def test_no_room_to_unpack(tmp_path, folder, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", train_images=PICTURES)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(DataError, match=r"No space left on device. Set TMPDIR to a larger disk, or save .* np\.savez"):
        ArraySource(tmp_path / "a.npz", ["train_images"])


def test_labels(npz, tmp_path):
    assert read_labels(npz, "labels").tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match="has no array other"):
        read_labels(npz, "other")
    for bad in (np.zeros(3), np.zeros((3, 2), dtype=int), np.array([None, 1], dtype=object)):
        np.savez(tmp_path / "b.npz", labels=bad)
        with pytest.raises(DataError):
            read_labels(tmp_path / "b.npz", "labels")
