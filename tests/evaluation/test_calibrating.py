"""The model answers from a table, so that what calibration and thresholds should be is known."""

import hashlib
import json
import math

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.datasets import Records
from skinzoo.errors import ConfigError, EmptyLoaderError, LabelError
from skinzoo.evaluation.calibrating import calibrate, choose_operating_points
from skinzoo.evaluation.scaling import fit_temperature, fit_vector
from skinzoo.metrics.calibration import calibration_metrics
from skinzoo.metrics.operating import best_threshold
from skinzoo.metrics.selective import abstention_threshold
from skinzoo.models import Calibration, ModelConfig, OperatingPoints, SkinModel
from skinzoo.taxonomy import ISIC2018, LabelSpace
from skinzoo.types import IGNORE_INDEX, InputSpec, ModelOutput, Task

N = 140


class Table(SkinModel):
    """Says of the n-th picture, modulo the table's length, what the table says."""

    def __init__(self, logits, *, space=ISIC2018, task=Task.CLASSIFICATION):
        spec = InputSpec(size=(32, 32))
        super().__init__(ModelConfig("table", task, spec, space if task.has_labels else None))
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.table, self.seen = torch.as_tensor(np.asarray(logits), dtype=torch.float32), 0

    def predict_logits(self, images):
        rows = torch.arange(self.seen, self.seen + len(images)) % len(self.table)
        self.seen += len(images)
        return ModelOutput(self.table[rows] if self.task.has_labels else None, None)


@pytest.fixture(scope="module")
def data():
    return skinzoo.load_dataset("synthetic", num_images=N, size=32)


