"""What is known about a patient or lesion besides the picture, as numbers that a network can take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.registry import did_you_mean

MAX_CATEGORIES = 64
"""A column with more different texts names pictures rather than describes them."""


class _Info(Protocol):
    @property
    def leaky(self) -> Mapping[str, str]: ...


class _Records(Protocol):
    @property
    def metadata(self) -> Mapping[str, Any]: ...


class HasMetadata(Protocol):
    """What `MetadataEncoder.fit` needs of a collection; every `SkinDataset` has it."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    @property
    def info(self) -> _Info:
        """Says which columns are `leaky`."""
        ...

    @property
    def records(self) -> _Records:
        """Holds the columns in `metadata`."""
        ...


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers: two features, the standardised value and whether it is missing.

    Args:
        name: Of the column.
        mean: Of the training set.
        std: Of the training set; above 0.

    Raises:
        ConfigError: A number that is not finite, or a deviation that is not above 0.
    """

    name: str
    mean: float
    std: float

    def __post_init__(self) -> None:
        if not all(_is_number(v) and math.isfinite(v) for v in (self.mean, self.std)) or self.std <= 0:
            raise ConfigError(
                f"metadata column {self.name!r}: mean={self.mean!r}, std={self.std!r} cannot be used; both "
                "must be finite, and std above 0."
            )

    def features(self, value: Any) -> list[float]:
        """The standardised value and 0, or `[0, 1]` where it is missing.

        Raises:
            ConfigError: Something else than a finite number.
        """
        if value is None or value == "" or value != value:
            return [0.0, 1.0]
        if not _is_number(value) or not math.isfinite(value):
            raise ConfigError(f"metadata column {self.name!r} holds finite numbers, got {value!r}.")
        return [(float(value) - self.mean) / self.std, 0.0]


@dataclass(frozen=True)
class CategoryColumn:
    """A column of texts: one feature for each category, and one for missing.

    Args:
        name: Of the column.
        categories: Those of the training set, in lower case.

    Raises:
        ConfigError: No category, an empty one, or one that is there twice.
    """

    name: str
    categories: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))
        good = self.categories and all(isinstance(c, str) and c for c in self.categories)
        if not good or len(set(self.categories)) < len(self.categories):
            raise ConfigError(
                f"metadata column {self.name!r}: categories {self.categories!r} cannot be used; give each "
                "text once, and at least one."
            )

    def features(self, value: Any) -> list[float]:
        """One 1; the last place is for a missing value and for a category that the training set did not have."""
        text = _category(value)
        place = self.categories.index(text) if text in self.categories else len(self.categories)
        return [float(i == place) for i in range(len(self.categories) + 1)]


Column: TypeAlias = NumberColumn | CategoryColumn


@dataclass(frozen=True)
class MetadataEncoder:
    """Turns metadata into a row of features, by what the training set looked like.

    A number becomes its standardised value and a flag for missing; a text becomes one 1 among its categories, the last
    of which is missing. Texts are compared without regard to case. A missing value is never taken for a number: the
    flag tells it from the mean. A category that the training set did not have counts as missing.

    It is plain data: it travels in the model's configuration and can be sent to worker processes.

    Args:
        columns: In the order of the features.

    Raises:
        ConfigError: No column, or one that is there twice.

    Examples:
        >>> encoder = MetadataEncoder.fit(train, columns=("age", "sex"))
        >>> encoder([{"age": 45.0, "sex": "female"}, {}]).shape
        torch.Size([2, 5])
    """

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        if not self.columns or len(set(self.names)) < len(self.columns):
            raise ConfigError(f"metadata columns must be at least one, each once; got {list(self.names)}.")

    @classmethod
    def fit(cls, dataset: HasMetadata, columns: Iterable[str] = ("age", "sex", "localization")) -> MetadataEncoder:
        """Learn means, deviations and categories from a collection: give the training part, not all of it.

        Args:
            dataset: With the columns in its metadata.
            columns: Those to use. A column is one of numbers if all its values are; its deviation is that of the
                population, 1 if all are equal.

        Raises:
            ConfigError: A column is absent, gives the diagnosis away, has no value, or more texts than
                `MAX_CATEGORIES`.
        """
        if isinstance(columns, str):
            raise ConfigError(f"columns={columns!r} is one text; give a list of columns.")
        known = dataset.records.metadata
        usable = [name for name in known if name not in dataset.info.leaky]
        found = []
        for name in columns:
            if name in dataset.info.leaky:
                raise ConfigError(
                    f"{name!r} of {dataset.name} gives the diagnosis away ({dataset.info.leaky[name]}), so no model "
                    f"may see it; there are {', '.join(usable) or 'no other columns'}."
                )
            if name not in known:
                raise ConfigError(f"{dataset.name} has no metadata column {name!r}; {did_you_mean(str(name), usable)}")
            found.append(_fitted(name, known[name].tolist(), dataset.name))
        return cls(tuple(found))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def width(self) -> int:
        """Number of features F."""
        return len(self.missing)

    @property
    def missing(self) -> Tensor:
        """The features (F,) of a row without a single value."""
        return torch.tensor([v for column in self.columns for v in column.features(None)])

    @property
    def owners(self) -> Tensor:
        """The number of each feature's column (F,)."""
        return torch.tensor([k for k, column in enumerate(self.columns) for _ in column.features(None)])

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> Tensor:
        """The features (N, F), float32, of N rows; what a row lacks is missing, other columns are not looked at.

        Raises:
            ConfigError: A column of numbers holds something else.
        """
        features = [[v for column in self.columns for v in column.features(row.get(column.name))] for row in rows]
        return torch.tensor(features, dtype=torch.float32).reshape(len(rows), self.width)

    def check(self, row: Mapping[str, Any]) -> None:
        """Make sure that a row written by hand has no other columns than these.

        Raises:
            ConfigError: It has; the message lists close matches.
        """
        for name in row:
            if name not in self.names:
                raise ConfigError(f"the model takes no metadata {name!r}; {did_you_mean(str(name), self.names)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "columns": [{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(c).items()} for c in self.columns]
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MetadataEncoder:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: The values were not written by it.
        """
        try:
            rows = [dict(row) for row in values["columns"]]
            return cls(tuple((CategoryColumn if "categories" in row else NumberColumn)(**row) for row in rows))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{values!r} describes no metadata: {error}; use MetadataEncoder.to_dict.") from error


def _fitted(name: str, values: Sequence[Any], dataset: str) -> Column:
    known = [v for v in values if not (v is None or v == "" or v != v)]
    if not known:
        raise ConfigError(f"{name!r} of {dataset} has no value at all; leave the column out.")
    if all(map(_is_number, known)):
        numbers = torch.tensor(known, dtype=torch.float64)
        if not numbers.isfinite().all():
            raise ConfigError(
                f"{name!r} of {dataset} holds numbers that are not finite; correct them, or leave it out."
            )
        return NumberColumn(name, float(numbers.mean()), float(numbers.std(correction=0)) or 1.0)
    categories = sorted({text for v in known if (text := _category(v))})
    if len(categories) > MAX_CATEGORIES:
        raise ConfigError(
            f"{name!r} of {dataset} has {len(categories)} different values, more than {MAX_CATEGORIES}: it names "
            "pictures rather than describes them; leave it out."
        )
    return CategoryColumn(name, tuple(categories))


def _category(value: Any) -> str | None:
    """The value's text as categories are compared; None where it is missing."""
    if value is None or value != value:
        return None
    return str(value).strip().casefold() or None


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
