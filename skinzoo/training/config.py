"""How to train, as one frozen, printable object."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from numbers import Integral, Real
from typing import Any, Literal

from skinzoo.errors import ConfigError
from skinzoo.training.schedules import Schedule

DEFAULT_EPOCHS = 10


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    Args:
        epochs: Passes over the training set (10 if `num_steps` is not given either).
        num_steps: Optimiser steps, instead of epochs.
        max_minutes: Stop early when this much time has passed; the schedule still spans the planned steps.
        eval_every: Steps between two evaluations; None for once an epoch.
        batch_size: Samples in a step, over all processes.
        lr: Peak learning rate.
        optimizer: `"adamw"` or `"adam"`.
        weight_decay: Applied to weights only, never to biases and normalisation parameters.
        schedule: A `Schedule` or its kind.
        clip_grad_norm: Largest gradient norm; None for no clipping.
        augmentation: Name of a preset from `list_augmentations()`.
        monitor: What the best weights are chosen by: `"val_loss"`, `"val_macro_f1"`, `"val_dice"` ...
        patience: Evaluations without improvement before training stops; None for never.
        drop_last: True to leave out a last, smaller batch of an epoch.
        seed: Order, augmentation and dropout are functions of it.
        num_workers: Processes that load data; 0 for none.
        device: `"auto"`, `"cpu"`, `"cuda"`, `"cuda:1"` ...
        channels_last: Memory layout that convolutions prefer; 1.2 to 1.5 times faster on CPUs.
        output_dir: Folder for weights, history and curves; None to write nothing.
        overwrite: True to start anew in a folder that holds an earlier run.
        verbose: True for a progress bar (on a terminal) and one line an evaluation.

    Raises:
        ConfigError: A value is out of range, or both epochs and steps are given.
    """

    epochs: int | None = None
    num_steps: int | None = None
    max_minutes: float | None = None
    eval_every: int | None = None
    batch_size: int = 32
    lr: float = 1e-4
    optimizer: Literal["adamw", "adam"] = "adamw"
    weight_decay: float = 1e-4
    schedule: Schedule | Literal["constant", "cosine", "step", "plateau"] = field(default_factory=Schedule)
    clip_grad_norm: float | None = None
    augmentation: str = "light"
    monitor: str = "val_loss"
    patience: int | None = None
    drop_last: bool = False
    seed: int = 42
    num_workers: int = 0
    device: str = "auto"
    channels_last: bool = True
    output_dir: str | None = None
    overwrite: bool = False
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
        for name in (
            "epochs",
            "num_steps",
            "max_minutes",
            "eval_every",
            "batch_size",
            "lr",
            "clip_grad_norm",
            "patience",
        ):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value > 0):
                raise ConfigError(f"{name} must be a positive number, got {value!r}.")
        for name in ("epochs", "num_steps", "eval_every", "batch_size", "patience", "seed", "num_workers"):
            value = getattr(self, name)
            if value is None and name not in ("batch_size", "seed", "num_workers"):
                continue
            if not isinstance(value, Integral) or isinstance(value, bool):
                raise ConfigError(f"{name} must be a whole number, got {value!r}.")
            object.__setattr__(self, name, int(value))
        for name in ("weight_decay", "seed", "num_workers"):
            value = getattr(self, name)
            if not (_is_number(value) and value >= 0):
                raise ConfigError(f"{name} must be a number of at least 0, got {value!r}.")
        if self.optimizer not in ("adamw", "adam"):
            raise ConfigError(f"unknown optimizer {self.optimizer!r}; use 'adamw' or 'adam'.")

    def total_steps(self, steps_per_epoch: int) -> int:
        """Planned optimiser steps."""
        return self.num_steps or (self.epochs or DEFAULT_EPOCHS) * steps_per_epoch

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
