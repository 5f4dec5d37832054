"""Everything that speaks against publishing a model, found at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from skinzoo.datasets.catalogue import DATASETS
from skinzoo.datasets.ids import canonical_id
from skinzoo.errors import PublishError, UnknownNameError
from skinzoo.evaluation import Report
from skinzoo.evaluation.facts import NO_OVERLAP, input_fact, probabilities_fact
from skinzoo.evaluation.recording import ARCHIVE, is_archive_id
from skinzoo.evaluation.saved.writing import task_of
from skinzoo.models import SkinModel, TTAModel, model_info
from skinzoo.models.digest import weights_digest
from skinzoo.models.provenance import SeenImages, hashes_of
from skinzoo.publishing.answers import unanswered
from skinzoo.publishing.card import ModelCard
from skinzoo.publishing.reports import ExternalTest

LEVEL = 0.95
_UNSTATED = ("", "not stated")


def require_publishable(
    model: SkinModel, report: Report, card: ModelCard, external: Sequence[ExternalTest] = ()
) -> None:
    """Make sure that a model, its figures and its card are complete and belong together.

    Raises:
        PublishError: The message lists everything that is missing or wrong.
    """
    if found := list(problems(model, report, card, external)):
        lines = "\n".join(f"  {number}. {text}" for number, text in enumerate(found, start=1))
        count = f"{len(found)} things are" if len(found) > 1 else "one thing is"
        raise PublishError(f"{model.config.architecture} cannot be published yet, {count} missing or wrong:\n{lines}")


def problems(model: SkinModel, report: Report, card: ModelCard, external: Sequence[ExternalTest] = ()) -> Iterator[str]:
    """What speaks against it, each with what to do."""
    yield from _of_model(model)
    yield from _of_report(model, report, "report")
    for test in external:
        yield from _of_external(model, test)
    yield from unanswered(card, model, has_external=bool(external), unlicensed=unlicensed(model))


def unlicensed(model: SkinModel) -> list[str]:
    """Titles of the collections that a model was made with and whose licence its record does not state."""
    record = model.training_record
    entries = () if record is None else (*record.training, *record.validation)
    return list(dict.fromkeys(entry.title for entry in entries if entry.licence.strip().casefold() in _UNSTATED))


def _of_model(model: SkinModel) -> Iterator[str]:
    if isinstance(model, TTAModel):
        yield "model: test-time augmentation is not saved; publish model.model, with a report of that model."
        return
    try:
        model_info(model.config.architecture)
    except UnknownNameError:
        yield (
            f"model: {model.config.architecture} is no registered architecture, so nobody could load it; register it "
            "in skinzoo, or keep it to yourself with save_pretrained."
        )
    if model.training_record is None:
        yield (
            "training data: the model has no record of what it was trained on. The Trainer makes one; else set "
            "model.training_record = skinzoo.evaluation.record_training(train, val), and evaluate again."
        )


def _of_report(model: SkinModel, report: Report, where: str) -> Iterator[str]:
    facts = report.facts
    wrong = list(_differences(model, report))
    if wrong:
        yield f"{where}: it is of another model: {'; '.join(wrong)}. Evaluate this model, and give that report."
    yield from (f"{where}: {text}" for text in _of_overlap(model, facts, report))
    if report.resampling.level != LEVEL:
        yield (
            f"{where}: its intervals have the level {report.resampling.level:g}; cards have {LEVEL:g}: set "
            f"report.resampling = skinzoo.Resampling(level={LEVEL:g}) before the figures are asked for."
        )
    yield from (f"{where}: {text}" for text in _of_figures(report))


def _of_figures(report: Report) -> Iterator[str]:
    main = {"balanced_accuracy": report.classification, "dice": report.segmentation}
    measured = [name for name, part in main.items() if part is not None]
    if not measured:
        yield "it has no figures; score the model on pictures with labels or masks."
    for name in measured:
        value, interval = report.values.get(name, float("nan")), report.intervals.get(name)
        if value != value:
            yield f"{name} is undefined ({report.undefined.get(name, 'no images')}); score more pictures."
        elif interval is None or interval.low != interval.low:
            yield (
                f"{name} has no interval: {report.num_clusters} lesions or patients are too few, or all resamples "
                "agree; score more pictures."
            )


def _differences(model: SkinModel, report: Report) -> Iterator[str]:
    config, facts, points = model.config, report.facts, report.operating_points
    ours: dict[str, Any] = {
        "model": config.architecture,
        "parameters": model.num_parameters(),
        "input": input_fact(model),
    }
    if model.task.has_labels:
        ours["probabilities"] = probabilities_fact(model)
    for name, value in ours.items():
        if facts.get(name) != value:
            yield f"{name} is {str(facts.get(name, 'not told'))[:120]!r} there and {str(value)[:120]!r} here"
    if facts.get("weights", digest := weights_digest(model)) != digest:
        yield "the weights are others there"
    if task_of(report.outcome) is not config.task:
        yield f"the task is {task_of(report.outcome)} there and {config.task} here"
    theirs, here = (tuple(space or ()) for space in (report.label_space, model.label_space))
    if theirs != here:
        yield f"the classes are {', '.join(theirs)[:200] or 'none'} there and {', '.join(here)[:200] or 'none'} here"
    elif report.label_space and model.label_space and report.label_space.malignant != model.label_space.malignant:
        yield "other classes count as malignant there"
    if points != model.operating_points:
        yield "the operating points are others there"


def _of_overlap(model: SkinModel, facts: Mapping[str, Any], report: Report | None) -> Iterator[str]:
    record = model.training_record
    overlap = str(facts.get("overlap with training", "not told"))
    again = "Score pictures that the model has never seen: the test part of its own split, or another collection."
    if record is None:
        return
    if not overlap.startswith(NO_OVERLAP):
        yield f"overlap with the training: {overlap}. {again}"
    elif report is not None and (seen := _seen(report, (*record.training, *record.validation))):
        yield f"{seen} of its images, or lesions, stand in the model's record of training and validation. {again}"
    exposed = str(facts.get("exposed to training", "none"))
    if not exposed.startswith("none"):
        yield f"{exposed}. {again}"


def _seen(report: Report, entries: Iterable[SeenImages]) -> int:
    """Images of a report that a record knows, told by names alone; facts could have been edited."""
    ids, title = report.outcome.ids, str(report.facts.get("collection", ""))
    groups = ids if report.groups is None else report.groups.tolist()
    bare, bare_groups = [canonical_id(i) for i in ids], [canonical_id(str(g)) for g in groups]
    found = np.zeros(len(ids), dtype=bool)
    own = {e.obj.info.namespace for e in DATASETS if e.obj.info.title == title}
    for entry in entries:
        known = entry.hashes
        for scope in _scopes(entry):
            if title != entry.title and scope not in own:
                continue
            shared = scope not in entry.collections
            names = bare if shared else ids
            units = bare_groups if shared else [f"group\n{g}" for g in groups]
            found |= np.isin(hashes_of(f"{scope}\n{name}" for name in names), known)
            found |= np.isin(hashes_of(f"{scope}\n{unit}" for unit in units), known)
        archived = np.array([is_archive_id(name) for name in bare], dtype=bool)
        found |= np.isin(hashes_of(f"{ARCHIVE}\n{name}" for name in bare), known) & archived
    return int(found.sum())


def _scopes(entry: SeenImages) -> set[str]:
    return {(DATASETS[name].info.namespace if name in DATASETS else "") or name for name in entry.collections}


def _of_external(model: SkinModel, test: ExternalTest) -> Iterator[str]:
    where = f"external test {test.name!r}"
    if not any(v == v for v in test.values.values()):
        yield f"{where}: it has no figures; score pictures with labels or masks."
    if test.facts is None:
        return
    if test.report is not None:
        yield from _of_report(model, test.report, where)
    record = model.training_record
    made_with = [] if record is None else [entry.title for entry in (*record.training, *record.validation)]
    if test.facts.get("collection") in made_with:
        yield f"{where}: the model was made with this collection; an external test is of another one."
