"""The loss of a task from a few names."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.losses.multitask import MultiTaskLoss
from skinzoo.losses.registry import LOSSES, create_loss, list_losses
from skinzoo.losses.uncertainty import UncertaintyLoss
from skinzoo.types import Task


def default_loss(
    task: Task | str,
    *,
    classification: str = "cross_entropy",
    segmentation: str = "bce",
    class_weights: Tensor | Sequence[float] | None = None,
    label_smoothing: float = 0.0,
    classification_weight: float = 1.0,
    segmentation_weight: float = 1.0,
    learned_weights: bool = False,
) -> MultiTaskLoss:
    """The usual loss of a task; the options of a part that the task does not have are not used.

    Args:
        task: `"classification"`, `"segmentation"` or `"multitask"`.
        classification: One of `list_losses(task="classification")`.
        segmentation: One of `list_losses(task="segmentation")`.
        class_weights: One weight for each class, such as `skinzoo.losses.class_weights` makes.
        label_smoothing: Of the classification part, in [0, 1).
        classification_weight: Weight of the classification part.
        segmentation_weight: Weight of the segmentation part.
        learned_weights: True to learn the two weights along, see `UncertaintyLoss`; only for `"multitask"`.

    Raises:
        UnknownNameError: No such loss.
        ConfigError: No such task, a loss of the wrong task, or a value out of range.
    """
    task = Task(task)
    for name, part in ((classification, Task.CLASSIFICATION), (segmentation, Task.SEGMENTATION)):
        if LOSSES.resolve(name).facets["task"] != part:
            raise ConfigError(f"{name!r} is no {part} loss; choose from {', '.join(list_losses(task=part))}.")
    classes = (
        create_loss(classification, weight=class_weights, label_smoothing=label_smoothing) if task.has_labels else None
    )
    masks = create_loss(segmentation) if task.has_masks else None
    if not learned_weights:
        return MultiTaskLoss(
            classes, masks, classification_weight=classification_weight, segmentation_weight=segmentation_weight
        )
    if classes is None or masks is None or (classification_weight, segmentation_weight) != (1.0, 1.0):
        raise ConfigError("learned_weights weighs the two parts of a multi-task loss; leave the weights at 1.")
    return UncertaintyLoss(classes, masks)
