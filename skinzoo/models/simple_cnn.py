"""SimpleCNN: the small baseline to beat."""

from __future__ import annotations

from functools import partial

from torch import nn

from skinzoo.models.base import CamTarget, SkinModel
from skinzoo.models.classifier import Classifier
from skinzoo.models.heads import build_head
from skinzoo.models.request import BuildRequest
from skinzoo.types import InputSpec


def build_simple_cnn(request: BuildRequest, *, dropout: float = 0.7) -> SkinModel:
    """Two convolutions (32 and 64 channels), average pooling to 14 x 14, a dense layer of 256, and the MLP head.

    3.33 million parameters with nine classes, nearly all in the dense layer. The pooling is adaptive: at 224 x 224 it
    averages 4 x 4 blocks, and other sizes work too.

    Args:
        request: What was asked for.
        dropout: Of the head.
    """
    last = nn.Conv2d(32, 64, 3, padding=1)
    backbone = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(4, ceil_mode=True),
        last,
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(14),
        nn.Flatten(),
        nn.Linear(64 * 14 * 14, 256),
        nn.ReLU(),
    )
    config = request.config(InputSpec(size=request.image_size or (224, 224)))
    head = build_head("mlp", 256, request.num_classes, dropout)
    return Classifier(config, backbone, head, partial(_cam_targets, last))


def _cam_targets(last: nn.Conv2d) -> list[CamTarget]:
    return [CamTarget(last, last.out_channels, 4)]
