import dataclasses
import json

import pytest

import skinzoo
from skinzoo.datasets import DATASETS
from skinzoo.errors import UnknownNameError


@pytest.mark.parametrize("name", skinzoo.list_recipes())
def test_every_recipe_names_things_that_exist(name):
    recipe = skinzoo.get_recipe(name)
    assert recipe.name == name
    assert set(recipe.model_options) <= {*skinzoo.model_info(recipe.model).options, "image_size"}
    assert set(recipe.dataset_options) <= set(DATASETS[recipe.dataset].options)
    assert sum(recipe.fractions) == pytest.approx(1)
    assert recipe.train.augmentation in skinzoo.list_augmentations()
    task = skinzoo.model_info(recipe.model).task
    skinzoo.default_loss(task, classification=recipe.classification_loss, segmentation=recipe.segmentation_loss)
    assert json.dumps(dataclasses.asdict(recipe))


def test_the_projects_settings_are_all_there():
    names = set(skinzoo.list_recipes())
    assert {"ham-resnet18", "ham-unet", "ham-multitask", "isic9-simple-cnn"} <= names
    assert {f"isic9-resnet50-{s}" for s in ("scratch", "head", "finetuned")} <= names


def test_settings_as_published():
    ham = skinzoo.get_recipe("ham-resnet18").train
    assert (ham.optimizer, ham.lr, ham.epochs, ham.batch_size, ham.seed) == ("adam", 1e-4, 15, 32, 42)
    assert [skinzoo.get_recipe(n).train.epochs for n in ("ham-unet", "ham-multitask")] == [25, 20]
    isic9 = skinzoo.get_recipe("isic9-resnet50-head")
    assert (isic9.train.optimizer, isic9.train.weight_decay, isic9.train.num_steps) == ("adamw", 1e-4, 2000)
    assert isic9.train.eval_every == 100
    schedule = isic9.train.schedule
    assert [schedule.rate(s, 2000, isic9.train.lr) for s in (0, 400)] == [1e-4, 1e-3]
    assert schedule.rate(1999, 2000, isic9.train.lr) == pytest.approx(1e-5)
    assert isic9.fractions == (0.70, 0.20, 0.10)


def test_unknown_recipe():
    with pytest.raises(UnknownNameError, match="did you mean 'ham-unet'"):
        skinzoo.get_recipe("ham_unet")
