"""Oracles: a linear model in closed form, and a loop that changes one picture at a time."""

import numpy as np
import pytest
import torch
from corner import CORNER, PLAIN, SIZE, CornerModel

import skinzoo
from skinzoo.errors import ConfigError
from skinzoo.explain import baseline_images, class_score, perturbation_curves
from skinzoo.explain.perturbation import moved_at_random, order_of_removal
from skinzoo.models import MetadataEncoder

PIXELS = SIZE * SIZE


class Linear(CornerModel):
    """The first logit is a weighted sum of all pixels of the red channel."""

    weights = torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(4))

    def predict_logits(self, images):
        logit = (images[:, 0] * self.weights).sum((1, 2))
        return skinzoo.ModelOutput(torch.nn.functional.pad(logit[:, None], (0, 6)))


def test_a_linear_model_in_closed_form():
    """Black as baseline and the pixels' own parts as heat: what is left is the sum of the smallest parts."""
    image = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    parts = (image[0, 0] * Linear.weights).numpy()
    curves = perturbation_curves(Linear(), image, parts, class_score(0), steps=PIXELS, baseline="black", batch_size=64)
    ranked = np.sort(parts.ravel().astype(float))[::-1]
    put_in = np.concatenate([[0], np.cumsum(ranked)])
    np.testing.assert_allclose(curves.insertion.scores, put_in, atol=1e-4)
    np.testing.assert_allclose(curves.deletion.scores, ranked.sum() - put_in, atol=1e-4)
    np.testing.assert_allclose(curves.insertion.shares, np.arange(PIXELS + 1) / PIXELS)
    for curve in curves:
        assert curve.area == pytest.approx(np.trapezoid(curve.scores, curve.shares), abs=1e-9)
    assert curves.deletion.area < curves.insertion.area


@pytest.mark.parametrize(("steps", "batch_size"), [(1, 16), (5, 2), (7, 100)])
def test_a_loop_gives_the_same(steps, batch_size):
    model = skinzoo.create_model("simple_cnn", image_size=32, seed=0).train()
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    heat = np.random.default_rng(0).random((32, 32))

    def score(output):
        return output.logits.softmax(1)[:, 2]

    curves = perturbation_curves(model, image, heat, score, steps=steps, baseline="mean", batch_size=batch_size)
    assert model.training
    model.eval()
    empty = baseline_images(image, "mean", model.input_spec)[0]
    for name, curve in curves._asdict().items():
        for share, value in zip(curve.shares, curve.scores, strict=True):
            changed = image[0].clone()
            hottest = np.argsort(-heat.ravel())[: round(share * 1024)]
            if name == "insertion":
                changed = empty.clone()
            for place in hottest:
                row, column = divmod(int(place), 32)
                changed[:, row, column] = (empty if name == "deletion" else image[0])[:, row, column]
            with torch.no_grad():
                assert float(score(model(changed[None]))[0]) == pytest.approx(value, abs=1e-5)


def test_a_model_that_looks_at_the_corner():
    """Taking the corner away first ends the score at once; taking it away last keeps it to the end."""
    model, image = CornerModel(gain=40.0), torch.rand(1, 3, SIZE, SIZE)
    corner = np.zeros((SIZE, SIZE))
    corner[:CORNER, :CORNER] = 1
    good, bad = (
        perturbation_curves(
            model, image, heat, lambda out: out.logits.softmax(1)[:, 0], steps=PIXELS // 16, baseline="black"
        )
        for heat in (corner, 1 - corner)
    )
    share = CORNER**2 / PIXELS
    low, high = share + (1 - share) / 7, 1 - share + share / 7  # with 1 before and 1/7, chance, after the corner
    assert good.deletion.area < low < high < bad.deletion.area + 1e-3
    assert good.insertion.area > high > low > bad.insertion.area - 1e-3
    assert good.deletion.scores[-1] == good.insertion.scores[0] == pytest.approx(1 / 7)


def test_metadata_goes_along():
    encoder = MetadataEncoder.from_dict({"columns": [{"name": "age", "mean": 50.0, "std": 15.0}]})
    model = skinzoo.create_model("resnet18_metadata", image_size=32, backbone_weights=None, metadata=encoder, seed=0)
    image = torch.randn(1, 3, 32, 32)
    known = encoder([{"age": 95}])
    curves = perturbation_curves(model, image, np.eye(32), class_score(0), others=[known], steps=2)
    with torch.no_grad():
        whole = float(model.eval()(image, known).logits[0, 0])
        assert abs(whole - float(model(image).logits[0, 0])) > 1e-3
    assert curves.deletion.scores[0] == pytest.approx(whole, abs=1e-5)


def test_pixels_of_one_heat_come_in_random_order_that_a_seed_repeats():
    heat = np.zeros((6, 6))
    heat[2, 3] = 1
    orders = [order_of_removal(heat, np.random.default_rng(s)) for s in (0, 0, 1)]
    assert np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])
    assert all(o[2, 3] == 0 and sorted(o.ravel()) == list(range(36)) for o in orders)


def test_the_control_is_the_same_map_elsewhere():
    heat = np.arange(12.0).reshape(3, 4)
    rng = np.random.default_rng(0)
    places = set()
    for _ in range(200):
        moved = moved_at_random(heat, rng)
        assert sorted(moved.ravel()) == list(range(12))
        down, right = np.argwhere(moved == 0)[0]
        assert np.array_equal(np.roll(moved, (-down, -right), (0, 1)), heat)
        places.add((int(down), int(right)))
    assert len(places) == 12


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"steps": 0}, "steps must be a whole number of at least 1 and at most 256.*got 0"),
        ({"steps": 257}, "at most 256"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        ({"image": torch.rand(2, 3, SIZE, SIZE)}, r"one picture \(1, 3, H, W\)"),
        ({"heatmap": np.ones((3, 3))}, r"got \(1, 3, 16, 16\) and \(3, 3\)"),
        ({"heatmap": np.full((SIZE, SIZE), np.nan)}, "finite heatmap"),
        ({"baseline": "white"}, "baseline must be one of"),
    ],
)
def test_bad_input(changes, match):
    given = {"image": torch.rand(1, 3, SIZE, SIZE), "heatmap": np.ones((SIZE, SIZE)), "score": class_score(0)}
    with pytest.raises(ConfigError, match=match):
        perturbation_curves(CornerModel(), **{**given, **changes})
    assert PLAIN.size == (SIZE, SIZE)
