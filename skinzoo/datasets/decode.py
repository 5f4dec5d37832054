"""The one place where image and mask files become arrays.

Policies:
    Orientation: an EXIF tag 2 to 8 is applied, so that pixels come as a viewer shows them. A mask is taken to be drawn
        on the displayed picture; only if its size says that it belongs to the stored raster (tags 5 to 8 swap height
        and width) is it turned likewise. Tags 2 to 4 and square pictures leave no such trace.
    Transparency: flattened on white.
    Masks: read through the palette, never by raw index; many HAM10000 masks have an inverted palette.
    Damage: a file that the decoder cannot bring to its last row is refused, and so is a PNG whose checksums show that
        it is not as it was written. JPEG has no checksums, and its decoders do not notice all damage:
        where the data inside breaks off or is overwritten but the end mark is there, they make up the rest without an
        error, and only a checksum of the file tells. A collection's `check="full"` finds the commonest such case, by
        the grey rows that it leaves.
    Size: where a smaller picture will do, a JPEG is decoded at 1/2, 1/4 or 1/8 of its size, which its format allows at
        a fraction of the cost: each pixel is the mean of a block, to within the rounding of the coefficients that are
        left out. It is read to its last row all the same.
"""

from __future__ import annotations

import io
import os
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from skinzoo.datasets.jpeg import decode_jpeg
from skinzoo.datasets.sniff import (
    FILE_CODES,
    MAX_PIXELS,
    ORIENTATION_TAG,
    Header,
    check_regular,
    damaged,
    damaged_chunk,
    open_image,
    unreadable,
)
from skinzoo.datasets.sniff import IMAGE_SUFFIXES as IMAGE_SUFFIXES
from skinzoo.errors import ConfigError, ImageDecodeError, MaskError

ByteArray = NDArray[np.uint8]
Size = tuple[int, int]

_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


class DecodedImage(NamedTuple):
    """An image file's content.

    Attributes:
        array: uint8 RGB (H, W, 3).
        notes: Codes of the conversions made, such as `"IMG_GRAY"`.
        orientation: The EXIF orientation that was applied; 1 if none.
    """

    array: ByteArray
    notes: tuple[str, ...]
    orientation: int


class DecodedMask(NamedTuple):
    """A mask file's content.

    Attributes:
        array: uint8 (H, W) of 0 and 1; 1 = lesion.
        notes: Codes of what was noted, such as `"MASK_PALETTE"`.
    """

    array: ByteArray
    notes: tuple[str, ...]


def read_image(
    path: str | os.PathLike[str],
    *,
    max_pixels: int = MAX_PIXELS,
    scale16: bool = False,
    orientation: Literal["apply", "ignore"] = "apply",
    least: Size | None = None,
) -> DecodedImage:
    """Decode a JPEG, PNG, TIFF, BMP or WebP file completely.

    Args:
        path: The file.
        max_pixels: Refuse a larger raster, before decoding it.
        scale16: Accept 16 bit per channel, scaled to 8 (65535 becomes 255).
        orientation: `"ignore"` returns the raster as stored.
        least: Height and width of the upright picture that will do; a JPEG of twice that size or more then comes at
            the smallest of 1/2, 1/4 and 1/8 that is not below it. None for the whole size.

    Raises:
        ImageDecodeError: The file is not a whole, single, 8-bit picture; `code` says why.
    """
    data = _read_file(path)
    return decode_image(data, path, max_pixels=max_pixels, scale16=scale16, orientation=orientation, least=least)


def decode_image(
    data: bytes,
    name: str | os.PathLike[str],
    *,
    max_pixels: int = MAX_PIXELS,
    scale16: bool = False,
    orientation: Literal["apply", "ignore"] = "apply",
    least: Size | None = None,
) -> DecodedImage:
    """Decode the content of a picture's file; `name` is for messages, all else as for `read_image`."""
    image, header = _opened(data, name, max_pixels=max_pixels, scale16=scale16)
    array = decode_jpeg(data, header, least)
    if array is None:
        array = np.array(to_rgb(_loaded(image, header, data, least), header))
    notes, turn = header.notes, header.orientation
    if orientation == "ignore":
        turn, notes = 1, tuple(n for n in notes if n != "IMG_ORIENTATION")
    return DecodedImage(upright(array, turn), notes, turn)


