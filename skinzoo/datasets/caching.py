"""Making the folder that `MemmapSource` reads: in parallel, resumable, and only what changed."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinzoo.datasets.memmap import IMAGES, INDEX, MASKS, ROW, ROWS, Mapped, MemmapSource, open_array, read_index
from skinzoo.datasets.records import ByteArray, IntArray, Records
from skinzoo.datasets.survey import check_workers
from skinzoo.errors import ConfigError, DataError, MaskError
from skinzoo.files import DISK_FULL, write_json

if TYPE_CHECKING:
    from skinzoo.datasets.base import SkinDataset, Source

Arrays = dict[str, Mapped]

VERSION = 1
RESIZE = "images: area where both sides shrink, else bilinear; masks: nearest"
CHUNK = 256

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Plan:
    """What a cache has to hold.

    Attributes:
        name: Of its folder.
        index: What `index.json` says.
        shape: Height and width.
        marks: What each row is made from, as a number that is never 0 (N,).
        mask_at: Position of each row's mask among the masks (N,), -1 where there is none.
    """

    name: str
    index: dict[str, Any]
    shape: tuple[int, int]
    marks: NDArray[np.uint64]
    mask_at: IntArray

    @property
    def arrays(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and type of each file."""
        n, m = len(self.marks), int((self.mask_at >= 0).sum())
        files = {ROWS: ((n,), ROW), IMAGES: ((n, *self.shape, 3), np.dtype(np.uint8))}
        return {**files, MASKS: ((m, *self.shape), np.dtype(np.uint8))} if m else files

    @property
    def num_bytes(self) -> int:
        """Space on the disk."""
        return sum(int(np.prod(shape)) * dtype.itemsize for shape, dtype in self.arrays.values())


def build_cache(
    data: SkinDataset,
    folder: str | os.PathLike[str],
    size: int | tuple[int, int],
    *,
    workers: int | None,
    progress: bool,
) -> tuple[Records, MemmapSource]:
    """The records of the cached rows and their source.

    Args:
        data: What to cache.
        folder: As for `SkinDataset.cache`, as are `size`, `workers` and `progress`.
        size: Height and width in pixels, or one number for both.
        workers: Threads that decode; None for one per core.
        progress: Show a bar if this is a terminal.

    Raises:
        ConfigError: There is no image, a size or a number of workers makes no sense, or the source cannot be
            recognised.
        DataError: Not enough space on the disk (code `DISK_FULL`).
        ImageDecodeError: A picture cannot be used.
    """
    shape, threads = _shape(size), check_workers(workers)
    if not len(data):
        raise ConfigError(f"{data.name} has no image to cache.")
    plan = _plan(data, shape)
    home = Path(folder).expanduser().absolute()
    target = home / plan.name
    home.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(home / f".{plan.name}.lock"):
        old = _open_arrays(target, plan, "r")
        if old is None or (old[ROWS]["mark"] != plan.marks).any():
            _build(data, plan, target, old, threads=threads, progress=progress)
    number = np.arange(len(data)).astype(np.str_)
    masks = np.where(plan.mask_at >= 0, plan.mask_at.astype(np.str_), "")
    return replace(data.records, images=number, masks=masks), MemmapSource(target)


def fit(picture: ByteArray, shape: tuple[int, int]) -> ByteArray:
    """A picture (H, W, 3) squashed to `shape`: by area where both sides shrink, else bilinearly."""
    if picture.shape[:2] == shape:
        return picture
    shrinks = shape[0] <= picture.shape[0] and shape[1] <= picture.shape[1]
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(picture).resize((shape[1], shape[0]), method))


def fit_mask(mask: ByteArray, shape: tuple[int, int]) -> ByteArray:
    """A mask (H, W) squashed to `shape` by nearest neighbour."""
    return np.asarray(Image.fromarray(mask).resize((shape[1], shape[0]), Image.Resampling.NEAREST))


