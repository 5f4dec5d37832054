"""Sampling weights and draws. Oracles: the formulas class by class, and SciPy's chi-square test of the draws."""

import numpy as np
import pytest
from scipy import stats

from skinzoo.datasets import sampling_weights
from skinzoo.datasets.base import DatasetInfo, Records, SkinDataset
from skinzoo.datasets.loading import CountedBatchSampler, make_loader
from skinzoo.errors import ConfigError
from skinzoo.taxonomy import ISIC2018
from skinzoo.types import IGNORE_INDEX, Sample

COUNTS = {0: 40, 1: 4, 5: 16}


def collection(unlabelled=20):
    labels = np.array([c for c, n in COUNTS.items() for _ in range(n)] + [IGNORE_INDEX] * unlabelled)
    np.random.default_rng(0).shuffle(labels)
    records = Records.build([f"s{i}" for i in range(len(labels))], labels=labels)
    return SkinDataset(DatasetInfo("n", "n"), records, ISIC2018, None)


@pytest.mark.parametrize(
    ("scheme", "formula"),
    [
        ("uniform", lambda n: 1),
        ("balanced", lambda n: 1 / n),
        ("sqrt", lambda n: n**-0.5),
        ("effective", lambda n: 1 / sum(0.9**i for i in range(n))),
    ],
)
@pytest.mark.parametrize("unlabelled", [0, 20])
def test_schemes_equal_their_formulas(scheme, formula, unlabelled):
    data = collection(unlabelled)
    weights = sampling_weights(data, scheme, beta=0.9)
    labels = data.records.labels
    assert weights.sum() == pytest.approx(1)
    assert weights[labels == IGNORE_INDEX].sum() == pytest.approx(unlabelled / len(data)), "they keep their share"
    total = sum(n * formula(n) for n in COUNTS.values())
    for label, n in COUNTS.items():
        share = n * formula(n) / total * 60 / len(data)
        np.testing.assert_allclose(weights[labels == label], share / n)


def test_schemes_that_make_no_sense():
    with pytest.raises(ConfigError, match="unknown scheme of sampling 'balance'; did you mean 'balanced'"):
        sampling_weights(collection(), "balance")
    with pytest.raises(ConfigError, match="beta"):
        sampling_weights(collection(), "effective", beta=1.0)
    bare = SkinDataset(DatasetInfo("n", "n"), Records.build(["a", "b"]), ISIC2018, None)
    with pytest.raises(ConfigError, match="n has no labels to sample by; use 'uniform'"):
        sampling_weights(bare)
    assert sampling_weights(bare, "uniform").tolist() == [0.5, 0.5]


def test_draws_follow_the_weights_and_are_a_function_of_seed_and_epoch():
    weights = [1.0, 2.0, 0.0, 5.0]
    sampler = CountedBatchSampler(4, 2, shuffle=True, seed=3, weights=weights)
    assert len(sampler) == 2
    drawn = np.bincount(np.concatenate([sampler.order(e) for e in range(1000)]), minlength=4)
    assert drawn[2] == 0
    assert stats.chisquare(drawn[[0, 1, 3]], 4000 * np.array([1, 2, 5]) / 8).pvalue > 0.01
    again = CountedBatchSampler(4, 2, shuffle=True, seed=3, weights=np.array(weights) * 7)
    other = CountedBatchSampler(4, 2, shuffle=True, seed=4, weights=weights)
    assert [sampler.order(e).tolist() for e in range(20)] == [again.order(e).tolist() for e in range(20)]
    assert [sampler.order(e).tolist() for e in range(20)] != [other.order(e).tolist() for e in range(20)]


def test_a_sample_drawn_again_has_a_key_of_its_own():
    sampler = CountedBatchSampler(50, 8, shuffle=True, weights=np.arange(50.0))
    epochs = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        keys = [key for batch in sampler for key in batch]
        assert [index for _, index in keys] == sampler.order(epoch).tolist()
        assert len(set(keys)) == 50 > len({index for _, index in keys})
        assert {key[0] for key in keys[:1]} == {epoch}
        epochs += keys
    assert len(set(epochs)) == 150
    plain = CountedBatchSampler(50, 8, shuffle=True)
    assert {epoch for batch in plain for epoch, _ in batch} == {0}


def test_ranks_share_the_draws():
    weights = np.arange(1.0, 14.0)
    whole = list(CountedBatchSampler(13, 6, shuffle=True, seed=1, weights=weights))
    ranks = [
        list(CountedBatchSampler(13, 3, shuffle=True, seed=1, weights=weights, rank=r, world_size=2)) for r in (0, 1)
    ]
    assert [a + b for a, b in zip(*ranks, strict=True)][:2] == whole[:2]


def test_an_epoch_of_draws_can_start_in_the_middle():
    sampler = CountedBatchSampler(13, 3, shuffle=True, weights=np.arange(13.0))
    whole = list(sampler)
    sampler.set_epoch(0, start=3)
    assert list(sampler) == whole[3:]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0], r"3 finite numbers >= 0, not all 0; got shape \(2,\)"),
        ([1.0, -1.0, 1.0], "from -1 to 1"),
        ([1.0, float("nan"), 1.0], "finite"),
        ([0.0, 0.0, 0.0], "not all 0"),
    ],
)
def test_weights_that_make_no_sense(weights, message):
    with pytest.raises(ConfigError, match=message):
        CountedBatchSampler(3, 1, shuffle=True, weights=weights)
    with pytest.raises(ConfigError, match="give shuffle=True"):
        CountedBatchSampler(2, 1, weights=[1.0, 1.0])


def test_a_loader_draws():
    class Numbers:
        def read(self, image, mask, id):
            return np.zeros((2, 2, 3), np.uint8), None

    def transform(sample, *, epoch, index):
        import torch

        return Sample(sample.id, torch.full((3, 2, 2), float(epoch > 2**31)), sample.label)

    data = collection()
    data.source = Numbers()
    loader = make_loader(data, transform, batch_size=16, shuffle=True, weights=sampling_weights(data))
    drawn = [label for epoch in range(12) for batch in at(loader, epoch) for label in batch.labels.tolist()]
    counts = np.array([drawn.count(label) for label in COUNTS])
    assert stats.chisquare(counts).pvalue > 0.01
    assert any(batch.images.any() for batch in at(loader, 0)), "some are drawn again"


def at(loader, epoch):
    loader.batch_sampler.set_epoch(epoch)
    return loader
