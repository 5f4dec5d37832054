"""What a run is and where it stands, in the form that a checkpoint keeps."""

from __future__ import annotations

import hashlib
import platform
from typing import Any

import torch
from torch import Tensor

import skinzoo
from skinzoo.datasets import SkinDataset
from skinzoo.errors import ConfigError
from skinzoo.losses import MultiTaskLoss
from skinzoo.models import SkinModel
from skinzoo.training.config import TrainConfig
from skinzoo.training.engine import Engine
from skinzoo.training.history import History
from skinzoo.training.mixing import BatchMixing
from skinzoo.training.precision import computes_bf16
from skinzoo.training.rundir import as_plain


class Progress:
    """Where a run stands.

    Attributes:
        step: Optimiser steps that were made.
        seconds: Time they took, interruptions not counted.
        history: Its evaluations.
        best: Weights of the best evaluation; empty before it.
        cuts: How often a plateau was met.
        waited: Evaluations since the best one or the last cut.
        finished: True once no step is left.
    """

    def __init__(self) -> None:
        self.step = 0
        self.seconds = 0.0
        self.history = History()
        self.best: dict[str, Tensor] = {}
        self.cuts = 0
        self.waited = 0
        self.finished = False

    def values(self) -> dict[str, Any]:
        """All but the weights, for a checkpoint."""
        h = self.history
        best = next((i for i, row in enumerate(h.rows) if row is h.best), None)
        return {
            "seconds": self.seconds,
            "rows": h.rows,
            "best": best,
            "stopped": h.stopped,
            "cuts": self.cuts,
            "waited": self.waited,
            "finished": self.finished,
        }

    def restore(self, step: int, values: dict[str, Any], best: dict[str, Tensor]) -> None:
        """Stand where a checkpoint stood."""
        self.step = step
        self.seconds = values["seconds"]
        self.history.rows = [dict(row) for row in values["rows"]]
        self.history.best = None if values["best"] is None else self.history.rows[values["best"]]
        self.history.stopped = values["stopped"]
        self.cuts, self.waited, self.finished = values["cuts"], values["waited"], values["finished"]
        self.best = best


def identity(
    model: SkinModel,
    loss: MultiTaskLoss,
    config: TrainConfig,
    train: SkinDataset,
    val: SkinDataset | None,
    *,
    mixing: BatchMixing | None = None,
) -> dict[str, Any]:
    """What makes a run this run and no other."""
    space = model.label_space
    return {
        "config": as_plain(config.to_dict()),
        "model": {
            "architecture": model.config.architecture,
            "options": as_plain(dict(model.config.options)) if _is_plain(model.config.options) else {},
            "input": as_plain(model.input_spec.to_dict()),
            "trainable parameters": model.num_parameters(trainable=True),
        },
        "loss": {"loss": str(loss), "mixing": _described(mixing)},
        "classes": {"classes": None if space is None else list(space)},
        "data": {"training images": fingerprint(train), "validation images": fingerprint(val)},
    }


def environment(engine: Engine) -> dict[str, Any]:
    """What the last bits of a result depend on besides."""
    device = torch.cuda.get_device_name(engine.device) if engine.device.type == "cuda" else platform.machine()
    return {
        "skinzoo": skinzoo.__version__,
        "PyTorch": torch.__version__,
        "device": f"{engine.device.type} ({device})",
        "arithmetic in bf16": computes_bf16(engine.device),
        "number of processes": engine.world_size,
        "number of threads": torch.get_num_threads(),
    }


def fingerprint(dataset: SkinDataset | None) -> str:
    """Number and sha256 of the samples in their order, with labels and masks."""
    if dataset is None:
        return "none"
    digest = hashlib.sha256()
    r = dataset.records
    for row in zip(r.ids.tolist(), r.labels.tolist(), (r.masks != "").tolist(), strict=True):
        digest.update(repr(row).encode())
    return f"{len(dataset)} with sha256 {digest.hexdigest()[:16]}"


def _described(mixing: BatchMixing | None) -> str | None:
    """What it prints as; its type, if that would be its place in memory."""
    if mixing is None:
        return None
    return type(mixing).__name__ if type(mixing).__repr__ is object.__repr__ else repr(mixing)


def _is_plain(options: Any) -> bool:
    try:
        as_plain(dict(options))
    except ConfigError:
        return False
    return True
