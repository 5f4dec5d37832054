"""What is known about trained weights before any of them is loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from skinzoo.errors import ConfigError
from skinzoo.files import plain
from skinzoo.hub.digests import FileDigest
from skinzoo.hub.fields import Fields
from skinzoo.hub.record_schema import DataPart, Figure, Thresholds, TrainingRecipe, names_of
from skinzoo.hub.reference import HubReference, check_filename
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import InputSpec, Task

FORMAT_VERSION = 1
NEEDED_FILES = ("config.json", "model.safetensors")
_NAME = r"[A-Za-z0-9_]{1,100}\.[A-Za-z0-9_-]{1,60}"
_SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class WeightsRecord:
    """One published set of weights: what it is, where it lies, what it was trained on and how well it does.

    `print` shows it as a card. `skinzoo.hub.record_of` makes one of a saved model.

    Attributes:
        name: `<architecture>.<tag>`.
        title: One line.
        task: What the model predicts.
        repository: `owner/name` on the Hub; None for weights that are part of the installed package.
        revision: The commit there, 40 hex digits; None for bundled weights.
        files: What each file must be, by name.
        label_space: Its classes; None for a model that only segments.
        input_spec: What it wants to see.
        parameters: Their number.
        dtype: Of the stored numbers; a loaded model computes in float32.
        data: What it was trained on, chosen by and scored on.
        training: How.
        figures: What came out.
        thresholds: Where its decisions are drawn; None for the most probable class.
        temperature: That its logits are divided by; None where it is not calibrated so.
        licence: Of the weights.
        citation: What to cite.
        synthetic: True if it was trained on drawn pictures, so that it is of no medical use.
        intended_use: What it is for.
        limits: What speaks against it, one sentence each.
        date: Day on which the record was made, as `2026-01-31`.
    """

    name: str
    title: str
    task: Task
    repository: str | None
    revision: str | None
    files: Mapping[str, FileDigest]
    label_space: LabelSpace | None
    input_spec: InputSpec
    parameters: int
    dtype: Literal["float32", "float16"]
    data: tuple[DataPart, ...]
    training: TrainingRecipe
    figures: tuple[Figure, ...]
    thresholds: Thresholds | None
    temperature: float | None
    licence: str
    citation: str
    synthetic: bool
    intended_use: str
    limits: tuple[str, ...]
    date: str

    @property
    def architecture(self) -> str:
        """The model's registered name."""
        return self.name.partition(".")[0]

    @property
    def tag(self) -> str:
        """What tells it from other weights of the architecture."""
        return self.name.partition(".")[2]

    @property
    def bundled(self) -> bool:
        """True if the files are part of the installed package."""
        return self.repository is None

    @property
    def reference(self) -> HubReference | None:
        """The commit that holds the files; None for bundled weights."""
        return None if self.repository is None else HubReference(self.repository, self.revision)

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(digest.size for digest in self.files.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values |= {
            "task": str(self.task),
            "files": {name: digest.to_dict() for name, digest in self.files.items()},
            "label_space": None if self.label_space is None else self.label_space.to_dict(),
            "input_spec": self.input_spec.to_dict(),
            "data": [_plain(part) for part in self.data],
            "training": _plain(self.training),
            "figures": [_plain(figure) for figure in self.figures],
            "thresholds": None if self.thresholds is None else _plain(self.thresholds),
            "limits": list(self.limits),
        }
        made: dict[str, Any] = plain({"format_version": FORMAT_VERSION, **values})
        return made

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, place: str = "WeightsRecord") -> WeightsRecord:
        """The inverse of `to_dict`.

        Args:
            values: As read from JSON.
            place: Where they come from, such as a file's name; messages begin with it.

        Raises:
            ConfigError: A key is missing or unknown, or a value makes no sense.
        """
        f = Fields(values, ["format_version", *names_of(cls)], place=place)
        if f.whole("format_version") != FORMAT_VERSION:
            raise f.refuse("format_version", f"{FORMAT_VERSION}, which this version reads")
        record = cls(
            name=f.text(
                "name", pattern=_NAME, form="<architecture>.<tag> of letters, digits, '_' and, in the tag, '-'"
            ),
            title=f.text("title"),
            task=Task(f.one_of("task", list(Task))),
            repository=f.optional("repository", f.text),
            revision=f.optional("revision", f.text),
            files=_files(f),
            label_space=_nested(f, "label_space", LabelSpace.from_dict),
            input_spec=_nested(f, "input_spec", InputSpec.from_dict, optional=False),
            parameters=f.whole("parameters", least=1),
            dtype=cast("Any", f.one_of("dtype", ("float32", "float16"))),
            data=f.rows("data", DataPart.from_dict, least=1),
            training=TrainingRecipe.from_dict(f.values["training"], f"{place}: training"),
            figures=f.rows("figures", Figure.from_dict, least=1),
            thresholds=f.optional("thresholds", lambda name: Thresholds.from_dict(f.values[name], f"{place}: {name}")),
            temperature=f.optional("temperature", lambda name: f.number(name, low=1e-6, high=1e6)),
            licence=f.text("licence"),
            citation=f.text("citation"),
            synthetic=f.flag("synthetic"),
            intended_use=f.text("intended_use"),
            limits=f.texts("limits"),
            date=f.date("date"),
        )
        _check(record, place)
        return record

    def __str__(self) -> str:
        from skinzoo.hub.record_text import card

        return card(self)


