"""Soft Dice together with binary cross-entropy."""

from __future__ import annotations

from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.losses.bce import MaskBCE
from skinzoo.losses.masks import MaskLoss
from skinzoo.losses.registry import LOSSES


@LOSSES.register("dice_bce", task="segmentation")
class DiceBCE(MaskLoss):
    """`dice_weight * (1 - Dice) + bce_weight * BCE`, the mean over the annotated samples.

    The soft Dice of a sample is `(2 sum(p t) + s) / (sum(p) + sum(t) + s)` with `p = sigmoid(logit)`: Milletari et al.
    2016, "V-Net", arXiv 1606.04797, with plain instead of squared sums. The smoothing s keeps it defined for an empty
    mask; what teaches the model to predict an empty mask is the cross-entropy, because there the gradient of Dice
    vanishes.

    Args:
        dice_weight: Weight >= 0 of the Dice part.
        bce_weight: Weight >= 0 of the cross-entropy part.
        smooth: The smoothing s > 0, in pixels.

    Raises:
        ConfigError: An argument is out of range.
    """

    def __init__(self, dice_weight: float = 1.0, bce_weight: float = 1.0, smooth: float = 1.0) -> None:
        super().__init__()
        if dice_weight < 0 or bce_weight < 0 or not dice_weight + bce_weight > 0 or not smooth > 0:
            raise ConfigError(
                "DiceBCE needs weights >= 0, not both 0, and smooth > 0; "
                f"got dice_weight={dice_weight}, bce_weight={bce_weight}, smooth={smooth}."
            )
        self.dice_weight = dice_weight
        self.bce_weight = bce_weight
        self.smooth = smooth
        self.bce = MaskBCE()

    def per_sample(self, logits: Tensor, targets: Tensor) -> Tensor:
        """`dice_weight * (1 - Dice) + bce_weight * BCE` of each sample, (N,); arguments as for `MaskLoss`."""
        return self.dice_weight * self._dice(logits, targets) + self.bce_weight * self.bce.per_sample(logits, targets)

    def _dice(self, logits: Tensor, targets: Tensor) -> Tensor:
        predicted, truth = logits.sigmoid().flatten(1), targets.flatten(1)
        overlap = (predicted * truth).sum(dim=1)
        return 1 - (2 * overlap + self.smooth) / (predicted.sum(dim=1) + truth.sum(dim=1) + self.smooth)

    def extra_repr(self) -> str:
        """Options, for `print`."""
        return f"dice_weight={self.dice_weight}, bce_weight={self.bce_weight}, smooth={self.smooth}"
