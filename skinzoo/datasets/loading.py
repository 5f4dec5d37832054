"""From a dataset to batches of tensors, the same ones whatever the number of workers and whatever ran before.

Randomness is counted, not streamed: the order of the samples is a pure function of (seed, epoch), and a sample's
augmentation one of (seed, epoch, index). The batch sampler sends (epoch, index) keys to the workers, so that workers
which outlive an epoch know the next one. A sample that is drawn again within an epoch, as `weights` can ask for, is
augmented anew: its key then holds the number of an epoch that is never reached.
"""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.batchsampler import CountedBatchSampler as CountedBatchSampler
from skinzoo.datasets.batchsampler import Key, is_whole
from skinzoo.datasets.collating import EncodeMetadata as EncodeMetadata
from skinzoo.datasets.collating import Rows
from skinzoo.datasets.collating import collate as collate
from skinzoo.errors import ConfigError
from skinzoo.types import Batch, Sample

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


_GRACE_SECONDS = 30


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
        # a second one, such as the main process sends at its end, is final
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
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

    if not is_whole(num_workers) or num_workers < 0:
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
