"""What a file is, told from its first and last bytes: everything about an image short of decoding it."""

from __future__ import annotations

import errno
import os
import re
import stat
import warnings
import zlib
from typing import BinaryIO, NamedTuple

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from skinzoo.errors import ImageDecodeError

MAX_PIXELS = 80_000_000
"""Default limit on height x width; Pillow itself only warns, from 89 million on."""

TAIL_BYTES = 64
FILE_CODES = frozenset(("FILE_MISSING", "FILE_UNREADABLE", "FILE_CHANGED", "PATH_LOOP", "NOT_REGULAR"))
"""Codes that say nothing about a file's content: it could not be read."""

ORIENTATION_TAG = 0x0112
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS_PER_SAMPLE = 256, 257, 258
_TAG_WARNINGS = re.compile(r"PIL\.(Png|Tiff)ImagePlugin")
_SUPPORTED_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"}

# The plugin of the format is opened directly, not through `Image.open`: no other format is ever tried, and the pixel
# limit is ours alone, without Pillow's process-wide warning.
_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
}
_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
    b"GIF8": "GIF",
}
_SUFFIXES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    ".png": "PNG",
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".bmp": "BMP",
    ".webp": "WEBP",
    ".gif": "GIF",
}
IMAGE_SUFFIXES = frozenset(_SUFFIXES)
"""File name endings, in lower case, that are taken for images."""


class Header(NamedTuple):
    """What the header of a usable image says.

    Attributes:
        format: `"JPEG"`, `"PNG"`, `"TIFF"`, `"BMP"` or `"WEBP"`, by content.
        size: Height and width of the raster as stored, before any EXIF turn.
        mode: Pillow's colour mode.
        bits: Bits per channel.
        orientation: EXIF orientation 1 to 8; 1 where there is none.
        notes: Codes of the conversions that reading it will take.
    """

    format: str
    size: tuple[int, int]
    mode: str
    bits: int
    orientation: int
    notes: tuple[str, ...]


def check_regular(path: str | os.PathLike[str]) -> None:
    """Make sure that opening `path` does not block: a pipe would wait for a writer.

    Raises:
        ImageDecodeError: It is a folder, a pipe, a socket or a device; the code is `NOT_REGULAR`.
        OSError: It is not there, or cannot be looked at.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - also takes text
        raise ImageDecodeError("not a file but a folder, a pipe, a socket or a device", "NOT_REGULAR")


def unreadable(error: Exception) -> ImageDecodeError:
    """The error for a file that the system does not open or read."""
    if isinstance(error, FileNotFoundError):
        return ImageDecodeError("the file does not exist", "FILE_MISSING")
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return ImageDecodeError("a symbolic link that leads in a circle", "PATH_LOOP")
    return ImageDecodeError(f"cannot be read: {error}", "FILE_UNREADABLE")


def identify(head: bytes) -> str:
    """The format that a file's first bytes announce; empty if it is none that is known."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return next((name for magic, name in _SIGNATURES.items() if head.startswith(magic)), "")


def open_image(
    file: BinaryIO, name: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS, scale16: bool = False
) -> tuple[Image.Image, Header]:
    """Read an image's header; the pixels are not decoded yet.

    Args:
        file: Seekable, at its start; must stay open until the pixels are read.
        name: For its ending and for messages.
        max_pixels: Refuse a larger raster.
        scale16: Accept 16 bit per channel.

    Raises:
        ImageDecodeError: Not an image that skinzoo reads; `code` says why.
    """
    head = file.read(512)
    kind = identify(head)
    if not kind:
        raise _not_an_image(head)
    file.seek(0)
    _mute_tag_warnings()
    try:
        image = _PLUGINS[kind](file)
        frames = 1 if kind == "JPEG" else int(getattr(image, "n_frames", 1))
    except Exception as error:  # a damaged header makes Pillow's plugins raise about ten different types
        raise damaged(kind, error) from error
    if frames > 1:
        raise ImageDecodeError(f"{frames} frames or pages in one {kind}; one picture is expected", "IMG_MULTIFRAME")
    if kind == "GIF":
        raise ImageDecodeError("a GIF; JPEG, PNG, TIFF, BMP and WebP are read", "IMG_NOT_IMAGE")
    if image.width * image.height > max_pixels:
        raise ImageDecodeError(
            f"{image.width} x {image.height} pixels; at most {max_pixels:,} in all are read", "IMG_TOO_LARGE"
        )
    bits = _bits(kind, image, head)
    deep = image.mode.startswith("I;16") or (kind == "PNG" and image.mode == "I")
    if (bits > 8 or deep or image.mode in ("I", "F")) and not (scale16 and bits == 16):
        raise ImageDecodeError(f"{bits} bit per channel; 8 are expected", "IMG_BITDEPTH")
    if image.mode not in _SUPPORTED_MODES and not deep:
        raise ImageDecodeError(f"colour mode {image.mode}; RGB is expected", "IMG_NOT_IMAGE")
    orientation = _orientation(image)
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a path object takes many times as long
    notes = _notes(image, kind, bits, orientation, str(suffix))
    return image, Header(kind, _stored_size(image), image.mode, bits, orientation, notes)


