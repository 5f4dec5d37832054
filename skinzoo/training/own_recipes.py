"""This library's own settings for HAM10000: stronger than those of the projects; most are for a machine with a GPU."""

from __future__ import annotations

from typing import Any

from skinzoo.training.config import TrainConfig
from skinzoo.training.recipes import Recipe, add_recipe
from skinzoo.training.schedules import Schedule

# AdamW, warm-up and cosine, a slower backbone, clipped gradients, bf16 where possible, a moving average of the weights.
_TRAIN: dict[str, Any] = {
    "lr": 1e-3,
    "backbone_lr_scale": 0.1,
    "weight_decay": 0.05,
    "schedule": Schedule("cosine", warmup=0.05, warmup_lr=1e-6, final_lr=1e-6),
    "clip_grad_norm": 1.0,
    "ema_decay": 0.999,
    "precision": "auto",
    "augmentation": "dermoscopy",
}
_CLASSES: dict[str, Any] = {"class_weights": "effective", "label_smoothing": 0.1}

OWN_RECIPES = (
    Recipe(
        "ham-classification",
        "HAM10000, seven classes: ImageNet ResNet-50, class-balanced cross-entropy, cosine, moving average, 30 epochs",
        dataset="ham10000",
        model="resnet50_finetuned",
        train=TrainConfig(epochs=30, batch_size=32, monitor="val_balanced_accuracy", **_TRAIN),
        **_CLASSES,
    ),
    Recipe(
        "ham-segmentation",
        "HAM10000, lesion masks: U-Net, ImageNet ResNet-34 encoder, Dice + BCE, cosine, moving average, 30 epochs",
        dataset="ham10000",
        model="unet_resnet34",
        train=TrainConfig(epochs=30, batch_size=16, monitor="val_dice", **_TRAIN),
        segmentation_loss="dice_bce",
    ),
    Recipe(
        "ham-multitask-strong",
        "HAM10000, class and mask: ImageNet ResNet-34 encoder, class-balanced, cosine, moving average, 40 epochs",
        dataset="ham10000",
        model="multitask_resnet34",
        train=TrainConfig(epochs=40, batch_size=16, monitor="val_balanced_accuracy", **_TRAIN),
        segmentation_loss="dice_bce",
        **_CLASSES,
    ),
    Recipe(
        "ham-compact",
        "HAM10000, class and mask in 4.8 M parameters: RegNetY-400MF encoder from random weights, 128 px, 60 epochs",
        dataset="ham10000",
        model="multitask_regnety_004",
        train=TrainConfig(
            epochs=60,
            batch_size=48,
            lr=2e-3,
            weight_decay=0.02,
            schedule=Schedule("cosine", warmup=0.05),
            clip_grad_norm=5.0,
            ema_decay=0.998,
            precision="auto",
            augmentation="strong",
            sampling="sqrt",
            monitor="val_balanced_accuracy",
        ),
        model_options={"decoder": "light", "dropout": 0.2, "backbone_weights": None, "image_size": 128},
        segmentation_loss="dice_bce",
    ),
    Recipe(
        "ham-metadata",
        "HAM10000, seven classes from picture, age, sex and site: otherwise as ham-classification",
        dataset="ham10000",
        model="resnet50_metadata",
        train=TrainConfig(epochs=30, batch_size=32, monitor="val_balanced_accuracy", **_TRAIN),
        metadata=("age", "sex", "localization"),
        **_CLASSES,
    ),
)

for _recipe in OWN_RECIPES:
    add_recipe(_recipe)
