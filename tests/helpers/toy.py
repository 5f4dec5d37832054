"""A tiny run that consumes everything a checkpoint has to bring back: shared by the tests of resuming."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import torch
from torch import nn

import skinzoo
from skinzoo.models.base import ModelConfig, SkinModel
from skinzoo.taxonomy import ISIC2018
from skinzoo.training import Callback, Schedule, TrainConfig, Trainer
from skinzoo.types import InputSpec, ModelOutput, Task

BASE = {
    "num_steps": 14,
    "eval_every": 4,
    "batch_size": 8,
    "lr": 3e-2,
    "ema_decay": 0.8,
    "accumulate": 2,
    "augmentation": "light",
    "schedule": Schedule("plateau", gamma=0.5, patience=0),
    "checkpoint_every": 1,
    "device": "cpu",
    "verbose": False,
}


class ToyModel(SkinModel):
    """BatchNorm, dropout, and noise from the three global generators."""

    def __init__(self, classes=ISIC2018):
        super().__init__(ModelConfig("toy", Task.CLASSIFICATION, InputSpec(size=(32, 32)), classes))
        torch.manual_seed(0)
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=4), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(8, len(classes)))

    def predict_logits(self, images):
        if self.training:
            images = images + 1e-2 * random.random() + 1e-2 * np.random.random()  # noqa: NPY002
        return ModelOutput(logits=self.head(self.backbone(images)))


def toy_data(seed=42):
    """39 training images: with batches of 8 an epoch has 5 steps, and the last batch 7 images."""
    train, val = skinzoo.load_dataset("synthetic", num_images=56, size=32).split((0.7, 0.3), seed=seed)
    return train.subset(range(39)), val


class Crash(Exception):  # noqa: N818
    """Stands for the power cut."""


class CrashAt(Callback):
    """Ends the run without a farewell before a step, or in an evaluation."""

    def __init__(self, step, *, during="step"):
        self.step, self.during = step, during

    def on_step_start(self, trainer, step):
        if self.during == "step" and step == self.step:
            raise Crash

    def on_evaluation(self, trainer, row):
        if self.during == "evaluation" and row["step"] == self.step:
            raise Crash


class Final(Callback):
    """Remembers everything that is there after the last step."""

    def on_fit_end(self, trainer):
        self.tensors = {k: v.clone() for k, v in trainer.run.stepper.tensors().items()}


def digest(trainer, final):
    """One hash over the kept weights, the last weights, average, optimiser and history."""
    sha = hashlib.sha256()
    for name, tensor in sorted({**final.tensors, **trainer.model.state_dict()}.items()):
        sha.update(name.encode() + tensor.detach().contiguous().numpy().tobytes())
    history = trainer.history
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]
    best = next((i for i, row in enumerate(history.rows) if row is history.best), None)
    sha.update(repr((rows, best, history.stopped)).encode())
    return sha.hexdigest()


def toy_run(folder, *, callbacks=(), model=None, loss=None, mixing=None, **options):
    """Train to the end (or to what a callback raises) and return the digest."""
    train, val = toy_data()
    final = Final()
    config = TrainConfig(output_dir=str(folder), **(BASE | options))
    trainer = Trainer(model or ToyModel(), config, loss=loss, mixing=mixing, callbacks=[*callbacks, final])
    trainer.fit(train, val)
    return digest(trainer, final)
