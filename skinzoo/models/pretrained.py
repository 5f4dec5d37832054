"""Saving a model to a folder and loading it again: `model.safetensors` and `config.json`, nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import skinzoo
from skinzoo.errors import UnsafeWeightsError, WeightsError, WeightsMismatchError
from skinzoo.files import folder_for, plain, sha256_of, write_json
from skinzoo.models.backbone import load_strictly
from skinzoo.models.base import SkinModel
from skinzoo.models.calibration import Calibration, OperatingPoints
from skinzoo.models.provenance import TrainingRecord
from skinzoo.taxonomy import LabelSpace
from skinzoo.tensors import load_tensors, read_metadata, save_tensors
from skinzoo.types import InputSpec

CONFIG_NAME = "config.json"
RECORD_NAME = "training_data.json"
WEIGHTS_NAME = "model.safetensors"
FORMAT_VERSION = 1
_PICKLES = ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt")


def save_pretrained(model: SkinModel, directory: str | os.PathLike[str], **facts: Any) -> Path:
    """Write a model's weights and configuration.

    Args:
        model: The model.
        directory: Folder, made if absent; an earlier model in it is replaced.
        **facts: Plain values kept under `"training"` in the configuration: data, figures, seed.

    Returns:
        The folder.

    Raises:
        ConfigError: The folder is a file, or a fact cannot be written as JSON; nothing is written then.
    """
    folder = folder_for(directory, "the model")
    config, facts = model.config, plain(facts)
    weights = save_tensors(folder / WEIGHTS_NAME, model.state_dict(), _identity(model))
    record, calibration, points = model.training_record, model.calibration, model.operating_points
    if record is not None:
        write_json(folder / RECORD_NAME, record.to_dict())
    else:
        (folder / RECORD_NAME).unlink(missing_ok=True)
    write_json(
        folder / CONFIG_NAME,
        {
            "library": "skinzoo",
            "format_version": FORMAT_VERSION,
            "skinzoo_version": skinzoo.__version__,
            "architecture": config.architecture,
            "task": str(config.task),
            "options": dict(config.options),
            "input_spec": config.input_spec.to_dict(),
            "label_space": config.label_space.to_dict() if config.label_space else None,
            "weights": {"file": WEIGHTS_NAME, "sha256": sha256_of(weights), "parameters": model.num_parameters()},
            "calibration": calibration.to_dict() if calibration else None,
            "operating_points": points.to_dict() if points else None,
            "training": facts,
        },
    )
    return folder


def load_pretrained(directory: str | os.PathLike[str], build: Callable[..., SkinModel]) -> SkinModel:
    """Load a model written by `save_pretrained`, in evaluation mode.

    Args:
        directory: The folder.
        build: Builds a registered architecture from checked values.

    Raises:
        WeightsError: The folder, its configuration or its weights are absent, damaged or of another version.
        UnsafeWeightsError: The folder holds a pickle instead of safetensors.
        WeightsMismatchError: The weights do not fit the configuration.
    """
    folder = Path(directory)
    config = read_config(folder)
    try:
        space = config["label_space"]
        model = build(
            str(config["architecture"]),
            label_space=LabelSpace.from_dict(space) if space is not None else None,
            input_spec=InputSpec.from_dict(config["input_spec"]),
            options=dict(config["options"]),
            start_weights=False,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{folder / CONFIG_NAME} cannot be used: {error}") from error
    _load_file(model, folder / WEIGHTS_NAME, config)
    _load_companions(model, folder, config)
    return model


def load_weights(model: SkinModel, source: Path) -> None:
    """Load trained weights into a model that is already built, from a folder or a safetensors file.

    Raises:
        WeightsError: The weights cannot be used.
        WeightsMismatchError: They are of another architecture or of other classes.
    """
    if not source.is_dir():
        tensors = load_tensors(source)
        _check_classes(model, source)
        load_strictly(model, tensors, what=str(source))
        return
    config = read_config(source)
    _load_file(model, source / WEIGHTS_NAME, config)
    _load_companions(model, source, config)


def trained_input_spec(source: Path) -> InputSpec | None:
    """The input specification of a saved model; None for a bare weights file.

    Raises:
        WeightsError: The folder's configuration cannot be used.
    """
    if not source.is_dir():
        return None
    try:
        return InputSpec.from_dict(read_config(source)["input_spec"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{source / CONFIG_NAME} has no usable input_spec: {error}") from error


def read_config(folder: Path) -> dict[str, Any]:
    """Read and check `config.json`.

    Raises:
        WeightsError: It is absent, no JSON, of another library or of a newer format.
    """
    path = folder / CONFIG_NAME
    if not path.is_file():
        there = ", ".join(sorted(p.name for p in folder.iterdir())[:8]) if folder.is_dir() else "no such folder"
        raise WeightsError(
            f"no {CONFIG_NAME} in {folder} ({there}); expected a folder written by model.save_pretrained."
        )
    config = _read_json(path)
    if not isinstance(config, dict) or config.get("library") != "skinzoo":
        raise WeightsError(f"{path} was not written by skinzoo (it has no 'library': 'skinzoo').")
    if config.get("format_version") != FORMAT_VERSION:
        raise WeightsError(
            f"{path} has format version {config.get('format_version')!r}; this version reads {FORMAT_VERSION}; upgrade."
        )
    return config


def _load_companions(model: SkinModel, folder: Path, config: dict[str, Any]) -> None:
    """What was learned after training, and what the model was trained on."""
    try:
        calibration, points = config.get("calibration"), config.get("operating_points")
        model.calibration = None if calibration is None else Calibration.from_dict(calibration)
        model.operating_points = None if points is None else OperatingPoints.from_dict(points)
        record = folder / RECORD_NAME
        model.training_record = TrainingRecord.from_dict(_read_json(record)) if record.is_file() else None
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{folder} cannot be used: {error}") from error
    points = model.operating_points
    if points is not None and (unknown := sorted(set(points.per_class) - set(model.label_space or ()))):
        raise WeightsError(f"{folder / CONFIG_NAME} has thresholds for {unknown}, not among the model's classes.")
    biases, classes = len(model.calibration.bias) if model.calibration else 0, len(model.label_space or ())
    if biases not in (0, classes):
        raise WeightsError(f"{folder / CONFIG_NAME} has a calibration of {biases} classes for a model of {classes}.")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is not JSON ({error}).") from error


def _load_file(model: SkinModel, path: Path, config: dict[str, Any]) -> None:
    if not path.is_file() and (pickles := [n for n in _PICKLES if (path.parent / n).is_file()]):
        raise UnsafeWeightsError(
            f"{path.parent} holds {pickles[0]}, a pickle, which is never loaded; expected {WEIGHTS_NAME}."
        )
    tensors = load_tensors(path)
    weights = config.get("weights")
    expected = weights.get("sha256") if isinstance(weights, dict) else None
    if (found := sha256_of(path)) != expected:
        raise WeightsError(
            f"{path} has sha256 {found}, its {CONFIG_NAME} says {expected}; the file was changed or damaged."
        )
    _check_classes(model, path)
    load_strictly(model, tensors, what=str(path))


def _check_classes(model: SkinModel, path: Path) -> None:
    """The weights file itself knows its classes, so a changed configuration is noticed."""
    metadata, ours = read_metadata(path), _identity(model)["classes"]
    if (theirs := metadata.get("classes", ours)) != ours:
        raise WeightsMismatchError(
            f"{path} was trained for the classes {theirs}, the model has {ours}; the same names in the same order are "
            "needed: pass label_space=..., or restore the configuration that it was saved with."
        )


def _identity(model: SkinModel) -> dict[str, Any]:
    """What the weights file itself says about the model."""
    return {"architecture": model.config.architecture, "classes": list(model.label_space or ())}
