"""Load a report that was saved."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import ConfigError, DatasetNotFoundError, TableError
from skinzoo.evaluation.inference import Outcome
from skinzoo.evaluation.report import Report, Resampling
from skinzoo.evaluation.saved.table import PredictionTable, integer, metadata_column
from skinzoo.evaluation.saved.writing import MASK_COLUMNS, META, SCHEMA_VERSION, Kind
from skinzoo.models import OperatingPoints
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import IGNORE_INDEX, Task

_SUM_TOLERANCE = 1e-3
_FIGURE_TOLERANCE = 1e-9
_MOST_RESAMPLES = 1_000_000
_TYPES: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "facts": dict,
    "metrics": dict,
    "task": str,
    "label_space": (dict, type(None)),
    "operating_points": (dict, type(None)),
    "resampling": dict,
    "num_samples": int,
    "has_groups": bool,
    "has_logits": bool,
    "metadata_columns": dict,
    "loss_sums": dict,
}


def load_report(folder: str | os.PathLike[str]) -> Report:
    """Load what `Report.save` wrote, without its examples, added figures and attachments.

    Probabilities, labels, pixel counts, groups and metadata are those that were saved, bit for bit, and all figures are
    counted from them again. A float in `facts` that was not finite comes back as None.

    Args:
        folder: The report's folder, or the `report.json` in it; `predictions.csv` lies beside it.

    Raises:
        DatasetNotFoundError: A file is absent.
        ConfigError: `report.json` is damaged, of another version, or its figures are not those of the predictions.
        TableError: `predictions.csv` is damaged; the message names line and column.
    """
    folder = Path(folder)
    folder = folder.parent if folder.name == "report.json" else folder
    path = folder / "report.json"
    for needed in (path, folder / "predictions.csv"):
        if not needed.is_file():
            raise DatasetNotFoundError(f"{needed} is absent; give the folder that Report.save wrote.")
    keys = _keys(path)
    table = PredictionTable(folder / "predictions.csv")
    if len(table) != keys["num_samples"]:
        raise TableError(
            f"{table.path} has {len(table)} rows, and report.json speaks of {keys['num_samples']} samples; was the "
            "file cut short or edited?"
        )
    space = _label_space(path, keys)
    report = Report(
        title=keys["title"],
        facts=keys["facts"],
        label_space=space,
        outcome=_outcome(table, keys, space),
        groups=np.array(table.texts("group"), dtype=np.str_) if keys["has_groups"] else None,
        metadata={
            name: metadata_column(table, f"{META}{name}", kind) for name, kind in keys["metadata_columns"].items()
        },
        operating_points=_operating_points(path, keys),
        resampling=_resampling(path, keys["resampling"]),
    )
    _check_figures(path, keys["metrics"], report.values)
    return report


def _keys(path: Path) -> dict[str, Any]:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON")

    try:
        keys = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not readable JSON ({error}); save the report again.") from error
    if not isinstance(keys, dict):
        raise ConfigError(f"{path} must hold an object with the keys of a report; got {type(keys).__name__}.")
    version = keys.get("schema_version")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        hint = "with a newer skinzoo" if isinstance(version, int) and version > SCHEMA_VERSION else "again"
        raise ConfigError(
            f"{path} has the schema_version {version!r}, this skinzoo reads {SCHEMA_VERSION}; "
            f"{'load it' if hint.startswith('with') else 'evaluate and save it'} {hint}."
        )
    for name, types in _TYPES.items():
        if name not in keys or not isinstance(keys[name], types) or (types is int and isinstance(keys[name], bool)):
            found = repr(keys[name])[:80] if name in keys else "nothing"
            raise ConfigError(f"{path}: {name!r} holds {found}, which is no {name} of a report; save the report again.")
    if keys.get("loss") is not None and not _is_number(keys["loss"]):
        raise ConfigError(f"{path}: the loss must be a number; got {keys['loss']!r:.80}.")
    for name, kind in keys["metadata_columns"].items():
        if kind not in get_args(Kind):
            raise ConfigError(f"{path}: metadata_columns: {name!r} is of the unknown kind {kind!r}.")
    for name, pair in keys["loss_sums"].items():
        if not (isinstance(pair, list) and len(pair) == 2 and all(p is None or _is_number(p) for p in pair)):
            raise ConfigError(f"{path}: loss_sums: {name!r} must be two numbers; got {pair!r}.")
    return keys


def _label_space(path: Path, keys: Mapping[str, Any]) -> LabelSpace | None:
    if keys["task"] not in list(Task):
        raise ConfigError(f"{path}: unknown task {keys['task']!r}; expected one of {', '.join(Task)}.")
    task = Task(keys["task"])
    if task.has_labels != (keys["label_space"] is not None):
        raise ConfigError(f"{path}: a report of the task {task} with label_space {keys['label_space']!r:.80} is none.")
    if keys["label_space"] is None:
        return None
    try:
        return LabelSpace.from_dict(keys["label_space"])
    except (ConfigError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: label_space: {error}") from error


def _operating_points(path: Path, keys: Mapping[str, Any]) -> OperatingPoints | None:
    try:
        return None if keys["operating_points"] is None else OperatingPoints.from_dict(keys["operating_points"])
    except (ConfigError, TypeError) as error:
        raise ConfigError(f"{path}: operating_points: {error}") from error


def _resampling(path: Path, given: Mapping[str, Any]) -> Resampling:
    level, resamples, seed = (given.get(name, -1) for name in ("level", "resamples", "seed"))
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in (resamples, seed))
    if not (whole and _is_number(level) and 0 < level < 1 and 1 <= resamples <= _MOST_RESAMPLES):
        raise ConfigError(f"{path}: resampling must hold a level, resamples and a seed; got {dict(given)!r:.200}.")
    return Resampling(resamples=resamples, seed=seed, level=level)


def _outcome(table: PredictionTable, keys: Mapping[str, Any], space: LabelSpace | None) -> Outcome:
    task = Task(keys["task"])
    ids = table.texts("id")
    if len(set(ids)) < len(ids):
        last = {name: row for row, name in enumerate(ids)}
        row = next(row for row, name in enumerate(ids) if last[name] != row)
        raise table.error(last[ids[row]], "id", f"{ids[row]!r} stands twice, first in line {table.lines[row]}")
    counts, rows = _masks(table) if task.has_masks else (None, np.zeros(0, np.int64))
    probabilities = None if space is None else _probabilities(table, space)
    logits = None
    if space is not None and keys["has_logits"]:
        logits = np.stack([table.numbers(f"logit_{code}") for code in space], axis=1)
    return Outcome(
        ids=ids,
        labels=_labels(table, space),
        logits=logits,
        probabilities=probabilities,
        mask_counts=counts,
        mask_rows=rows,
        loss_sums={
            name: (math.nan if total is None else float(total), math.nan if mass is None else float(mass))
            for name, (total, mass) in keys["loss_sums"].items()
        },
        loss=None if keys.get("loss") is None else float(keys["loss"]),
        classes=space.classes if space else (),
    )


def _labels(table: PredictionTable, space: LabelSpace | None) -> NDArray[np.int64]:
    if space is None:
        if "label" not in table:
            return np.full(len(table), IGNORE_INDEX, dtype=np.int64)
        values = table.parsed("label", lambda c: integer(c) if c else IGNORE_INDEX, "a class index")
        return np.array(values, dtype=np.int64)
    known = {code: k for k, code in enumerate(space)}
    labels = np.full(len(table), IGNORE_INDEX, dtype=np.int64)
    for row, (cell, text) in enumerate(zip(table.cells("label"), table.texts("label"), strict=True)):
        if cell and text not in known:
            raise table.error(row, "label", f"{text[:80]!r} is none of the classes {', '.join(space)}")
        labels[row] = known[text] if cell else IGNORE_INDEX
    return labels


def _probabilities(table: PredictionTable, space: LabelSpace) -> NDArray[np.float64]:
    columns = [f"p_{code}" for code in space]
    values = np.stack([table.numbers(name, low=0, high=1) for name in columns], axis=1)
    sums = values.sum(axis=1)
    if (bad := np.flatnonzero(np.abs(sums - 1) > _SUM_TOLERANCE)).size:
        raise table.error(int(bad[0]), f"{columns[0]} ... {columns[-1]}", f"the sum is {sums[bad[0]]:.6g}, not 1")
    for row, (text, k) in enumerate(zip(table.texts("predicted"), values.argmax(axis=1).tolist(), strict=True)):
        if text != space.classes[k]:
            raise table.error(row, "predicted", f"{text[:80]!r}, and {space.classes[k]!r} has the highest probability")
    return values


def _masks(table: PredictionTable) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if MASK_COLUMNS[0] not in table:
        return np.zeros((0, 3), np.int64), np.zeros(0, np.int64)
    cells = [table.cells(name) for name in MASK_COLUMNS]
    rows = [row for row, three in enumerate(zip(*cells, strict=True)) if any(three)]
    counts = np.zeros((len(rows), 3), np.int64)
    for at, row in enumerate(rows):
        for k, name in enumerate(MASK_COLUMNS):
            cell = cells[k][row]
            if not (cell.isascii() and cell.isdigit() and len(cell) < 16):
                raise table.error(row, name, f"{cell[:80]!r} is not a number of pixels")
            counts[at, k] = int(cell)
        if counts[at, 0] > counts[at, 1:].min():
            raise table.error(row, MASK_COLUMNS[0], f"{counts[at, 0]} pixels in both masks, more than in one of them")
    return counts, np.array(rows, dtype=np.int64)


def _check_figures(path: Path, saved: Mapping[str, Any], counted: Mapping[str, float]) -> None:
    for name in saved.keys() & counted.keys():
        was, now = saved[name], counted[name]
        same = now != now if was is None else _is_number(was) and abs(was - now) <= _FIGURE_TOLERANCE
        if not same:
            raise ConfigError(
                f"{path} says {name} = {was!r}, the predictions beside it give {now:.6g}; the two files do not belong "
                "together, or one was edited. Save the report again."
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300