def _plain(part: Any) -> dict[str, Any]:
    values = {name: getattr(part, name) for name in names_of(type(part))}
    return {name: dict(v) if isinstance(v, Mapping) else v for name, v in values.items()}


def _nested(f: Fields, name: str, read: Any, *, optional: bool = True) -> Any:
    """A value that another class reads; its errors are told with their place."""
    value = f.values[name]
    if value is None and optional:
        return None
    if not isinstance(value, Mapping):
        raise f.refuse(name, "named values")
    try:
        return read(value)
    except (ConfigError, TypeError, AttributeError) as error:
        raise ConfigError(f"{f.place}: {name}: {error}") from error


def _files(f: Fields) -> dict[str, FileDigest]:
    digests: dict[str, FileDigest] = {}
    for name, entry in f.named("files", lambda v: isinstance(v, Mapping), what="named values").items():
        place = f"{f.place}: files.{name}"
        try:
            check_filename(name)
            digest = Fields(entry, ("sha256", "size"), place="its entry")
            digests[name] = FileDigest(digest.values["sha256"], digest.values["size"])
        except ConfigError as error:
            raise ConfigError(f"{place}: {error}") from error
        if "/" in name:
            raise ConfigError(f"{place}: a record's files lie side by side; got a path.")
    if missing := [name for name in NEEDED_FILES if name not in digests]:
        raise ConfigError(f"{f.place}: files must hold {' and '.join(NEEDED_FILES)}; {' and '.join(missing)} missing.")
    return digests


def _check(record: WeightsRecord, place: str) -> None:
    """What the fields must say together."""
    if (record.repository is None) != (record.revision is None):
        raise ConfigError(
            f"{place}: revision must be a commit where there is a repository, and null where there is none; got "
            f"{record.revision!r} with {record.repository!r}."
        )
    try:
        _ = record.reference
    except ConfigError as error:
        raise ConfigError(f"{place}: repository and revision: {error}") from error
    space = record.label_space
    if record.task.has_labels != (space is not None):
        raise ConfigError(
            f"{place}: label_space must be null for a model that only segments, and for no other; got "
            f"{'null' if space is None else space.name} with the task {record.task}."
        )
    if record.thresholds and (unknown := sorted(set(record.thresholds.per_class) - set(space or ()))):
        raise ConfigError(f"{place}: thresholds.per_class: {', '.join(unknown)} not among the classes.")
    fitted = [part for part in record.data if part.role == "training"]
    if not fitted:
        raise ConfigError(f"{place}: data must have a part with the role 'training'.")
    if not record.synthetic and all(set(part.collections) == {_SYNTHETIC} for part in fitted):
        raise ConfigError(f"{place}: synthetic must be true: the weights were trained on drawn pictures alone.")
    if unknown := sorted({figure.report for figure in record.figures} - set(record.files)):
        raise ConfigError(f"{place}: figures: the report {unknown[0]} is not among the files.")
