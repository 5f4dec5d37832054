"""Loaders: order and augmentation are functions of (seed, epoch, index), whoever reads and whatever ran before."""

import pickle

import numpy as np
import pytest
import torch

from skinzoo.datasets.base import DatasetInfo, Records, SkinDataset
from skinzoo.datasets.loading import CountedBatchSampler, make_loader
from skinzoo.errors import ConfigError, EmptyLoaderError, ImageDecodeError
from skinzoo.taxonomy import ISIC2018
from skinzoo.types import IGNORE_INDEX, Sample


class NumberSource:
    """A picture whose pixels are its number; every third has no mask."""

    def read(self, image, mask, id):
        if image == "bad":
            raise ImageDecodeError("id bad: zero bytes", "IMG_EMPTY")
        n = int(image)
        return np.full((4, 4, 3), n, np.uint8), np.full((4, 4), n % 2, np.uint8) if mask else None


class NoisyTransform:
    """Adds noise that depends on (epoch, index) only."""

    def __call__(self, sample, *, epoch, index):
        rng = np.random.default_rng((epoch, index))
        image = torch.from_numpy(sample.image.transpose(2, 0, 1) + rng.random((3, 4, 4))).float()
        mask = None if sample.mask is None else torch.from_numpy(sample.mask[None]).float()
        return Sample(sample.id, image, sample.label, mask, sample.group, sample.metadata)


def numbers(n=10, masks=True, images=None):
    labels = [IGNORE_INDEX if i % 4 == 3 else i % 7 for i in range(n)]
    records = Records.build(
        [f"s{i}" for i in range(n)],
        labels=labels,
        images=images or [str(i) for i in range(n)],
        masks=[("m" if i % 3 else "") if masks else "" for i in range(n)],
    )
    return SkinDataset(DatasetInfo("n", "n"), records, ISIC2018, NumberSource())


def epochs(loader, numbers_of_epochs=(0, 1)):
    result = []
    for epoch in numbers_of_epochs:
        loader.batch_sampler.set_epoch(epoch)
        result += list(loader)
    return result


def same(a, b):
    return all(
        torch.equal(x.images, y.images)
        and torch.equal(x.labels, y.labels)
        and x.ids == y.ids
        and (x.masks is None) == (y.masks is None)
        and (x.masks is None or torch.equal(x.masks.nan_to_num(9), y.masks.nan_to_num(9)))
        for x, y in zip(a, b, strict=True)
    )


def test_batches_hold_what_the_samples_hold():
    batches = list(make_loader(numbers(), NoisyTransform(), batch_size=4))
    assert [b.ids for b in batches] == [["s0", "s1", "s2", "s3"], ["s4", "s5", "s6", "s7"], ["s8", "s9"]]
    first = batches[0]
    assert (first.images.dtype, tuple(first.images.shape)) == (torch.float32, (4, 3, 4, 4))
    assert first.labels.tolist() == [0, 1, 2, IGNORE_INDEX]
    assert first.labels.dtype == torch.int64
    assert tuple(first.masks.shape) == (4, 1, 4, 4)
    assert first.masks.isnan().flatten(1).all(dim=1).tolist() == [True, False, False, True]
    assert first.masks[1].unique().tolist() == [1.0]
    assert all(b.masks is None for b in make_loader(numbers(masks=False), NoisyTransform(), batch_size=4))


def test_order_is_a_function_of_seed_and_epoch():
    def ids(seed, epoch):
        loader = make_loader(numbers(), NoisyTransform(), batch_size=3, shuffle=True, seed=seed)
        torch.rand(seed + epoch)
        return [i for b in epochs(loader, [epoch]) for i in b.ids]

    assert ids(0, 1) == ids(0, 1)
    assert sorted(ids(0, 1)) == sorted(f"s{i}" for i in range(10))
    assert len({tuple(ids(s, e)) for s in (0, 1) for e in (0, 1, 2)}) == 6


def test_iterating_leaves_the_global_random_state_alone():
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global state is what is tested
    before = torch.get_rng_state().clone(), pickle.dumps(np.random.get_state())  # noqa: NPY002
    epochs(make_loader(numbers(), NoisyTransform(), batch_size=3, shuffle=True))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert pickle.dumps(np.random.get_state()) == before[1]  # noqa: NPY002


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_two_workers_give_the_same_batches_as_none(method):
    alone = epochs(make_loader(numbers(), NoisyTransform(), batch_size=3, shuffle=True))
    loader = make_loader(numbers(), NoisyTransform(), batch_size=3, shuffle=True, num_workers=2)
    loader.multiprocessing_context = method
    assert same(epochs(loader), alone)
    assert not torch.equal(alone[0].images, alone[4].images)


