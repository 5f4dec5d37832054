"""Optimisers with selective weight decay."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from skinzoo.errors import ConfigError
from skinzoo.training.config import TrainConfig


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Trainable parameters in two groups: weights with decay; biases, norms and other vectors without."""
    decay: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for parameter in model.parameters():
        if parameter.requires_grad:
            (decay if parameter.ndim > 1 else plain).append(parameter)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return [g for g in groups if g["params"]]


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW (Loshchilov, Hutter 2019) or Adam (Kingma, Ba 2015).

    Raises:
        ConfigError: The model has no trainable parameter.
    """
    groups = parameter_groups(model, config.weight_decay)
    if not groups:
        raise ConfigError("the model has no trainable parameter; every one has requires_grad=False.")
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.lr)
