"""Binary cross-entropy over the pixels of a mask."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.losses.masks import MaskLoss
from skinzoo.losses.registry import LOSSES


@LOSSES.register("bce", task="segmentation")
class MaskBCE(MaskLoss):
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

    def per_sample(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean over the pixels of each sample, (N,); arguments as for `MaskLoss`."""
        weight = None if self.pos_weight is None else self.pos_weight.to(logits.dtype)
        losses = F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight, reduction="none")
        return losses.flatten(1).mean(dim=1)

    def extra_repr(self) -> str:
        """Options, for `print`."""
        return "" if self.pos_weight is None else f"pos_weight={self.pos_weight.item():g}"
