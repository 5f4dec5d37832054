"""From a saved model to its weights record: all that the folder tells is read there, and a human states the rest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from skinzoo.errors import ConfigError
from skinzoo.hub.digests import FileDigest
from skinzoo.hub.fields import Fields
from skinzoo.hub.record import FORMAT_VERSION, NEEDED_FILES, WeightsRecord

STATED = ("title", "licence", "citation", "synthetic", "intended_use", "limits", "date")
"""What no file tells."""
HEADLINES = (
    *("balanced_accuracy", "accuracy", "macro_f1", "macro_auc"),
    *("malignant/auc", "malignant/sensitivity", "malignant/specificity", "ece", "dice", "iou"),
)
PER_CLASS = ("recall", "specificity", "auc")
_CONFIG_FORMAT = 2
_SEEN = ("collections", "title", "part", "num_images", "num_groups", "group", "class_counts", "split_hash", "licence")


def record_of(
    folder: str | os.PathLike[str],
    *,
    tag: str,
    stated: Mapping[str, Any],
    protocols: Mapping[str, str] | None = None,
    repository: str | None = None,
    revision: str | None = None,
) -> WeightsRecord:
    """Make the record of a saved model.

    Args:
        folder: Written by `save_pretrained`, with `training_data.json` in it, and one `report.json` or more. The
            configuration's training facts must hold `recipe`, the values of a `TrainingRecipe`. All files in the
            folder become part of the record.
        tag: What tells these weights from others of the architecture.
        stated: What no file tells: `title`, `licence`, `citation`, `synthetic`, `intended_use`, `limits`, `date`.
        protocols: How the figures of each report were measured, in words, by the name of its file. Default: those of
            `report.json`, with what it says about an overlap with the training images.
        repository: `owner/name` on the Hub, where the files are; None for bundled weights.
        revision: The commit there.

    Raises:
        ConfigError: A file is absent or damaged, the files do not belong together, or something needed is not stated.
    """
    folder = Path(folder)
    config = _config(folder)
    training = config.get("training")
    if not isinstance(training, Mapping) or "recipe" not in training:
        raise ConfigError(
            f"{folder / 'config.json'}: the training facts hold no recipe; save the model with "
            "save_pretrained(folder, recipe={...}), the values of a TrainingRecipe."
        )
    told = Fields(stated, STATED, place="stated").values
    seen = list(_seen(folder))
    reports = {name: _report(folder / name, config) for name in (protocols or {"report.json": ""})}
    tests = [_tested(report, seen) for report in reports.values()]
    values = {
        **{name: told[name] for name in STATED},
        "format_version": FORMAT_VERSION,
        "name": f"{config['architecture']}.{tag}",
        "task": config["task"],
        "repository": repository,
        "revision": revision,
        "files": _files(folder, config),
        "label_space": config["label_space"],
        "input_spec": config["input_spec"],
        "parameters": config["parameters"],
        "dtype": config["dtype"],
        "data": [*seen, *tests],
        "training": training["recipe"],
        "figures": [
            figure
            for (name, report), test in zip(reports.items(), tests, strict=True)
            for figure in _figures(name, report, test, (protocols or {}).get(name, ""))
        ],
        "thresholds": config["operating_points"],
        "temperature": _temperature(config["calibration"]),
    }
    return WeightsRecord.from_dict(values, place=f"the record of {folder}")


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    config = _object(path).get("_skinzoo")
    if not isinstance(config, dict) or config.get("format_version") != _CONFIG_FORMAT:
        raise ConfigError(f"{path} is no configuration of format {_CONFIG_FORMAT}; save the model again.")
    needed = (
        *("architecture", "task", "label_space", "input_spec", "parameters", "dtype", "files"),
        *("calibration", "operating_points"),
    )
    if missing := [name for name in needed if name not in config]:
        raise ConfigError(f"{path}: {', '.join(missing)} missing; save the model again.")
    return config


def _seen(folder: Path) -> Iterator[dict[str, Any]]:
    """What the model was fitted to and chosen by."""
    path = folder / "training_data.json"
    values = _object(path)
    try:
        for role in ("training", "validation"):
            for entry in values[role]:
                yield {"role": role, **{name: entry[name] for name in _SEEN}}
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{path} is no record of a training ({error!r}); save the model again.") from error


def _report(path: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """A report, of this very model."""
    report = _object(path)
    try:
        facts = report["facts"]
        pairs = {
            "the architecture": (facts["model"], config["architecture"]),
            "the number of parameters": (facts["parameters"], config["parameters"]),
            "the classes": (report["classes"], list((config["label_space"] or {}).get("classes", ()))),
            "the thresholds": (report["operating_points"], config["operating_points"]),
        }
        _ = [report[name] for name in ("metrics", "intervals", "resampling", "per_class", "confusion_matrix")]
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is no report ({error!r}); evaluate the model and save its report again.") from error
    for what, (theirs, ours) in pairs.items():
        if theirs != ours:
            raise ConfigError(f"{path} is of another model: {what} differ ({theirs!r:.80} there, {ours!r:.80} here).")
    return report


def _tested(report: Mapping[str, Any], seen: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    facts = report["facts"]
    group = next((g for g in ("patient", "lesion") if f"{g}s" in facts), "image")
    known: list[str] = next((part["collections"] for part in seen if part["title"] == facts["collection"]), [])
    rows = zip(report["classes"], report["confusion_matrix"], strict=True)
    return {
        "role": "test",
        "collections": known,
        "title": facts["collection"],
        "part": "" if facts["part"] == "all" else facts["part"],
        "num_images": facts["images"],
        "num_groups": facts.get(f"{group}s", facts["images"]),
        "group": group,
        "class_counts": {code: sum(row) for code, row in rows},
        "split_hash": facts["split hash"],
        "licence": facts["licence of the data"],
    }


def _figures(name: str, report: Mapping[str, Any], test: Mapping[str, Any], protocol: str) -> Iterator[dict[str, Any]]:
    figures = {metric: report["metrics"][metric] for metric in HEADLINES if metric in report["metrics"]}
    figures |= {f"{c}/{metric}": report["per_class"][c][metric] for c in report["per_class"] for metric in PER_CLASS}
    drawn = report["resampling"]
    for metric, value in figures.items():
        low, high = report["intervals"].get(metric, (None, None))
        yield {
            "metric": metric,
            "value": value,
            "low": low,
            "high": high,
            "level": drawn["level"],
            "protocol": protocol or f"overlap with training: {report['facts']['overlap with training']}",
            "collection": test["title"],
            "part": test["part"],
            "n": test["num_images"],
            "unit": test["group"] if drawn["unit"] == "group" else "image",
            "report": name,
        }


def _files(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """The digest of each file; those that the configuration knows must be the ones there."""
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if folders := [path.name for path in paths if not path.is_file()]:
        raise ConfigError(f"{folder} holds {', '.join(folders)}; the files of a record lie side by side, and alone.")
    found = {path.name: FileDigest.of(path).to_dict() for path in paths}
    for name, digest in config["files"].items():
        if found.get(name) != digest:
            raise ConfigError(
                f"{folder / name} is not the file that its config.json speaks of ({found.get(name)} there, {digest} in "
                "the configuration); save the model again."
            )
    from skinzoo.tensors import read_header  # it needs torch, which this package does without

    stored = (tensor.dtype for tensor in read_header(folder / NEEDED_FILES[1]).tensors.values())
    floating = {str(dtype).removeprefix("torch.") for dtype in stored if dtype.is_floating_point}
    if odd := floating - {config["dtype"]}:
        raise ConfigError(f"{folder / NEEDED_FILES[1]} holds {', '.join(odd)}, its config.json says {config['dtype']}.")
    return found


def _temperature(calibration: Mapping[str, Any] | None) -> float | None:
    if calibration is None or calibration["method"] != "temperature":
        return None
    return 1 / float(calibration["scale"][0])


def _object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {error}; it is needed for the record.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold an object; got {type(values).__name__}.")
    return values
