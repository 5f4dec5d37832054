"""From a dataset to batches of tensors, the same ones whatever the number of workers and whatever ran before.

Randomness is counted, not streamed: the order of the samples is a pure function of (seed, epoch), and a sample's
augmentation one of (seed, epoch, index). The batch sampler sends (epoch, index) keys to the workers, so that workers
which outlive an epoch know the next one. A sample that is drawn again within an epoch, as `weights` can ask for, is
augmented anew: its key then holds the number of an epoch that is never reached.
"""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import IntArray, SkinDataset
from skinzoo.datasets.collating import EncodeMetadata as EncodeMetadata
from skinzoo.datasets.collating import Rows
from skinzoo.datasets.collating import collate as collate
from skinzoo.errors import ConfigError, EmptyLoaderError
from skinzoo.types import Batch, Sample

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


_GRACE_SECONDS = 30

Key = tuple[int, int]
"""Epoch and index: what a worker is asked for."""
_AGAIN = 2**32
"""Added to the epoch of a key for each time that its sample was drawn before in the same epoch."""


class SampleTransform(Protocol):
    """What turns a sample's arrays into tensors; must give the same result for the same epoch and index.

    Three things that it may have besides save time, as `skinzoo.transforms.Transform` does: an attribute `least`
    (height, width) asks for pictures no larger than it needs, see `SkinDataset.sample`; `takes_views = True` promises
    not to write to the arrays that it is given; and a keyword `out` takes memory, uint8 (H, W, 3), to write the
    picture to, or None.
    """

    def __call__(self, sample: Sample, *, epoch: int, index: int) -> Sample:
        """The sample with a float image (3, H, W) and, if it has one, a float mask (1, H, W)."""
        ...


