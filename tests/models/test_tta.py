"""Test-time augmentation against NumPy's flips, rotations and pasted crops, and against what symmetry demands."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

import skinzoo
from skinzoo.errors import ConfigError
from skinzoo.models import Calibration, MetadataEncoder, OperatingPoints, SkinModel
from skinzoo.models.base import ModelConfig
from skinzoo.models.tta import with_tta
from skinzoo.models.views import Crop, Turn, make_views
from skinzoo.taxonomy import ISIC2018
from skinzoo.types import InputSpec, ModelOutput, Task

SIZE = 32


class Pixelwise(SkinModel):
    """Each mask logit from its own pixel, each class logit from the mean colour: blind to where anything is."""

    def __init__(self, size=(SIZE, SIZE)):
        super().__init__(ModelConfig("pixelwise", Task.MULTITASK, InputSpec(size=size), ISIC2018))
        torch.manual_seed(0)
        self.mask = nn.Conv2d(3, 1, 1)
        self.head = nn.Linear(3, 7)

    def predict_logits(self, images):
        return ModelOutput(self.head(images.mean((2, 3))), self.mask(images))


class MeanColour(Pixelwise):
    """One number for the whole view, as class logit and at every pixel of the mask."""

    def predict_logits(self, images):
        mean = images[:, :1].mean((2, 3))
        logits = torch.cat([mean] + [torch.zeros_like(mean)] * 6, 1)
        return ModelOutput(logits, mean[:, :, None, None].expand(-1, -1, *images.shape[2:]))


def pictures(height=SIZE, width=SIZE, count=2):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(5))


def answer(model, *given):
    with torch.no_grad():
        return model(*given)


def softmax(logits):
    values = np.exp(np.asarray(logits, dtype=np.float64))
    return values / values.sum(-1, keepdims=True)


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits, dtype=np.float64)))


@pytest.fixture(scope="module")
def model():
    """It sees where things are: weights of a new network, made to matter."""
    model = skinzoo.create_model("multitask_resnet18", image_size=64, seed=0, backbone_weights=None)
    with torch.no_grad():
        model.head[-1].weight.mul_(20)
    return model


@pytest.fixture(scope="module")
def data():
    return skinzoo.load_dataset("synthetic", num_images=8, size=64)


def turned(array, mirrored, quarters):
    return np.rot90(array[..., ::-1] if mirrored else array, quarters, axes=(-2, -1))


def turned_back(array, mirrored, quarters):
    back = np.rot90(array, -quarters, axes=(-2, -1))
    return back[..., ::-1] if mirrored else back


# ------------------------------------------------------------------------------------------------------------- views


def test_turns_are_different_and_exactly_undone():
    images = pictures(6, 6)
    views = make_views("d4", (6, 6), crop_fraction=0.5)
    assert views[0] == Turn(False, 0)
    assert len(set(views)) == 8
    seen = [view.apply(images) for view in views]
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(seen, 2))
    for view, image in zip(views, seen, strict=True):
        assert torch.equal(view.restore(image), images)
        np.testing.assert_array_equal(image, turned(images.numpy(), view.mirrored, view.quarters))
    flips = [view.apply(images) for view in make_views("flips", (6, 6), crop_fraction=0.5)]
    expected = [images, images.flip(3), images.flip((2, 3)), images.flip(2)]
    assert all(torch.equal(a, b) for a, b in zip(flips, expected, strict=True))


def test_pictures_that_are_not_square_are_not_turned_by_a_quarter():
    assert make_views("d4", (4, 6), crop_fraction=0.5) == make_views("flips", (4, 6), crop_fraction=0.5)
    narrow = Pixelwise((32, 64))
    images = pictures(32, 64)
    torch.testing.assert_close(
        answer(with_tta(narrow, "d4"), images).mask_logits, answer(narrow, images).mask_logits, atol=1e-6, rtol=0
    )


def test_crops_lie_in_the_corners_and_in_the_centre():
    views = make_views("five_crops", (8, 12), crop_fraction=0.5)
    boxes = [view.box(8, 12) for view in views[1:]]
    assert [(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in boxes] == [
        (2, 6, 3, 9),
        (0, 4, 0, 6),
        (0, 4, 6, 12),
        (4, 8, 0, 6),
        (4, 8, 6, 12),
    ]
    assert Crop(1.0, 1.0, 0.01).box(8, 12) == (slice(7, 8), slice(11, 12)), "never empty"
    maps = torch.ones(1, 1, 8, 12)
    for view in views:
        torch.testing.assert_close(view.restore(maps)[0, 0], view.coverage(maps))


# ---------------------------------------------------------------------------------------------- what symmetry demands


@pytest.mark.parametrize("views", ["flips", "d4"])
@pytest.mark.parametrize("average", ["probability", "logit"])
def test_a_model_that_is_blind_to_position_answers_as_before(views, average):
    model, images = Pixelwise(), pictures()
    alone, several = answer(model, images), answer(with_tta(model, views, average=average), images)
    torch.testing.assert_close(several.mask_logits, alone.mask_logits, atol=1e-6, rtol=0)
    np.testing.assert_allclose(softmax(several.logits), softmax(alone.logits), atol=1e-6)


def test_the_answer_turns_with_the_picture(model):
    images, several = pictures(64, 64, count=1), with_tta(model, "d4")
    before = answer(several, images)
    assert not torch.allclose(answer(model, images).logits, answer(model, images.flip(3)).logits, atol=1e-2)
    for view in make_views("d4", (64, 64), crop_fraction=0.5):
        after = answer(several, view.apply(images))
        torch.testing.assert_close(after.logits, before.logits, atol=1e-4, rtol=0)
        torch.testing.assert_close(after.mask_logits, view.apply(before.mask_logits), atol=1e-4, rtol=0)


# --------------------------------------------------------------------------------------------------- means by hand


@pytest.mark.parametrize("average", ["probability", "logit"])
@pytest.mark.parametrize(("views", "quarters"), [("flips", (0, 2)), ("d4", (0, 1, 2, 3))])
def test_the_mean_over_pictures_that_numpy_turned(model, average, views, quarters):
    images = pictures(64, 64)
    labels, masks = [], []
    for how in itertools.product((False, True), quarters):
        output = answer(model, torch.tensor(turned(images.numpy(), *how).copy()))
        labels.append(output.logits.double().numpy())
        masks.append(turned_back(output.mask_logits.double().numpy(), *how))
    several = answer(with_tta(model, views, average=average), images)
    if average == "probability":
        np.testing.assert_allclose(softmax(several.logits), np.mean(softmax(labels), 0), atol=1e-6)
        np.testing.assert_allclose(sigmoid(several.mask_logits), np.mean(sigmoid(masks), 0), atol=1e-6)
    else:
        np.testing.assert_allclose(several.logits, np.mean(labels, 0), atol=1e-5)
        np.testing.assert_allclose(several.mask_logits, np.mean(masks, 0), atol=1e-5)


@pytest.mark.parametrize("average", ["probability", "logit"])
def test_each_pixel_is_averaged_over_the_crops_that_reach_it(average):
    """A whole number of pixels is enlarged by a whole factor, so that the mean colour of a crop stays."""
    height, width = 8, 12
    model, images = MeanColour((height, width)), pictures(height, width)
    boxes = [np.s_[:, :], np.s_[2:6, 3:9], np.s_[:4, :6], np.s_[:4, 6:], np.s_[4:, :6], np.s_[4:, 6:]]
    enlarged = [answer(model, Turn(False, 0).apply(images)).logits] + [
        answer(model, view.apply(images)).logits for view in make_views("five_crops", (8, 12), crop_fraction=0.5)[1:]
    ]
    link = sigmoid if average == "probability" else np.asarray
    total, count = np.zeros((2, height, width)), np.zeros((height, width))
    for box, logits in zip(boxes, enlarged, strict=True):
        for n in range(2):
            total[n][box] += link(logits[n, 0])
        count[box] += 1
    output = answer(with_tta(model, "five_crops", average=average, crop_fraction=0.5), images)
    np.testing.assert_allclose(link(output.mask_logits[:, 0]), total / count, atol=1e-6)
    values = np.stack([np.asarray(logits, dtype=np.float64) for logits in enlarged])
    expected = softmax(values).mean(0) if average == "probability" else softmax(values.mean(0))
    np.testing.assert_allclose(softmax(output.logits), expected, atol=1e-6)
    assert sorted(np.unique(count)) == [2, 3]


@pytest.mark.parametrize("average", ["probability", "logit"])
def test_crops_are_laid_back_where_they_were(average):
    """Seen by a pixelwise model, a ramp comes back within a tenth of a pixel's step, an even surface unchanged."""
    model = Pixelwise((64, 64))
    ramp = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    several = with_tta(model, "five_crops", average=average)
    for images, axis in ((ramp, 3), (ramp.mT, 2)):
        alone = answer(model, images).mask_logits
        step = alone.diff(dim=axis).abs().max()
        assert (answer(several, images).mask_logits - alone).abs().max() < 0.1 * step
    even = torch.full_like(ramp, 0.3)
    torch.testing.assert_close(answer(several, even).mask_logits, answer(model, even).mask_logits, atol=1e-6, rtol=0)


