"""The memory-mapped cache: its pixels, what it does not do twice, and every way in which it can be interrupted."""

import errno
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections import Counter, namedtuple

import numpy as np
import pytest

from skinzoo.datasets import DatasetInfo, MemmapSource, Records, SkinDataset, concat, load_dataset, make_loader
from skinzoo.datasets import caching as module
from skinzoo.errors import ConfigError, DataError, ImageDecodeError, MaskError
from skinzoo.taxonomy import ISIC2018
from skinzoo.transforms import Transform
from skinzoo.types import InputSpec

SIZES = [(24, 32), (36, 24), (12, 16), (9, 40)]


class Memory:
    """Pictures in memory that count how often they are read; every third has no mask."""

    def __init__(self, n=12, fail_at=None):
        rng = np.random.default_rng(0)
        self.images = [rng.integers(0, 256, (*SIZES[k % 4], 3), dtype=np.uint8) for k in range(n)]
        self.masks = [(image[..., 0] > 99).astype(np.uint8) for image in self.images]
        self.reads = Counter()
        self.fail_at = fail_at

    def read(self, image, mask, id):
        if self.fail_at == int(image):
            raise ImageDecodeError(f"{id}: broken")
        self.reads[int(image)] += 1
        return self.images[int(image)], self.masks[int(image)] if mask else None

    def __repr__(self):
        return "Memory()"


def collection(source, name="memory", n=12):
    keys = [str(k) for k in range(n)]
    records = Records.build(
        [f"i{k}" for k in range(n)], labels=[0] * n, images=keys, masks=["" if k % 3 == 2 else str(k) for k in range(n)]
    )
    return SkinDataset(DatasetInfo(name, name, group="lesion"), records, ISIC2018, source, part="train")


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 1)  # 32 rows a thread is the least


def block_means(image, height, width):
    """Mean of the equal blocks that each output pixel covers."""
    h, w = image.shape[0] // height, image.shape[1] // width
    return image.reshape(height, h, width, w, -1).mean(axis=(1, 3))


def test_pixels_are_means_of_what_they_cover_and_masks_keep_their_values(tmp_path):
    source = Memory()
    data = collection(source)
    cached = data.cache(tmp_path / "new" / "folder", (12, 8))
    assert len(cached) == 12
    assert (cached.name, cached.records.ids.tolist()) == ("memory[train]", data.records.ids.tolist())
    assert cached.integrity is data.integrity
    for k, sample in enumerate(cached):
        image = source.images[k]
        assert (type(sample.image), sample.image.dtype, sample.image.shape) == (np.ndarray, np.uint8, (12, 8, 3))
        sample.image[0] = 0  # a copy, not the file
        if image.shape[0] % 12 == image.shape[1] % 8 == 0:
            difference = np.abs(cached[k].image - block_means(image, 12, 8))
            assert difference.max() <= 1
            assert difference.mean() < 0.5
        if k % 3 == 2:
            assert sample.mask is None
        else:
            height, width = image.shape[:2]
            rows = ((np.arange(12) + 0.5) * height / 12).astype(int)
            columns = ((np.arange(8) + 0.5) * width / 8).astype(int)
            assert np.array_equal(sample.mask, source.masks[k][np.ix_(rows, columns)])


def test_growing_pictures_are_smooth():
    ramp = np.repeat(np.linspace(0, 255, 8).astype(np.uint8)[None, :, None], 4, 0).repeat(3, 2)
    grown = module.fit(ramp, (4, 64))
    assert len(np.unique(grown)) > 30, "not blocks of equal pixels"
    assert module.fit(ramp, (4, 8)) is ramp


def test_what_is_cached_is_not_read_again(tmp_path, caplog):
    source = Memory()
    first = collection(source).cache(tmp_path, 8, workers=3, progress=False)
    assert set(source.reads.values()) == {1}
    again = collection(source).cache(tmp_path, 8)
    assert set(source.reads.values()) == {1}
    assert again.source.folder == first.source.folder
    assert not caplog.records
    assert len(sorted(tmp_path.glob("memory-*"))) == 1
    index = json.loads((tmp_path / first.source.folder / "index.json").read_text())
    assert (index["size"], index["collection"], index["ids"][1]) == ([8, 8], "memory", "i1")
    rows = np.load(tmp_path / first.source.folder / "rows.npy")
    assert rows[["height", "width"]].tolist() == [SIZES[k % 4] for k in range(12)]


def test_another_size_or_other_images_get_a_folder_of_their_own(tmp_path):
    data = collection(Memory())
    folders = {
        data.cache(tmp_path, 8).source.folder,
        data.cache(tmp_path, (8, 9)).source.folder,
        data.subset(range(5)).cache(tmp_path, 8).source.folder,
        collection(Memory(), name="../x y").cache(tmp_path, 8).source.folder,
    }
    assert len(folders) == len([p for p in tmp_path.iterdir() if p.is_dir()]) == 4
    assert len(data.cache(tmp_path, 8)) == 12
    other = collection(Memory())
    other.source.__class__ = type("Other", (Memory,), {"__repr__": lambda self: "Other()"})
    assert other.cache(tmp_path, 8).source.folder not in folders


