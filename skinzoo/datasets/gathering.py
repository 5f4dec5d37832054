"""The rows of several datasets in one table: which collection each comes from, and which of them show one picture."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skinzoo.datasets.base import ByteArray, IntArray, SkinDataset, StrArray
from skinzoo.datasets.filesource import FileSource
from skinzoo.datasets.ids import canonical_id
from skinzoo.datasets.sources import ReducingSource, Source, ViewingSource


@dataclass(frozen=True)
class Origin:
    """One collection in a combined dataset.

    Attributes:
        name: Unique among the origins of one dataset.
        namespace: Where its ids mean the same as another collection's; see `DatasetInfo`.
        source: Reads its pictures.
    """

    name: str
    namespace: str
    source: Source

    def is_same(self, other: Origin) -> bool:
        """True if both are one collection, opened once or twice."""
        a, b = self.source, other.source
        files = isinstance(a, FileSource) and isinstance(b, FileSource) and vars(a) == vars(b)
        declared = (_unnumbered(self.name), self.namespace) == (_unnumbered(other.name), other.namespace)
        return declared and (files or a == b)


@dataclass(frozen=True)
class CombinedSource:
    """Reads the picture `"<k>:<key>"` as the k-th collection reads `"<key>"`, and masks likewise.

    Args:
        origins: The collections.
    """

    origins: tuple[Origin, ...]

    def read(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:
        """The picture (uint8, H x W x 3, RGB) and its mask (uint8 0/1, H x W), None if `mask` is empty."""
        source, own, own_mask = self._find(image, mask)
        return source.read(own, own_mask, id)

    def read_reduced(
        self, image: str, mask: str, id: str, least: tuple[int, int]
    ) -> tuple[ByteArray, ByteArray | None]:
        """The same, smaller where that will do and the collection can."""
        source, own, own_mask = self._find(image, mask)
        if isinstance(source, ReducingSource):
            return source.read_reduced(own, own_mask, id, least)
        return source.read(own, own_mask, id)

    def view(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:
        """The same, read-only and without a copy where the collection can."""
        source, own, own_mask = self._find(image, mask)
        return source.view(own, own_mask, id) if isinstance(source, ViewingSource) else source.read(own, own_mask, id)

    def _find(self, image: str, mask: str) -> tuple[Source, str, str]:
        number, _, key = image.partition(":")
        return self.origins[int(number)].source, key, mask.partition(":")[2]

    def scopes(self, images: StrArray) -> StrArray:
        """For each key of `records`, the namespace of its collection, or the collection's name if it has none."""
        numbers = np.char.partition(images, ":")[:, 0].astype(np.int64) if len(images) else np.zeros(0, np.int64)
        return np.array([o.namespace or o.name for o in self.origins], dtype=np.str_)[numbers]

    def path(self, key: str) -> str:
        """The file that a key of `records` stands for, empty where the collection does not read files."""
        number, _, own = key.partition(":")
        locate: Any = getattr(self.origins[int(number)].source, "path", None)
        return str((locate(own) if callable(locate) else locate) or "")


@dataclass(frozen=True, eq=False)
class Gathered:
    """The rows of several datasets, one after the other; arrays are of length N.

    Attributes:
        origins: The collections, in order of appearance.
        names: Of each dataset: that of its collection here, or its own if `concat` made it.
        origin: Which of them a row comes from.
        part: Which of the datasets a row comes from.
        scope: Rows of one scope mean the same by the same id.
        picture: Rows of one number show one picture.
        ids: As the collections have them.
        groups: Likewise.
        images: What the row's own source reads it by.
        masks: Likewise, empty without one.
        labels: Class indices of the row's dataset.
    """

    origins: tuple[Origin, ...]
    names: tuple[str, ...]
    origin: IntArray
    part: IntArray
    scope: IntArray
    picture: IntArray
    ids: StrArray
    groups: StrArray
    images: StrArray
    masks: StrArray
    labels: IntArray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def collection(self) -> StrArray:
        """Name of each row's collection."""
        return np.array([o.name for o in self.origins], dtype=np.str_)[self.origin]

    def keys(self, own: StrArray) -> StrArray:
        """What a `CombinedSource` reads the images or masks by; empty stays empty."""
        number = self.origin.astype(np.str_)
        return np.where(own == "", "", np.char.add(np.char.add(number, ":"), own))

    def where(self, row: int) -> str:
        """Collection and file of a row, for messages."""
        return f"{self.origins[self.origin[row]].name}:{self.images[row]}"


