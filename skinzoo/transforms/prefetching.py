"""Batches on their way to the device while it still computes with the one before."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import torch

from skinzoo.transforms.feeding import feed
from skinzoo.types import Batch, InputSpec


class Fed(NamedTuple):
    """A batch in two places.

    Attributes:
        host: As the loader gave it.
        batch: In floats, on its device.
    """

    host: Batch
    batch: Batch


class Side(Protocol):
    """A queue of work beside the one that the device computes in."""

    def work(self) -> AbstractContextManager[object]:
        """Inside, work goes into this queue."""
        ...

    def join(self, batch: Batch) -> None:
        """Make the present queue wait for all that is in this one, which made the batch."""
        ...


class CudaSide:
    """A second CUDA stream.

    Args:
        device: A CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def work(self) -> AbstractContextManager[object]:
        """Inside, work goes into this stream."""
        return torch.cuda.stream(self._stream)

    def join(self, batch: Batch) -> None:
        """Make the present stream wait for this one, and say that it uses the batch.

        Without the second, the memory of a batch that is no longer held would go to the next one, which this stream
        may write while the present one still reads.
        """
        present = torch.cuda.current_stream(self._device)
        present.wait_stream(self._stream)
        for value in batch:
            if isinstance(value, torch.Tensor):
                value.record_stream(present)


class Prefetch:
    """Iterates over batches and `feed`s them to a device.

    On a GPU, copies and conversion go into a stream of their own, so that they do not wait for the step before. A
    program that only queues its steps, as training does, is ahead of the GPU when it asks for the next batch, and need
    do no more. One that reads results back calls `start` before it waits for them. On the CPU nothing is done ahead:
    a batch is taken and fed when it is asked for.

    Batches come in their order, each once, and no more than one is held.

    Args:
        batches: From a loader; pinned memory, where the device is a GPU, lets the copies go at their own pace.
        spec: How to normalise bytes.
        device: Where to.
        channels_last: Memory format of images that are converted.
        side: Where the work goes; None for a CUDA stream on a GPU, and no second queue elsewhere.
    """

    def __init__(
        self,
        batches: Iterable[Batch],
        spec: InputSpec,
        device: torch.device,
        *,
        channels_last: bool = False,
        side: Side | None = None,
    ) -> None:
        self._batches = iter(batches)
        self._spec, self._device, self._channels_last = spec, device, channels_last
        self._side = CudaSide(device) if side is None and device.type == "cuda" else side
        self._next: Fed | None = None

    def __iter__(self) -> Prefetch:
        return self

    def __next__(self) -> Fed:
        fed = self._next if self._next is not None else self._fetch()
        self._next = None
        if self._side is not None:
            self._side.join(fed.batch)
        return fed

    def start(self) -> None:
        """Take the next batch, if there is one, and send it on its way; nothing on the CPU."""
        if self._side is None or self._next is not None:
            return
        try:
            self._next = self._fetch()
        except StopIteration:
            self._batches = iter(())

    def close(self) -> None:
        """Let go of a batch that was taken ahead, and end the batches if they are a generator."""
        self._next = None
        if isinstance(self._batches, Generator):
            self._batches.close()

    def _fetch(self) -> Fed:
        host = next(self._batches)
        if self._side is None:
            return Fed(host, self._feed(host))
        with self._side.work():
            return Fed(host, self._feed(host))

    def _feed(self, host: Batch) -> Batch:
        return feed(host, self._spec, self._device, channels_last=self._channels_last)