def _shape(size: int | tuple[int, int]) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, list | tuple) else (size, size)
    whole = all(isinstance(s, int | np.integer) and not isinstance(s, bool) and 0 < s <= 8192 for s in sides)
    if len(sides) != 2 or not whole:
        raise ConfigError(f"size={size!r}: give height and width in pixels, 1 to 8192, or one number for both.")
    return int(sides[0]), int(sides[1])


def _plan(data: SkinDataset, shape: tuple[int, int]) -> Plan:
    r, source = data.records, repr(data.source)
    if re.search(r" at 0x[0-9a-fA-F]+>", source):
        raise ConfigError(
            f"the source of {data.name} is {source}, which does not say what it reads, so that a cache of it could not "
            "be recognised; give its class a __repr__ that names its settings."
        )
    settings = [VERSION, RESIZE, list(shape), source]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for column in (r.ids, r.images, r.masks):
        digest.update(json.dumps(column.tolist()).encode())
    key = digest.hexdigest()
    has_mask = r.masks != ""
    index = {
        "format": "skinzoo cache",
        "version": VERSION,
        "key": key,
        "collection": data.info.name,
        "part": data.part,
        "source": source,
        "size": list(shape),
        "resize": RESIZE,
        "ids": r.ids.tolist(),
    }
    safe = re.sub(r"[^\w-]+", "_", data.info.name)[:60]
    return Plan(
        name=f"{safe}-{shape[0]}x{shape[1]}-{key[:12]}",
        index=index,
        shape=shape,
        marks=_marks(data.source, r),
        mask_at=np.where(has_mask, np.cumsum(has_mask) - 1, -1),
    )


def _marks(source: Source, records: Records) -> NDArray[np.uint64]:
    """A number for each row that changes when one of its files does; the same for all where there are no files."""
    states: dict[str, str] = {"": ""}
    locate: Any = getattr(source, "path", None)

    def state(key: str) -> str:
        path = "" if not key or locate is None else str((locate(key) if callable(locate) else locate) or "")
        if path not in states:
            try:
                found = os.stat(path)  # noqa: PTH116 - a Path per row takes longer than the call
                states[path] = f"{found.st_size}:{found.st_mtime_ns}"
            except OSError:  # reading it will say why
                states[path] = "absent"
        return states[path]

    texts = (f"{state(i)}/{state(m)}" for i, m in zip(records.images.tolist(), records.masks.tolist(), strict=True))
    numbers = (int.from_bytes(hashlib.blake2b(t.encode(), digest_size=8).digest(), "little") or 1 for t in texts)
    return np.fromiter(numbers, dtype=np.uint64, count=len(records))


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Let one process work at a time; the system frees the lock of one that dies."""
    try:
        import fcntl
    except ImportError:  # Windows: two builds at once write the same pixels
        yield
        return
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _log.info("another process works on %s; waiting for it", path.name[1:-5])
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _open_arrays(folder: Path, plan: Plan, mode: Literal["r", "r+"]) -> Arrays | None:
    """The arrays of a cache that fits the plan, whatever its rows' marks; None if there is none."""
    if read_index(folder).get("key") != plan.index["key"]:
        return None
    try:
        arrays = {name: open_array(folder / name, mode) for name in plan.arrays}
    except DataError as error:
        _log.warning("%s; it is made anew", error)
        return None
    fits = all((arrays[name].shape, arrays[name].dtype) == wanted for name, wanted in plan.arrays.items())
    return arrays if fits else None


