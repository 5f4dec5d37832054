"""From bytes to what a network computes with, for one picture or for a batch on its device; and back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.types import InputSpec


@lru_cache(maxsize=32)
def _factors(spec: InputSpec) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """What a byte is multiplied by, and what is then subtracted, by channel (3,)."""
    mean, std = (np.asarray(values, dtype=np.float32) for values in (spec.mean, spec.std))
    return 1 / (255 * std), mean / std


def normalise(image: NDArray[np.uint8], spec: InputSpec) -> Tensor:
    """One picture as a model takes it.

    Args:
        image: uint8 RGB (H, W, 3).
        spec: Mean and standard deviation.

    Returns:
        float32 (3, H, W).
    """
    values = np.empty((3, *image.shape[:2]), dtype=np.float32)
    for plane, channel, scale, shift in zip(values, cv2.split(image), *_factors(spec), strict=True):
        plane[:] = channel
        plane *= scale
        plane -= shift
    return torch.from_numpy(values)


def normalise_batch(
    images: Tensor, spec: InputSpec, *, device: torch.device | str | None = None, channels_last: bool = False
) -> Tensor:
    """Pictures of `Transform(..., output="uint8")` as a model takes them, computed on its device.

    A byte a value travels to the device instead of four. On the CPU the result is to the bit that of
    `output="float32"`, elsewhere up to rounding.

    Args:
        images: uint8 (N, 3, H, W), in any memory format; a transposed view of (N, H, W, 3) is best for
            `channels_last`.
        spec: Mean and standard deviation.
        device: Where to compute; None for where the images are. From pinned memory the copy does not wait.
        channels_last: Memory format of the result.

    Returns:
        float32 (N, 3, H, W).

    Raises:
        ConfigError: The images are not uint8, for example because they are normalised already, or not of that shape.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise ConfigError(
            f"normalise_batch: expected uint8 images (N, 3, H, W), got {images.dtype} of shape {tuple(images.shape)}."
        )
    there = images if device is None else images.to(device, non_blocking=True)
    if there.device.type == "cpu":
        return _row_by_row(there, spec, channels_last=channels_last)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    scale, shift = _factors_on(spec, there.device)
    return there.to(torch.float32, memory_format=memory_format).mul_(scale).sub_(shift)


def _row_by_row(images: Tensor, spec: InputSpec, *, channels_last: bool) -> Tensor:
    """A picture at a time, which stays in the processor's cache, with the factors repeated for a whole row of pixels.

    Over three channels that lie innermost, PyTorch is slow to broadcast on a CPU: four times slower than this.
    """
    width = images.shape[3]
    if channels_last:
        images = images.permute(0, 2, 3, 1)
        shape, factors = (-1, 3 * width), [np.tile(factor, width) for factor in _factors(spec)]
    else:
        shape, factors = (3, -1), [factor[:, None] for factor in _factors(spec)]
    scale, shift = map(torch.from_numpy, factors)
    values = torch.empty(images.shape, dtype=torch.float32)
    for picture, result in zip(images, values, strict=True):
        result.copy_(picture).view(shape).mul_(scale).sub_(shift)
    return values.permute(0, 3, 1, 2) if channels_last else values


@lru_cache(maxsize=32)
def _factors_on(spec: InputSpec, device: torch.device) -> tuple[Tensor, Tensor]:
    scale, shift = (torch.from_numpy(values.reshape(1, 3, 1, 1)).to(device) for values in _factors(spec))
    return scale, shift


def denormalise(images: Tensor, spec: InputSpec) -> NDArray[np.uint8]:
    """Back from what a model takes to what a person can look at.

    Args:
        images: Normalised float images (3, H, W) or (N, 3, H, W).
        spec: The specification they were normalised by.

    Returns:
        uint8 RGB (H, W, 3) or (N, H, W, 3); equal to the image before normalisation up to rounding.
    """
    values = images.detach().to("cpu", torch.float32).movedim(-3, -1)
    pixels = values * torch.tensor(spec.std) + torch.tensor(spec.mean)
    array: NDArray[Any] = (pixels * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return array
