"""Focal loss over classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.losses.cross_entropy import CrossEntropy
from skinzoo.losses.reduction import full_precision, mean_over_labelled
from skinzoo.losses.registry import LOSSES


@LOSSES.register("focal", task="classification")
class FocalLoss(CrossEntropy):
    """`(1 - p)^gamma * cross_entropy`, where p is the probability of the true class: easy samples count less.

    Lin et al. 2017, "Focal Loss for Dense Object Detection", arXiv 1708.02002, in its softmax form. Differences: the
    paper's alpha is `weight`, and as in PyTorch's cross-entropy the mean is divided by the sum of those weights, so
    that `gamma=0` is exactly `CrossEntropy`.

    Args:
        gamma: How strongly easy samples are played down, >= 0.
        weight: One weight >= 0 for each class.
        label_smoothing: Share of the target spread evenly over all classes, in [0, 1).

    Raises:
        ConfigError: An argument is out of range.
    """

    def __init__(
        self, gamma: float = 2.0, weight: Tensor | Sequence[float] | None = None, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(weight, label_smoothing)
        if not 0 <= gamma < float("inf"):
            raise ConfigError(f"gamma must be >= 0; got {gamma}.")
        self.gamma = gamma

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of the labelled samples; arguments and errors as for `CrossEntropy`."""
        losses = self._per_sample(logits, labels)
        log_p = full_precision(logits).log_softmax(dim=1).gather(1, labels.clamp_min(0)[:, None]).squeeze(1)
        # expm1 keeps 1 - p exact near p = 1; the clamp keeps the gradient finite there for gamma < 1
        miss = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
        return mean_over_labelled(miss**self.gamma * losses, labels, self.weight)

    def extra_repr(self) -> str:
        """Options, for `print`."""
        return f"gamma={self.gamma}, {super().extra_repr()}"