@pytest.fixture
def ham(fake_ham10000):
    return load_dataset("ham10000", fake_ham10000(mask_scale=1))


def test_only_a_changed_file_is_decoded_again(ham, tmp_path, write_image, monkeypatch, caplog):
    before = ham.cache(tmp_path / "c", (12, 16))
    pixels = [s.image for s in before]
    write_image(ham.source.path(ham.records.images[5]), seed=99)
    reads = []
    real = type(ham.source).read
    monkeypatch.setattr(type(ham.source), "read", lambda self, *a: reads.append(a[2]) or real(self, *a))
    after = ham.cache(tmp_path / "c", (12, 16))
    assert reads == [ham.records.ids[5]]
    assert "1 of 28 images changed" in caplog.text
    assert [np.array_equal(a, b.image) for a, b in zip(pixels, after, strict=True)] == [k != 5 for k in range(28)]
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(before, after, strict=True))
    assert np.array_equal(before[0].image, pixels[0]), "who has the old one open still reads it"
    os.utime(ham.source.path(ham.records.masks[7]), ns=(1, 1))
    ham.cache(tmp_path / "c", (12, 16))
    assert reads[1:] == [ham.records.ids[7]]
    assert len([p for p in (tmp_path / "c").iterdir() if p.is_dir()]) == 1


def test_files_of_a_combined_collection_are_watched_too(ham, tmp_path, write_image, caplog):
    both = concat(ham, load_dataset("synthetic", num_images=7, size=32), label_space="isic2018")
    cached = both.cache(tmp_path / "c", 16)
    assert len(cached) == 35
    assert np.array_equal(cached[30].image, module.fit(both[30].image, (16, 16)))
    write_image(ham.source.path(ham.records.images[3]), seed=99)
    again = both.cache(tmp_path / "c", 16)
    assert "1 of 35 images changed" in caplog.text
    assert np.array_equal(again[3].image, module.fit(both[3].image, (16, 16)))


def test_a_picture_that_cannot_be_read_stops_the_build_and_the_rest_is_kept(tmp_path, small_chunks):
    source = Memory(100, fail_at=80)
    data = collection(source, n=100)
    with pytest.raises(ImageDecodeError, match="i80: broken"):
        data.cache(tmp_path, 8, workers=1)
    assert [p.suffix for p in tmp_path.iterdir() if p.is_dir()] == [".building"]
    done, source.fail_at = set(source.reads), None
    cached = data.cache(tmp_path, 8, workers=1)
    assert {k for k, n in source.reads.items() if n == 2} <= {k for k in done if k >= 65}, "1 + 32 + 32 were kept"
    assert min(source.reads.values()) == 1
    assert np.array_equal(cached[99].image, module.fit(source.images[99], (8, 8)))
    source.reads.clear()
    assert [p.suffix for p in tmp_path.iterdir() if p.is_dir()] == [""]


KILLED = """
import os, sys
from skinzoo.datasets import caching, load_dataset
from skinzoo.datasets.adapters.synthetic import SyntheticSource
caching.CHUNK = 1
read = SyntheticSource.read
def dying(self, image, mask, id):
    if image == "50":
        os.kill(os.getpid(), 9)
    return read(self, image, mask, id)
SyntheticSource.read = dying
load_dataset("synthetic", num_images=70, size=32).cache(sys.argv[1], 16, workers=1)
"""


def test_a_killed_build_goes_on(tmp_path, monkeypatch):
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], capture_output=True)
    assert done.returncode == -9
    data = load_dataset("synthetic", num_images=70, size=32)
    reads = []
    real = type(data.source).read
    monkeypatch.setattr(type(data.source), "read", lambda self, *a: reads.append(int(a[0])) or real(self, *a))
    cached = data.cache(tmp_path, 16)
    assert sorted(reads) == list(range(33, 70))
    for k in (0, 32, 33, 69):
        assert np.array_equal(cached[k].image, module.fit(data[k].image, (16, 16)))
        assert np.array_equal(cached[k].mask, module.fit_mask(data[k].mask, (16, 16)))


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path):
    source = Memory()
    cached = collection(source).cache(tmp_path, 8)
    folder = tmp_path / cached.source.folder
    folder.rename(f"{folder}.building")
    (tmp_path / f"{folder.name}.old").mkdir()
    collection(source).cache(tmp_path, 8)
    assert set(source.reads.values()) == {1}
    assert [p for p in tmp_path.iterdir() if p.is_dir()] == [folder]


