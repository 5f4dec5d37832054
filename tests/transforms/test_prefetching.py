"""Batches that travel ahead; a stand-in for the second queue of a GPU does its work only when it is waited for."""

from contextlib import nullcontext

import pytest
import torch
from lazyside import LazySide

from skinzoo.transforms import feed, prefetching
from skinzoo.transforms.prefetching import CudaSide, Prefetch
from skinzoo.types import Batch, InputSpec

SPEC, CPU = InputSpec((4, 4)), torch.device("cpu")


def batch(number):
    images = torch.full((2, 3, 4, 4), number, dtype=torch.uint8)
    return Batch(images, torch.full((2,), number), None, [f"{number}a", f"{number}b"])


class Loader:
    """Numbered batches; notes which were taken, and whether it was closed."""

    def __init__(self, count):
        self.count, self.taken, self.closed = count, [], False

    def __iter__(self):
        try:
            for number in range(self.count):
                self.taken.append(number)
                yield batch(number)
        finally:
            self.closed = True


def expected(number, layout=False):
    return feed(batch(number), SPEC, CPU, channels_last=layout).images


@pytest.mark.parametrize("channels_last", [False, True])
def test_on_the_cpu_a_batch_is_taken_when_it_is_asked_for(channels_last):
    loader = Loader(3)
    batches = Prefetch(loader, SPEC, CPU, channels_last=channels_last)
    for number, (host, fed) in enumerate(batches):
        batches.start()
        assert loader.taken == list(range(number + 1))
        assert host.images.dtype == torch.uint8
        assert host.ids == fed.ids == batch(number).ids
        assert torch.equal(fed.images, expected(number))
        assert fed.images.is_contiguous(memory_format=torch.channels_last) == channels_last
    assert loader.taken == [0, 1, 2]


@pytest.mark.parametrize("ahead", [False, True])
def test_beside_the_device_each_batch_comes_once_in_order_and_whole(monkeypatch, ahead):
    loader, side = Loader(4), LazySide(monkeypatch)
    batches = Prefetch(loader, SPEC, CPU, side=side)
    seen = []
    for host, fed in batches:
        number = len(seen)
        seen.append(host.ids[0])
        assert torch.equal(fed.images, expected(number)), "the present queue must wait for the batch"
        side.log.append(f"use {host.ids[0]}")
        if ahead:
            batches.start()
            batches.start()  # no more than one is held
            assert loader.taken == list(range(min(number + 2, 4)))
        assert torch.equal(fed.images, expected(number)), "the next one does not touch this one"
    assert seen == ["0a", "1a", "2a", "3a"]
    assert loader.closed
    order = ["feed 0a", "join 0a", "use 0a", "feed 1a", "join 1a", "use 1a"]
    assert side.log[:6] == order, "sent on its way before it is waited for, and waited for before it is used"
    assert len(side.log) == 12


def test_asking_beyond_the_end_is_harmless(monkeypatch):
    batches = Prefetch(Loader(1), SPEC, CPU, side=LazySide(monkeypatch))
    next(batches)
    batches.start()
    batches.start()
    with pytest.raises(StopIteration):
        next(batches)
    with pytest.raises(StopIteration):
        next(batches)


def test_nothing_is_held_after_the_end(monkeypatch):
    loader = Loader(5)
    batches = Prefetch(loader, SPEC, CPU, side=LazySide(monkeypatch))
    next(batches)
    batches.start()
    assert loader.taken == [0, 1]
    batches.close()
    assert loader.closed
    with pytest.raises(StopIteration):
        next(batches)


def test_what_a_loader_raises_arrives(monkeypatch):
    def broken():
        yield batch(0)
        raise OSError("the disk is gone")

    for side in (None, LazySide(monkeypatch)):
        monkeypatch.setattr(prefetching, "feed", feed if side is None else side._feed)
        batches = Prefetch(broken(), SPEC, CPU, side=side)
        next(batches)
        with pytest.raises(OSError, match="the disk is gone"):
            next(batches)


def test_a_cuda_stream_is_joined_and_told_who_uses_the_batch(monkeypatch):
    calls = []

    class Stream:
        def __init__(self, name):
            self.name = name

        def wait_stream(self, other):
            calls.append(f"{self.name} waits for {other.name}")

    present = Stream("present")
    monkeypatch.setattr(torch.cuda, "Stream", lambda _device: Stream("side"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _device: present)
    monkeypatch.setattr(torch.cuda, "stream", lambda s: calls.append(f"into {s.name}") or nullcontext())
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda t, s: calls.append(f"{s.name} uses {tuple(t.shape)}"))
    side = CudaSide(torch.device("cuda"))
    with side.work():
        pass
    side.join(batch(0)._replace(masks=torch.zeros(2, 1, 4, 4), metadata=torch.zeros(2, 5)))
    assert calls[:2] == ["into side", "present waits for side"]
    assert sorted(calls[2:]) == [f"present uses {s}" for s in ("(2, 1, 4, 4)", "(2, 3, 4, 4)", "(2, 5)", "(2,)")]


def test_a_gpu_gets_a_queue_of_its_own_and_the_cpu_none(monkeypatch):
    made = []
    monkeypatch.setattr(prefetching, "CudaSide", lambda device: made.append(device.type))
    Prefetch([], SPEC, torch.device("cpu"))
    assert not made
    Prefetch([], SPEC, torch.device("cuda"))
    assert made == ["cuda"]
