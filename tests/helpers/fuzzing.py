"""Reads damaged image files in every way there is, in a process of its own, and prints as JSON what came of it.

Arguments: the folder to work in and the number of mutations of each format. A process of its own, because what a
decoder takes for a broken file can only be bounded there, and because warnings must meet Python's own filters.
"""

from __future__ import annotations

import json
import resource
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from torture import inverted_palette, lesion, raster, saved, turned

from skinzoo.datasets.decode import read_image, read_mask
from skinzoo.datasets.looking import Reading, look_briefly, look_closely
from skinzoo.errors import ImageDecodeError, MaskError

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
MEGABYTES = 500
"""What one file may take beside the interpreter."""
OPTIONS = Reading(threshold=128, scale16=True)


def originals(kind: str) -> list[bytes]:
    """Files of one format that are as they should be, of several makes."""
    exif = turned(6)
    exif[0x010E] = "x" * 50  # a tag whose value lies elsewhere in the file
    files = [saved(raster(0), kind), saved(lesion(), kind)]
    if kind != "BMP":
        files.append(saved(raster(1), kind, exif=exif))
    if kind in ("PNG", "TIFF"):
        deep = Image.fromarray(np.arange(1920, dtype=np.uint16).reshape(40, 48))
        files += [saved(deep, kind), saved(raster(2, "RGBA"), kind), saved(raster(3).quantize(8), kind)]
    special = {
        "JPEG": lambda: [saved(raster(4), kind, progressive=True), saved(raster(5, "CMYK"), kind)],
        "PNG": lambda: [inverted_palette(), saved(raster(6), kind, save_all=True, append_images=[raster(7)])],
        "BMP": lambda: [saved(raster(8, "P"), kind), saved(raster(9, "1"), kind)],
        "TIFF": lambda: [saved(raster(10), kind, compression=c) for c in ("tiff_lzw", "tiff_adobe_deflate", "jpeg")],
        "WEBP": lambda: [saved(raster(11), kind, lossless=True), saved(raster(12, "RGBA"), kind)],
    }
    return files + special[kind]()


def mutated(data: bytes, seed: int) -> bytes:
    """The file with some bytes overwritten, near its start or anywhere; cut off; with bytes put in or taken out."""
    rng = np.random.default_rng(seed)
    damaged, at = bytearray(data), int(rng.integers(len(data)))
    if seed % 5 < 2:
        for place in rng.integers(0, min(len(data), 300) if seed % 5 else len(data), 1 + seed % 7):
            damaged[place] = rng.integers(256)
    elif seed % 5 == 2:
        del damaged[at:]
    elif seed % 5 == 3:
        damaged[at:at] = rng.bytes(int(rng.integers(1, 40)))
    else:
        del damaged[at : at + int(rng.integers(1, 40))]
    return bytes(damaged)


def ways(path: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every way of reading a file."""
    yield "read_image", lambda: read_image(path).array
    yield "read_image scaled", lambda: read_image(path, scale16=True).array
    yield "read_mask", lambda: read_mask(path).array
    yield "read_mask cut", lambda: read_mask(path, threshold=128).array
    for mask in (False, True):
        yield f"quick {mask}", lambda mask=mask: look_briefly(path, mask=mask, reading=OPTIONS).error
        yield f"full {mask}", lambda mask=mask: look_closely(path, mask=mask, reading=OPTIONS).error


def verdict(way: str, read: Callable[[], object]) -> str:
    """`"ok"` or the code of the refusal; raises for anything else."""
    try:
        result = read()
    except ImageDecodeError as error:
        result = error
    if isinstance(result, ImageDecodeError):
        if isinstance(result, MaskError) != ("mask" in way or "True" in way):
            raise TypeError(f"{type(result).__name__} from {way}")
        if result.code == "FILE_UNREADABLE":
            raise MemoryError(str(result))
        return result.code
    if isinstance(result, np.ndarray) and (result.dtype != np.uint8 or ("mask" in way and result.max() > 1)):
        raise TypeError(f"{result.dtype} up to {result.max()} from {way}")
    return "ok"


def main(folder: str, number: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (MEGABYTES << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    came: dict[str, Counter[str]] = {kind: Counter() for kind in FORMATS}
    problems = []
    for kind in FORMATS:
        files, path = originals(kind), f"{folder}/a.{kind.lower()}"
        for seed in range(number):
            Path(path).write_bytes(mutated(files[seed % len(files)], seed))
            found = {}
            for way, read in ways(path):
                try:
                    with warnings.catch_warnings(record=True) as issued:
                        found[way] = verdict(way, read)
                    problems += [f"{kind} {seed} {way}: warned: {w.message}" for w in issued]
                except Exception:
                    problems.append(f"{kind} {seed} {way}: {traceback.format_exc(limit=-3)}")
            came[kind].update(found.values())
            for checked, used in (("full False", "read_image scaled"), ("full True", "read_mask cut")):
                if found.get(checked) == "ok" != found.get(used):
                    problems.append(f"{kind} {seed}: passed by {checked}, and {used} says {found.get(used)}")
    print(json.dumps({"came": came, "problems": problems}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
