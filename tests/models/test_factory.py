import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from saved_models import change_config

import skinzoo
from skinzoo.errors import (
    ConfigError,
    OfflineError,
    UnknownNameError,
    UnsafeWeightsError,
    WeightsError,
    WeightsMismatchError,
)
from skinzoo.taxonomy import ISIC9, ISIC2018
from skinzoo.types import InputSpec

TINY = {"name": "resnet18_scratch", "image_size": 32}


def test_simple_cnn_has_the_size_that_was_asked_for():
    model = skinzoo.create_model("simple_cnn", num_classes=9)
    assert model.input_spec.size == (224, 224)
    assert 3_300_000 <= model.num_parameters() <= 3_500_000


def test_list_models_by_task_and_facet():
    assert "simple_cnn" in skinzoo.list_models()
    assert skinzoo.list_models(task="segmentation") == ["unet_resnet18", "unet_resnet34", "unet_resnet50"]
    assert skinzoo.list_models(strategy="head") == ["resnet18_head", "resnet34_head", "resnet50_head"]
    assert skinzoo.list_models(family="unet", task="classification") == []


def test_list_models_with_a_pattern_reaches_every_timm_backbone():
    assert skinzoo.list_models("mobilenetv2_100_*") == [
        f"mobilenetv2_100_{s}" for s in ("scratch", "head", "finetuned", "metadata")
    ]
    assert skinzoo.list_models("mobilenetv2_100_*", strategy="head") == ["mobilenetv2_100_head"]
    everything = skinzoo.list_models("*")
    assert len(everything) == len(set(everything)) > 3 * len(timm.list_models()) - 10
    assert skinzoo.list_models("vit*", task="multitask") == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("resnet50_finetune", "did you mean 'resnet50_finetuned'"),
        ("Multitask", "did you mean 'multitask'"),
        ("resnet50", "resnet50_head"),
        ("no_such_backbone_head", "unknown model"),
    ],
)
def test_unknown_models_get_close_matches(name, says):
    with pytest.raises(UnknownNameError, match=says):
        skinzoo.create_model(name)


@pytest.mark.parametrize("num_classes", [0, -1, 10**9, 2.0, True])
def test_absurd_class_counts_are_refused(num_classes):
    with pytest.raises(ConfigError, match="num_classes"):
        skinzoo.create_model(**TINY, num_classes=num_classes)


def test_label_spaces_can_be_given_in_every_way():
    assert skinzoo.create_model(**TINY).label_space is ISIC2018
    assert skinzoo.create_model(**TINY, label_space="isic9").label_space is ISIC9
    assert skinzoo.create_model(**TINY, label_space=ISIC9, num_classes=9).label_space is ISIC9
    assert skinzoo.create_model(**TINY, label_space=["benign", "malignant"]).label_space.name == "binary"
    assert skinzoo.create_model(**TINY, num_classes=3).label_space.classes == ("class_0", "class_1", "class_2")
    with pytest.raises(ConfigError, match="num_classes=7, but label space 'isic9' has 9"):
        skinzoo.create_model(**TINY, label_space="isic9", num_classes=7)
    with pytest.raises(UnknownNameError, match="isic2018"):
        skinzoo.create_model(**TINY, label_space="isic2081")
    with pytest.raises(ConfigError, match="only segments"):
        skinzoo.create_model("unet_resnet18", num_classes=2, backbone_weights=None)


def test_multitask_is_an_alias():
    model = skinzoo.create_model("multitask", backbone_weights=None)
    assert model.config.architecture == "multitask_resnet18"


@pytest.mark.parametrize("size", [0, -3, (1, 2, 3), "big", (32, 0), 64.0])
def test_bad_image_sizes_are_refused(size):
    with pytest.raises(ConfigError, match="image_size"):
        skinzoo.create_model("resnet18_scratch", image_size=size)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": None}, "asked for by its name"),
        ({"label_space": 7}, "list of names"),
        ({"label_space": {"a", "b"}}, "list of names"),
        ({"dropout": "0.5"}, "dropout"),
        ({"seed": "a"}, "seed"),
        ({"input_spec": InputSpec()}, "not both"),
    ],
)
def test_values_of_another_type_are_refused(options, says):
    with pytest.raises(ConfigError, match=says):
        skinzoo.create_model(**(TINY | options))


def test_pictures_that_a_network_pools_away_are_refused_when_it_is_built():
    with pytest.raises(ConfigError, match="densenet121_scratch cannot work at 20 x 20 pixels"):
        skinzoo.create_model("densenet121_scratch", image_size=20)


def test_unknown_facets_and_tags():
    with pytest.raises(ConfigError, match="Did you mean 'strategy'"):
        skinzoo.list_models(strategie="head")
    with pytest.raises(UnknownNameError):
        skinzoo.create_model("resnet18.nope_scratch")
    with pytest.raises(ConfigError, match="unknown task 'segment'"):
        skinzoo.list_models(task="segment")


