"""What travels with an exported graph, so that it can be used without skinzoo."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import skinzoo
from skinzoo.interchange.graph import Pixels
from skinzoo.models import SkinModel

FORMAT_VERSION = 1
_VALUES = {
    "normalised": "(pixel / 255 - mean) / std",
    "unit": "pixel / 255",
    "uint8": "pixel",
}
_NOTICE = "A research model. It is not a medical device and does not diagnose."


def describe_export(
    model: SkinModel, outputs: tuple[str, ...], *, batch: int | str, pixels: Pixels, licence: str | None
) -> dict[str, Any]:
    """Everything that a program needs to feed the graph and to read its answers, in JSON's own types."""
    space, calibration, points = model.label_space, model.calibration, model.operating_points
    record = model.training_record
    return {
        "format_version": FORMAT_VERSION,
        "notice": _NOTICE,
        "architecture": model.config.architecture,
        "task": str(model.task),
        "versions": _versions(),
        "licence": licence,
        "trained_on": None if record is None else [{"images": str(e), "licence": e.licence} for e in record.training],
        "inputs": _inputs(model, batch=batch, pixels=pixels),
        "outputs": _outputs(model, outputs, batch=batch),
        "input_spec": model.input_spec.to_dict(),
        "classes": None
        if space is None
        else [{"code": c, "title": space.title(c), "malignant": c in space.malignant} for c in space],
        "calibration": None if calibration is None else calibration.to_dict(),
        "operating_points": None if points is None else points.to_dict(),
    }


def _inputs(model: SkinModel, *, batch: int | str, pixels: Pixels) -> dict[str, Any]:
    spec, size = model.input_spec, _size(batch)
    found: dict[str, Any] = {
        "images": {
            "dtype": "uint8" if pixels == "uint8" else "float32",
            "shape": [size, 3, *spec.size],
            "layout": "NCHW",
            "colours": "RGB",
            "value": _VALUES[pixels],
            "orientation": "upright: the file's EXIF orientation is applied before anything else",
            "resize": _resize(model),
            "antialias": True,
        }
    }
    if (encoder := model.metadata_encoder) is not None:
        found["metadata"] = {
            "dtype": "float32",
            "shape": [size, encoder.width],
            "columns": encoder.to_dict()["columns"],
            "missing": [float(v) for v in encoder.missing],
            "value": "per column: a number as [(x - mean) / std, 0], or [0, 1] if missing; a text as one 1 among its "
            "categories, or in one more place if missing or unknown",
        }
    return found


def _resize(model: SkinModel) -> str:
    spec = model.input_spec
    height, width = spec.size
    if spec.crop == "none":
        return f"the whole picture to {height} x {width} (height x width), {spec.interpolation}"
    least = tuple(round(side / spec.crop_fraction) for side in spec.size)
    return (
        f"keeping its shape, to the smallest size that covers {least[0]} x {least[1]} (height x width), "
        f"{spec.interpolation}; then cut {height} x {width} from the centre"
    )


def _outputs(model: SkinModel, outputs: tuple[str, ...], *, batch: int | str) -> dict[str, Any]:
    classes, size = len(model.label_space or ()), _size(batch)
    known = {
        "logits": ([size, classes], "before calibration and softmax, in the order of classes"),
        "mask_logits": ([size, 1, *model.input_spec.size], "lesion where above 0; the sigmoid is its probability"),
        "probabilities": ([size, classes], "calibrated if calibration is not null; they add up to 1"),
    }
    return {name: {"dtype": "float32", "shape": known[name][0], "meaning": known[name][1]} for name in outputs}


def _size(batch: int | str) -> int | None:
    """None stands for a free batch size."""
    return int(batch) if batch != "dynamic" else None


def _versions() -> dict[str, str]:
    found = {"skinzoo": skinzoo.__version__}
    for package in ("torch", "timm", "segmentation-models-pytorch"):
        found[package] = metadata.version(package)
    return found
