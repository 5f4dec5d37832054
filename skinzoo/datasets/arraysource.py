"""Pixels from the arrays of an `.npz` file, memory-mapped so that any number of processes share one copy."""

from __future__ import annotations

import math
import os
import shutil
import struct
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import ByteArray
from skinzoo.errors import DataError

_LOCAL_HEADER = struct.Struct("<26xHH")
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Place(NamedTuple):
    """Where an array's bytes lie.

    Attributes:
        path: The file.
        offset: Of the first pixel.
        shape: (N, H, W, 3).
    """

    path: str
    offset: int
    shape: tuple[int, ...]

    def map(self) -> NDArray[np.uint8]:
        """The array, read-only and read from disk as it is used."""
        return np.memmap(self.path, np.uint8, "r", self.offset, self.shape)


class ArraySource:
    """Hands out pictures of arrays (N, H, W, 3) in an `.npz` file; it can be sent to worker processes.

    Arrays that were stored without compression (`np.savez`) are memory-mapped where they are. Compressed ones
    (`np.savez_compressed`) cannot be; they are unpacked once into a temporary folder (`$TMPDIR`), which goes with the
    source or the process that made it, and are memory-mapped there. Unpacking checks their CRC.

    Args:
        path: The file.
        members: Names of the arrays to hold ready, without `.npy`.

    Raises:
        DataError: Not a readable `.npz` file, no such array, one that is not uint8 of shape (N, H, W, 3), or no room
            to unpack it.
    """

    def __init__(self, path: Path, members: Sequence[str]) -> None:
        self.path = path
        self.members = tuple(members)
        self._open()

    def read(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:
        """The picture that a key `<array>/<position>` stands for (uint8, H x W x 3, RGB); there are no masks.

        Raises:
            DataError: There is no such picture.
        """
        return np.array(self.view(image, mask, id)[0]), None

    def view(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:  # noqa: ARG002
        """What `read` gives, as a read-only view of the array.

        Raises:
            DataError: There is no such picture.
        """
        member, _, position = image.rpartition("/")
        if member not in self._arrays or not position.isdecimal() or int(position) >= len(self._arrays[member]):
            raise DataError(f"{id}: {image!r} is no picture of {self.path}, which has {', '.join(self._arrays)}.")
        return np.asarray(self._arrays[member][int(position)]), None

    def array(self, member: str) -> NDArray[np.uint8]:
        """A whole array (N, H, W, 3), memory-mapped and read-only."""
        return self._arrays[member]

    def _open(self) -> None:
        self._folder = ""
        self._places = {name: self._find(name) for name in self.members}
        self._arrays = {name: place.map() for name, place in self._places.items()}

    def _find(self, member: str) -> Place:
        try:
            with zipfile.ZipFile(self.path) as archive:
                entry = archive.getinfo(f"{member}.npy")
                with archive.open(entry) as packed:
                    start, shape = _read_header(packed)
                if entry.file_size != start + math.prod(shape):
                    raise ValueError(f"{entry.file_size} bytes, but its header promises {start + math.prod(shape)}")
                if entry.compress_type == zipfile.ZIP_STORED:
                    return Place(str(self.path.absolute()), _data_offset(self.path, entry) + start, shape)
                return Place(self._unpack(archive, entry), start, shape)
        except KeyError as error:
            raise DataError(f"{self.path} has no array {member}.", "ARRAY_MISSING") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
            raise DataError(f"{self.path}: {member} cannot be read: {error}.", "ARRAY_BAD") from error

    def _unpack(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="skinzoo-")
            weakref.finalize(self, _remove, self._folder, os.getpid())
        target = Path(self._folder, entry.filename)
        with archive.open(entry) as packed:
            try:
                with target.open("wb") as file:
                    shutil.copyfileobj(packed, file, 1 << 20)
            except OSError as error:
                raise DataError(
                    f"{self.path}: {entry.filename} ({entry.file_size / 1e6:.0f} MB) cannot be unpacked into "
                    f"{self._folder}: {error.strerror or error}. Set TMPDIR to a larger disk, or save the arrays once "
                    "with np.savez, without compression, so that they are read where they are.",
                    "ARRAY_UNPACK",
                ) from error
        return str(target)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "members": self.members, "_places": self._places}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= {**state, "_folder": ""}
        try:
            self._arrays = {name: place.map() for name, place in self._places.items()}
        except FileNotFoundError:  # the process that unpacked them is gone
            self._open()

    def __repr__(self) -> str:
        return f"ArraySource({str(self.path)!r}, {list(self.members)})"


def read_labels(path: Path, member: str) -> NDArray[np.int64]:
    """A small array of whole numbers of shape (N,) or (N, 1), as int64 (N,).

    Raises:
        DataError: Not a readable `.npz` file, no such array, or one of another kind.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            labels = arrays[member]
    except KeyError as error:
        raise DataError(f"{path} has no array {member}.", "ARRAY_MISSING") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, TypeError) as error:
        raise DataError(f"{path} is not a complete .npz file ({error}); download it again.", "ARRAY_BAD") from error
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape not in ((len(labels),), (len(labels), 1)):
        raise DataError(
            f"{path}: {member} is {labels.dtype} of shape {labels.shape}; wanted whole numbers of shape (N, 1).",
            "ARRAY_SHAPE",
        )
    return np.asarray(labels.reshape(-1), dtype=np.int64)


def _read_header(file: IO[bytes]) -> tuple[int, tuple[int, ...]]:
    """Where the pixels begin, counted from the array's first byte, and the array's shape."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"an array format of version {version}")
    shape, fortran, dtype = _HEADERS[version](file)
    if dtype != np.uint8 or fortran or len(shape) != 4 or shape[3] != 3:
        raise ValueError(f"{dtype} of shape {shape}; wanted uint8 of shape (N, H, W, 3), row by row")
    return file.tell(), shape


def _data_offset(path: Path, entry: zipfile.ZipInfo) -> int:
    """Where a stored member's bytes begin in the file; its local header is as long as its own fields say."""
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    return int(entry.header_offset + _LOCAL_HEADER.size + name + extra)


def _remove(folder: str, owner: int) -> None:
    """Remove an unpacked copy, but never from a forked worker, which only looks at it."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
