"""What happened during training: one row an evaluation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from skinzoo.files import write_csv

Row = dict[str, float]


class History:
    """Rows of step, epoch, learning rate, losses and metrics.

    Attributes:
        rows: One dict an evaluation, in order.
        best: The row with the best monitored value so far; None before the first.
        stopped: Why training ended before its last planned step; empty if it did not.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.best: Row | None = None
        self.stopped = ""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> list[float]:
        """One column; NaN where a row lacks it."""
        return [row.get(name, float("nan")) for row in self.rows]

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in order of first appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write `history.csv`."""
        write_csv(Path(folder) / "history.csv", self.columns, [[row.get(c) for c in self.columns] for row in self.rows])

    def figure(self) -> Any:
        """Learning curves as a matplotlib figure."""
        from skinzoo.plotting import learning_curves

        return learning_curves(self.rows, best_epoch=self.best["epoch"] if self.best else None)

    def __repr__(self) -> str:
        return f"History({len(self)} evaluations{', best ' + format_row(self.best) if self.best else ''})"


def format_row(row: Row) -> str:
    """One readable line."""
    names = {"val_macro_f1": "F1", "val_accuracy": "accuracy", "val_dice": "Dice", "val_loss": "val loss"}
    shown = [f"epoch {row['epoch']:.2f}", f"step {row['step']:.0f}", f"loss {row['train_loss']:.4f}"]
    shown += [f"{title} {row[name]:.4f}" for name, title in names.items() if name in row]
    return "  ".join([*shown, f"lr {row['lr']:.2e}", f"{row['seconds']:.0f} s"])
