"""What a run is made of: loaders, callbacks, and what they depend on in a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.utils.data import DataLoader

from skinzoo.datasets import SkinDataset, make_loader, sampling_weights
from skinzoo.models import SkinModel
from skinzoo.training.callbacks import BestWeights, Callback, EarlyStopping, Printer, Writer
from skinzoo.training.engine import Engine
from skinzoo.transforms import Transform, create_augmentation
from skinzoo.types import IGNORE_INDEX, NO_MASK, Batch

if TYPE_CHECKING:
    from skinzoo.training.trainer import Trainer


def run_loader(trainer: Trainer, engine: Engine, dataset: SkinDataset, *, training: bool) -> DataLoader[Batch]:
    """This process's batches of a part, as bytes.

    Args:
        trainer: Model and configuration.
        engine: This process.
        dataset: The part.
        training: True to augment, to shuffle and to share each batch with the other processes; False for the part in
            its order, of which each process gets whole batches.
    """
    c = trainer.config
    augmentation = create_augmentation(c.augmentation) if training else None
    draws = training and c.sampling != "uniform"
    return make_loader(
        dataset,
        Transform(trainer.model.input_spec, augmentation, seed=c.seed, output="uint8"),
        batch_size=c.batch_size // (engine.world_size if training else 1),
        shuffle=training,
        seed=c.seed,
        num_workers=c.num_workers,
        drop_last=c.drop_last and training,
        rank=engine.rank,
        world_size=engine.world_size,
        pin_memory=engine.device.type == "cuda",
        metadata=trainer.model.metadata_encoder,
        weights=sampling_weights(dataset, c.sampling) if draws else None,
    )


def run_callbacks(trainer: Trainer, engine: Engine, val: SkinDataset | None) -> list[Callback]:
    """The callbacks that the configuration asks for, then the user's own, as far as this process calls them.

    Args:
        trainer: Configuration and the user's callbacks.
        engine: This process.
        val: What the best weights are chosen by, or None.
    """
    c = trainer.config
    callbacks: list[Callback] = [BestWeights(c.monitor)] if val is not None else []
    if val is not None and c.patience is not None:
        callbacks.append(EarlyStopping(c.patience))
    if c.output_dir is not None:
        callbacks.append(Writer(Path(c.output_dir)))
    if c.verbose:
        callbacks.append(Printer())
    callbacks += trainer.callbacks
    return callbacks if engine.is_main else [callback for callback in callbacks if callback.everywhere]


def is_convolutional(model: SkinModel) -> bool:
    """True for a network that gains by channels-last memory."""
    return sum(isinstance(m, nn.Conv2d) for m in model.modules()) > 1  # one alone cuts a transformer's patches


def without_annotations(batch: Batch) -> Batch:
    """The batch as one that only keeps a process in step with the others: it adds nothing to the loss."""
    missing = NO_MASK if batch.masks is not None and batch.masks.dtype == torch.uint8 else torch.nan
    masks = None if batch.masks is None else torch.full_like(batch.masks, missing)
    return batch._replace(labels=torch.full_like(batch.labels, IGNORE_INDEX), masks=masks, padding=True)
