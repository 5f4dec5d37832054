"""What every file-based adapter does when a collection is opened: look at each file, set aside what cannot be used.

`check="quick"` reads the first and last bytes of each file and decodes only where they leave a doubt; `"full"` decodes
everything; `"none"` only makes sure that the files are there.

A bad mask costs the mask, not the picture: the row is kept without it, with a finding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import Records
from skinzoo.datasets.decode import mask_turn, read_image, read_mask
from skinzoo.datasets.duplicates import identical_files, resolve_duplicates
from skinzoo.datasets.filesource import check_relative
from skinzoo.datasets.integrity import Action, Finding
from skinzoo.datasets.sniff import TAIL_BYTES, Header, check_regular, looks_complete, open_image
from skinzoo.errors import ConfigError, ImageDecodeError, MaskError

MIN_SIDE = 16
MIN_STD = 2.0


@dataclass(frozen=True)
class CheckOptions:
    """How an adapter looks at files.

    Args:
        check: `"quick"`, `"full"` or `"none"`.
        duplicates: What to do with a second row of one id and one label: `"drop"` or `"keep"`.
        conflicts: What to do with one picture under different labels: `"drop"` all its rows, or `"keep"` them.
        strict: Raise `IntegrityError` instead of setting anything aside.

    Raises:
        ConfigError: An unknown value.
    """

    check: str = "quick"
    duplicates: str = "drop"
    conflicts: str = "drop"
    strict: bool = False

    def __post_init__(self) -> None:
        allowed = {
            "check": ("quick", "full", "none"),
            "duplicates": ("drop", "keep"),
            "conflicts": ("drop", "keep"),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ConfigError(f"{name}={getattr(self, name)!r} is unknown; use {' or '.join(map(repr, values))}.")


class Facts(NamedTuple):
    """What looking at one file gave.

    Attributes:
        header: None if the file cannot be used.
        key: Files with different keys have different content.
        notes: Codes of what was noted.
        error: Why the file cannot be used; None if it can.
    """

    header: Header | None
    key: Hashable
    notes: tuple[str, ...]
    error: ImageDecodeError | None


def look_at_image(path: Path, *, full: bool = False) -> Facts:
    """Look at an image file; with `full`, or where its ends leave a doubt, by decoding it."""
    header, key, complete, error = _look(path)
    if header is None:
        return Facts(None, key, (), error)
    try:
        if min(header.size) < MIN_SIDE:
            raise ImageDecodeError(f"{header.size[1]} x {header.size[0]} pixels only", "IMG_DEGENERATE")
        if full or not complete:
            pixels = read_image(path, orientation="ignore").array
            if full and header.format == "JPEG":
                _refuse_grey_fill(pixels)
            spread = float(pixels.std(axis=(0, 1)).max())
            if full and spread < MIN_STD:
                raise ImageDecodeError(
                    f"pixel values spread by {spread:.2f} of 255 only: nothing to see", "IMG_DEGENERATE"
                )
    except ImageDecodeError as problem:
        return Facts(None, key, (), problem)
    return Facts(header, key, header.notes, None)


def _refuse_grey_fill(pixels: NDArray[np.uint8]) -> None:
    """Raise where JPEG data breaks off although the file has its end mark.

    libjpeg then only warns, which Pillow does not pass on, and leaves the blocks of a sequential JPEG that it has no
    data for at middle grey. Black and white borders, which dermoscopes and viewers draw, are never taken for that.
    """
    middle = pixels - np.uint8(127) <= 2  # 127 to 129: in uint8, what is below wraps round to above
    grey: NDArray[np.bool_] = np.all(middle, axis=(1, 2))
    rows = int(grey[::-1].cumprod().sum())
    if len(grey) / 8 <= rows < len(grey):
        raise ImageDecodeError(
            f"truncated or damaged JPEG: its last {rows} of {len(grey)} rows are the even grey that a decoder leaves "
            "where data is missing",
            "IMG_TRUNCATED",
        )


def look_at_mask(path: Path, *, full: bool = False) -> Facts:
    """Look at a mask file; with `full`, or where its ends or its format leave a doubt, by decoding it."""
    header, key, complete, error = _look(path, scale16=True)
    if header is None:
        code = error.code if error and error.code.startswith("FILE_") else "MASK_UNREADABLE"
        return Facts(None, key, (), MaskError(str(error), code))
    plain = complete and header.format == "PNG" and header.mode in ("1", "L")
    if plain and not full:
        return Facts(header, key, (), None)
    try:
        return Facts(header, key, read_mask(path).notes, None)
    except MaskError as problem:
        return Facts(None, key, (), problem)


def _look(path: Path, *, scale16: bool = False) -> tuple[Header | None, Hashable, bool, ImageDecodeError | None]:
    size, tail = -1, b""
    try:
        check_regular(path)
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - TAIL_BYTES))
            tail = file.read()
            file.seek(0)
            header = open_image(file, path, scale16=scale16)[1]
    except ImageDecodeError as error:
        return None, (size, tail), False, error
    except OSError as error:
        gone = isinstance(error, FileNotFoundError)
        return None, None, False, ImageDecodeError(str(error), "FILE_MISSING" if gone else "FILE_UNREADABLE")
    return header, (size, tail), looks_complete(header.format, tail), None


def screen(
    root: Path,
    records: Records,
    options: CheckOptions,
    *,
    class_names: Sequence[str],
    expect_masks: bool = False,
    barred: Mapping[str, tuple[str, str]] | None = None,
) -> tuple[Records, list[Finding]]:
    """Set aside the rows that cannot be used.

    Args:
        root: The collection's folder.
        records: All its rows; `images` is empty where no file was found. Ids need not be unique.
        options: How closely to look, and what to do with duplicates.
        class_names: For messages.
        expect_masks: Report rows without a mask.
        barred: Files that are never opened, each with the code and the message of its finding.

    Returns:
        The usable rows, with unique ids, and the findings about the others.
    """
    findings: list[Finding] = []
    records = _drop_absent(records, barred or {}, findings)
    facts: list[Facts] = []
    if options.check != "none":
        records, facts = _drop_bad_images(root, records, options, findings)
    keys = [f.key for f in facts]
    same = identical_files(root, records.images.tolist(), keys) if facts else []
    sizes = dict(zip(records.images.tolist(), (f.header for f in facts), strict=False))
    records, more = resolve_duplicates(
        records, same, class_names, duplicates=options.duplicates, conflicts=options.conflicts
    )
    findings += more
    if expect_masks:
        findings += [
            Finding.of("MASK_MISSING", str(i), str(image), "no mask file", "kept")
            for i, image in zip(records.ids[records.masks == ""], records.images[records.masks == ""], strict=True)
        ]
    if options.check != "none" and (records.masks != "").any():
        records = _drop_bad_masks(root, records, sizes, options, findings)
    return records, findings


def _drop_absent(records: Records, barred: Mapping[str, tuple[str, str]], findings: list[Finding]) -> Records:
    keep = np.ones(len(records), dtype=bool)
    for i, image in enumerate(records.images.tolist()):
        name = str(records.ids[i])
        if not image:
            keep[i] = False
            findings.append(Finding.of("FILE_MISSING", name, "", "no image file of that name", "quarantined"))
        elif image in barred:
            keep[i] = False
            findings.append(Finding.of(barred[image][0], name, image, barred[image][1], "quarantined"))
        else:
            check_relative(image)
    return records if keep.all() else records.take(keep)


def _drop_bad_images(
    root: Path, records: Records, options: CheckOptions, findings: list[Finding]
) -> tuple[Records, list[Facts]]:
    facts = _map(look_at_image, root, records.images, full=options.check == "full")
    keep = np.array([f.error is None for f in facts], dtype=bool)
    for i, fact in enumerate(facts):
        name, path = str(records.ids[i]), str(records.images[i])
        if fact.error is not None:
            findings.append(Finding.of(fact.error.code, name, path, str(fact.error), "quarantined"))
        for code in fact.notes:
            action: Action = "kept" if code == "IMG_FORMAT_MISMATCH" else "converted"
            described = f"{fact.header.format}, mode {fact.header.mode}" if fact.header else ""
            findings.append(Finding.of(code, name, path, described, action))
    return records.take(keep), [f for f in facts if f.error is None]


def _drop_bad_masks(
    root: Path,
    records: Records,
    images: dict[str, Header | None],
    options: CheckOptions,
    findings: list[Finding],
) -> Records:
    masks = records.masks.copy()
    rows = np.flatnonzero(masks != "").tolist()
    resized: list[int] = []
    for i, fact in zip(rows, _map(look_at_mask, root, masks[rows], full=options.check == "full"), strict=True):
        name, path = str(records.ids[i]), str(masks[i])
        image = images[str(records.images[i])]
        try:
            if fact.error is not None:
                raise fact.error
            if fact.header is not None and image is not None and _fits(fact.header, image):
                resized.append(i)
        except ImageDecodeError as error:
            masks[i] = ""
            findings.append(Finding.of(error.code, name, path, f"{error}; the row is used without a mask", "kept"))
        else:
            findings += [Finding.of(code, name, path, "", "kept") for code in fact.notes]
    if resized:
        first = resized[0]
        message = f"{len(resized)} masks have another size than their image, of the same aspect ratio"
        findings.append(
            Finding.of(
                "MASK_RESIZED", str(records.ids[first]), str(masks[first]), message, "converted", count=len(resized)
            )
        )
    return replace(records, masks=masks)


def _fits(mask: Header, image: Header) -> bool:
    """True if the mask must be resized, False if it lies on the image as it is; raises `MaskError` otherwise."""
    shape = mask.size[::-1] if mask.orientation >= 5 else mask.size
    on_shown = mask_turn(shape, image.size, image.orientation) == 1
    return shape != (image.size[::-1] if on_shown and image.orientation >= 5 else image.size)


def _map(look: Callable[..., Facts], root: Path, paths: Sequence[str] | NDArray[np.str_], *, full: bool) -> list[Facts]:
    files = [root / str(p) for p in paths]
    if not full:
        return [look(f) for f in files]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes outside Python's lock
        return list(pool.map(lambda f: look(f, full=True), files))
