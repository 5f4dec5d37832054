"""Tversky and focal Tversky loss together with binary cross-entropy."""

from __future__ import annotations

from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.losses.bce import MaskBCE
from skinzoo.losses.masks import MaskLoss
from skinzoo.losses.registry import LOSSES

_TINY = 1e-7
"""Below this, `x ** (1 / gamma)` is taken as flat: its slope at 0 is infinite."""


@LOSSES.register("tversky", task="segmentation")
class TverskyBCE(MaskLoss):
    """`(1 - Tversky)^(1 / gamma) + bce_weight * BCE`, the mean over the annotated samples.

    The Tversky index of a sample is `(TP + s) / (TP + alpha FP + beta FN + s)` with `TP = sum(p t)`,
    `FP = sum(p (1 - t))`, `FN = sum((1 - p) t)` and `p = sigmoid(logit)`: Salehi et al. 2017, arXiv 1706.05721. With
    `beta > alpha` what is missed costs more than what is drawn too large. `alpha = beta = 0.5` is Dice and
    `alpha = beta = 1` Jaccard (Yuan et al. 2017). With `gamma = 4 / 3` it is the focal Tversky loss of Abraham and Khan
    2018, arXiv 1810.07842.

    The index alone teaches nothing about an empty mask, because there its gradient vanishes; the cross-entropy does.

    Args:
        alpha: Weight >= 0 of false positives.
        beta: Weight >= 0 of false negatives; not both 0.
        gamma: Above 1, samples whose masks fit badly count more; > 0.
        bce_weight: Weight >= 0 of the cross-entropy.
        smooth: The smoothing s > 0, in pixels.

    Raises:
        ConfigError: An argument is out of range.
    """

    def __init__(
        self,
        alpha: float = 0.3,
        beta: float = 0.7,
        gamma: float = 1.0,
        bce_weight: float = 1.0,
        smooth: float = 1.0,
    ) -> None:
        super().__init__()
        weights = (alpha, beta, bce_weight)
        if not all(0 <= w < float("inf") for w in weights) or alpha + beta == 0 or not (gamma > 0 and smooth > 0):
            raise ConfigError(
                "TverskyBCE needs alpha, beta and bce_weight >= 0 with alpha + beta > 0, and gamma and smooth > 0; "
                f"got alpha={alpha}, beta={beta}, gamma={gamma}, bce_weight={bce_weight}, smooth={smooth}."
            )
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma
        self.bce_weight = bce_weight
        self.smooth = smooth
        self.bce = MaskBCE()

    def per_sample(self, logits: Tensor, targets: Tensor) -> Tensor:
        """`(1 - Tversky)^(1 / gamma) + bce_weight * BCE` of each sample, (N,); arguments as for `MaskLoss`."""
        return self._tversky(logits, targets) + self.bce_weight * self.bce.per_sample(logits, targets)

    def _tversky(self, logits: Tensor, targets: Tensor) -> Tensor:
        predicted, truth = logits.sigmoid().flatten(1), targets.flatten(1)
        both = (predicted * truth).sum(dim=1)
        excess = (predicted * (1 - truth)).sum(dim=1)
        missed = ((1 - predicted) * truth).sum(dim=1)
        wrong = self.alpha * excess + self.beta * missed
        lacking = wrong / (both + wrong + self.smooth)
        return lacking if self.gamma == 1 else lacking.clamp_min(_TINY) ** (1 / self.gamma)

    def extra_repr(self) -> str:
        """Options, for `print`."""
        return (
            f"alpha={self.alpha}, beta={self.beta}, gamma={self.gamma}, bce_weight={self.bce_weight}, "
            f"smooth={self.smooth}"
        )
