"""BCE, and Dice and Tversky with it. Oracles: the formulas in NumPy, and `torch.nn.BCEWithLogitsLoss`."""

import numpy as np
import pytest
import torch
from torch import nn

from skinzoo.errors import ConfigError, MaskError
from skinzoo.losses import DiceBCE, MaskBCE, TverskyBCE

LOSSES = [MaskBCE, DiceBCE, TverskyBCE, lambda: TverskyBCE(gamma=4 / 3)]


def case(seed=0, n=4, size=8):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, 1, size, size, generator=generator, dtype=torch.float64)
    masks = (torch.rand(n, 1, size, size, generator=generator, dtype=torch.float64) < 0.3).double()
    return logits, masks


def dice_bce(logits, masks, dice_weight=1.0, bce_weight=1.0, smooth=1.0):
    """The formula, image by image."""
    losses = []
    for z, t in zip(logits.numpy(), masks.numpy(), strict=True):
        p = 1 / (1 + np.exp(-z))
        dice = (2 * (p * t).sum() + smooth) / (p.sum() + t.sum() + smooth)
        bce = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
        losses.append(dice_weight * (1 - dice) + bce_weight * bce)
    return np.mean(losses)


@pytest.mark.parametrize("pos_weight", [None, 3.0])
def test_bce_equals_pytorch(pos_weight):
    logits, masks = case()
    oracle = nn.BCEWithLogitsLoss(pos_weight=None if pos_weight is None else torch.tensor(pos_weight))
    assert torch.allclose(MaskBCE(pos_weight)(logits, masks), oracle(logits, masks), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "options", [{}, {"dice_weight": 0.3, "bce_weight": 2.0}, {"smooth": 50.0}, {"bce_weight": 0.0}]
)
def test_dice_bce_equals_the_formula(options):
    logits, masks = case(seed=1)
    assert DiceBCE(**options)(logits, masks).item() == pytest.approx(dice_bce(logits, masks, **options), abs=1e-10)


def test_dice_alone_of_a_perfect_prediction_is_zero_and_of_a_wrong_one_near_one():
    _, masks = case(seed=2)
    loss = DiceBCE(bce_weight=0.0)
    assert loss(40 * (2 * masks - 1), masks).item() == pytest.approx(0, abs=1e-12)
    assert loss(40 * (1 - 2 * masks), masks).item() > 0.95


def tversky(logits, masks, alpha=0.3, beta=0.7, gamma=1.0, bce_weight=1.0, smooth=1.0):
    """The formula, image by image."""
    losses = []
    for z, t in zip(logits.numpy(), masks.numpy(), strict=True):
        p = 1 / (1 + np.exp(-z))
        tp, fp, fn = (p * t).sum(), (p * (1 - t)).sum(), ((1 - p) * t).sum()
        index = (tp + smooth) / (tp + alpha * fp + beta * fn + smooth)
        bce = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
        losses.append((1 - index) ** (1 / gamma) + bce_weight * bce)
    return np.mean(losses)


@pytest.mark.parametrize(
    "options", [{}, {"alpha": 1.0, "beta": 0.0}, {"gamma": 4 / 3, "bce_weight": 0.0}, {"gamma": 0.5, "smooth": 9.0}]
)
def test_tversky_equals_the_formula(options):
    logits, masks = case(seed=9)
    assert TverskyBCE(**options)(logits, masks).item() == pytest.approx(tversky(logits, masks, **options), abs=1e-10)


def test_tversky_holds_dice_and_jaccard():
    logits, masks = case(seed=10)
    dice = DiceBCE(bce_weight=0.0, smooth=2.0)(logits, masks)  # Dice counts the overlap, and so the smoothing, twice
    assert torch.allclose(TverskyBCE(0.5, 0.5, bce_weight=0.0)(logits, masks), dice, rtol=0, atol=1e-12)
    predicted = 80 * (logits > 0).double() - 40
    lesion, truth = (logits > 0).flatten(1), (masks > 0).flatten(1)
    jaccard = (((lesion & truth).sum(1) + 1.0).double() / ((lesion | truth).sum(1) + 1.0)).mean().item()
    assert TverskyBCE(1.0, 1.0, bce_weight=0.0)(predicted, masks).item() == pytest.approx(1 - jaccard, abs=1e-10)


