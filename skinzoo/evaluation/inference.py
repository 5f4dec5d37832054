"""One pass over a loader: what the model says, kept in NumPy arrays. Training and evaluation share it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skinzoo.devices import move
from skinzoo.errors import DivergedError, EmptyLoaderError
from skinzoo.losses import MultiTaskLoss
from skinzoo.metrics import (
    ClassificationMetrics,
    SegmentationMetrics,
    classification_metrics,
    segmentation_metrics,
)
from skinzoo.models import SkinModel, evaluation_mode
from skinzoo.types import IGNORE_INDEX, Batch, ModelOutput, Task


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a model said about a collection.

    Attributes:
        ids: Of the samples, in the loader's order.
        labels: True class indices (N,), `IGNORE_INDEX` without one.
        probabilities: (N, C), None from a model that only segments.
        mask_counts: Pixels (M, 3) of each sample with a mask: in both, in the true mask, in the predicted one; None
            from a model that only classifies.
        mask_rows: Positions (M,) of the samples with a mask.
        losses: Each part of the loss as the mean over the samples that carry its annotation, and their weighted sum.
        classes: Class codes.
    """

    ids: list[str]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None
    mask_counts: NDArray[np.int64] | None
    mask_rows: NDArray[np.int64]
    losses: dict[str, float]
    classes: tuple[str, ...]

    def classification(self) -> ClassificationMetrics | None:
        """Metrics of the classes; None without a label or a class prediction."""
        if self.probabilities is None or not (self.labels >= 0).any():
            return None
        return classification_metrics(self.labels, self.probabilities, self.classes)

    def segmentation(self) -> SegmentationMetrics | None:
        """Metrics of the masks; None without a mask or a mask prediction."""
        if self.mask_counts is None or not len(self.mask_rows):
            return None
        return segmentation_metrics(self.mask_counts[:, 0], self.mask_counts[:, 1], self.mask_counts[:, 2])

    def scores(self) -> dict[str, float]:
        """Losses and all metrics, flat."""
        parts = (self.classification(), self.segmentation())
        return self.losses | {k: v for part in parts if part is not None for k, v in part.values.items()}


def metric_names(task: Task) -> list[str]:
    """Names that `Outcome.scores` gives for a task, the loss first."""
    names = ["loss"]
    if task.has_labels:
        names += classification_metrics([0], [[1.0]], ["any"]).values
    if task.has_masks:
        names += segmentation_metrics([1], [1], [1]).values
    return names


def collect(
    model: SkinModel,
    loader: Iterable[Batch],
    *,
    loss: MultiTaskLoss | None = None,
    device: torch.device | str = "cpu",
) -> Outcome:
    """Run a model over a loader, in evaluation mode and without gradients; its mode is put back afterwards.

    Args:
        model: The model, on `device`.
        loader: Batches.
        loss: To measure too.
        device: Where to compute.

    Raises:
        EmptyLoaderError: The loader gives no batch.
        DivergedError: The model gives values that are not finite.
    """
    ids: list[str] = []
    columns: dict[str, list[NDArray[Any]]] = defaultdict(list)
    totals: dict[str, float] = defaultdict(float)
    seen: dict[str, int] = defaultdict(int)
    with evaluation_mode(model), torch.no_grad():
        for batch in loader:
            batch = move(batch, torch.device(device))
            output = model(batch.images)
            require_finite(output)
            columns["labels"].append(batch.labels.cpu().numpy())
            if output.logits is not None:
                columns["probabilities"].append(output.logits.double().softmax(1).cpu().numpy())
            if output.mask_logits is not None and batch.masks is not None:
                rows = torch.nonzero(~batch.masks.flatten(1).isnan().any(1)).flatten()
                columns["mask_rows"].append(rows.cpu().numpy() + len(ids))
                columns["mask_counts"].append(_overlap(output.mask_logits[rows], batch.masks[rows]))
            if loss is not None:
                counts = {name: int(count) for name, count in annotated(batch).items()}
                for name, value in loss(output, batch).items():
                    if name in counts:
                        totals[name] += float(value) * counts[name]
                        seen[name] += counts[name]
            ids += batch.ids
    if not ids:
        raise EmptyLoaderError("the loader gave no batch; the collection or the part of it is empty.")
    return Outcome(
        ids=ids,
        labels=np.concatenate(columns["labels"]),
        probabilities=np.concatenate(columns["probabilities"]) if columns["probabilities"] else None,
        mask_counts=np.concatenate(columns["mask_counts"]) if columns["mask_counts"] else None,
        mask_rows=np.concatenate([np.zeros(0, np.int64), *columns["mask_rows"]]),
        losses=_means(totals, seen, loss),
        classes=model.label_space.classes if model.label_space else (),
    )


def annotated(batch: Batch) -> dict[str, Tensor | int]:
    """Number of samples that each part of a loss is the mean over; left on the device."""
    masked = 0 if batch.masks is None else (~batch.masks[:, 0, 0, 0].isnan()).sum()
    return {"classification_loss": (batch.labels != IGNORE_INDEX).sum(), "segmentation_loss": masked}


def require_finite(output: ModelOutput) -> None:
    """Make sure that a model's answer is one.

    Raises:
        DivergedError: It holds NaN or infinite values.
    """
    for name, tensor in output._asdict().items():
        if tensor is not None and not torch.isfinite(tensor).all():
            raise DivergedError(
                f"the model's {name} hold NaN or infinite values; its weights have diverged, or the input is not "
                "finite. Use earlier weights, and train with a lower learning rate or clip_grad_norm=1."
            )


def _means(totals: Mapping[str, float], seen: Mapping[str, int], loss: MultiTaskLoss | None) -> dict[str, float]:
    """Mean of each part over the samples that carry its annotation (left out if none does), and their weighted sum."""
    parts = {name: total / seen[name] for name, total in totals.items() if seen[name]}
    if loss is None or not parts:
        return {}
    return {"loss": loss.combine(parts), **parts}


def _overlap(mask_logits: Tensor, masks: Tensor) -> NDArray[np.int64]:
    """Pixels in both, in truth, in prediction: (M, 3); a pixel is lesion where its probability exceeds 0.5."""
    predicted, truth = (mask_logits > 0).flatten(1), (masks > 0.5).flatten(1)
    counts = torch.stack([(predicted & truth).sum(1), truth.sum(1), predicted.sum(1)], 1)
    return counts.cpu().numpy().astype(np.int64)
