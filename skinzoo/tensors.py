"""The only module that writes or reads tensors: safetensors, nothing else. A pickle is refused and never opened."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import IO, Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from skinzoo.errors import UnsafeWeightsError, WeightsError
from skinzoo.files import atomic_path, without_repetition

_PICKLE_SUFFIXES = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib", ".pt2", ".npz", ".npy", ".h5"}
_SIGNATURES = {
    b"PK\x03\x04": "a zip archive (PyTorch's torch.save, TorchScript or npz)",
    b"\x80": "a Python pickle",
    b"version https://git-lfs": "a Git-LFS pointer (run `git lfs pull`)",
    b"<": "an HTML page (an expired link, or access was refused)",
}
_DTYPES = {
    **{"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "BOOL": torch.bool},
    **{"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "C64": torch.complex64},
    **{"U64": torch.uint64, "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8},
}
MAX_HEADER = 16_000_000
"""Bytes; timm's `tf_efficientnet_l2` needs 200,000 for its 1,900 tensors."""
_MAX_TENSORS, _MAX_DIMENSIONS = 50_000, 16


class StoredTensor(NamedTuple):
    """Where a tensor is in a safetensors file, and of what kind.

    Attributes:
        dtype: Of its numbers.
        shape: Its sizes.
        begin: Of its first byte, counted from the end of the header.
        end: Of the byte after its last.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


class TensorHeader(NamedTuple):
    """What a safetensors file says about itself.

    Attributes:
        tensors: By name, in the order of the bytes.
        metadata: Its own key and value pairs; `save_tensors` writes one, `skinzoo`.
    """

    tensors: dict[str, StoredTensor]
    metadata: dict[str, str]


def save_tensors(
    path: str | os.PathLike[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, Any] | None = None
) -> Path:
    """Write tensors as safetensors, atomically.

    Args:
        path: Target file.
        tensors: Tensors by name, on any device.
        metadata: Plain values. They are kept as one JSON string under one key: with several keys the file's bytes would
            differ from save to save.

    Raises:
        OSError: The disk is full, or the folder cannot be written to; nothing is left behind.
    """
    seen: set[int] = set()
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        shares = value.data_ptr() in seen  # safetensors refuses tensors that share memory
        plain[name] = value.clone() if shares else value
        seen.add(value.data_ptr())
    with atomic_path(path) as temporary:
        try:
            save_file(plain, temporary, metadata={"skinzoo": json.dumps(metadata or {}, sort_keys=True)})
        except SafetensorError as error:  # a full disk, a quota
            raise OSError(f"{path} could not be written: {error}") from error
    return Path(path)


def load_tensors(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read a safetensors file onto the CPU.

    Raises:
        WeightsError: The file is absent, damaged, or holds values that are not finite.
        UnsafeWeightsError: The file is a pickle or anything else that is not safetensors.
    """
    path = Path(path)
    read_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise damaged(path, error) from error
    for name, tensor in tensors.items():
        if (tensor.is_floating_point() or tensor.is_complex()) and not torch.isfinite(tensor).all():
            raise WeightsError(f"{path} holds NaN or infinite values in {name!r}; these weights cannot be used.")
    return tensors


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `save_tensors` was given as metadata; empty for a file of another origin.

    Raises:
        WeightsError: The file is absent or damaged.
        UnsafeWeightsError: The file is not safetensors.
    """
    try:
        found = json.loads(read_header(path).metadata.get("skinzoo", "{}"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    return found if isinstance(found, dict) else {}


def read_header(path: str | os.PathLike[str]) -> TensorHeader:
    """Read the header of a safetensors file and check it against the file's size; no tensor is read.

    Raises:
        WeightsError: The file is absent or damaged.
        UnsafeWeightsError: The file is not safetensors.
    """
    path = Path(path)
    refuse_unsafe(path)
    try:
        with path.open("rb") as file:
            head = read_head(file)
            return parse_header(head[8:], os.fstat(file.fileno()).st_size - len(head))
    except ValueError as error:
        raise damaged(path, error) from error


def read_head(file: IO[bytes] | FileIO) -> bytes:
    """The first bytes of an open safetensors file: eight that hold the header's length, and the header.

    Raises:
        ValueError: The header cannot be in the file; the message says why.
    """
    size = os.fstat(file.fileno()).st_size
    first = file.read(8)
    length = int.from_bytes(first, "little")
    if length > min(MAX_HEADER, size - 8):
        raise ValueError(f"its header of {length:,} bytes cannot be in {size:,} bytes")
    head = first + file.read(length)
    if len(head) != 8 + length:
        raise ValueError("it ends within its header")
    return head


def parse_header(text: bytes, size: int) -> TensorHeader:
    """Check a header as strictly as the format is written: nothing twice, no gap, no overlap, nothing left over.

    Readers differ in what they make of a name that is there twice, and PyTorch in which shapes it cannot take.

    Args:
        text: The JSON, without the eight bytes before it.
        size: Bytes after the header.

    Raises:
        ValueError: The header is damaged; the message says how.
    """
    try:
        values = json.loads(text.decode("utf-8"), object_pairs_hook=without_repetition)
        metadata = values.pop("__metadata__", {})
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata are not text")
        if len(values) > _MAX_TENSORS:
            raise ValueError(f"{len(values):,} tensors are more than the {_MAX_TENSORS:,} that a file may hold")
        tensors = {name: _stored_tensor(name, entry) for name, entry in values.items()}
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"its header has another form than expected: {error}") from error
    tensors = dict(sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)))
    at = 0
    for name, tensor in tensors.items():
        if tensor.begin != at:
            raise ValueError(f"{name!r} does not begin where the tensor before it ends")
        at = tensor.end
    if at != size:
        raise ValueError(f"its header describes {at:,} bytes, and {size:,} follow")
    return TensorHeader(tensors, metadata)


def _stored_tensor(name: str, entry: Mapping[str, Any]) -> StoredTensor:
    shape, (begin, end) = tuple(entry["shape"]), entry["data_offsets"]
    if entry["dtype"] not in _DTYPES:
        raise ValueError(f"{name!r} is of type {entry['dtype']!r}, which is not read")
    if len(shape) > _MAX_DIMENSIONS or not all(type(n) is int and 0 <= n < 2**62 for n in (*shape, begin, end)):
        raise ValueError(f"{name!r} has sizes that are no sizes of a tensor")
    dtype = _DTYPES[entry["dtype"]]
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name!r} of shape {shape} does not fill its {end - begin:,} bytes")
    return StoredTensor(dtype, shape, begin, end)


def damaged(path: str | os.PathLike[str], why: object) -> WeightsError:
    """The error for a safetensors file that is not whole.

    Args:
        path: The file.
        why: What is wrong with it.
    """
    return WeightsError(f"{path} is damaged or cut short ({str(why)[:300]}); download or save it again.")


def refuse_unsafe(path: Path) -> None:
    """Look at the first bytes and raise unless the file can be safetensors.

    Raises:
        WeightsError: No such file, or an empty one.
        UnsafeWeightsError: Anything but safetensors.
    """
    if not path.is_file():
        raise WeightsError(f"no weights file at {path}; expected a .safetensors file.")
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        raise WeightsError(f"{path} is empty; download or save it again.")
    if len(start) >= 9 and start[8:9] == b"{" and path.suffix.lower() not in _PICKLE_SUFFIXES:
        return
    looks = next((what for magic, what in _SIGNATURES.items() if start.startswith(magic)), None)
    if looks is None and path.suffix.lower() in _PICKLE_SUFFIXES:
        looks = f"a {path.suffix} file, which may hold a pickle"
    raise UnsafeWeightsError(
        f"{path} is {looks or 'not a safetensors file'}. Only safetensors are loaded, because opening a pickle can run "
        "any code. If it holds weights and you trust its origin, convert it, best in a container without network: "
        "skinzoo convert FILE --model NAME --trusted --out FOLDER"
    )