def looks_complete(kind: str, tail: bytes) -> bool:
    """True if the last bytes are those that end a whole file; False means that only decoding can tell."""
    if kind == "JPEG":
        return tail.rstrip(b"\0\n\r ").endswith(b"\xff\xd9")
    return kind == "WEBP" or (kind == "PNG" and tail.endswith(b"\0\0\0\0IEND\xaeB`\x82"))  # WebP: opening reads it all


def damaged_chunk(data: bytes) -> str:
    """Name of the first chunk of a PNG file that is not as it was written, told by its checksum; empty if all are.

    Chunks that have no bearing on the pixels do not count. `"end"` means that the last one is missing. Pillow does not
    check these sums, and may make a picture out of damaged data without an error; this costs a hundredth of decoding.
    """
    view, at = memoryview(data), 8
    while at + 12 <= len(data):
        name, end = data[at + 4 : at + 8], at + 8 + int.from_bytes(data[at : at + 4], "big")
        if name[:1].isupper() and zlib.crc32(view[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return name.decode("latin-1")
        if name == b"IEND":
            return ""
        at = end + 4
    return "end"


def damaged(kind: str, error: Exception) -> ImageDecodeError:
    """The error for a file that starts as an image and does not go on as one."""
    if isinstance(error, MemoryError):  # which is not the file's fault
        return ImageDecodeError("there is not enough memory to decode it", "FILE_UNREADABLE")
    bomb = isinstance(error, Image.DecompressionBombError) or "too large" in str(error).lower()
    what = "unpacks to more than is reasonable" if bomb else "truncated or damaged"
    return ImageDecodeError(f"{what} {kind} ({error})", "IMG_TOO_LARGE" if bomb else "IMG_TRUNCATED")


def _mute_tag_warnings() -> None:
    """Let Pillow say nothing about odd TIFF and EXIF tags, of which a collection may have thousands.

    They have no bearing on the pixels, and where a process makes errors of warnings, whole files would pass for
    damaged. `warnings.catch_warnings` around each file would not be safe in threads.
    """
    if not warnings.filters or warnings.filters[0][3] != _TAG_WARNINGS:
        warnings.filterwarnings("ignore", category=UserWarning, module=_TAG_WARNINGS.pattern)


def _stored_size(image: Image.Image) -> tuple[int, int]:
    if isinstance(image, TiffImagePlugin.TiffImageFile):  # whose size is already that of the upright picture
        return int(image.tag_v2[_TIFF_HEIGHT]), int(image.tag_v2[_TIFF_WIDTH])
    return image.height, image.width


def _not_an_image(head: bytes) -> ImageDecodeError:
    if not head:
        return ImageDecodeError("zero bytes", "IMG_EMPTY")
    if head.startswith(b"version https://git-lfs"):
        return ImageDecodeError("a Git LFS pointer, not the file itself; run `git lfs pull`", "LFS_POINTER")
    return ImageDecodeError(f"not an image (expired link or 403?); it starts with {head[:40]!r}", "IMG_NOT_IMAGE")


def _bits(kind: str, image: Image.Image, head: bytes) -> int:
    if kind == "PNG":
        return max(head[24], 8)  # below 8, Pillow unpacks to 8
    if kind == "TIFF" and isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = image.tag_v2.get(_TIFF_BITS_PER_SAMPLE, (8,))
        return int(max(8, *(bits if isinstance(bits, tuple) else (bits,))))
    return 8


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG" and not {"exif", "Raw profile type exif"} & set(image.info):
        return 1  # Pillow would decode the picture to look for EXIF behind it
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF says nothing about the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _notes(image: Image.Image, kind: str, bits: int, orientation: int, suffix: str) -> tuple[str, ...]:
    notes = {
        "IMG_FORMAT_MISMATCH": _SUFFIXES.get(suffix, kind) != kind,
        "IMG_16BIT": bits > 8,
        "IMG_CMYK": image.mode == "CMYK",
        "IMG_PALETTE": image.mode in ("P", "PA"),
        "IMG_GRAY": image.mode in ("1", "L", "LA", "La", "I") or image.mode.startswith("I;16"),
        "IMG_ALPHA": image.has_transparency_data,
        "IMG_ORIENTATION": orientation > 1,
    }
    return tuple(code for code, holds in notes.items() if holds)
