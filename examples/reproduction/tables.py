"""From rows to the tables of the results page: JSON with everything, and Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from reproduction.jobs import PROTOCOLS, Protocol
from reproduction.references import REFERENCES
from skinzoo.files import write_json, write_text

Row = dict[str, Any]
COLUMNS = {
    "ham-classification": {
        "accuracy": "accuracy",
        "macro_f1": "macro F1",
        "macro_auc": "macro AUC",
        "balanced_accuracy": "balanced accuracy",
        "MEL/recall": "melanoma recall",
    },
    "ham-segmentation": {
        "dice": "Dice, mean per image",
        "iou": "IoU, mean per image",
        "dice_pooled": "Dice over all pixels",
        "thresholded_jaccard": "thresholded Jaccard",
    },
    "ham-multitask": {
        "accuracy": "accuracy",
        "macro_f1": "macro F1",
        "macro_auc": "macro AUC",
        "balanced_accuracy": "balanced accuracy",
        "dice": "Dice",
        "iou": "IoU",
    },
    "isic9": {
        "weighted_recall": "weighted recall",
        "weighted_precision": "weighted precision",
        "macro_f1": "macro F1",
        "macro_auc": "macro AUC",
    },
}
COLUMNS["transfer"] = COLUMNS["isic9"]
PICTURES = {"transfer": "Balanced accuracy on the validation part against optimiser steps, a line for each start"}
NONE_YET = "Not run yet."


def write_table(
    table: str, rows: Sequence[Row], folders: Iterable[Path], *, ceiling: tuple[int, float] | None = None
) -> None:
    """Write `<table>.json` and `<table>.md`.

    Args:
        table: Its name.
        rows: Of the runs that there are, in order.
        folders: Where to; made if absent.
        ceiling: Contradictory pictures of the nine classes, and the accuracy that they leave to be had.
    """
    for folder in folders:
        path = folder / f"{table}.json"
        merged = merge(json.loads(path.read_text("utf-8"))["rows"] if path.exists() else [], rows)
        value: Row = {"table": table, "rows": merged}
        if ceiling is not None:
            value |= {"contradictory_pictures": ceiling[0], "accuracy_ceiling": ceiling[1]}
        write_json(path, value)
        write_text(folder / f"{table}.md", markdown(table, merged))


def merge(before: Sequence[Row], now: Sequence[Row]) -> list[Row]:
    """The present rows, and those of earlier calls or other machines that are not among them."""
    names = {(row["table"], row["run"]) for row in now}
    return [*now, *(row for row in before if (row["table"], row["run"]) not in names)]


def markdown(table: str, rows: Sequence[Row]) -> str:
    """A table of figures for each way to divide, with those of others; then the runs, and what they took."""
    if not rows:
        return f"{NONE_YET}\n"
    columns = {name: title for name, title in COLUMNS[table].items() if any(name in row["figures"] for row in rows)}
    resamples = f"95 % interval from {rows[0]['resamples']:,} resamples of whole lesions"
    several = [same for same in grouped(rows) if len(same) > 1]
    parts = [
        *figures_tables(table, rows, columns),
        f"In brackets: {resamples}{', or the range over the seeds' if several else ''}.",
        f'<img alt="{PICTURES[table]}" src="../assets/results/{table}.png">' if table in PICTURES else "",
    ]
    if several:
        parts += [f"Each seed, with its {resamples}:", runs_table([row for same in several for row in same], columns)]
    parts += ["The runs, and what they took:", effort_table(rows), notes(rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def figures_tables(table: str, rows: Sequence[Row], columns: dict[str, str]) -> list[str]:
    """For each way to divide, a heading and a line for each kind of run, the mean over its seeds; and for others'."""
    groups = grouped(rows)
    shown = list(dict.fromkeys(same[0]["protocol"] for same in groups))
    shown.sort(key=lambda protocol: protocol == "pre-training")
    parts = []
    for protocol in shown:
        lines = []
        for same in groups:
            if same[0]["protocol"] == protocol:
                for kind, words in (("figures", ""), ("views", " + views")):
                    cells = [over_seeds([row[kind].get(name) for row in same]) for name in columns]
                    lines.append([f"**{same[0]['title']}{words}**", *cells])
        for other in REFERENCES[table]:
            if protocol == (other.beside if other.beside in shown else shown[0]):
                cells = [other.figures.get(name, "") for name in columns]
                lines.append([f"{other.kind}: {other.what}; {other.protocol} [{other.source}]", *cells])
        parts += [heading(protocol, rows), table_of(["", *columns.values()], lines)]
    return parts


