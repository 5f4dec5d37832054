"""Pictures in one HDF5 file, each the bytes of an image file in a dataset of its own, as SLICE-3D is distributed."""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.decode import ByteArray, decode_image
from skinzoo.datasets.sniff import unreadable
from skinzoo.errors import DataError, ImageDecodeError, MissingDependencyError

if TYPE_CHECKING:
    import h5py

_MOST_BYTES = 1 << 28
_CHUNK = 4096
_HEADER_BYTES = 1024
_DATATYPE, _EXTERNAL, _LAYOUT, _FILTERS, _CONTINUATION = 0x03, 0x07, 0x08, 0x0B, 0x10
_INTEGER, _STRING, _OPAQUE = 0, 3, 5
_UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF


class HDF5Source:
    """Hands out the pictures of an HDF5 file; the key of a picture is its dataset's name.

    The file is listed once, when the source is made. Datasets that are stored in one piece, which is what `h5py` makes
    of a file's bytes, are then read straight from where they lie: HDF5's own look-up in a group of some hundred
    thousand takes every worker process up to 300 MB. Others, such as compressed ones, are read through `h5py`, which is
    opened in each process when it is first needed.

    Args:
        path: The file.

    Attributes:
        path: The file.
        names: Names of all datasets (N,), as bytes, sorted.
        links: Names that lead elsewhere, such as into another file; they are never followed.

    Raises:
        MissingDependencyError: `h5py` is not installed.
        DataError: Not a whole HDF5 file.
        FileNotFoundError: There is no such file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self._file: tuple[int, h5py.File] | None = None
        self._state = _state(self.path.stat())
        self.names, self._addresses, self.links, counts_from_start = _list(self.path)
        self._is_direct = counts_from_start and self._agrees_with_library()
        self._close()

    def find(self, keys: Sequence[str]) -> NDArray[np.int64]:
        """Position in `names` of each of the keys (N,), -1 where there is no such dataset."""
        if not len(self.names):
            return np.full(len(keys), -1, dtype=np.int64)
        wanted = np.array([key.encode() for key in keys], dtype=np.bytes_)
        at = np.minimum(np.searchsorted(self.names, wanted), len(self.names) - 1)
        return np.where(self.names[at] == wanted, at, -1)

    def content(self, key: str) -> bytes:
        """The bytes of a dataset: those of an image file, if all is well.

        Raises:
            ImageDecodeError: There is no such dataset, it holds something else than bytes, or it cannot be read.
        """
        name = key.encode()
        row = int(np.searchsorted(self.names, name)) if len(name) <= self.names.dtype.itemsize else len(self.names)
        if row == len(self.names) or self.names[row] != name:
            raise ImageDecodeError("no dataset of that name", "FILE_MISSING")
        try:
            data = self._read_directly(row) if self._is_direct else None
            return self._read_through_library(key) if data is None else data
        except (OSError, KeyError, RuntimeError) as error:
            raise unreadable(error) from error

    def read(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:  # noqa: ARG002
        """The picture (uint8, H x W x 3, RGB); there are no masks.

        Raises:
            ImageDecodeError: The picture cannot be used, also when read again.
        """
        return self._read(image, id, None)

    def read_reduced(
        self,
        image: str,
        mask: str,  # noqa: ARG002
        id: str,
        least: tuple[int, int],
    ) -> tuple[ByteArray, ByteArray | None]:
        """The same, smaller where the height and width `least` will do; see `skinzoo.datasets.decode.read_image`."""
        return self._read(image, id, least)

    def _read(self, image: str, id: str, least: tuple[int, int] | None) -> tuple[ByteArray, ByteArray | None]:
        try:
            return self._decode(image, least), None
        except ImageDecodeError:  # as `FileSource` does: a network drive sometimes fails once
            try:
                return self._decode(image, least), None
            except ImageDecodeError as error:
                raise ImageDecodeError(
                    f"{id}: {self.path}, dataset {image!r}: {error}. Open the collection with check='full' to set such "
                    "pictures aside.",
                    error.code,
                ) from error

    def _decode(self, key: str, least: tuple[int, int] | None) -> ByteArray:
        return decode_image(self.content(key), key, least=least).array

    def _agrees_with_library(self) -> bool:
        """True if the first dataset is stored in one piece, and the library finds the same bytes in it."""
        try:
            data = self._read_directly(0) if len(self.names) else None
            return data is not None and data == self._read_through_library(self.names[0].decode(errors="replace"))
        except (OSError, KeyError, RuntimeError, ImageDecodeError):
            return False  # each picture will say itself what is wrong with it

    def _read_directly(self, row: int) -> bytes | None:
        """The bytes of a dataset that is stored in one piece; None for any other."""
        with self.path.open("rb", buffering=0) as file:
            state = os.fstat(file.fileno())
            if _state(state) != self._state:  # what lies at the address may be another picture by now
                raise ImageDecodeError(
                    "the file changed since it was opened; open the collection again", "FILE_CHANGED"
                )
            file.seek(int(self._addresses[row]))
            place = locate(file.read(_HEADER_BYTES))
            if place is None or place.start + place.length > state.st_size:
                return None
            _refuse_large(place.length)
            file.seek(place.start)
            return file.read(place.length)

    def _read_through_library(self, key: str) -> bytes:
        h5py = _h5py()
        if self._file is None or self._file[0] != os.getpid():
            self._close()
            self._file = os.getpid(), h5py.File(self.path, "r", locking="best-effort")
        dataset = self._file[1][key]
        if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
            raise ImageDecodeError("no dataset that holds bytes in this file", "IMG_NOT_IMAGE")
        _refuse_large(dataset.nbytes)
        value = dataset[()]
        if isinstance(value, bytes):
            return value
        if isinstance(value, np.void) or getattr(value, "dtype", None) == np.uint8:
            return bytes(value.tobytes())
        raise ImageDecodeError(f"{dataset.dtype} of shape {dataset.shape}; wanted bytes", "IMG_NOT_IMAGE")

    def _close(self) -> None:
        """Close the library's handle; in a forked process this is its own copy of it."""
        if self._file is not None:
            self._file[1].close()
            self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HDF5Source) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"HDF5Source({str(self.path)!r})"


