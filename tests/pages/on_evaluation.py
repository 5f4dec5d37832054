"""The pages of evaluation, prediction and explanation."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import skinzoo
from tests.pages import taken
from tests.pages.stage import Stage, page


@page("docs/guides/evaluation.md")
def evaluation(stage: Stage) -> Iterator[None]:
    names = stage.take("model", "train", "test", "history")
    yield
    folder = Path("runs/demo/report")
    assert {"index.html", "report.json", "report.md", "predictions.csv"} <= {p.name for p in folder.iterdir()}
    printed = stage.printed()
    assert "95% intervals from 1,000 resamples" in printed
    assert "trained on 56 images" in printed
    assert names["report"].title == "multitask_resnet10t on synthetic[test]"


@page("docs/guides/calibration.md")
def calibration(stage: Stage) -> Iterator[None]:
    names = stage.take("model", "val", "test")
    yield
    loaded = skinzoo.create_model("local-dir:models/mine")
    assert loaded.calibration == names["result"].calibration
    assert loaded.operating_points == names["points"]
    assert "after, cross-fitted" in stage.printed()


@page("docs/guides/fairness.md")
def fairness(stage: Stage) -> Iterator[None]:
    names = stage.take("model", "test")
    yield
    assert "no group has the 30 images" in stage.printed(), "on so few pictures"
    assert names["table"].gaps["malignant/sensitivity"].groups > 1


@page("docs/guides/comparison.md")
def comparison(stage: Stage) -> Iterator[None]:
    names = stage.take("model", "other", "test")
    stage.no_figures()
    yield
    assert Path("runs/comparison/comparison.html").is_file()
    printed = stage.printed()
    assert "multitask - simple_cnn" in printed or "simple_cnn - multitask" in printed
    assert {row["metric"] for row in names["comparison"].table()} == {"macro_auc", "malignant/auc", "MEL/recall"}


@page("docs/guides/robustness.md")
def robustness(stage: Stage) -> Iterator[None]:
    test, other, third = (taken.test().subset(np.arange(first, 42, 6)) for first in (0, 2, 4))
    names = stage.take("model", "data", test=test, other=other, third=third)
    measured = stage.call("evaluate_robustness", resamples=20)
    stage.no_figures()
    yield
    assert {cell.corruption for cell in measured[0].cells} == set(skinzoo.list_corruptions())
    assert Path("runs/demo/robustness/robustness.csv").is_file()
    assert names["image"].shape == names["data"][0].image.shape
    assert [score.labels.images for score in names["report"].collections] == [7, 7, 7]
    assert any(Path("runs/demo/external").iterdir())
    assert "off_centre" in stage.printed()


@page("docs/guides/explanations.md")
def explanations(stage: Stage) -> Iterator[None]:
    stage.picture("lesion.jpg", "pictures/one.jpg", "pictures/two.jpg")
    stage.take("model", "test")
    stage.few("test", 4)
    yield
    assert {p.name for p in Path().glob("*.png")} == {"cam.png", "saliency.png"}
    assert {p.name for p in Path("cams").iterdir()} == {"one.png", "two.png"}
    assert "heat on the lesion" in stage.printed()


@page("docs/guides/plots.md")
def plots(stage: Stage) -> Iterator[None]:
    stage.take("labels", "probabilities", "classes")
    yield
    assert {p.name for p in Path("figures").iterdir()} == {"roc.png", "roc.svg"}


@page("docs/guides/predict.md")
def predict(stage: Stage) -> Iterator[None]:
    stage.picture("lesion.jpg", "pictures/one.jpg", "pictures/two.jpg")
    with zipfile.ZipFile("pictures.zip", "w") as archive:
        for picture in sorted(Path("pictures").iterdir()):
            archive.write(picture, picture.name)
    names = stage.take("model", "test")
    yield
    assert names["predictions"].failed == []
    assert Path("runs/predictions.csv").read_text().count("\n") == 3
    printed = stage.printed()
    assert "one.jpg" in printed
    assert "of 6 colours" in printed
