"""Calibration and operating points travel with the weights, bit for bit; damaged or hostile ones are refused."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from saved_models import change_config

import skinzoo
from skinzoo.errors import ConfigError, WeightsError
from skinzoo.models import Calibration, OperatingPoints

TEMPERATURE = Calibration("temperature", (1 / 2.4999999999999996,), source="synthetic[val], 140 images")
VECTOR = Calibration("vector", tuple(0.1 + k / 7 for k in range(7)), tuple(math.pi * (k - 3) for k in range(7)))
POINTS = OperatingPoints({"MEL": 1 / 3, "NV": 0.0}, 0.1 + 0.2, 0.55, rule="each class: youden", source="synthetic[val]")


def small():
    return skinzoo.create_model("simple_cnn", label_space="isic2018", image_size=32, seed=0).eval()


@pytest.fixture
def saved(tmp_path):
    """A folder with a calibrated model, and a function that changes its configuration."""
    model = small()
    model.calibration, model.operating_points = TEMPERATURE, POINTS
    folder = model.save_pretrained(tmp_path / "model")

    return partial(change_config, folder)


@pytest.mark.parametrize("calibration", [TEMPERATURE, VECTOR, None])
@pytest.mark.parametrize("points", [POINTS, OperatingPoints(), None])
def test_a_saved_model_gives_the_same_bits(tmp_path, calibration, points):
    model = small()
    model.calibration, model.operating_points = calibration, points
    folder = model.save_pretrained(tmp_path / "model")
    loaded = skinzoo.create_model(f"local-dir:{folder}")
    assert (loaded.calibration, loaded.operating_points) == (calibration, points)
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, theirs = (m.probabilities(m(images).logits) for m in (model, loaded))
    assert ours.dtype == torch.float64
    assert torch.equal(ours, theirs)
    plain = model(images).logits.double().softmax(1)
    assert torch.equal(plain, ours) == (calibration is None)


def test_saving_again_without_a_calibration_leaves_none_behind(saved, tmp_path):
    small().save_pretrained(tmp_path / "model")
    loaded = skinzoo.create_model(f"local-dir:{tmp_path / 'model'}")
    assert loaded.calibration is None
    assert loaded.operating_points is None


def test_a_folder_of_before_calibration_still_loads(saved, tmp_path):
    def before(config):
        del config["calibration"], config["operating_points"]

    assert skinzoo.create_model(change_config(tmp_path / "model", before)).calibration is None


GOOD = {"method": "temperature", "scale": [0.5], "bias": [], "source": ""}
HOSTILE = [
    "temperature",
    7,
    True,
    [],
    [[0.5]],
    {},
    {"method": "temperature"},
    GOOD | {"target": "os.system"},
    GOOD | {"method": "__import__"},
    GOOD | {"method": ["temperature"]},
    GOOD | {"method": None},
    GOOD | {"scale": 0.5},
    GOOD | {"scale": "5"},
    GOOD | {"scale": {"0.5": 1}},
    GOOD | {"scale": ["0.5"]},
    GOOD | {"scale": [True]},
    GOOD | {"scale": [None]},
    GOOD | {"scale": [[0.5]]},
    GOOD | {"scale": []},
    GOOD | {"scale": [0.5, 0.5]},
    GOOD | {"scale": [0]},
    GOOD | {"scale": [-1]},
    GOOD | {"scale": [1e-300]},
    GOOD | {"scale": [1e300]},
    GOOD | {"scale": [10**400]},
    GOOD | {"scale": [math.nan]},
    GOOD | {"scale": [math.inf]},
    GOOD | {"bias": [0.1]},
    GOOD | {"source": {"a": 1}},
    {"method": "vector", "scale": [1.0] * 7},
    {"method": "vector", "scale": [1.0] * 7, "bias": [0.0] * 6},
    {"method": "vector", "scale": [1.0] * 6, "bias": [0.0] * 6},
    {"method": "vector", "scale": [1.0] * 7, "bias": [0.0] * 6 + [1e308]},
    {"method": "vector", "scale": [], "bias": []},
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda v: str(v)[:60])
def test_a_damaged_calibration_is_refused(saved, value):
    name = saved(calibration=value)
    with pytest.raises(WeightsError):
        skinzoo.create_model(name)


@pytest.mark.parametrize(
    "value",
    [
        "MEL",
        [],
        {"per_class": [0.5]},
        {"per_class": {"MEL": 1.5}},
        {"per_class": {"MEL": None}},
        {"per_class": {"MEL": "0.5"}},
        {"per_class": {"MEL": True}},
        {"per_class": {"MEL": math.nan}},
        {"per_class": {"malignant": 7}},
        {"malignant": -0.1},
        {"malignant": 10**400},
        {"abstain_below": {"a": 1}},
        {"rule": 7},
        {"source": ["x"]},
        {"threshold": 0.5},
    ],
    ids=lambda v: str(v)[:60],
)
def test_damaged_operating_points_are_refused(saved, value):
    name = saved(operating_points=value)
    with pytest.raises(WeightsError):
        skinzoo.create_model(name)


def test_messages_name_the_value():
    for values, message in (
        ({"method": "platt", "scale": (1,)}, "'platt' with 1 scales and 0 biases"),
        ({"method": "temperature", "scale": (1, 2)}, "with 2 scales"),
        ({"method": "temperature", "scale": (0.0,)}, r"scales must lie in \[1e-6, 1e6\]"),
        ({"method": "temperature", "scale": "12"}, "scale must be a list of finite numbers; got '12'"),
    ):
        with pytest.raises(ConfigError, match=message):
            Calibration(**values)
    with pytest.raises(ConfigError, match=r"the threshold of class MEL must lie in \[0, 1\]; got 2"):
        OperatingPoints({"MEL": 2})
    with pytest.raises(ConfigError, match=r"the threshold of malignant must lie in \[0, 1\]; got nan"):
        OperatingPoints(malignant=math.nan)
    with pytest.raises(ConfigError, match="the calibration is for 7 classes, the logits have 3"):
        VECTOR.apply(torch.zeros(2, 3))


def test_calibration_by_hand():
    logits = torch.tensor([[2.0, 0.0, -1.0]], dtype=torch.float64)
    np.testing.assert_array_equal(Calibration("temperature", (0.5,)).apply(logits), [[1.0, 0.0, -0.5]])
    vector = Calibration("vector", (1, 2, 3), (0.5, -0.5, 0))
    np.testing.assert_array_equal(vector.apply(logits), [[2.5, -0.5, -3.0]])
    assert vector.scale == (1.0, 2.0, 3.0)
    fine = Calibration("vector", (1 / 3, 0.1), (0.0, math.pi)).apply(torch.ones(1, 2, dtype=torch.float64))
    assert fine.tolist() == [[1 / 3, 0.1 + math.pi]], "in the precision of the logits"
    assert Calibration("temperature", (0.4,)).temperature == 2.5
    assert math.isnan(vector.temperature)
    extreme = Calibration("temperature", (1e6,)).apply(torch.tensor([[3e38, -3e38]], dtype=torch.float64)).softmax(1)
    assert extreme.tolist() == [[1.0, 0.0]]


def test_values_cannot_be_changed_from_outside():
    thresholds = {"MEL": 0.5}
    points = OperatingPoints(thresholds)
    thresholds["MEL"] = 7
    assert points.per_class == {"MEL": 0.5}