def read_mask(
    path: str | os.PathLike[str], *, threshold: int | None = None, max_pixels: int = MAX_PIXELS
) -> DecodedMask:
    """Decode a lesion mask: 0 and 1, or 0 and the highest value of its bit depth.

    Args:
        path: The file.
        threshold: Accept other grey values too: those from here on (of 0 to 255) are lesion.
        max_pixels: Refuse a larger raster, before decoding it.

    Raises:
        MaskError: The file is not a usable mask; `code` is `MASK_UNREADABLE` or `MASK_VALUES`.
    """
    try:
        data = _read_file(path)
    except ImageDecodeError as error:
        raise as_mask_error(error) from error
    image, header = load_mask(data, path, max_pixels=max_pixels)
    return to_mask(image, header, threshold=threshold)


def load_mask(data: bytes, name: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> tuple[Image.Image, Header]:
    """What `load_raster` returns, for a mask.

    Raises:
        MaskError: Not a usable image; the code is `MASK_UNREADABLE`.
    """
    try:
        return load_raster(data, name, max_pixels=max_pixels, scale16=True)
    except ImageDecodeError as error:
        raise as_mask_error(error) from error


def to_mask(image: Image.Image, header: Header, *, threshold: int | None = None) -> DecodedMask:
    """The mask that a decoded image holds; see `read_mask`.

    Raises:
        MaskError: It holds other values; the code is `MASK_VALUES`.
    """
    grey, notes = _to_grey(image, header), ["MASK_PALETTE"] * (image.mode == "P")
    values = _distinct(grey)
    if any(np.isin(values, (0, top)).all() for top in (1, 255, 65535)):
        array = (grey > 0).astype(np.uint8)
    elif threshold is not None and values.max() <= 255:
        array = (grey >= threshold).astype(np.uint8)
        notes.append("MASK_THRESHOLD")
    else:
        raise MaskError(
            f"holds {len(values)} grey values, {_histogram(grey, values)}; 0 and 1, or 0 and 255, are expected; "
            "read_mask(path, threshold=128) would cut them to two",
            "MASK_VALUES",
        )
    if not array.any():
        notes.append("MASK_EMPTY")
    elif array.all():
        notes.append("MASK_FULL")
    return DecodedMask(upright(array, header.orientation), tuple(notes))


def as_mask_error(error: ImageDecodeError) -> MaskError:
    """The same error, of a mask: `MASK_UNREADABLE`, except where the file itself could not be read."""
    if error.code in FILE_CODES:
        return MaskError(str(error), error.code)
    return MaskError(f"{error} [{error.code}]", "MASK_UNREADABLE")


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn a raster (H, W, ...) as its EXIF orientation, 1 to 8, asks."""
    turned = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a.swapaxes(0, 1)[:, ::-1],
        7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
        8: lambda a: a.swapaxes(0, 1)[::-1],
    }[orientation](array)
    return np.ascontiguousarray(turned)


def mask_turn(mask: Size, stored: Size, orientation: int) -> int:
    """The orientation to apply to a mask of size `mask` so that it lies on the upright picture: 1 or `orientation`.

    Args:
        mask: Height and width of the mask.
        stored: Height and width of the picture as stored, before its EXIF orientation was applied.
        orientation: The picture's EXIF orientation.

    Raises:
        MaskError: Neither the displayed nor the stored picture has the mask's aspect ratio (within a pixel of
            rounding); the code is `MASK_SIZE`.
    """
    shown = stored[::-1] if orientation >= 5 else stored
    if _same_shape(mask, shown):
        return 1
    if orientation >= 5 and _same_shape(mask, stored):
        return orientation
    hint = "; EXIF/transposed?" if _same_shape(mask[::-1], shown) else ""
    raise MaskError(f"mask of {mask[0]} x {mask[1]} (H x W) for an image of {shown[0]} x {shown[1]}{hint}", "MASK_SIZE")


def _same_shape(a: Size, b: Size) -> bool:
    small, large = sorted((a, b))
    return abs(large[0] * small[1] / large[1] - small[0]) <= 1 or abs(large[1] * small[0] / large[0] - small[1]) <= 1


def _read_file(path: str | os.PathLike[str]) -> bytes:
    try:
        check_regular(path)
        with open(path, "rb") as file:  # noqa: PTH123 - a Path takes as long as the reading
            return file.read()
    except ImageDecodeError:
        raise
    except (OSError, ValueError) as error:
        raise unreadable(error) from error


def load_raster(
    data: bytes,
    name: str | os.PathLike[str],
    *,
    max_pixels: int = MAX_PIXELS,
    scale16: bool = False,
) -> tuple[Image.Image, Header]:
    """A file's bytes as Pillow's image, decoded to the last row, and their header, which tells the stored size.

    Raises:
        ConfigError: Pillow is set to pass half a picture as a whole one.
        ImageDecodeError: As for `read_image`.
    """
    image, header = _opened(data, name, max_pixels=max_pixels, scale16=scale16)
    return _loaded(image, header, data, None), header


def _opened(data: bytes, name: str | os.PathLike[str], *, max_pixels: int, scale16: bool) -> tuple[Image.Image, Header]:
    """Pillow's image before its pixels are decoded."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ConfigError(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set in this process, so that half a picture would pass as a whole "
            "one; set it to False."
        )
    return open_image(io.BytesIO(data), name, max_pixels=max_pixels, scale16=scale16)


