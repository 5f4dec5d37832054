"""From a batch of bytes, as a loader hands it over, to what a model and a loss take, on their device."""

from __future__ import annotations

import torch
from torch import Tensor

from skinzoo.devices import move
from skinzoo.transforms.normalisation import normalise_batch
from skinzoo.types import NO_MASK, Batch, InputSpec


def feed(batch: Batch, spec: InputSpec, device: torch.device, *, channels_last: bool = False) -> Batch:
    """Bring a batch to a device, and make floats of the bytes there.

    Args:
        batch: From a loader whose transform's output is `"uint8"` or `"float32"`; of the latter, nothing is converted.
        spec: How to normalise.
        device: Where to.
        channels_last: Memory format of images that are converted.

    Returns:
        The batch with images (N, 3, H, W) and masks (N, 1, H, W) in float32, NaN where a sample has no mask. On the CPU
        the images are to the bit what `output="float32"` gives.
    """
    batch = move(batch, device)
    if batch.images.dtype == torch.uint8:
        batch = batch._replace(images=normalise_batch(batch.images, spec, channels_last=channels_last))
    if batch.masks is not None and batch.masks.dtype == torch.uint8:
        batch = batch._replace(masks=_expanded(batch.masks))
    return batch


def _expanded(masks: Tensor) -> Tensor:
    floats, missing = masks.float(), masks == NO_MASK
    if masks.device.type == "cpu" and not missing.any():  # elsewhere the question would cost more than the answer saves
        return floats
    return floats.masked_fill_(missing, torch.nan)
