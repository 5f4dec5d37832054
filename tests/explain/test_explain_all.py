"""Batches of pictures, one run of the model for each, and a model that is left as it was.

Oracle of the maps: `by_hand`, autograd over the whole network for one picture at a time.
"""

import copy

import numpy as np
import pytest
import torch
from corner import CornerModel, painted
from PIL import Image
from torch.nn import functional as F

import skinzoo
from skinzoo.errors import ConfigError, DatasetNotFoundError, DivergedError, LabelError
from skinzoo.explain import activation_map, class_score, explain_all, explain_batch, grad_cam
from skinzoo.explain.activation import choose_target
from skinzoo.models import MetadataEncoder

METADATA = MetadataEncoder.from_dict({"columns": [{"name": "age", "mean": 50.0, "std": 15.0}]})
LAYOUTS = {
    "resnet18_head": "NCHW",
    "convnext_atto_metadata": "NCHW",
    "densenet121_scratch": "NCHW",
    "efficientnet_b0_scratch": "NCHW",
    "mobilenetv3_small_100_scratch": "NCHW",
    "multitask_resnet18": "NCHW",
    "vit_tiny_patch16_224_scratch": "tokens",
    "swin_tiny_patch4_window7_224_scratch": "NHWC",
}


def build(name, **options):
    known = skinzoo.model_info(name).options
    options |= {"backbone_weights": None} if "backbone_weights" in known else {}
    options |= {"metadata": METADATA} if "metadata" in known else {}
    if not name.startswith(("vit", "swin")):
        options.setdefault("image_size", 64)
    return skinzoo.create_model(name, seed=0, **options)


def by_hand(model, image, others, index, layout):
    kept = []
    layer = choose_target(model, tuple(image.shape[2:])).layer
    handle = layer.register_forward_hook(lambda _m, _i, out: (kept.append(out), out.clone())[1])
    logit = model(image, *others).logits[0, index]
    handle.remove()
    (gradient,) = torch.autograd.grad(logit, kept[0])
    features = kept[0].detach()
    if layout == "tokens":
        features, gradient = (t[:, 1:].reshape(1, 14, 14, -1) for t in (features, gradient))
    if layout != "NCHW":
        features, gradient = (t.permute(0, 3, 1, 2) for t in (features, gradient))
    heat = (features * gradient.mean((2, 3), keepdim=True)).sum(1, keepdim=True).relu()
    heat = F.interpolate(heat, size=image.shape[2:], mode="bilinear")[0, 0]
    return (heat - heat.min()) / (heat.max() - heat.min()).clamp_min(1e-30)


@pytest.mark.parametrize(("name", "layout"), LAYOUTS.items())
def test_a_batch_equals_single_pictures_by_hand(name, layout):
    model = build(name).eval()
    images = torch.randn(2, 3, *model.input_spec.size, generator=torch.Generator().manual_seed(3))
    others = [METADATA([{"age": 20}, {"age": 90}])] if model.metadata_encoder else []
    before = {k: v.clone() for k, v in model.state_dict().items()}
    frozen = [p.requires_grad for p in model.parameters()]
    explained = explain_batch(model, images, others=others)
    logits = model(images, *others).logits.detach()
    for i in range(2):
        index = int(logits[i].argmax())
        assert explained.goals[i].label == model.label_space.classes[index]
        assert explained.probabilities[i] == pytest.approx(float(logits[i].softmax(0)[index]), abs=1e-5)
        for parameter in model.parameters():
            parameter.requires_grad_(True)  # the hand's graph runs through frozen layers too
        oracle = by_hand(model, images[i : i + 1], [t[i : i + 1] for t in others], index, layout)
        for parameter, learns in zip(model.parameters(), frozen, strict=True):
            parameter.requires_grad_(learns)
        assert oracle.std() > 0.01
        torch.testing.assert_close(explained.maps[i], oracle, atol=2e-4, rtol=0)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_metadata_made_under_inference_mode():
    model = build("resnet18_metadata")
    with torch.inference_mode():
        images, known = torch.randn(2, 3, 64, 64), METADATA([{"age": 20}, {}])
        maps = explain_batch(model, images, others=[known]).maps
        for method in ("saliency", "integrated_gradients"):
            assert explain_batch(model, images, others=[known], method=method).maps.shape == maps.shape
    assert torch.equal(maps, explain_batch(model, images.clone(), others=[known.clone()]).maps)


