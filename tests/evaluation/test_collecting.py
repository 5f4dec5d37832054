"""One pass over a loader: of bytes as of floats, under inference mode, and with batches that travel ahead."""

from functools import partial

import numpy as np
import pytest
import torch
from lazyside import LazySide
from torch import nn

import skinzoo
from skinzoo.evaluation import inference
from skinzoo.evaluation.engines import forward_of
from skinzoo.evaluation.inference import collect
from skinzoo.models import ModelConfig, SkinModel
from skinzoo.taxonomy import ISIC2018
from skinzoo.transforms import feed
from skinzoo.transforms.prefetching import Prefetch
from skinzoo.types import InputSpec, ModelOutput, Task


@pytest.fixture(scope="module")
def data():
    return skinzoo.load_dataset("synthetic", num_images=20, size=40)


class Small(SkinModel):
    """Convolutions with both heads; notes what it is given."""

    def __init__(self):
        super().__init__(ModelConfig("small", Task.MULTITASK, InputSpec(size=(32, 32)), ISIC2018))
        torch.manual_seed(3)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.classes, self.mask = nn.Linear(8, 7), nn.Conv2d(8, 1, 1)
        self.seen = []

    def predict_logits(self, images):
        self.seen.append((images.is_contiguous(), images.is_inference(), torch.is_inference_mode_enabled()))
        features = self.body(images)
        return ModelOutput(self.classes(features.mean((2, 3))), self.mask(features))


def loader_of(data, output, *, workers=0):
    transform = skinzoo.Transform(InputSpec(size=(32, 32)), output=output)
    return skinzoo.make_loader(data, transform, batch_size=6, num_workers=workers)


def same(a, b):
    assert a.ids == b.ids
    for name in ("labels", "logits", "probabilities", "mask_counts", "mask_rows"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert a.loss_sums == b.loss_sums
    assert a.loss == b.loss


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_bytes_give_the_same_bits_as_floats(data, layout, workers):
    model, loss = Small().to(memory_format=layout), skinzoo.default_loss(Task.MULTITASK)
    floats = collect(model, loader_of(data, "float32"), loss=loss)
    bytes_ = collect(model, loader_of(data, "uint8", workers=workers), loss=loss)
    same(floats, bytes_)
    assert model.seen[-1][0] == (layout == torch.contiguous_format), "pictures lie as the weights do"


@pytest.mark.parametrize("engine", ["plain", "fused"])
def test_every_engine_takes_what_bytes_become(data, engine):
    model = skinzoo.create_model("simple_cnn", label_space=data.label_space, image_size=32, seed=0)
    found = [
        collect(model, loader_of(data, output), forward=forward_of(model, engine)).probabilities
        for output in ("float32", "uint8")
    ]
    np.testing.assert_allclose(*found, atol=1e-6)


@pytest.mark.parametrize("ahead", [True, False])
def test_beside_a_device_nothing_changes(data, monkeypatch, ahead):
    model, loss = Small(), skinzoo.default_loss(Task.MULTITASK)
    expected = collect(model, loader_of(data, "uint8"), loss=loss)
    side = LazySide(monkeypatch)
    monkeypatch.setattr(inference, "Prefetch", partial(Prefetch, side=side))
    if not ahead:
        monkeypatch.setattr(Prefetch, "start", lambda self: None)
    same(expected, collect(model, loader_of(data, "uint8"), loss=loss))
    first = [line.split()[0] for line in side.log[:3]]
    assert first == (["feed", "join", "feed"]), "the second is on its way while the first is judged"
    assert len(side.log) == 8


def test_the_model_runs_in_inference_mode_and_the_loader_does_not(data):
    modes = []

    def loader():
        for batch in loader_of(data, "uint8"):
            modes.append(torch.is_inference_mode_enabled())
            yield batch

    model = Small().train()
    collect(model, loader(), loss=skinzoo.default_loss(Task.MULTITASK))
    assert {mode for _, _, mode in model.seen} == {True}
    assert {images for _, images, _ in model.seen} == {False}, "what the loader makes can be used elsewhere"
    assert set(modes) == {False}
    assert model.training


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("simple_cnn", {"image_size": 32}),
        ("multitask_resnet18", {"image_size": 64, "backbone_weights": None}),
        ("vit_tiny_patch16_224_scratch", {"image_size": 96}),
    ],
)
def test_a_model_trains_after_it_was_judged(name, options, data):
    """What a model made in inference mode, such as a table that it keeps, must not get into its training."""
    model = skinzoo.create_model(name, label_space=data.label_space, seed=0, **options)
    loss = skinzoo.default_loss(model.task)
    transform = skinzoo.Transform(model.input_spec, output="uint8")
    loader = skinzoo.make_loader(data.subset(range(4)), transform, batch_size=2)
    before = collect(model, loader, loss=loss).loss
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    batch = feed(next(iter(loader)), model.input_spec, torch.device("cpu"))
    loss(model.train()(*model.inputs(batch)), batch)["loss"].backward()
    optimizer.step()
    assert collect(model, loader, loss=loss).loss != before
    assert not any(t.is_inference() for t in (*model.parameters(), *model.buffers()))
