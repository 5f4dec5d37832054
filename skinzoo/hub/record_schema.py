"""The parts of a weights record: what a model was trained on, how, and what came out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from skinzoo.errors import ConfigError
from skinzoo.hub.fields import Fields, is_number, is_whole

ROLES = ("training", "validation", "test")
SHA256 = "[0-9a-f]{64}"


def names_of(cls: type[Any]) -> list[str]:
    """The keys that a dataclass has in a file."""
    return [f.name for f in dataclasses.fields(cls)]


@dataclass(frozen=True)
class DataPart:
    """A collection, or a part of one, and what it was used for.

    Attributes:
        role: `"training"`: the weights were fitted to it; `"validation"`: they were chosen by it; `"test"`: they were
            scored on it.
        collections: Names of its collections; empty where a test collection is known by its title alone.
        title: Its full name.
        part: Name of the part, such as `"train"`; empty for the whole.
        num_images: Images.
        num_groups: Patients or lesions, counted as images where none are known.
        group: What a group is: `"patient"`, `"lesion"` or `"image"`.
        class_counts: Labelled images of each class; empty for a model that only segments.
        split_hash: sha256 of the sorted ids, one a line: 64 hex digits.
        licence: Of the images.
    """

    role: Literal["training", "validation", "test"]
    collections: tuple[str, ...]
    title: str
    part: str
    num_images: int
    num_groups: int
    group: Literal["patient", "lesion", "image"]
    class_counts: Mapping[str, int]
    split_hash: str
    licence: str

    @classmethod
    def from_dict(cls, values: object, place: str = "DataPart") -> DataPart:
        """Read it from a file's values.

        Raises:
            ConfigError: A key is missing or unknown, or a value makes no sense; the message begins with `place`.
        """
        f = Fields(values, names_of(cls), place=place)
        return cls(
            role=cast("Any", f.one_of("role", ROLES)),
            collections=f.texts("collections", empty=f.one_of("role", ROLES) == "test"),
            title=f.text("title"),
            part=f.text("part", empty=True),
            num_images=f.whole("num_images", least=1),
            num_groups=f.whole("num_groups", least=1),
            group=cast("Any", f.one_of("group", ("patient", "lesion", "image"))),
            class_counts=f.named("class_counts", is_whole, what="a number of images"),
            split_hash=f.text("split_hash", pattern=SHA256, form="64 lower-case hex digits"),
            licence=f.text("licence"),
        )

    def __str__(self) -> str:
        groups = "" if self.group == "image" else f" of {self.num_groups:,} {self.group}s"
        part = f", part {self.part}" if self.part else ""
        return f"{self.num_images:,} images{groups} of {self.title}{part} (licence: {self.licence})"


@dataclass(frozen=True)
class TrainingRecipe:
    """How the weights came about.

    Attributes:
        start: What the weights were before, such as `"random weights"`.
        optimizer: Such as `"adamw"`.
        learning_rate: Its peak.
        schedule: In words.
        epochs: Passes over the training images.
        batch_size: Images in a step.
        augmentation: Name of the preset.
        loss: In words.
        selection: What the best weights were chosen by.
        seed: Of split, weights, order and augmentation.
        hardware: What it ran on.
        minutes: How long it took.
        versions: Of the libraries, by name.
    """

    start: str
    optimizer: str
    learning_rate: float
    schedule: str
    epochs: float
    batch_size: int
    augmentation: str
    loss: str
    selection: str
    seed: int
    hardware: str
    minutes: float
    versions: Mapping[str, str]

    @classmethod
    def from_dict(cls, values: object, place: str = "TrainingRecipe") -> TrainingRecipe:
        """Read it from a file's values.

        Raises:
            ConfigError: A key is missing or unknown, or a value makes no sense; the message begins with `place`.
        """
        f = Fields(values, names_of(cls), place=place)
        return cls(
            start=f.text("start"),
            optimizer=f.text("optimizer"),
            learning_rate=f.number("learning_rate", low=0, high=1e6),
            schedule=f.text("schedule"),
            epochs=f.number("epochs", low=0, high=1e6),
            batch_size=f.whole("batch_size", least=1),
            augmentation=f.text("augmentation"),
            loss=f.text("loss"),
            selection=f.text("selection"),
            seed=f.whole("seed"),
            hardware=f.text("hardware"),
            minutes=f.number("minutes", low=0, high=1e7),
            versions=f.named("versions", lambda v: isinstance(v, str) and bool(v), what="a version"),
        )

    def __str__(self) -> str:
        return (
            f"{self.epochs:g} epochs of {self.optimizer} from {self.start}, learning rate {self.learning_rate:g} "
            f"({self.schedule}), batches of {self.batch_size}, augmentation {self.augmentation}, loss {self.loss}, "
            f"best weights by {self.selection}, seed {self.seed}; {self.minutes:.0f} minutes on {self.hardware}"
        )


@dataclass(frozen=True)
class Figure:
    """A measured figure and how far it can be trusted.

    Attributes:
        metric: Its name, as in a report, such as `"balanced_accuracy"` or `"MEL/recall"`.
        value: None where it is undefined.
        low: Lower end of its interval; None where that is undefined.
        high: Upper end.
        level: Confidence level of the interval, in (0, 1).
        protocol: How it was measured, in words.
        collection: Title of the collection.
        part: Name of its part; empty for the whole.
        n: Images scored.
        unit: What was resampled for the interval: `"patient"`, `"lesion"`, `"image"`.
        report: Name of the file with the whole report, beside the weights.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    level: float
    protocol: str
    collection: str
    part: str
    n: int
    unit: str
    report: str

    @classmethod
    def from_dict(cls, values: object, place: str = "Figure") -> Figure:
        """Read it from a file's values.

        Raises:
            ConfigError: A key is missing or unknown, or a value makes no sense; the message begins with `place`.
        """
        f = Fields(values, names_of(cls), place=place)
        value, low, high = (f.optional(name, f.number) for name in ("value", "low", "high"))
        if (low is None) != (high is None) or (low is not None and high is not None and low > high):
            raise ConfigError(f"{place}: low and high must be the ends of an interval, got {low!r} and {high!r}.")
        level = f.number("level", low=0, high=1)
        if level in (0, 1):
            raise f.refuse("level", "a number between 0 and 1")
        return cls(
            metric=f.text("metric"),
            value=value,
            low=low,
            high=high,
            level=level,
            protocol=f.text("protocol"),
            collection=f.text("collection"),
            part=f.text("part", empty=True),
            n=f.whole("n", least=1),
            unit=f.one_of("unit", ("patient", "lesion", "image")),
            report=f.text("report"),
        )

    @property
    def interval(self) -> str:
        """`0.712 to 0.801`, or `undefined`."""
        return "undefined" if self.low is None or self.high is None else f"{self.low:.3f} to {self.high:.3f}"


