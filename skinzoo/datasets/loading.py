"""From a dataset to batches of tensors, the same ones whatever the number of workers and whatever ran before.

Randomness is counted, not streamed: the order of the samples is a pure function of (seed, epoch), and a sample's
augmentation one of (seed, epoch, index). The batch sampler sends (epoch, index) keys to the workers, so that workers
which outlive an epoch know the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from skinzoo.datasets.base import IntArray, SkinDataset
from skinzoo.errors import ConfigError, EmptyLoaderError
from skinzoo.types import IGNORE_INDEX, Batch, Sample

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import DataLoader


Key = tuple[int, int]
"""Epoch and index: what a worker is asked for."""


class SampleTransform(Protocol):
    """What turns a sample's arrays into tensors; must give the same result for the same epoch and index."""

    def __call__(self, sample: Sample, *, epoch: int, index: int) -> Sample:
        """The sample with a float image (3, H, W) and, if it has one, a float mask (1, H, W)."""
        ...


class CountedBatchSampler:
    """Batches of (epoch, index) keys whose order is a pure function of (seed, epoch).

    Several processes share an epoch:

    - Shuffled (training): every rank takes an equal share of each global batch of `batch_size * world_size` samples, so
      that all ranks make the same number of equally large steps. For that, up to `world_size - 1` samples of an
      incomplete last batch are left out; shuffling makes them others in each epoch.
    - In order (evaluation): rank r takes batches r, r + world_size ... of the undivided epoch. No sample is left out or
      repeated; ranks may have a different number of batches.

    Args:
        size: Number of samples.
        batch_size: Samples per batch and rank.
        shuffle: Another order in each epoch.
        seed: Not negative.
        drop_last: Leave out an incomplete last batch.
        rank: Of this process.
        world_size: Number of processes.

    Raises:
        ConfigError: A value is out of range.
        EmptyLoaderError: There would not be a single batch.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        numbers = (batch_size, seed, rank, world_size)
        if not all(map(_is_whole, numbers)) or batch_size < 1 or seed < 0 or not 0 <= rank < world_size:
            raise ConfigError(
                f"batch_size={batch_size!r}, seed={seed!r}, rank={rank!r}, world_size={world_size!r}: needed are whole "
                "numbers with batch_size >= 1, seed >= 0 and 0 <= rank < world_size."
            )
        self.size = size
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.start = 0
        if not self._num_batches():
            why = " with drop_last=True" if drop_last else ""
            spread = f" on each of {world_size} processes" if world_size > 1 else ""
            raise EmptyLoaderError(
                f"{size} samples in batches of {batch_size}{spread} make no batch{why}; "
                "give more samples, or make the batches smaller."
            )

    def set_epoch(self, epoch: int, *, start: int = 0) -> None:
        """Choose the epoch that the next iteration goes through, from this rank's batch number `start` on."""
        self.epoch = epoch
        self.start = start

    def order(self, epoch: int) -> IntArray:
        """The order of all samples in an epoch, before it is cut into batches."""
        if not self.shuffle:
            return np.arange(self.size, dtype=np.int64)
        return np.random.default_rng((self.seed, epoch)).permutation(self.size)

    def __iter__(self) -> Iterator[list[Key]]:
        epoch = self.epoch
        for batch in self._batches(self.order(epoch))[self.start :]:
            yield [(epoch, i) for i in batch.tolist()]

    def __len__(self) -> int:
        """Batches of a whole epoch on this rank, wherever the next iteration starts."""
        return len(self._batches(np.arange(self.size)))

    def _num_batches(self) -> int:
        """Batches of a whole epoch: on every rank alike when shuffled, of all ranks together otherwise."""
        step = self.batch_size * (self.world_size if self.shuffle else 1)
        full, rest = divmod(self.size, step)
        return full + (not self.drop_last and rest >= (self.world_size if self.shuffle else 1))

    def _batches(self, order: IntArray) -> list[IntArray]:
        if not self.shuffle:
            every = [order[k * self.batch_size : (k + 1) * self.batch_size] for k in range(self._num_batches())]
            return every[self.rank :: self.world_size]
        step = self.batch_size * self.world_size
        whole = [order[k * step : (k + 1) * step] for k in range(self._num_batches())]
        shares = [len(batch) // self.world_size for batch in whole]
        return [batch[self.rank * n : (self.rank + 1) * n] for batch, n in zip(whole, shares, strict=True)]


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


class TransformedView:
    """A dataset seen through a transform, indexed by the sampler's keys."""

    def __init__(self, dataset: SkinDataset, transform: SampleTransform) -> None:
        self.dataset = dataset
        self.transform = transform

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: Key) -> Sample:
        epoch, index = key
        return self.transform(self.dataset[index], epoch=epoch, index=index)


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack transformed samples.

    Raises:
        ConfigError: An image is not a tensor, or the tensors differ in size.
    """
    import torch

    images = [_tensor(s, "image") for s in samples]
    masks = [None if s.mask is None else _tensor(s, "mask") for s in samples]
    stacked = _stack(samples, images, "image")
    found = [m for m in masks if m is not None]
    if not found:
        together = None
    else:
        missing = torch.full_like(found[0], torch.nan)
        together = _stack(samples, [missing if m is None else m for m in masks], "mask")
    labels = torch.tensor([IGNORE_INDEX if s.label is None else s.label for s in samples], dtype=torch.int64)
    return Batch(stacked, labels, together, [s.id for s in samples])


def _tensor(sample: Sample, what: str) -> Tensor:
    import torch

    value = getattr(sample, what)
    if not isinstance(value, torch.Tensor):
        raise ConfigError(
            f"{sample.id}: the transform returned the {what} as {type(value).__name__}; a tensor is expected, as "
            "skinzoo.transforms.Transform makes it."
        )
    return value


def _stack(samples: Sequence[Sample], tensors: Sequence[Tensor], what: str) -> Tensor:
    import torch

    for sample, tensor in zip(samples, tensors, strict=True):
        if tensor.shape != tensors[0].shape:
            raise ConfigError(
                f"{what}s of one batch differ in size: {samples[0].id} {tuple(tensors[0].shape)}, {sample.id} "
                f"{tuple(tensor.shape)}; the transform must bring all to one size."
            )
    return torch.stack(list(tensors))


def make_loader(
    dataset: SkinDataset,
    transform: SampleTransform,
    *,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
    num_workers: int = 0,
    drop_last: bool = False,
    rank: int = 0,
    world_size: int = 1,
    pin_memory: bool = False,
) -> DataLoader[Batch]:
    """A loader of `Batch`es; call `loader.batch_sampler.set_epoch(epoch)` before each epoch.

    Iterating neither uses nor changes PyTorch's global random state.

    Args:
        dataset: The samples.
        transform: Makes equally sized tensors of them; called with the keywords `epoch` and `index`.
        batch_size: Samples per batch and process.
        shuffle: Another order in each epoch.
        seed: Of the order; not negative.
        num_workers: Processes that read; 0 reads in this one. The batches are the same.
        drop_last: Leave out an incomplete last batch.
        rank: Of this process; see `CountedBatchSampler` for how an epoch is shared.
        world_size: Number of processes.
        pin_memory: Put batches into page-locked memory, for a faster way to a GPU.

    Raises:
        ConfigError: A value is out of range.
        EmptyLoaderError: There would not be a single batch.
    """
    import torch
    from torch.utils.data import DataLoader

    if not _is_whole(num_workers) or num_workers < 0:
        raise ConfigError(f"num_workers={num_workers!r}: give the number of processes that read, or 0 for none.")
    sampler = CountedBatchSampler(
        len(dataset),
        batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_last=drop_last,
        rank=rank,
        world_size=world_size,
    )
    return DataLoader(
        TransformedView(dataset, transform),  # type: ignore[arg-type]
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=pin_memory,
        generator=torch.Generator().manual_seed(seed),
    )
