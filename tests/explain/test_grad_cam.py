"""Oracles: captum's LayerGradCam for feature maps, and plain autograd over the whole network for tokens and NHWC."""

import copy

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from PIL import Image
from torch.nn import functional as F

import skinzoo
from skinzoo.errors import ConfigError, DatasetNotFoundError, ImageDecodeError, LabelError
from skinzoo.explain.activation import activation_map, choose_target, input_gradient
from skinzoo.explain.targets import class_score, lesion_score
from skinzoo.types import InputSpec, ModelOutput


def build(name: str, **options):
    if "backbone_weights" in skinzoo.model_info(name).options:
        options["backbone_weights"] = None
    return skinzoo.create_model(name, seed=0, **options)


def noise(model, count=2):
    return torch.randn(count, 3, *model.input_spec.size, generator=torch.Generator().manual_seed(2))


def scaled(maps):
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("resnet18_scratch", 128),
        ("resnet18_head", 128),
        ("simple_cnn", 64),
        ("efficientnet_b0_scratch", 128),
        ("multitask", 128),
    ],
)
@pytest.mark.parametrize("index", [0, 4])
def test_equals_captum_on_feature_maps(name, size, index):
    model, images = build(name, image_size=size), None
    images = noise(model)
    layer = choose_target(model, (size, size)).layer
    for parameter in model.parameters():
        parameter.requires_grad_(True)  # captum cannot explain frozen models
    oracle = LayerGradCam(lambda x: model(x).logits, layer).attribute(images, target=index, relu_attributions=True)
    oracle = F.interpolate(oracle.detach(), size=(size, size), mode="bilinear", align_corners=False)[:, 0]
    assert oracle.amax() > 0
    torch.testing.assert_close(activation_map(model, images, class_score(index)), scaled(oracle), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("name", "tokens"), [("vit_tiny_patch16_224_scratch", True), ("swin_tiny_patch4_window7_224_scratch", False)]
)
def test_equals_plain_autograd_on_tokens_and_channels_last(name, tokens):
    model = build(name)
    images = noise(model)
    kept = []
    handle = choose_target(model, (224, 224)).layer.register_forward_hook(lambda _m, _i, out: kept.append(out))
    logits = model(images).logits
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[:, 3].sum(), kept[0])
    features = kept[0].detach()
    if tokens:  # 1 class token, then 14 x 14 patches in rows
        features, gradient = (t[:, 1:].reshape(2, 14, 14, -1) for t in (features, gradient))
    oracle = (features * gradient.mean((1, 2), keepdim=True)).sum(-1).relu()[:, None]
    oracle = scaled(F.interpolate(oracle, size=(224, 224), mode="bilinear", align_corners=False)[:, 0])
    heat = activation_map(model, images, class_score(3))
    assert heat.std() > 0.01, "the map must not be constant"
    torch.testing.assert_close(heat, oracle, atol=1e-4, rtol=0)


def test_the_layer_is_the_deepest_with_four_cells():
    model = build("resnet18_scratch")
    assert [choose_target(model, (s, s)).reduction for s in (224, 128, 127, 64, 33)] == [32, 32, 16, 16, 8]
    assert choose_target(model, (8, 8)).reduction == 2, "the finest one where none has four"


def test_gradient_stops_at_the_layer():
    """The trunk runs without a graph: its autograd functions are never recorded."""
    model = build("resnet18_scratch", image_size=64)
    recorded = []
    first = next(m for m in model.modules() if isinstance(m, torch.nn.Conv2d))
    first.register_forward_hook(lambda _m, _i, out: recorded.append(out.requires_grad))
    activation_map(model, noise(model), class_score(0))
    assert recorded == [False]


def test_works_inside_no_grad_and_inference_mode_and_keeps_the_state():
    model = build("multitask", image_size=64)
    model.train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    plain = activation_map(model, noise(model), lesion_score)
    with torch.inference_mode():
        inside = activation_map(model, noise(model), lesion_score)
        assert torch.is_inference_mode_enabled()
    with torch.no_grad():
        assert torch.equal(plain, activation_map(model, noise(model), lesion_score))
        assert not torch.is_grad_enabled()
    assert torch.equal(plain, inside)
    assert model.training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items()), "statistics must not move"


@pytest.mark.parametrize("name", ["simple_cnn", "resnet18_scratch", "unet_resnet18"])
def test_a_copy_is_explained_by_its_own_layers(name):
    model = build(name, image_size=64)
    twin = copy.deepcopy(model)
    score = class_score(0) if model.task.has_labels else lesion_score
    expected = activation_map(model, noise(model), score)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert torch.equal(activation_map(twin, noise(twin), score), expected)


def test_hooks_are_gone_after_an_error():
    model = build("resnet18_scratch", image_size=64)
    model.train()

    def broken(_output):
        raise RuntimeError("broken score")

    with pytest.raises(RuntimeError, match="broken score"):
        activation_map(model, noise(model), broken)
    assert not any(m._forward_hooks for m in model.modules())
    assert model.training
    assert torch.is_grad_enabled()


def test_a_map_with_no_evidence_is_zero_not_nan():
    model = build("resnet18_scratch", image_size=64)
    heat = activation_map(model, noise(model), lambda output: output.logits[:, 0] * 0)
    assert torch.equal(heat, torch.zeros_like(heat))


