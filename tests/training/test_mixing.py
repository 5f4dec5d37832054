"""Mixup and CutMix. Oracles: the papers' formulas, pixel by pixel, and SciPy's beta distribution."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from toy import Crash, CrashAt, toy_run

from skinzoo.errors import CheckpointMismatchError, ConfigError, UnknownNameError
from skinzoo.losses import CrossEntropy, HardExampleLoss, default_loss
from skinzoo.training import CutMix, Mixup, MixupOrCutMix, create_mixing, list_mixings
from skinzoo.training.callbacks import Writer
from skinzoo.training.engine import Engine
from skinzoo.training.tally import Tally
from skinzoo.types import IGNORE_INDEX, Batch, ModelOutput

NAMES = ["mixup", "cutmix", "mixup_or_cutmix"]


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch):
    monkeypatch.setattr(Writer, "on_fit_end", lambda self, trainer: None)


def batch_of(n=6, height=20, width=30, dtype=torch.float32):
    """Picture i has the value i everywhere and the label i; masks are full or empty, metadata 10 i."""
    numbers = torch.arange(n, dtype=dtype)
    return Batch(
        numbers[:, None, None, None].expand(n, 3, height, width).clone(),
        torch.arange(n),
        (numbers % 2)[:, None, None, None].expand(n, 1, height, width).clone(),
        [str(i) for i in range(n)],
        metadata=10 * numbers[:, None],
    )


def at_step(mixing, step, batch=None, **options):
    return mixing(batch_of() if batch is None else batch, seed=42, **{"step": step, **options})


@pytest.mark.parametrize("step", range(5))
def test_mixup_equals_the_formula(step):
    batch = batch_of()
    mixed = at_step(Mixup(alpha=1.0), step)
    other = mixed.other_labels
    assert sorted(other.tolist()) == list(range(6))
    assert (other != batch.labels).all(), "each is mixed with another one"
    assert torch.equal(mixed.labels, batch.labels)
    for name in ("images", "masks", "metadata"):
        a = getattr(batch, name).double()
        torch.testing.assert_close(
            getattr(mixed, name).double(), mixed.share * a + (1 - mixed.share) * a[other], rtol=0, atol=1e-5
        )


@pytest.mark.parametrize("step", range(12))
def test_cutmix_pastes_one_rectangle_and_its_share_is_the_area(step):
    batch = batch_of()
    mixed = at_step(CutMix(), step)
    pasted = mixed.images[0, 0] != 0
    rows, columns = torch.nonzero(pasted.any(1)).flatten(), torch.nonzero(pasted.any(0)).flatten()
    assert pasted.sum() == len(rows) * len(columns), "it is a rectangle"
    assert (rows.diff() == 1).all()
    assert (columns.diff() == 1).all()
    assert 1 - mixed.share == pytest.approx(int(pasted.sum()) / (20 * 30), abs=1e-12)
    for name in ("images", "masks"):
        own = getattr(batch, name)
        expected = torch.where(pasted, own[mixed.other_labels], own)
        assert torch.equal(getattr(mixed, name), expected)
    torch.testing.assert_close(
        mixed.metadata, 10 * (mixed.share * batch.labels + (1 - mixed.share) * mixed.other_labels)[:, None].float()
    )


def test_the_rectangle_is_as_large_as_the_paper_says_where_nothing_cuts_it_off():
    """Its sides are those of the picture times sqrt(1 - lambda), lambda uniform for alpha = 1, its centre anywhere."""
    heights, ratios = [], []
    for step in range(400):
        mixed = at_step(CutMix(), step, batch_of(2, 200, 200))
        inside = torch.nonzero(mixed.images[0, 0] == 1)
        if not len(inside):
            continue
        (top, left), (bottom, right) = inside.min(0).values.tolist(), inside.max(0).values.tolist()
        if min(top, left) > 0 and max(bottom, right) < 199:
            heights.append(bottom - top + 1)
            ratios.append((bottom - top + 1) / (right - left + 1))
    assert set(ratios) == {1.0}
    # P(side <= s and not cut off): density 2 s of the side, times (1 - s)^2 for the centre
    cdf = lambda s: 12 * (s**2 / 2 - 2 * s**3 / 3 + s**4 / 4)  # noqa: E731
    assert stats.kstest(np.array(heights) / 200, cdf).pvalue > 0.01


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_the_share_follows_its_distribution(alpha):
    shares = [at_step(Mixup(alpha), step, batch_of(2, 2, 2)).share for step in range(600)]
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_function_of_seed_step_and_rank_and_leaves_the_global_state_alone(name):
    mixing = create_mixing(name)

    def look(**where):
        mixed = mixing(batch_of(), **{"seed": 42, "step": 0, "rank": 0, **where})
        return mixed.share, tuple(mixed.other_labels.tolist()), mixed.images.sum().item()

    torch.manual_seed(5)
    before, first = torch.get_rng_state(), look()
    torch.rand(7)
    assert look() == first
    assert len({first, look(step=1), look(seed=43), look(rank=1)}) == 4
    torch.manual_seed(5)
    look()
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", NAMES)
def test_the_share_of_mixed_batches(name):
    mixed = [at_step(create_mixing(name, prob=0.3), step).other_labels is not None for step in range(500)]
    assert stats.binomtest(sum(mixed), 500, 0.3).pvalue > 0.01
    untouched = batch_of()
    assert at_step(create_mixing(name, prob=0.0), 0, untouched) is untouched
    alone = batch_of(1)
    assert at_step(create_mixing(name), 0, alone) is alone


def test_either_of_the_two():
    kinds = []
    for step in range(300):
        mixed = at_step(MixupOrCutMix(cutmix_share=0.25, mixup_alpha=1.0), step)
        kinds.append(set(mixed.images.unique().tolist()) <= set(range(6)))
        expected = at_step(CutMix() if kinds[-1] else Mixup(1.0), step)
        assert torch.equal(mixed.images, expected.images)
    assert stats.binomtest(sum(kinds), 300, 0.25).pvalue > 0.01


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("step", range(4))
def test_no_annotation_is_lost_or_made_up(name, step):
    batch = batch_of(9)
    labels, masks = batch.labels.clone(), batch.masks.clone()
    labels[[0, 3, 4]], masks[[3, 4, 7, 8]] = IGNORE_INDEX, math.nan
    mixed = at_step(create_mixing(name), step, batch._replace(labels=labels, masks=masks))
    assert torch.equal(mixed.labels, labels)
    assert torch.equal(mixed.other_labels == IGNORE_INDEX, labels == IGNORE_INDEX)
    assert torch.equal(mixed.masks.isnan(), masks.isnan())
    assert torch.equal(mixed.images[0], batch.images[0]), "alone of its kind"
    partners = mixed.other_labels[[1, 2, 5, 6, 7, 8]].tolist()
    assert sorted(partners) == [1, 2, 5, 6, 7, 8]
    assert partners[4:] == [8, 7]
    without = at_step(create_mixing(name), step, batch_of()._replace(masks=None, metadata=None))
    assert without.masks is None
    assert without.metadata is None


def test_the_training_accuracy_counts_both_labels_by_their_shares():
    mixed = at_step(Mixup(1.0), 1)
    tally = Tally()
    for hits, expected in ((mixed.labels, mixed.share), (mixed.other_labels, 1 - mixed.share)):
        tally.clear()
        tally.add(ModelOutput(torch.eye(6)[hits]), mixed, {}, {})
        accuracy = tally.means(Engine(torch.device("cpu")), default_loss("classification"))["train_accuracy"]
        assert accuracy == pytest.approx(expected)


@pytest.mark.parametrize("weight", [None, [0.5, 2.0, 1.0, 0.25, 1.0, 3.0]])
def test_the_loss_of_mixed_labels_equals_that_of_soft_targets(weight):
    """Oracle: PyTorch's cross-entropy with class probabilities, whose mean is over the number of samples."""
    torch.manual_seed(0)
    output = ModelOutput(torch.randn(6, 6, dtype=torch.float64))
    mixed = at_step(Mixup(1.0), 1)
    eye = torch.eye(6, dtype=torch.float64)
    targets = mixed.share * eye[mixed.labels] + (1 - mixed.share) * eye[mixed.other_labels]
    weights = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    loss = default_loss("classification", class_weights=weights)
    mass = loss.mass(mixed)["classification_loss"].item()
    total = torch.nn.functional.cross_entropy(output.logits, targets, weight=weights, reduction="sum")
    assert mass == pytest.approx((targets * (1 if weights is None else weights)).sum().item())
    assert loss(output, mixed)["loss"].item() == pytest.approx(total.item() / mass, rel=1e-6)


