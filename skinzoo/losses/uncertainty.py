"""Learned weights of the parts of a multi-task loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from skinzoo.errors import ConfigError
from skinzoo.losses.multitask import MultiTaskLoss, Number
from skinzoo.losses.registry import LOSSES

_ORDER = ("classification_loss", "segmentation_loss")


@LOSSES.register("uncertainty", task="multitask")
class UncertaintyLoss(MultiTaskLoss):
    """The sum of `exp(-s) * part + s / 2` over the parts, each with a log-variance s that is learned along.

    Kendall, Gal, Cipolla 2018, "Multi-Task Learning Using Uncertainty to Weigh Losses", arXiv 1705.07115, in the form
    for classification: a part whose loss stays large gets less weight, and `s / 2` keeps the weights from vanishing.
    At rest `s = log(2 * part)`. A part that nothing in the whole batch is annotated for does not move its s.

    The loss can be negative, and its scale changes with s: choose the best weights by a metric, not by `val_loss`.

    Args:
        classification: As for `MultiTaskLoss`.
        segmentation: As for `MultiTaskLoss`.
        initial: Both log-variances at the start.
        lr_scale: Factor of the learning rate of the log-variances. Not in the paper: Adam moves a number by about one
            learning rate a step, and with rates for pretrained networks they would hardly move.

    Attributes:
        log_variances: The two s, (2,): of the classification and of the segmentation.

    Raises:
        ConfigError: A part is missing, or a number is out of range.
    """

    def __init__(
        self, classification: nn.Module, segmentation: nn.Module, *, initial: float = 0.0, lr_scale: float = 10.0
    ) -> None:
        if classification is None or segmentation is None:
            raise ConfigError("UncertaintyLoss weighs two parts against each other; give both, or use MultiTaskLoss.")
        if not math.isfinite(initial) or not 0 <= lr_scale < float("inf"):
            raise ConfigError(f"initial must be finite and lr_scale >= 0; got initial={initial}, lr_scale={lr_scale}.")
        super().__init__(classification, segmentation)
        self.initial = initial
        self.lr_scale = lr_scale
        self.log_variances = nn.Parameter(torch.full((len(_ORDER),), float(initial)))

    def weighted(self, name: str, part: Number) -> Number:
        """What a part adds to the loss, a number for a number; arguments as for `MultiTaskLoss`."""
        s = self.log_variances[_ORDER.index(name)]
        if isinstance(part, Tensor):
            return part * torch.exp(-s) + s / 2
        value: float = s.item()
        return part * math.exp(-value) + value / 2

    def extra_repr(self) -> str:
        """Options, for `print`; not what was learned."""
        return f"initial={self.initial}, lr_scale={self.lr_scale}"