@pytest.fixture
def folder(tmp_path, write_image):
    for k in range(5):
        write_image(tmp_path / "pictures" / f"{k}.png", seed=k, height=30 + k, width=40)
    return tmp_path / "pictures"


@pytest.mark.parametrize("method", ["grad_cam", "saliency"])
def test_a_folder_equals_single_pictures_in_one_run_a_batch(folder, method):
    model = build("multitask_resnet18")
    calls = []
    model.encoder.register_forward_hook(lambda _m, inputs, _o: calls.append(len(inputs[0])))
    found = list(explain_all(model, folder, method=method, batch_size=2))
    assert calls == [2, 2, 1], "the answer and the map come from one run"
    assert [e.id for e in found] == list("01234")
    one = {"grad_cam": skinzoo.grad_cam, "saliency": skinzoo.saliency}[method]
    for explanation in found:
        alone = one(model, folder / f"{explanation.id}.png")
        np.testing.assert_allclose(explanation.heatmap, alone.heatmap, atol=1e-4)
        assert explanation.heatmap.shape == explanation.image.shape[:2]
        assert (explanation.target, explanation.method) == (alone.target, method)
        assert explanation.probability == pytest.approx(alone.probability, abs=1e-5)


def test_unreadable_pictures_are_listed_and_the_rest_goes_on(folder):
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])
    explanations = explain_all(build("simple_cnn"), folder, batch_size=2)
    assert explanations.failed == []
    assert [e.id for e in explanations] == list("0134")
    ((name, reason),) = explanations.failed
    assert name == "2"
    assert "2.png" in reason
    only = explain_all(build("simple_cnn"), [folder / "2.png"])
    assert list(only) == []
    assert len(only.failed) == 1


def test_a_collection_is_gone_through_lazily():
    data = painted(["corner"] * 7, broken=(1, 4))
    reads = []
    source = data.source.read
    data.source.read = lambda *which: (reads.append(which[2]), source(*which))[1]
    explanations = explain_all(CornerModel(), data, batch_size=2)
    assert not reads
    assert next(explanations).id == "P0"
    assert reads == ["P0", "P1", "P2"]
    assert [e.id for e in explanations] == ["P2", "P3", "P5", "P6"]
    assert [f.id for f in explanations.failed] == ["P1", "P4"]


def test_bad_options_are_heard_of_at_once(folder):
    model = build("simple_cnn")
    with pytest.raises(DatasetNotFoundError, match="nowhere"):
        explain_all(model, "nowhere")
    with pytest.raises(LabelError):
        explain_all(model, folder, target="MELL")
    with pytest.raises(ConfigError, match=r"method must be one of 'grad_cam', 'saliency'.*got 'gradcam'"):
        explain_all(model, folder, method="gradcam")
    with pytest.raises(ConfigError, match="batch_size must be a positive whole number, got 0"):
        explain_all(model, folder, batch_size=0)
    with pytest.raises(ConfigError, match="it takes no metadata"):
        explain_all(model, folder, metadata={"age": 3})
    with pytest.raises(ConfigError, match="bring their metadata along"):
        explain_all(model, painted(["corner"]), metadata={"age": 3})
    assert list(explain_all(model, [])) == []


