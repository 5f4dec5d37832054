"""One pass over a loader: what the model says, kept in NumPy arrays. Training and evaluation share it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from skinzoo.datasets import SkinDataset, make_loader
from skinzoo.evaluation.batching import BatchSize, fitting_batch_size, sparing
from skinzoo.evaluation.engines import Engine, Forward, forward_of
from skinzoo.losses import MultiTaskLoss
from skinzoo.metrics import (
    ClassificationMetrics,
    SegmentationMetrics,
    classification_metrics,
    segmentation_metrics,
)
from skinzoo.models import SkinModel, evaluation_mode, require_finite
from skinzoo.transforms import Transform
from skinzoo.transforms.prefetching import Prefetch
from skinzoo.types import Batch, Task


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a model said about a collection.

    Attributes:
        ids: Of the samples, in the loader's order.
        labels: True class indices (N,), `IGNORE_INDEX` without one.
        logits: (N, C) as the model gave them, None from a model that only segments.
        probabilities: (N, C), calibrated if the model is; None from a model that only segments.
        mask_counts: Pixels (M, 3) of each sample with a mask: in both, in the true mask, in the predicted one; None
            from a model that only classifies.
        mask_rows: Positions (M,) of the samples with a mask.
        loss_sums: Of each part of the loss, the sum over the samples that carry its annotation, and their mass (see
            `MultiTaskLoss.mass`).
        loss: The weighted sum of the parts' means; None if no loss was measured or nothing is annotated.
        classes: Class codes.
    """

    ids: list[str]
    labels: NDArray[np.int64]
    logits: NDArray[np.float64] | None
    probabilities: NDArray[np.float64] | None
    mask_counts: NDArray[np.int64] | None
    mask_rows: NDArray[np.int64]
    loss_sums: dict[str, tuple[float, float]]
    loss: float | None
    classes: tuple[str, ...]

    @property
    def losses(self) -> dict[str, float]:
        """The loss, and each part as the mean over the samples that carry its annotation."""
        means = {name: total / mass for name, (total, mass) in self.loss_sums.items() if mass}
        return {} if self.loss is None else {"loss": self.loss, **means}

    @staticmethod
    def combined(sums: Mapping[str, tuple[float, float]], loss: MultiTaskLoss | None) -> float | None:
        """The weighted sum of the parts' means; None without a loss or an annotation."""
        means = {name: total / mass for name, (total, mass) in sums.items() if mass}
        return None if loss is None or not means else float(loss.combine(means))

    def classification(
        self, *, malignant: Collection[str] = (), malignant_threshold: float = 0.5
    ) -> ClassificationMetrics | None:
        """Metrics of the classes; None without a label or a class prediction."""
        if self.probabilities is None or not (self.labels >= 0).any():
            return None
        return classification_metrics(
            self.labels,
            self.probabilities,
            self.classes,
            malignant=malignant,
            malignant_threshold=malignant_threshold,
        )

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


def evaluation_loader(
    model: SkinModel, dataset: SkinDataset, *, batch_size: int, num_workers: int = 0
) -> DataLoader[Batch]:
    """Batches of a collection in its order, as bytes, for a model where it is."""
    return make_loader(
        dataset,
        Transform(model.input_spec, output="uint8"),
        batch_size=batch_size,
        num_workers=num_workers,
        pin_memory=model.device.type == "cuda",
        metadata=model.metadata_encoder,
    )