def _loaded(image: Image.Image, header: Header, data: bytes, least: Size | None) -> Image.Image:
    """The same, decoded to the last row."""
    try:
        if least is not None and header.format == "JPEG":
            image.draft(None, least if header.orientation >= 5 else least[::-1])
        image.load()
    except Exception as error:  # damaged data makes Pillow's decoders raise about ten different types
        raise damaged(header.format, error) from error
    if header.orientation > 1 and header.format == "TIFF" and ORIENTATION_TAG not in image.getexif():
        image = image.transpose(_BACK[header.orientation])  # TIFF alone is turned upright by Pillow as it is decoded
    if header.format == "PNG" and (chunk := damaged_chunk(data)) not in ("", "end"):
        raise damaged("PNG", ValueError(f"the checksum of its {chunk} chunk is wrong"))
    return image


def to_rgb(image: Image.Image, header: Header) -> Image.Image:
    """A decoded image in 8-bit RGB, as stored: flattened on white, 16 bit scaled to 8."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
    elif "IMG_ALPHA" in header.notes:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_grey(image: Image.Image, header: Header) -> NDArray[Any]:
    """Grey values of a mask as stored, (H, W); a colour or a see-through pixel is an error."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.int64)
    if image.mode in ("1", "L") and "IMG_ALPHA" not in header.notes:
        return np.array(image.convert("L"))
    if image.mode == "P" and "IMG_ALPHA" not in header.notes:
        palette = np.reshape(image.getpalette() or [], (-1, 3))
        used = np.flatnonzero(image.histogram())
        if used.max() < len(palette) and (palette[used] == palette[used, :1]).all():
            return np.array(image.convert("L"))
    rgba = np.asarray(image.convert("RGBA"))
    if (rgba[..., 3] < 255).any():
        raise MaskError("has transparent pixels; whether they are lesion or not, nothing says", "MASK_VALUES")
    if (rgba[..., :3] != rgba[..., :1]).any():
        colours = np.unique(rgba[..., :3].reshape(-1, 3), axis=0)
        shown = ", ".join("#" + bytes(c).hex() for c in colours[:5])
        raise MaskError(f"has {len(colours)} colours ({shown}); only black and white are expected", "MASK_VALUES")
    return rgba[..., 0]


def _distinct(grey: NDArray[Any]) -> NDArray[Any]:
    if grey.dtype == np.uint8:
        return np.flatnonzero(Image.fromarray(grey).histogram())  # many times faster than a sort
    return np.unique(grey)


def _histogram(grey: NDArray[Any], values: NDArray[Any]) -> str:
    shown = ", ".join(f"{v}: {int((grey == v).sum())}" for v in values[:6])
    return f"{{{shown}{', ...' if len(values) > 6 else ''}}}"
