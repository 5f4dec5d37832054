"""Named settings: those of published projects, and this library's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from skinzoo.errors import ConfigError
from skinzoo.registry import Registry
from skinzoo.training.config import TrainConfig
from skinzoo.training.schedules import Schedule
from skinzoo.training.settings import Settings, about, read_settings


@dataclass(frozen=True)
class Recipe(Settings):
    """Everything but the folder: collection, model, split, loss and training, as plain values.

    `from_file` and `to_file` read and write it as JSON or YAML. In a file, the training settings stand under `train`,
    its name is that of the file unless it gives one, and the summary may be left out.

    Attributes:
        name: Its name.
        summary: One line.
        dataset: Name for `load_dataset`.
        model: Name for `create_model`.
        train: How to train.
        dataset_options: For `load_dataset`.
        model_options: For `create_model`.
        fractions: Train, validation and test shares.
        classification_loss: Name of the loss for classes.
        segmentation_loss: Name of the loss for masks.
        class_weights: Scheme of `class_weights`, computed from the training part; None for equal weights.
        label_smoothing: Of the loss for classes, in [0, 1).
        mixing: Name for `create_mixing`, such as `"cutmix"`; None for no mixing.
        metadata: Columns for a model that takes metadata; its encoder is fitted to the training part.
        nested: Fields that are settings themselves, by name.

    Raises:
        ConfigError: A value is of another kind than these.
    """

    nested: ClassVar[Mapping[str, type[Settings]]] = {"train": TrainConfig}

    name: str
    summary: str
    dataset: str
    model: str
    train: TrainConfig
    dataset_options: Mapping[str, Any] = field(default_factory=dict)
    model_options: Mapping[str, Any] = field(default_factory=dict)
    fractions: tuple[float, float, float] = (0.70, 0.15, 0.15)
    classification_loss: str = "cross_entropy"
    segmentation_loss: str = "bce"
    class_weights: Literal["inverse", "sqrt_inverse", "effective"] | None = None
    label_smoothing: float = 0.0
    mixing: str | None = None
    metadata: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("fractions", "metadata"):
            value = getattr(self, name)
            if not isinstance(value, list | tuple):
                raise ConfigError(f"{name} must be a list, got {value!r}.")
            object.__setattr__(self, name, tuple(value))
        if not isinstance(self.train, TrainConfig):
            raise ConfigError(f"train must be a TrainConfig, got {self.train!r}.")
        self.check_types()

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file ending in .json, .yaml or .yml; see `Settings.from_file`."""
        with about(path):
            return cls.from_dict({"name": Path(path).stem, "summary": "", **read_settings(path)})


RECIPES: Registry[Recipe] = Registry("recipe")


def get_recipe(name: str) -> Recipe:
    """A recipe by name.

    Raises:
        UnknownNameError: No such recipe; the message lists close matches.
    """
    return RECIPES[name]


def list_recipes(pattern: str = "*") -> list[str]:
    """Names of the recipes that match a shell-style pattern."""
    return RECIPES.names(pattern)


def add_recipe(recipe: Recipe) -> None:
    """Offer a recipe under its name.

    Raises:
        ConfigError: The name is taken.
    """
    RECIPES.register(recipe.name)(recipe)


add_recipe(
    Recipe(
        "synthetic-multitask",
        "class and mask of drawn lesions, from random weights, in about a minute on two CPU cores",
        dataset="synthetic",
        model="multitask",
        train=TrainConfig(
            epochs=8, batch_size=16, lr=2e-3, schedule=Schedule("cosine", warmup=0.1), monitor="val_macro_f1"
        ),
        dataset_options={"num_images": 700, "size": 96},
        model_options={"backbone_weights": None, "image_size": 64},
        segmentation_loss="dice_bce",
    )
)

# Adam at a constant 1e-4, 70/15/15, seed 42: the settings of two student projects on HAM10000 in the "archive" layout.
_HAM_TRAIN: dict[str, Any] = {"optimizer": "adam", "weight_decay": 0.0, "lr": 1e-4}
add_recipe(
    Recipe(
        "ham-resnet18",
        "HAM10000, seven classes: ImageNet ResNet-18, cross-entropy, 15 epochs",
        dataset="ham10000",
        model="resnet18_finetuned",
        train=TrainConfig(epochs=15, batch_size=32, **_HAM_TRAIN),
    )
)
add_recipe(
    Recipe(
        "ham-unet",
        "HAM10000, lesion masks: U-Net with an ImageNet ResNet-18 encoder, BCE, 25 epochs",
        dataset="ham10000",
        model="unet_resnet18",
        train=TrainConfig(epochs=25, batch_size=16, **_HAM_TRAIN),
    )
)
add_recipe(
    Recipe(
        "ham-multitask",
        "HAM10000, class and mask from one ImageNet ResNet-18 encoder, cross-entropy + BCE, 20 epochs",
        dataset="ham10000",
        model="multitask",
        train=TrainConfig(epochs=20, batch_size=16, **_HAM_TRAIN),
    )
)

# AdamW, 2,000 steps, evaluation every 100, warm-up over the first fifth from 1e-4 to 1e-3, cosine to 1e-5, 70/20/10.
_ISIC9_TRAIN = TrainConfig(
    num_steps=2000,
    eval_every=100,
    batch_size=32,
    lr=1e-3,
    weight_decay=1e-4,
    schedule=Schedule("cosine", warmup=0.2, warmup_lr=1e-4, final_lr=1e-5),
)
for _model, _what in {
    "simple_cnn": "the small baseline from random weights",
    "resnet50_scratch": "ResNet-50 from random weights",
    "resnet50_head": "the head of a frozen ImageNet ResNet-50",
    "resnet50_finetuned": "an ImageNet ResNet-50, all of it",
}.items():
    add_recipe(
        Recipe(
            f"isic9-{_model.replace('_', '-')}",
            f"nine ISIC classes: {_what}, 2,000 steps of AdamW with warm-up and cosine",
            dataset="isic9",
            model=_model,
            train=_ISIC9_TRAIN,
            # The project kept the contradictory pictures. Without them one class has two images left, too few to split.
            dataset_options={"conflicts": "keep"},
            model_options={} if _model == "simple_cnn" else {"head": "mlp"},
            fractions=(0.70, 0.20, 0.10),
        )
    )
