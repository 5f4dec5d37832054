"""What is imported by whoever asks for little."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import skinzoo

ROOT = Path(skinzoo.__file__).parent
HEAVY = (
    *("torch", "torchvision", "timm", "segmentation_models_pytorch", "albumentations", "cv2", "numpy", "pandas"),
    *("matplotlib", "PIL", "scipy", "huggingface_hub", "captum", "onnx", "onnxruntime"),
)


def imported(code: str) -> set[str]:
    """The heavy packages that a fresh process has imported after the code."""
    script = f"{code}\nimport json, sys\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT.parent)}
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "skinzoo.list_models(); skinzoo.list_models(task='segmentation', family='unet')",
        "skinzoo.model_info('resnet50_finetuned').summary; skinzoo.model_info('multitask').task",
        "skinzoo.models.list_models(strategy='head')",
        "skinzoo.list_weights()",
    ],
)
def test_lists_need_no_pytorch(code):
    assert imported(f"import skinzoo; {code}") == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["models", "--help"], ["models"], ["weights"], ["predict", "--help"]]
)
def test_the_command_line_lists_and_helps_without_pytorch(arguments):
    code = f"from skinzoo.cli import main\ntry:\n    main({arguments!r})\nexcept SystemExit:\n    pass"
    assert imported(code) == set()


def test_the_simple_network_needs_pytorch_alone():
    code = "import skinzoo; skinzoo.create_model('simple_cnn', num_classes=9, seed=0)"
    assert imported(code) == imported("import torch, numpy")


def test_a_saved_simple_network_too(tmp_path):
    skinzoo.create_model("simple_cnn", image_size=32, seed=0).save_pretrained(tmp_path / "model")
    code = f"import skinzoo; skinzoo.create_model('local-dir:{tmp_path / 'model'}')"
    assert imported(code) == imported("import torch, numpy")


def test_a_model_of_ones_own_is_imported_by_its_owner():
    code = """
import skinzoo
from skinzoo.models import ModelEntry, register_model
def build(request, *, width=8):
    raise NotImplementedError
register_model("mine", ModelEntry(build, skinzoo.Task.CLASSIFICATION, "a network of one's own"))
assert "mine" in skinzoo.list_models() and skinzoo.model_info("mine").options == ["width"]
"""
    assert imported(code) == set()


def test_every_name_of_the_package_is_there():
    from skinzoo import models

    assert all(getattr(models, name) is not None for name in models.__all__)
    assert set(models.__all__) <= set(dir(models))
    with pytest.raises(AttributeError, match="no attribute 'creat_model'"):
        models.creat_model  # noqa: B018


def test_options_of_a_deferred_builder_are_those_of_the_builder():
    from skinzoo.models.unet import build_segmenter

    entry = skinzoo.model_info("unet_resnet18")
    assert entry.options == ["decoder", "backbone_weights"]
    assert entry.build is not build_segmenter
    assert skinzoo.model_info("multitask_resnet18").options == ["decoder", "head", "dropout", "backbone_weights"]
