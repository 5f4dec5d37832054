"""Pixels from files below one folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from skinzoo.datasets.decode import ByteArray, mask_turn, read_image, read_mask, upright
from skinzoo.datasets.sniff import MAX_PIXELS
from skinzoo.errors import DataError, ImageDecodeError

_ADVICE = "Open the collection with check='full' to set such files aside."


def check_relative(path: str) -> str:
    """Return `path` if it is a plain path downwards with forward slashes.

    Raises:
        DataError: It is absolute, climbs with `..`, or is written as no portable path is (code `PATH_ESCAPE`).
    """
    if path.startswith(("/", "~")) or path[1:2] == ":" or "\\" in path or "\0" in path or ".." in path.split("/"):
        raise DataError(f"{path!r} is not a path below the collection's folder; paths may not leave it.", "PATH_ESCAPE")
    return path


class FileSource:
    """Reads pictures and masks of a collection that lies in files; it can be sent to worker processes.

    The pixels follow the policies of `skinzoo.datasets.decode`. A mask of another size than its picture, but of the
    same aspect ratio, is resized to it by nearest neighbour.

    Args:
        root: The collection's folder.
        threshold: Cut grey masks at this value instead of refusing them; see `read_mask`.
        scale16: Accept 16-bit pictures; see `read_image`.
        max_pixels: Refuse larger rasters.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        threshold: int | None = None,
        scale16: bool = False,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.root = str(root)
        self.threshold = threshold
        self.scale16 = scale16
        self.max_pixels = max_pixels

    def path(self, relative: str) -> Path:
        """The file that a path in the records stands for."""
        return Path(self.root, check_relative(relative))

    def read(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:
        """The picture (uint8, H x W x 3, RGB) and its mask (uint8 0/1, H x W), None if `mask` is empty.

        Args:
            image: Path of the picture below the root.
            mask: Path of its mask; empty for none.
            id: The row's id, for messages.

        Raises:
            ImageDecodeError: The picture cannot be used, also when read again.
            MaskError: The same for its mask, or its aspect ratio is another.
        """
        return self._read(image, mask, id, None)

    def read_reduced(
        self, image: str, mask: str, id: str, least: tuple[int, int]
    ) -> tuple[ByteArray, ByteArray | None]:
        """The same, smaller where that will do; arguments and errors as for `read`.

        Args:
            image: Path of the picture below the root.
            mask: Path of its mask; empty for none.
            id: The row's id, for messages.
            least: Height and width that will do; see `read_image`.
        """
        return self._read(image, mask, id, least)

    def _read(
        self, image: str, mask: str, id: str, least: tuple[int, int] | None
    ) -> tuple[ByteArray, ByteArray | None]:
        picture = self._twice(read_image, image, id, max_pixels=self.max_pixels, scale16=self.scale16, least=least)
        if not mask:
            return picture.array, None
        found: ByteArray = self._twice(read_mask, mask, id, max_pixels=self.max_pixels, threshold=self.threshold).array
        height, width = picture.array.shape[:2]
        stored = (width, height) if picture.orientation >= 5 else (height, width)
        try:
            found = upright(found, mask_turn(found.shape[:2], stored, picture.orientation))
        except ImageDecodeError as error:
            raise type(error)(f"{id}: {self.path(mask)}: {error} [{error.code}]. {_ADVICE}", error.code) from error
        if found.shape != (height, width):
            found = np.array(Image.fromarray(found).resize((width, height), Image.Resampling.NEAREST))
        return picture.array, found

    def _twice(self, read: Any, relative: str, id: str, **options: Any) -> Any:
        path = os.path.join(self.root, check_relative(relative))  # noqa: PTH118 - a Path takes many times as long
        try:
            return read(path, **options)
        except ImageDecodeError:  # a file on a network drive sometimes fails once; another sample is never substituted
            try:
                return read(path, **options)
            except ImageDecodeError as error:
                raise type(error)(f"{id}: {path}: {error} [{error.code}]. {_ADVICE}", error.code) from error

    def __repr__(self) -> str:
        options = f", threshold={self.threshold!r}, scale16={self.scale16!r}, max_pixels={self.max_pixels!r}"
        plain = (self.threshold, self.scale16, self.max_pixels) == (None, False, MAX_PIXELS)
        return f"FileSource({self.root!r}{'' if plain else options})"
