"""Pixels from memory-mapped arrays of one size: nothing is decoded, and all processes share one copy in memory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import DataError

ByteArray = NDArray[np.uint8]
Mapped = np.memmap[Any, Any]

INDEX, ROWS, IMAGES, MASKS = "index.json", "rows.npy", "images.npy", "masks.npy"
ROW = np.dtype([("mark", "<u8"), ("height", "<i4"), ("width", "<i4")])


class MemmapSource:
    """Hands out the pictures of a folder that `SkinDataset.cache` made; it can be sent to worker processes.

    The folder holds `images.npy`, uint8 (N, H, W, 3), `masks.npy`, uint8 of 0 and 1 (M, H, W), for the pictures that
    have one, `rows.npy` with what each row was made from, and `index.json`. The arrays are opened in each process when
    the first picture is read.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = str(folder)
        self._arrays: dict[str, Mapped] = {}

    @property
    def path(self) -> Path:
        """The file that changes when a picture does."""
        return Path(self.folder, ROWS)

    def read(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:
        """The picture (uint8, H x W x 3, RGB) and its mask (uint8 0/1, H x W), both copies; None if `mask` is empty.

        Args:
            image: Row of `images.npy`, as text.
            mask: Row of `masks.npy`; empty for none.
            id: The row's id, for messages.

        Raises:
            DataError: The folder is gone or damaged, or it has no such picture (code `CACHE_BAD`).
        """
        picture, found = self.view(image, mask, id)
        return np.array(picture), None if found is None else np.array(found)

    def view(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:
        """What `read` gives, as read-only views of the arrays; arguments and errors as for `read`."""
        picture = self._take(IMAGES, image, id)
        return picture, self._take(MASKS, mask, id) if mask else None

    def _take(self, name: str, position: str, id: str) -> ByteArray:
        if name not in self._arrays:
            self._arrays[name] = open_array(Path(self.folder, name))
        array = self._arrays[name]
        if not position.isdecimal() or int(position) >= len(array):
            raise DataError(
                f"{id}: {position!r} is no row of {name} in {self.folder}, which has {len(array)}.", "CACHE_BAD"
            )
        return np.asarray(array[int(position)])  # no longer a memmap, whose every slice costs microseconds

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "_arrays": {}}

    def __repr__(self) -> str:
        return f"MemmapSource({self.folder!r})"


def open_array(path: Path, mode: Literal["r", "r+"] = "r") -> Mapped:
    """Map an `.npy` file into memory; `mode` is `"r"`, or `"r+"` to write.

    Raises:
        DataError: It is absent, cut short or no such file (code `CACHE_BAD`).
    """
    try:
        return np.lib.format.open_memmap(path, mode=mode)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be used ({error}); remove its folder and cache again.", "CACHE_BAD") from error


def read_index(folder: Path) -> dict[str, Any]:
    """What a cache's folder says about itself; empty if nothing that can be read."""
    try:
        found = json.loads((folder / INDEX).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
