"""Cross-entropy over the hardest samples of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.losses.cross_entropy import CrossEntropy
from skinzoo.losses.registry import LOSSES
from skinzoo.types import IGNORE_INDEX


@LOSSES.register("ohem", task="classification")
class HardExampleLoss(CrossEntropy):
    """Cross-entropy of the labelled samples with the largest loss; the others of the batch do not count.

    Shrivastava et al. 2016, "Training Region-based Object Detectors with Online Hard Example Mining", arXiv 1604.03540,
    for pictures instead of regions. Of n labelled samples the `ceil(keep * n)` with the largest loss, class weights
    included, are kept; of equals the earlier. With class weights the sum over them is divided by the kept share of the
    weights of all n, so that `keep=1` is exactly `CrossEntropy`.

    The choice is made among the samples that are seen at once: with `accumulate`, or on several processes, in each
    piece of the batch for itself. In an evaluation, too, it is the loss of the hardest of each batch.

    Args:
        keep: Share of the labelled samples that count, in (0, 1].
        weight: One weight >= 0 for each class.
        label_smoothing: Share of the target spread evenly over all classes, in [0, 1).

    Raises:
        ConfigError: An argument is out of range.
    """

    def __init__(
        self, keep: float = 0.5, weight: Tensor | Sequence[float] | None = None, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(weight, label_smoothing)
        if not 0 < keep <= 1:
            raise ConfigError(f"keep must lie in (0, 1]; got {keep}.")
        self.keep = keep

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of the hardest labelled samples; arguments and errors as for `CrossEntropy`."""
        losses = self._per_sample(logits, labels)
        ranked = losses.detach().masked_fill(labels == IGNORE_INDEX, -1).argsort(descending=True, stable=True)
        kept = torch.zeros_like(losses)
        kept[ranked] = (torch.arange(len(losses), device=losses.device) < self._number(labels)).to(losses.dtype)
        mass = self.mass(labels).to(losses.dtype)
        return (losses * kept).sum() / torch.where(mass > 0, mass, 1)

    def mass(self, labels: Tensor) -> Tensor:
        """What `forward` divides by: the number of samples that it keeps, or their share of the class weights."""
        if self.weight is None:
            return self._number(labels)
        labelled = (labels != IGNORE_INDEX).sum()
        return super().mass(labels) * self._number(labels) / labelled.clamp_min(1)

    def _number(self, labels: Tensor) -> Tensor:
        """How many samples are kept; at least one, if one is labelled."""
        labelled = (labels != IGNORE_INDEX).sum()
        wanted = (labelled.to(torch.float64) * self.keep - 1e-9).ceil().long()  # 0.55 * 100 is 55.00000000000001
        return torch.maximum(wanted, labelled.clamp_max(1))

    def extra_repr(self) -> str:
        """Options, for `print`."""
        return f"keep={self.keep}, {super().extra_repr()}"
