"""The pages of sharing: weights, publishing, export, the demo page and machines without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
import torchvision
import yaml
from carded import answers, drawn_parts, recorded

import skinzoo
from skinzoo.interchange.unpickling import SAFE_TORCH
from tests.pages.blocks import ROOT
from tests.pages.stage import Stage, page

COMMIT = "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"
"""Of the repository on the page of trained weights."""


@page("docs/guides/weights.md")
def weights(stage: Stage) -> Iterator[None]:
    hub = stage.fixture("hub")
    stage.saved("mine")
    made = hub.put("lab/skin-lesions", {path.name: path.read_bytes() for path in Path("mine").iterdir()})
    repository = hub.content.repositories["model", "lab/skin-lesions"]
    repository.commits[COMMIT] = replace(repository.commits.pop(made), oid=COMMIT)
    repository.branches["main"] = COMMIT
    loaded = stage.call("create_model")
    stage.take()
    yield
    one, both = "classification", "multitask"
    assert [model.task for model in loaded] == [one, one, both, one, one]
    assert Path("weights/models--lab--skin-lesions").is_dir()


@page("docs/guides/publishing.md")
def publishing(stage: Stage) -> Iterator[None]:
    stage.no_figures()
    parts = drawn_parts()
    model = recorded(skinzoo.create_model("simple_cnn", image_size=32, seed=0), parts)
    template = skinzoo.card_template

    def filled_in(path: str, **options: Any) -> None:
        template(path, **options)
        card = yaml.safe_load(Path(path).read_text("utf-8"))
        Path(path).write_text(yaml.safe_dump(card | answers(model)), "utf-8")

    stage.patch.setattr(skinzoo, "card_template", filled_in)  # as an editor would
    names = stage.take(model=model, test=parts[2])
    yield
    assert names["done"].revision is None
    assert "dry run: nothing was uploaded" in stage.printed()
    staged = {path.name for path in Path("staged").iterdir()}
    assert {file.path for file in names["done"].files} == staged
    text = (ROOT / "docs/guides/publishing.md").read_text("utf-8")
    assert all(f"`{name}`" in text for name in staged)


@page("docs/guides/export.md")
def export(stage: Stage) -> Iterator[None]:
    pytest.importorskip("onnxruntime")
    if tuple(map(int, torch.__version__.split(".")[:2])) < SAFE_TORCH:
        pytest.skip("old checkpoints are read from PyTorch 2.10 on")
    stage.picture("lesion.jpg")
    old = torchvision.models.resnet18()
    old.fc = torch.nn.Linear(512, 7)
    torch.save({"model_state_dict": old.state_dict()}, "best_model.pth")
    stage.saved("models/resnet18", architecture="resnet18_scratch")
    stage.saved("models/unet_resnet18", architecture="unet_resnet18", backbone_weights=None)
    names = stage.take("model")
    yield
    own = skinzoo.predict(names["model"], "lesion.jpg")[0].probabilities
    np.testing.assert_allclose(names["probabilities"][0], list(own.values()), atol=1e-5)
    assert "122 tensors, 122 renamed" in stage.printed()
    images = torch.zeros(2, 3, 32, 32)
    assert names["classifier"](images).shape == (2, 7)
    assert names["segmenter"](images).shape == (2, 1, 32, 32)


@page("docs/guides/demo.md")
def demo(stage: Stage) -> Iterator[None]:
    gradio = MagicMock()  # the page itself is looked at in a browser in tests/demo
    stage.patch.setitem(__import__("sys").modules, "gradio", gradio)
    stage.picture("lesion.jpg")
    names = stage.take("model")
    yield
    assert "is the most probable class" in stage.printed()
    names["page"].launch.assert_called_once_with(prevent_thread_lock=True)
    assert "Trained on HAM10000." in str(gradio.Markdown.call_args_list)


@page("docs/guides/offline.md")
def offline(stage: Stage) -> Iterator[None]:
    stage.picture("lesion.jpg")
    names = stage.take()
    yield
    assert len(names["data"]) == 140
    assert "lesion:" in stage.printed()