def test_another_class_and_other_weights_give_another_map():
    model, other = (
        build("resnet18_scratch", image_size=128),
        skinzoo.create_model("resnet18_scratch", image_size=128, seed=9),
    )
    images = noise(model)
    maps = [activation_map(m, images, class_score(i)) for m, i in ((model, 0), (model, 1), (other, 0))]
    assert all((a - b).abs().mean() > 0.02 for a, b in ((maps[0], maps[1]), (maps[0], maps[2])))


@pytest.mark.parametrize("name", ["hrnet_w18_small_scratch", "pit_ti_224_scratch", "crossvit_tiny_240_scratch"])
def test_architectures_that_keep_their_features_otherwise_say_so(name):
    model = build(name)
    with torch.no_grad():
        assert model(noise(model)).logits.shape == (2, 7)
    with pytest.raises(ConfigError, match="use saliency"):
        activation_map(model, noise(model), class_score(0))
    assert input_gradient(model, noise(model), class_score(0)).amax() == 1


def test_lesion_score_is_the_mean_over_the_predicted_lesion():
    logits = torch.tensor([[[[2.0, 4.0], [-1.0, -5.0]]], [[[-1.0, -2.0], [-3.0, -2.0]]]])
    assert lesion_score(ModelOutput(mask_logits=logits)).tolist() == [3.0, -2.0]


def test_saliency_equals_autograd():
    model = build("resnet18_head", image_size=64)
    images = noise(model).requires_grad_(True)
    (gradient,) = torch.autograd.grad(model(images).logits[:, 2].sum(), images)
    torch.testing.assert_close(input_gradient(model, images.detach(), class_score(2)), scaled(gradient.abs().amax(1)))


@pytest.fixture(scope="module")
def model():
    return build("multitask", image_size=64)


class TestOnPictures:
    @pytest.fixture
    def picture(self, tmp_path, write_image):
        return write_image(tmp_path / "lesion.png", seed=3, height=48, width=80)

    def test_path_array_and_sample_agree(self, model, picture):
        array = np.asarray(Image.open(picture))
        sample = skinzoo.Sample("mine", array)
        by_path, by_array, by_sample = (skinzoo.grad_cam(model, p) for p in (picture, array, sample))
        assert np.array_equal(by_path.heatmap, by_array.heatmap)
        assert np.array_equal(by_path.heatmap, by_sample.heatmap)
        assert (by_path.id, by_sample.id) == ("lesion", "mine")
        assert by_path.heatmap.shape == (48, 80)
        assert 0 <= by_path.heatmap.min() <= by_path.heatmap.max() <= 1

    def test_the_default_target_is_the_predicted_class(self, model, picture):
        best = skinzoo.predict(model, picture)[0]
        explanation = skinzoo.grad_cam(model, picture)
        assert explanation.target == best.label
        assert explanation.probability == pytest.approx(best.probability, abs=1e-6)

    def test_targets_by_code_index_and_lesion(self, model, picture):
        assert skinzoo.grad_cam(model, picture, target="bcc").target == "BCC"
        assert skinzoo.grad_cam(model, picture, target=2).target == "BCC"
        assert skinzoo.grad_cam(model, picture, target="lesion").target == "lesion"
        assert skinzoo.saliency(model, picture).method == "saliency"

    @pytest.mark.parametrize(
        ("target", "error"), [("MELL", LabelError), (7, ConfigError), (-1, ConfigError), (1.5, ConfigError)]
    )
    def test_targets_that_make_no_sense(self, model, picture, target, error):
        with pytest.raises(error):
            skinzoo.grad_cam(model, picture, target=target)

    def test_tasks_limit_the_targets(self, picture):
        with pytest.raises(ConfigError, match="predicts no mask"):
            skinzoo.grad_cam(build("resnet18_scratch", image_size=64), picture, target="lesion")
        segmenter = build("unet_resnet18", image_size=64)
        assert skinzoo.grad_cam(segmenter, picture).target == "lesion"
        with pytest.raises(ConfigError, match="predicts no class"):
            skinzoo.grad_cam(segmenter, picture, target="MEL")

    def test_what_the_centre_crop_cut_off_is_zero(self, picture):
        model = build("resnet18_scratch", input_spec=InputSpec(size=(64, 64), crop="center", crop_fraction=1.0))
        heat = skinzoo.grad_cam(model, picture).heatmap
        assert heat[:, :14].max() == heat[:, -14:].max() == 0
        assert heat[:, 20:-20].max() > 0

    def test_save_writes_the_overlay(self, model, picture, tmp_path):
        path = skinzoo.grad_cam(model, picture).save(tmp_path / "new" / "cam.png")
        with Image.open(path) as saved:
            assert saved.size == (80, 48)

    def test_one_picture_at_a_time_and_known_endings(self, model, picture, tmp_path):
        with pytest.raises(ConfigError, match="one picture is expected, got 2"):
            skinzoo.grad_cam(model, [picture, picture])
        for name in ("cam", "cam.xyz"):
            with pytest.raises(ConfigError, match=r"must end in \.png"):
                skinzoo.grad_cam(model, picture).save(tmp_path / name)

    def test_what_is_no_picture(self, model, tmp_path):
        (tmp_path / "page.jpg").write_text("<html>")
        with pytest.raises(ImageDecodeError):
            skinzoo.grad_cam(model, tmp_path / "page.jpg")
        with pytest.raises(DatasetNotFoundError, match="nowhere"):
            skinzoo.grad_cam(model, tmp_path / "nowhere.jpg")
        with pytest.raises(ConfigError, match="uint8 RGB array"):
            skinzoo.grad_cam(model, np.zeros((8, 8, 3)))
