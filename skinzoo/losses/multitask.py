"""The loss of a training step, whatever the task: what is annotated counts, what is not does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn

from skinzoo.errors import ConfigError
from skinzoo.losses.reduction import connected_zero
from skinzoo.types import Batch, ModelOutput

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

    def forward(self, output: ModelOutput, batch: Batch) -> dict[str, Tensor]:
        """The step's loss and its parts.

        Args:
            output: What the model returned.
            batch: Labels may be `IGNORE_INDEX`, masks NaN or None.

        Returns:
            Scalars: `"loss"` to be minimised and, for each part that is given, `"classification_loss"` and
            `"segmentation_loss"` without their weight; 0 where nothing is annotated. Every tensor of `output` is part
            of the loss's graph, annotated or not, because DistributedDataParallel waits for all gradients.

        Raises:
            ConfigError: The model does not return what a part needs.
            LabelError: A label outside the model's classes.
            MaskError: A mask outside [0, 1].
        """
        parts: dict[str, Tensor] = {}
        unused: list[Tensor] = []
        if self.classification is not None:
            logits = _needed(output.logits, "logits", self.classification)
            parts["classification_loss"] = self.classification(logits, batch.labels)
        elif output.logits is not None:
            unused.append(connected_zero(output.logits))
        if self.segmentation is not None:
            mask_logits = _needed(output.mask_logits, "mask_logits", self.segmentation)
            parts["segmentation_loss"] = self.segmentation(mask_logits, batch.masks)
        elif output.mask_logits is not None:
            unused.append(connected_zero(output.mask_logits))
        loss = self.combine(parts)
        for zero in unused:
            loss = loss + zero
        return {"loss": loss, **parts}

    def combine(self, parts: Mapping[str, Number]) -> Number:
        """The weighted sum of the parts, called as in `forward`'s result; other entries are not looked at."""
        weights = {
            "classification_loss": self.classification_weight,
            "segmentation_loss": self.segmentation_weight,
        }
        total, *rest = [parts[name] * weight for name, weight in weights.items() if name in parts]
        for term in rest:
            total = total + term
        return total

    def extra_repr(self) -> str:
        """Options, for `print`."""
        return f"classification_weight={self.classification_weight}, segmentation_weight={self.segmentation_weight}"


def _needed(tensor: Tensor | None, name: str, loss: nn.Module) -> Tensor:
    if tensor is None:
        other = {"logits": "a classification", "mask_logits": "a segmentation"}[name]
        raise ConfigError(
            f"{type(loss).__name__} needs the model's {name}, but the model returned none: it is no {other[2:]} model. "
            f"Use {other} or multi-task model, or leave this part of the loss out."
        )
    return tensor
