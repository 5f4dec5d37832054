"""Small objects that the Trainer tells what happens; each does one thing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skinzoo.files import atomic_path, write_json
from skinzoo.metrics import higher_is_better
from skinzoo.training.history import Row, format_row

if TYPE_CHECKING:
    from skinzoo.training.trainer import Trainer


class Callback:
    """Base class; override what you need.

    To end the training, set `trainer.history.stopped` to the reason.

    Attributes:
        everywhere: True to be called in every process of a run; otherwise only in the main one.
    """

    everywhere = False

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first step, or the first after an interruption.

        Args:
            trainer: Who is about to train.
        """

    def on_step_start(self, trainer: Trainer, step: int) -> None:
        """Before each optimiser step.

        Args:
            trainer: Who makes it; `trainer.run` holds model, optimiser and more.
            step: Its number; 0 is the first.
        """

    def on_evaluation(self, trainer: Trainer, row: Row) -> None:
        """After each evaluation.

        Args:
            trainer: Who made it.
            row: The new row of the history.
        """

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last step, before the best weights are put back."""

    def state(self) -> dict[str, Any]:
        """Plain values that a checkpoint keeps; empty if there is nothing to remember."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state; called before `on_fit_start`."""


class BestWeights(Callback):
    """Keeps the weights with the best monitored value; ties keep the earlier ones.

    Args:
        monitor: Column of the history.
    """

    everywhere = True

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor
        self.sign = 1.0 if higher_is_better(monitor) else -1.0

    def on_evaluation(self, trainer: Trainer, row: Row) -> None:
        """Keep the weights if `row` beats the best so far; an undefined value beats nothing."""
        best, value = trainer.history.best, row[self.monitor]
        if value == value and (best is None or self.sign * value > self.sign * best[self.monitor]):
            trainer.history.best = row
            assert trainer.run is not None
            trainer.run.keep_weights()


class EarlyStopping(Callback):
    """Stops after `patience` evaluations in a row that did not beat the best one.

    Args:
        patience: Number of evaluations.
    """

    everywhere = True

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def on_evaluation(self, trainer: Trainer, row: Row) -> None:  # noqa: ARG002
        """Count the evaluations since the best one."""
        rows = trainer.history.rows
        since = len(rows) - 1 - next((i for i, r in enumerate(rows) if r is trainer.history.best), len(rows) - 1)
        if since >= self.patience:
            trainer.history.stopped = f"no better {trainer.config.monitor} for {since} evaluations"


class Writer(Callback):
    """Writes `train_config.json`, `history.csv`, `learning_curves.png`, and the models `best/` and `last/`.

    Args:
        folder: Where to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_fit_start(self, trainer: Trainer) -> None:
        """Clear away what is not of this run, and write the configuration."""
        if not len(trainer.history):
            for name in ("best", "last"):
                shutil.rmtree(self.folder / name, ignore_errors=True)
            for name in ("history.csv", "learning_curves.png"):
                (self.folder / name).unlink(missing_ok=True)
        write_json(self.folder / "train_config.json", trainer.config.to_dict())

    def on_evaluation(self, trainer: Trainer, row: Row) -> None:
        """Bring the files up to date."""
        trainer.history.save(self.folder)
        figures: dict[str, Any] = {**row}
        trainer.evaluated.save_pretrained(self.folder / "last", **figures)
        if row is trainer.history.best:
            trainer.evaluated.save_pretrained(self.folder / "best", **figures)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Draw the curves."""
        with atomic_path(self.folder / "learning_curves.png") as temporary:
            trainer.history.figure().savefig(temporary, dpi=120)


class Printer(Callback):
    """Prints one line an evaluation."""

    def on_evaluation(self, trainer: Trainer, row: Row) -> None:
        """Print the row; a star marks the best so far."""
        trainer.say(format_row(row) + ("  *" if row is trainer.history.best else ""))
