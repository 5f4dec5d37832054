"""Rows 1 to 13 and 16 to 19 of the bad-input catalogue, one test each; Pillow's own operations are the oracle."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from skinzoo.datasets.decode import mask_turn, read_image, read_mask
from skinzoo.datasets.looking import look_briefly, look_closely
from skinzoo.errors import ConfigError, ImageDecodeError, MaskError


def blob(seed=0, height=24, width=32):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(image, fmt, **options):
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


def png_header(width, height, bits=8, colour=2):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + ihdr + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def code_of(path, **options):
    with pytest.raises(ImageDecodeError) as caught:
        read_image(path, **options)
    return caught.value.code


def write_mask_array(path, array, mode=None):
    Image.fromarray(array, mode).save(path)
    return path


@pytest.mark.parametrize("keep", [lambda n: n // 2, lambda n: n - 60, lambda n: n - 2], ids=["half", "60", "2"])
def test_truncated_jpeg_is_refused(tmp_path, keep):
    data = encoded(Image.fromarray(blob(height=120, width=160)), "JPEG", quality=90)
    (tmp_path / "a.jpg").write_bytes(data[: keep(len(data))])
    assert code_of(tmp_path / "a.jpg") == "IMG_TRUNCATED"


@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "BMP", "WEBP"])
def test_half_a_file_of_any_format_is_refused(tmp_path, fmt):
    data = encoded(Image.fromarray(blob()), fmt)
    (tmp_path / "a").write_bytes(data[: len(data) // 2])
    assert code_of(tmp_path / "a") == "IMG_TRUNCATED"


def test_load_truncated_images_is_not_tolerated(tmp_path, monkeypatch):
    Image.fromarray(blob()).save(tmp_path / "a.png")
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ConfigError, match="LOAD_TRUNCATED_IMAGES"):
        read_image(tmp_path / "a.png")


def test_zero_bytes(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert code_of(tmp_path / "a.jpg") == "IMG_EMPTY"


def test_error_page_saved_as_an_image_is_shown(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"<!DOCTYPE html><html><head><title>403 Forbidden</title></head></html>")
    with pytest.raises(ImageDecodeError, match=r"403\?.*<!DOCTYPE html><html><head><title>403 Fo'") as caught:
        read_image(tmp_path / "a.jpg")
    assert caught.value.code == "IMG_NOT_IMAGE"


def test_lfs_pointer(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with pytest.raises(ImageDecodeError, match="git lfs pull") as caught:
        read_image(tmp_path / "a.jpg")
    assert caught.value.code == "LFS_POINTER"


def test_missing_file(tmp_path):
    assert code_of(tmp_path / "a.jpg") == "FILE_MISSING"


def test_cmyk_becomes_rgb(tmp_path):
    Image.fromarray(blob()).convert("CMYK").save(tmp_path / "a.jpg")
    decoded = read_image(tmp_path / "a.jpg")
    assert decoded.notes == ("IMG_CMYK",)
    assert np.array_equal(decoded.array, np.asarray(Image.open(tmp_path / "a.jpg").convert("RGB")))


def test_16_bit_grey_is_refused_or_scaled(tmp_path):
    wide = np.linspace(0, 65535, 24 * 32).reshape(24, 32).astype(np.uint16)
    Image.fromarray(wide).save(tmp_path / "a.png")
    assert code_of(tmp_path / "a.png") == "IMG_BITDEPTH"
    scaled = read_image(tmp_path / "a.png", scale16=True)
    assert scaled.notes == ("IMG_16BIT", "IMG_GRAY")
    assert np.array_equal(scaled.array[..., 1], np.round(wide / 257).astype(np.uint8))


def test_16_bit_rgb_png_is_refused_although_pillow_calls_it_rgb(tmp_path):
    (tmp_path / "a.png").write_bytes(png_header(16, 16, bits=16))
    assert code_of(tmp_path / "a.png") == "IMG_BITDEPTH"


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_deep_tiff_is_refused(tmp_path, mode):
    Image.new(mode, (32, 24)).save(tmp_path / "a.tif")
    assert code_of(tmp_path / "a.tif") == "IMG_BITDEPTH"


@pytest.mark.parametrize(("mode", "notes"), [("RGBA", ("IMG_ALPHA",)), ("LA", ("IMG_GRAY", "IMG_ALPHA"))])
def test_transparency_is_flattened_on_white(tmp_path, mode, notes):
    image = Image.fromarray(blob()).convert(mode)
    alpha = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (24, 1))
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "a.png")
    decoded = read_image(tmp_path / "a.png")
    assert decoded.notes == notes
    share = alpha[..., None] / 255
    expected = np.asarray(image.convert("RGB")) * share + 255 * (1 - share)
    assert np.abs(decoded.array - expected).max() <= 1


def test_grey_stands_in_all_channels(tmp_path):
    grey = blob()[..., 0]
    Image.fromarray(grey).save(tmp_path / "a.png")
    decoded = read_image(tmp_path / "a.png")
    assert decoded.notes == ("IMG_GRAY",)
    assert np.array_equal(decoded.array, np.stack([grey] * 3, axis=-1))


def test_palette_image_is_read_through_its_palette(tmp_path):
    image = Image.fromarray(blob()).quantize(16)
    image.save(tmp_path / "a.png")
    decoded = read_image(tmp_path / "a.png")
    assert decoded.notes == ("IMG_PALETTE",)
    assert np.array_equal(decoded.array, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_orientation_as_pillow_transposes(tmp_path, orientation, fmt):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{fmt.lower()}"
    Image.fromarray(blob()).save(path, exif=exif)
    with Image.open(path) as image:
        stored, shown = np.asarray(image), np.asarray(ImageOps.exif_transpose(image))
    decoded = read_image(path)
    assert decoded.notes == ("IMG_ORIENTATION",)
    assert decoded.orientation == orientation
    assert np.array_equal(decoded.array, shown)
    ignored = read_image(path, orientation="ignore")
    assert (ignored.notes, ignored.orientation) == ((), 1)
    assert np.array_equal(ignored.array, stored)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_tiff_is_turned_once_although_pillow_turns_it_too(tmp_path, orientation, compression):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture, mask = Image.fromarray(blob()), Image.fromarray(np.where(blob()[..., 0] > 128, 255, 0).astype(np.uint8))
    for image, name in ((picture, "a"), (mask, "m")):
        image.save(tmp_path / f"{name}.tif", exif=exif, **({"compression": compression} if compression else {}))
        image.save(tmp_path / f"{name}.png", exif=exif)
    tiff, png = (read_image(tmp_path / f"a.{suffix}") for suffix in ("tif", "png"))
    assert (tiff.notes, tiff.orientation) == (("IMG_ORIENTATION",), orientation)
    assert np.array_equal(tiff.array, png.array)
    assert np.array_equal(read_image(tmp_path / "a.tif", orientation="ignore").array, blob())
    assert np.array_equal(read_mask(tmp_path / "m.tif").array, read_mask(tmp_path / "m.png").array)
    quick, full = (look(str(tmp_path / "a.tif"), mask=False) for look in (look_briefly, look_closely))
    assert quick.header.size == full.header.size == (24, 32), "as stored"
    assert full.dhash == look_closely(str(tmp_path / "a.png"), mask=False).dhash


@pytest.mark.parametrize("suffix", ["gif", "png", "tif", "webp"])
def test_several_frames_are_refused(tmp_path, suffix):
    first, second = Image.fromarray(blob(0)), Image.fromarray(blob(1))
    path = tmp_path / f"a.{suffix}"
    first.save(path, save_all=True, append_images=[second])
    assert code_of(path) == "IMG_MULTIFRAME"


def test_single_gif_is_not_a_format_that_is_read(tmp_path):
    Image.fromarray(blob()).save(tmp_path / "a.gif")
    assert code_of(tmp_path / "a.gif") == "IMG_NOT_IMAGE"


def test_bomb_is_refused_from_its_header_and_pillow_does_not_warn(tmp_path):
    (tmp_path / "a.png").write_bytes(png_header(30_000, 30_000))
    (tmp_path / "b.png").write_bytes(png_header(9_500, 9_500))  # Pillow would only warn
    Image.fromarray(blob()).save(tmp_path / "c.png")
    assert code_of(tmp_path / "a.png") == "IMG_TOO_LARGE"
    assert code_of(tmp_path / "b.png") == "IMG_TOO_LARGE"
    assert code_of(tmp_path / "c.png", max_pixels=24 * 32 - 1) == "IMG_TOO_LARGE"
    assert read_image(tmp_path / "c.png", max_pixels=24 * 32).notes == ()


def test_png_named_jpg_is_read_with_a_note(tmp_path):
    Image.fromarray(blob()).save(tmp_path / "a.jpg", format="PNG")
    decoded = read_image(tmp_path / "a.jpg")
    assert decoded.notes == ("IMG_FORMAT_MISMATCH",)
    assert np.array_equal(decoded.array, blob())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fmt=st.sampled_from(["JPEG", "PNG", "TIFF", "BMP", "WEBP"]), seed=st.integers(0, 10_000))
def test_mutated_bytes_raise_nothing_but_the_typed_error(tmp_path, fmt, seed):
    rng = np.random.default_rng(seed)
    data = bytearray(encoded(Image.fromarray(blob()), fmt))
    for at in rng.integers(0, min(len(data), 300), 3):
        data[at] = rng.integers(256)
    (tmp_path / "a").write_bytes(data)
    try:
        decoded = read_image(tmp_path / "a", max_pixels=1_000_000)
    except ImageDecodeError:
        return
    assert decoded.array.dtype == np.uint8
    assert decoded.array.shape[2] == 3


@pytest.mark.parametrize("top", [1, 255])
def test_mask_values(tmp_path, top):
    truth = blob()[..., 0] > 128
    path = write_mask_array(tmp_path / "m.png", np.where(truth, top, 0).astype(np.uint8))
    decoded = read_mask(path)
    assert decoded.notes == ()
    assert decoded.array.dtype == np.uint8
    assert np.array_equal(decoded.array, truth)


def test_mask_of_one_bit_and_of_16(tmp_path):
    truth = blob()[..., 0] > 128
    Image.fromarray(truth).save(tmp_path / "bit.png")
    Image.fromarray(np.where(truth, 65535, 0).astype(np.uint16)).save(tmp_path / "deep.png")
    assert np.array_equal(read_mask(tmp_path / "bit.png").array, truth)
    assert np.array_equal(read_mask(tmp_path / "deep.png").array, truth)


def test_inverted_palette_mask_is_read_through_its_palette(tmp_path):
    truth = blob()[..., 0] > 128
    image = Image.new("P", (32, 24))
    image.putdata(np.where(truth, 0, 255).ravel().tolist())
    image.putpalette([v for i in range(256) for v in (255 - i,) * 3])  # index 0 is white
    image.save(tmp_path / "m.png")
    decoded = read_mask(tmp_path / "m.png")
    assert decoded.notes == ("MASK_PALETTE",)
    assert np.array_equal(decoded.array, truth)


def test_coloured_masks_are_refused(tmp_path):
    truth = blob()[..., 0] > 128
    colours = np.where(truth[..., None], (255, 0, 0), (0, 0, 255)).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "rgb.png")
    Image.fromarray(colours).quantize(2).save(tmp_path / "palette.png")
    for name in ("rgb.png", "palette.png"):
        with pytest.raises(MaskError, match="2 colours") as caught:
            read_mask(tmp_path / name)
        assert caught.value.code == "MASK_VALUES"


def test_black_and_white_rgb_mask_and_transparent_mask(tmp_path):
    truth = blob()[..., 0] > 128
    Image.fromarray(np.where(truth[..., None], 255, (0, 0, 0)).astype(np.uint8)).save(tmp_path / "rgb.png")
    assert np.array_equal(read_mask(tmp_path / "rgb.png").array, truth)
    Image.new("RGBA", (32, 24), (0, 0, 0, 0)).save(tmp_path / "rgba.png")
    with pytest.raises(MaskError, match="transparent"):
        read_mask(tmp_path / "rgba.png")


def test_grey_mask_is_refused_with_a_histogram_or_cut(tmp_path):
    grey = np.full((24, 32), 10, np.uint8)
    grey[:4], grey[4:6] = 200, 128
    path = write_mask_array(tmp_path / "m.png", grey)
    with pytest.raises(MaskError, match=r"3 grey values, \{10: 576, 128: 64, 200: 128\}") as caught:
        read_mask(path)
    assert caught.value.code == "MASK_VALUES"
    cut = read_mask(path, threshold=128)
    assert cut.notes == ("MASK_THRESHOLD",)
    assert np.array_equal(cut.array, grey >= 128)
    two = read_mask(
        write_mask_array(tmp_path / "two.png", np.where(grey > 10, 200, 40).astype(np.uint8)), threshold=128
    )
    assert two.notes == ("MASK_THRESHOLD",)
    assert np.array_equal(two.array, grey > 10)


@pytest.mark.parametrize("top", [1, 255])
def test_what_is_a_mask_already_needs_no_threshold(tmp_path, top):
    truth = blob()[..., 0] > 128
    path = write_mask_array(tmp_path / "m.png", np.where(truth, top, 0).astype(np.uint8))
    decoded = read_mask(path, threshold=128)
    assert decoded.notes == ()
    assert np.array_equal(decoded.array, truth)


@pytest.mark.parametrize(("value", "note"), [(0, "MASK_EMPTY"), (255, "MASK_FULL")])
def test_empty_and_full_masks_are_noted(tmp_path, value, note):
    path = write_mask_array(tmp_path / "m.png", np.full((24, 32), value, np.uint8))
    assert read_mask(path).notes == (note,)


def test_damaged_mask(tmp_path):
    path = write_mask_array(tmp_path / "m.png", blob()[..., 0])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MaskError, match="IMG_TRUNCATED") as caught:
        read_mask(path)
    assert caught.value.code == "MASK_UNREADABLE"


def test_where_a_mask_lies():
    assert mask_turn((450, 600), (150, 200), 1) == 1
    assert mask_turn((67, 100), (451, 675), 1) == 1  # 66.8 was rounded
    assert mask_turn((600, 450), (150, 200), 6) == 1  # drawn on the displayed picture
    assert mask_turn((450, 600), (150, 200), 6) == 6  # drawn on the stored one
    with pytest.raises(MaskError, match=r"600 x 450 \(H x W\) for an image of 150 x 200; EXIF/transposed\?") as caught:
        mask_turn((600, 450), (150, 200), 1)
    assert caught.value.code == "MASK_SIZE"
    with pytest.raises(MaskError, match=r"150 x 200$"):
        mask_turn((450, 500), (150, 200), 1)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_png_that_is_not_as_it_was_written_is_refused(tmp_path, mode):
    """Pillow makes a picture out of some of them without an error."""
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)).convert(mode).save(path)
    good = path.read_bytes()
    start = good.index(b"IDAT") + 4
    for at in range(start, len(good) - 12, 97):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert code_of(path) == "IMG_TRUNCATED"
    text = b"\0\0\0\5tEXta\0xyz" + b"bad!"
    path.write_bytes(good[:-12] + text + good[-12:])  # a comment has no bearing on the pixels
    assert read_image(path).array.shape == (24, 32, 3)
