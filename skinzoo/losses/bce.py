"""Binary cross-entropy over the pixels of a mask."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skinzoo.errors import ConfigError
from skinzoo.losses.reduction import annotated_masks, connected_zero, full_precision, mean_over_annotated
from skinzoo.losses.registry import LOSSES


@LOSSES.register("bce", task="segmentation")
class MaskBCE(nn.Module):
    """`-(w t log p + (1 - t) log(1 - p))` with `p = sigmoid(logit)`, the mean over the pixels of all annotated masks.

    Args:
        pos_weight: Weight w > 0 of lesion pixels; above 1 favours larger masks.

    Raises:
        ConfigError: `pos_weight` is not positive.
    """

    pos_weight: Tensor | None

    def __init__(self, pos_weight: float | None = None) -> None:
        super().__init__()
        if pos_weight is not None and not 0 < pos_weight < float("inf"):
            raise ConfigError(f"pos_weight must be positive; got {pos_weight}.")
        self.register_buffer("pos_weight", None if pos_weight is None else torch.tensor(float(pos_weight)))

    def forward(self, logits: Tensor, masks: Tensor | None) -> Tensor:
        """Mean loss of the samples that have a mask.

        Args:
            logits: (N, 1, H, W), before the sigmoid.
            masks: (N, 1, H, W) in [0, 1], NaN throughout a sample without a mask; None if no sample has one.

        Returns:
            Scalar; 0 (still part of the graph) if no sample has a mask.

        Raises:
            ConfigError: The shapes differ.
            MaskError: A value outside [0, 1].
        """
        logits = full_precision(logits)
        if masks is None:
            return connected_zero(logits)
        targets, annotated = annotated_masks(logits, masks)
        return mean_over_annotated(self.per_sample(logits, targets), annotated)

    def per_sample(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean over the pixels of each sample, (N,), from float32 or float64 logits and targets without NaN."""
        weight = None if self.pos_weight is None else self.pos_weight.to(logits.dtype)
        losses = F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight, reduction="none")
        return losses.flatten(1).mean(dim=1)

    def extra_repr(self) -> str:
        """Options, for `print`."""
        return "" if self.pos_weight is None else f"pos_weight={self.pos_weight.item():g}"
