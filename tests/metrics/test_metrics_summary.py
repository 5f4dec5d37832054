"""The summary equals its parts, leaves nothing undefined without a reason, and prints as a table."""

import numpy as np
import pytest

from skinzoo.errors import ConfigError, LabelError
from skinzoo.metrics import (
    accuracy,
    classification_metrics,
    classification_report,
    confusion_matrix,
    higher_is_better,
    roc_auc_ovr,
)
from skinzoo.types import IGNORE_INDEX

CLASSES = ["BCC", "MEL", "NV", "VASC"]


@pytest.fixture
def case():
    """60 images of three classes; NV is never predicted, VASC has no images."""
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet([2, 2, 2, 0.5], 60)
    probabilities[:, 2] *= 0.01
    return rng.integers(0, 3, 60), probabilities


def test_parts_and_undefined_metrics(case):
    labels, probabilities = case
    metrics = classification_metrics(labels, probabilities, CLASSES)
    confusion = confusion_matrix(labels, probabilities.argmax(1), 4)
    areas = roc_auc_ovr(labels, probabilities)
    np.testing.assert_array_equal(metrics.confusion, confusion)
    assert metrics.values["accuracy"] == accuracy(confusion)
    assert metrics.values["macro_auc"] == areas.macro
    assert [metrics.per_class[c]["auc"] for c in CLASSES[:3]] == areas.per_class[:3].tolist()
    assert [metrics.per_class[c]["support"] for c in CLASSES] == np.bincount(labels, minlength=4).tolist()
    assert metrics.undefined == {
        "NV/precision": "never predicted",
        **dict.fromkeys(
            [f"VASC/{name}" for name in metrics.per_class["VASC"] if name not in ("specificity", "support")],
            "no test images of this class",
        ),
    }
    assert set(metrics.macro_classes.values()) == {("BCC", "MEL", "NV")}
    expected = sum(metrics.per_class[c]["precision"] for c in ("BCC", "MEL")) / 3
    assert metrics.values["macro_precision"] == pytest.approx(expected), "never predicted counts as 0 in the mean"


def test_every_nan_has_a_reason_and_every_reason_a_nan(case):
    labels, probabilities = case
    for kept in (slice(0, 0), slice(0, 1), slice(0, 60)):
        metrics = classification_metrics(labels[kept], probabilities[kept], CLASSES)
        nan = {name for name, value in metrics.values.items() if np.isnan(value)}
        nan |= {f"{code}/{name}" for code, row in metrics.per_class.items() for name, v in row.items() if np.isnan(v)}
        assert nan == set(metrics.undefined)


def test_no_images_at_all():
    metrics = classification_metrics([], np.empty((0, 4)), CLASSES)
    assert np.isnan(list(metrics.values.values())).all()
    assert metrics.undefined["accuracy"] == "no test images"
    assert "n/a" in classification_report(metrics)


def test_samples_without_a_label_are_left_out_and_counted(case):
    labels, probabilities = case
    partly = np.where(np.arange(60) % 3 == 0, IGNORE_INDEX, labels)
    metrics = classification_metrics(partly, probabilities, CLASSES)
    alone = classification_metrics(labels[partly != IGNORE_INDEX], probabilities[partly != IGNORE_INDEX], CLASSES)
    assert metrics.values == alone.values
    assert (metrics.num_samples, metrics.num_unlabelled) == (40, 20)


def test_order_and_number_type_do_not_matter(case):
    labels, probabilities = case
    probabilities = probabilities.astype(np.float32)
    order = np.random.default_rng(0).permutation(60)
    first = classification_metrics(labels, probabilities, CLASSES)
    second = classification_metrics(labels[order].astype(np.int32), probabilities[order].astype(np.float64), CLASSES)
    assert first.values == second.values


def test_of_equal_probabilities_the_first_class_is_predicted():
    assert classification_metrics([0, 1], [[0.5, 0.5]] * 2, ["a", "b"]).confusion.tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize(
    ("labels", "probabilities", "classes", "error", "message"),
    [
        ([0], [[0.5, np.nan]], ["a", "b"], ConfigError, "NaN"),
        ([0], [[3.0, -1.0]], ["a", "b"], ConfigError, "softmax"),
        ([0], [[0.5, 0.5]], ["a"], ConfigError, "2 columns for 1 classes"),
        ([0], [[0.5, 0.5]], ["a", "a"], ConfigError, "different names"),
        ([0, 1], [[0.5, 0.5]], ["a", "b"], ConfigError, "equally many"),
        ([[0]], [[0.5, 0.5]], ["a", "b"], ConfigError, r"shape \(N,\)"),
        ([2], [[0.5, 0.5]], ["a", "b"], LabelError, "values 2"),
        ([-1], [[0.5, 0.5]], ["a", "b"], LabelError, "values -1"),
    ],
)
def test_what_cannot_be_scored_raises(labels, probabilities, classes, error, message):
    with pytest.raises(error, match=message):
        classification_metrics(labels, probabilities, classes)


def test_report_shows_scores_titles_and_reasons(case):
    labels, probabilities = case
    labels = np.append(labels, IGNORE_INDEX)
    metrics = classification_metrics(labels, np.vstack([probabilities, probabilities[:1]]), CLASSES)
    text = classification_report(metrics, {"NV": "Melanocytic naevus"})
    rows = {line.split("  ")[0]: line.split() for line in text.splitlines() if line}
    assert rows["BCC"][1:] == [
        *(f"{metrics.per_class['BCC'][m]:.4f}" for m in ("precision", "recall", "f1", "auc")),
        f"{metrics.per_class['BCC']['support']:.0f}",
    ]
    assert rows["VASC"][1:] == ["n/a", "n/a", "n/a", "n/a", "0"]
    assert rows["macro mean"][2:] == [
        *(f"{metrics.values[f'macro_{m}']:.4f}" for m in ("precision", "recall", "f1", "auc")),
        "60",
    ]
    assert f"{metrics.values['weighted_recall']:.4f}" in rows["weighted mean"]
    assert "macro precision: mean over 3 of 4 classes, without VASC" in text
    assert "undefined: precision of Melanocytic naevus (never predicted)" in text
    assert "undefined: precision, recall, F1, AUC of VASC (no test images of this class)" in text
    assert "left out: 1 images without a label" in text


def test_report_of_complete_metrics_has_no_notes():
    metrics = classification_metrics([0, 1], [[0.9, 0.1], [0.2, 0.8]], ["a", "b"])
    assert "undefined" not in classification_report(metrics)
    assert "mean over" not in classification_report(metrics)


def test_the_best_loss_is_the_lowest():
    assert not higher_is_better("val_loss")
    assert not higher_is_better("segmentation_loss")
    assert all(higher_is_better(name) for name in ("accuracy", "macro_f1", "dice", "val_iou"))
