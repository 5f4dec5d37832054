"""How much memory is free, and how much of it a model takes for one picture."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skinzoo.models import SkinModel, evaluation_mode

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_PROBE = 2
_FULL = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory",
    "failed to allocate memory", "bad_alloc", "bad allocation", "alloc_failed",
)  # fmt: skip
"""What PyTorch's allocators, its libraries and onnxruntime say of full memory; few have an exception of their own."""


def is_out_of_memory(error: BaseException) -> bool:
    """True if an exception says that memory is full."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return any(words in text for words in _FULL)


def free_bytes(device: torch.device) -> int | None:
    """Bytes that a process may still take on a device; None where the system does not tell.

    On the CPU what Linux calls available, or less where a control group (of a container, or of a job on a cluster)
    allows less; on other systems half of the memory that is built in. On a CUDA device what is free, and what PyTorch
    holds without using it.
    """
    if device.type == "cuda":
        free, _total = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    if device.type != "cpu":
        return None
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _read(_PROC / "meminfo"), re.MULTILINE)
    if found is not None:
        return min([1024 * int(found[1]), *_left_in_groups()])
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):  # Windows has no such function
        return None


def picture_bytes(model: SkinModel, *, private: bool = False) -> int | None:
    """Bytes that one more picture of the model's own size takes in a forward pass without gradients, measured.

    On the CPU by one picture: the largest sum of all tensors that are alive at once, the picture itself among them and
    the weights not. What an operator takes and gives back inside is not seen. On a CUDA device by the peak of its
    allocator for two pictures.

    Args:
        model: Any model of the zoo, where it is to be run.
        private: It may be run as it is; otherwise a copy is, since a network of one's own may count its calls.

    Returns:
        None if it cannot be measured: the model has hooks, which would hear of the probe; it cannot be copied or run;
        or the device is neither the CPU nor CUDA.

    Raises:
        Exception: Whatever says that memory is full, see `is_out_of_memory`.
    """
    from skinzoo.evaluation.engines_fused import has_hooks

    if has_hooks(model) or model.device.type not in ("cpu", "cuda"):
        return None
    try:
        probed = model if private else copy.deepcopy(model)
        with evaluation_mode(probed), torch.no_grad():
            if model.device.type == "cuda":
                return _peak_of_allocator(probed)
            return _peak_of_tensors(probed)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return None  # the pictures themselves will show what is wrong with the model


def _inputs(model: SkinModel, count: int) -> tuple[Tensor, ...]:
    images = torch.zeros(count, 3, *model.input_spec.size, device=model.device)
    encoder = model.metadata_encoder
    return (images,) if encoder is None else (images, encoder([{}] * count).to(model.device))


def _peak_of_tensors(model: SkinModel) -> int:
    live = _Live(t for t in (*model.parameters(), *model.buffers()))
    with live:
        model(*_inputs(model, 1))
    return live.peak


def _peak_of_allocator(model: SkinModel) -> int:
    device = model.device
    inputs = _inputs(model, _PROBE)
    model(*inputs)  # libraries take working memory at their first call, and keep it
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device) - sum(t.nbytes for t in inputs)
    torch.cuda.reset_peak_memory_stats(device)
    model(*inputs)
    torch.cuda.synchronize(device)
    return -(-(torch.cuda.max_memory_allocated(device) - before) // _PROBE)


class _Live(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the tensors that operators make and that are still alive, without keeping them so.

    Attributes:
        peak: The most bytes at once.
    """

    def __init__(self, others: Iterator[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self._others = {tensor.untyped_storage()._cdata for tensor in others}

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        self._alive = {key: held for key, held in self._alive.items() if not held[0].expired()}  # type: ignore[no-untyped-call]
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor) and leaf.layout == torch.strided:
                storage = leaf.untyped_storage()
                if storage._cdata not in self._others and storage._cdata not in self._alive:
                    self._alive[storage._cdata] = StorageWeakRef(storage), storage.nbytes()  # type: ignore[no-untyped-call]
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))
        return made


def _left_in_groups() -> Iterator[int]:
    """What each control group above this process still allows; pages of files do not count, they give way."""
    for line in _read(_PROC / "self" / "cgroup").splitlines():
        _number, kinds, path = [*line.split(":", 2), "", ""][:3]
        if kinds == "":
            root, limit, used, cached = _CGROUPS, "memory.max", "memory.current", "inactive_file"
        elif "memory" in kinds.split(","):
            root, limit, used = _CGROUPS / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            cached = "total_inactive_file"
        else:
            continue
        inner = PurePosixPath(path.lstrip("/"))
        for part in (inner, *inner.parents):  # in a container, the group's own folder may be the root
            most, now = _read(root / part / limit).strip(), _read(root / part / used).strip()
            if most.isdigit() and now.isdigit():
                files = re.search(rf"^{cached} (\d+)$", _read(root / part / "memory.stat"), re.MULTILINE)
                yield max(0, int(most) - int(now) + (int(files[1]) if files else 0))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
