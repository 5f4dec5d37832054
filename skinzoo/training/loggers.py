"""Sending figures to a tracking tool while training runs; `history.csv` is written in any case.

A logger is any object with two methods:

```python
class Wandb:
    def __init__(self, **options):
        self.run = wandb.init(**options)

    def log(self, values, step):
        self.run.log(dict(values), step=step)

    def close(self):
        self.run.finish()


Trainer(model, config, callbacks=[LogTo(Wandb(project="lesions"), every=20)]).fit(train, val)
```
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from skinzoo.errors import ConfigError, MissingDependencyError
from skinzoo.training.callbacks import Callback
from skinzoo.training.engine import Engine
from skinzoo.training.history import Row

if TYPE_CHECKING:
    from skinzoo.training.trainer import Trainer


@runtime_checkable
class Logger(Protocol):
    """What a tracking tool has to offer."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Keep some figures.

        Args:
            values: By name, such as `"val_macro_f1"`; an undefined one is NaN.
            step: Optimiser steps made so far. A run that is taken up again may give a step a second time, with the
                same values.
        """
        ...

    def close(self) -> None:
        """Called once, after the last step."""
        ...


class LogTo(Callback):
    """Feeds a logger: every row of the history and, if asked, the running training loss.

    In a run of several processes only the main one logs. A logger that fails is warned about and not asked again: a
    tracking server that is down does not end a training.

    Args:
        logger: Where to.
        every: Steps between two values of `running_loss`, the mean training loss since the last evaluation, and of
            `lr`; None for evaluations only. On an accelerator each of them waits for the device once.

    Raises:
        ConfigError: `logger` lacks a method, or `every` is no whole number above 0.
    """

    def __init__(self, logger: Logger, *, every: int | None = None) -> None:
        if not isinstance(logger, Logger):
            raise ConfigError(f"a logger has the methods log(values, step) and close(), {logger!r} has not.")
        if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise ConfigError(f"every must be a whole number of at least 1, or None; got {every!r}.")
        self.logger = logger
        self.every = every
        self._failed = False

    def on_step_start(self, trainer: Trainer, step: int) -> None:
        """Log the running loss of the steps before this one."""
        if not self.every or not step or step % self.every:
            return
        assert trainer.run is not None
        stepper = trainer.run.stepper
        alone = Engine(trainer.run.engine.device)  # this process's own losses: the others do not take part
        means = stepper.tally.means(alone, trainer.loss)
        if "train_loss" in means:
            values = {"running_loss": means["train_loss"], "lr": float(stepper.optimizer.param_groups[0]["lr"])}
            self._log(values, step)

    def on_evaluation(self, trainer: Trainer, row: Row) -> None:  # noqa: ARG002
        """Log the row."""
        self._log({name: value for name, value in row.items() if name != "step"}, int(row["step"]))

    def on_fit_end(self, trainer: Trainer) -> None:  # noqa: ARG002
        """Close the logger."""
        self._attempt("closed", self.logger.close)

    def _log(self, values: Mapping[str, float], step: int) -> None:
        self._attempt(f"told about step {step}", self.logger.log, values, step)

    def _attempt(self, what: str, action: Callable[..., object], *arguments: object) -> None:
        if self._failed:
            return
        try:
            action(*arguments)
        except Exception as error:
            self._failed = True
            warnings.warn(
                f"{type(self.logger).__name__} could not be {what} ({type(error).__name__}: {error}); training goes on "
                "without it, and history.csv has the figures.",
                stacklevel=2,
            )


class TensorBoardLogger:
    """Writes event files that `tensorboard --logdir <folder>` shows.

    Needs the extra `tensorboard`: `pip install "skinzoo[tensorboard]"`.

    Args:
        folder: Where to, such as `"runs/demo/tensorboard"`; made with the first value.

    Raises:
        MissingDependencyError: tensorboard is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingDependencyError(
                f'TensorBoardLogger needs tensorboard ({error}): pip install "skinzoo[tensorboard]".'
            ) from error
        self.folder = Path(folder)
        self._make = SummaryWriter
        self._writer: Any = None

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Write each value; a name such as `val_loss` stands under `val`.

        Args:
            values: By name.
            step: Optimiser steps made so far.
        """
        if self._writer is None:
            self._writer = self._make(str(self.folder))
        for name, value in values.items():
            part, _, rest = name.partition("_")
            tag = f"{part}/{rest}" if part in ("train", "val") else name
            self._writer.add_scalar(tag, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
