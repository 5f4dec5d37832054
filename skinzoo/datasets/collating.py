"""From transformed samples to a batch: each picture is written once, into its row of one tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import ConfigError
from skinzoo.types import IGNORE_INDEX, NO_MASK, Batch, Sample

if TYPE_CHECKING:
    from torch import Tensor

EncodeMetadata: TypeAlias = "Callable[[Sequence[Mapping[str, Any]]], Tensor]"
"""Rows of metadata to a float tensor (N, F), as a model's `metadata_encoder` does it."""


class Rows:
    """The samples of a batch that is being made; pictures and masks lie in one tensor each, allocated with the first.

    In a worker process the tensors lie in shared memory, from where the main process takes them without a copy.

    Args:
        count: Number of samples.
        pinned: Use page-locked memory, from which a GPU copies at its own pace. Not in a worker process, which has
            nothing to do with the GPU.
    """

    def __init__(self, count: int, *, pinned: bool = False) -> None:
        self._images = _Stack("image", count, pinned)
        self._masks = _Stack("mask", count, pinned)
        self._ids: list[str] = []
        self._labels: list[int] = []
        self._metadata: list[Mapping[str, Any]] = []

    @property
    def next_picture(self) -> NDArray[np.uint8] | None:
        """Memory (H, W, 3) that the next picture may be written to; None for the first, or where they are no bytes."""
        return self._images.next_picture

    def add(self, sample: Sample) -> None:
        """Put the next sample into its row; nothing is copied of a picture that was written to `next_picture`.

        Raises:
            ConfigError: Image or mask is not a tensor, or its size or type is not that of the others.
        """
        self._images.add(_tensor(sample, "image"), sample.id)
        self._masks.add(None if sample.mask is None else _tensor(sample, "mask"), sample.id)
        self._ids.append(sample.id)
        self._labels.append(IGNORE_INDEX if sample.label is None else sample.label)
        self._metadata.append(sample.metadata)

    def batch(self, metadata: EncodeMetadata | None = None) -> Batch:
        """What was added, with its metadata encoded; None leaves it out."""
        import torch

        images = self._images.whole()
        assert images is not None
        labels = torch.tensor(self._labels, dtype=torch.int64)
        encoded = None if metadata is None else metadata(self._metadata)
        return Batch(images, labels, self._masks.whole(), self._ids, metadata=encoded)


def collate(samples: Sequence[Sample] | Rows, metadata: EncodeMetadata | None = None) -> Batch:
    """One batch of transformed samples.

    Args:
        samples: At least one, or the rows that they were written to.
        metadata: Encodes their metadata; None to leave it out.

    Raises:
        ConfigError: An image is not a tensor, or the tensors differ in size or type.
    """
    if isinstance(samples, Rows):
        return samples.batch(metadata)
    rows = Rows(len(samples))
    for sample in samples:
        rows.add(sample)
    return rows.batch(metadata)


class _Stack:
    """Equally sized tensors (C, H, W) in one tensor (N, C, H, W), whose memory is ordered as that of the first."""

    def __init__(self, what: str, count: int, pinned: bool) -> None:
        self._what, self._count, self._pinned = what, count, pinned
        self._tensor: Tensor | None = None
        self._pictures: NDArray[np.uint8] | None = None
        self._first = ""
        self._size = 0

    @property
    def next_picture(self) -> NDArray[np.uint8] | None:
        return None if self._pictures is None else self._pictures[self._size]

    def add(self, value: Tensor | None, id: str) -> None:
        if value is not None:
            rows = self._tensor if self._tensor is not None else self._allocate(value, id)
            self._check(rows, value, id)
            row = rows[self._size]
            if (row.data_ptr(), row.stride()) != (value.data_ptr(), value.stride()):
                row.copy_(value)
        elif self._tensor is not None:
            self._tensor[self._size] = _missing(self._tensor)
        self._size += 1

    def whole(self) -> Tensor | None:
        return self._tensor

    def _allocate(self, value: Tensor, id: str) -> Tensor:
        import torch

        if value.ndim == 3 and value.stride(0) == 1:  # bytes as they lie in a picture; channels-last costs nothing
            channels, height, width = value.shape
            memory = _memory((self._count, height, width, channels), value, self._pinned)
            self._tensor = memory.permute(0, 3, 1, 2)
            if memory.dtype == torch.uint8 and channels == 3 and memory.device.type == "cpu":
                self._pictures = memory.numpy()
        else:
            self._tensor = _memory((self._count, *value.shape), value, self._pinned)
        self._first = id
        if self._size:
            self._tensor[: self._size] = _missing(self._tensor)
        return self._tensor

    def _check(self, rows: Tensor, value: Tensor, id: str) -> None:
        if value.shape != rows.shape[1:]:
            raise ConfigError(
                f"{self._what}s of one batch differ in size: {self._first} {tuple(rows.shape[1:])}, {id} "
                f"{tuple(value.shape)}; the transform must bring all to one size."
            )
        if value.dtype != rows.dtype:
            raise ConfigError(
                f"{self._what}s of one batch differ in type: {self._first} {rows.dtype}, {id} {value.dtype}; the "
                "transform must bring all to one type."
            )


def _memory(shape: tuple[int, ...], like: Tensor, pinned: bool) -> Tensor:
    """An uninitialised tensor of the type and on the device of another one."""
    import torch
    from torch.utils.data import get_worker_info

    size = math.prod(shape) * like.element_size()
    if like.device.type != "cpu" or not size:
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    if get_worker_info() is not None:  # as PyTorch's own collate does it
        storage = torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call]
        return like.new_empty(0).set_(storage).view(shape)
    return torch.empty(shape, dtype=like.dtype, pin_memory=pinned)


def _missing(masks: Tensor) -> float:
    return math.nan if masks.is_floating_point() else NO_MASK


def _tensor(sample: Sample, what: str) -> Tensor:
    import torch

    value = getattr(sample, what)
    if not isinstance(value, torch.Tensor):
        raise ConfigError(
            f"{sample.id}: the transform returned the {what} as {type(value).__name__}; a tensor is expected, as "
            "skinzoo.transforms.Transform makes it."
        )
    return value
