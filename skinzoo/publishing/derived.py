"""What a model tells of itself: nobody types it."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import skinzoo
from skinzoo.datasets.catalogue import DATASETS
from skinzoo.datasets.info import DatasetInfo
from skinzoo.models import Ensemble, SkinModel, model_info
from skinzoo.models.provenance import SeenImages
from skinzoo.publishing.card import ModelCard
from skinzoo.publishing.markdown import inline, table
from skinzoo.types import Task

TASKS = {
    Task.CLASSIFICATION: "tells which diagnosis a picture of a skin lesion shows",
    Task.SEGMENTATION: "draws the outline of a skin lesion",
    Task.MULTITASK: "tells which diagnosis a picture of a skin lesion shows, and draws its outline",
}
_LIBRARIES = ("torch", "torchvision", "timm", "segmentation-models-pytorch", "albumentations", "numpy")


def architecture(model: SkinModel, weights: dict[str, Any]) -> str:
    """A table of what the model is.

    Args:
        model: The model.
        weights: `sha256`, `size` and `dtype` of its weights file.
    """
    config, spec = model.config, model.input_spec
    height, width = spec.size
    resized = (
        "squashed to" if spec.crop == "none" else f"short side to size / {spec.crop_fraction:g}, then the centre cut to"
    )
    rows = {
        "architecture": f"{config.architecture}: {model_info(config.architecture).summary}",
        "task": str(config.task),
        "parameters": f"{model.num_parameters():,}",
        "input": f"8-bit RGB, {resized} {height} x {width} pixels ({spec.interpolation})",
        "normalisation": f"(x / 255 - mean) / std, mean {_numbers(spec.mean)}, std {_numbers(spec.std)}",
    }
    if isinstance(model, Ensemble):
        rows["members"] = ", ".join(member.config.architecture for member in model._models)
    if model.metadata_encoder is not None:
        rows["metadata that it sees"] = ", ".join(model.metadata_encoder.names)
    rows |= {
        "numbers": str(weights["dtype"]),
        "weights": f"model.safetensors, {weights['size']:,} bytes, sha256 {weights['sha256']}",
        "made with": ", ".join(f"{name} {found}" for name, found in versions().items()),
    }
    return table(["", ""], [[inline(name), inline(value)] for name, value in rows.items()])


def versions() -> dict[str, str]:
    """Of skinzoo, Python, and the libraries that a model's answers depend on."""
    found = {"skinzoo": skinzoo.__version__, "Python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def training_data(model: SkinModel, card: ModelCard) -> str:
    """What the weights were fitted to and chosen by, from the model's record."""
    record = model.training_record
    if record is None:
        return ""
    rows, entries = [], [("training", e) for e in record.training] + [("validation", e) for e in record.validation]
    for role, entry in entries:
        groups = "not known" if entry.group == "image" else f"{entry.num_groups:,} {entry.group}s"
        licence = entry.licence if entry.licence.strip() else card.data_licences.get(entry.title, "")
        part = f", part {entry.part}" if entry.part else ""
        rows.append([role, inline(f"{entry.title}{part}"), f"{entry.num_images:,}", groups, inline(licence)])
    header = ["role", "collection", "images", "lesions or patients", "licence"]
    parts = [table(header, rows), *_class_counts(entries), _kept_apart(entries)]
    hashes = [
        f"- {role}, {inline(e.title)}{f', part {inline(e.part)}' if e.part else ''}: {e.split_hash}"
        for role, e in entries
    ]
    parts.append("sha256 of the sorted ids of each part:\n\n" + "\n".join(hashes))
    return "\n\n".join(part for part in parts if part)


def _class_counts(entries: list[tuple[str, SeenImages]]) -> Iterator[str]:
    codes = list(dict.fromkeys(code for _, entry in entries for code in entry.class_counts))
    if not codes:
        return
    names = [f"{role} {k}" if len(entries) > 2 else role for k, (role, _) in enumerate(entries, start=1)]
    rows = [[inline(code), *(f"{e.class_counts.get(code, 0):,}" for _, e in entries)] for code in codes]
    yield table(["images of the class", *names], rows, numbers=len(names))


def _kept_apart(entries: list[tuple[str, SeenImages]]) -> str:
    groups = sorted({entry.group for _, entry in entries})
    if groups == ["image"]:
        return "Neither lesions nor patients are known: two pictures of a lesion may be on two sides of the split."
    known = " or ".join(group for group in groups if group != "image")
    return f"Parts are kept apart by {known}; the record holds hashes of the images and groups, no id."


def classes(model: SkinModel, card: ModelCard) -> str:
    """The classes in the order of the outputs, with their ground truth."""
    space, truth = model.label_space, card.ground_truth
    rows = []
    for number, code in enumerate(space or ()):
        assert space is not None
        kind = "" if not space.malignant else "malignant" if code in space.malignant else "benign"
        rows.append([f"{number}", inline(code), inline(space.title(code)), kind, inline(truth.get(code, ""))])
    kept = [k for k in range(5) if k != 3 or any(row[3] for row in rows)]
    header = ["output", "code", "class", "", "ground truth"]
    made = [table([header[k] for k in kept], [[row[k] for k in kept] for row in rows])] if rows else []
    if model.task.has_masks:
        made.append(f"Masks (1 is lesion, 0 is skin): {inline(truth.get('mask', ''))}")
    return "\n\n".join(made)


def collections(model: SkinModel) -> list[DatasetInfo]:
    """The registered collections that the model was made with."""
    record = model.training_record
    entries = () if record is None else (*record.training, *record.validation)
    names = dict.fromkeys(name for entry in entries for name in entry.collections)
    return [DATASETS[name].info for name in names if name in DATASETS]


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)
