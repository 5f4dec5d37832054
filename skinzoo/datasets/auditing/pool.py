"""The rows of all datasets under audit in one numbering, and which of their ids mean the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.duplicates import UnionFind, equal_sets
from skinzoo.datasets.ids import canonical_id
from skinzoo.types import IGNORE_INDEX

_ARCHIVE_ID = re.compile(r"ISIC_\d{7}")
_SECOND_COPY = re.compile(r"#\d+$")

Sets = list[list[int]]


@dataclass(frozen=True)
class Entry:
    """One row of one dataset.

    Attributes:
        dataset: Name of the dataset in the audit.
        row: Its position there.
        id: Its id there.
        label: Its class, None without one.
        group: Its lesion or patient id.
        image: What the dataset's source reads the picture by, such as a path.
    """

    dataset: str
    row: int
    id: str
    label: str | None
    group: str
    image: str


class Pool:
    """Rows of several datasets, numbered one after the other.

    Args:
        datasets: By the name that the audit calls them.
    """

    def __init__(self, datasets: Mapping[str, SkinDataset]) -> None:
        self.names = tuple(datasets)
        self.datasets = tuple(datasets.values())
        sizes = [len(d) for d in self.datasets]
        self.starts = np.cumsum([0, *sizes])
        self.part = np.repeat(np.arange(len(sizes)), sizes)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def rows(self, part: int) -> range:
        """The numbers of a dataset's rows."""
        return range(int(self.starts[part]), int(self.starts[part + 1]))

    def place(self, i: int) -> tuple[SkinDataset, int]:
        """The dataset of row `i`, and its position there."""
        part = int(self.part[i])
        return self.datasets[part], i - int(self.starts[part])

    def entry(self, i: int) -> Entry:
        """Row `i` for a reader."""
        dataset, row = self.place(i)
        r = dataset.records
        label = int(r.labels[row])
        return Entry(
            dataset=self.names[int(self.part[i])],
            row=row,
            id=str(r.ids[row]),
            label=None if label == IGNORE_INDEX else dataset.label_space.classes[label],
            group=str(r.groups[row]),
            image=str(r.images[row]),
        )

    def is_across(self, members: Iterable[int]) -> bool:
        """True if the rows are of several datasets."""
        return len({int(self.part[i]) for i in members}) > 1

    def id_sets(self) -> Sets:
        """Rows whose ids mean one picture."""
        return equal_sets([key for d in self.datasets for key in _picture_keys(d)])

    def group_sets(self) -> Sets:
        """Rows whose group ids mean one lesion or patient."""
        return equal_sets([key for d in self.datasets for key in _group_keys(d)])


def components(size: int, *links: Iterable[Sequence[int]]) -> NDArray[np.int64]:
    """For each of `size` rows the smallest row that it is linked to, directly or by others."""
    linked = UnionFind(size)
    for kind in links:
        for members in kind:
            linked.join(members)
    return np.array([linked.find(i) for i in range(size)], dtype=np.int64)


def _scope(dataset: SkinDataset) -> str:
    return dataset.info.namespace or f"collection {dataset.info.name}"


def _picture_keys(dataset: SkinDataset) -> Iterable[str]:
    """An archive's id means the same wherever it turns up; only its name may have grown an ending.

    Elsewhere `mole (1)` and `mole (2)` are two pictures, and only the number that skinzoo gives to a second copy goes.
    """
    scope = _scope(dataset)
    for name in dataset.records.ids.tolist():
        plain = canonical_id(name)
        if _ARCHIVE_ID.fullmatch(plain):
            yield f"isic\0{plain}"
        else:
            yield f"{scope}\0{plain if dataset.info.namespace else _SECOND_COPY.sub('', name)}"


def _group_keys(dataset: SkinDataset) -> Iterable[str]:
    scope = f"{_scope(dataset)}\0{dataset.info.group}"
    return (f"{scope}\0{group}" for group in dataset.records.groups.tolist())
