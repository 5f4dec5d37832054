"""U-Nets and multi-task models on any timm network that gives feature maps."""

import pytest
import timm
import torch
from safetensors.torch import save_file

import skinzoo
from skinzoo.errors import ConfigError, UnknownNameError, WeightsMismatchError

ENCODERS = ["regnety_002", "mobilenetv3_small_050", "convnext_atto", "hgnetv2_b0"]  # strides from 2 and from 4


@pytest.mark.parametrize("encoder", ENCODERS)
def test_classes_and_mask_on_a_timm_encoder(encoder):
    model = skinzoo.create_model(f"multitask_{encoder}", backbone_weights=None, image_size=64, seed=0, decoder="light")
    output = model(torch.zeros(2, 3, 64, 96))
    assert output.logits.shape == (2, 7)
    assert output.mask_logits.shape == (2, 1, 64, 96)
    deepest = model.cam_targets()[0]
    assert deepest.reduction == 32
    shapes = []
    handle = deepest.layer.register_forward_hook(lambda _module, _args, output: shapes.append(output.shape))
    model(torch.zeros(1, 3, 64, 64))
    handle.remove()
    assert shapes == [(1, deepest.channels, 2, 2)]


def test_a_segmenter_takes_no_classes():
    model = skinzoo.create_model("unet_mobilenetv3_small_050", backbone_weights=None, image_size=64)
    assert model(torch.zeros(1, 3, 64, 64)).logits is None
    with pytest.raises(ConfigError, match="only segments"):
        skinzoo.create_model("unet_mobilenetv3_small_050", num_classes=3)


@pytest.mark.parametrize("encoder", ["convnext_atto", "mobilenetv3_small_050", "resnet18"])
def test_the_encoder_starts_from_timms_weights_of_the_whole_network(encoder, tmp_path):
    torch.manual_seed(3)
    whole = timm.create_model(encoder, num_classes=5).eval()
    save_file(whole.state_dict(), tmp_path / "timm.safetensors")
    start = tmp_path / "timm.safetensors"
    model = skinzoo.create_model(f"unet_{encoder}", backbone_weights=start, image_size=64)
    cut = timm.create_model(encoder, features_only=True).eval()
    own = getattr(model.encoder, "model", model.encoder)
    cut.load_state_dict(own.state_dict(), strict=encoder != "resnet18")
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for ours, theirs in zip(model.encoder(picture)[-4:], cut(picture)[-4:], strict=True):
            torch.testing.assert_close(ours, theirs)
        pooled = whole.forward_features(picture)
        if encoder != "mobilenetv3_small_050":  # whose last map comes before its last convolution
            stage = cut(picture)[-1]
            torch.testing.assert_close(stage, pooled)


def test_weights_of_another_network_are_refused(tmp_path):
    save_file(timm.create_model("resnet18").state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(WeightsMismatchError, match="does not fit"):
        skinzoo.create_model("unet_convnext_atto", backbone_weights=tmp_path / "other.safetensors", image_size=64)


def test_the_light_decoder_is_smaller():
    sizes = {
        decoder: skinzoo.create_model("unet_resnet18", backbone_weights=None, decoder=decoder).num_parameters()
        for decoder in ("standard", "light")
    }
    assert sizes["light"] < 0.9 * sizes["standard"]
    with pytest.raises(ConfigError, match="unknown decoder 'huge'"):
        skinzoo.create_model("unet_resnet18", backbone_weights=None, decoder="huge")


def test_a_network_without_feature_maps_says_so():
    with pytest.raises(ConfigError, match="take a convolutional network"):
        skinzoo.create_model("unet_vit_tiny_patch16_224", backbone_weights=None)
    with pytest.raises(UnknownNameError):
        skinzoo.create_model("unet_no_such_network")


def test_saved_and_loaded(tmp_path):
    model = skinzoo.create_model("multitask_regnety_002", backbone_weights=None, image_size=64, decoder="light")
    model.save_pretrained(tmp_path)
    again = skinzoo.create_model(f"local-dir:{tmp_path}")
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for ours, theirs in zip(model(picture), again(picture), strict=True):
            assert torch.equal(ours, theirs)