def gather(datasets: Sequence[SkinDataset]) -> Gathered:
    """The rows of all datasets; a dataset that `concat` made is taken apart into its collections again."""
    origins: list[Origin] = []
    tables = [_rows_of(dataset, origins) for dataset in datasets]
    names, *columns = zip(*tables, strict=True)
    origin, ids, groups, images, masks = (np.concatenate(column) for column in columns)
    scope = _numbered(o.namespace or k for k, o in enumerate(origins))[origin]
    meant = ((s, canonical_id(i) if origins[o].namespace else i) for s, o, i in zip(scope, origin, ids, strict=True))
    return Gathered(
        origins=tuple(origins),
        names=names,
        origin=origin,
        part=np.repeat(np.arange(len(datasets)), [len(d) for d in datasets]),
        scope=scope,
        picture=_numbered(meant),
        ids=ids,
        groups=groups,
        images=images,
        masks=masks,
        labels=np.concatenate([d.records.labels for d in datasets]),
    )


_Columns = tuple[str, IntArray, StrArray, StrArray, StrArray, StrArray]


def _rows_of(dataset: SkinDataset, origins: list[Origin]) -> _Columns:
    """The dataset's name, and origin, id, group, image and mask of each row; new origins are added to the list."""
    r = dataset.records
    if not isinstance(dataset.source, CombinedSource):
        own = _place(Origin(dataset.info.name, dataset.info.namespace, dataset.source), origins)
        return origins[own].name, np.full(len(r), own), r.ids, r.groups, r.images, r.masks
    numbers, images = _parted(r.images)
    inner = numbers.astype(np.int64) if len(r) else np.zeros(0, dtype=np.int64)
    place = np.array([_place(o, origins) for o in dataset.source.origins])
    ids, groups = (_bare(column, inner, dataset.source.origins) for column in (r.ids, r.groups))
    return dataset.info.name, place[inner], ids, groups, images, _parted(r.masks)[1]


def _bare(names: StrArray, inner: IntArray, origins: Sequence[Origin]) -> StrArray:
    """Names without the collection that `concat` put in front; in one namespace it may be any of its collections."""
    kin = [tuple(f"{o.name}/" for o in origins if o is own or o.namespace == own.namespace != "") for own in origins]
    bare = []
    for name, k in zip(names.tolist(), inner.tolist(), strict=True):
        front = next((prefix for prefix in kin[k] if name.startswith(prefix)), "")
        bare.append(name.removeprefix(front))
    return np.array(bare, dtype=np.str_)


def _parted(keys: StrArray) -> tuple[StrArray, StrArray]:
    parts = [key.partition(":") for key in keys.tolist()]
    return np.array([p[0] for p in parts], dtype=np.str_), np.array([p[2] for p in parts], dtype=np.str_)


def _place(new: Origin, origins: list[Origin]) -> int:
    for k, known in enumerate(origins):
        if known.is_same(new):
            return k
    names, n = {o.name for o in origins}, 1
    name = base = _unnumbered(new.name)
    while name in names:
        n += 1
        name = f"{base}#{n}"
    origins.append(replace(new, name=name))
    return len(origins) - 1


def _unnumbered(name: str) -> str:
    return name.partition("#")[0]


def _numbered(values: Iterable[Hashable]) -> IntArray:
    """The same number for equal values, by first appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)
