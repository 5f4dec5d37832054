"""A model that looks at the top left corner of a picture and nowhere else, and a collection to see it on."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import skinzoo
from skinzoo.datasets import DatasetInfo, Records, SkinDataset
from skinzoo.errors import ImageDecodeError
from skinzoo.models.base import CamTarget, ModelConfig, SkinModel
from skinzoo.taxonomy import ISIC2018
from skinzoo.types import InputSpec, ModelOutput, Task

SIZE = 16
CORNER = 8
PLAIN = InputSpec(size=(SIZE, SIZE), mean=(0, 0, 0), std=(1, 1, 1))


class Window(nn.Module):
    """Zero outside the corner."""

    def forward(self, features):
        shown = torch.zeros_like(features)
        shown[..., :CORNER, :CORNER] = features[..., :CORNER, :CORNER]
        return shown


class CornerModel(SkinModel):
    """The logit of MEL is `gain` times the mean brightness of the corner; the other logits are 0."""

    def __init__(self, gain=8.0):
        super().__init__(ModelConfig("corner", Task.CLASSIFICATION, PLAIN, ISIC2018))
        self.mix = nn.Conv2d(3, 1, 1, bias=False)
        nn.init.constant_(self.mix.weight, 1 / 3)
        self.window = Window()
        self.gain = gain

    def predict_logits(self, images):
        seen = self.window(self.mix(images)).sum((1, 2, 3)) / CORNER**2
        return ModelOutput(torch.nn.functional.pad(self.gain * seen[:, None], (0, len(ISIC2018) - 1)))

    def cam_targets(self):
        return [CamTarget(self.window, 1, 1)]


class Painted:
    """Noise with a mask in the corner (`"corner"`), opposite to it (`"away"`) or none; `"broken"` cannot be read."""

    def read(self, image, mask, id):
        if image == "broken":
            raise ImageDecodeError(f"{id} is broken")
        picture = np.random.default_rng(int(image)).integers(40, 256, (SIZE, SIZE, 3), dtype=np.uint8)
        lesion = np.zeros((SIZE, SIZE), np.uint8)
        lesion[:CORNER, :CORNER] = 1
        return picture, {"": None, "corner": lesion, "away": lesion[::-1, ::-1].copy()}[mask]


def painted(masks, *, groups=None, broken=()):
    """A collection with one picture for each word in `masks`."""
    count = len(masks)
    records = Records.build(
        [f"P{i}" for i in range(count)],
        labels=[0] * count,
        groups=groups or [f"L{i}" for i in range(count)],
        images=["broken" if i in broken else str(i) for i in range(count)],
        masks=list(masks),
    )
    info = DatasetInfo("painted", "Painted noise", label_space=ISIC2018)
    return SkinDataset(info, records, skinzoo.taxonomy.ISIC2018, Painted())
