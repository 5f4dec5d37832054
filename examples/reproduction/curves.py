"""How fast the nine-class models learn from different starts, in one picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from reproduction.jobs import Job
from skinzoo.plotting import save_figure
from skinzoo.plotting.style import INK, LABEL_SIZE, TEXT_SIZE, heading, line_look, new_figure, quiet_axes

METRIC, TITLE = "val_balanced_accuracy", "balanced accuracy, validation"


def draw_curves(jobs: Sequence[Job], out: Path, stems: Sequence[Path]) -> None:
    """Write a PNG with a line for each finished run on the nine classes; nothing if there is none."""
    lines = [(job, points) for job in jobs if job.protocol != "pre-training" and (points := curve(job.folder(out)))]
    if not lines:
        return
    figure = new_figure(7.0, 3.8)
    ax = figure.add_subplot()
    quiet_axes(ax, grid="y")
    heading(ax, "Nine classes: three ways to start")
    several = len({job.recipe.train.seed for job, _ in lines}) > 1
    for number, (job, points) in enumerate(lines):
        steps, values = zip(*points, strict=True)
        seed = f", seed {job.recipe.train.seed}" if several else ""
        label = f"{job.recipe.summary}{seed}"
        ax.plot(steps, values, label=label, linewidth=1.8, marker=".", **line_look(number, len(lines)))
    ax.set_xlabel("optimiser steps", fontsize=LABEL_SIZE, color=INK)
    ax.set_ylabel(TITLE, fontsize=LABEL_SIZE, color=INK)
    ax.set_ylim(0, 1)
    ax.set_xlim(left=0)
    ax.legend(frameon=False, fontsize=TEXT_SIZE, labelcolor=INK, loc="upper left")
    for stem in stems:
        save_figure(figure, stem, formats=("png",))


def curve(folder: Path) -> list[tuple[float, float]]:
    """Steps and values of a finished run; empty if it is not finished."""
    path = folder / "train" / "history.csv"
    if not (folder / "row.json").exists() or not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [(float(row["step"]), float(row[METRIC])) for row in csv.DictReader(file) if row[METRIC]]
