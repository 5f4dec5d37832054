"""Reading a safetensors file in one pass: what is hashed is what is loaded, straight into the model's own memory."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from skinzoo.errors import ChecksumError, WeightsError
from skinzoo.hub.digests import FileDigest
from skinzoo.tensors import damaged, parse_header, read_head, refuse_unsafe

_CHUNK = 1 << 20


class WeightFile:
    """An open safetensors file whose header has been read and checked; see `open_weights`.

    Attributes:
        path: The file.
        tensors: What it holds, by name, in the order of the bytes.
        metadata: What `skinzoo.tensors.save_tensors` was given; empty for a file of another origin.

    Raises:
        WeightsError: The header is damaged.
    """

    def __init__(self, path: Path, file: FileIO) -> None:
        self.path = path
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        try:
            self._head = read_head(file)
            header = parse_header(self._head[8:], self._size - len(self._head))
            self.metadata = _metadata(header.metadata)
        except (ValueError, RecursionError) as error:
            raise damaged(path, error) from error
        self.tensors = header.tensors

    @property
    def numbers(self) -> int:
        """How many numbers all tensors have together."""
        return sum(math.prod(entry.shape) for entry in self.tensors.values())

    @property
    def classes(self) -> list[str] | None:
        """Names of the classes that the weights were trained for; None if the file does not say."""
        found = self.metadata.get("classes")
        return found if isinstance(found, list) and all(isinstance(name, str) for name in found) else None

    def read_into(self, targets: Mapping[str, Tensor], expected: FileDigest | None = None) -> None:
        """Read every tensor of the file to its place.

        Args:
            targets: A tensor of the same shape for each name; one of another type gets the numbers converted.
            expected: What the file must be; None if that is known already, or unknown.

        Raises:
            ChecksumError: It is another file. The targets hold numbers that must not be used then.
            WeightsError: It ended early, or holds values that are not finite; the same.
        """
        hashed = None if expected is None else hashlib.sha256(self._head)
        with ThreadPoolExecutor(1) as beside:  # a tensor is hashed while the next ones are read
            self._read(targets, lambda view: None if hashed is None else beside.submit(hashed.update, view))
        if hashed is not None and expected is not None:
            self._compare(FileDigest(hashed.hexdigest(), self._size), expected)

    def _read(self, targets: Mapping[str, Tensor], done: Callable[[memoryview], object]) -> None:
        """Read the tensors one after the other; `done` is given the bytes of each, which stay as they are."""
        self._file.seek(len(self._head))
        for name, entry in self.tensors.items():
            target = targets[name].detach()
            direct = target.dtype == entry.dtype and target.is_contiguous() and target.device.type == "cpu"
            place = target if direct else torch.empty(entry.shape, dtype=entry.dtype)
            if place.numel():
                done(self._fill(place))
            # a sum is ten times quicker than a look at each number; where it overflows, each is looked at
            if (
                (place.is_floating_point() or place.is_complex())
                and not place.sum().isfinite()
                and not place.isfinite().all()
            ):
                raise WeightsError(
                    f"{self.path} holds NaN or infinite values in {name!r}; these weights cannot be used."
                )
            if not direct:
                target.copy_(place)

    def check(self, expected: FileDigest) -> None:
        """Compare the whole file with what it must be, without using it.

        Raises:
            ChecksumError: It is another file.
        """
        self._file.seek(0)
        hashed = hashlib.sha256()
        while chunk := self._file.read(_CHUNK):
            hashed.update(chunk)
        self._compare(FileDigest(hashed.hexdigest(), self._size), expected)

    def _compare(self, found: FileDigest, expected: FileDigest) -> None:
        if found != expected:
            raise ChecksumError(
                f"{self.path} is not the file that was saved: want sha256 {expected}, got {found}. It was changed "
                "or damaged; download or save it again."
            )

    def _fill(self, place: Tensor) -> memoryview:
        view = memoryview(cast("Any", place.reshape(-1).view(torch.uint8).numpy()))
        done = 0
        while done < len(view):
            count = self._file.readinto(view[done : done + _CHUNK])
            if not count:
                raise damaged(self.path, "it ends early")
            done += count
        return view


@contextmanager
def open_weights(path: Path) -> Iterator[WeightFile]:
    """Open a safetensors file, and read and check its header.

    Raises:
        WeightsError: The file is absent or damaged.
        UnsafeWeightsError: It is a pickle or anything else that is not safetensors.
    """
    refuse_unsafe(path)
    with FileIO(path) as file:
        yield WeightFile(path, file)


def _metadata(values: Mapping[str, str]) -> dict[str, Any]:
    found = json.loads(values.get("skinzoo", "{}"))
    return found if isinstance(found, dict) else {}
