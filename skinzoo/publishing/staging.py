"""The folder that is uploaded: written and tried before anything leaves the machine."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch

from skinzoo.errors import ConfigError, PublishError, SkinzooError
from skinzoo.evaluation import Report
from skinzoo.evaluation.page import render_page
from skinzoo.files import write_json, write_text
from skinzoo.hub import FileDigest
from skinzoo.models import SkinModel, create_model
from skinzoo.publishing.card import ModelCard, Text
from skinzoo.publishing.golden import replay_golden, write_golden
from skinzoo.publishing.rendering import render_card
from skinzoo.publishing.reports import ExternalTest
from skinzoo.publishing.sharing import without_photographs

StoredType = Literal["float32", "float16"]

WEIGHTS, CONFIG, RECORD = "model.safetensors", "config.json", "training_data.json"
CARD, GOLDEN, REPORT, PAGE, EXTERNAL = "README.md", "golden.safetensors", "report.json", "report.html", "external.json"
NAMES = (WEIGHTS, CONFIG, RECORD, CARD, GOLDEN, REPORT, PAGE, EXTERNAL)
"""All files that a published model may have."""
TOLERANCE = 1e-4
"""Largest absolute difference of a logit from the golden one."""


@dataclass(frozen=True)
class Staged:
    """A folder that is ready to be uploaded.

    Attributes:
        folder: Where it is.
        files: Digest of each file by name.
        left_out: What of the report is not among them.
        rounding: Largest difference of a golden logit between the model given and the stored numbers.
    """

    folder: Path
    files: Mapping[str, FileDigest]
    left_out: tuple[str, ...]
    rounding: float


def stage(
    folder: Path,
    model: SkinModel,
    card: ModelCard,
    report: Report,
    *,
    repository: str,
    external: Sequence[ExternalTest] = (),
    dtype: StoredType = "float32",
    photographs: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> Staged:
    """Write every file, load the model again from them, and see that it answers as the one given.

    Args:
        folder: Empty or absent, or with files of an earlier staging, which are replaced.
        model: The model.
        card: What a human states.
        report: Where the figures come from.
        repository: `owner/name`.
        external: Reports on other collections.
        dtype: Of the stored numbers.
        photographs: True to leave the report's pictures of lesions in it.
        facts: Kept under `"training"` in `config.json`.

    Raises:
        PublishError: The folder holds other files, or the saved model cannot be loaded or answers otherwise.
        ConfigError: A weight is too large for float16, or a fact is no plain value.
    """
    _make_room(folder)
    model.save_pretrained(folder, dtype=dtype, **(facts or {}))
    rounding = _try(folder, model, dtype)
    if photographs:
        shared, left_out = report, list[str]()
    else:
        shared, left_out = without_photographs(report)
    pictures = [p for p in shared.pictures() if photographs or not p.has_photographs]
    write_json(folder / REPORT, shared.to_dict())
    write_text(folder / PAGE, render_page(shared, pictures))
    if external:
        write_json(folder / EXTERNAL, {"collections": [{"name": t.name, **t.saved} for t in external]})
    digest = FileDigest.of(folder / WEIGHTS)
    text = render_card(
        model,
        card,
        shared,
        repository=repository,
        weights={"sha256": digest.sha256, "size": digest.size, "dtype": dtype},
        external=external,
        golden=_told(dtype, rounding),
    )
    write_text(folder / CARD, text)
    files = {path.name: FileDigest.of(path) for path in sorted(folder.iterdir())}
    return Staged(folder, files, tuple(left_out), rounding)


def weights_record(staged: Staged, model: SkinModel, card: ModelCard, repository: str) -> Any:
    """The zoo's record of staged weights, not yet published: `skinzoo.hub.making.record_of`.

    Raises:
        PublishError: Something that the record needs is not told.
    """
    from skinzoo.hub.making import record_of

    record = model.training_record
    names = {name for entry in record.training for name in entry.collections} if record is not None else set()
    stated = {
        "title": _flat(card.title),
        "licence": _flat(card.licence),
        "citation": _flat(card.citation),
        "synthetic": "synthetic" in names,
        "intended_use": _flat(card.intended_task),
        "limits": [card.limits] if isinstance(card.limits, str) else list(card.limits),
        "date": datetime.now(UTC).date().isoformat(),
    }
    name = repository.rpartition("/")[2]
    tag = re.sub(r"[^A-Za-z0-9_]+", "-", name.removeprefix(model.config.architecture)).strip("-_")[:60] or "weights"
    try:
        return record_of(staged.folder, tag=tag, stated=stated)
    except ConfigError as error:
        raise PublishError(f"facts hold a recipe, but no weights record can be made: {error}") from error


def _make_room(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise PublishError(f"{folder} is a file; give a folder for what is to be uploaded.")
    folder.mkdir(parents=True, exist_ok=True)
    if foreign := sorted(p.name for p in folder.iterdir() if p.name not in NAMES or not p.is_file() or p.is_symlink()):
        raise PublishError(
            f"{folder} holds {', '.join(foreign[:5])}, which is not part of a published model; give an empty folder."
        )
    for path in folder.iterdir():
        path.unlink()


def _try(folder: Path, model: SkinModel, dtype: str) -> float:
    """Write the golden outputs of the model as it is loaded again, and compare them with those of the model given."""
    try:
        again = create_model(f"local-dir:{folder}")
        write_golden(again, folder / GOLDEN)
        with torch.random.fork_rng(devices=[]):
            difference = replay_golden(_on_processor(model), folder / GOLDEN)
    except SkinzooError as error:
        raise PublishError(f"the saved model cannot be used, so nothing was uploaded: {error}") from error
    if dtype == "float32" and not difference <= TOLERANCE:
        raise PublishError(
            f"the saved model answers otherwise than the one given (largest difference of a logit {difference:.3g}), "
            "so nothing was uploaded; save it with save_pretrained and compare create_model('local-dir:...')."
        )
    return difference


def _on_processor(model: SkinModel) -> SkinModel:
    """Graphics processors round otherwise."""
    return model if model.device.type == "cpu" else copy.deepcopy(model).cpu()


def _told(dtype: str, rounding: float) -> str:
    if dtype == "float32" or not math.isfinite(rounding):
        return ""
    return (
        f"The weights are stored as {dtype}; the figures are those of the model before rounding. On the three golden "
        f"pictures rounding changes a logit by at most {rounding:.2g}."
    )


def _flat(value: Text) -> str:
    return value if isinstance(value, str) else "; ".join(value)