def _build(data: SkinDataset, plan: Plan, target: Path, old: Arrays | None, *, threads: int, progress: bool) -> None:
    work, retired = (target.with_name(f"{target.name}.{suffix}") for suffix in ("building", "old"))
    shutil.rmtree(retired, ignore_errors=True)
    new = _open_arrays(work, plan, "r+") or _make_arrays(work, plan)
    if old is not None:
        same = old[ROWS]["mark"] == plan.marks
        _log.warning("%d of %d images changed since %s was made; decoding them", (~same).sum(), len(same), target)
        _copy(old, new, plan, np.flatnonzero(same & (new[ROWS]["mark"] != plan.marks)))
    todo = np.flatnonzero(new[ROWS]["mark"] != plan.marks)
    _log.info("caching %d of %d images of %s in %s", len(todo), len(plan.marks), data.name, target)
    _decode(data, plan, new, todo, threads=threads, progress=progress)
    if target.exists():
        target.replace(retired)
    work.replace(target)
    shutil.rmtree(retired, ignore_errors=True)


def _make_arrays(work: Path, plan: Plan) -> Arrays:
    shutil.rmtree(work, ignore_errors=True)
    free = shutil.disk_usage(work.parent).free
    full = (
        f"{plan.num_bytes / 1e9:.1f} GB are needed in {work.parent}, and {free / 1e9:.1f} GB are free. Choose another "
        "folder, a smaller size or a part of the images."
    )
    if plan.num_bytes > free:
        raise DataError(full, "DISK_FULL")
    work.mkdir()
    try:
        arrays: Arrays = {}
        for name, (shape, dtype) in plan.arrays.items():
            arrays[name] = np.lib.format.open_memmap(work / name, mode="w+", dtype=dtype, shape=shape)
            _allocate(work / name)
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        if error.errno in {*DISK_FULL, errno.EFBIG}:
            raise DataError(full, "DISK_FULL") from error
        raise
    write_json(work / INDEX, plan.index)
    return arrays


def _allocate(path: Path) -> None:
    """Claim a file's space now: writing to a mapped file on a full disk would kill the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _copy(old: Arrays, new: Arrays, plan: Plan, rows: IntArray) -> None:
    for chunk in np.split(rows, range(CHUNK, len(rows), CHUNK)):
        masked = plan.mask_at[chunk][plan.mask_at[chunk] >= 0]
        new[IMAGES][chunk] = old[IMAGES][chunk]
        if len(masked):
            new[MASKS][masked] = old[MASKS][masked]
        _mark(new, chunk, old[ROWS][chunk])


def _decode(data: SkinDataset, plan: Plan, arrays: Arrays, todo: IntArray, *, threads: int, progress: bool) -> None:
    from tqdm import tqdm

    r = data.records

    def one(row: int) -> tuple[int, int]:
        name = str(r.ids[row])
        image, mask = data.source.read(str(r.images[row]), str(r.masks[row]), name)
        arrays[IMAGES][row] = fit(image, plan.shape)
        if (at := plan.mask_at[row]) >= 0:
            if mask is None:
                raise MaskError(f"{name}: the records promise a mask, and the source gave none.")
            arrays[MASKS][at] = fit_mask(mask, plan.shape)
        return image.shape[0], image.shape[1]

    bar = tqdm(
        total=len(plan.marks),
        initial=len(plan.marks) - len(todo),
        desc=f"caching {data.name}",
        unit="image",
        disable=None if progress else True,  # None: where there is no terminal
    )
    with bar, ThreadPoolExecutor(threads) as pool:  # Pillow decodes and resizes outside Python's lock
        # the first alone, so that a source which opens its file on first use does so once
        for chunk in np.split(todo, range(1, len(todo), max(CHUNK, 32 * threads))):
            rows = np.zeros(len(chunk), dtype=ROW)
            rows["mark"] = plan.marks[chunk]
            sizes = np.array(list(pool.map(one, chunk.tolist())), dtype=np.int32).reshape(-1, 2)
            rows["height"], rows["width"] = sizes.T
            _mark(arrays, chunk, rows)
            bar.update(len(chunk))


def _mark(arrays: Arrays, chunk: IntArray, rows: NDArray[Any]) -> None:
    """Write the marks of rows, after their pixels have reached the disk."""
    for name, array in arrays.items():
        if name != ROWS:
            array.flush()
    arrays[ROWS][chunk] = rows
    arrays[ROWS].flush()
