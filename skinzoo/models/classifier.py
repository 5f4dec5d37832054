"""Classifiers: any timm backbone with a head of ours, trained from scratch, by its head alone, or whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, get_args

import timm
from timm.data import resolve_model_data_config
from timm.models import is_model_pretrained
from torch import Tensor, nn

from skinzoo.errors import ConfigError
from skinzoo.models.backbone import timm_backbone
from skinzoo.models.base import CamTarget, ModelConfig, SkinModel
from skinzoo.models.catalogue import MODELS, BuildRequest, ModelEntry, register_model
from skinzoo.models.heads import build_head
from skinzoo.types import InputSpec, ModelOutput, Task

Strategy = Literal["scratch", "head", "finetuned"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
_MEANING = {
    "scratch": "random start, all of it trains",
    "head": "ImageNet start, only the head trains",
    "finetuned": "ImageNet start, all of it trains",
}


class Classifier(SkinModel):
    """A backbone that pools to one vector, and a head.

    Args:
        config: How the model was built.
        backbone: Images (N, 3, H, W) to features (N, F).
        head: Features to logits (N, classes).
        targets: Gives the layers that Grad-CAM can look at, the deepest first.
        freeze_backbone: True to train the head alone.
        fixed_size: True if the backbone takes one size only.
    """

    def __init__(
        self,
        config: ModelConfig,
        backbone: nn.Module,
        head: nn.Module,
        targets: Callable[[], list[CamTarget]],
        *,
        freeze_backbone: bool = False,
        fixed_size: bool = False,
    ) -> None:
        super().__init__(config, frozen=[backbone] if freeze_backbone else [], fixed_size=fixed_size)
        self.backbone = backbone
        self.head = head
        self._targets = targets

    def predict_logits(self, images: Tensor) -> ModelOutput:
        """Logits (N, classes)."""
        return ModelOutput(logits=self.head(self.backbone(images)))

    def cam_targets(self) -> list[CamTarget]:
        """The feature maps, or the tokens that enter the attention blocks."""
        return self._targets()


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
    record = timm.get_pretrained_cfg(backbone)
    fixed = bool(record and record.fixed_input_size)
    size = request.input_spec.size if request.input_spec else request.image_size
    trunk = timm_backbone(backbone, backbone_weights, **({"img_size": size} if fixed and size else {}))
    return Classifier(
        request.config(timm_input_spec(trunk, size)),
        trunk,
        build_head(head, getattr(trunk, "head_hidden_size", None) or trunk.num_features, request.num_classes, dropout),
        partial(_cam_targets, trunk),
        freeze_backbone=strategy == "head",
        fixed_size=fixed,
    )


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


def timm_entry(name: str) -> ModelEntry | None:
    """The entry that `<timm name>_<strategy>` stands for; None if the name is not of that form."""
    backbone, _, strategy = name.rpartition("_")
    if strategy not in STRATEGIES or not timm.is_model(backbone):
        return None
    if "." in backbone and not is_model_pretrained(backbone):  # a tag that timm does not have
        return None
    summary = f"timm's {backbone}: {_MEANING[strategy]}"
    return ModelEntry(build_classifier, Task.CLASSIFICATION, summary, {"backbone": backbone, "strategy": strategy})


def resolve_entry(name: str) -> tuple[str, ModelEntry]:
    """Canonical name and entry of a registered model, or of a timm backbone with a strategy.

    Raises:
        UnknownNameError: Neither; the message lists close matches.
    """
    if name not in MODELS and (entry := timm_entry(name)) is not None:
        return name, entry
    found = MODELS.resolve(name)
    return found.name, found.obj


for _depth in (18, 34, 50):
    for _strategy in STRATEGIES:
        register_model(
            f"resnet{_depth}_{_strategy}",
            ModelEntry(
                build_classifier,
                Task.CLASSIFICATION,
                f"ResNet-{_depth} classifier: {_MEANING[_strategy]}",
                {"backbone": f"resnet{_depth}", "strategy": _strategy},
            ),
            family="resnet",
            strategy=_strategy,
        )
