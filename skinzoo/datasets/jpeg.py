"""JPEG decoding by OpenCV, to the same pixels as Pillow's in two thirds of the time."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.sniff import Header, looks_complete

_TAIL = 64
_START_OF_SCAN, _PROGRESSIVE = 0xDA, 0xC2
_STRAY = re.compile(rb"\xff[^\x00\xd0-\xd7\xd9\xff]", re.DOTALL)
_STRAY_PROGRESSIVE = re.compile(rb"\xff[^\x00\xc4\xd0-\xd7\xd9\xda\xff]", re.DOTALL)
_SCALES = (8, 4, 2)


def decode_jpeg(data: bytes, header: Header, least: tuple[int, int] | None) -> NDArray[np.uint8] | None:
    """The pixels of a whole JPEG file in colour, as stored.

    OpenCV and Pillow use the same library, and give equal pixels for damaged data too. But where the data ends early,
    OpenCV makes up the rest, and it passes over what is wrong behind the place where the pixels end; so only files are
    decoded here that end as a file should and in which nothing but pixels stands before that.

    Args:
        data: The file's content.
        header: What its header says.
        least: Height and width of the upright picture that will do; see `read_image`.

    Returns:
        uint8 RGB (H, W, 3); None where Pillow has to look, and to say what is wrong.
    """
    if header.format != "JPEG" or header.mode != "RGB" or not looks_complete("JPEG", data[-_TAIL:]):
        return None
    if not _has_pixels_only(data):
        return None
    import cv2

    scale = 1 if least is None else _scale(header, least)
    flags = {
        1: cv2.IMREAD_COLOR,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags[scale] | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return None if pixels is None else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels))


def _has_pixels_only(data: bytes) -> bool:
    """True if nothing but pixels, restart marks and the end follows the header; and tables, if it is progressive."""
    at, stray = 2, _STRAY
    while data[at : at + 1] == b"\xff" and (mark := data[at + 1]) != _START_OF_SCAN:
        if mark == _PROGRESSIVE:
            stray = _STRAY_PROGRESSIVE
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[at : at + 1] == b"\xff" and stray.search(data, at + 2) is None


def _scale(header: Header, least: tuple[int, int]) -> int:
    """The largest that leaves the picture at least so large."""
    upright = header.size if header.orientation < 5 else header.size[::-1]
    times = min(have // need for have, need in zip(upright, least, strict=True))
    return next((scale for scale in _SCALES if times >= scale), 1)