def test_a_function_of_ones_own():
    def brightness(model, images, score, *, others):
        return images.mean(1)

    (explanation,) = explain_all(CornerModel(), painted(["corner"]), method=brightness)
    assert explanation.method == "brightness"
    np.testing.assert_allclose(explanation.heatmap, explanation.image.mean(2) / 255, atol=1e-6)
    assert explanation.probability > 0.3, "the model's answer is asked for all the same"
    images = torch.rand(2, 3, 16, 16)
    for wrong, match in (
        (lambda *_, others: images, r"must give maps as a tensor of shape \(2, 16, 16\), got \(2, 3, 16, 16\)"),
        (lambda *_, others: None, "got NoneType"),
        (lambda *_, others: -images[:, 0], "gives negative values"),
    ):
        with pytest.raises(ConfigError, match=match):
            explain_batch(CornerModel(), images, method=wrong)
    with pytest.raises(DivergedError, match="NaN or infinite"):
        explain_batch(CornerModel(), images, method=lambda *_, others: images[:, 0] * torch.nan)


@pytest.mark.parametrize("method", ["grad_cam", "saliency", "integrated_gradients"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_the_model_is_as_it_was_after_an_exception_in_it(method, where):
    model = build("resnet18_scratch").train()
    before = {k: v.clone() for k, v in model.state_dict().items()}

    def broken(*_):
        raise RuntimeError("broken layer")

    handle = (model.backbone.conv1 if where == "before" else model.head).register_forward_hook(broken)
    with torch.no_grad():
        with pytest.raises(RuntimeError, match="broken layer"):
            explain_batch(model, torch.randn(1, 3, 64, 64), method=method)
        assert not torch.is_grad_enabled()
    handle.remove()
    assert not any(m._forward_hooks for m in model.modules())
    assert model.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


@pytest.mark.parametrize("method", ["grad_cam", "saliency", "integrated_gradients"])
def test_a_model_that_looks_nowhere_gives_zero(method):
    explained = explain_batch(CornerModel(gain=0.0), torch.rand(2, 3, 16, 16), method=method)
    assert torch.equal(explained.maps, torch.zeros(2, 16, 16))


@pytest.mark.parametrize("method", ["grad_cam", "saliency", "integrated_gradients"])
def test_a_model_that_looks_at_the_corner_is_seen_to(method):
    (explanation,) = explain_all(CornerModel(), painted(["corner"]), method=method, target="MEL")
    heat = explanation.heatmap
    assert heat[:8, :8].mean() > 0.2
    assert heat[8:].max() == heat[:, 8:].max() == 0
    assert 0 <= heat.min() <= heat.max() <= 1


def test_weights_that_diverged_say_so():
    model = build("simple_cnn")
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    with pytest.raises(DivergedError, match="logits hold NaN"):
        grad_cam(model, np.zeros((32, 32, 3), np.uint8))


def test_half_precision_gives_float_maps():
    model = build("simple_cnn").to(torch.bfloat16)
    images = torch.randn(1, 3, 64, 64)
    maps = explain_batch(model, images.bfloat16()).maps
    assert maps.dtype == torch.float32
    full = explain_batch(copy.deepcopy(model).float(), images.bfloat16().float()).maps
    assert (maps - full).abs().mean() < 0.05


def test_a_layer_that_is_not_called_says_so():
    model = CornerModel()
    model.cam_targets = lambda: [skinzoo.models.CamTarget(torch.nn.Identity(), 1, 1)]
    with pytest.raises(ConfigError, match="a layer that the model does not call"):
        activation_map(model, torch.rand(1, 3, 16, 16), class_score(0))


def test_malignant_together_for_a_picture(folder):
    model = build("simple_cnn")
    explanation = grad_cam(model, folder / "0.png", target="malignant")
    said = skinzoo.predict(model, folder / "0.png")[0].probabilities
    assert explanation.target == "malignant"
    assert explanation.probability == pytest.approx(sum(said[c] for c in model.label_space.malignant), abs=1e-6)
    assert explanation.save(folder / "out.png").is_file()
    with Image.open(folder / "out.png") as saved:
        assert saved.size == (40, 30)