@pytest.mark.parametrize("loss", [CrossEntropy([1.0, 2, 3, 4, 5, 6]), HardExampleLoss(1.0, [1.0, 2, 3, 4, 5, 6])])
def test_the_loss_of_mixed_labels_does_not_depend_on_how_the_batch_is_cut(loss):
    torch.manual_seed(0)
    logits, mixed = torch.randn(6, 6), at_step(CutMix(), 3)
    whole = default_loss("classification")
    whole.classification = loss
    pieces = []
    for rows in (slice(0, 1), slice(1, 6)):
        piece = mixed._replace(labels=mixed.labels[rows], other_labels=mixed.other_labels[rows], masks=None)
        value = whole(ModelOutput(logits[rows]), piece)["classification_loss"]
        pieces.append((value, whole.mass(piece)["classification_loss"]))
    mean = sum(v * m for v, m in pieces) / sum(m for _, m in pieces)
    torch.testing.assert_close(mean, whole(ModelOutput(logits), mixed)["classification_loss"])


def test_names_and_mistakes():
    assert list_mixings() == NAMES
    assert create_mixing("mixup", alpha=0.4) == Mixup(0.4)
    with pytest.raises(UnknownNameError, match="did you mean 'cutmix'"):
        create_mixing("cutmx")
    with pytest.raises(ConfigError, match=r"does not take the option 'alfa'\. Did you mean 'alpha'"):
        create_mixing("mixup", alfa=1)
    for bad in ({"alpha": 0.0}, {"alpha": math.nan}, {"alpha": math.inf}, {"prob": -0.1}, {"prob": 1.1}):
        for kind in (Mixup, CutMix):
            with pytest.raises(ConfigError, match="each alpha must be a number above 0"):
                kind(**bad)
    with pytest.raises(ConfigError, match="shares and prob lie in"):
        MixupOrCutMix(cutmix_share=2.0)


def test_a_run_that_mixes_and_samples_goes_on_with_the_same_bits(tmp_path):
    options = {"mixing": Mixup(0.4), "sampling": "balanced", "accumulate": 2}
    whole = toy_run(tmp_path / "whole", **options)
    for at, workers in ((6, 0), (11, 2)):
        with pytest.raises(Crash):
            toy_run(tmp_path / "cut", callbacks=[CrashAt(at)], num_workers=workers, **options)
        torch.manual_seed(at)
    assert toy_run(tmp_path / "cut", **options) == whole
    assert toy_run(tmp_path / "other", **{**options, "mixing": None}) != whole


def test_a_run_that_was_begun_with_another_mixing_is_refused(tmp_path):
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[CrashAt(3)], mixing=Mixup(0.4))
    with pytest.raises(CheckpointMismatchError, match=r"mixing: 'Mixup\(alpha=0.4, prob=1.0\)' before, None now"):
        toy_run(tmp_path)
