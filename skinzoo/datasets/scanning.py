"""Looking closely at every picture of a dataset: is it whole, what is it, and which others is it like?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.duplicates import equal_sets, settle_duplicates
from skinzoo.datasets.filesource import FileSource
from skinzoo.datasets.integrity import CODES, Action, Finding, IntegrityReport
from skinzoo.datasets.looking import MIN_SIDE, Reading, dhash_of, refuse_flat
from skinzoo.datasets.records import IntArray, StrArray
from skinzoo.datasets.remembering import CachePlace
from skinzoo.datasets.screening import screen
from skinzoo.datasets.survey import Survey, check_workers, in_parallel, progress_bar
from skinzoo.errors import ConfigError, DataError, ImageDecodeError, MaskError

if TYPE_CHECKING:
    from skinzoo.datasets.base import SkinDataset


def scan(
    dataset: SkinDataset,
    *,
    workers: int | None = None,
    progress: bool = True,
    cache: CachePlace = True,
    strict: bool = False,
) -> IntegrityReport:
    """Decode every picture and mask of a dataset once, and say what is wrong with them.

    What is found out about files is remembered in `$SKINZOO_CACHE` (default `~/.cache/skinzoo`), under `scans`: a scan
    that is interrupted or killed goes on where it ended, and the next one decodes only what changed. So does opening
    the collection with `check="full"`, which finds the same and sets it aside. Pixels that come from no files are
    read through the dataset's source, each time anew.

    Not every damage to a JPEG can be seen. Where its data breaks off or is overwritten but the end mark is there, the
    decoder makes up the rest; of this, only the even grey that it often leaves is found.

    Args:
        dataset: Any, or a part of one.
        workers: Threads; None for one per core.
        progress: Show a bar if this is a terminal.
        cache: True to remember in the place named above, False not to, or another folder.
        strict: Raise instead of returning a report with errors.

    Returns:
        A report on the rows of `dataset`: `"quarantined"` says that a row cannot be used, `row` is its position in the
        dataset. The dataset itself stays as it is.

    Raises:
        ConfigError: Not a dataset, or a value that makes no sense.
        IntegrityError: `strict`, and a picture or a mask cannot be used.
    """
    _check(dataset)
    if type(dataset.source) is FileSource:
        findings = _scan_files(dataset, dataset.source, workers=workers, progress=progress, cache=cache)
    else:
        findings = _scan_source(dataset, workers=check_workers(workers), progress=progress)
    report = IntegrityReport(dataset.name, len(dataset), findings)
    if strict:
        report.refuse_errors()
    return report


@dataclass(frozen=True, eq=False)
class RowFacts:
    """What is known about the pictures of a dataset, one entry a row.

    Attributes:
        sha256: Of the file, as 64 hex digits; of the pixels, where they come from no file (N,). Empty if `known` is
            False.
        dhash: 64-bit perceptual hash of the picture, upright, uint64 (N,); see `skinzoo.datasets.looking.dhash_of`.
        size: Height and width of the picture, upright, int64 (N, 2).
        known: False where the picture cannot be used; `scan` says why (N,).
    """

    sha256: StrArray
    dhash: NDArray[np.uint64]
    size: IntArray
    known: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.known)


def facts_of(
    dataset: SkinDataset, *, workers: int | None = None, progress: bool = True, cache: CachePlace = True
) -> RowFacts:
    """sha256, perceptual hash and size of each picture; what a scan found out before is not computed again.

    Args:
        dataset: Any, or a part of one.
        workers: As for `scan`, as are `progress` and `cache`.
        progress: Show a bar if this is a terminal.
        cache: Where to look and to remember.

    Raises:
        ConfigError: Not a dataset, or a value that makes no sense.
    """
    _check(dataset)
    if type(dataset.source) is FileSource:
        pictures = _file_pictures(dataset, dataset.source, workers=workers, progress=progress, cache=cache)
    else:
        pictures = _read_all(dataset, lambda i: _picture(dataset, i), check_workers(workers), progress=progress)
    return RowFacts(
        sha256=np.array([p.sha256 for p in pictures], dtype=np.str_),
        dhash=np.array([p.dhash for p in pictures], dtype=np.uint64),
        size=np.array([p.size for p in pictures], dtype=np.int64).reshape(-1, 2),
        known=np.array([p.error is None for p in pictures], dtype=bool),
    )


def _check(dataset: SkinDataset) -> None:
    from skinzoo.datasets.base import SkinDataset

    if not isinstance(dataset, SkinDataset):
        raise ConfigError(f"{type(dataset).__name__} is no SkinDataset; give what load_dataset returns.")


@dataclass(frozen=True)
class _Picture:
    """One row's picture.

    Attributes:
        error: Why it cannot be used.
        sha256: Of its file or its pixels.
        dhash: Its perceptual hash.
        size: Height and width.
        notes: Code and message of what is to be said about its mask.
    """

    error: DataError | None = None
    sha256: str = ""
    dhash: int = 0
    size: tuple[int, int] = (0, 0)
    notes: tuple[tuple[str, str], ...] = ()


def _scan_files(
    dataset: SkinDataset, source: FileSource, *, workers: int | None, progress: bool, cache: CachePlace
) -> list[Finding]:
    options = CheckOptions("full", duplicates="keep", conflicts="keep", workers=workers, progress=progress, cache=cache)
    return screen(
        Path(source.root),
        dataset.records,
        options,
        class_names=dataset.label_space.classes,
        rows=np.arange(len(dataset)),
        reading=_reading(source),
        name=dataset.name,
    )[1]


def _file_pictures(
    dataset: SkinDataset, source: FileSource, *, workers: int | None, progress: bool, cache: CachePlace
) -> list[_Picture]:
    paths = dataset.records.images.tolist()
    for path in paths:
        source.path(path)  # refuses one that leads out of the root
    with Survey(
        source.root, reading=_reading(source), workers=workers, progress=progress, cache=cache, name=dataset.name
    ) as survey:
        found = survey.images(paths)
    pictures = []
    for facts in found:
        if facts.header is None or facts.dhash is None:
            pictures.append(_Picture(facts.error or DataError("not decoded")))
            continue
        height, width = facts.header.size
        size = (width, height) if facts.header.orientation >= 5 else (height, width)
        pictures.append(_Picture(None, facts.sha256, facts.dhash, size))
    return pictures


def _reading(source: FileSource) -> Reading:
    return Reading(source.threshold, source.scale16, source.max_pixels)


def _scan_source(dataset: SkinDataset, *, workers: int, progress: bool) -> list[Finding]:
    r = dataset.records
    pictures = _read_all(dataset, lambda i: _picture(dataset, i, with_mask=True), workers, progress=progress)
    findings: list[Finding] = []

    def note(i: int, code: str, message: str, action: Action) -> None:
        findings.append(Finding.of(code, str(r.ids[i]), str(r.images[i]), message, action, row=i))

    for i, picture in enumerate(pictures):
        if picture.error is not None:
            code = picture.error.code if picture.error.code in CODES else "FILE_UNREADABLE"
            note(i, code, str(picture.error), "quarantined")
        for code, message in picture.notes:
            note(i, code, message, "kept")
    usable = np.flatnonzero([p.error is None for p in pictures]).astype(np.int64)
    same = equal_sets([pictures[i].sha256 for i in usable])
    names = dataset.label_space.classes
    settled = settle_duplicates(r.take(usable), same, names, duplicates="keep", conflicts="keep", rows=usable)
    return [*findings, *settled.findings]


def _read_all(dataset: SkinDataset, read: Callable[[int], _Picture], workers: int, *, progress: bool) -> list[_Picture]:
    """What `read` gives for each row; the first is read alone, as some sources open their file only then."""
    pictures: list[_Picture] = [read(0)] if len(dataset) else []
    with (
        progress_bar(len(dataset), f"scanning {dataset.name}", done=len(pictures), show=progress) as advance,
        closing(in_parallel(read, range(len(pictures), len(dataset)), workers)) as rounds,
    ):
        for results in rounds:
            pictures += results
            advance(len(results))
    return pictures


def _picture(dataset: SkinDataset, i: int, *, with_mask: bool = False) -> _Picture:
    """Row `i`, read through the dataset's source."""
    r = dataset.records
    image, mask, name = str(r.images[i]), str(r.masks[i]) if with_mask else "", str(r.ids[i])
    notes: Sequence[tuple[str, str]] = ()
    try:
        try:
            pixels, lesion = dataset.source.read(image, mask, name)
            if mask:
                notes = _judge_mask(lesion, pixels.shape[:2])
        except MaskError as error:
            pixels, lesion = dataset.source.read(image, "", name)
            notes = [(error.code if error.code in CODES else "MASK_UNREADABLE", str(error))]
        return _judge_pixels(pixels, notes)
    except DataError as error:
        return _Picture(error)
    except Exception as error:  # of a source that anybody may have written
        return _Picture(ImageDecodeError(f"cannot be read: {type(error).__name__}: {error}", "FILE_UNREADABLE"))


def _judge_pixels(pixels: NDArray[np.uint8], notes: Sequence[tuple[str, str]]) -> _Picture:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ImageDecodeError(f"{pixels.dtype} of shape {pixels.shape}; uint8 (H, W, 3) is expected", "IMG_NOT_IMAGE")
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise ImageDecodeError(f"{width} x {height} pixels only", "IMG_DEGENERATE")
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    refuse_flat(picture)
    digest = hashlib.sha256(f"{height} {width}".encode() + picture.tobytes()).hexdigest()
    return _Picture(None, digest, dhash_of(picture), (height, width), tuple(notes))


def _judge_mask(mask: NDArray[np.uint8] | None, shape: tuple[int, ...]) -> list[tuple[str, str]]:
    if mask is None:
        return [("MASK_MISSING", "the source gives none")]
    if mask.shape != shape:
        return [("MASK_SIZE", f"mask of shape {mask.shape} for an image of {shape}")]
    if mask.dtype != np.uint8 or mask.max() > 1:
        return [("MASK_VALUES", f"{mask.dtype} up to {mask.max()}; uint8 of 0 and 1 is expected")]
    return [] if mask.any() and not mask.all() else [("MASK_FULL" if mask.any() else "MASK_EMPTY", "")]
