"""The order of an epoch's samples, cut into batches and shared among processes: a pure function of seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.records import IntArray
from skinzoo.errors import ConfigError, EmptyLoaderError

Key = tuple[int, int]
"""Epoch and index: what a worker is asked for."""
_AGAIN = 2**32
"""Added to the epoch of a key for each time that its sample was drawn before in the same epoch."""


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
        if not all(map(is_whole, numbers)) or batch_size < 1 or seed < 0 or not 0 <= rank < world_size:
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


def is_whole(value: object) -> bool:
    """True for a whole number, NumPy's included; a boolean is none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
