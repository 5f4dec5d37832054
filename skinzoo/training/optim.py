"""Optimisers with selective weight decay."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from skinzoo.errors import ConfigError
from skinzoo.training.config import TrainConfig

_BACKBONE = re.compile(r"(^|\.)(backbone|encoder)\.")


def parameter_groups(model: nn.Module, weight_decay: float, backbone_scale: float = 1.0) -> list[dict[str, Any]]:
    """Trainable parameters in groups: weights with decay; biases, norms and other vectors without.

    Args:
        model: Parameters below its attribute `backbone` or `encoder` belong to the backbone, all others to the head.
        weight_decay: Of the weights.
        backbone_scale: Factor of the backbone's learning rate; with 1 there are no groups of its own.

    Returns:
        Groups for an optimiser, each with `lr_scale`, the factor of its learning rate.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            scale = backbone_scale if _BACKBONE.search(name) else 1.0
            groups.setdefault((scale, weight_decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": decay, "lr_scale": scale}
        for (scale, decay), parameters in sorted(groups.items(), key=lambda item: (-item[0][0], -item[0][1]))
    ]


def build_optimizer(model: nn.Module, config: TrainConfig, *, extra: nn.Module | None = None) -> torch.optim.Optimizer:
    """AdamW (Loshchilov, Hutter 2019) or Adam (Kingma, Ba 2015).

    Args:
        model: What trains.
        config: How.
        extra: A module whose parameters train along without decay, such as a loss that learns weights; its attribute
            `lr_scale`, if it has one, is the factor of their learning rate.

    Raises:
        ConfigError: The model has no trainable parameter.
    """
    groups = parameter_groups(model, config.weight_decay, config.backbone_lr_scale)
    if not groups:
        raise ConfigError("the model has no trainable parameter; every one has requires_grad=False.")
    if extra is not None and (more := [p for p in extra.parameters() if p.requires_grad]):
        groups.append({"params": more, "weight_decay": 0.0, "lr_scale": getattr(extra, "lr_scale", 1.0)})
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.lr, fused=_can_fuse(groups))


def _can_fuse(groups: list[dict[str, Any]]) -> bool:
    """True where PyTorch has one kernel for the whole update."""
    parameters = [p for group in groups for p in group["params"]]
    return all(p.device.type in ("cpu", "cuda", "mps") and p.is_floating_point() for p in parameters)
