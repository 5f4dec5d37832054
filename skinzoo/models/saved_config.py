"""`config.json` of a saved model, checked before anything is built by it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from skinzoo.errors import ChecksumError, ConfigError, WeightsError
from skinzoo.files import refuse_constant
from skinzoo.hub.digests import FileDigest
from skinzoo.models.calibration import Calibration, OperatingPoints
from skinzoo.models.catalogue import MAX_CLASSES
from skinzoo.models.provenance import TrainingRecord
from skinzoo.models.zoo import resolve_entry
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import InputSpec, Task

CONFIG_NAME, RECORD_NAME, WEIGHTS_NAME = "config.json", "training_data.json", "model.safetensors"
KEY, FORMAT_VERSION = "_skinzoo", 2
MAX_CONFIG_BYTES, MAX_RECORD_BYTES = 8_000_000, 64_000_000
MAX_SIDE = 4096
_FILES = (WEIGHTS_NAME, RECORD_NAME)
_DTYPES = ("float32", "float16")
_NEVER_SAVED = ("backbone_weights", "weights")
"""Options that name files: a saved model has its weights with it."""

T = TypeVar("T")


@dataclass(frozen=True)
class SavedConfig:
    """What is known about a saved model before its weights are read.

    Attributes:
        path: The file.
        format_version: 1 or 2.
        architecture: Registered name.
        task: What it predicts.
        options: The builder's options.
        input_spec: What it wants to see.
        label_space: Its classes; None for a model that only segments.
        files: What the files beside it must be, by name; in format 1 without the record of the training data.
        calibration: Turns logits into probabilities; None for a plain softmax.
        operating_points: Where decisions are drawn; None for the most probable class.
        training: Facts that were written down when it was saved.
    """

    path: Path
    format_version: int
    architecture: str
    task: Task
    options: Mapping[str, Any]
    input_spec: InputSpec
    label_space: LabelSpace | None
    files: Mapping[str, FileDigest]
    calibration: Calibration | None
    operating_points: OperatingPoints | None
    training: Mapping[str, Any]


def read_config(folder: str | os.PathLike[str]) -> SavedConfig:
    """Read and check a folder's `config.json`; nothing that it names is opened.

    Raises:
        WeightsError: It is absent, no JSON, of another library or of a newer format, or a value makes no sense.
    """
    path = Path(folder) / CONFIG_NAME
    values = read_json(path, most=MAX_CONFIG_BYTES)
    own = values.get(KEY) if isinstance(values, dict) else None
    if isinstance(own, dict):
        version: object = own.get("format_version")
    elif is_ours(values):
        own, version = _from_format_1(path, values), 1 if values.get("format_version") == 1 else None
    else:
        raise WeightsError(f"{path} was not written by skinzoo (it has no {KEY!r}).")
    if type(version) is not int or version not in (1, FORMAT_VERSION):
        given = own.get("format_version")
        raise WeightsError(f"{path} has format version {given!r:.80}; this version reads 1 and 2; upgrade.")
    try:
        return _checked(path, version, own)
    except KeyError as error:
        raise WeightsError(f"{path} cannot be used: {str(error)[:400]} is missing or unknown.") from error
    except (ConfigError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{path} cannot be used: {str(error)[:400]}") from error


def is_ours(values: object) -> bool:
    """Whether the content of a `config.json` was written by skinzoo, in any format."""
    return isinstance(values, dict) and (isinstance(values.get(KEY), dict) or values.get("library") == "skinzoo")


def read_record(config: SavedConfig) -> TrainingRecord | None:
    """What a saved model was trained on; None if it has no record.

    Raises:
        WeightsError: It is absent, damaged, or not the one that belongs to the model.
    """
    path, expected = config.path.with_name(RECORD_NAME), config.files.get(RECORD_NAME)
    if expected is None and (config.format_version > 1 or not path.is_file()):
        return None
    values = read_json(path, most=MAX_RECORD_BYTES, expected=expected)
    try:
        return TrainingRecord.from_dict(values)
    except (TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"{path} cannot be used: {str(error)[:400]}") from error


def read_json(path: Path, *, most: int, expected: FileDigest | None = None) -> Any:
    """A file's JSON.

    Args:
        path: The file.
        most: Bytes that are read at most.
        expected: What the file must be.

    Raises:
        WeightsError: It is absent, larger, or no JSON; NaN and infinities are none.
        ChecksumError: It is another file than expected.
    """
    if not path.is_file():
        folder = path.parent
        there = ", ".join(sorted(p.name for p in folder.iterdir())[:8]) if folder.is_dir() else "no such folder"
        raise WeightsError(f"no {path.name} in {folder} ({there}); expected a folder written by model.save_pretrained.")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise WeightsError(f"{path} is larger than {most:,} bytes; it was not written by skinzoo.")
    found = FileDigest(hashlib.sha256(content).hexdigest(), len(content))
    if expected is not None and found != expected:
        raise ChecksumError(f"{path} is not the file that was saved: want sha256 {expected}, got {found}.")
    try:
        return json.loads(content.decode("utf-8"), parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is not JSON ({str(error)[:200]}).") from error


def _from_format_1(path: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of format 1 as format 2 has them; there, the size of the weights was not written down."""
    weights = values.get("weights")
    digest = weights.get("sha256") if isinstance(weights, dict) else None
    file = path.parent / WEIGHTS_NAME
    size = file.stat().st_size if file.is_file() else 0
    return {**values, "files": {WEIGHTS_NAME: {"sha256": digest, "size": size}}, "dtype": "float32"}


