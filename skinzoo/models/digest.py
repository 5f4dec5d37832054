"""One number for all weights of a model, by which a report tells whose figures it holds."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def weights_digest(model: nn.Module) -> str:
    """sha256 of all parameters and buffers: their names, shapes, types and values, in the order of their names.

    It is the same on every device, and after saving and loading in the same type.

    Args:
        model: Any module.

    Returns:
        64 hex digits.
    """
    sha = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        sha.update(f"{name}\n{values.dtype}\n{tuple(values.shape)}\n".encode())
        sha.update(values.reshape(-1).view(torch.uint8).numpy())
    return sha.hexdigest()
