"""What the pages take for granted, by the name that they use."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import skinzoo
from skinzoo.evaluation import record_training

SMALL = {"multitask": ("multitask_resnet10t", {"decoder": "light"}), "resnet18_finetuned": ("simple_cnn", {})}
"""Models that take less time, with their options, by those in whose place they are."""


class _Painted:
    """Paints each picture once."""

    def __init__(self, source: Any) -> None:
        self._source, self._read = source, cache(source.read)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._source!r})"

    def read(self, *where: str) -> tuple[Any, Any]:
        image, mask = self._read(*where)
        return image.copy(), None if mask is None else mask.copy()


@cache
def drawn(num_images: int = 140, size: int = 32) -> skinzoo.SkinDataset:
    """Drawn lesions of seven classes, each in two views."""
    made = skinzoo.load_dataset("synthetic", num_images=num_images, size=size)
    return skinzoo.SkinDataset(made.info, made.records, made.label_space, _Painted(made.source))


def data() -> skinzoo.SkinDataset:
    """Drawn lesions, ten of each class."""
    return drawn(size=64)


@cache
def _parts() -> tuple[skinzoo.SkinDataset, ...]:
    return data().split((0.4, 0.3, 0.3), seed=0)


def train() -> skinzoo.SkinDataset:
    """Of `data`."""
    return _parts()[0]


def val() -> skinzoo.SkinDataset:
    """Of `data`."""
    return _parts()[1]


def test() -> skinzoo.SkinDataset:
    """Of `data`."""
    return _parts()[2]


def model() -> skinzoo.SkinModel:
    """A multi-task model that says of itself that it was trained on `train`."""
    made = untrained()
    made.training_record = record_training(train(), val())
    return made


def untrained() -> skinzoo.SkinModel:
    """A multi-task model that nobody trained."""
    name, options = SMALL["multitask"]
    return skinzoo.create_model(name, image_size=32, backbone_weights=None, seed=0, **options)


def other() -> skinzoo.SkinModel:
    """Another model."""
    return skinzoo.create_model("simple_cnn", image_size=32, seed=1)


def history() -> skinzoo.History:
    """Of a training that went well."""
    made = skinzoo.History()
    made.rows = [{"epoch": k, "step": k, "train_loss": 1 / k, "val_loss": 1 / k} for k in (1.0, 2.0)]
    return made


def labels() -> np.ndarray:
    """Of 40 pictures, all classes in turn."""
    return np.arange(40) % len(data().label_space)


def probabilities() -> np.ndarray:
    """What some model says of them."""
    return np.random.default_rng(0).dirichlet(np.ones(len(data().label_space)), 40)


def classes() -> tuple[str, ...]:
    """Names of the classes of `data`."""
    return data().label_space.classes
