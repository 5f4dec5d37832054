"""How each kind of run is trained, for three budgets: two CPU cores, one GPU, and a smoke test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import skinzoo
from skinzoo import TrainConfig


@dataclass(frozen=True)
class Budget:
    """Sizes and settings that a machine can afford.

    Attributes:
        name: For `--budget`.
        backbone: timm network of the classifier, the U-Net and the multi-task model on HAM10000.
        size: Pixels that these models see.
        cached: Pixels of their decoded pictures on the disk; more than the model sees, for augmentation by zooming.
        ham: Training on HAM10000.
        transfer_backbone: timm network of the runs on the nine classes that the projects made with a ResNet-50.
        nine_size: Pixels that the models of the nine classes see.
        nine_cached: Pixels of their decoded pictures.
        nine: Training on the nine classes.
        pretraining: Training on HAM10000 that the nine-class models start from.
    """

    name: str
    backbone: str
    size: int
    cached: int
    ham: TrainConfig
    transfer_backbone: str
    nine_size: int
    nine_cached: int
    nine: TrainConfig
    pretraining: TrainConfig


COMMON = replace(skinzoo.get_recipe("ham-compact").train, epochs=None)
# As the recipes isic9-*: AdamW, warm-up over the first fifth from 1e-4 to 1e-3, cosine to 1e-5.
NINE = replace(
    skinzoo.get_recipe("isic9-simple-cnn").train,
    epochs=None,
    augmentation="dermoscopy",
    monitor="val_balanced_accuracy",
    precision="auto",
)
TWO_STEPS = {
    **{"epochs": None, "num_steps": 2, "eval_every": 2, "batch_size": 8},
    **{"precision": "fp32", "device": "cpu", "verbose": False},
}

BUDGETS = {
    budget.name: budget
    for budget in (
        Budget(
            "cpu",
            backbone="regnety_004",
            size=128,
            cached=160,
            ham=replace(COMMON, epochs=12, batch_size=48),
            transfer_backbone="resnet18",
            nine_size=96,
            nine_cached=128,
            nine=replace(NINE, num_steps=1000, batch_size=32, eval_every=50),
            pretraining=replace(COMMON, epochs=12, batch_size=48, lr=1e-3),
        ),
        Budget(
            "gpu",
            backbone="resnet50",
            size=224,
            cached=256,
            ham=replace(COMMON, epochs=60, batch_size=64, lr=1e-3, num_workers=8),
            transfer_backbone="resnet50",
            nine_size=224,
            nine_cached=256,
            nine=replace(NINE, num_steps=2000, batch_size=32, eval_every=100, num_workers=8),
            pretraining=replace(COMMON, epochs=30, batch_size=64, lr=1e-3, num_workers=8),
        ),
        Budget(
            "smoke",
            backbone="mobilenetv3_small_050",
            size=32,
            cached=40,
            ham=replace(COMMON, **TWO_STEPS),
            transfer_backbone="resnet18",
            nine_size=32,
            nine_cached=40,
            nine=replace(NINE, **TWO_STEPS),
            pretraining=replace(COMMON, **TWO_STEPS),
        ),
    )
}

# Images a second in training where the tables were made, for the estimates of --list: ResNet-18 on one core, the others
# on two, of a processor with bfloat16.
TRAINING_RATES = {
    "regnety_004_scratch": 85.0,
    "unet_regnety_004": 57.0,
    "multitask_regnety_004": 57.0,
    "simple_cnn": 250.0,
    "resnet18_scratch": 58.0,
    "resnet18_head": 145.0,
    "resnet18_finetuned": 58.0,
}


def default_budget(device: str) -> str:
    """`"gpu"` where there is an accelerator."""
    from skinzoo.devices import pick_device

    return "cpu" if pick_device(device).type == "cpu" else "gpu"


def cpu_facts() -> dict[str, str]:
    """What Linux says of the first processor; empty on other systems."""
    try:
        first = Path("/proc/cpuinfo").read_text("utf-8").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
