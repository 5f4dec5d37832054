"""Classifiers on any timm backbone, trained from scratch, by their head alone, or whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import timm
from timm.data import resolve_model_data_config

from skinzoo.errors import ConfigError
from skinzoo.models.backbone import timm_backbone
from skinzoo.models.base import CamTarget, SkinModel
from skinzoo.models.classifier import Classifier
from skinzoo.models.heads import build_head
from skinzoo.models.request import BuildRequest
from skinzoo.types import InputSpec

Strategy = Literal["scratch", "head", "finetuned"]


def build_classifier(
    request: BuildRequest,
    *,
    backbone: str,
    strategy: Strategy,
    head: str = "linear",
    dropout: float | None = None,
    backbone_weights: str | os.PathLike[str] | None = "default",
) -> SkinModel:
    """Build a classifier on a timm backbone.

    Args:
        request: What was asked for.
        backbone: timm's name.
        strategy: `"scratch"`, `"head"` or `"finetuned"`.
        head: `"linear"` or `"mlp"`, see `build_head`.
        dropout: Of the head; None for the head's default.
        backbone_weights: `"imagenet"`, None, or a safetensors file; by default what the strategy says.
    """
    if backbone_weights == "default":
        backbone_weights = None if strategy == "scratch" else "imagenet"
    trunk = build_trunk(request, backbone, backbone_weights)
    return Classifier(
        request.config(trunk.input_spec),
        trunk.network,
        build_head(head, trunk.num_features, request.num_classes, dropout),
        trunk.cam_targets,
        freeze_backbone=strategy == "head",
        fixed_size=trunk.fixed_size,
    )


@dataclass(frozen=True, eq=False)
class Trunk:
    """A timm backbone and what a classifier has to know about it.

    Attributes:
        network: Images (N, 3, H, W) to features (N, F).
        num_features: F.
        input_spec: What it wants to see.
        fixed_size: True if it takes one size only.
    """

    network: Any
    num_features: int
    input_spec: InputSpec
    fixed_size: bool

    def cam_targets(self) -> list[CamTarget]:
        """Where Grad-CAM can look, the deepest layer first."""
        return _cam_targets(self.network)


def build_trunk(request: BuildRequest, backbone: str, weights: str | os.PathLike[str] | None) -> Trunk:
    """The backbone at the size that was asked for; `weights` as for `timm_backbone`."""
    record = timm.get_pretrained_cfg(backbone)
    fixed = bool(record and record.fixed_input_size)
    size = request.input_spec.size if request.input_spec else request.image_size
    network = timm_backbone(backbone, weights, **({"img_size": size} if fixed and size else {}))
    num_features = getattr(network, "head_hidden_size", None) or network.num_features
    return Trunk(network, num_features, timm_input_spec(network, size), fixed)


def timm_input_spec(backbone: Any, size: tuple[int, int] | None) -> InputSpec:
    """The input that timm's weights for this architecture expect, the whole picture squashed to `size`."""
    data = resolve_model_data_config(backbone)
    return InputSpec(
        size=size or tuple(data["input_size"][1:]),
        mean=data["mean"],
        std=data["std"],
        interpolation="bilinear" if data["interpolation"] == "bilinear" else "bicubic",
    )


def _cam_targets(backbone: Any) -> list[CamTarget]:
    prefix = getattr(backbone, "num_prefix_tokens", 0)
    targets = []
    try:
        stages = [(backbone.get_submodule(info["module"]), info) for info in backbone.feature_info]
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"timm does not say which feature maps {type(backbone).__name__} has, so Grad-CAM has nowhere to look; "
            "use saliency."
        ) from error
    for layer, info in reversed(stages):
        # Of a transformer block, only the input still reaches the class token through attention.
        targets.append(CamTarget(getattr(layer, "norm1", layer), info["num_chs"], info["reduction"], prefix))
    return targets