def heading(protocol: Protocol, rows: Sequence[Row]) -> str:
    """How the parts were made, for the line above a table."""
    chosen = [row for row in rows if row["protocol"] == protocol]
    seeds = sorted({row["seed"] for row in chosen})
    exposed = [row["exposed"] for row in chosen if row["exposed"] is not None]
    said = f"**{PROTOCOLS[protocol]}**; seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    return said + (f"; {100 * mean(exposed):.1f} % of the test images are exposed" if exposed else "") + ":"


def runs_table(rows: Sequence[Row], columns: dict[str, str]) -> str:
    """One line for each run, with its figures."""
    lines = [[f"`{row['run']}`", *(with_interval(row["figures"].get(name)) for name in columns)] for row in rows]
    return table_of(["run", *columns.values()], lines)


def effort_table(rows: Sequence[Row]) -> str:
    """Images, parameters and time of each run."""
    lines = []
    for row in rows:
        rate = row["images_per_second"]
        lines.append(
            [
                f"`{row['run']}`",
                " / ".join(f"{n:,}" for n in row["images"]),
                f"`{row['test_hash'][:12]}`",
                f"{row['parameters'] / 1e6:.2f} M",
                f"{row['epochs']:.3g} ({row['best_epoch']:.3g})",
                f"{row['minutes']:.1f}",
                f"{rate['training']:.0f}",
                f"{rate['answers']:.0f}",
            ]
        )
    head = ["run", "images", "hash of the test ids", "parameters", "epochs (best)", "minutes"]
    head += ["images/s, training", "images/s, answers"]
    return table_of(head, lines)


def notes(rows: Sequence[Row]) -> str:
    """How to make one run alone, machines and versions, and classes that could not be divided."""
    budgets = dict.fromkeys(row["command"].rpartition("--budget ")[2] for row in rows)
    alone = [f"One run alone: the command with `--runs <run> --seeds <seed> --budget {name}`" for name in budgets]
    said = dict.fromkeys(
        f"{row['hardware']}; " + ", ".join(f"{name} {number}" for name, number in row["versions"].items())
        for row in rows
    )
    left_out = dict.fromkeys(
        f"{row['protocol']}: {', '.join(f'{code} ({n} images)' for code, n in row['left_out'].items())} left out, "
        "too few lesions to be divided"
        for row in rows
        if row["left_out"]
    )
    return "\n".join(f"- {line}." for line in (*alone, *said, *left_out))


def grouped(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that differ by their seed alone."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["table"], row["group"]), []).append(row)
    return list(groups.values())


def over_seeds(figures: Sequence[list[float | None] | None]) -> str:
    """The mean and the range of several seeds, or the one figure with its interval; empty where it was not measured."""
    values = [figure[0] for figure in figures if figure is not None and figure[0] is not None]
    if not values:
        return "" if all(figure is None for figure in figures) else "undefined"
    if len(figures) == 1:
        return with_interval(figures[0])
    if len(values) < len(figures):
        return f"{mean(values):.3f} ({len(values)} of {len(figures)} seeds; undefined in the others)"
    return f"{mean(values):.3f} (seeds {min(values):.3f} to {max(values):.3f})"


def with_interval(figure: list[float | None] | None) -> str:
    """A figure and its interval."""
    if figure is None:
        return ""
    value, low, high = figure
    if value is None:
        return "undefined"
    return f"{value:.3f}" + ("" if low is None or high is None else f" ({low:.3f} to {high:.3f})")


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean."""
    return sum(values) / len(values)


def table_of(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    body = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in body)
