"""What can go wrong before the first step, said before the first step."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torch import nn

from skinzoo.datasets import SkinDataset, check_disjoint
from skinzoo.errors import BatchTooSmallError, ConfigError
from skinzoo.evaluation.inference import metric_names
from skinzoo.evaluation.scoring import check_dataset
from skinzoo.models import SkinModel
from skinzoo.training.config import TrainConfig
from skinzoo.training.engine import launched_processes
from skinzoo.types import Task


def check_run(model: SkinModel, config: TrainConfig, train: SkinDataset, val: SkinDataset | None) -> None:
    """Look for everything that would make a run fail, or its figures wrong.

    Args:
        model: In training mode.
        config: How to train it.
        train: What to learn from.
        val: What to judge by, or None.

    Raises:
        LabelError: A collection's classes are not the model's.
        LeakageError: The same image, lesion or patient stands in both parts.
        BatchTooSmallError: The last batch of an epoch would be a single image, and the model has BatchNorm.
        ConfigError: A part has no annotation that the model learns, the monitored value does not exist, something
            watches a validation part that is not there, or the output folder is a file.
    """
    for dataset in (train, val) if val is not None else (train,):
        check_dataset(model, dataset)
    if val is not None:
        check_disjoint(train, val)
        known = [f"val_{name}" for name in metric_names(_measured(model, val))]
        if config.monitor not in known:
            raise ConfigError(
                f"monitor={config.monitor!r} is not measured for this model on {val.name}; "
                f"use one of {', '.join(known)}."
            )
    elif config.patience is not None or config.schedule.kind == "plateau":  # type: ignore[union-attr]
        raise ConfigError("early stopping (patience) and the plateau schedule watch the validation part; give fit one.")
    if _smallest_piece(len(train), config) == 1 and _has_batchnorm(model.modules()):
        pieces = f", each in {config.accumulate} pieces," if config.accumulate > 1 else ""
        raise BatchTooSmallError(
            f"{len(train)} images in batches of {config.batch_size}{pieces} make a batch of one, for which BatchNorm "
            "has no statistics; use another batch_size, or drop_last=True if only the last batch is that small."
        )
    if config.output_dir is not None and Path(config.output_dir).exists() and not Path(config.output_dir).is_dir():
        raise ConfigError(f"output_dir={config.output_dir} is a file; give a folder.")


def _measured(model: SkinModel, val: SkinDataset) -> Task:
    """The task that the model can be scored by on this part."""
    if model.task is not Task.MULTITASK or (val.has_labels and val.has_masks):
        return model.task
    return Task.CLASSIFICATION if val.has_labels else Task.SEGMENTATION


def _smallest_piece(size: int, config: TrainConfig) -> int:
    """Images in the smallest piece that the model is called with."""
    rest = size % config.batch_size
    smallest = rest if rest and not config.drop_last else config.batch_size
    return max(1, max(1, smallest // launched_processes()) // config.accumulate) if size else 0


def _has_batchnorm(modules: Iterable[nn.Module]) -> bool:
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training for m in modules)
