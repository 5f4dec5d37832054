"""Faster engines against the model itself, which is the oracle throughout."""

import copy
import sys
import tempfile

import numpy as np
import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import nn

import skinzoo
from skinzoo.errors import ConfigError, MissingDependencyError
from skinzoo.evaluation import engines, engines_fused
from skinzoo.evaluation.engines import MIN_PICTURES, forward_of
from skinzoo.evaluation.engines_fused import fused_copy
from skinzoo.models import ModelConfig, SkinModel, with_tta
from skinzoo.taxonomy import ISIC2018
from skinzoo.types import InputSpec, ModelOutput, Task

ENSEMBLE = "ensemble"
FAMILIES = (
    "convnext_atto", "densenet121", "dla34", "efficientnet_b0", "fastvit_t8", "ghostnet_050", "hrnet_w18_small",
    "maxvit_rmlp_pico_rw_256", "mobilenetv3_small_050", "mobileone_s0", "mobilevit_xxs", "regnety_002", "repvgg_a0",
    "resnest14d", "tf_efficientnet_b0", "xcit_nano_12_p16_224",
)  # fmt: skip
"""Of timm: plain and timm's own BatchNorm, padding like TensorFlow's, grouped convolutions, branches, norms alone."""


def randomised(model, seed=0):
    """The model, its BatchNorm no longer the identity."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
            with torch.no_grad():
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.normal_(0, 0.2, generator=generator)
    return model.eval()


def inputs(model, count=3, seed=1):
    images = torch.randn(count, 3, *model.input_spec.size, generator=torch.Generator().manual_seed(seed))
    encoder = model.metadata_encoder
    return (images,) if encoder is None else (images, encoder([{"age": 40 + i} for i in range(count)]))


def assert_same_answers(model, fused, others=None):
    with torch.no_grad():
        wanted, got = model(*(others or inputs(model))), fused(*(others or inputs(model)))
    for a, b in zip(wanted, got, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert float(a.abs().max()) > 0
            assert float((a - b).abs().max()) <= 1e-4 * float(a.abs().max())


def norms(model):
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.fixture(scope="module")
def data():
    return skinzoo.load_dataset("synthetic", num_images=20, size=48)


@pytest.fixture(scope="module")
def multitask():
    return randomised(skinzoo.create_model("multitask", backbone_weights=None, image_size=64, seed=0))


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (MIN_PICTURES + 2, 40, 50, 3), dtype=np.uint8)


def built(name):
    if name == ENSEMBLE:
        members = [skinzoo.create_model(n, image_size=64, seed=0) for n in ("resnet18_scratch", "simple_cnn")]
        return skinzoo.create_model(ENSEMBLE, members=[randomised(m) for m in members])
    options = {} if name == "simple_cnn" else {"backbone_weights": None}
    if name.endswith("_metadata"):
        options["metadata"] = {"columns": [{"name": "age", "mean": 50.0, "std": 15.0}]}
    return skinzoo.create_model(name, image_size=64, seed=0, **options)


@pytest.mark.parametrize("name", skinzoo.list_models())
def test_every_architecture_fused_answers_as_itself(name):
    model = randomised(built(name))
    fused = fused_copy(model)
    assert fused is not None
    assert fused is not model
    assert not norms(fused)
    assert_same_answers(model, fused)


@pytest.mark.parametrize("name", FAMILIES)
def test_families_of_timm(name):
    model = randomised(skinzoo.create_model(f"{name}_scratch", image_size=64, seed=0))
    fused = fused_copy(model)
    assert fused is not None
    assert len(norms(fused)) < len(norms(model)) or not norms(model)
    assert_same_answers(model, fused)


def test_timms_norm_keeps_its_activation():
    model = randomised(skinzoo.create_model("efficientnet_b0_scratch", image_size=64, seed=0))
    assert any(isinstance(module, BatchNormAct2d) for module in model.modules())
    fused = fused_copy(model)
    activations = [sum(isinstance(module, nn.SiLU) for module in m.modules()) for m in (model, fused)]
    assert activations[0] == activations[1] > 0


def test_transformers_are_not_copied():
    assert fused_copy(skinzoo.create_model("vit_tiny_patch16_224_scratch", image_size=224, seed=0)) is None


def test_the_model_is_not_touched(multitask):
    model = copy.deepcopy(multitask).train()
    frozen = model.encoder.layer1.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    strides = [p.stride() for p in model.parameters()]
    fused = fused_copy(model)
    assert [module.training for module in model.modules()] == modes
    assert [p.stride() for p in model.parameters()] == strides
    assert not frozen.training
    assert not fused.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for m in (model, fused) for module in m.modules())
    assert all(p.requires_grad for p in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    shared = {t.data_ptr() for t in model.state_dict().values()} & {t.data_ptr() for t in fused.state_dict().values()}
    assert not shared - {0}


class Odd(SkinModel):
    """What must not be folded, beside what may be."""

    def __init__(self):
        super().__init__(ModelConfig("odd", Task.CLASSIFICATION, InputSpec(size=(32, 32)), ISIC2018))
        self.read_twice, self.after_read = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.shared, self.first, self.second = nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.BatchNorm2d(8)
        self.one, self.other, self.common = nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8)
        self.returned = nn.Conv2d(8, 8, 3, bias=False)
        self.changed, self.after_change = nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8)
        self.good = nn.Sequential(nn.Conv2d(8, 7, 3, stride=2, bias=False), nn.BatchNorm2d(7))

    def predict_logits(self, images):
        x = self.read_twice(images)
        x = self.after_read(x) + x.view_as(x)
        x = self.first(self.shared(x)) + self.second(self.shared(x))
        x = self.common(self.one(x)) + self.common(self.other(x))
        changed = self.changed(x)
        changed.relu_()
        return ModelOutput(logits=self.good(self.after_change(changed)).mean((2, 3)))


def test_only_what_is_certain_is_folded():
    model = randomised(Odd())
    fused = fused_copy(model)
    assert_same_answers(model, fused)
    names = {name for name, module in fused.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert names == {"after_read", "first", "second", "common", "after_change"}


def test_a_copy_that_answers_otherwise_is_not_used(multitask, monkeypatch):
    monkeypatch.setattr(engines_fused, "_fold", lambda model, pairs: norms(model)[0].weight.data.mul_(1.01))
    assert fused_copy(multitask) is None
    assert forward_of(multitask, "fused") is multitask


def test_hooks_other_numbers_and_autocast_keep_the_model_itself(multitask):
    model = copy.deepcopy(multitask)
    handle = model.encoder.conv1.register_forward_hook(lambda *_: None)
    assert fused_copy(model) is None
    handle.remove()
    assert fused_copy(model) is not None
    original, model.head.forward = model.head.forward, lambda x: original(x)
    assert fused_copy(model) is None
    assert fused_copy(copy.deepcopy(multitask).half()) is None
    with torch.autocast("cpu", torch.bfloat16):
        assert fused_copy(multitask) is None
    broken = copy.deepcopy(multitask)
    broken.encoder.conv1.weight.data.fill_(torch.nan)
    assert forward_of(broken, "fused") is broken


@pytest.mark.parametrize("at_once", [False, True])
def test_views_and_calibration(multitask, at_once):
    model = with_tta(multitask, "d4", views_at_once=at_once)
    fused = fused_copy(model)
    assert not norms(fused)
    assert_same_answers(model, fused)


def spied(monkeypatch):
    made = []

    def fused(model):
        made.append(fused_copy(model))
        return made[-1]

    monkeypatch.setattr(engines_fused, "fused_copy", fused)
    return made


def test_predict_uses_the_copy_from_sixteen_pictures_on(multitask, pictures, monkeypatch):
    made = spied(monkeypatch)
    skinzoo.predict(multitask, pictures[0])
    few = skinzoo.predict(multitask, pictures[: MIN_PICTURES - 1], batch_size=4)
    assert made == []
    many = skinzoo.predict(multitask, pictures, batch_size=4)
    assert len(made) == 1
    plain = skinzoo.predict(multitask, pictures, batch_size=4, engine="plain")
    lazily = list(skinzoo.predict_all(multitask, iter(pictures), batch_size=4))
    assert len(made) == 2
    assert [p.id for p in many] == [p.id for p in plain] == [p.id for p in lazily]
    for a, b, c in zip(many, plain, lazily, strict=True):
        np.testing.assert_allclose(list(a.probabilities.values()), list(b.probabilities.values()), atol=1e-5)
        np.testing.assert_allclose(a.mask_probability, b.mask_probability, atol=1e-4)
        assert a.probabilities == c.probabilities
    assert [p.probabilities for p in few[:12]] == [p.probabilities for p in plain[:12]]


def test_the_copy_is_what_answers(multitask, pictures, monkeypatch):
    """A copy that answers otherwise shows in every function."""
    model = copy.deepcopy(multitask)
    other = copy.deepcopy(multitask)
    other.head[-1].bias.data[3] += 50
    monkeypatch.setattr(engines_fused, "fused_copy", lambda _: other)
    assert {p.label for p in skinzoo.predict(model, pictures[:2], engine="fused")} == {ISIC2018.classes[3]}
    assert {p.label for p in skinzoo.predict_all(model, pictures)} == {ISIC2018.classes[3]}


def test_heatmaps_are_the_models_own(multitask, pictures):
    wanted = skinzoo.predict(multitask, pictures[:2], heatmaps=True, engine="plain")
    got = skinzoo.predict(multitask, pictures[:2], heatmaps=True, engine="fused")
    for a, b in zip(wanted, got, strict=True):
        np.testing.assert_array_equal(a.heatmap.heatmap, b.heatmap.heatmap)


def test_tables_and_evaluations(multitask, data, pictures, tmp_path, monkeypatch):
    made = spied(monkeypatch)
    for name in ("one.csv", "two.csv"):
        skinzoo.predict_table(multitask, pictures, tmp_path / name, batch_size=4, progress=False)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert len(made) == 2
    by_engine = {name: skinzoo.evaluate(multitask, data, examples=0, engine=name) for name in ("plain", "fused")}
    again = skinzoo.evaluate(multitask, data, examples=0)
    plain, fused = (report.outcome for report in by_engine.values())
    np.testing.assert_allclose(fused.probabilities, plain.probabilities, atol=1e-5)
    assert np.abs(fused.mask_counts - plain.mask_counts).max() <= 2
    np.testing.assert_array_equal(again.outcome.probabilities, fused.probabilities)
    assert len(made) == 4


def test_other_scores(multitask, data, monkeypatch):
    """Robustness, several collections and rankings: the model's figures, with one copy for all passes of a kind."""
    made = spied(monkeypatch)
    settings = {"corruptions": ["dark"], "strengths": [3], "resamples": 20, "progress": False}
    plain, fused = (skinzoo.evaluate_robustness(multitask, data, **settings, engine=e) for e in ("plain", "auto"))
    assert len(made) == 1
    for a, b in zip(plain.cells, fused.cells, strict=True):
        assert a.values == pytest.approx(b.values, abs=1e-3, nan_ok=True)
    plain, fused = (skinzoo.evaluate_across(multitask, [data], resamples=20, engine=e) for e in ("plain", "auto"))
    assert len(made) == 2
    assert plain.first.values == pytest.approx(fused.first.values, abs=1e-3, nan_ok=True)
    plain, fused = (skinzoo.rank_unlabelled(multitask, data, engine=e) for e in ("plain", "auto"))
    assert len(made) == 3
    np.testing.assert_allclose(plain.scores, fused.scores, atol=1e-5)
    skinzoo.rank_unlabelled(multitask, data, "diversity", engine="fused", n=2)
    assert len(made) == 3, "its features are the model's own"


