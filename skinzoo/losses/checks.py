"""Checks of labels and masks. Each reads its result back, so for a GPU they are made before the batch goes there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from skinzoo.errors import LabelError, MaskError
from skinzoo.types import IGNORE_INDEX, NO_MASK

_CHECKED: ContextVar[bool] = ContextVar("targets_checked", default=False)


@contextmanager
def targets_checked() -> Iterator[None]:
    """Inside, losses take labels and masks for checked, and never wait for the device."""
    token = _CHECKED.set(True)
    try:
        yield
    finally:
        _CHECKED.reset(token)


def check_labels(labels: Tensor, num_classes: int) -> None:
    """Make sure that labels (N,) lie in [0, num_classes) or are `IGNORE_INDEX`.

    Raises:
        LabelError: One does not; on a GPU PyTorch would end the process's CUDA context instead.
    """
    if _CHECKED.get():
        return
    wrong = ((labels < 0) | (labels >= num_classes)) & (labels != IGNORE_INDEX)
    if bool(wrong.any()):
        raise LabelError(
            f"labels must lie between 0 and {num_classes - 1} (or be {IGNORE_INDEX} where there is none) for logits of "
            f"{num_classes} classes; got {sorted(set(labels[wrong].tolist()))}. Was the model made with another "
            "num_classes than the collection has?"
        )


def check_masks(masks: Tensor) -> None:
    """Make sure that masks (N, 1, H, W) lie in [0, 1], or are NaN (of bytes: `NO_MASK`) throughout a sample.

    Raises:
        MaskError: A value outside [0, 1], or NaN in a part of a mask.
    """
    if _CHECKED.get():
        return
    if not masks.is_floating_point():
        masks = masks.float().masked_fill_(masks == NO_MASK, torch.nan)
    nan = masks.isnan()
    missing = nan.flatten(1).all(dim=1)
    outside = (masks < 0) | (masks > 1) | (nan & ~missing[:, None, None, None])
    if bool(outside.any()):
        raise MaskError(
            f"masks must lie in [0, 1]; got values from {masks[~nan].min():.4g} to {masks[~nan].max():.4g} and "
            f"{int(nan[~missing].sum())} NaN inside masks. Divide 0/255 masks by 255; a sample without a mask is NaN "
            "throughout.",
            "MASK_VALUES",
        )
