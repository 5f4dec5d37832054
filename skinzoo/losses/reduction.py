"""What the losses share: checked targets, means over what is annotated, and zeros that keep the graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.losses.checks import check_labels, check_masks
from skinzoo.types import IGNORE_INDEX


def connected_zero(tensor: Tensor) -> Tensor:
    """Exactly 0, and a part of the graph: its gradient is 0 everywhere, which DistributedDataParallel needs."""
    return (tensor * 0).sum()


def full_precision(tensor: Tensor) -> Tensor:
    """At least float32: sums over pixels and `exp` overflow in half precision."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def class_weight(weight: Tensor | Sequence[float] | None) -> Tensor | None:
    """Class weights as a float tensor.

    Raises:
        ConfigError: Not one-dimensional, or a negative or non-finite weight.
    """
    if weight is None:
        return None
    values = torch.as_tensor(weight)
    values = values if values.is_floating_point() else values.float()
    if values.ndim != 1 or not bool((values.isfinite() & (values >= 0)).all()):
        raise ConfigError(f"class weights must be one number >= 0 for each class; got {values.tolist()}.")
    return values.detach().clone()


def check_classification(logits: Tensor, labels: Tensor, weight: Tensor | None) -> None:
    """Check logits (N, C), labels (N,) and weights (C,) against each other.

    Raises:
        ConfigError: The shapes do not agree.
        LabelError: A label outside [0, C) that is not `IGNORE_INDEX`.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ConfigError(
            f"expected logits (N, C) and labels (N,); got {tuple(logits.shape)} and {tuple(labels.shape)}."
        )
    num_classes = logits.shape[1]
    if weight is not None and len(weight) != num_classes:
        raise ConfigError(f"got {len(weight)} class weights for logits of {num_classes} classes.")
    check_labels(labels, num_classes)


def mean_over_labelled(losses: Tensor, labels: Tensor, weight: Tensor | None) -> Tensor:
    """PyTorch's mean of per-sample losses: divided by the sum of the labelled samples' class weights.

    Args:
        losses: (N,), already weighted, 0 where a sample has no label.
        labels: (N,), `IGNORE_INDEX` where there is none.
        weight: (C,) or None.

    Returns:
        Scalar; 0 where no sample is labelled (PyTorch's own mean is NaN).
    """
    labelled = (labels != IGNORE_INDEX).to(losses.dtype)
    shares = labelled if weight is None else labelled * weight.to(losses.dtype)[labels.clamp_min(0)]
    total = shares.sum()
    return losses.sum() / torch.where(total > 0, total, 1)


def annotated_masks(logits: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Split masks into clean targets and a flag for the samples that have one.

    Args:
        logits: (N, 1, H, W).
        masks: (N, 1, H, W) in [0, 1], NaN throughout a sample that has no mask.

    Returns:
        Targets (N, 1, H, W) with 0 where there is no mask, and (N,) 1 for an annotated sample, else 0; in the logits'
        precision.

    Raises:
        ConfigError: The shapes differ.
        MaskError: A value outside [0, 1], or NaN in a part of a mask.
    """
    if logits.ndim != 4 or logits.shape != masks.shape:
        raise ConfigError(
            f"expected mask logits and masks of one shape (N, 1, H, W); got {tuple(logits.shape)} and "
            f"{tuple(masks.shape)}."
        )
    check_masks(masks)
    missing = masks.isnan().flatten(1).all(dim=1)
    targets = torch.where(missing[:, None, None, None], 0, masks)
    return targets.to(logits.dtype), (~missing).to(logits.dtype)


def mean_over_annotated(losses: Tensor, annotated: Tensor) -> Tensor:
    """Mean of per-sample losses (N,) over the samples that have a mask; 0 if none has."""
    return (losses * annotated).sum() / annotated.sum().clamp_min(1)
