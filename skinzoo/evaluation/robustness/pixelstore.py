"""Decoded pictures in one temporary file, for passes over the same pictures again and again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from skinzoo.datasets import SkinDataset
from skinzoo.datasets.base import ByteArray, Source
from skinzoo.datasets.caching import fit, fit_mask

MAX_BYTES = 8 * 2**30
"""A store is never larger, and takes no more than half of the disk's free space."""

Table = NDArray[np.int64]


@contextmanager
def stored(dataset: SkinDataset, *, short_side: int, progress: bool = False) -> Iterator[SkinDataset]:
    """The same samples, decoded once; the file is removed at the end.

    Pictures whose short side is longer are shrunk, keeping their shape: by area, masks by the nearest pixel. Where the
    pictures would take too much space, they are decoded and shrunk each time instead.

    Args:
        dataset: Any collection or part of one.
        short_side: In pixels.
        progress: Show a bar if this is a terminal.
    """
    shrunk = dataset.subset(np.arange(len(dataset)))
    shrunk.source = ShrinkingSource(dataset.source, short_side)
    with tempfile.TemporaryDirectory(prefix="skinzoo-") as folder:
        if not len(dataset) or _size_of(shrunk) > min(MAX_BYTES, shutil.disk_usage(folder).free // 2):
            yield shrunk
            return
        path = Path(folder, "pixels")
        table = _write(shrunk, path, progress=progress)
        rows = np.arange(len(dataset)).astype(np.str_)
        shrunk.records = replace(shrunk.records, images=rows, masks=np.where(shrunk.records.masks != "", rows, ""))
        shrunk.source = StoredSource(str(path), table)
        yield shrunk


class ShrinkingSource:
    """Shrinks what another source reads.

    Args:
        source: Where the pictures come from.
        short_side: Greatest length of the short side, in pixels.
    """

    def __init__(self, source: Source, short_side: int) -> None:
        self.source = source
        self.short_side = short_side

    def read(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:
        """The picture (uint8, H x W x 3, RGB) and its mask (uint8 0/1, H x W), None without one."""
        picture, truth = self.source.read(image, mask, id)
        height, width = picture.shape[:2]
        scale = self.short_side / min(height, width)
        if scale >= 1:
            return picture, truth
        shape = (max(self.short_side, round(height * scale)), max(self.short_side, round(width * scale)))
        return fit(picture, shape), None if truth is None else fit_mask(truth, shape)

    def __repr__(self) -> str:
        return f"ShrinkingSource({self.source!r}, {self.short_side})"


class StoredSource:
    """Reads pictures of a file of pixels; it can be sent to worker processes, which share the file's memory.

    Args:
        path: The file.
        table: Offset, height, width and whether there is a mask, int64 (N, 4).
    """

    def __init__(self, path: str, table: Table) -> None:
        self.path = path
        self.table = table
        self._pixels: NDArray[np.uint8] | None = None

    def read(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:  # noqa: ARG002
        """The picture of a row and its mask, both copies; None if `mask` is empty."""
        if self._pixels is None:
            self._pixels = np.memmap(self.path, np.uint8, "r")
        start, height, width, has_mask = self.table[int(image)].tolist()
        end = start + 3 * height * width
        picture = np.array(self._pixels[start:end]).reshape(height, width, 3)
        if not mask or not has_mask:
            return picture, None
        return picture, np.array(self._pixels[end : end + height * width]).reshape(height, width)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "table": self.table, "_pixels": None}

    def __repr__(self) -> str:
        return f"StoredSource({self.path!r})"


def _size_of(dataset: SkinDataset) -> int:
    """About how many bytes the pictures take, judged by a few of them."""
    rows = np.unique(np.linspace(0, len(dataset) - 1, 8).astype(int))
    pixels = max(np.asarray(dataset[int(i)].image).nbytes // 3 for i in rows)
    return int(pixels) * (4 if dataset.has_masks else 3) * len(dataset)


def _write(dataset: SkinDataset, path: Path, *, progress: bool) -> Table:
    rows: list[tuple[int, int, int, int]] = []
    offset = 0
    shown = tqdm(dataset, total=len(dataset), desc="decoding", unit="image", disable=None if progress else True)
    with path.open("wb") as file:
        for sample in shown:
            image = np.ascontiguousarray(sample.image)
            rows.append((offset, image.shape[0], image.shape[1], int(sample.mask is not None)))
            offset += file.write(image.data)
            if sample.mask is not None:
                offset += file.write(np.ascontiguousarray(sample.mask, dtype=np.uint8).data)
    return np.array(rows, dtype=np.int64)