def _checked(path: Path, version: int, values: Mapping[str, Any]) -> SavedConfig:
    architecture = _of_type(values, "architecture", str)
    entry = resolve_entry(architecture)[1]
    task = Task(_of_type(values, "task", str))
    if entry.task not in (None, task):
        raise ConfigError(f"{architecture} is a model for {entry.task}, and the configuration says {task}.")
    if values.get("dtype") not in _DTYPES:
        raise ConfigError(f"dtype must be {' or '.join(_DTYPES)}, got {values.get('dtype')!r:.80}.")
    options = _of_type(values, "options", dict)
    _check_options(options)
    _check_members(options)
    space = values["label_space"]
    label_space = None if space is None else _label_space(_of_type(values, "label_space", dict))
    calibration = _optional(values, "calibration", Calibration.from_dict)
    points = _optional(values, "operating_points", OperatingPoints.from_dict)
    classes = label_space or ()
    if points is not None and (unknown := sorted(set(points.per_class) - set(classes))):
        raise ConfigError(f"it has thresholds for {unknown}, not among the model's classes.")
    if calibration is not None and len(calibration.bias) not in (0, len(classes)):
        raise ConfigError(f"it has a calibration of {len(calibration.bias)} classes for a model of {len(classes)}.")
    return SavedConfig(
        path,
        version,
        architecture,
        task,
        options,
        _input_spec(_of_type(values, "input_spec", dict)),
        label_space,
        _digests(_of_type(values, "files", dict)),
        calibration,
        points,
        _of_type(values, "training", dict) if values.get("training") is not None else {},
    )


def _of_type(values: Mapping[str, Any], name: str, kind: type[T]) -> T:
    if not isinstance(value := values[name], kind):
        what = {"str": "a text", "dict": "named values"}[kind.__name__]
        raise ConfigError(f"{name} must be {what}, got {value!r:.80}.")
    return value


def _optional(values: Mapping[str, Any], name: str, read: Any) -> Any:
    return None if values.get(name) is None else read(_of_type(values, name, dict))


def _check_options(value: object) -> None:
    """No option, at any depth, names weights that lie elsewhere."""
    if isinstance(value, dict) and (named := [name for name in _NEVER_SAVED if name in value]):
        raise ConfigError(f"a saved model has no option {named[0]!r}: its weights are those beside it.")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_options(inner)


def _check_members(options: Mapping[str, Any]) -> None:
    """The models that an ensemble is made of have inputs and classes that could be a saved model's own."""
    members = options.get("members")
    checks = {"input_spec": _input_spec, "label_space": _label_space, "options": _check_members}
    for member in members if isinstance(members, list) else ():
        for name, check in checks.items():
            if isinstance(member, dict) and isinstance(value := member.get(name), dict):  # else it is no description
                check(value)


def _input_spec(values: Mapping[str, Any]) -> InputSpec:
    spec = InputSpec.from_dict(values)
    numbers = (*spec.size, *spec.mean, *spec.std, spec.crop_fraction)
    if any(isinstance(n, bool) for n in numbers) or max(spec.size) > MAX_SIDE:
        raise ConfigError(f"input_spec: sides of 1 to {MAX_SIDE} pixels and numbers are expected, got {values!r:.200}.")
    return spec


def _label_space(values: Mapping[str, Any]) -> LabelSpace:
    """A label space whose every part has its type, which the class itself leaves to its callers."""
    texts, classes = ("titles", "aliases"), values.get("classes")
    good = isinstance(values.get("name"), str) and isinstance(classes, list) and len(classes) <= MAX_CLASSES
    good = good and all(isinstance(values.get(k, {}), dict) for k in (*texts, "covers"))
    good = good and all(isinstance(v, str) for k in texts for v in values.get(k, {}).values())
    lists = [values.get("malignant", []), *values.get("covers", {}).values()] if good else []
    if not good or not all(isinstance(v, list) and all(isinstance(n, str) for n in v) for v in lists):
        raise ConfigError(
            f"LabelSpace: a name, a list of up to {MAX_CLASSES:,} classes, and texts by class are expected; got "
            f"{values!r:.200}."
        )
    return LabelSpace.from_dict(values)


def _digests(values: Mapping[str, Any]) -> dict[str, FileDigest]:
    if WEIGHTS_NAME not in values or not set(values) <= set(_FILES):
        raise ConfigError(f"files must be {WEIGHTS_NAME} and at most {RECORD_NAME}, got {list(values)!r:.200}.")
    digests = {}
    for name in values:
        entry = _of_type(values, name, dict)
        digests[name] = FileDigest(entry.get("sha256"), entry.get("size"))  # type: ignore[arg-type] # it checks them
    return digests
