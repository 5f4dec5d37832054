"""Score a model on a collection."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

import skinzoo
from skinzoo.datasets import LeakageWarning, SkinDataset
from skinzoo.devices import pick_device
from skinzoo.errors import ConfigError, LabelError
from skinzoo.evaluation.batching import BatchSize, check_batch_size, fitting_batch_size
from skinzoo.evaluation.engines import Engine, check_engine, forward_of
from skinzoo.evaluation.examples import make_examples
from skinzoo.evaluation.facts import NO_OVERLAP, input_fact, probabilities_fact
from skinzoo.evaluation.inference import Outcome, collect, evaluation_loader
from skinzoo.evaluation.overlap import Overlap, check_overlap
from skinzoo.evaluation.recording import split_hash
from skinzoo.evaluation.report import Report, Resampling
from skinzoo.models import SkinModel
from skinzoo.models.digest import weights_digest
from skinzoo.types import IGNORE_INDEX


def evaluate(
    model: SkinModel,
    dataset: SkinDataset,
    *,
    batch_size: BatchSize = "auto",
    num_workers: int = 0,
    device: torch.device | str | None = None,
    examples: int = 6,
    allow_overlap: bool = False,
    thorough: bool = False,
    resampling: Resampling | None = None,
    engine: Engine = "auto",
) -> Report:
    """Score a model on a collection or a part of one.

    Classes are scored from the model's probabilities, calibrated if the model is, masks at the model's input size with
    the threshold 0.5.

    Args:
        model: Any model of the zoo.
        dataset: What to score it on, in the model's classes.
        batch_size: Samples at a time; `"auto"` for as many as fit into memory, as for `predict`.
        num_workers: Processes that load data.
        device: Where to compute; None for where the model is.
        examples: Pictures kept for the report: predictions over the range of Dice, and the most confident mistakes.
        allow_overlap: Score a model also on images that it was trained on; the report then says so. Parts of a split
            that was made with `allow_leakage=True` need no second permission.
        thorough: Measure the faithfulness of heatmaps on 32 pictures and the robustness against corruptions on 100
            too, as sections of the report; takes as long as some thousand further pictures.
        resampling: How the report draws its intervals; None for 1,000 resamples.
        engine: What computes the answers that are scored, as for `predict`; the figures are those of the model within
            rounding. So it is for the robustness in `thorough`; example pictures and heatmaps are the model's own.

    Raises:
        LeakageError: The model was trained on some of these images, or on others of the same lesions or patients.
        EmptyLoaderError: The collection is empty.
        LabelError: The collection's classes are not the model's.
        ConfigError: The collection has neither labels nor masks that the model predicts, or an option makes no sense.
        DivergedError: The model gives values that are not finite.
        OutOfMemoryError: There is too little memory for a single picture.
        MissingDependencyError: `engine="onnx"` without the extra `onnx`.
    """
    check_engine(engine)
    check_batch_size(batch_size)
    check_dataset(model, dataset)
    if not isinstance(examples, int) or examples < 0:
        raise ConfigError(f"examples must be a whole number of at least 0, got {examples!r}.")
    if device is not None:
        model.to(pick_device(device))
    overlap = check_overlap(model, dataset, allow=allow_overlap or dataset.exposure is not None)
    forward = forward_of(model, engine, len(dataset))
    batch_size = fitting_batch_size(model, batch_size, len(dataset), forward)
    loader = evaluation_loader(model, dataset, batch_size=batch_size, num_workers=num_workers)
    outcome = collect(model, loader, device=model.device, forward=forward)
    report = Report(
        title=f"{model.config.architecture} on {dataset.name}",
        facts=_facts(model, dataset, outcome, overlap),
        label_space=model.label_space,
        outcome=outcome,
        examples=make_examples(model, dataset, outcome, examples),
        groups=dataset.records.groups,
        metadata={k: v for k, v in dataset.records.metadata.items() if k not in dataset.info.leaky},
        operating_points=model.operating_points,
        resampling=resampling or Resampling(),
    )
    if thorough:
        _examine(report, model, dataset, batch_size, num_workers, engine)
    return report


def _examine(
    report: Report, model: SkinModel, dataset: SkinDataset, batch_size: int, num_workers: int, engine: Engine
) -> None:
    """Attach what takes more than one pass."""
    from skinzoo.evaluation.robustness.suite import evaluate_robustness
    from skinzoo.explain import faithfulness

    report.attach("Where the model looks", faithfulness(model, dataset, max_images=32, batch_size=min(batch_size, 32)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakageWarning)  # the report has said so
        report.attach(
            "Robustness",
            evaluate_robustness(
                model,
                dataset,
                strengths=(1, 3, 5),
                max_images=100,
                batch_size=batch_size,
                num_workers=num_workers,
                allow_overlap=True,
                engine=engine,
            ),
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


def _facts(model: SkinModel, dataset: SkinDataset, outcome: Outcome, overlap: Overlap | None) -> dict[str, Any]:
    height, width = model.input_spec.size
    facts: dict[str, Any] = {
        "model": model.config.architecture,
        "parameters": model.num_parameters(),
        "weights": weights_digest(model),
        "input": input_fact(model),
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
    facts["split hash"] = split_hash(dataset.records.ids.tolist())
    facts["integrity"] = _integrity(dataset)
    facts["overlap with training"] = _overlap(model, overlap)
    if dataset.exposure is not None:
        facts["exposed to training"] = dataset.exposure.sentence()
    if model.task.has_labels:
        facts["probabilities"] = probabilities_fact(model)
        if (points := model.operating_points) is not None:
            facts["operating points"] = "; ".join(filter(None, (points.rule, points.source))) or "chosen"
    facts["licence of the data"] = dataset.info.licence or "not stated"
    facts["skinzoo"] = skinzoo.__version__
    if outcome.mask_counts is not None and len(outcome.mask_rows):
        facts["masks"] = f"scored at {height} x {width} pixels, threshold 0.5; two empty masks count as 1"
    return facts


def _integrity(dataset: SkinDataset) -> str:
    """What was found wrong with the files, in one line."""
    found = dataset.integrity
    if found is None:
        return "not looked at"
    counts = ", ".join(f"{code} {n}" for code, n in found.counts().items())
    bad = f", {found.num_quarantined} cannot be used" if found.num_quarantined else ""
    return f"{found.num_rows:,} rows of the collection{bad}{f' ({counts})' if counts else ', nothing found'}"


def _overlap(model: SkinModel, overlap: Overlap | None) -> str:
    if overlap is not None:
        return overlap.sentence()
    if model.training_record is None:
        return "not known: the model has no record of its training"
    return f"{NO_OVERLAP} id, lesion and patient"
