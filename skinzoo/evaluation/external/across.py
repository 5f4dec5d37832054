"""One model on several collections: what is left of its figures where it was not made."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import skinzoo
from skinzoo.datasets import IntegrityWarning, LeakageWarning, SkinDataset
from skinzoo.errors import ConfigError, EmptyLoaderError, LabelError, UnknownNameError
from skinzoo.evaluation.batching import BatchSize, check_batch_size
from skinzoo.evaluation.comparison.measuring import LEVEL, malignant_threshold
from skinzoo.evaluation.engines import Engine, check_engine
from skinzoo.evaluation.external.figures import Scored, ScoredCollections, benign_or_malignant, malignancy
from skinzoo.evaluation.external.report import CrossReport
from skinzoo.evaluation.inference import Outcome, collect_dataset
from skinzoo.evaluation.overlap import check_overlap
from skinzoo.evaluation.recording import scoped_names
from skinzoo.evaluation.report import Report
from skinzoo.evaluation.scoring import check_dataset, evaluate
from skinzoo.metrics.resampling import require_draws
from skinzoo.models import SkinModel
from skinzoo.registry import did_you_mean
from skinzoo.taxonomy import Alignment, align

Overrides = Mapping[str, Mapping[str, str | None]]


def evaluate_across(
    model: SkinModel,
    datasets: Mapping[str, SkinDataset] | Sequence[SkinDataset],
    *,
    metrics: Sequence[str] | None = None,
    overrides: Overrides | None = None,
    batch_size: BatchSize = "auto",
    num_workers: int = 0,
    resamples: int = 1000,
    seed: int = 0,
    allow_overlap: bool = False,
    engine: Engine = "auto",
) -> CrossReport:
    """Score a model on several collections, each in the model's classes.

    A collection's labels are aligned to the model's classes (`SkinDataset.align`). A sample whose class has no
    counterpart is scored in no class, and counted. Figures are over the classes that have images. Malignant against
    benign is scored on every labelled image, by what the collection itself calls malignant, also where its classes have
    no counterpart.

    The drop from the first collection compares like with like: figures over classes are computed over those that both
    collections have, on the images of these. Its interval comes from resampling both collections independently, by
    lesion or patient.

    Args:
        model: Any model of the zoo.
        datasets: The internal test part first; by name, or as a list.
        metrics: Names such as `"macro_f1"`, `"malignant/auc"` or `"dice"`; None for the balanced accuracy, macro AUC,
            sensitivity and specificity for malignant lesions, and Dice, where they are measured.
        overrides: What you know better about classes, by the collection's name; see `skinzoo.align`.
        batch_size: Samples at a time; `"auto"` for as many as fit into memory, as for `predict`.
        num_workers: Processes that load data.
        resamples: Of the intervals.
        seed: Of the resamples.
        allow_overlap: Score even images that the model was trained on; the report then says so.
        engine: What computes the answers that are scored, as for `predict`; made anew for each collection.

    Raises:
        ConfigError: No collection, one without what the model predicts, or an option out of range.
        UnknownNameError: No such metric, or overrides for a collection that is not given.
        LabelError: The model's classes have no names, and a collection has another number of classes.
        LeakageError: The model was trained on some of the images, and `allow_overlap` is false.
        EmptyLoaderError: A collection is empty.
    """
    named = _named(datasets)
    require_draws(resamples, seed)
    check_engine(engine)
    check_batch_size(batch_size)
    for name in overrides or {}:
        if name not in named:
            raise UnknownNameError(f"overrides speak of {name!r}, which is not given; {did_you_mean(name, named)}")
    entries: list[Scored] = []
    for position, (name, dataset) in enumerate(named.items()):
        aligned, alignment = _aligned(model, dataset, name, (overrides or {}).get(name))
        settings = {"batch_size": batch_size, "num_workers": num_workers, "engine": engine}
        outcome, report, notes = _run(model, aligned, settings, allow_overlap=allow_overlap)
        notes += _disagreements(dataset, alignment)
        if entries and (shared := _shared(entries[0].dataset, dataset)):
            notes.append(f"{shared} of its images are in {entries[0].name} too: no external test of these")
        binary = benign_or_malignant(model.label_space, dataset, outcome)
        entries.append(Scored(name, dataset, alignment, outcome, report, binary, notes, seed + position))
    scored = ScoredCollections(entries, malignant_threshold(model), resamples)
    chosen = scored.choose_metrics(metrics)
    facts: dict[str, Any] = {"model": model.config.architecture}
    if model.label_space is not None:
        facts["classes"] = ", ".join(model.label_space)
        if any(m.startswith("malignant/") for m in chosen):
            codes = ", ".join(c for c in model.label_space if c in model.label_space.malignant)
            facts["malignant"] = f"summed probability of {codes} at least {malignant_threshold(model):g}"
    facts["intervals"] = f"{LEVEL:.0%}, {resamples} resamples of whole lesions or patients"
    facts["skinzoo"] = skinzoo.__version__
    title = f"{model.config.architecture} on {len(named)} collection{'s' if len(named) > 1 else ''}"
    return CrossReport(title, facts, chosen, [scored.score(k, chosen) for k in range(len(entries))])


def _named(datasets: Mapping[str, SkinDataset] | Sequence[SkinDataset]) -> dict[str, SkinDataset]:
    given = datasets if isinstance(datasets, Mapping | list | tuple) else ()
    pairs = list(given.items()) if isinstance(given, Mapping) else [(getattr(d, "name", ""), d) for d in given]
    if not pairs or not all(isinstance(d, SkinDataset) for _, d in pairs):
        shown = ", ".join(type(d).__name__ for _, d in pairs) or type(datasets).__name__
        raise ConfigError(f"datasets must be SkinDatasets, in a list or by name, at least one; got {shown}.")
    times: Counter[str] = Counter()
    named = {}
    for name, dataset in pairs:
        times[name] += 1
        named[name if times[name] == 1 else f"{name} ({times[name]})"] = dataset
        if not len(dataset):
            raise EmptyLoaderError(f"{name} has no image; there is nothing to score.")
    return named


def _aligned(
    model: SkinModel, dataset: SkinDataset, name: str, overrides: Mapping[str, str | None] | None
) -> tuple[SkinDataset, Alignment | None]:
    space = model.label_space
    try:
        check_dataset(model, dataset)
    except LabelError:  # of other classes: that is what the alignment is for
        if space is not None and space.name == "numbered":
            raise
    if space is None or space.name == "numbered" or not dataset.has_labels:
        if overrides:
            raise ConfigError(f"overrides for {name}: there are no labels to align with named classes.")
        return dataset, None
    alignment = align(dataset.label_space, space, overrides=overrides)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IntegrityWarning)  # the report counts what has no counterpart
        return dataset.align(space, overrides=overrides), alignment


def _run(
    model: SkinModel, dataset: SkinDataset, settings: Mapping[str, Any], *, allow_overlap: bool
) -> tuple[Outcome, Report | None, list[str]]:
    overlap = check_overlap(model, dataset, allow=allow_overlap)
    notes = [overlap.sentence()] if overlap is not None else []
    if (model.task.has_labels and dataset.has_labels) or (model.task.has_masks and dataset.has_masks):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeakageWarning)  # given by the check above
            report = evaluate(model, dataset, allow_overlap=allow_overlap, **settings)
        return report.outcome, report, notes
    return collect_dataset(model, dataset, **settings), None, notes


def _disagreements(dataset: SkinDataset, alignment: Alignment | None) -> list[str]:
    """Classes that the collection counts as malignant and the model as benign, or the other way round."""
    if alignment is None or not alignment.target.malignant:
        return []
    counts, own = dataset.class_counts(), malignancy(alignment.source)
    return [
        f"{counts[code]} of {code} count as {'malignant' if own[code] else 'benign'} here, as the collection has it; "
        f"the model's {target} is {'malignant' if target in alignment.target.malignant else 'benign'}"
        for code, target in alignment.mapping.items()
        if target is not None
        and counts[code]
        and own[code] is not None
        and own[code] != (target in alignment.target.malignant)
    ]


def _shared(first: SkinDataset, other: SkinDataset) -> int:
    """How many pictures of the other dataset are in the first one too, as far as names tell."""
    known = set(scoped_names(first).images)
    return sum(name in known for name in scoped_names(other).images)
