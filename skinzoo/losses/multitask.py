"""The loss of a training step, whatever the task: what is annotated counts, what is not does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from skinzoo.errors import ConfigError
from skinzoo.losses.reduction import connected_zero
from skinzoo.types import IGNORE_INDEX, Batch, ModelOutput

Number = TypeVar("Number", float, Tensor)


class MultiTaskLoss(nn.Module):
    """`classification_weight * classification + segmentation_weight * segmentation`.

    A loss of a single task is the same with the other part left out, so that a trainer needs no `if` per task. Each
    part is a mean over the samples that carry its annotation, so collections that have only labels or only masks can
    be mixed.

    Args:
        classification: Called with logits (N, C) and labels (N,), such as `CrossEntropy`.
        segmentation: Called with mask logits (N, 1, H, W) and masks (N, 1, H, W) or None, such as `MaskBCE`.
        classification_weight: Weight >= 0 of the classification part.
        segmentation_weight: Weight >= 0 of the segmentation part.

    Raises:
        ConfigError: No part is given, or a weight is negative.
    """

    def __init__(
        self,
        classification: nn.Module | None = None,
        segmentation: nn.Module | None = None,
        *,
        classification_weight: float = 1.0,
        segmentation_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if classification is None and segmentation is None:
            raise ConfigError("MultiTaskLoss needs a classification loss, a segmentation loss or both; got neither.")
        for name, weight in (("classification", classification_weight), ("segmentation", segmentation_weight)):
            if not 0 <= weight < float("inf"):
                raise ConfigError(f"{name}_weight must be >= 0; got {weight}.")
        self.classification = classification
        self.segmentation = segmentation
        self.classification_weight = classification_weight
        self.segmentation_weight = segmentation_weight

    def forward(
        self, output: ModelOutput, batch: Batch, *, scale: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """The step's loss and its parts.

        Args:
            output: What the model returned.
            batch: Labels may be `IGNORE_INDEX`, masks NaN or None.
            scale: Factor of each part in `"loss"`, where the batch is a piece of a larger one; see `mass`.

        Returns:
            Scalars: `"loss"` to be minimised and, for each part that is given, `"classification_loss"` and
            `"segmentation_loss"` without their weight; 0 where nothing is annotated. Every tensor of `output` is part
            of the loss's graph, annotated or not, because DistributedDataParallel waits for all gradients.

        Raises:
            ConfigError: The model does not return what a part needs.
            LabelError: A label outside the model's classes.
            MaskError: A mask outside [0, 1].
        """
        parts = self.parts(output, batch)
        if scale is None:
            scale = {name: (mass > 0).float() for name, mass in self.mass(batch).items()}
        terms = [self.weighted(name, part) * scale[name] for name, part in parts.items()]
        for own, tensor in ((self.classification, output.logits), (self.segmentation, output.mask_logits)):
            if own is None and tensor is not None:
                terms.append(connected_zero(tensor))
        return {"loss": _sum(terms), **parts}

    def parts(self, output: ModelOutput, batch: Batch) -> dict[str, Tensor]:
        """The parts of the loss without their weights.

        Args:
            output: What the model returned.
            batch: Labels may be `IGNORE_INDEX`, masks NaN or None.

        Returns:
            Scalars by name, named as in `forward`'s result.

        Raises:
            ConfigError: The model does not return what a part needs.
            LabelError: A label outside the model's classes.
            MaskError: A mask outside [0, 1].
        """
        parts: dict[str, Tensor] = {}
        if self.classification is not None:
            logits = _needed(output.logits, "logits", self.classification)
            parts["classification_loss"] = _mixed(self.classification, logits, batch)
        if self.segmentation is not None:
            mask_logits = _needed(output.mask_logits, "mask_logits", self.segmentation)
            parts["segmentation_loss"] = self.segmentation(mask_logits, batch.masks)
        return parts

    def mass(self, batch: Batch) -> dict[str, Tensor]:
        """How much each part of `forward`'s result stands for: the samples that it is the mean over.

        With class weights it is the sum of the samples' weights. A batch's parts are the means of those of its pieces,
        weighted by this, however it was cut; and what a part adds to the loss counts in full where its scales sum to 1.
        """
        masses: dict[str, Tensor] = {}
        if self.classification is not None:
            masses["classification_loss"] = _sum(_masses(self.classification, batch))
        if self.segmentation is not None:
            none = batch.labels.new_zeros(())
            masses["segmentation_loss"] = none if batch.masks is None else (~batch.masks[:, 0, 0, 0].isnan()).sum()
        return masses

    def weighted(self, name: str, part: Number) -> Number:
        """What a part adds to the loss, where it is annotated.

        Args:
            name: The part's name in `forward`'s result.
            part: Its value without a weight.
        """
        weights = {
            "classification_loss": self.classification_weight,
            "segmentation_loss": self.segmentation_weight,
        }
        return part * weights[name]

    def combine(self, parts: Mapping[str, Number]) -> Number:
        """The loss from the means of the parts that are annotated, called as in `forward`'s result."""
        return _sum([self.weighted(name, part) for name, part in parts.items()])

    def extra_repr(self) -> str:
        """Options, for `print`."""
        return f"classification_weight={self.classification_weight}, segmentation_weight={self.segmentation_weight}"


def _mixed(loss: nn.Module, logits: Tensor, batch: Batch) -> Tensor:
    """The loss, or for pictures mixed of two the mean of both labels' losses, weighted by their masses."""
    first: Tensor = loss(logits, batch.labels)
    if batch.other_labels is None:
        return first
    other: Tensor = loss(logits, batch.other_labels)
    one, two = _masses(loss, batch)
    total = one + two
    return (one * first + two * other) / torch.where(total > 0, total, 1)


def _masses(loss: nn.Module, batch: Batch) -> list[Tensor]:
    """What the loss of the labels is the mean over; of pictures mixed of two, that of both labels by their shares."""
    own = getattr(loss, "mass", None) or _count
    if batch.other_labels is None:
        return [own(batch.labels)]
    return [batch.share * own(batch.labels), (1 - batch.share) * own(batch.other_labels)]


def _count(labels: Tensor) -> Tensor:
    return (labels != IGNORE_INDEX).sum()


def _sum(terms: Sequence[Number]) -> Number:
    total, *rest = terms
    for term in rest:
        total = total + term
    return total


def _needed(tensor: Tensor | None, name: str, loss: nn.Module) -> Tensor:
    if tensor is None:
        other = {"logits": "a classification", "mask_logits": "a segmentation"}[name]
        raise ConfigError(
            f"{type(loss).__name__} needs the model's {name}, but the model returned none: it is no {other[2:]} model. "
            f"Use {other} or multi-task model, or leave this part of the loss out."
        )
    return tensor