def test_an_epoch_can_start_in_the_middle():
    loader = make_loader(numbers(), NoisyTransform(), batch_size=3, shuffle=True)
    whole = epochs(loader, [5])
    loader.batch_sampler.set_epoch(5, start=2)
    assert same(list(loader), whole[2:])
    assert len(loader) == 4


def test_error_in_a_worker_keeps_type_and_id():
    loader = make_loader(numbers(1, images=["bad"]), NoisyTransform(), batch_size=1, num_workers=1)
    loader.multiprocessing_context = "fork"
    with pytest.raises(ImageDecodeError, match="id bad: zero bytes"):
        list(loader)
    loader._iterator._shutdown_workers()  # left to the garbage collector, PyTorch waits for five seconds


def test_no_batch_is_an_error():
    with pytest.raises(EmptyLoaderError, match="0 samples in batches of 4 make no batch"):
        make_loader(numbers(0), NoisyTransform(), batch_size=4)
    with pytest.raises(EmptyLoaderError, match="3 samples in batches of 4 make no batch with drop_last=True"):
        make_loader(numbers(3), NoisyTransform(), batch_size=4, drop_last=True)
    with pytest.raises(EmptyLoaderError, match="on each of 2 processes"):
        make_loader(numbers(7), NoisyTransform(), batch_size=4, drop_last=True, shuffle=True, world_size=2)
    assert len(make_loader(numbers(9), NoisyTransform(), batch_size=4, drop_last=True)) == 2


@pytest.mark.parametrize(
    "bad",
    [{"batch_size": 0}, {"seed": -1}, {"rank": 2, "world_size": 2}, {"batch_size": "4"}, {"seed": 1.5}, {"rank": None}],
)
def test_options_out_of_range(bad):
    with pytest.raises(ConfigError, match="needed are"):
        CountedBatchSampler(10, **{"batch_size": 2, **bad})


@pytest.mark.parametrize("num_workers", [-1, 1.0, "2", None, True])
def test_number_of_workers(num_workers):
    with pytest.raises(ConfigError, match=r"num_workers=.*number of processes"):
        make_loader(numbers(), NoisyTransform(), batch_size=2, num_workers=num_workers)


def indices(sampler):
    return [[i for _, i in batch] for batch in sampler]


@pytest.mark.parametrize(("size", "world_size"), [(10, 2), (11, 2), (13, 2), (16, 2), (17, 2), (13, 3), (14, 3)])
def test_training_ranks_share_each_global_batch(size, world_size):
    whole = indices(CountedBatchSampler(size, 6, shuffle=True, seed=3))
    samplers = [
        CountedBatchSampler(size, 6 // world_size, shuffle=True, seed=3, rank=r, world_size=world_size)
        for r in range(world_size)
    ]
    ranks = [indices(sampler) for sampler in samplers]
    assert {len(rank) for rank in ranks} == {len(whole)}
    for number, together in enumerate(whole):
        shares = [rank[number] for rank in ranks]
        real = [s for s, sampler in zip(shares, samplers, strict=True) if not sampler.is_padding(number)]
        assert [i for share in real for i in share] == together
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
        assert all(len(s) == 1 and set(s) <= set(together) for s in shares if s not in real)


@pytest.mark.parametrize(("size", "world_size"), [(10, 2), (10, 3), (4, 3)])
def test_evaluation_ranks_cover_every_sample_once(size, world_size):
    ranks = [indices(CountedBatchSampler(size, 3, rank=r, world_size=world_size)) for r in range(world_size)]
    assert sorted(i for rank in ranks for batch in rank for i in batch) == list(range(size))
    assert ranks[0][0] == [0, 1, 2]


def test_tensors_of_different_size_and_arrays_are_refused():
    def uneven(sample, *, epoch, index):
        return Sample(sample.id, torch.zeros(3, 4 + index, 4))

    def raw(sample, *, epoch, index):
        return sample

    with pytest.raises(ConfigError, match=r"images of one batch differ in size: s0 \(3, 4, 4\), s1 \(3, 5, 4\)"):
        list(make_loader(numbers(), uneven, batch_size=2))
    with pytest.raises(ConfigError, match="image as ndarray; a tensor is expected"):
        list(make_loader(numbers(), raw, batch_size=2))