def test_what_the_copy_says_is_what_is_scored(multitask, data, monkeypatch):
    other = copy.deepcopy(multitask)
    other.head[-1].bias.data[3] += 50
    monkeypatch.setattr(engines_fused, "fused_copy", lambda _: other)
    ranking = skinzoo.rank_unlabelled(multitask, data, engine="fused")
    assert ranking.scores.max() < 1e-6, "the copy is sure of itself"
    across = skinzoo.evaluate_across(multitask, [data], metrics=["accuracy"], resamples=20, engine="fused")
    share = (data.records.labels == 3).mean()
    assert across.first.values["accuracy"] == pytest.approx(share)
    robustness = skinzoo.evaluate_robustness(
        multitask, data, corruptions=["dark"], strengths=[1], metrics=["accuracy"], resamples=20, progress=False,
        engine="fused",
    )  # fmt: skip
    assert robustness.cells[0].values["accuracy"] == pytest.approx(share)


def test_there_are_four_engines(multitask, data, pictures, tmp_path):
    message = r"engine must be one of 'auto', 'plain', 'fused', 'onnx', got 'turbo'"
    for call in (skinzoo.predict, skinzoo.predict_all):
        with pytest.raises(ConfigError, match=message):
            call(multitask, pictures, engine="turbo")
    with pytest.raises(ConfigError, match=message):
        skinzoo.predict_table(multitask, pictures, tmp_path / "a.csv", engine="turbo")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConfigError, match=message):
        skinzoo.evaluate(multitask, data, engine="turbo")
    for scored, given in (
        (skinzoo.evaluate_robustness, data), (skinzoo.evaluate_across, [data]), (skinzoo.rank_unlabelled, data)
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=message):
            scored(multitask, given, engine="turbo")