def test_focal_tversky_of_a_perfect_prediction_has_a_finite_gradient():
    _, masks = case(seed=11)
    logits = (200 * masks - 100).requires_grad_()
    TverskyBCE(gamma=4 / 3, bce_weight=0.0)(logits, masks).backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    "loss",
    [MaskBCE(), MaskBCE(2.0), DiceBCE(), DiceBCE(bce_weight=0), TverskyBCE(), TverskyBCE(gamma=4 / 3, bce_weight=0)],
)
def test_mask_gradient_by_finite_differences(loss):
    logits, masks = case(seed=3, n=3, size=4)
    masks[0] = float("nan")
    assert torch.autograd.gradcheck(lambda x: loss(x, masks), logits.requires_grad_(), eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_samples_without_a_mask_count_nothing_and_get_no_gradient(loss):
    logits, masks = case(seed=4)
    partly = masks.clone()
    partly[[0, 2]] = float("nan")
    logits.requires_grad_()
    value = loss()(logits, partly)
    assert torch.allclose(value, loss()(logits[[1, 3]], masks[[1, 3]]), rtol=0, atol=1e-12)
    value.backward()
    assert (logits.grad[[0, 2]] == 0).all()
    assert (logits.grad[[1, 3]] != 0).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("masks", [None, torch.full((2, 1, 4, 4), float("nan"))])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_without_any_mask_zero_and_in_the_graph(loss, masks, dtype):
    logits = torch.full((2, 1, 4, 4), 6e4, dtype=dtype, requires_grad=True)
    value = loss()(logits, masks)
    assert value.item() == 0.0
    value.backward()
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("logit", [2.0, 10.0, 1e4])
def test_an_empty_mask_teaches_a_model_that_predicts_a_full_one(loss, logit):
    logits = torch.full((1, 1, 32, 32), logit, requires_grad=True)
    value = loss()(logits, torch.zeros(1, 1, 32, 32))
    value.backward()
    assert value > 0.1
    assert logits.grad.abs().sum() > 1e-6
    assert (logits.grad > 0).all()  # descent lowers every logit


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_extreme_mask_logits_stay_finite(loss, dtype, logit):
    logits = torch.full((2, 1, 128, 128), logit, dtype=dtype, requires_grad=True)
    masks = torch.zeros(2, 1, 128, 128, dtype=dtype)
    masks[0, :, :64] = 1
    value = loss()(logits, masks)
    value.backward()
    assert value.isfinite()
    assert value > 1000
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_under_autocast_close_to_float32(loss, dtype):
    layer = nn.Conv2d(3, 1, 3, padding=1)
    x, masks = torch.randn(2, 3, 300, 300), torch.ones(2, 1, 300, 300)  # 90 000 > the largest float16
    full = loss()(layer(x), masks)
    with torch.autocast("cpu", dtype=dtype):
        half = loss()(layer(x), masks)
    half.backward()
    assert half.dtype == torch.float32
    assert torch.allclose(half, full, rtol=0.02)
    assert layer.weight.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_soft_targets_of_mixed_images_are_allowed(loss):
    logits, masks = case(seed=5)
    assert loss()(logits, 0.3 * masks + 0.7 * masks.flip(0)).isfinite()


@pytest.mark.parametrize("loss", LOSSES)
def test_order_of_the_batch_does_not_matter(loss):
    logits, masks = case(seed=6)
    assert torch.allclose(loss()(logits, masks), loss()(logits.flip(0), masks.flip(0)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_masks_outside_0_to_1_or_partly_nan_raise(loss):
    logits, masks = case(seed=7)
    holey = masks.clone()
    holey[0, 0, 0, 0] = float("nan")
    for bad, message in ((255 * masks, "0 to 255"), (masks - 0.1, "from -0.1"), (holey, "1 NaN inside masks")):
        with pytest.raises(MaskError, match=message):
            loss()(logits, bad)


@pytest.mark.parametrize("loss", LOSSES)
def test_shapes_of_masks_that_do_not_fit(loss):
    logits, masks = case(seed=8)
    for bad in (masks[:, 0], masks[:2], masks[..., :4]):
        with pytest.raises(ConfigError, match="one shape"):
            loss()(logits, bad)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MaskBCE(0.0),
        lambda: MaskBCE(-1.0),
        lambda: DiceBCE(dice_weight=-1),
        lambda: DiceBCE(dice_weight=0, bce_weight=0),
        lambda: DiceBCE(smooth=0.0),
        lambda: TverskyBCE(alpha=-1.0),
        lambda: TverskyBCE(alpha=0.0, beta=0.0),
        lambda: TverskyBCE(gamma=0.0),
        lambda: TverskyBCE(smooth=0.0),
        lambda: TverskyBCE(bce_weight=float("inf")),
    ],
)
def test_mask_loss_options_out_of_range(make):
    with pytest.raises(ConfigError, match="got"):
        make()
