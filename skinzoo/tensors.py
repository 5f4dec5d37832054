"""The only module that writes or reads tensors: safetensors, nothing else. A pickle is refused and never opened."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from skinzoo.errors import UnsafeWeightsError, WeightsError
from skinzoo.files import atomic_path

_PICKLE_SUFFIXES = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib", ".pt2", ".npz", ".npy", ".h5"}
_SIGNATURES = {
    b"PK\x03\x04": "a zip archive (PyTorch's torch.save, TorchScript or npz)",
    b"\x80": "a Python pickle",
    b"version https://git-lfs": "a Git-LFS pointer (run `git lfs pull`)",
    b"<": "an HTML page (an expired link, or access was refused)",
}


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
        plain[name] = (
            value.clone() if value.data_ptr() in seen else value
        )  # safetensors refuses tensors that share memory
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
    refuse_unsafe(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise WeightsError(f"{path} is damaged or cut short ({error}); download or save it again.") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise WeightsError(f"{path} holds NaN or infinite values in {name!r}; these weights cannot be used.")
    return tensors


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `save_tensors` was given as metadata; empty for a file of another origin.

    Raises:
        WeightsError: The file is absent or damaged.
        UnsafeWeightsError: The file is not safetensors.
    """
    refuse_unsafe(Path(path))
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("skinzoo", "{}")
        found = json.loads(text)
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"{path} is damaged ({error}); download or save it again.") from error
    return found if isinstance(found, dict) else {}


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
        "any code. If you trust its origin, convert it: safetensors.torch.save_file(tensors, 'model.safetensors')."
    )