@dataclass(frozen=True)
class Thresholds:
    """Where the model's decisions are drawn; probabilities at or above a threshold are a yes.

    Attributes:
        per_class: Threshold of each class against all others, by code; may be empty.
        malignant: Of the summed probability of the malignant classes; None for none.
        abstain_below: A prediction whose highest probability lies below this is left to a human; None for none.
        rule: How they were chosen, in words.
        source: What they were chosen on, in words.
    """

    per_class: Mapping[str, float]
    malignant: float | None
    abstain_below: float | None
    rule: str
    source: str

    @classmethod
    def from_dict(cls, values: object, place: str = "Thresholds") -> Thresholds:
        """Read it from a file's values.

        Raises:
            ConfigError: A key is missing or unknown, or a value makes no sense; the message begins with `place`.
        """
        f = Fields(values, names_of(cls), place=place)

        def share(name: str) -> float:
            return f.number(name, low=0, high=1)

        return cls(
            per_class=f.named("per_class", lambda v: is_number(v, 0, 1), what="a number from 0 to 1"),
            malignant=f.optional("malignant", share),
            abstain_below=f.optional("abstain_below", share),
            rule=f.text("rule", empty=True),
            source=f.text("source", empty=True),
        )

    def __str__(self) -> str:
        points = {code: f"{code} from {value:.3g}" for code, value in self.per_class.items()}
        points |= {} if self.malignant is None else {"malignant": f"malignant from {self.malignant:.3g}"}
        if self.abstain_below is not None:
            points["abstain"] = f"no answer below {self.abstain_below:.3g}"
        why = ", ".join(text for text in (self.rule, self.source and f"on {self.source}") if text)
        return f"{', '.join(points.values()) or 'none'}{f' ({why})' if why else ''}"
