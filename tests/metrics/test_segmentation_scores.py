"""Oracles: Python sets of pixels, and scikit-learn's F1 and Jaccard on flattened masks."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score

from skinzoo.errors import ConfigError, MaskError
from skinzoo.metrics import dice_iou, dice_iou_of_counts, mask_counts, pooled_dice_iou, segmentation_metrics

EMPTY, FULL = np.zeros((4, 5), np.uint8), np.ones((4, 5), np.uint8)
HALF = np.array([[1] * 5, [1] * 5, [0] * 5, [0] * 5], np.uint8)


def pixels(mask):
    return {tuple(p) for p in np.argwhere(mask)}


def random_masks(seed, n=6):
    rng = np.random.default_rng(seed)
    truth = rng.random((n, 9, 7)) < rng.random((n, 1, 1))
    prediction = np.where(rng.random((n, 9, 7)) < 0.3, rng.random((n, 9, 7)) < 0.5, truth)
    return truth, prediction


@pytest.mark.parametrize(
    ("truth", "prediction", "expected"),
    [
        (EMPTY, EMPTY, (1.0, 1.0)),
        (EMPTY, FULL, (0.0, 0.0)),
        (FULL, EMPTY, (0.0, 0.0)),
        (FULL, FULL, (1.0, 1.0)),
        (HALF, 1 - HALF, (0.0, 0.0)),
        (HALF, FULL, (2 * 10 / 30, 10 / 20)),
    ],
)
def test_truth_table(truth, prediction, expected):
    assert dice_iou(truth, prediction) == expected


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_sets_of_pixels_and_scikit_learn(seed):
    truths, predictions = random_masks(seed)
    counts = mask_counts(truths, predictions)
    scores = dice_iou_of_counts(*counts)
    for i, (t, p) in enumerate(zip(truths, predictions, strict=True)):
        a, b = pixels(t), pixels(p)
        assert (counts.intersection[i], counts.truth_area[i], counts.predicted_area[i]) == (len(a & b), len(a), len(b))
        if a | b:
            assert scores.dice[i] == pytest.approx(2 * len(a & b) / (len(a) + len(b)), abs=1e-15)
            assert scores.iou[i] == pytest.approx(len(a & b) / len(a | b), abs=1e-15)
        assert dice_iou(t, p) == (scores.dice[i], scores.iou[i])
    dice, iou = pooled_dice_iou(*counts)
    assert dice == pytest.approx(f1_score(truths.ravel(), predictions.ravel()), abs=1e-12)
    assert iou == pytest.approx(jaccard_score(truths.ravel(), predictions.ravel()), abs=1e-12)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_type_axis_of_one_and_batches_do_not_matter(dtype):
    truths, predictions = random_masks(3)
    whole = mask_counts(truths, predictions)
    typed = mask_counts(truths[:, None].astype(dtype), predictions[:, None].astype(dtype))
    parts = [mask_counts(truths[k], predictions[k]) for k in (slice(0, 2), slice(2, 6))]
    for column, other, *halves in zip(whole, typed, *parts, strict=True):
        assert column.dtype == np.int64
        np.testing.assert_array_equal(column, other)
        np.testing.assert_array_equal(column, np.concatenate(halves))


def test_summary_has_means_over_images_and_over_pixels():
    truths, predictions = np.stack([HALF, EMPTY, EMPTY]), np.stack([FULL, EMPTY, HALF])
    metrics = segmentation_metrics(*mask_counts(truths, predictions))
    assert metrics.values["dice"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics.values["iou"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert metrics.values["dice_pooled"] == pytest.approx(20 / 40)
    assert metrics.values["iou_pooled"] == pytest.approx(10 / 30)
    assert (metrics.num_samples, metrics.num_empty, metrics.undefined) == (3, 2, {})


def test_an_iou_below_the_threshold_counts_nothing_in_the_thresholded_jaccard():
    both, truth, predicted = [65, 64, 100, 0, 0], [100, 100, 100, 0, 5], [65, 64, 100, 0, 0]
    metrics = segmentation_metrics(both, truth, predicted)
    assert metrics.values["thresholded_jaccard"] == pytest.approx((0.65 + 0 + 1 + 1 + 0) / 5, abs=1e-15)
    assert metrics.values["iou"] == pytest.approx((0.65 + 0.64 + 1 + 1 + 0) / 5, abs=1e-15)


def test_no_images_is_undefined_with_a_reason():
    metrics = segmentation_metrics([], [], [])
    assert np.isnan(list(metrics.values.values())).all()
    names = {"dice", "iou", "dice_pooled", "iou_pooled", "thresholded_jaccard"}
    assert set(metrics.undefined) == set(metrics.values) == names
    assert set(metrics.undefined.values()) == {"no test images with a mask"}


def test_only_empty_masks_rightly_predicted_is_perfect_also_when_pooled():
    assert pooled_dice_iou([0, 0], [0, 0], [0, 0]) == (1.0, 1.0)


@pytest.mark.parametrize("bad", [HALF * 255, HALF * 0.5, np.where(HALF, np.nan, 0.0), -HALF.astype(int)])
def test_values_other_than_0_and_1_raise(bad):
    for pair in ((bad, HALF), (HALF, bad)):
        with pytest.raises(MaskError, match="0 and 1 only") as caught:
            dice_iou(*pair)
        assert caught.value.code == "MASK_VALUES"


def test_shapes_and_counts_that_do_not_fit_raise():
    with pytest.raises(ConfigError, match=r"same shape \(N, H, W\)"):
        dice_iou(HALF, HALF[:2])
    with pytest.raises(ConfigError, match=r"same shape \(N, H, W\)"):
        mask_counts(HALF, HALF)
    with pytest.raises(ConfigError, match=r"same shape \(N,\)"):
        segmentation_metrics([1], [1, 2], [1, 2])
    with pytest.raises(ConfigError, match="smaller of the two areas"):
        segmentation_metrics([5], [3], [9])
    with pytest.raises(ConfigError, match="whole numbers"):
        segmentation_metrics([0.5], [1.0], [1.0])
