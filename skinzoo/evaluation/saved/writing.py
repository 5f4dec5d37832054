"""What a report writes so that it can be loaded again: the table of predictions, and some keys of `report.json`.

Cells of `predictions.csv` round-trip exactly: numbers have as many digits as float64 needs, and texts that a
spreadsheet would take for a formula have an apostrophe in front, which `unquoted` takes off again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from skinzoo.errors import ConfigError
from skinzoo.files import plain
from skinzoo.types import Task

if TYPE_CHECKING:
    from skinzoo.evaluation.inference import Outcome
    from skinzoo.evaluation.report import Report

SCHEMA_VERSION = 1
"""Of `report.json` and `predictions.csv`; a higher one is for a newer skinzoo."""

Kind = Literal["text", "number", "integer", "boolean", "json"]
"""How the cells of a metadata column are written; `"json"` where texts and other values are mixed."""

MASK_COLUMNS = ("mask_intersection", "mask_truth_area", "mask_predicted_area")
META = "meta_"
_QUOTED = re.compile(r"'[=+\-@\t\r']")
_KINDS: dict[str, Kind] = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "U": "text"}


def saved_keys(report: Report) -> dict[str, Any]:
    """What `report.json` holds beside the figures, for `load_report`."""
    o, points, drawn = report.outcome, report.operating_points, report.resampling
    return {
        "schema_version": SCHEMA_VERSION,
        "task": task_of(o).value,
        "label_space": report.label_space.to_dict() if report.label_space else None,
        "operating_points": None if points is None else points.to_dict(),
        "resampling": {"level": drawn.level, "resamples": drawn.resamples, "seed": drawn.seed},
        "num_samples": len(o.ids),
        "has_groups": report.groups is not None,
        "has_logits": o.logits is not None,
        "metadata_columns": {name: column_kind(name, column) for name, column in report.metadata.items()},
        "loss": o.loss,
        "loss_sums": {name: list(pair) for name, pair in o.loss_sums.items()},
    }


def prediction_table(report: Report) -> tuple[list[str], Iterator[list[object]]]:
    """Header and rows of `predictions.csv`, for `skinzoo.files.write_csv`.

    The columns are `id`; `group`; `label` and `predicted` (class codes); `p_<CODE>` and `logit_<CODE>` of each class;
    `dice`, `iou` and the pixel counts `mask_intersection`, `mask_truth_area` and `mask_predicted_area`; and the
    metadata as `meta_<name>`. Those that the report does not have are absent; a cell is empty where nothing is known.

    Raises:
        ConfigError: A metadata column holds something that no text can stand for.
    """
    columns = dict(_columns(report))
    return list(columns), (list(row) for row in zip(*columns.values(), strict=True))


def task_of(outcome: Outcome) -> Task:
    """What the model that gave this outcome predicts."""
    if outcome.probabilities is None:
        return Task.SEGMENTATION
    return Task.CLASSIFICATION if outcome.mask_counts is None else Task.MULTITASK


def quoted(text: str) -> str:
    """A text so that `unquoted` tells an apostrophe of its own from the one that `write_csv` puts before formulas."""
    return f"'{text}" if _QUOTED.match(text) else text


def unquoted(cell: str) -> str:
    """The text that was written as this cell."""
    return cell[1:] if _QUOTED.match(cell) else cell


def column_kind(name: str, column: NDArray[Any]) -> Kind:
    """How to write a metadata column.

    Raises:
        ConfigError: An array of another type than text, numbers, booleans or objects.
    """
    if column.dtype.kind in _KINDS and not (column.dtype.kind == "U" and (column == "").any()):
        return _KINDS[column.dtype.kind]
    if column.dtype.kind not in "OU":
        raise ConfigError(
            f"metadata column {name!r} is an array of {column.dtype}, which cannot be saved; make it text or numbers."
        )
    plainly = all(value is None or (isinstance(value, str) and value) for value in column.tolist())
    return "text" if plainly else "json"


def _columns(report: Report) -> Iterator[tuple[str, list[Any]]]:
    o = report.outcome
    codes = report.label_space.classes if report.label_space else ()
    yield "id", [quoted(name) for name in o.ids]
    if report.groups is not None:
        yield "group", [quoted(str(name)) for name in report.groups.tolist()]
    if o.probabilities is not None and codes:
        yield "label", [quoted(codes[k]) if k >= 0 else None for k in o.labels.tolist()]
        yield "predicted", [quoted(codes[k]) for k in o.probabilities.argmax(axis=1).tolist()]
        for prefix, values in (("p_", o.probabilities), ("logit_", o.logits)):
            if values is not None:
                yield from ((f"{prefix}{code}", values[:, k].tolist()) for k, code in enumerate(codes))
    elif (o.labels >= 0).any():
        yield "label", [k if k >= 0 else None for k in o.labels.tolist()]
    if (scores := report.segmentation) is not None and o.mask_counts is not None:
        per_mask = dict(zip(("dice", "iou"), scores.per_image, strict=True))
        for name, values in (per_mask | dict(zip(MASK_COLUMNS, o.mask_counts.T, strict=True))).items():
            found = dict(zip(o.mask_rows.tolist(), values.tolist(), strict=True))
            yield name, [found.get(row) for row in range(len(o.ids))]
    for name, column in report.metadata.items():
        kind = column_kind(name, column)
        yield f"{META}{name}", [_cell(name, value, kind) for value in column.tolist()]


def _cell(name: str, value: Any, kind: Kind) -> object:
    if value is None or (kind == "number" and value != value):
        return None
    if kind == "json":
        try:
            return quoted(json.dumps(plain(value), ensure_ascii=False, allow_nan=False))
        except (ConfigError, ValueError) as error:
            raise ConfigError(f"metadata column {name!r}: {error}") from error
    return quoted(value) if isinstance(value, str) else value