def test_onnxruntime_answers_as_the_model(pictures, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = randomised(skinzoo.create_model("multitask", backbone_weights=None, image_size=32, seed=0))
    wanted = skinzoo.predict(model, pictures[:5], batch_size=2, engine="plain")
    got = skinzoo.predict(model, pictures[:5], batch_size=2, engine="onnx")
    assert not list(tmp_path.iterdir())
    for a, b in zip(wanted, got, strict=True):
        np.testing.assert_allclose(list(a.probabilities.values()), list(b.probabilities.values()), atol=1e-5)
        np.testing.assert_allclose(a.mask_probability, b.mask_probability, atol=1e-4)


def test_onnxruntime_with_metadata_and_without_it():
    pytest.importorskip("onnxruntime")
    model = randomised(built("resnet18_metadata"))
    forward = forward_of(model, "onnx")
    images, rows = inputs(model)
    assert_same_answers(model, forward, (images, rows))
    assert_same_answers(model, forward, (images,))


def test_onnx_needs_its_packages_and_the_cpu(multitask, pictures, monkeypatch):
    with pytest.raises(ConfigError, match=r"computes on the CPU, and the model is on meta"):
        forward_of(copy.deepcopy(multitask).to("meta"), "onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"skinzoo\[onnx\]"):
        skinzoo.predict(multitask, pictures[:2], engine="onnx")


def test_engines_are_named_once():
    assert engines.ENGINES == ("auto", "plain", "fused", "onnx")
