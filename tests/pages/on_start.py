"""The first pages: the README, the start page and the first run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import skinzoo
from tests.pages import trees
from tests.pages.stage import Stage, page


@page("README.md")
def readme(stage: Stage) -> Iterator[None]:
    trees.ham10000(stage)
    stage.picture("lesion.jpg")
    stage.small_models()
    stage.no_figures()
    settings = stage.one_epoch()
    yield
    assert "lesion:" in stage.printed().partition("epoch 1.00")[0], "from the weights in the package"
    assert Path("cam.png").stat().st_size
    assert [config.epochs for config in settings] == [20]
    assert {"index.html", "report.json", "predictions.csv"} <= {p.name for p in Path("runs/demo/report").iterdir()}
    assert skinzoo.load_report("runs/demo/report").outcome.ids == stage.names["test"].records.ids.tolist()


@page("docs/index.md")
def index(stage: Stage) -> Iterator[None]:
    stage.picture("lesion.jpg")
    stage.call("load_dataset", num_images=140, size=32)
    stage.small_models()
    settings = stage.one_epoch()
    yield
    answered, scored = stage.printed().split("epoch 1.00")
    assert "lesion:" in answered, "from the weights in the package"
    assert Path("cam.png").stat().st_size
    assert [config.epochs for config in settings] == [8]
    assert "95% intervals" in scored


@page("docs/getting-started.md")
def getting_started(stage: Stage) -> Iterator[None]:
    trees.ham10000(stage)
    trees.class_folders(stage)
    stage.picture("pictures/one.jpg", "pictures/two.jpg")
    stage.saved("runs/demo/best")
    stage.take()
    yield
    said = stage.printed()
    assert "28 images" in said
    assert "ham10000: 28 rows, 28 usable, 0 quarantined" in said
    assert [line.split()[0] for line in said.splitlines()[-2:]] == ["one", "two"]
    assert stage.names["data"].label_space.classes == ("melanoma", "nevus")
