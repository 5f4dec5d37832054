"""How to train, as one frozen, printable object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import ClassVar, Literal

from skinzoo.datasets.sampling import SCHEMES, Scheme
from skinzoo.errors import ConfigError
from skinzoo.training.schedules import Schedule
from skinzoo.training.settings import Settings

DEFAULT_EPOCHS = 10
_OPTIONAL = ("epochs", "num_steps", "eval_every", "patience", "checkpoint_every")
_COUNTS = (*_OPTIONAL, "batch_size", "accumulate", "keep_checkpoints")
_WHOLE = (*_COUNTS, "seed", "num_workers")
_POSITIVE = (*_COUNTS, "max_minutes", "lr", "clip_grad_norm", "checkpoint_minutes")
_NOT_NEGATIVE = ("weight_decay", "seed", "num_workers", "backbone_lr_scale")


@dataclass(frozen=True)
class TrainConfig(Settings):
    """How to train; `from_file` and `to_file` read and write it as JSON or YAML, and `print` shows it so.

    Args:
        epochs: Passes over the training set (10 if `num_steps` is not given either).
        num_steps: Optimiser steps, instead of epochs.
        max_minutes: Stop early when this much time has passed; the schedule still spans the planned steps.
        eval_every: Steps between two evaluations; None for once an epoch.
        batch_size: Samples in a step, over all processes.
        lr: Peak learning rate, above 0.
        optimizer: `"adamw"` or `"adam"`.
        weight_decay: At least 0; applied to weights only, never to biases and normalisation parameters.
        schedule: A `Schedule` or its kind.
        backbone_lr_scale: Factor of the learning rate of a model's backbone or encoder; the rest learns at `lr`.
        clip_grad_norm: Largest gradient norm, above 0; None for no clipping.
        accumulate: Pieces that each process works its share of a batch through in, to save memory; the result is the
            same, but for BatchNorm, whose statistics are those of a piece.
        precision: `"fp32"`, or `"bf16"` or `"fp16"` for mixed precision; `"auto"` for `"bf16"` where the device has
            instructions for it, else `"fp32"`.
        ema_decay: Keep a moving average of the weights with this decay in [0, 1), such as 0.999, and judge and keep
            that; None for none.
        compile: True to compile the model with `torch.compile`.
        augmentation: Name of a preset from `list_augmentations()`.
        sampling: `"uniform"` to go through each sample once an epoch; `"balanced"`, `"sqrt"` or `"effective"` to draw
            with replacement, rare classes more often. See `sampling_weights`.
        monitor: What the best weights are chosen by: `"val_loss"`, `"val_macro_f1"`, `"val_dice"` ...
        patience: Evaluations without improvement before training stops; None for never.
        drop_last: True to leave out a last, smaller batch of an epoch.
        seed: Order, augmentation and dropout are functions of it.
        num_workers: Processes that load data; 0 for none.
        device: `"auto"`, `"cpu"`, `"cuda"`, `"cuda:1"` ...
        channels_last: Memory layout that convolutions prefer; 1.2 to 1.5 times faster on CPUs.
        output_dir: Folder for checkpoints, weights, history and curves; None to write nothing. `fit` with the same
            settings and folder goes on with a run that was interrupted.
        overwrite: True to start anew in a folder that holds an earlier run.
        force: True to go on with a run whose configuration, split or classes were others.
        checkpoint_every: Steps between two checkpoints; None for after each evaluation and every `checkpoint_minutes`.
        checkpoint_minutes: Longest time without a checkpoint; None for no limit.
        keep_checkpoints: Checkpoints that are kept.
        verbose: True for a progress bar (on a terminal) and one line an evaluation.

    Attributes:
        nested: Fields that are settings themselves, by name.

    Raises:
        ConfigError: A value is out of range, or both epochs and steps are given.
    """

    nested: ClassVar[Mapping[str, type[Settings]]] = {"schedule": Schedule}

    epochs: int | None = None
    num_steps: int | None = None
    max_minutes: float | None = None
    eval_every: int | None = None
    batch_size: int = 32
    lr: float = 1e-4
    optimizer: Literal["adamw", "adam"] = "adamw"
    weight_decay: float = 1e-4
    schedule: Schedule | Literal["constant", "cosine", "step", "plateau"] = field(default_factory=Schedule)
    backbone_lr_scale: float = 1.0
    clip_grad_norm: float | None = None
    accumulate: int = 1
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "fp32"
    ema_decay: float | None = None
    compile: bool = False
    augmentation: str = "light"
    sampling: Scheme = "uniform"
    monitor: str = "val_loss"
    patience: int | None = None
    drop_last: bool = False
    seed: int = 42
    num_workers: int = 0
    device: str = "auto"
    channels_last: bool = True
    output_dir: str | None = None
    overwrite: bool = False
    force: bool = False
    checkpoint_every: int | None = None
    checkpoint_minutes: float | None = 5.0
    keep_checkpoints: int = 2
    verbose: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.schedule, str):
            object.__setattr__(self, "schedule", Schedule(self.schedule))
        if not isinstance(self.schedule, Schedule):
            raise ConfigError(f"schedule must be a Schedule or the name of one, got {self.schedule!r}.")
        if self.output_dir is not None:
            object.__setattr__(self, "output_dir", str(self.output_dir))
        if self.epochs is not None and self.num_steps is not None:
            raise ConfigError(f"give epochs ({self.epochs}) or num_steps ({self.num_steps}), not both.")
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value > 0):
                raise ConfigError(f"{name} must be a positive number, got {value!r}.")
        for name in _WHOLE:
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            if not isinstance(value, Integral) or isinstance(value, bool):
                raise ConfigError(f"{name} must be a whole number, got {value!r}.")
            object.__setattr__(self, name, int(value))
        for name in _NOT_NEGATIVE:
            value = getattr(self, name)
            if not (_is_number(value) and value >= 0):
                raise ConfigError(f"{name} must be a number of at least 0, got {value!r}.")
        if self.ema_decay is not None and not (_is_number(self.ema_decay) and 0 <= self.ema_decay < 1):
            raise ConfigError(f"ema_decay must lie in [0, 1), got {self.ema_decay!r}; 0.999 is usual.")
        if self.sampling not in SCHEMES:
            raise ConfigError(f"unknown sampling {self.sampling!r}; use one of {', '.join(SCHEMES)}.")
        if self.precision not in ("auto", "fp32", "bf16", "fp16"):
            raise ConfigError(f"unknown precision {self.precision!r}; use 'auto', 'fp32', 'bf16' or 'fp16'.")
        if self.optimizer not in ("adamw", "adam"):
            raise ConfigError(f"unknown optimizer {self.optimizer!r}; use 'adamw' or 'adam'.")
        self.check_types()

    def total_steps(self, steps_per_epoch: int) -> int:
        """Planned optimiser steps."""
        return self.num_steps or (self.epochs or DEFAULT_EPOCHS) * steps_per_epoch


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
