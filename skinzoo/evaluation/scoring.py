"""Score a model on a collection."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

import skinzoo
from skinzoo.datasets import SkinDataset, make_loader
from skinzoo.datasets.loading import collate
from skinzoo.devices import move, pick_device
from skinzoo.errors import ConfigError, LabelError
from skinzoo.evaluation.inference import Outcome, collect
from skinzoo.evaluation.report import Example, Report
from skinzoo.models import SkinModel, evaluation_mode
from skinzoo.transforms import Transform, denormalise
from skinzoo.types import IGNORE_INDEX


def evaluate(
    model: SkinModel,
    dataset: SkinDataset,
    *,
    batch_size: int = 32,
    num_workers: int = 0,
    device: torch.device | str | None = None,
    examples: int = 6,
) -> Report:
    """Score a model on a collection or a part of one.

    Classes are scored from the softmax of the logits, masks at the model's input size with the threshold 0.5.

    Args:
        model: Any model of the zoo.
        dataset: What to score it on, in the model's classes.
        batch_size: Samples at a time.
        num_workers: Processes that load data.
        device: Where to compute; None for where the model is.
        examples: Pictures kept for the report: predictions over the range of Dice, and the most confident mistakes.

    Raises:
        EmptyLoaderError: The collection is empty.
        LabelError: The collection's classes are not the model's.
        ConfigError: The collection has neither labels nor masks that the model predicts.
    """
    check_dataset(model, dataset)
    if not isinstance(examples, int) or examples < 0:
        raise ConfigError(f"examples must be a whole number of at least 0, got {examples!r}.")
    if device is not None:
        model.to(pick_device(device))
    transform = Transform(model.input_spec)
    loader = make_loader(
        dataset, transform, batch_size=batch_size, num_workers=num_workers, metadata=model.metadata_encoder
    )
    outcome = collect(model, loader, device=model.device)
    return Report(
        title=f"{model.config.architecture} on {dataset.name}",
        facts=_facts(model, dataset, outcome),
        label_space=model.label_space,
        outcome=outcome,
        examples=_examples(model, dataset, outcome, transform, examples),
        groups=dataset.records.groups,
        metadata=dataset.records.metadata,
    )


def check_dataset(model: SkinModel, dataset: SkinDataset) -> None:
    """Make sure that a collection has what the model learns or is scored by, in the model's classes.

    Raises:
        LabelError: The classes differ in number, name or order.
        ConfigError: The collection has neither labels nor masks that the model predicts, or metadata that the model
            takes gives the diagnosis away here.
    """
    name, space, theirs = model.config.architecture, model.label_space, dataset.label_space
    useful = (model.task.has_labels and dataset.has_labels) or (model.task.has_masks and dataset.has_masks)
    if len(dataset) and not useful:
        wants = {"classification": "class labels", "segmentation": "masks", "multitask": "class labels or masks"}
        raise ConfigError(f"{name} needs {wants[model.task]}, and {dataset.name} has none.")
    for column in model.metadata_encoder.names if model.metadata_encoder is not None else ():
        if column in dataset.info.leaky:
            raise ConfigError(
                f"{name} takes the metadata {column!r}, which gives the diagnosis away in {dataset.name} "
                f"({dataset.info.leaky[column]}); its figures would mean nothing."
            )
    if space is None or not dataset.has_labels:
        return
    same = space.classes == theirs.classes or (space.name == "numbered" and len(space) == len(theirs))
    if not same:
        raise LabelError(
            f"{name} has {len(space)} classes ({', '.join(space)}), {dataset.name} has {len(theirs)} "
            f"({', '.join(theirs)}); the same names in the same order are needed. Build the model with "
            "label_space=dataset.label_space."
        )


def _facts(model: SkinModel, dataset: SkinDataset, outcome: Outcome) -> dict[str, Any]:
    height, width = model.input_spec.size
    facts: dict[str, Any] = {
        "model": model.config.architecture,
        "parameters": model.num_parameters(),
        "input": f"{height} x {width} pixels, {'squashed' if model.input_spec.crop == 'none' else 'centre crop'}",
        "collection": dataset.info.title,
        "part": dataset.part or "all",
        "images": len(dataset),
    }
    labelled, masked = int((dataset.records.labels != IGNORE_INDEX).sum()), int((dataset.records.masks != "").sum())
    if model.task.has_labels and labelled < len(dataset):
        facts["images with a label"] = labelled
    if model.task.has_masks and masked < len(dataset):
        facts["images with a mask"] = masked
    if model.metadata_encoder is not None:
        known = dataset.records.metadata
        facts["metadata"] = ", ".join(n if n in known else f"{n} (not known)" for n in model.metadata_encoder.names)
    if dataset.info.group != "image":
        facts[f"{dataset.info.group}s"] = len(np.unique(dataset.records.groups))
    if dataset.exposure is not None:
        facts["exposed to training"] = dataset.exposure.sentence()
    facts["licence of the data"] = dataset.info.licence or "not stated"
    facts["skinzoo"] = skinzoo.__version__
    if outcome.mask_counts is not None and len(outcome.mask_rows):
        facts["masks"] = f"scored at {height} x {width} pixels, threshold 0.5; two empty masks count as 1"
    return facts


def _examples(
    model: SkinModel, dataset: SkinDataset, outcome: Outcome, transform: Transform, count: int
) -> list[Example]:
    """Read the chosen samples once more, and keep what the model says about them."""
    chosen: list[tuple[int, Literal["range", "mistake"]]] = [
        (row, "range") for row in _over_the_range_of_dice(outcome, count)
    ]
    chosen += [(row, "mistake") for row in _confident_mistakes(outcome, count)]
    examples = []
    for row, kind in chosen:
        sample = transform(dataset[row])
        with evaluation_mode(model), torch.no_grad():
            output = model(*model.inputs(move(collate([sample], model.metadata_encoder), model.device)))
        examples.append(
            Example(
                id=sample.id,
                kind=kind,
                image=denormalise(torch.as_tensor(sample.image)[None], model.input_spec)[0],
                label=sample.label,
                probabilities=None if outcome.probabilities is None else outcome.probabilities[row],
                truth=None if sample.mask is None else np.asarray(sample.mask)[0] > 0.5,
                predicted=None if output.mask_logits is None else output.mask_logits[0, 0].cpu().numpy() > 0,
            )
        )
    return examples


def _over_the_range_of_dice(outcome: Outcome, count: int) -> list[int]:
    """Rows from the worst to the best Dice, evenly over the ranks."""
    segmentation = outcome.segmentation()
    if segmentation is None or count < 1:
        return []
    ranked = outcome.mask_rows[np.argsort(segmentation.per_image.dice, kind="stable")]
    return [int(ranked[i]) for i in np.unique(np.linspace(0, len(ranked) - 1, count).round().astype(int))]


def _confident_mistakes(outcome: Outcome, count: int) -> list[int]:
    """Rows of wrong predictions, the most confident first."""
    if outcome.probabilities is None:
        return []
    predicted = outcome.probabilities.argmax(1)
    wrong = np.flatnonzero((predicted != outcome.labels) & (outcome.labels >= 0))
    confidence = outcome.probabilities.max(1)
    return sorted(wrong.tolist(), key=lambda row: -float(confidence[row]))[:count]
