"""Looking at every picture under audit once: its pattern, and what tells whether its content is exactly another's."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinzoo.datasets.auditing.patterncache import PatternCache
from skinzoo.datasets.auditing.patterns import SIDE, Pattern, PatternArray, pattern_of, pattern_of_file
from skinzoo.datasets.auditing.pool import Pool, Sets
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.duplicates import equal_sets
from skinzoo.datasets.filesource import FileSource
from skinzoo.datasets.remembering import CachePlace
from skinzoo.datasets.survey import check_workers, in_parallel, progress_bar
from skinzoo.errors import DataError
from skinzoo.files import sha256_of


@dataclass(eq=False)
class Looks:
    """What was seen of N pictures.

    Attributes:
        patterns: int8 (N, 32, 32); see `Pattern`.
        contrast: float32 (N,); NaN where a picture was not looked at or could not be read.
        digests: sha256 of the pixels of each picture that comes from no file; empty otherwise.
        problems: Why a picture could not be read, by its row.
    """

    patterns: PatternArray
    contrast: NDArray[np.float32]
    digests: list[str]
    problems: dict[int, str] = field(default_factory=dict)

    @classmethod
    def none(cls, size: int) -> Looks:
        """Nothing seen yet."""
        return cls(np.zeros((size, SIDE, SIDE), dtype=np.int8), np.full(size, np.nan, dtype=np.float32), [""] * size)


def look(pool: Pool, *, workers: int | None = None, progress: bool = True, cache: CachePlace = True) -> Looks:
    """Decode each picture, or find its pattern in the cache.

    Args:
        pool: What is under audit.
        workers: Threads; None for one per core.
        progress: Show a bar if this is a terminal.
        cache: See `PatternCache`.
    """
    looks = Looks.none(len(pool))
    number = check_workers(workers)
    for part, dataset in enumerate(pool.datasets):
        start = int(pool.starts[part])
        if type(dataset.source) is FileSource:
            _look_at_files(dataset, dataset.source, start, looks, workers=number, progress=progress, cache=cache)
        else:
            _look_at_source(dataset, start, looks, workers=number, progress=progress)
    return looks


def identical_sets(pool: Pool, looks: Looks) -> Sets:
    """Rows whose files are byte for byte equal, or whose pixels are where they come from no file."""
    sizes: dict[int, list[int]] = defaultdict(list)
    paths: dict[int, Path] = {}
    for part, dataset in enumerate(pool.datasets):
        if type(dataset.source) is not FileSource:
            continue
        for row, image in zip(pool.rows(part), dataset.records.images.tolist(), strict=True):
            paths[row] = dataset.source.path(image)
            try:
                sizes[paths[row].stat().st_size].append(row)
            except OSError as error:
                looks.problems.setdefault(row, str(error))
    digests = list(looks.digests)
    known: dict[Path, str] = {}
    for row in (row for rows in sizes.values() if len(rows) > 1 for row in rows):
        try:
            digests[row] = known[paths[row]] = known.get(paths[row]) or sha256_of(paths[row])
        except OSError as error:
            looks.problems.setdefault(row, str(error))
    return equal_sets(digests)


def _look_at_files(
    dataset: SkinDataset,
    source: FileSource,
    start: int,
    looks: Looks,
    *,
    workers: int,
    progress: bool,
    cache: CachePlace,
) -> None:
    r = dataset.records
    known = PatternCache(source.root, cache)
    todo = []
    for i, image in enumerate(r.images.tolist()):
        if (pattern := known.find(image, source.path(image))) is not None:
            _note(looks, start + i, pattern)
        else:
            todo.append(i)

    def one(i: int) -> tuple[int, Pattern | DataError]:
        path = source.path(str(r.images[i]))
        try:
            return i, pattern_of_file(path) or _read(dataset, i)[0]
        except Exception:  # Pillow's decoders raise about ten different types; reading in full finds the right words
            return i, _read_or_reason(dataset, i)[0]

    try:
        with (
            progress_bar(len(r), f"comparing {dataset.name}", done=len(r) - len(todo), show=progress) as advance,
            closing(in_parallel(one, todo, workers)) as rounds,
        ):
            for results in rounds:
                for i, found in results:
                    _note(looks, start + i, found)
                    if isinstance(found, Pattern):
                        known.add(str(r.images[i]), source.path(str(r.images[i])), found)
                advance(len(results))
    finally:
        known.save()


def _look_at_source(dataset: SkinDataset, start: int, looks: Looks, *, workers: int, progress: bool) -> None:
    def one(i: int) -> tuple[Pattern | DataError, str]:
        return _read_or_reason(dataset, i)

    found = [one(0)] if len(dataset) else []  # some sources open their file only then
    with (
        progress_bar(len(dataset), f"comparing {dataset.name}", done=len(found), show=progress) as advance,
        closing(in_parallel(one, range(len(found), len(dataset)), workers)) as rounds,
    ):
        for results in rounds:
            found += results
            advance(len(results))
    for i, (pattern, digest) in enumerate(found, start=start):
        _note(looks, i, pattern)
        looks.digests[i] = digest


def _note(looks: Looks, row: int, found: Pattern | DataError) -> None:
    if isinstance(found, DataError):
        looks.problems[row] = str(found)
    else:
        looks.patterns[row], looks.contrast[row] = found


def _read_or_reason(dataset: SkinDataset, i: int) -> tuple[Pattern | DataError, str]:
    try:
        return _read(dataset, i)
    except DataError as error:
        return error, ""
    except Exception as error:  # of a source that anybody may have written
        return DataError(f"{dataset.records.ids[i]}: cannot be read: {type(error).__name__}: {error}"), ""


def _read(dataset: SkinDataset, i: int) -> tuple[Pattern, str]:
    """The pattern of row `i` and a digest of its pixels."""
    r = dataset.records
    pixels = np.ascontiguousarray(dataset.source.read(str(r.images[i]), "", str(r.ids[i]))[0])
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise DataError(f"{r.ids[i]}: {pixels.dtype} of shape {pixels.shape}; uint8 (H, W, 3) is expected")
    digest = hashlib.sha256(f"{pixels.shape} ".encode() + pixels.tobytes()).hexdigest()
    return pattern_of(Image.fromarray(pixels)), digest