class CountedBatchSampler:
    """Batches of (epoch, index) keys whose order is a pure function of (seed, epoch).

    Several processes share an epoch:

    - Shuffled (training): every rank takes a share of each global batch of `batch_size * world_size` samples. The
      shares of an incomplete last batch differ by one sample at most; a rank for which none is left gets a sample of
      another rank, which is padding (`is_padding`).
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
        weights: How often each sample is drawn, relative to the others, (size,): an epoch is then `size` draws with
            replacement. None to go through each sample once. Only with `shuffle`.

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
        weights: NDArray[np.floating[Any]] | Sequence[float] | None = None,
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
        self.weights = None if weights is None else _probabilities(weights, size, shuffle)
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
        rng = np.random.default_rng((self.seed, epoch))
        if self.weights is None:
            return rng.permutation(self.size)
        return rng.choice(self.size, self.size, p=self.weights)

    def __iter__(self) -> Iterator[list[Key]]:
        order = self.order(self.epoch)
        epochs = self.epoch + _AGAIN * _times_before(order)
        for places in self._batches(np.arange(self.size))[self.start :]:
            yield list(zip(epochs[places].tolist(), order[places].tolist(), strict=True))

    def __len__(self) -> int:
        """Batches of a whole epoch on this rank, wherever the next iteration starts."""
        return len(self._batches(np.arange(self.size)))

    def is_padding(self, number: int) -> bool:
        """True if this rank's batch of that number only repeats a sample of another rank."""
        step = self.batch_size * self.world_size
        return self.shuffle and len(range(number * step, min(self.size, (number + 1) * step))) <= self.rank

    def _num_batches(self) -> int:
        """Batches of a whole epoch: on every rank alike when shuffled, of all ranks together otherwise."""
        step = self.batch_size * (self.world_size if self.shuffle else 1)
        full, rest = divmod(self.size, step)
        return full + (not self.drop_last and rest > 0)

    def _batches(self, order: IntArray) -> list[IntArray]:
        if not self.shuffle:
            every = [order[k * self.batch_size : (k + 1) * self.batch_size] for k in range(self._num_batches())]
            return every[self.rank :: self.world_size]
        step = self.batch_size * self.world_size
        whole = [order[k * step : (k + 1) * step] for k in range(self._num_batches())]
        return [self._share(batch) for batch in whole]

    def _share(self, batch: IntArray) -> IntArray:
        bounds = [r * len(batch) // self.world_size for r in (self.rank, self.rank + 1)]
        return batch[slice(*bounds)] if len(batch) >= self.world_size else batch[[min(self.rank, len(batch) - 1)]]


def _times_before(order: IntArray) -> IntArray:
    """For each place, how often its number stands at earlier places."""
    places = np.argsort(order, kind="stable")
    ranked = order[places]
    times = np.empty_like(order)
    times[places] = np.arange(len(order)) - np.searchsorted(ranked, ranked)
    return times


def _probabilities(weights: object, size: int, shuffle: bool) -> NDArray[np.float64]:
    values = np.asarray(weights, dtype=np.float64)
    if not shuffle:
        raise ConfigError("weights draw samples at random; give shuffle=True with them.")
    good = values.shape == (size,) and bool(np.isfinite(values).all() and (values >= 0).all())
    if not good or (size and not values.any()):
        raise ConfigError(f"weights must be {size} finite numbers >= 0, not all 0; got {_described(values)}.")
    return values / values.sum() if size else values


def _described(values: NDArray[np.float64]) -> str:
    return f"shape {values.shape}" + (f", from {values.min():g} to {values.max():g}" if values.size else "")


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


class TransformedView:
    """A dataset seen through a transform, indexed by the sampler's keys.

    Args:
        dataset: The samples.
        transform: See `SampleTransform` for what it may ask for.
        pinned: Gather batches in page-locked memory, where this process makes them itself.
    """

    def __init__(self, dataset: SkinDataset, transform: SampleTransform, *, pinned: bool = False) -> None:
        self.dataset = dataset
        self.transform = transform
        self.pinned = pinned
        self._takes_out = _has_parameter(transform, "out")

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: Key) -> Sample:
        return self._make(key, None)

    def __getitems__(self, keys: Sequence[Key]) -> Rows:
        """The samples of a batch, gathered as they are made; PyTorch asks for them by this name."""
        rows = Rows(len(keys), pinned=self.pinned)
        for key in keys:
            rows.add(self._make(key, rows.next_picture))
        return rows

    def _make(self, key: Key, out: NDArray[np.uint8] | None) -> Sample:
        epoch, index = key
        least = getattr(self.transform, "least", None)
        sample = self.dataset.sample(index, least=least, views=getattr(self.transform, "takes_views", False))
        own = {"out": out} if self._takes_out else {}
        return self.transform(sample, epoch=epoch, index=index, **own)


def _has_parameter(function: Callable[..., Any], name: str) -> bool:
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # of some functions written in C
        return False


def _outlive_signals(_worker: int) -> None:
    """In a worker: go on serving the main process for a while, which receives the same signals and ends the work.

    A terminal and a cluster signal the whole group of processes; a worker that ended at once would take the main
    process down in the middle of a step.
    """

    def first(*_: object) -> None:
        signal.signal(
            signal.SIGTERM, signal.SIG_DFL
        )  # a second one, such as the main process sends at its end, is final
        signal.alarm(_GRACE_SECONDS)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGTERM, first)


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
    metadata: EncodeMetadata | None = None,
    weights: NDArray[np.floating[Any]] | Sequence[float] | None = None,
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
        metadata: Encodes the samples' metadata: `model.metadata_encoder`; None to leave it out.
        weights: Draw samples with replacement, in these proportions, such as `sampling_weights` gives; None to go
            through each once an epoch. Only with `shuffle`.

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
        weights=weights,
    )
    return DataLoader(
        TransformedView(dataset, transform, pinned=pin_memory and torch.cuda.is_available()),  # type: ignore[arg-type]
        batch_sampler=sampler,
        collate_fn=partial(collate, metadata=metadata),
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=pin_memory,
        worker_init_fn=_outlive_signals if num_workers else None,
        generator=torch.Generator().manual_seed(seed),
    )
