"""Pictures in HDF5 files: the library's own reading is the oracle for ours."""

import io
import pickle
import sys

import h5py
import numpy as np
import pytest
from PIL import Image

from skinzoo.datasets.hdf5 import HDF5Source, locate
from skinzoo.errors import DataError, ImageDecodeError, MissingDependencyError


def jpeg(seed=0, **save):
    data = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((40, 30)).save(data, "JPEG", quality=90, **save)
    return data.getvalue()


def as_void(group, name, data):
    group.create_dataset(name, data=np.void(data))


STORED = {
    "opaque": as_void,
    "string": lambda group, name, data: group.create_dataset(name, data=np.bytes_(data)),
    "array": lambda group, name, data: group.create_dataset(name, data=np.frombuffer(data, np.uint8)),
    "compressed": lambda group, name, data: group.create_dataset(
        name, data=np.frombuffer(data, np.uint8), compression="gzip"
    ),
    "chunked": lambda group, name, data: group.create_dataset(name, data=np.frombuffer(data, np.uint8), chunks=(100,)),
    "attributes": lambda group, name, data: [
        group.create_dataset(name, data=np.void(data)),
        [group[name].attrs.create(f"note{k}", "x" * 300) for k in range(5)],
    ],
}


def spy(monkeypatch, source):
    """The keys that are read through the library from now on."""
    asked = []
    through = HDF5Source._read_through_library
    monkeypatch.setattr(
        HDF5Source, "_read_through_library", lambda self, key: [asked.append(key), through(self, key)][1]
    )
    return asked


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("how", list(STORED))
def test_bytes_come_as_they_were_stored(tmp_path, how, libver):
    names = [f"ISIC_{k:07d}" for k in (7, 3, 12)]
    with h5py.File(tmp_path / "a.hdf5", "w", libver=libver) as file:
        for k, name in enumerate(names):
            STORED[how](file, name, jpeg(k))
    source = HDF5Source(tmp_path / "a.hdf5")
    assert source.names.tolist() == sorted(n.encode() for n in names)
    for k, name in enumerate(names):
        assert source.content(name) == jpeg(k)
        picture, mask = source.read(name, "", name)
        assert np.array_equal(picture, np.asarray(Image.open(io.BytesIO(jpeg(k)))))
        assert mask is None


