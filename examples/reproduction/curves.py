"""How fast the nine-class models learn from different starts, in one picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from reproduction.jobs import Job
from skinzoo.plotting import convergence_curves, save_figure

METRIC, TITLE = "val_balanced_accuracy", "balanced accuracy, validation"


def draw_curves(jobs: Sequence[Job], out: Path, stems: Sequence[Path]) -> None:
    """Write a PNG with a line for each finished run on the nine classes; nothing if there is none."""
    found = [(job, rows) for job in jobs if job.protocol != "pre-training" and (rows := history(job.folder(out)))]
    if not found:
        return
    several = len({job.recipe.train.seed for job, _ in found}) > 1
    lines = {job.recipe.summary + (f", seed {job.recipe.train.seed}" if several else ""): rows for job, rows in found}
    figure = convergence_curves(lines, METRIC, x="step", value_label=TITLE, title="Nine classes from different starts")
    for stem in stems:
        save_figure(figure, stem, formats=("png",))


def history(folder: Path) -> list[dict[str, str]]:
    """The evaluations of a finished run; empty if it is not finished."""
    path = folder / "train" / "history.csv"
    if not (folder / "row.json").exists() or not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