def test_all_views_in_one_batch_are_the_same(model):
    images = pictures(64, 64, count=3)
    for views in ("flips", "d4", "five_crops"):
        one, many = (answer(with_tta(model, views, views_at_once=at_once), images) for at_once in (False, True))
        torch.testing.assert_close(one.logits, many.logits, atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(one.mask_logits, many.mask_logits, atol=1e-4, rtol=1e-5)


def test_calibration_is_applied_once_and_before_the_mean():
    model = skinzoo.create_model("simple_cnn", image_size=SIZE, seed=0)
    with torch.no_grad():
        model.head[-1].weight.mul_(40)
    images = pictures()
    raw = [answer(model, v.apply(images)).logits for v in make_views("flips", (32, 32), crop_fraction=0.5)]
    model.calibration = Calibration("temperature", (0.3,))
    model.operating_points = OperatingPoints(malignant=0.2)
    several = with_tta(model)
    expected = np.mean([softmax(0.3 * logits.double().numpy()) for logits in raw], 0)
    logits = answer(several, images).logits
    assert (several.calibration, several.operating_points) == (None, None)
    np.testing.assert_allclose(several.probabilities(logits), expected, atol=1e-6)
    several.calibration = Calibration("temperature", (2.0,))
    np.testing.assert_allclose(
        several.probabilities(logits), expected**2 / (expected**2).sum(1, keepdims=True), atol=1e-6
    )
    by_logit = with_tta(model, average="logit")
    expected = softmax(0.3 * np.mean([logits.double().numpy() for logits in raw], 0))
    np.testing.assert_allclose(by_logit.probabilities(answer(by_logit, images).logits), expected, atol=1e-6)


@pytest.mark.parametrize("at_once", [False, True])
def test_metadata_is_the_same_for_every_view(at_once):
    encoder = MetadataEncoder.from_dict({"columns": [{"name": "age", "mean": 50.0, "std": 15.0}]})
    options = {"metadata": encoder, "image_size": SIZE, "backbone_weights": None, "seed": 0}
    model = skinzoo.create_model("resnet18_metadata", **options)
    several, images, known = with_tta(model, views_at_once=at_once), pictures(), encoder([{"age": 90.0}, {}])
    assert several.metadata_encoder == encoder
    each = [
        softmax(answer(model, v.apply(images), known).logits) for v in make_views("flips", (1, 1), crop_fraction=0.5)
    ]
    np.testing.assert_allclose(softmax(answer(several, images, known).logits), np.mean(each, 0), atol=1e-6)
    old, young = (
        skinzoo.predict(several, np.full((SIZE, SIZE, 3), 90, np.uint8), metadata={"age": age})[0] for age in (90, 10)
    )
    assert old.probabilities != young.probabilities


# ------------------------------------------------------------------------------------------------- through the library


def test_evaluate_and_predict(model, data):
    several = with_tta(model, "flips")
    assert (several.input_spec, several.label_space, several.task) == (model.input_spec, ISIC2018, Task.MULTITASK)
    report = skinzoo.evaluate(several, data, examples=1)
    assert report.title == "multitask_resnet18 with flips on synthetic"
    assert {"accuracy", "dice"} <= set(report.values)
    picture = data[0].image
    turned_pictures = [picture, picture[:, ::-1], picture[::-1], picture[::-1, ::-1]]
    each = skinzoo.predict(model, [np.ascontiguousarray(p) for p in turned_pictures])
    found = skinzoo.predict(several, picture)[0]
    for code in ISIC2018:
        assert found.probabilities[code] == pytest.approx(np.mean([p.probabilities[code] for p in each]), abs=1e-6)
    masks = [p.mask_probability for p in each]
    expected = np.mean([masks[0], masks[1][:, ::-1], masks[2][::-1], masks[3][::-1, ::-1]], 0)
    np.testing.assert_allclose(found.mask_probability, expected, atol=1e-6)
    assert skinzoo.predict(several, picture[:, ::-1].copy())[0].probabilities == pytest.approx(found.probabilities)


def test_an_ensemble_can_look_several_times(model):
    cnn = skinzoo.create_model("simple_cnn", image_size=SIZE, seed=0)
    both = skinzoo.create_model("ensemble", members=[model, cnn])
    images = pictures(64, 64)
    each = [softmax(answer(both, v.apply(images)).logits) for v in make_views("d4", (64, 64), crop_fraction=0.5)]
    np.testing.assert_allclose(softmax(answer(with_tta(both, "d4"), images).logits), np.mean(each, 0), atol=1e-6)


def test_it_is_neither_trained_nor_saved_nor_explained(model, data, tmp_path):
    several = with_tta(model)
    assert not several.training
    config = skinzoo.TrainConfig(num_steps=1, batch_size=4, device="cpu", verbose=False)
    with pytest.raises(ConfigError, match=r"not trained; train model\.model"):
        skinzoo.Trainer(several, config).fit(data)
    with pytest.raises(ConfigError, match=r"save model\.model"):
        several.save_pretrained(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(ConfigError, match=r"explain the model that looks at them: model\.model"):
        skinzoo.grad_cam(several, data[0])
    assert skinzoo.saliency(several, data[0]).heatmap.max() > 0
    model.train()
    assert not with_tta(model).model.training, "a wrapped model is in evaluation mode"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"views": "rotations"}, "views must be one of 'flips', 'd4', 'five_crops', got 'rotations'"),
        ({"views": ["flips"]}, "views must be one of"),
        ({"average": "median"}, "average must be one of"),
        ({"crop_fraction": 1.0}, "crop_fraction must lie between 0 and 1, got 1.0"),
        ({"crop_fraction": 0}, "crop_fraction"),
        ({"crop_fraction": float("nan")}, "crop_fraction"),
        ({"crop_fraction": "half"}, "crop_fraction"),
    ],
)
def test_what_cannot_be_done(options, says):
    with pytest.raises(ConfigError, match=says):
        with_tta(Pixelwise(), **options)


def test_bad_input():
    with pytest.raises(ConfigError, match="with_tta takes a model, got 'resnet18_head'"):
        with_tta("resnet18_head")
    with pytest.raises(ConfigError, match=r"pixelwise with flips takes images of shape \(N, 3, H, W\)"):
        with_tta(Pixelwise())(torch.zeros(3, 8, 8))
