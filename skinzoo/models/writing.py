"""Writing a model to a folder: `model.safetensors`, `config.json` and, where it is known, what it was trained on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

import skinzoo
from skinzoo.errors import ConfigError
from skinzoo.files import folder_for, plain, write_json
from skinzoo.hub.digests import FileDigest
from skinzoo.models.base import SkinModel
from skinzoo.models.saved_config import CONFIG_NAME, FORMAT_VERSION, KEY, RECORD_NAME, WEIGHTS_NAME
from skinzoo.tensors import save_tensors

StoredType = Literal["float32", "float16"]


def save_pretrained(
    model: SkinModel, directory: str | os.PathLike[str], *, dtype: StoredType = "float32", **facts: Any
) -> Path:
    """Write a model's weights and configuration (format 2).

    `config.json` has everything of skinzoo's under `"_skinzoo"`, and beside it what plain timm (a classifier with a
    linear head) or plain segmentation_models_pytorch (a U-Net) reads; the tensors are then named as they are there.
    Equal models give equal bytes.

    Args:
        model: The model.
        directory: Folder, made if absent; an earlier model in it is replaced.
        dtype: `"float16"` halves the file and rounds each number to 11 significant bits; a loaded model computes in
            float32 again. Counters and other whole numbers stay as they are.
        **facts: Plain values kept under `"training"` in the configuration: data, figures, seed.

    Returns:
        The folder.

    Raises:
        ConfigError: The folder is a file, a fact cannot be written as JSON, or a weight is too large for float16;
            nothing is written then.
    """
    folder = folder_for(directory, "the model")
    config, facts, form = model.config, plain(facts), model.plain_form()
    stored = _converted(model.state_dict(), dtype)
    if form is not None:
        stored = {form.names[name]: tensor for name, tensor in stored.items()}
    space, record = model.label_space, model.training_record
    calibration, points = model.calibration, model.operating_points
    own: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "skinzoo_version": skinzoo.__version__,
        "architecture": config.architecture,
        "task": str(config.task),
        "options": plain(dict(config.options)),
        "input_spec": config.input_spec.to_dict(),
        "label_space": space.to_dict() if space else None,
        "parameters": model.num_parameters(),
        "dtype": dtype,
    }
    identity = {"architecture": config.architecture, "classes": list(space or ())}
    files = {WEIGHTS_NAME: save_tensors(folder / WEIGHTS_NAME, stored, identity)}
    if record is not None:
        files[RECORD_NAME] = write_json(folder / RECORD_NAME, record.to_dict())
    else:
        (folder / RECORD_NAME).unlink(missing_ok=True)
    own |= {
        "files": {name: FileDigest.of(path).to_dict() for name, path in files.items()},
        "calibration": calibration.to_dict() if calibration else None,
        "operating_points": points.to_dict() if points else None,
        "training": facts,
    }
    write_json(folder / CONFIG_NAME, {KEY: own, **(form.config if form is not None else {})})
    return folder


def _converted(state: Mapping[str, Tensor], dtype: str) -> dict[str, Tensor]:
    """The tensors, those of real numbers in the type that is to be stored."""
    if dtype not in get_args(StoredType):
        raise ConfigError(f"dtype must be one of {', '.join(map(repr, get_args(StoredType)))}, got {dtype!r:.80}.")
    wanted = torch.float16 if dtype == "float16" else torch.float32
    stored = {name: t.detach().to(wanted) if t.is_floating_point() else t for name, t in state.items()}
    for name, tensor in stored.items():
        before = state[name]
        if before.is_floating_point() and not tensor.isfinite().all() and before.isfinite().all():
            raise ConfigError(
                f"{name} has values up to {before.abs().max().item():.6g}, and {dtype} holds "
                f"{torch.finfo(wanted).max:g} at most; save the model with dtype='float32'."
            )
    return stored