def test_two_at_once_build_once(tmp_path):
    source = Memory(60)
    data = collection(source, n=60)
    threads = [threading.Thread(target=data.cache, args=(tmp_path, 8), kwargs={"workers": 1}) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(source.reads.values()) == {1}


def test_a_damaged_cache_is_made_anew(tmp_path, caplog):
    source = Memory()
    data = collection(source)
    images = tmp_path / data.cache(tmp_path, 8).source.folder / "images.npy"
    os.truncate(images, images.stat().st_size - 1)
    cached = data.cache(tmp_path, 8)
    assert "made anew" in caplog.text
    assert set(source.reads.values()) == {2}
    (tmp_path / cached.source.folder / "index.json").write_text("[")
    assert np.array_equal(data.cache(tmp_path, 8)[1].image, module.fit(source.images[1], (8, 8)))


def test_reading_what_is_gone(tmp_path):
    cached = collection(Memory()).cache(tmp_path, 8)
    with pytest.raises(DataError, match=r"'12' is no row of images\.npy .* which has 12") as caught:
        cached.source.read("12", "", "x")
    assert caught.value.code == "CACHE_BAD"
    shutil.rmtree(cached.source.folder)
    with pytest.raises(DataError, match="remove its folder and cache again"):
        MemmapSource(cached.source.folder).read("0", "", "x")


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage(0, 0, 1000))
    with pytest.raises(DataError, match=r"GB are needed in .*, and 0\.0 GB are free") as caught:
        collection(Memory()).cache(tmp_path, 64)
    assert caught.value.code == "DISK_FULL"
    monkeypatch.undo()

    def full(fd, offset, size):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(module.os, "posix_fallocate", full, raising=False)
    with pytest.raises(DataError, match="GB are needed"):
        collection(Memory()).cache(tmp_path, 64)
    assert not [p for p in tmp_path.iterdir() if p.is_dir()]


def test_a_view_is_the_file_itself_and_cannot_be_written_to(tmp_path):
    cached = collection(Memory()).cache(tmp_path, 8)
    for k in range(len(cached)):
        own, view = cached[k], cached.sample(k, views=True)
        assert type(view.image) is np.ndarray
        assert np.array_equal(own.image, view.image)
        assert np.shares_memory(view.image, cached.sample(k, views=True).image)
        assert not np.shares_memory(view.image, own.image)
        assert (view.image.flags.writeable, own.image.flags.writeable) == (False, True)
        assert (own.mask is None) == (view.mask is None) == (k % 3 == 2)
        if own.mask is not None:
            assert np.array_equal(own.mask, view.mask)
            assert (view.mask.flags.writeable, own.mask.flags.writeable) == (False, True)
    plain = collection(Memory())
    assert np.array_equal(plain.sample(0, views=True).image, plain[0].image)
    with pytest.raises(DataError, match=r"'12' is no row of images\.npy"):
        cached.source.view("12", "", "x")


def test_workers_open_the_arrays_themselves(tmp_path):
    cached = collection(Memory()).cache(tmp_path, 8)
    expected = [s.image.copy() for s in cached]
    sent = pickle.dumps(cached.source)
    assert len(sent) < 1000
    assert np.array_equal(pickle.loads(sent).read("3", "", "x")[0], expected[3])
    loader = make_loader(
        cached, Transform(InputSpec(size=(8, 8), mean=(0, 0, 0), std=(1, 1, 1))), batch_size=5, num_workers=2
    )
    images = np.concatenate([batch.images.numpy() for batch in loader])
    assert np.allclose(images * 255, np.stack(expected).transpose(0, 3, 1, 2), atol=1e-3)


def test_a_cache_of_a_cache_and_of_nothing(tmp_path):
    data = collection(Memory())
    cached = data.cache(tmp_path, 24)
    again = cached.cache(tmp_path, 12)
    assert np.abs(again[0].image - block_means(cached[0].image, 12, 12)).max() <= 1
    bare = data.subset([2, 5])
    assert not bare.cache(tmp_path, 8).has_masks
    with pytest.raises(ConfigError, match="has no image to cache"):
        data.subset([]).cache(tmp_path)


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "256", (8,), (8, 8, 3), (8, 0), None, 9000])
def test_sizes_that_make_no_sense(tmp_path, size):
    with pytest.raises(ConfigError, match="give height and width in pixels"):
        collection(Memory()).cache(tmp_path, size)


def test_other_arguments_that_make_no_sense(tmp_path):
    for workers in (0, -1, 1.5, True, "2"):
        with pytest.raises(ConfigError, match="number of threads"):
            collection(Memory()).cache(tmp_path, 8, workers=workers)
    data = collection(Memory())
    data.source.__class__ = type("Silent", (Memory,), {"__repr__": object.__repr__})
    with pytest.raises(ConfigError, match="give its class a __repr__"):
        data.cache(tmp_path, 8)
    promised = collection(Memory())
    promised.source.masks = [None] * 12
    with pytest.raises(MaskError, match="i0: the records promise a mask"):
        promised.cache(tmp_path, 8)


def test_views_of_caches_that_were_combined(tmp_path):
    drawn = [load_dataset("synthetic", num_images=7, size=32, seed=seed) for seed in (1, 2)]
    cached = [data.cache(tmp_path / str(k), 24) for k, data in enumerate(drawn)]
    together = concat(cached[0], drawn[1].subset([0, 1]), duplicates="keep")
    for k in range(len(together)):
        own, view = together[k], together.sample(k, views=True)
        assert np.array_equal(own.image, view.image)
        assert np.array_equal(own.mask, view.mask)
        assert view.image.flags.writeable == (k >= 7), "drawn pictures are made anew each time"
