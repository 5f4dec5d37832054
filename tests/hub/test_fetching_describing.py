"""Repositories of other libraries are named, with the call that loads them."""

import json

import pytest
from hub_fixtures import hub  # noqa: F401

from skinzoo.errors import WeightsError
from skinzoo.hub import HubReference, describe_repository, fetch_files

SAFE = ("README.md", "config.json", "model.safetensors")
TIMM = {"architecture": "resnet18", "num_classes": 10, "num_features": 512, "pretrained_cfg": {"tag": "a1"}}
SMP = {"encoder_name": "resnet34", "encoder_depth": 5, "classes": 1, "_model_class": "Unet"}


@pytest.mark.parametrize(
    ("names", "config", "said"),
    [
        (SAFE, TIMM, 'a model of timm, not one that skinzoo saved; load it with timm.create_model("hf-hub:o/m"'),
        (
            SAFE,
            SMP,
            "a model of segmentation_models_pytorch, not one that skinzoo saved; load it with segmentation_mod",
        ),
        (SAFE, {"model_type": "vit"}, 'transformers.AutoModelForImageClassification.from_pretrained("o/m")'),
        ((*SAFE, "preprocessor_config.json"), None, "a model of transformers"),
        (("model_index.json", "unet/model.safetensors"), None, 'DiffusionPipeline.from_pretrained("o/m")'),
        (("export.pkl", "README.md"), None, "a model of fastai"),
        (("pyproject.toml", "model.pkl"), None, 'huggingface_hub.from_pretrained_fastai("o/m")'),
        (("weights/best.pt", "args.yaml"), None, "a model of ultralytics"),
        (("yolov8n.pt",), None, "ultralytics.YOLO"),
        (("saved_model.pb", "variables/variables.index"), None, "a model of keras"),
        (("open_clip_config.json", "open_clip_model.safetensors"), None, "a model of open_clip"),
        (("model.onnx", "README.md"), None, "onnxruntime.InferenceSession"),
        (("pytorch_model.bin", "README.md"), None, "(pytorch_model.bin) are in a format that can run code"),
        (("a.pth", "b.ckpt", "c.pt", "d.pkl"), None, "its weights (a.pth, b.ckpt, c.pt) are in a format"),
        (("README.md", ".gitattributes"), None, "The repository has no files yet."),
        ((), None, "The repository has no files yet."),
        (("x.csv", "y.csv"), None, "not a model that skinzoo saved (it holds x.csv, y.csv); the card of o/m says"),
        (tuple(f"{c}.csv" for c in "abcdefg"), {}, "(it holds a.csv, b.csv, c.csv, d.csv, e.csv ...)"),
        (("config.json",), {"_skinzoo": {"format_version": 2}}, "skinzoo saved it, but not all of its files are there"),
        (("config.json",), {"library": "skinzoo"}, "skinzoo saved it, but not all of its files are there"),
    ],
)
def test_what_a_repository_is(names, config, said):
    assert said in describe_repository("o/m", names, config)


@pytest.mark.parametrize("weights", ["pytorch_model.bin", "model.safetensors"])
def test_a_warning_where_only_pickles_are_there(weights):
    said = describe_repository("o/m", ("config.json", weights), {"model_type": "vit"})
    assert ("only if you trust its author" in said) is (weights == "pytorch_model.bin")


def test_a_name_does_nothing_to_the_terminal():
    assert "\x1b" not in describe_repository("o/m", ("\x1b[31mred.csv", "b\n.pth", "c.csv"))


@pytest.mark.parametrize("config", [{}, {"architecture": []}, {"model_type": None}, {"_skinzoo": None}, {"library": 3}])
def test_any_config_is_described(config):
    assert describe_repository("o/m", SAFE, config)


@pytest.mark.parametrize(("config", "library"), [(TIMM, "timm"), (SMP, "segmentation_models_pytorch")])
def test_a_file_that_is_not_there_is_explained(hub, config, library):  # noqa: F811
    hub.put("tester/other", {"config.json": json.dumps(config), "pytorch_model.bin": b"pickle"})
    with pytest.raises(WeightsError, match=rf"has no model\.safetensors at commit .*a model of {library}"):
        fetch_files(HubReference("tester/other"), ["config.json", "model.safetensors"])
    assert not hub.requests("pytorch_model.bin")


@pytest.mark.parametrize("config", [b"[1]", b"{", b"\xff\xfe"])
def test_a_config_that_cannot_be_read_is_no_obstacle(hub, config):  # noqa: F811
    hub.put("tester/other", {"config.json": config})
    with pytest.raises(WeightsError, match="not a model that skinzoo saved"):
        fetch_files(HubReference("tester/other"), ["model.safetensors"])