def overconfident(labels, seed=0, temperature=3.0):
    """Logits that are right more often than not, and sure of themselves throughout."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(labels), 7)) + 1.5 * np.eye(7)[labels]
    return (logits * temperature).astype(np.float32).astype(np.float64)


def part(data, **columns):
    """The same pictures with other labels or groups."""
    r = data.records
    copy = data.subset(range(len(data)))
    kept = {"labels": r.labels, "groups": r.groups, "images": r.images, "masks": r.masks, "metadata": r.metadata}
    copy.records = Records.build(r.ids, **(kept | columns))
    return copy


@pytest.mark.parametrize(("method", "fit"), [("temperature", fit_temperature), ("vector", fit_vector)])
def test_the_model_gets_what_the_fit_on_its_raw_logits_gives(data, method, fit):
    labels = data.records.labels
    logits = overconfident(labels)
    model = Table(logits)
    result = calibrate(model, data, method=method, batch_size=50)
    expected = fit(logits, labels, source=result.calibration.source)
    assert model.calibration is result.calibration
    assert result.calibration == expected
    assert result.num_samples == N
    plain = torch.from_numpy(logits).softmax(1).numpy()
    assert result.before == pytest.approx(calibration_metrics(labels, plain))
    assert result.fitted == pytest.approx(
        calibration_metrics(labels, model.probabilities(torch.from_numpy(logits)).numpy())
    )
    assert result.fitted["nll"] < result.after["nll"] < result.before["nll"], "held-out figures flatter less"
    again = calibrate(model, data, method=method)
    assert again.calibration == result.calibration, "an earlier calibration is not calibrated again"
    assert again.before == result.before


def test_cross_fitting_keeps_groups_together(data):
    """Five groups are the five folds: the oracle fits on four of them and applies it to the fifth."""
    labels = data.records.labels
    logits = overconfident(labels, seed=1)
    groups = np.array([f"patient {i % 5}" for i in range(N)])
    result = calibrate(Table(logits), part(data, groups=groups))
    probabilities = np.zeros((N, 7))
    for name in np.unique(groups):
        fold = groups == name
        scale = fit_temperature(logits[~fold], labels[~fold]).scale[0]
        probabilities[fold] = torch.from_numpy(logits[fold] * scale).softmax(1).numpy()
    assert result.after == pytest.approx(calibration_metrics(labels, probabilities))


def test_too_few_groups_leave_the_figures_after_undefined(data):
    logits = overconfident(data.records.labels)
    result = calibrate(Table(logits), part(data, groups=np.array(["a", "b"] * (N // 2))))
    assert all(map(math.isnan, result.after.values()))
    assert set(result.undefined) == set(result.after)
    assert "too little for 5 folds" in result.undefined["ece"]
    assert "n/a" in result.text()
    assert not any(map(math.isnan, result.fitted.values()))


def test_unlabelled_images_are_left_out(data):
    labels = data.records.labels.copy()
    labels[::3] = IGNORE_INDEX
    logits = overconfident(data.records.labels)
    result = calibrate(Table(logits), part(data, labels=labels))
    assert result.num_samples == 93
    assert result.calibration.scale == fit_temperature(logits, labels).scale
    assert "93 images" in result.calibration.source


def test_a_result_says_what_it_was_fitted_on_and_can_be_saved(data):
    result = calibrate(Table(overconfident(data.records.labels)), data.subset(range(N), part="val"))
    digest = hashlib.sha256("\n".join(sorted(data.records.ids.tolist())).encode()).hexdigest()[:12]
    groups = len(np.unique(data.records.groups))
    source = f"synthetic[val], {N} images of {groups} lesions, sha256 of ids {digest}"
    assert result.calibration.source == source
    text = str(result)
    assert source in text
    assert f"temperature {result.calibration.temperature:.3f}" in text
    assert "after, cross-fitted" in text
    assert "after, same images" in text
    assert json.loads(json.dumps(result.to_dict()))["after"] == result.after


def test_calibrating_drops_thresholds_of_other_probabilities(data):
    model = Table(overconfident(data.records.labels))
    model.operating_points = OperatingPoints({"MEL": 0.3})
    calibrate(model, data)
    assert model.operating_points is None


def test_operating_points_are_those_of_the_calibrated_probabilities(data):
    labels = data.records.labels
    logits = overconfident(labels, temperature=1.0)
    model = Table(logits)
    model.calibration = Calibration("temperature", (0.5,))
    points = choose_operating_points(model, data, coverage=0.8)
    p = torch.from_numpy(logits * 0.5).softmax(1).numpy()
    assert model.operating_points is points
    assert list(points.per_class) == list(ISIC2018)
    for c, code in enumerate(ISIC2018):
        assert points.per_class[code] == pytest.approx(best_threshold(labels == c, p[:, c], rule="youden"))
    bad = np.array([code in ISIC2018.malignant for code in ISIC2018])
    positive, summed = bad[labels], p[:, bad].sum(1)
    assert points.malignant == pytest.approx(best_threshold(positive, summed, rule=("sensitivity", 0.95)))
    assert (summed[positive] >= points.malignant - 1e-12).mean() >= 0.95
    assert points.abstain_below == pytest.approx(abstention_threshold(labels, p, coverage=0.8))
    assert points.rule == "each class: youden; malignant: sensitivity at least 0.95; coverage at least 0.8"
    assert points.source.startswith(f"synthetic, {N} images of ")
    assert OperatingPoints.from_dict(json.loads(json.dumps(points.to_dict()))) == points


def test_rules_can_be_left_out(data):
    model = Table(overconfident(data.records.labels))
    points = choose_operating_points(model, data, rule=None, malignant_rule=None, max_risk=0.5)
    assert (dict(points.per_class), points.malignant) == ({}, None)
    assert points.rule == "risk at most 0.5"
    assert choose_operating_points(model, data, rule="f1").abstain_below is None


def test_a_class_without_a_threshold_is_named(data):
    labels = data.records.labels.copy()
    labels[labels == 5] = 1
    model = Table(overconfident(labels))
    points = choose_operating_points(model, part(data, labels=labels))
    assert "DF" not in points.per_class
    assert len(points.per_class) == 6
    assert "DF: no threshold, as it has no images" in points.rule
    labels[:] = 1  # NV alone
    points = choose_operating_points(model, part(data, labels=labels), rule=("specificity", 0.9))
    assert "NV: no threshold, as there are no other images" in points.rule
    assert points.malignant is None
    assert "malignant: no threshold, as it has no images" in points.rule
    equal = choose_operating_points(Table(np.zeros((N, 7))), data, rule=("specificity", 0.9))
    assert not equal.per_class
    assert "MEL: no threshold has specificity at least 0.9" in equal.rule


def test_a_label_space_without_malignant_classes_has_no_such_threshold(data):
    space = LabelSpace("plain", ISIC2018.classes)
    copy = data.subset(range(N))
    copy.label_space = space
    points = choose_operating_points(Table(overconfident(data.records.labels), space=space), copy)
    assert points.malignant is None
    assert "malignant" not in points.rule


def test_a_risk_that_cannot_be_met_is_an_error(data):
    always_wrong = 5.0 * np.eye(7)[(data.records.labels + 1) % 7]
    model = Table(always_wrong)
    with pytest.raises(ConfigError, match=r"max_risk=0\.1 cannot be met: .* 1 are wrong"):
        choose_operating_points(model, data, max_risk=0.1)
    assert model.operating_points is None


def test_what_cannot_be_calibrated(data):
    model = Table(np.zeros((N, 7)))
    with pytest.raises(ConfigError, match="unknown method 'temprature'; did you mean 'temperature'"):
        calibrate(model, data, method="temprature")
    with pytest.raises(ConfigError, match="at least 20 labelled samples; got 10"):
        calibrate(model, data.subset(range(10)))
    assert model.calibration is None
    for function in (calibrate, choose_operating_points):
        with pytest.raises(ConfigError, match="predicts no class"):
            function(Table(np.zeros((N, 7)), task=Task.SEGMENTATION), data)
        with pytest.raises(EmptyLoaderError):
            function(model, data.subset([]))
        with pytest.raises(ConfigError, match="needs class labels, and synthetic has none"):
            function(model, part(data, labels=np.full(N, IGNORE_INDEX)))
        other = data.subset(range(N))
        other.label_space = LabelSpace("other", ("a", "b"))
        with pytest.raises(LabelError, match="has 7 classes"):
            function(model, other)
    with pytest.raises(ConfigError, match="rule must be"):
        choose_operating_points(model, data, malignant_rule="sensitivity")
    with pytest.raises(ConfigError, match="either max_risk or coverage"):
        choose_operating_points(model, data, max_risk=0.1, coverage=0.5)
