"""What a model makes of a picture before its last layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skinzoo.errors import ConfigError
from skinzoo.models import SkinModel, evaluation_mode, require_finite
from skinzoo.transforms import feed
from skinzoo.types import Batch


def penultimate_features(model: SkinModel, loader: Iterable[Batch]) -> NDArray[np.float32]:
    """What enters the last linear layer of a model's head, float32 (N, F) in the loader's order.

    The model is left in its mode, without hooks.

    Args:
        model: A model with a classification head.
        loader: Batches.

    Raises:
        ConfigError: It has no such layer.
        DivergedError: The model gives values that are not finite.
    """
    head = getattr(model, "head", None)
    layers = [m for m in head.modules() if isinstance(m, nn.Linear)] if isinstance(head, nn.Module) else []
    if not layers:
        raise ConfigError(f"{model.config.architecture} has no classification head whose features could be taken.")
    found: list[NDArray[np.float32]] = []

    def keep(_layer: nn.Module, given: tuple[Any, ...]) -> None:
        features: Tensor = given[0]
        found.append(features.detach().float().flatten(1).cpu().numpy())

    handle = layers[-1].register_forward_pre_hook(keep)
    try:
        with evaluation_mode(model), torch.no_grad():
            for batch in loader:
                require_finite(model(*model.inputs(feed(batch, model.input_spec, model.device))))
    finally:
        handle.remove()
    return np.concatenate(found) if found else np.zeros((0, layers[-1].in_features), np.float32)
