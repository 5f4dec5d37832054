"""Cross-entropy over classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from skinzoo.errors import ConfigError
from skinzoo.losses.reduction import check_classification, class_weight, full_precision, mean_over_labelled
from skinzoo.losses.registry import LOSSES
from skinzoo.types import IGNORE_INDEX


@LOSSES.register("cross_entropy", task="classification")
class CrossEntropy(nn.Module):
    """`-log softmax(logits)[label]`, equal to PyTorch's, but 0 instead of NaN for a batch without labels.

    Label smoothing: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", arXiv 1512.00567.

    Args:
        weight: One weight >= 0 for each class; the loss is the weighted mean, as in PyTorch.
        label_smoothing: Share of the target spread evenly over all classes, in [0, 1).

    Raises:
        ConfigError: An argument is out of range.
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | Sequence[float] | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ConfigError(f"label_smoothing must lie in [0, 1); got {label_smoothing}.")
        self.register_buffer("weight", class_weight(weight))
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of the labelled samples.

        Args:
            logits: (N, C), before the softmax.
            labels: int64 (N,), `IGNORE_INDEX` where a sample has no label.

        Raises:
            ConfigError: The shapes do not agree.
            LabelError: A label outside [0, C).
        """
        return mean_over_labelled(self._per_sample(logits, labels), labels, self.weight)

    def mass(self, labels: Tensor) -> Tensor:
        """What `forward` divides by: the number of labelled samples, or the sum of their class weights."""
        labelled = labels != IGNORE_INDEX
        return labelled.sum() if self.weight is None else (self.weight[labels.clamp_min(0)] * labelled).sum()

    def _per_sample(self, logits: Tensor, labels: Tensor) -> Tensor:
        check_classification(logits, labels, self.weight)
        logits = full_precision(logits)
        return F.cross_entropy(
            logits,
            labels,
            weight=None if self.weight is None else self.weight.to(logits.dtype),
            ignore_index=IGNORE_INDEX,
            reduction="none",
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        """Options, for `print`."""
        weighted = "" if self.weight is None else f"weight={[round(w, 4) for w in self.weight.tolist()]}, "
        return f"{weighted}label_smoothing={self.label_smoothing}"
