"""What is explained: oracles are NumPy formulas and `predict`."""

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.errors import ConfigError, DivergedError
from skinzoo.explain.targets import Aim, parse_target, row
from skinzoo.models import Calibration
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import ModelOutput

LOGITS = torch.randn(3, 7, generator=torch.Generator().manual_seed(0)) * 3


@pytest.fixture
def model():
    return skinzoo.create_model("multitask", image_size=64, backbone_weights=None, seed=0)


@pytest.mark.parametrize(
    "calibration", [None, Calibration("temperature", (0.3,)), Calibration("vector", (0.5,) * 7, (0, 9, 0, 0, 0, 0, 0))]
)
def test_malignant_is_the_log_odds_of_the_calibrated_probabilities(model, calibration):
    model.calibration = calibration
    space = model.label_space
    aim = Aim(model, "malignant")
    scores = aim(ModelOutput(LOGITS))
    probabilities = model.probabilities(LOGITS).numpy()
    malignant = probabilities[:, [c in space.malignant for c in space]].sum(1)
    np.testing.assert_allclose(scores, np.log(malignant / (1 - malignant)), rtol=1e-5)
    np.testing.assert_allclose(aim.probabilities, malignant)
    assert [g.label for g in aim.goals] == ["malignant"] * 3


def test_malignant_odds_do_not_overflow(model):
    assert torch.isfinite(Aim(model, "malignant")(ModelOutput(LOGITS * 500))).all()


def test_the_predicted_class_is_that_of_the_calibrated_probabilities(model):
    """A vector calibration moves the most probable class; `predict` says NV, and so does the explanation."""
    model.calibration = Calibration("vector", (1.0,) * 7, (0, 99.0, 0, 0, 0, 0, 0))
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    said = skinzoo.predict(model, picture)[0]
    explanation = skinzoo.grad_cam(model, picture)
    assert said.label == explanation.target == model.label_space.classes[1]
    assert explanation.probability == pytest.approx(said.probability)


def test_what_is_explained_stays_fixed_after_the_first_answer(model):
    masks = torch.tensor([[[[2.0, -1.0]]], [[[-1.0, -2.0]]]])
    aim = Aim(model, "lesion")
    assert aim(ModelOutput(mask_logits=masks)).tolist() == [2.0, -1.5], "everywhere where no lesion is predicted"
    assert aim(ModelOutput(mask_logits=torch.full((2, 1, 1, 2), 5.0).cumsum(3))).tolist() == [5.0, 7.5]
    np.testing.assert_allclose(aim.probabilities, [1 / (1 + np.exp(-2)), np.mean(1 / (1 + np.exp([1, 2])))], rtol=1e-6)
    classes = Aim(model)
    assert classes(ModelOutput(LOGITS)).tolist() == LOGITS.amax(1).tolist()
    assert classes(ModelOutput(-LOGITS)).tolist() == (-LOGITS.amax(1)).tolist()
    assert classes.goals[1].score(row(ModelOutput(LOGITS), 1).__class__(LOGITS)).shape == (3,), "of any number"


def test_values_that_are_not_finite_are_refused(model):
    with pytest.raises(DivergedError, match="logits hold NaN"):
        Aim(model)(ModelOutput(LOGITS * torch.nan))


def test_target_names():
    def build(space):
        return skinzoo.create_model("simple_cnn", image_size=32, label_space=space)

    plain = build("isic2018")
    assert parse_target(plain, "malignant") == "malignant"
    assert parse_target(plain, np.int64(3)) == 3
    assert parse_target(build("binary"), "malignant") == 1, "a class of that name comes first"
    with pytest.raises(ConfigError, match="none of abc's classes are malignant"):
        parse_target(build(LabelSpace("abc", ("A", "B"))), "malignant")
    with pytest.raises(ConfigError, match="all of abc's classes are malignant"):
        parse_target(build(LabelSpace("abc", ("A", "B"), malignant=frozenset("AB"))), "malignant")
    for wrong in (True, 7, 1.0):
        with pytest.raises(ConfigError, match="class code or an index from 0 to 6"):
            parse_target(plain, wrong)