def test_plain_datasets_are_read_without_the_library(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        for k in range(3):
            as_void(file, f"plain{k}", jpeg(k))
        STORED["compressed"](file, "zipped", jpeg(9))
    source = HDF5Source(tmp_path / "a.hdf5")
    asked = spy(monkeypatch, source)
    assert [source.content(f"plain{k}") for k in range(3)] == [jpeg(k) for k in range(3)]
    assert asked == []
    assert source.content("zipped") == jpeg(9)
    assert asked == ["zipped"]


def test_a_file_with_something_in_front_is_left_to_the_library(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.hdf5", "w", userblock_size=512) as file:
        as_void(file, "x", jpeg())
    source = HDF5Source(tmp_path / "a.hdf5")
    asked = spy(monkeypatch, source)
    assert source.content("x") == jpeg()
    assert asked == ["x"]


def test_finding_keys(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        for name in ("b", "a", "cc"):
            as_void(file, name, jpeg())
    source = HDF5Source(tmp_path / "a.hdf5")
    assert source.find(["cc", "c", "a", "longer than any", "", "ä", "b"]).tolist() == [2, -1, 0, -1, -1, -1, 1]
    for absent in ("c", "longer than any", "", "../a", "/a", "."):
        with pytest.raises(ImageDecodeError, match="no dataset of that name") as caught:
            source.content(absent)
        assert caught.value.code == "FILE_MISSING"


def test_links_are_never_followed(tmp_path):
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        as_void(file, "secret", jpeg())
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        as_void(file, "x", jpeg())
        file["out"] = h5py.ExternalLink("other.hdf5", "secret")
        file["soft"] = h5py.SoftLink("/x")
    source = HDF5Source(tmp_path / "a.hdf5")
    assert sorted(source.links) == ["out", "soft"]
    assert source.names.tolist() == [b"x"]
    with pytest.raises(ImageDecodeError, match="no dataset"):
        source.content("out")


def test_data_in_other_files_is_refused(tmp_path):
    (tmp_path / "raw.bin").write_bytes(jpeg())
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        shape = (len(jpeg()),)
        file.create_dataset("external", shape, np.uint8, external=[(str(tmp_path / "raw.bin"), 0, shape[0])])
        layout = h5py.VirtualLayout(shape, np.uint8)
        layout[:] = h5py.VirtualSource(tmp_path / "b.hdf5", "x", shape)
        file.create_virtual_dataset("virtual", layout)
        file.create_group("group")
    source = HDF5Source(tmp_path / "a.hdf5")
    for name in ("external", "virtual", "group"):
        with pytest.raises(ImageDecodeError, match="no dataset that holds bytes in this file"):
            source.content(name)


def test_what_is_no_picture(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        as_void(file, "cut", jpeg()[:-40])
        as_void(file, "html", b"<html>403</html>")
        file.create_dataset("numbers", data=np.arange(9.0))
        file.create_dataset("words", data=["a", "b"])
        file.create_dataset("nothing", shape=(30,), dtype=np.uint8)
    source = HDF5Source(tmp_path / "a.hdf5")
    codes = {}
    for name in ("cut", "html", "numbers", "words", "nothing"):
        with pytest.raises(ImageDecodeError, match=f"^row 5: .*a.hdf5, dataset '{name}'.*check='full'") as caught:
            source.read(name, "", "row 5")
        codes[name] = caught.value.code
    assert codes == {"cut": "IMG_TRUNCATED"} | dict.fromkeys(("html", "numbers", "words", "nothing"), "IMG_NOT_IMAGE")


def test_exif_turns_are_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        as_void(file, "x", jpeg(exif=exif))
    picture, _ = HDF5Source(tmp_path / "a.hdf5").read("x", "", "x")
    assert np.array_equal(picture, np.rot90(np.asarray(Image.open(io.BytesIO(jpeg(exif=exif)))), -1))


def test_files_that_are_no_whole_hdf5(tmp_path):
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        for k in range(50):
            as_void(file, f"x{k}", jpeg(k))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="not a whole HDF5 file") as caught:
        HDF5Source(path)
    assert caught.value.code == "FILE_UNREADABLE"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataError, match="git lfs pull") as caught:
        HDF5Source(path)
    assert caught.value.code == "LFS_POINTER"


def test_a_file_that_vanishes_is_an_error_of_the_picture(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        as_void(file, "x", jpeg())
    source = HDF5Source(tmp_path / "a.hdf5")
    (tmp_path / "a.hdf5").unlink()
    with pytest.raises(ImageDecodeError) as caught:
        source.read("x", "", "x")
    assert caught.value.code == "FILE_MISSING"


def test_a_file_that_is_written_anew_never_gives_another_picture(tmp_path):
    for names in (("a", "b"), ("b", "a")):
        with h5py.File(tmp_path / "a.hdf5", "w") as file:
            for k, name in enumerate(names):
                as_void(file, name, jpeg(k))
        if names == ("a", "b"):
            source = HDF5Source(tmp_path / "a.hdf5")
    with pytest.raises(ImageDecodeError, match="open the collection again") as caught:
        source.read("a", "", "a")
    assert caught.value.code == "FILE_CHANGED"


def test_a_source_travels_to_other_processes(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        STORED["compressed"](file, "x", jpeg())
    source = HDF5Source(tmp_path / "a.hdf5")
    source.content("x")  # the library's handle is open now
    copy = pickle.loads(pickle.dumps(source))
    assert copy == source
    assert hash(copy) == hash(source)
    assert copy.content("x") == jpeg()


def test_the_extra_is_named_where_the_library_is_absent(tmp_path, monkeypatch):
    (tmp_path / "a.hdf5").touch()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'skinzoo\[data\]'"):
        HDF5Source(tmp_path / "a.hdf5")


def test_headers_that_are_cut_or_wrong_give_no_place(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        as_void(file, "x", jpeg())
        start = file["x"].id.get_offset()
        address = h5py.h5o.get_info(file["x"].id).addr
    header = (tmp_path / "a.hdf5").read_bytes()[address : address + 300]
    assert locate(header) == (start, len(jpeg()))
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(header[: rng.integers(0, 300)])
        for at in rng.integers(0, max(1, len(damaged)), 3):
            damaged[at : at + 1] = bytes([rng.integers(0, 256)])
        place = locate(bytes(damaged))
        assert place is None or min(place) >= 0
