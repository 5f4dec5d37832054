"""The YAML at the head of a card, by which the Hub finds and labels a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from skinzoo.evaluation import Report
from skinzoo.evaluation.titles import HEADLINES
from skinzoo.models import SkinModel
from skinzoo.publishing.card import ModelCard
from skinzoo.publishing.markdown import plain_line
from skinzoo.publishing.reports import ExternalTest
from skinzoo.types import Task

PIPELINES = {
    Task.CLASSIFICATION: "image-classification",
    Task.SEGMENTATION: "image-segmentation",
    Task.MULTITASK: "image-classification",
}
_TYPES = {"macro_f1": "f1", "macro_auc": "roc_auc", "iou": "mean_iou"}
"""Names of the Hub for metrics that have others here."""
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,95}")


def front_matter(
    model: SkinModel, card: ModelCard, report: Report, external: Sequence[ExternalTest], repository: str
) -> str:
    """The lines from `---` to `---`; figures have all their digits, and those that are undefined are left out."""
    results = [_result(model, str(report.facts.get("collection", report.title)), report.facts.get("part"), report)]
    results += [_result(model, test.name, None, test) for test in external]
    values: dict[str, Any] = {
        "library_name": "skinzoo",
        "license": card.licence,
        **({"license_name": card.licence_name, "license_link": card.licence_link} if card.licence_name else {}),
        "pipeline_tag": PIPELINES[model.task],
        "tags": _tags(model),
        "datasets": _datasets(model),
        "metrics": list(dict.fromkeys(_type(name) for name in HEADLINES if name in report.values)),
        "model-index": [{"name": repository.rpartition("/")[2], "results": results}],
    }
    kept = {name: value for name, value in values.items() if value}
    # allow_unicode=False: characters that no other parser takes for the end of a line
    return f"---\n{yaml.safe_dump(kept, sort_keys=False, allow_unicode=False, width=10_000)}---\n"


def _result(model: SkinModel, collection: str, part: Any, scored: Report | ExternalTest) -> dict[str, Any]:
    metrics = []
    for name, title in HEADLINES.items():
        value = scored.values.get(name, float("nan"))
        if value != value:
            continue
        row: dict[str, Any] = {"type": _type(name), "name": title, "value": float(value)}
        interval = scored.intervals.get(name)
        if interval is not None and interval.low == interval.low:
            row["args"] = {"interval": [float(interval.low), float(interval.high)], "level": 0.95}
        metrics.append(row)
    split = {"split": plain_line(part)} if part not in (None, "all") else {}
    return {
        "task": {"type": PIPELINES[model.task]},
        "dataset": {"type": _slug(collection), "name": plain_line(collection), **split},
        "metrics": metrics,
    }


def _type(name: str) -> str:
    return _TYPES.get(name, name.replace("/", "_"))  # a slash would name somebody's metric on the Hub


def _tags(model: SkinModel) -> list[str]:
    tags = ["skinzoo", "dermatology", "dermoscopy", "skin-lesion", "medical-imaging", str(model.task)]
    if model.task is Task.MULTITASK:
        tags.append("image-segmentation")
    return list(dict.fromkeys([*tags, _slug(model.config.architecture)]))


def _datasets(model: SkinModel) -> list[str]:
    record = model.training_record
    names = [] if record is None else [name for entry in record.training for name in entry.collections]
    return list(dict.fromkeys(name for name in names if _SLUG.fullmatch(name)))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:96] or "collection"
