"""JPEG files by OpenCV and by Pillow: the same pixels, and the same files refused."""

import io
import itertools
from collections import Counter

import cv2
import numpy as np
import pytest
from PIL import Image

from skinzoo.datasets import decode
from skinzoo.datasets.decode import decode_image
from skinzoo.datasets.jpeg import decode_jpeg
from skinzoo.datasets.sniff import open_image
from skinzoo.errors import ImageDecodeError

SIZES = ((75, 101), (128, 96), (33, 40))
LEASTS = (None, (60, 45), (30, 20), (8, 8))


def written(height, width, *, seed=0, exif=1, mode="RGB", **options):
    """A file of a picture with coarse detail."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    picture = Image.fromarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)).convert(mode)
    tags = Image.Exif()
    tags[0x0112] = exif
    picture.save(buffer := io.BytesIO(), "JPEG", exif=tags, **options)
    return buffer.getvalue()


KINDS = [
    {"quality": quality, "subsampling": subsampling, "progressive": progressive, **more}
    for quality, subsampling, progressive in itertools.product((50, 90, 98), (0, 1, 2), (False, True))
    for more in ({}, {"restart_marker_blocks": 3}, {"optimize": True})
]


@pytest.fixture
def by_pillow(monkeypatch):
    """`decode_image` as it is without OpenCV."""

    def slow(*args, **options):
        with monkeypatch.context() as patch:
            patch.setattr(decode, "decode_jpeg", lambda *_: None)
            return decode_image(*args, **options)

    return slow


@pytest.mark.parametrize("least", LEASTS)
@pytest.mark.parametrize("size", SIZES)
def test_equal_to_the_bit(size, least, by_pillow):
    for number, kind in enumerate(KINDS):
        data = written(*size, seed=number, **kind)
        fast, slow = decode_image(data, "a.jpg", least=least), by_pillow(data, "a.jpg", least=least)
        assert np.array_equal(fast.array, slow.array), kind
        assert fast[1:] == slow[1:]
        assert fast.array.flags.writeable


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_upright_picture_is_what_must_be_large_enough(orientation, by_pillow):
    data = written(64, 160, exif=orientation)
    for least in ((64, 30), (30, 64), (20, 20)):
        fast, slow = decode_image(data, "a.jpg", least=least), by_pillow(data, "a.jpg", least=least)
        assert np.array_equal(fast.array, slow.array)
        assert fast.orientation == orientation


def header_of(data):
    return open_image(io.BytesIO(data), "a.jpg")[1]


def test_who_decodes_what():
    whole = written(40, 40)
    assert decode_jpeg(whole, header_of(whole), None).shape == (40, 40, 3)
    assert decode_jpeg(whole + b"\0\n", header_of(whole), None) is not None
    assert decode_jpeg(whole[:-40], header_of(whole), None) is None, "cut short"
    assert decode_jpeg(whole + b"more", header_of(whole), None) is None, "something follows"
    for mode in ("L", "CMYK"):
        other = written(40, 40, mode=mode)
        assert decode_jpeg(other, header_of(other), None) is None
    Image.new("RGB", (9, 9)).save(buffer := io.BytesIO(), "PNG")
    assert decode_jpeg(buffer.getvalue(), header_of(buffer.getvalue()), None) is None


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95, -1])
def test_a_cut_file_is_refused(keep):
    data = written(96, 128)
    with pytest.raises(ImageDecodeError):
        decode_image(data[: int(len(data) * keep) if keep > 0 else -3], "a.jpg")


def damaged(data, rng):
    """The file with a few bytes changed, left out or put in."""
    made = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at, kind = int(rng.integers(2, len(made) - 2)), rng.integers(4)
        if kind == 0:
            made[at] = int(rng.integers(256))
        elif kind == 1:
            made[at] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            del made[at : at + int(rng.integers(1, 30))]
        else:
            made[at:at] = rng.integers(0, 256, int(rng.integers(1, 9)), dtype=np.uint8).tobytes()
    return bytes(made)


@pytest.mark.parametrize("progressive", [False, True])
def test_damage_gives_the_same_picture_or_is_refused_as_well(progressive, by_pillow, capfd):
    rng = np.random.default_rng(0)
    files = [written(*size, seed=k, progressive=progressive) for k, size in enumerate(SIZES)]
    outcomes = Counter()
    for number in range(1500):
        data, least = damaged(files[number % 3], rng), LEASTS[number % 4]
        found = []
        for read in (decode_image, by_pillow):
            try:
                found.append(read(data, "a.jpg", least=least).array)
            except ImageDecodeError:
                found.append(None)
        fast, slow = found
        assert (fast is None) == (slow is None), number
        assert fast is None or np.array_equal(fast, slow), number
        outcomes["refused" if fast is None else "decoded"] += 1
    capfd.readouterr()  # the library says on standard error what it thinks of the data
    assert min(outcomes["decoded"], outcomes["refused"]) > 100
