"""The rows of a collection, in arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.datasets.tables import group_column
from skinzoo.errors import ConfigError
from skinzoo.types import IGNORE_INDEX

StrArray = NDArray[np.str_]
IntArray = NDArray[np.int64]
ByteArray = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Records:
    """The rows of a collection, one array per column, all of length N.

    Attributes:
        ids: Unique ids.
        labels: Class indices, `IGNORE_INDEX` where a row has no label.
        groups: Patient or lesion ids; a row without one is its own group.
        images: What the source reads a picture by: a path below the root with forward slashes, or any other key.
        masks: The same for masks, empty where there is none.
        metadata: Further columns by name; a missing value is None in an object column and NaN in a float column.
    """

    ids: StrArray
    labels: IntArray
    groups: StrArray
    images: StrArray
    masks: StrArray
    metadata: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        ids: Sequence[str] | StrArray,
        *,
        labels: Sequence[int] | IntArray | None = None,
        groups: Sequence[str] | StrArray | None = None,
        images: Sequence[str] | StrArray | None = None,
        masks: Sequence[str] | StrArray | None = None,
        metadata: Mapping[str, NDArray[Any]] | None = None,
    ) -> Records:
        """Records from whatever columns a collection has.

        Args:
            ids: Unique ids (N,).
            labels: Class indices (N,), `IGNORE_INDEX` where a row has no label; None for no labels.
            groups: Patient or lesion ids (N,); an empty or absent one becomes a group of its own.
            images: What the source reads a picture by (N,); None for nothing.
            masks: The same for masks (N,), empty where there is none; None for no masks.
            metadata: Further columns (N,) by name.
        """
        names = np.asarray(ids, dtype=np.str_)
        empty = np.full(len(names), "", dtype=np.str_)
        return cls(
            ids=names,
            labels=np.full(len(names), IGNORE_INDEX) if labels is None else np.asarray(labels, dtype=np.int64),
            groups=owners(names, empty if groups is None else groups),
            images=empty if images is None else np.asarray(images, dtype=np.str_),
            masks=empty if masks is None else np.asarray(masks, dtype=np.str_),
            metadata={name: _shared(column) for name, column in (metadata or {}).items()},
        )

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: IntArray | NDArray[np.bool_]) -> Records:
        """The records at the given positions, or where a boolean mask is true."""
        return Records(
            ids=self.ids[rows],
            labels=self.labels[rows],
            groups=self.groups[rows],
            images=self.images[rows],
            masks=self.masks[rows],
            metadata={name: column[rows] for name, column in self.metadata.items()},
        )


def owners(ids: StrArray, groups: ArrayLike) -> StrArray:
    """The group of each row (N,): its own id where the group is empty, None, NaN or a word for a missing value.

    Otherwise all rows without a group would become one large group that is called `nan`.
    """
    names, of = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    known = np.array(group_column(names.tolist()), dtype=np.str_)
    found = known[of]
    alone = found == ""
    return np.where(alone, ids, found) if alone.any() else found


def positions(rows: Iterable[int] | NDArray[Any], size: int) -> IntArray:
    """Row numbers from numbers or a boolean mask of length `size`.

    Raises:
        ConfigError: A position is no whole number in 0 .. size - 1 or stands twice, or a mask has another length.
    """
    given = np.asarray(rows if hasattr(rows, "__array__") else list(rows))
    if given.dtype == np.bool_:
        if given.shape != (size,):
            raise ConfigError(f"a boolean mask of shape {given.shape} for {size} samples; its length must be {size}.")
        return np.flatnonzero(given).astype(np.int64)
    if given.size == 0:
        return np.zeros(0, dtype=np.int64)
    if given.ndim != 1 or not np.issubdtype(given.dtype, np.integer):
        raise ConfigError(f"positions must be a list of whole numbers; got {given.dtype} of shape {given.shape}.")
    outside = given[(given < 0) | (given >= size)]
    if len(outside):
        raise ConfigError(f"position {outside[0]} is out of range for {size} samples; positions run from 0 on.")
    values, times = np.unique(given, return_counts=True)
    if len(values) < len(given):
        raise ConfigError(
            f"{len(given) - len(values)} positions are repeated (such as {values[times > 1][0]}); give each one once."
        )
    return given.astype(np.int64)


def plain_value(value: Any) -> Any:
    """A metadata value as Python's own type, None where it is missing."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and value != value else value


def _shared(column: NDArray[Any]) -> NDArray[Any]:
    """The column with equal texts as one object, which takes a fraction of the memory.

    Worker processes count references in the texts themselves, so that they would copy the pages of all of them.
    """
    if column.dtype.kind != "O":
        return column
    texts: dict[str, str] = {}
    values = (texts.setdefault(v, v) if type(v) is str else v for v in column.tolist())
    return np.fromiter(values, dtype=object, count=len(column))
