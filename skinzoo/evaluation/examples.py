"""The pictures that a report shows: which samples, and what the model says about each."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from skinzoo.datasets import SkinDataset
from skinzoo.datasets.loading import collate
from skinzoo.devices import move
from skinzoo.errors import ConfigError
from skinzoo.evaluation.inference import Outcome
from skinzoo.evaluation.report import Example
from skinzoo.explain.methods import explain_batch
from skinzoo.models import SkinModel, evaluation_mode
from skinzoo.transforms import Transform, denormalise
from skinzoo.types import Batch


def make_examples(model: SkinModel, dataset: SkinDataset, outcome: Outcome, count: int) -> list[Example]:
    """Choose samples worth looking at, read them once more, and keep what the model says about them.

    Args:
        model: The model that gave the outcome.
        dataset: What it was scored on.
        outcome: What it said.
        count: How many at most of each kind: predictions over the range of Dice, and confident mistakes.
    """
    transform = Transform(model.input_spec)
    chosen: list[tuple[int, Literal["range", "mistake"], str]] = [
        (row, "range", remark) for row, remark in _over_the_range_of_dice(outcome, count)
    ]
    chosen += [(row, "mistake", "") for row in _confident_mistakes(outcome, count)]
    examples = []
    for row, kind, remark in chosen:
        sample = transform(dataset.sample(row, least=transform.least))  # as it was scored
        batch = move(collate([sample], model.metadata_encoder), model.device)
        with evaluation_mode(model), torch.no_grad():
            output = model(*model.inputs(batch))
        examples.append(
            Example(
                id=sample.id,
                kind=kind,
                image=denormalise(torch.as_tensor(sample.image)[None], model.input_spec)[0],
                label=sample.label,
                probabilities=None if outcome.probabilities is None else outcome.probabilities[row],
                truth=None if sample.mask is None else np.asarray(sample.mask)[0] > 0.5,
                predicted=None if output.mask_logits is None else output.mask_logits[0, 0].cpu().numpy() > 0,
                heatmap=_heatmap(model, batch) if kind == "mistake" else None,
                remark=remark,
            )
        )
    return examples


def _heatmap(model: SkinModel, batch: Batch) -> NDArray[np.float32] | None:
    """Grad-CAM of the predicted class; None for an architecture that has none."""
    images, *others = model.inputs(batch)
    try:
        maps, *_ = explain_batch(model, images, others=others)
    except ConfigError:
        return None
    heat: NDArray[np.float32] = maps[0].cpu().numpy()
    return heat


def _over_the_range_of_dice(outcome: Outcome, count: int) -> list[tuple[int, str]]:
    """Rows from the best to the worst Dice, evenly over the ranks, and what they are."""
    segmentation = outcome.segmentation()
    if segmentation is None or count < 1:
        return []
    dice = segmentation.per_image.dice
    ranked = np.argsort(-dice, kind="stable")
    ranks = np.unique(np.linspace(0, len(ranked) - 1, count).round().astype(int)).tolist()
    names = {0: "best, ", len(ranked) // 2: "median, ", len(ranked) - 1: "worst, "}
    return [(int(outcome.mask_rows[ranked[k]]), f"{names.get(k, '')}Dice {dice[ranked[k]]:.3f}") for k in ranks]


def _confident_mistakes(outcome: Outcome, count: int) -> list[int]:
    """Rows of wrong predictions, the most confident first."""
    if outcome.probabilities is None:
        return []
    predicted = outcome.probabilities.argmax(1)
    wrong = np.flatnonzero((predicted != outcome.labels) & (outcome.labels >= 0))
    confidence = outcome.probabilities.max(1)
    return sorted(wrong.tolist(), key=lambda row: -float(confidence[row]))[:count]
