"""Oracles: NumPy's Gauss-Legendre rule with plain autograd, closed forms, SciPy's Gaussian filter."""

import sys

import numpy as np
import pytest
import torch
from corner import CORNER, PLAIN, CornerModel
from scipy.ndimage import gaussian_filter

import skinzoo
from skinzoo.errors import ConfigError, MissingDependencyError
from skinzoo.explain import baseline_images, class_score, explain_all, integrated_gradient_map
from skinzoo.explain.methods import explain_batch
from skinzoo.models import MetadataEncoder
from skinzoo.types import InputSpec


def noise(model, count=2):
    return torch.randn(count, 3, *model.input_spec.size, generator=torch.Generator().manual_seed(2))


def by_hand(model, image, others, index, steps, start):
    points, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros_like(image)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        x = (start + point * (image - start)).float().requires_grad_(True)
        total += weight * torch.autograd.grad(model(x, *others).logits[0, index], x)[0]
    return (image - start) * total


@pytest.mark.parametrize("baseline", ["blur", "black", "mean"])
def test_equals_a_path_integral_by_hand(baseline):
    model = skinzoo.create_model("simple_cnn", image_size=32, seed=0).eval()
    images = noise(model)
    starts = baseline_images(images, baseline, model.input_spec)
    maps = integrated_gradient_map(model, images, class_score(2), steps=9, baseline=baseline, batch_size=4)
    for i in range(2):
        hand = by_hand(model, images[i : i + 1], [], 2, 9, starts[i : i + 1])[0].sum(0).relu()
        torch.testing.assert_close(maps[i], hand / hand.max(), atol=1e-4, rtol=1e-3)


def test_a_linear_model_in_closed_form():
    """Each pixel adds exactly its weight times its distance from black, after one step."""
    images = torch.rand(1, 3, 16, 16)
    explained = explain_batch(CornerModel(gain=6.0), images, target=0, method="integrated_gradients")
    expected = torch.zeros(16, 16)
    blurred = baseline_images(images, "blur", PLAIN)
    expected[:CORNER, :CORNER] = ((images - blurred).mean(1) * 6 / CORNER**2)[0, :CORNER, :CORNER]
    torch.testing.assert_close(explained.maps[0], expected.relu() / expected.max(), atol=1e-5, rtol=1e-4)
    assert explained.notes[0]["attribution_sum"] == pytest.approx(float(expected.sum()), abs=1e-5)
    assert explained.notes[0]["completeness_error"] < 1e-6


@pytest.mark.parametrize("name", ["simple_cnn", "multitask", "resnet18_metadata", "vit_tiny_patch16_224_scratch"])
@pytest.mark.parametrize("target", [None, "malignant"])
def test_is_complete_and_more_so_with_more_steps(name, target):
    options = {} if name == "simple_cnn" else {"backbone_weights": None}
    if "metadata" in name:
        options["metadata"] = MetadataEncoder.from_dict({"columns": [{"name": "age", "mean": 50.0, "std": 15.0}]})
    if "vit" not in name:
        options["image_size"] = 32
    model = skinzoo.create_model(name, seed=0, **options).train()
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    known = {"metadata": {"age": 80}} if "metadata" in name else {}
    few, many = (
        skinzoo.explain.integrated_gradients(
            model, picture, target=target, steps=steps, baseline="black", batch_size=5, **known
        )
        for steps in (1, 10 if "vit" in name else 40)
    )
    notes = many.notes
    assert notes["completeness_error"] == abs(notes["attribution_sum"] - notes["score_difference"])
    assert notes["completeness_error"] < 0.1 * abs(notes["score_difference"]) + 1e-3
    assert notes["completeness_error"] < few.notes["completeness_error"]
    assert many.heatmap.shape == (40, 50)
    assert many.heatmap.max() > 0.2
    assert many.method == "integrated_gradients"
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def test_the_lesion_stays_the_same_along_the_way():
    """The mask's score is over the lesion predicted in the picture itself; else the sum could not come out."""
    model = skinzoo.create_model("unet_resnet18", image_size=32, backbone_weights=None, seed=0)
    (explanation,) = explain_all(model, np.full((32, 32, 3), 90, np.uint8), method="integrated_gradients")
    assert explanation.target == "lesion"
    notes = explanation.notes
    assert notes["completeness_error"] < 0.05 * abs(notes["score_difference"]) + 1e-3


def test_the_size_of_a_batch_does_not_matter():
    model = skinzoo.create_model("simple_cnn", image_size=32, seed=0)
    maps = [integrated_gradient_map(model, noise(model), class_score(1), steps=7, batch_size=b) for b in (1, 3, 50)]
    torch.testing.assert_close(maps[0], maps[1], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(maps[0], maps[2], atol=1e-5, rtol=1e-4)


def test_each_picture_of_a_batch_keeps_its_own_metadata():
    encoder = MetadataEncoder.from_dict({"columns": [{"name": "age", "mean": 50.0, "std": 5.0}]})
    options = {"image_size": 32, "backbone_weights": None, "metadata": encoder, "head": "mlp"}
    model = skinzoo.create_model("resnet18_metadata", seed=0, **options)
    images, known = noise(model), encoder([{"age": 0}, {"age": 99}])
    maps = integrated_gradient_map(model, images, class_score(1), others=[known], steps=4)
    for i in range(2):
        one = slice(i, i + 1)
        alone = integrated_gradient_map(model, images[one], class_score(1), others=[known[one]], steps=4)[0]
        torch.testing.assert_close(maps[i], alone, atol=1e-5, rtol=1e-4)
        wrong = integrated_gradient_map(model, images[one], class_score(1), others=[known[[1 - i]]], steps=4)[0]
        assert (maps[i] - wrong).abs().max() > 1e-3


def test_baselines():
    spec = InputSpec(size=(40, 60), mean=(0.5, 0.2, 0.7), std=(0.1, 0.2, 0.3))
    images = torch.randn(2, 3, 40, 60, generator=torch.Generator().manual_seed(0))
    black = baseline_images(images, "black", spec)
    np.testing.assert_allclose(black[1, :, 3, 4] * torch.tensor(spec.std) + torch.tensor(spec.mean), 0, atol=1e-6)
    mean = baseline_images(images, "mean", spec)
    np.testing.assert_allclose(mean[..., 5, 5], images.mean((2, 3)), atol=1e-6)
    blurred = baseline_images(images, "blur", spec)
    oracle = gaussian_filter(images.double().numpy(), sigma=(0, 0, 4, 4), mode="nearest", radius=(0, 0, 12, 12))
    np.testing.assert_allclose(blurred, oracle, atol=1e-5)
    assert all(t.shape == images.shape for t in (black, mean, blurred))
    with pytest.raises(ConfigError, match="baseline must be one of 'blur', 'black', 'mean'; got 'white'"):
        baseline_images(images, "white", spec)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"steps": 0}, "steps must be a whole number of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1, got 2.5"),
        ({"baseline": "grey"}, "baseline must be one of"),
    ],
)
def test_options_that_make_no_sense(options, match):
    with pytest.raises(ConfigError, match=match):
        skinzoo.explain.integrated_gradients(CornerModel(), np.zeros((16, 16, 3), np.uint8), **options)


def test_without_captum_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "skinzoo\[explain\]"'):
        skinzoo.explain.integrated_gradients(CornerModel(), np.zeros((16, 16, 3), np.uint8))