class Place(NamedTuple):
    """Where a dataset's bytes lie in the file.

    Attributes:
        start: Their first byte.
        length: Their number.
    """

    start: int
    length: int


def locate(header: bytes) -> Place | None:
    """Where a dataset's bytes lie, by the beginning of its object header.

    Understood are headers of version 1 that describe bytes stored in one piece (HDF5 file format, sections IV.A.1.a,
    IV.A.2.d and IV.A.2.i). Everything else gives None, so that the library is asked.
    """
    if len(header) < 16 or header[0] != 1:
        return None
    end = 16 + int.from_bytes(header[8:12], "little")
    at, place, is_bytes = 16, None, False
    while at + 8 <= min(end, len(header)):
        kind, size, flags = struct.unpack_from("<HHB", header, at)
        body = header[at + 8 : at + 8 + size]
        if len(body) < size or kind in (_EXTERNAL, _FILTERS, _CONTINUATION):
            return None
        if kind == _DATATYPE and size >= 8 and not flags & 2:  # 2: the type is described elsewhere
            number, width = body[0] & 15, int.from_bytes(body[4:8], "little")
            is_bytes = number in (_STRING, _OPAQUE) or (number == _INTEGER and width == 1)
        elif kind == _LAYOUT and size >= 18 and body[:2] == b"\x03\x01":
            place = Place(*struct.unpack_from("<QQ", body, 2))
        at += 8 + size
    return place if is_bytes and place is not None and place.start != _UNDEFINED else None


def _state(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns


def _refuse_large(size: int) -> None:
    if size > _MOST_BYTES:
        raise ImageDecodeError(f"{size:,} bytes in one dataset; at most {_MOST_BYTES:,} are read", "IMG_TOO_LARGE")


def _list(path: Path) -> tuple[NDArray[np.bytes_], NDArray[np.uint64], list[str], bool]:
    """Names and addresses of the datasets in a file, the links in it, and whether the addresses count from its start.

    Groups and named types are among the datasets; reading one of them is an error of that one.
    """
    h5py = _h5py()
    names: list[bytes] = []
    links: list[str] = []
    chunks: list[NDArray[np.bytes_]] = []
    addresses = array("Q")

    def add(name: bytes, info: Any) -> None:
        if info.type != h5py.h5l.TYPE_HARD:
            links.append(name.decode(errors="replace"))
            return
        names.append(name)
        addresses.append(info.u)
        if len(names) == _CHUNK:
            chunks.append(np.array(names, dtype=np.bytes_))
            names.clear()

    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            _keep_cache_small(file)
            file.id.links.iterate(add, info=True)
            counts_from_start = file.userblock_size == 0 and file.id.get_create_plist().get_sizes() == (8, 8)
    except (OSError, RuntimeError) as error:
        raise _not_hdf5(path, error) from error
    found = np.concatenate([*chunks, np.array(names, dtype=np.bytes_)])
    order = np.argsort(found, kind="stable")
    return found[order], np.frombuffer(addresses, dtype=np.uint64)[order], links, counts_from_start


def _keep_cache_small(file: h5py.File) -> None:
    """Keep HDF5 from caching the look-up tables of a group that is gone through once; memory it frees stays its own."""
    config = file.id.get_mdc_config()
    config.set_initial_size = True
    config.initial_size = config.min_size = config.max_size = 1 << 20
    config.incr_mode = config.flash_incr_mode = config.decr_mode = 0
    file.id.set_mdc_config(config)


def _not_hdf5(path: Path, error: Exception) -> DataError:
    with path.open("rb") as file:
        head = file.read(40)
    if head.startswith(b"version https://git-lfs"):
        return DataError(f"{path} is a Git LFS pointer, not the file itself; run `git lfs pull`.", "LFS_POINTER")
    return DataError(f"{path} is not a whole HDF5 file ({error}); download it again.", "FILE_UNREADABLE")


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError(
            "HDF5 files are read with h5py, which is not installed; run `pip install 'skinzoo[data]'`."
        ) from error
    return h5py
