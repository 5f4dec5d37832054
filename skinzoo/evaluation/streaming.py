"""Predictions for any number of pictures into a table on disk; an interrupted call goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

import skinzoo
from skinzoo.errors import ConfigError
from skinzoo.evaluation.answers import Prediction
from skinzoo.evaluation.batching import BatchSize, check_batch_size
from skinzoo.evaluation.engines import MIN_PICTURES, Engine, forward_of
from skinzoo.evaluation.partfile import Kind, PartFile, pyarrow
from skinzoo.evaluation.prediction import predictions_of
from skinzoo.html import DISCLAIMER
from skinzoo.inputs import PictureLike, Unreadable, find_pictures, readable
from skinzoo.models import SkinModel

_ROWS = 32
_MEASURES: dict[str, Kind] = {
    "area": "integer",
    **dict.fromkeys(("diameter", "asymmetry", "border_irregularity", "solidity"), "number"),
    "colours": "text",
    "touches_edge": "boolean",
}


@dataclass(frozen=True)
class WrittenPredictions:
    """What `predict_table` did.

    Attributes:
        path: The table.
        num_rows: Pictures in it, those that could not be read among them.
        num_failed: Pictures that could not be read; their rows say why in the column `error`.
        num_resumed: Rows that an earlier, interrupted call had written.
    """

    path: Path
    num_rows: int
    num_failed: int
    num_resumed: int

    def __str__(self) -> str:
        failed = f", {self.num_failed} of them not readable" if self.num_failed else ""
        earlier = f", {self.num_resumed} from an earlier call" if self.num_resumed else ""
        return (
            f"{self.num_rows} picture{'' if self.num_rows == 1 else 's'}{failed}{earlier} in {self.path}. {DISCLAIMER}"
        )


def predict_table(
    model: SkinModel,
    inputs: PictureLike | Iterable[PictureLike],
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, Any] | None = None,
    batch_size: BatchSize = "auto",
    measure: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    engine: Engine = "auto",
) -> WrittenPredictions:
    """Predict for pictures, a folder or an archive, a row each, into a CSV or Parquet file.

    The rows are written to `<path>.part` as they come, and the file is renamed at the end. An interrupted call that is
    repeated passes over the pictures that have a row already. A picture that cannot be read gets a row that says so.

    Args:
        model: Any model of the zoo, on the device to compute on.
        inputs: As for `predict`.
        path: Ends in `.csv` or `.parquet` (which needs pyarrow).
        metadata: For a model that takes it: one mapping for all pictures.
        batch_size: As for `predict`; a number is also how many rows are written at a time.
        measure: Add the lesion's measures; some milliseconds a picture.
        overwrite: Replace a table that is there, and begin anew.
        progress: Show a bar if this is a terminal.
        engine: As for `predict`; what counts is the number of all pictures, not of those that have no row yet.

    Raises:
        ConfigError: Another ending; the table is there already; or the part of it was written by another model or with
            other options.
        MissingDependencyError: Parquet without pyarrow.
        DatasetNotFoundError: As for `predict`, as are the other errors.
    """
    check_batch_size(batch_size)
    target = Path(path)
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError(f"{target} must end in .csv or .parquet.")
    if target.suffix.lower() == ".parquet":
        pyarrow()
    if target.exists() and not overwrite:
        raise ConfigError(f"{target} is there already; give another path, or overwrite=True.")
    classes = list(model.label_space or ())
    columns = _columns(model, classes, measure)
    part = PartFile(target, {"model": _fingerprint(model), "skinzoo": skinzoo.__version__}, columns)
    found_pictures = find_pictures(inputs)
    # before anything is written, so that a wrong path leaves nothing behind
    first = list(islice(found_pictures, MIN_PICTURES))
    forward = forward_of(model, engine, len(first))
    done = part.open(anew=overwrite)
    failed: list[Unreadable] = []
    pictures = (p for p in chain(first, found_pictures) if p.id not in done)
    samples = readable(model, pictures, failed, metadata)
    found = predictions_of(model, forward, samples, batch_size, len(first), measure=measure, heatmaps=False)
    rows = _ROWS if batch_size == "auto" else batch_size
    reported = 0
    try:
        with tqdm(unit=" pictures", initial=len(done), disable=None if progress else True, desc=target.name) as bar:
            while True:
                group = list(islice(found, rows))
                missing = failed[reported:]
                part.write([*(_row(p) for p in group), *({"id": f.id, "error": f.reason} for f in missing)])
                bar.update(len(group) + len(missing))
                reported += len(missing)
                if not group:
                    break
        part.publish()
    finally:
        part.close()
    earlier = sum(row["error"] is not None for row in done.values())
    return WrittenPredictions(target, part.num_rows, earlier + len(failed), len(done))


def _columns(model: SkinModel, classes: list[str], measure: bool) -> dict[str, Kind]:
    columns: dict[str, Kind] = {"id": "text"}
    if classes:
        columns |= {"label": "text", "probability": "number", "malignancy": "number"}
        columns |= {"suspicious": "boolean", "abstains": "boolean", **{f"p_{code}": "number" for code in classes}}
    if model.task.has_masks:
        columns |= {"lesion_share": "number", **(_MEASURES if measure else {})}
    return columns | {"error": "text"}


def _row(prediction: Prediction) -> dict[str, Any]:
    values = prediction.to_dict()
    row = {"probability": prediction.probability, **values, **values.get("measurements", {})}
    row |= {f"p_{code}": value for code, value in prediction.probabilities.items()}
    if "colours" in row:
        row["colours"] = " ".join(name.replace(" ", "-") for name in row["colours"])
    return row


def _fingerprint(model: SkinModel) -> str:
    """What the model's answers depend on, in one word."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(
            name.encode() + tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()
        )
    parts = (model.input_spec, model.label_space, model.calibration, model.operating_points)
    digest.update(json.dumps([p.to_dict() if p else None for p in parts], sort_keys=True).encode())
    return digest.hexdigest()
