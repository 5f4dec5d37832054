"""Classifiers: any timm backbone with a head of ours, trained from scratch, by its head alone, or whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
from skinzoo.models.plain_form import PlainForm, linear_head, timm_form, timm_names
from skinzoo.types import InputSpec, ModelOutput, Task

Strategy = Literal["scratch", "head", "finetuned"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
_MEANING = {
    "scratch": "random start, all of it trains",
    "head": "ImageNet start, only the head trains",
    "finetuned": "ImageNet start, all of it trains",
}


@dataclass(frozen=True)
class Form:
    """What the end of a name such as `<timm name>_head` stands for.

    Attributes:
        build: Builds the model: `build(request, backbone=..., **fixed, **options)`.
        meaning: For summaries.
        fixed: Arguments that the ending stands for.
        task: What such a model predicts.
    """

    build: Callable[..., SkinModel]
    meaning: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    task: Task = Task.CLASSIFICATION


FORMS: dict[str, Form] = {}
"""Every ending that a timm backbone's name can take."""

PREFIXES: dict[str, Form] = {}
"""Every beginning that it can take."""


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

    def plain_form(self) -> PlainForm | None:
        """Plain timm's, with a linear head; None for another head, and where timm ends the network otherwise."""
        if linear_head(self.head) is None or self.label_space is None:
            return None
        return timm_form(self.backbone, self.state_dict(), spec=self.input_spec, space=self.label_space)

    def plain_names(self) -> Mapping[str, str] | None:
        """The name of each tensor in timm, without looking whether timm's network has others too."""
        return None if linear_head(self.head) is None else timm_names(self.backbone, self.state_dict())


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


def timm_entry(name: str) -> ModelEntry | None:
    """The entry that `<timm name>_<ending>` or `<beginning>_<timm name>` stands for; None for any other name."""
    start, _, rest = name.partition("_")
    backbone, _, ending = name.rpartition("_")
    if (form := FORMS.get(ending)) is None:
        backbone, form = rest, PREFIXES.get(start)
    if form is None or not timm.is_model(backbone):
        return None
    if "." in backbone and not is_model_pretrained(backbone):  # a tag that timm does not have
        return None
    summary = f"timm's {backbone}: {form.meaning}"
    return ModelEntry(form.build, form.task, summary, {"backbone": backbone, **form.fixed})


def resolve_entry(name: str) -> tuple[str, ModelEntry]:
    """Canonical name and entry of a registered model, or of a timm backbone with a strategy.

    Raises:
        UnknownNameError: Neither; the message lists close matches.
    """
    if name not in MODELS and (entry := timm_entry(name)) is not None:
        return name, entry
    found = MODELS.resolve(name)
    return found.name, found.obj


FORMS.update({s: Form(build_classifier, _MEANING[s], {"strategy": s}) for s in STRATEGIES})

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