def collect(
    model: SkinModel,
    loader: Iterable[Batch],
    *,
    loss: MultiTaskLoss | None = None,
    device: torch.device | str = "cpu",
    forward: Forward | None = None,
) -> Outcome:
    """Run a model over a loader, in evaluation mode and in inference mode; its mode is put back afterwards.

    A model of one's own that keeps a tensor which it made in `forward` cannot train with it later: PyTorch refuses such
    a tensor by name. Make it in the constructor, or under `torch.inference_mode(False)`.

    Args:
        model: The model, on `device`.
        loader: Batches of floats, or of bytes as `Transform(model.input_spec, output="uint8")` leaves them, which are
            normalised on the device; on the CPU to the same bits.
        loss: To measure too.
        device: Where to compute.
        forward: What to call in place of the model, as `forward_of` makes it; None for the model.

    Raises:
        DivergedError: The model gives values that are not finite.
        OutOfMemoryError: There is too little memory for a single picture.
    """
    ids: list[str] = []
    columns: dict[str, list[NDArray[Any]]] = defaultdict(list)
    sums: dict[str, tuple[float, float]] = {}
    run = model if forward is None else forward
    batches = Prefetch(loader, model.input_spec, torch.device(device), channels_last=_is_channels_last(run))
    run = sparing(run)  # after the look at its weights
    with evaluation_mode(model), closing(batches):
        for host, batch in batches:
            with torch.inference_mode():
                output = run(*model.inputs(batch))
            batches.start()  # before the answers are waited for
            with torch.inference_mode():
                require_finite(output)
                columns["labels"].append(host.labels.cpu().numpy())
                if output.logits is not None:
                    columns["logits"].append(output.logits.double().cpu().numpy())
                    columns["probabilities"].append(model.probabilities(output.logits).cpu().numpy())
                if output.mask_logits is not None and batch.masks is not None:
                    rows = torch.nonzero(~batch.masks.flatten(1).isnan().any(1)).flatten()
                    columns["mask_rows"].append(rows.cpu().numpy() + len(ids))
                    columns["mask_counts"].append(_overlap(output.mask_logits[rows], batch.masks[rows]))
                if loss is not None:
                    values = loss(output, batch)
                    for name, mass in loss.mass(batch).items():
                        total, before = sums.get(name, (0.0, 0.0))
                        sums[name] = (total + float(values[name]) * float(mass), before + float(mass))
            ids += batch.ids
    classes = model.label_space.classes if model.label_space else ()
    return Outcome(
        ids=ids,
        labels=_joined(columns["labels"], np.zeros(0, np.int64)),
        logits=_joined(columns["logits"], np.zeros((0, len(classes)))) if model.task.has_labels else None,
        probabilities=_joined(columns["probabilities"], np.zeros((0, len(classes)))) if model.task.has_labels else None,
        mask_counts=_joined(columns["mask_counts"], np.zeros((0, 3), np.int64)) if model.task.has_masks else None,
        mask_rows=_joined(columns["mask_rows"], np.zeros(0, np.int64)),
        loss_sums=sums,
        loss=Outcome.combined(sums, loss),
        classes=classes,
    )


def collect_dataset(
    model: SkinModel,
    dataset: SkinDataset,
    *,
    batch_size: BatchSize = "auto",
    num_workers: int = 0,
    engine: Engine = "auto",
) -> Outcome:
    """What a model says about all of a collection, in its order, where the model is.

    Args:
        model: Any model of the zoo.
        dataset: What to run it over.
        batch_size: Samples at a time; `"auto"` for as many as fit into memory.
        num_workers: Processes that load data.
        engine: What computes the answers; see `forward_of`.

    Raises:
        ConfigError: An option makes no sense, or the model cannot be run by this engine.
        EmptyLoaderError: The collection is empty.
        DivergedError: The model gives values that are not finite.
        OutOfMemoryError: There is too little memory for a single picture.
    """
    forward = forward_of(model, engine, len(dataset))
    size = fitting_batch_size(model, batch_size, len(dataset), forward)
    loader = evaluation_loader(model, dataset, batch_size=size, num_workers=num_workers)
    return collect(model, loader, device=model.device, forward=forward)


def _is_channels_last(run: Forward) -> bool:
    """True for a network with weights of convolutions in channels-last memory; pictures had better lie likewise."""
    weights = run.parameters() if isinstance(run, nn.Module) else ()
    return any(
        w.ndim == 4 and not w.is_contiguous() and w.is_contiguous(memory_format=torch.channels_last) for w in weights
    )


def _joined(arrays: list[NDArray[Any]], empty: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else empty


def _overlap(mask_logits: Tensor, masks: Tensor) -> NDArray[np.int64]:
    """Pixels in both, in truth, in prediction: (M, 3); a pixel is lesion where its probability exceeds 0.5."""
    predicted, truth = (mask_logits > 0).flatten(1), (masks > 0.5).flatten(1)
    counts = torch.stack([(predicted & truth).sum(1), truth.sum(1), predicted.sum(1)], 1)
    return counts.cpu().numpy().astype(np.int64)