def test_unet_sizes_are_multiples_of_32():
    with pytest.raises(ConfigError, match="multiple of 32, got \\(100, 100\\)"):
        skinzoo.create_model("unet_resnet18", image_size=100, backbone_weights=None)


def test_input_spec_overrides_everything_about_the_input():
    spec = InputSpec(size=(48, 40), mean=(0, 0, 0), std=(1, 1, 1), crop="center")
    assert skinzoo.create_model("resnet18_scratch", input_spec=spec).input_spec == spec
    assert skinzoo.create_model("simple_cnn", input_spec=spec).input_spec == spec


def test_input_spec_follows_timm():
    vit = skinzoo.create_model("vit_tiny_patch16_224_scratch")
    assert vit.input_spec.mean == (0.5, 0.5, 0.5), "this ViT was not trained with ImageNet's statistics"


def test_a_fixed_size_backbone_is_built_for_the_size_asked_for():
    model = skinzoo.create_model("vit_tiny_patch16_224_scratch", image_size=96)
    assert model(torch.zeros(1, 3, 96, 96)).logits.shape == (1, 7)
    with pytest.raises(ConfigError, match=r"takes \(96, 96\) pixels only, got \(224, 224\)"):
        model(torch.zeros(1, 3, 224, 224))


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (torch.zeros(3, 32, 32), r"shape \(N, 3, H, W\), got \(3, 32, 32\)"),
        (torch.zeros(1, 1, 32, 32), r"got \(1, 1, 32, 32\)"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "normalised float images, got torch.uint8"),
    ],
)
def test_forward_refuses_what_is_no_picture(images, says):
    with pytest.raises(ConfigError, match=says):
        skinzoo.create_model(**TINY)(images)


def test_unet_refuses_sizes_it_cannot_take():
    model = skinzoo.create_model("unet_resnet18", image_size=64, backbone_weights=None)
    with pytest.raises(ConfigError, match="multiples of 32, got \\(33, 64\\)"):
        model(torch.zeros(1, 3, 33, 64))


def test_head_and_dropout_are_configurable():
    model = skinzoo.create_model(**TINY, head="mlp", dropout=0.3)
    shapes = [tuple(m.weight.shape) for m in model.head if hasattr(m, "weight")]
    assert shapes == [(256, 512), (128, 256), (7, 128)]
    assert {m.p for m in model.head if isinstance(m, torch.nn.Dropout)} == {0.3}
    default = skinzoo.create_model(**TINY, head="mlp")
    assert {m.p for m in default.head if isinstance(m, torch.nn.Dropout)} == {0.7}
    for bad in ({"head": "big"}, {"dropout": 1.0}, {"dropout": -0.1}):
        with pytest.raises(ConfigError):
            skinzoo.create_model(**TINY, **bad)


class TestBackboneWeights:
    """Starting from a local file: timm's own weights, as a safetensors file."""

    @pytest.fixture
    def file(self, tmp_path):
        torch.manual_seed(5)
        source = timm.create_model("resnet18", pretrained=False, num_classes=1000)
        save_file(source.state_dict(), tmp_path / "resnet18.safetensors")
        return tmp_path / "resnet18.safetensors", source.eval()

    @pytest.mark.parametrize("name", ["resnet18_finetuned", "resnet18_head", "resnet18_scratch"])
    def test_classifier_gives_timms_features(self, file, name):
        path, source = file
        model = skinzoo.create_model(name, backbone_weights=path)
        images = torch.randn(2, 3, 64, 64)
        with torch.no_grad():
            expected = source.forward_head(source.forward_features(images), pre_logits=True)
            assert torch.equal(model.backbone(images), expected)

    @pytest.mark.parametrize("name", ["unet_resnet18", "multitask"])
    def test_encoders_give_timms_features(self, file, name):
        path, source = file
        model = skinzoo.create_model(name, backbone_weights=str(path))
        images = torch.randn(2, 3, 64, 64)
        with torch.no_grad():
            assert torch.allclose(model.encoder(images)[-1], source.forward_features(images), atol=1e-5)

    def test_another_architecture_is_refused_with_the_differences(self, file):
        path, _ = file
        with pytest.raises(WeightsMismatchError, match=r"absent from the file: .*layer1.2.*of another architecture"):
            skinzoo.create_model("resnet34_finetuned", backbone_weights=path)

    def test_a_pickle_is_refused(self, tmp_path):
        torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "resnet18.pth")
        with pytest.raises(UnsafeWeightsError, match="Only safetensors are loaded"):
            skinzoo.create_model("resnet18_finetuned", backbone_weights=tmp_path / "resnet18.pth")

    def test_without_a_network_both_ways_out_are_named(self, monkeypatch, tmp_path):
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        for name in ("resnet50_head", "multitask", "vit_tiny_patch16_224_finetuned"):
            with pytest.raises(
                OfflineError, match=r"local safetensors file as backbone_weights=.*backbone_weights=None"
            ):
                skinzoo.create_model(name)


