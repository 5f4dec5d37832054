"""The pages of models and of training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import timm
import torch

import skinzoo
from tests.pages import taken, trees
from tests.pages.stage import Stage, page


@page("docs/guides/models.md")
def models(stage: Stage) -> Iterator[None]:
    data = skinzoo.load_dataset("ham10000", trees.ham10000(stage))
    train, val, _ = data.split(seed=42)
    stage.picture("lesion.jpg")
    stage.saved("models/unet", architecture="unet_resnet18", backbone_weights=None)
    images = torch.zeros(2, 3, 32, 32)
    model = skinzoo.create_model("resnet18_scratch", image_size=32, seed=0)
    config = skinzoo.TrainConfig(num_steps=1, batch_size=8, verbose=False)
    stage.take(data=data, train=train, val=val, model=model, images=images, config=config)
    stage.small_models()
    if not hasattr(timm.models._hub, "load_state_dict"):
        _way_out(stage)
    names = stage.names
    with pytest.warns(UserWarning, match="AK"):  # classes of which the head has no row
        yield
    assert names["vit"].label_space.name == "isic9"
    mine, small = (Path(f"models/{name}/model.safetensors").stat().st_size for name in ("mine", "small"))
    assert small < 0.51 * mine
    assert names["model"].config.architecture == "resnet18_metadata"
    told, untold = (
        skinzoo.predict(names["model"], "lesion.jpg", **more)[0].probabilities
        for more in ({"metadata": {"age": 45, "sex": "female"}}, {})
    )
    assert told != untold


def _way_out(stage: Stage) -> None:
    """That the page names for versions of timm which take every file of a folder for a pickle."""

    def create(name: str, **options: Any) -> Any:
        if name.startswith("local-dir:"):
            del options["pretrained"]
            options["checkpoint_path"] = f"{name.removeprefix('local-dir:')}/model.safetensors"
        return original(name, **options)

    original = timm.create_model
    stage.patch.setattr(timm, "create_model", create)


@page("docs/guides/training.md")
def training(stage: Stage) -> Iterator[None]:
    names = stage.take("train", "val", model=taken.untrained(), teacher=taken.other(), student=taken.other())
    stage.few("train", 28)
    stage.few("val", 14)
    names["data"] = taken.drawn()
    stage.call("cross_validate", k=2)
    skinzoo.TrainConfig(epochs=3, output_dir="runs/mine").to_file("settings.yaml")
    skinzoo.get_recipe("synthetic-multitask").to_file("recipe.yaml")
    trackers = {name: MagicMock() for name in ("wandb", "mlflow", "trackio")}
    names.update(trackers)
    stage.small_models()
    settings = stage.one_epoch()
    stage.no_figures()
    yield
    assert (settings[0].num_steps, settings[0].augmentation) == (2000, "dermoscopy")
    assert {"best", "last", "history.csv", "learning_curves.png", "train_config.json"} <= {
        path.name for path in Path("runs/demo").iterdir()
    }, "as the page says"
    assert list(Path("runs/demo/tensorboard").iterdir())
    assert (names["config"].epochs, names["recipe"]) == (3, skinzoo.get_recipe("synthetic-multitask"))
    said = stage.printed()
    assert "\n1.0 " in said, "what Tell prints: the step and the loss"
    assert "±" in said
    assert len(list(Path("runs/cv").glob("fold-*"))) == len(names["result"].folds) == 2
    for logger in (names["Wandb"](), names["MLflow"](), names["Trackio"]()):
        logger.log({"loss": 1.0}, 3)
        logger.close()
    wandb, mlflow, trackio = trackers.values()
    assert wandb.init.call_args_list[0].kwargs["project"] == "lesions"
    for log in (wandb.init.return_value.log, mlflow.log_metrics, trackio.log):
        log.assert_called_once_with({"loss": 1.0}, step=3)
    for close in (wandb.init.return_value.finish, mlflow.end_run, trackio.finish):
        close.assert_called_once_with()


@page("docs/guides/resuming.md")
def resuming(stage: Stage) -> Iterator[None]:
    train, val = taken.train(), taken.val()
    names = stage.take("train", "val", model=taken.other())
    settings = stage.one_epoch()
    yield
    assert settings[0].epochs == 30
    assert "epoch 1.00" in stage.printed()
    assert Path("runs/demo/best/model.safetensors").is_file()
    skinzoo.Trainer(names["model"], names["config"]).fit(train, val)
    assert "epoch 1.00" not in stage.printed(), "it was finished"
    first, second = names["Counter"](), names["Counter"]()
    skinzoo.Trainer(taken.other(), skinzoo.TrainConfig(batch_size=28, verbose=False), callbacks=[first]).fit(train, val)
    second.restore(first.state())
    assert second.steps == 2


@page("docs/guides/imbalance.md")
def imbalance(stage: Stage) -> Iterator[None]:
    train, val, test = taken.drawn(num_images=280).split((0.3, 0.4, 0.3), seed=0)
    names = stage.take(train=train, val=val, test=test, model=taken.untrained())
    yield
    assert names["model"].calibration.method == "vector"
    assert "{'MEL': " in stage.printed()


@page("docs/guides/multitask.md")
def multitask(stage: Stage) -> Iterator[None]:
    stage.picture("lesion.jpg")
    names = stage.take("train", "val")
    stage.small_models()
    yield
    assert names["prediction"].mask.dtype == np.uint8
    assert "lesion:" in stage.printed()


@page("docs/guides/augmentation.md")
def augmentation(stage: Stage) -> Iterator[None]:
    names = stage.take("data", "model")
    yield
    assert names["images"].shape == (1, 3, 32, 32)
    once, again = (names["transform"](names["data"][0], epoch=3, index=0).image for _ in range(2))
    assert (once == again).all(), "as the page says"


@page("docs/guides/ensembles.md")
def ensembles(stage: Stage) -> Iterator[None]:
    stage.picture("lesion.jpg")
    stage.saved("runs/fold0/best", "runs/fold1/best", "runs/mixup/best", "runs/cutmix/best")
    names = stage.take("test", "other")
    stage.few("test", 8)
    yield
    assert len(names["model"].members) == 3
    assert names["average"].config == names["runs"][0].config


@page("docs/guides/active-learning.md")
def active_learning(stage: Stage) -> Iterator[None]:
    names = stage.take("train", "model", pool=taken.data())
    yield
    assert len(set(names["to_label"].records.ids)) == 100
    assert Path("next.csv").read_text().splitlines()[1].startswith(f"1,{names['ranking'].ids[0]},")


@page("docs/guides/extending.md")
def extending(stage: Stage) -> Iterator[None]:
    from skinzoo.datasets import DATASETS
    from skinzoo.losses import LOSSES
    from skinzoo.models.catalogue import MODELS

    for registry in (MODELS, LOSSES, DATASETS):  # what the page registers is forgotten again
        stage.patch.setattr(registry, "_entries", dict(registry._entries))
    stage.picture("lesion.jpg", *(f"our_clinic/pictures/{number}.jpg" for number in range(4)))
    rows = ["file,diagnosis,patient", "0,melanoma,a", "1,nevus,a", "2,NV,b", "3,,c", "4,BCC,c"]
    Path("our_clinic/table.csv").write_text("\n".join(rows) + "\n")
    stage.take("train", "val", "test", np=np)
    with pytest.warns(skinzoo.datasets.IntegrityWarning, match="FILE_MISSING"):
        yield
    assert "strided" in skinzoo.list_models()
    printed = stage.printed()
    assert "FILE_MISSING" in printed
    assert "missed per 100 pictures" in printed
