"""Looking at one file of a collection: briefly, by its ends, or closely, by decoding it."""

from __future__ import annotations

import hashlib
import math
import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinzoo.datasets.decode import as_mask_error, load_mask, load_raster, to_mask, to_rgb, upright
from skinzoo.datasets.sniff import (
    MAX_PIXELS,
    TAIL_BYTES,
    Header,
    check_regular,
    damaged_chunk,
    looks_complete,
    open_image,
    unreadable,
)
from skinzoo.errors import ImageDecodeError

MIN_SIDE = 16
MIN_STD = 2.0
_WHOLE_PNG = 1 << 20  # up to here a mask is read whole by the brief look


class Reading(NamedTuple):
    """How the files will be read for use; these are options of `FileSource`.

    Attributes:
        threshold: Grey masks are cut at this value; None to refuse them.
        scale16: 16-bit pictures are accepted, scaled to 8 bit.
        max_pixels: Larger rasters are refused.
    """

    threshold: int | None = None
    scale16: bool = False
    max_pixels: int = MAX_PIXELS


PLAIN = Reading()


class Facts(NamedTuple):
    """What looking at one file gave.

    Attributes:
        header: None if the file cannot be used.
        notes: Codes of what was noted.
        error: Why the file cannot be used; None if it can.
        num_bytes: Size of the file; -1 if it could not be read.
        mtime_ns: When it was last changed, by what the file says; an archive may set that.
        ctime_ns: The same by the system's own clock.
        sha256: Of the file, as 64 hex digits; empty if it was not read to its end.
        dhash: Of the picture, upright; see `dhash_of`. None for masks, and if it was not decoded.
        tail: The file's last bytes; empty if it was read whole.
    """

    header: Header | None
    notes: tuple[str, ...] = ()
    error: ImageDecodeError | None = None
    num_bytes: int = -1
    mtime_ns: int = -1
    ctime_ns: int = -1
    sha256: str = ""
    dhash: int | None = None
    tail: bytes = b""


class Content(NamedTuple):
    """What was read of a file.

    Attributes:
        data: Its bytes.
        state: What the system says about the file, both before and after they were read.
    """

    data: bytes
    state: os.stat_result


def same_state(facts: Facts, state: os.stat_result) -> bool:
    """True if the system says of a file what it said when the facts were found."""
    known = (facts.num_bytes, facts.mtime_ns, facts.ctime_ns)
    return known == (state.st_size, state.st_mtime_ns, state.st_ctime_ns)


def with_state(facts: Facts, state: os.stat_result) -> Facts:
    """The facts with the file's size and times."""
    return facts._replace(num_bytes=state.st_size, mtime_ns=state.st_mtime_ns, ctime_ns=state.st_ctime_ns)


def read_content(path: str | os.PathLike[str]) -> Content:
    """Read a file, once more if that fails, as a network drive sometimes does.

    Raises:
        ImageDecodeError: It cannot be read, or changes while it is read; the code is one of `FILE_CODES`.
    """
    try:
        return _read_once(path)
    except ImageDecodeError:
        return _read_once(path)


def _read_once(path: str | os.PathLike[str]) -> Content:
    try:
        check_regular(path)
        with open(path, "rb") as file:  # noqa: PTH123 - also takes text
            before = os.fstat(file.fileno())
            data = file.read()
            after = os.fstat(file.fileno())
    except ImageDecodeError:
        raise
    except (OSError, ValueError) as error:
        raise unreadable(error) from error
    if not same_state(with_state(Facts(None), before), after) or len(data) != after.st_size:
        raise ImageDecodeError("the file changed while it was read", "FILE_CHANGED")
    return Content(data, after)


def sha256_of_bytes(data: bytes) -> str:
    """sha256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def look_closely(path: str, *, mask: bool, reading: Reading = PLAIN, known: Facts | None = None) -> Facts:
    """Facts about a file, by decoding all of it, or, if its sha256 is still that of the facts known, by reading it."""
    try:
        data, state = read_content(path)
    except ImageDecodeError as error:
        return Facts(None, error=as_mask_error(error) if mask else error)
    if known is not None and known.sha256 == sha256_of_bytes(data):
        return with_state(known, state)
    return with_state(decode_facts(data, path, mask=mask, reading=reading), state)


def decode_facts(data: bytes, name: str, *, mask: bool, reading: Reading = PLAIN) -> Facts:
    """Facts about an image's bytes, by decoding all of them; `name` is for its ending."""
    try:
        facts = (_judge_mask if mask else _judge_image)(data, name, reading)
    except ImageDecodeError as error:
        facts = Facts(None, error=error)
    return facts._replace(num_bytes=len(data), sha256=sha256_of_bytes(data))