class TestTrainedWeights:
    @pytest.fixture
    def saved(self, tmp_path):
        model = skinzoo.create_model("multitask", backbone_weights=None, image_size=64, seed=3)
        return model.save_pretrained(tmp_path / "run", val_dice=0.9), model

    def test_weights_argument_takes_folder_or_file_and_downloads_nothing(self, saved):
        folder, model = saved
        for source in (folder, folder / "model.safetensors"):
            other = skinzoo.create_model("multitask", image_size=64, weights=source)
            assert all(torch.equal(v, other.state_dict()[k]) for k, v in model.state_dict().items())

    def test_weights_bring_their_input_with_them(self, tmp_path):
        spec = InputSpec(size=(48, 48), mean=(0, 0, 0), std=(1, 1, 1))
        folder = skinzoo.create_model("resnet18_scratch", input_spec=spec).save_pretrained(tmp_path)
        assert skinzoo.create_model("resnet18_scratch", weights=folder).input_spec == spec
        assert skinzoo.create_model("resnet18_scratch", weights=folder, image_size=64).input_spec.size == (64, 64)

    def test_a_bare_weights_file_knows_its_classes_too(self, saved):
        folder, _ = saved
        with pytest.raises(WeightsMismatchError, match=r"was trained for the \d classes"):
            skinzoo.create_model("multitask", weights=folder / "model.safetensors", label_space="isic9")

    def test_swapped_labels_in_the_configuration_are_noticed(self, saved):
        folder, _ = saved

        def swap(config):
            config["label_space"]["classes"][:2] = ["NV", "MEL"]

        with pytest.raises(WeightsMismatchError, match="restore the configuration"):
            skinzoo.create_model(change_config(folder, swap))

    def test_facts_are_checked_before_anything_is_written(self, saved, tmp_path):
        _, model = saved
        with pytest.raises(ConfigError, match="cannot be written as JSON"):
            model.save_pretrained(tmp_path / "new", what=object())
        assert not (tmp_path / "new").exists()
        model.save_pretrained(tmp_path / "new", path=tmp_path, loss=np.float32(0.5))
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match="is a file"):
            model.save_pretrained(tmp_path / "file")

    def test_classes_are_compared_by_name(self, saved):
        folder, _ = saved
        shuffled = tuple(reversed(ISIC2018.classes))
        with pytest.raises(WeightsMismatchError, match=r"was trained for the \d classes"):
            skinzoo.create_model("multitask", weights=folder, label_space=shuffled)

    def test_a_saved_model_takes_no_further_configuration(self, saved):
        folder, _ = saved
        with pytest.raises(ConfigError, match="drop num_classes, dropout"):
            skinzoo.create_model(f"local-dir:{folder}", num_classes=3, dropout=0.1)

    def test_tampered_weights_are_noticed(self, saved):
        folder, _ = saved
        path = folder / "model.safetensors"
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        with pytest.raises(WeightsError, match="sha256"):
            skinzoo.create_model(f"local-dir:{folder}")

    def test_a_pickle_in_the_folder_is_named(self, saved):
        folder, model = saved
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        with pytest.raises(UnsafeWeightsError, match=r"pytorch_model.bin, a pickle"):
            skinzoo.create_model(f"local-dir:{folder}")

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"architecture": "os.system"}, "unknown model"),
            ({"architecture": None}, "architecture must be a text"),
            ({"format_version": 99}, "format version 99"),
            ({"options": {"__class__": 1}}, "does not take the option"),
            ({"options": ["head"]}, "cannot be used"),
            ({"input_spec": {"size": [10**9, 1]}}, "InputSpec"),
            ({"label_space": {"name": "x"}}, "LabelSpace"),
            ({"label_space": {"name": "x", "classes": [f"c{i}" for i in range(20_000)]}}, "classes"),
            ({"label_space": None}, "label"),
            ({"label_space": {"name": "x", "classes": ["a", "b"]}}, r"was trained for the \d classes"),
            ({"files": None}, "files"),
            ({"files": {"model.safetensors": {"sha256": "abc", "size": 1}}}, "sha256"),
        ],
    )
    def test_hostile_configurations_are_refused(self, saved, change, error):
        folder, _ = saved
        with pytest.raises(WeightsError, match=error):
            skinzoo.create_model(change_config(folder, **change))

    @pytest.mark.parametrize("content", ["", "[]", "{", "null"])
    def test_broken_json_is_refused(self, saved, content):
        folder, _ = saved
        (folder / "config.json").write_text(content)
        with pytest.raises(WeightsError, match=r"config\.json"):
            skinzoo.create_model(f"local-dir:{folder}")

    def test_a_folder_without_a_model_says_what_is_there(self, tmp_path):
        (tmp_path / "notes.txt").write_text("")
        with pytest.raises(WeightsError, match=r"no config.json in .*notes.txt.*save_pretrained"):
            skinzoo.create_model(f"local-dir:{tmp_path}")
        with pytest.raises(WeightsError, match="no such folder"):
            skinzoo.create_model(f"local-dir:{tmp_path / 'nowhere'}")
