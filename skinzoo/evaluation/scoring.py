"""Score a model on a collection."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

import skinzoo
from skinzoo.datasets import LeakageWarning, SkinDataset
from skinzoo.datasets.loading import collate
from skinzoo.devices import move, pick_device
from skinzoo.errors import ConfigError, LabelError
from skinzoo.evaluation.batching import BatchSize, check_batch_size, fitting_batch_size
from skinzoo.evaluation.engines import Engine, check_engine, forward_of
from skinzoo.evaluation.inference import Outcome, collect, evaluation_loader
from skinzoo.evaluation.overlap import Overlap, check_overlap
from skinzoo.evaluation.recording import split_hash
from skinzoo.evaluation.report import Example, Report, Resampling
from skinzoo.explain.methods import explain_batch
from skinzoo.models import SkinModel, evaluation_mode
from skinzoo.models.digest import weights_digest
from skinzoo.transforms import Transform, denormalise
from skinzoo.types import IGNORE_INDEX, Batch


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
        ConfigError: The collection has neither labels nor masks that the model predicts.
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
    transform = Transform(model.input_spec)
    loader = evaluation_loader(model, dataset, batch_size=batch_size, num_workers=num_workers)
    outcome = collect(model, loader, device=model.device, forward=forward)
    report = Report(
        title=f"{model.config.architecture} on {dataset.name}",
        facts=_facts(model, dataset, outcome, overlap),
        label_space=model.label_space,
        outcome=outcome,
        examples=_examples(model, dataset, outcome, transform, examples),
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
    facts["split hash"] = split_hash(dataset.records.ids.tolist())
    facts["integrity"] = _integrity(dataset)
    facts["overlap with training"] = _overlap(model, overlap)
    if dataset.exposure is not None:
        facts["exposed to training"] = dataset.exposure.sentence()
    if model.task.has_labels:
        facts["probabilities"] = "softmax, not calibrated" if model.calibration is None else str(model.calibration)
        if (points := model.operating_points) is not None:
            facts["operating points"] = "; ".join(filter(None, (points.rule, points.source))) or "chosen"
    facts["licence of the data"] = dataset.info.licence or "not stated"
    facts["skinzoo"] = skinzoo.__version__
    if outcome.mask_counts is not None and len(outcome.mask_rows):
        facts["masks"] = f"scored at {height} x {width} pixels, threshold 0.5; two empty masks count as 1"
    return facts


def _examples(
    model: SkinModel, dataset: SkinDataset, outcome: Outcome, transform: Transform, count: int
) -> list[Example]:
    """Read the chosen samples once more, and keep what the model says about them."""
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
    return "none by id, lesion and patient"


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
