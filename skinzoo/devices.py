"""Devices by name, and batches on them."""

from __future__ import annotations

from typing import Any

import torch

from skinzoo.errors import ConfigError
from skinzoo.types import Batch


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """A device by name.

    Args:
        name: As PyTorch writes it (`"cpu"`, `"cuda:1"`), or `"auto"`: the accelerator, or the CPU if there is none.

    Raises:
        ConfigError: No such device here.
    """
    here = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if name == "auto":
        return here or torch.device("cpu")
    offered = "'auto', 'cpu'" + (f" or {here.type!r}" if here else "; PyTorch sees no accelerator here")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"unknown device {name!r}; use {offered}.") from error
    if device.type != "cpu" and (here is None or device.type != here.type):
        raise ConfigError(f"device {str(name)!r} is not to be had; use {offered}.")
    if device.index is not None and here is not None and device.index >= torch.accelerator.device_count():
        raise ConfigError(f"device {str(name)!r} is not to be had; there are {torch.accelerator.device_count()}.")
    return device


def move(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on a device; what is no tensor stays as it is."""
    moved: dict[str, Any] = {
        name: value.to(device, non_blocking=True)
        for name, value in batch._asdict().items()
        if isinstance(value, torch.Tensor)
    }
    return batch._replace(**moved)