def _judge_image(data: bytes, name: str, reading: Reading) -> Facts:
    image, header = load_raster(data, name, max_pixels=reading.max_pixels, scale16=reading.scale16)
    _refuse_tiny(header)
    picture = to_rgb(image, header)
    if header.format == "JPEG":
        _refuse_grey_fill(picture)
    refuse_flat(picture)
    if header.orientation > 1:
        picture = Image.fromarray(upright(np.asarray(picture), header.orientation))
    return Facts(header, header.notes, dhash=dhash_of(picture))


def _judge_mask(data: bytes, name: str, reading: Reading) -> Facts:
    image, header = load_mask(data, name, max_pixels=reading.max_pixels)
    if image.mode in ("1", "L") and "IMG_ALPHA" not in header.notes:
        used = {value for value, times in enumerate(image.convert("L").histogram()) if times}
        if used <= {0, 255} or used <= {0, 1}:  # making the array would take as long as decoding did
            return Facts(header, () if len(used) > 1 else ("MASK_FULL" if used - {0} else "MASK_EMPTY",))
    return Facts(header, to_mask(image, header, threshold=reading.threshold).notes)


def dhash_of(picture: Image.Image) -> int:
    """A 64-bit perceptual hash: does the picture brighten from each of 9 x 8 areas to the one on its right?

    The first bit, the highest, is that of the upper left corner; rows follow each other. Pictures of one scene differ
    in few bits, whatever their size and compression.
    """
    grey = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX))
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")


def refuse_flat(picture: Image.Image) -> None:
    """Refuse an RGB picture of one colour, or nearly so.

    Raises:
        ImageDecodeError: It is; the code is `IMG_DEGENERATE`.
    """
    spread = max(_std(picture.histogram()[channel : channel + 256]) for channel in (0, 256, 512))
    if spread < MIN_STD:
        raise ImageDecodeError(f"pixel values spread by {spread:.2f} of 255 only: nothing to see", "IMG_DEGENERATE")


def _std(histogram: list[int]) -> float:
    number = sum(histogram)
    mean = sum(value * times for value, times in enumerate(histogram)) / number
    return math.sqrt(sum(times * (value - mean) ** 2 for value, times in enumerate(histogram)) / number)


def _refuse_tiny(header: Header) -> None:
    if min(header.size) < MIN_SIDE:
        raise ImageDecodeError(f"{header.size[1]} x {header.size[0]} pixels only", "IMG_DEGENERATE")


def _refuse_grey_fill(picture: Image.Image) -> None:
    """Raise where JPEG data breaks off although the file has its end mark.

    libjpeg then only warns, which Pillow does not pass on, and leaves the blocks of a sequential JPEG that it has no
    data for at middle grey. Black and white borders, which dermoscopes and viewers draw, are never taken for that.
    """
    last = np.asarray(picture.crop((0, picture.height - 1, picture.width, picture.height)))
    if last.min() < 127 or last.max() > 129:
        return
    middle = np.asarray(picture) - np.uint8(127) <= 2  # 127 to 129: in uint8, what is below wraps round to above
    grey: NDArray[np.bool_] = np.all(middle, axis=(1, 2))
    rows = int(grey[::-1].cumprod().sum())
    if len(grey) / 8 <= rows < len(grey):
        raise ImageDecodeError(
            f"truncated or damaged JPEG: its last {rows} of {len(grey)} rows are the even grey that a decoder leaves "
            "where data is missing",
            "IMG_TRUNCATED",
        )


def look_briefly(path: str, *, mask: bool, reading: Reading = PLAIN) -> Facts:
    """Facts about a file by its first and last bytes; by decoding it only where these leave a doubt.

    A PNG mask in plain grey or black and white is checked by its checksums.
    """
    try:
        header, facts, data = _look_at_ends(path, reading, mask=mask)
        if not mask:
            _refuse_tiny(header)
    except ImageDecodeError as error:
        return Facts(None, error=as_mask_error(error) if mask else error)
    if not looks_complete(header.format, facts.tail):
        return look_closely(path, mask=mask, reading=reading)
    if not mask:
        return facts._replace(notes=header.notes)
    plain = header.format == "PNG" and header.mode in ("1", "L") and not damaged_chunk(data)
    return facts if plain else look_closely(path, mask=mask, reading=reading)


def _look_at_ends(path: str, reading: Reading, *, mask: bool) -> tuple[Header, Facts, bytes]:
    """Header and size of a file and, if it is a PNG mask that is not large, all its bytes."""
    try:
        check_regular(path)
        with open(path, "rb") as file:  # noqa: PTH123 - also takes text
            state = os.fstat(file.fileno())
            header = open_image(file, path, max_pixels=reading.max_pixels, scale16=mask or reading.scale16)[1]
            whole = mask and header.format == "PNG" and state.st_size <= _WHOLE_PNG
            file.seek(0 if whole else max(0, state.st_size - TAIL_BYTES))
            data = file.read()
    except ImageDecodeError:
        raise
    except (OSError, ValueError) as error:
        raise unreadable(error) from error
    facts = with_state(Facts(header, tail=data[-TAIL_BYTES:]), state)
    return header, facts, data if whole else b""
