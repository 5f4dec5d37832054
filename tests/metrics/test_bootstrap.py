"""Each bootstrap value equals the metric of the physically repeated samples. Oracle: `metric_oracle`, scikit-learn."""

import metric_oracle
import numpy as np
import pytest

from skinzoo.errors import ConfigError, LabelError, UnknownNameError
from skinzoo.metrics import (
    bootstrap_classification,
    bootstrap_means,
    bootstrap_segmentation,
    bootstrap_statistic,
    classification_metrics,
    cluster_weights,
    segmentation_metrics,
)
from skinzoo.types import IGNORE_INDEX


def clustered(seed, max_samples=120):
    labels, probabilities, classes, malignant = metric_oracle.random_case(seed, max_samples)
    groups = np.random.default_rng(seed).integers(0, max(2, len(labels) // 2), len(labels)).astype(str)
    return labels, probabilities, classes, malignant, groups


def repeated(groups, resamples, seed):
    """Positions of the samples of each resample, each as often as it was drawn."""
    rows = np.concatenate(list(cluster_weights(groups, resamples, seed)))
    return [np.repeat(np.arange(len(groups)), row.astype(int)) for row in rows]


@pytest.mark.parametrize("seed", [*range(1, 13), 17, 34])
def test_each_resample_equals_the_metrics_of_repeated_samples(seed):
    labels, probabilities, classes, malignant, groups = clustered(seed)
    found = bootstrap_classification(
        labels, probabilities, classes, groups=groups, malignant=malignant, resamples=5, seed=seed
    )
    for b, drawn in enumerate(repeated(groups, 5, seed)):
        expected = metric_oracle.all_metrics(labels[drawn], probabilities[drawn], classes, malignant)
        assert set(found.resampled) == set(found.intervals) == set(expected)
        np.testing.assert_allclose(
            [found.resampled[key][b] for key in expected], list(expected.values()), rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("seed", [3, 5])
def test_each_resample_of_masks_equals_the_metrics_of_repeated_images(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, 20, (2, 40)) * rng.integers(0, 2, (2, 40))
    both, groups = np.minimum(truth, predicted) // 2, rng.integers(0, 15, 40)
    found = bootstrap_segmentation(both, truth, predicted, groups=groups, resamples=20, seed=seed)
    for b, drawn in enumerate(repeated(groups, 20, seed)):
        expected = segmentation_metrics(both[drawn], truth[drawn], predicted[drawn]).values
        assert list(found.resampled) == list(expected)
        np.testing.assert_allclose([found.resampled[k][b] for k in expected], list(expected.values()), atol=1e-12)


def test_means_of_anything_equal_those_of_repeated_samples():
    rng = np.random.default_rng(0)
    losses, groups = rng.exponential(size=(2, 30)), rng.integers(0, 12, 30)
    found = bootstrap_means({"brier": losses[0], "nll": losses[1]}, groups=groups, resamples=50)
    for b, drawn in enumerate(repeated(groups, 50, 0)):
        assert found.resampled["brier"][b] == pytest.approx(losses[0, drawn].mean(), abs=1e-12)
        assert found.resampled["nll"][b] == pytest.approx(losses[1, drawn].mean(), abs=1e-12)
    assert found["nll"].low < losses[1].mean() < found["nll"].high
    assert found.num_clusters == len(set(groups))


def test_keys_are_those_of_the_point_figures_and_the_intervals_enclose_them():
    rng = np.random.default_rng(2)
    labels, classes = rng.integers(0, 3, 400), ["MEL", "BCC", "NV"]
    probabilities = rng.dirichlet([0.6] * 3, 400) * 0.6 + 0.4 * np.eye(3)[labels] * rng.random((400, 1))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    point = classification_metrics(labels, probabilities, classes, malignant={"MEL", "BCC"})
    flat = point.values | {f"{code}/{name}": v for code, row in point.per_class.items() for name, v in row.items()}
    found = bootstrap_classification(labels, probabilities, classes, malignant={"MEL", "BCC"}, resamples=300)
    assert set(found.intervals) == {key for key in flat if not key.endswith("/support")}
    for key, (low, high) in found.intervals.items():
        assert low < flat[key] < high, key
        assert low == pytest.approx(np.quantile(found.resampled[key], 0.025), abs=0.02)
    assert found.undefined == {}
    assert (found.num_clusters, found.resamples, found.level) == (400, 300, 0.95)


def test_neither_the_order_of_the_samples_nor_that_of_the_clusters_matters():
    labels, probabilities, classes, malignant, groups = clustered(8)
    order = np.random.default_rng(0).permutation(len(labels))
    first = bootstrap_classification(
        labels, probabilities, classes, groups=groups, malignant=malignant, resamples=30, seed=4
    )
    other = bootstrap_classification(
        labels[order], probabilities[order], classes, groups=groups[order], malignant=malignant, resamples=30, seed=4
    )
    np.testing.assert_equal(other.resampled, first.resampled)
    assert str(other.intervals) == str(first.intervals)


def test_the_seed_decides():
    labels, probabilities, classes, *_ = clustered(8)
    draws = [bootstrap_classification(labels, probabilities, classes, resamples=9, seed=s).resampled for s in (1, 1, 2)]
    np.testing.assert_equal(draws[0], draws[1])
    assert (draws[0]["accuracy"] != draws[2]["accuracy"]).any()


def test_resampling_whole_lesions_widens_the_interval():
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(60) < 0.7, 10)
    labels, probabilities = np.zeros(600, int), np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
    groups = np.repeat(np.arange(60), 10)
    widths = [
        np.subtract(*bootstrap_classification(labels, probabilities, ["a", "b"], groups=g, resamples=400)["accuracy"])
        for g in (groups, None)
    ]
    assert widths[0] / widths[1] == pytest.approx(10**0.5, rel=0.2), "ten images of a lesion tell as much as one"


def test_a_higher_level_is_wider():
    labels, probabilities, classes, *_ = clustered(11)
    low, high = zip(
        *(
            bootstrap_classification(labels, probabilities, classes, resamples=200, level=level)["accuracy"]
            for level in (0.99, 0.95, 0.5)
        ),
        strict=True,
    )
    assert list(low) == sorted(low)
    assert list(high) == sorted(high, reverse=True)


def test_samples_without_a_label_are_not_drawn():
    labels, probabilities, classes, malignant, groups = clustered(8)
    partly = np.where(np.arange(len(labels)) % 3 == 0, IGNORE_INDEX, labels)
    kept = partly != IGNORE_INDEX
    options = {"malignant": malignant, "resamples": 10}
    found = bootstrap_classification(partly, probabilities, classes, groups=groups, **options)
    alone = bootstrap_classification(labels[kept], probabilities[kept], classes, groups=groups[kept], **options)
    np.testing.assert_equal(found.resampled, alone.resampled)


def test_a_class_of_one_lesion_has_no_interval():
    rng = np.random.default_rng(0)
    labels, groups = np.append(np.zeros(50, int), [1, 1, 1]), np.append(np.arange(50), [99, 99, 99])
    probabilities = rng.dirichlet([1, 1], 53)
    found = bootstrap_classification(labels, probabilities, ["a", "b"], groups=groups, resamples=200)
    assert found.undefined["b/recall"] == found.undefined["b/auc"] == "fewer than two groups to draw from"
    assert np.isnan(found["b/recall"]).all()
    assert not np.isnan([*found["a/recall"], *found["accuracy"], *found["macro_recall"]]).any()


def test_a_figure_that_is_mostly_undefined_has_no_interval():
    found = bootstrap_statistic(lambda w: {"first": np.where(w[:, 0] > 1, 1.0, np.nan)}, np.arange(20), resamples=200)
    missing = np.isnan(found.resampled["first"]).sum()
    assert found.undefined == {"first": f"undefined in {missing} of 200 resamples"}
    assert np.isnan(found["first"]).all()


def test_a_figure_that_is_sometimes_undefined_is_left_out_of_the_percentiles():
    found = bootstrap_statistic(lambda w: {"x": np.where(w[:, 0] > 0, w[:, 1], np.nan)}, np.arange(20), resamples=400)
    values = found.resampled["x"]
    assert 0.2 < np.isnan(values).mean() < 0.5
    assert found["x"].high == pytest.approx(np.nanquantile(values, 0.98), abs=1)
    assert found["x"].low == 0


def test_a_class_that_was_never_missed_has_no_interval():
    labels = np.array([0, 1] * 10)
    found = bootstrap_classification(labels, np.eye(2)[labels] * 0.8 + 0.1, ["a", "b"], malignant={"b"}, resamples=20)
    assert set(found.undefined) == set(found.intervals)
    assert set(found.undefined.values()) == {"the same in every resample"}
    assert bootstrap_statistic(lambda w: {"gap": 0 * w[:, 0]}, labels)["gap"] == (0, 0), "two equal models"


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_draw_from(n):
    reason = "no test images" if n == 0 else "fewer than two groups to draw from"
    found = bootstrap_classification([0] * n, np.full((n, 2), 0.5), ["a", "b"], malignant={"a"}, resamples=5)
    assert np.isnan(list(found.intervals.values())).all()
    assert found.undefined["accuracy"] == reason
    assert set(found.undefined) == set(found.intervals)
    masks = bootstrap_segmentation([3] * n, [4] * n, [5] * n, resamples=5)
    assert masks.undefined == dict.fromkeys(masks.intervals, reason)
    assert bootstrap_means({"brier": [0.5] * n}, resamples=5).undefined == {"brier": reason}
    assert found.num_clusters == masks.num_clusters == n


def test_bad_input_raises():
    labels, probabilities = [0, 1], [[0.9, 0.1], [0.2, 0.8]]
    with pytest.raises(ConfigError, match="groups and samples must be equally many; got 3 and 2"):
        bootstrap_classification(labels, probabilities, ["a", "b"], groups=[1, 2, 3])
    with pytest.raises(ConfigError, match="level must lie between 0 and 1"):
        bootstrap_classification(labels, probabilities, ["a", "b"], level=95, resamples=2)
    with pytest.raises(ConfigError, match="resamples must be a whole number of at least 1; got 0"):
        bootstrap_segmentation([1], [1], [1], resamples=0)
    with pytest.raises(ConfigError, match="probabilities hold 1 NaN"):
        bootstrap_classification(labels, [[0.9, np.nan], [0.2, 0.8]], ["a", "b"])
    with pytest.raises(LabelError, match="values 7"):
        bootstrap_classification([0, 7], probabilities, ["a", "b"])
    with pytest.raises(ConfigError, match="brier hold 1 NaN"):
        bootstrap_means({"brier": [0.1, np.nan]})
    with pytest.raises(ConfigError, match="nll and brier must be equally many; got 1 and 2"):
        bootstrap_means({"brier": [0.1, 0.2], "nll": [0.1]})
    with pytest.raises(ConfigError, match="at least one column"):
        bootstrap_means({})
    with pytest.raises(ConfigError, match=r"shape \(5,\); got \(\) for 'sum'"):
        bootstrap_statistic(lambda w: {"sum": w.sum()}, [1, 2], resamples=5)
    with pytest.raises(ConfigError, match="no sample to draw from"):
        bootstrap_statistic(lambda w: {"sum": w.sum(axis=1)}, [])
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        bootstrap_classification(labels, probabilities, ["a", "b"], resamples=2)["acuracy"]
