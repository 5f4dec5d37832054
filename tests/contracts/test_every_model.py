"""What every registered model promises, and a few timm families beyond."""

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.explain import activation_map, class_score, lesion_score
from skinzoo.models import MetadataEncoder, SkinModel
from skinzoo.types import ModelOutput, Task

ZOO = skinzoo.list_models()
FAMILIES = [
    "vit_tiny_patch16_224_scratch",
    "swin_tiny_patch4_window7_224_scratch",
    "convnext_atto_scratch",
    "convnext_atto_metadata",
    "efficientnet_b0_scratch",
    "mobilenetv3_small_100_scratch",
    "densenet121_scratch",
]
# Frozen on purpose: a changed architecture must show. Oracles, plus heads of 7: torchvision, segmentation_models.
PARAMETERS = {
    "simple_cnn": 3_330_503,
    "resnet18": 11_176_512 + 512 * 7 + 7,
    "resnet34": 21_284_672 + 512 * 7 + 7,
    "resnet50": 23_508_032 + 2048 * 7 + 7,
    "resnet18_metadata": 11_176_512 + (2 * 32 + 32) + (32 * 32 + 32) + (512 + 32) * 7 + 7,
    "resnet34_metadata": 21_284_672 + (2 * 32 + 32) + (32 * 32 + 32) + (512 + 32) * 7 + 7,
    "resnet50_metadata": 23_508_032 + (2 * 32 + 32) + (32 * 32 + 32) + (2048 + 32) * 7 + 7,
    "unet_resnet18": 14_328_209,
    "unet_resnet34": 24_436_369,
    "unet_resnet50": 32_521_105,
    "multitask_resnet18": 14_328_209 + 512 * 7 + 7,
    "multitask_resnet34": 24_436_369 + 512 * 7 + 7,
    "multitask_resnet50": 32_521_105 + 2048 * 7 + 7,
    "ensemble": 3_330_503 + 14_328_209 + 512 * 7 + 7,
}


METADATA = MetadataEncoder.from_dict({"columns": [{"name": "age", "mean": 50.0, "std": 15.0}]})


def build(name: str, **options) -> SkinModel:
    if "backbone_weights" in skinzoo.model_info(name).options:
        options["backbone_weights"] = None
    if "metadata" in skinzoo.model_info(name).options:
        options["metadata"] = METADATA
    if "members" in skinzoo.model_info(name).options:
        options["members"] = [build("simple_cnn", image_size=32), build("multitask_resnet18", image_size=64)]
    if not any(name.startswith(fixed) for fixed in ("vit", "swin")):
        options.setdefault("image_size", 64)
    return skinzoo.create_model(name, seed=0, **options)


def pictures(model: SkinModel, count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, *model.input_spec.size, generator=torch.Generator().manual_seed(1))


def total(output: ModelOutput) -> torch.Tensor:
    return sum(t.float().square().mean() for t in output if t is not None)


def equal(a: ModelOutput, b: ModelOutput) -> bool:
    return all((p is None and q is None) or torch.equal(p, q) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("name", ZOO + FAMILIES)
def test_model_contract(name, tmp_path):
    model = build(name)
    images = pictures(model)
    height, width = model.input_spec.size

    # forward: one output type, the parts that the task promises, finite
    with torch.no_grad():
        output = model(images)
    assert isinstance(output, ModelOutput)
    assert (output.logits is not None) == model.task.has_labels
    assert (output.mask_logits is not None) == model.task.has_masks
    if output.logits is not None:
        assert output.logits.shape == (2, len(model.label_space))
    if output.mask_logits is not None:
        assert output.mask_logits.shape == (2, 1, height, width)
    assert all(torch.isfinite(t).all() for t in output if t is not None)

    # Grad-CAM: right shape and range, gradients and mode as before; of an ensemble's members, one by one
    score = class_score(0) if model.task.has_labels else lesion_score
    if name == "ensemble":
        with pytest.raises(skinzoo.errors.ConfigError, match=r"one by one: model\.members\[0\]"):
            activation_map(model, images, score)
    for part in getattr(model, "members", [model]):
        heat = activation_map(part, pictures(part), score)
        assert heat.shape == (2, *part.input_spec.size)
        assert 0 <= heat.min() <= heat.max() <= 1
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks for m in model.modules())
    assert not model.training

    # save, load, equal outputs, equal configuration
    loaded = skinzoo.create_model(f"local-dir:{model.save_pretrained(tmp_path / 'saved')}")
    with torch.no_grad():
        assert equal(output, loaded(images))
    assert loaded.config == model.config
    assert sorted(p.name for p in (tmp_path / "saved").iterdir()) == ["config.json", "model.safetensors"]

    # backward: every trainable parameter learns, no frozen one does
    model.train()
    total(model(images)).backward()
    for parameter_name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f"{parameter_name} is not reached by the loss"
        else:
            assert parameter.grad is None


@pytest.mark.parametrize("name", ZOO)
def test_parameter_counts(name):
    key = name.removesuffix("_scratch").removesuffix("_head").removesuffix("_finetuned")
    assert build(name).num_parameters() == PARAMETERS[key]


@pytest.mark.parametrize("name", ZOO)
def test_unknown_option_names_those_the_model_takes(name):
    with pytest.raises(
        skinzoo.errors.ConfigError, match=rf"{name} does not take the option 'colour'.*It takes: .*image_size"
    ):
        build(name, colour="red")


@pytest.mark.parametrize("name", [n for n in ZOO if n.endswith("_head")] + ["efficientnet_b0_head"])
def test_head_strategy_trains_the_head_only_and_keeps_batchnorm_still(name):
    model = build(name)
    trainable = {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    assert trainable == {"head"}
    before = {n: b.clone() for n, b in model.named_buffers()}
    assert before, "the test needs BatchNorm statistics"
    model.train()
    model(pictures(model) * 5 + 3)
    assert all(torch.equal(before[n], b) for n, b in model.named_buffers())


@pytest.mark.parametrize("name", [n for n in ZOO if skinzoo.model_info(n).task is Task.MULTITASK])
def test_multitask_runs_its_encoder_once(name):
    model = build(name)
    calls = []
    model.encoder.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        model(pictures(model))
    assert len(calls) == 1


@pytest.mark.parametrize("name", ["resnet18_scratch", "multitask_resnet18", "simple_cnn"])
def test_seed_makes_weights_reproducible_and_leaves_the_global_state_alone(name):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first, second = build(name).state_dict(), build(name).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert not np.allclose(
        next(iter(first.values())), next(iter(skinzoo.create_model(**unseeded(name)).state_dict().values()))
    )


def unseeded(name: str) -> dict:
    options = {"name": name, "image_size": 64}
    if "backbone_weights" in skinzoo.model_info(name).options:
        options["backbone_weights"] = None
    return options
