"""What a collection is made of: declared facts, records in arrays, a source of pixels, and the dataset over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.integrity import IntegrityReport
from skinzoo.datasets.splits import check_disjoint, check_fractions, split_indices
from skinzoo.errors import ConfigError, DataError
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import IGNORE_INDEX, Sample

if TYPE_CHECKING:
    import pandas as pd

StrArray = NDArray[np.str_]
IntArray = NDArray[np.int64]
ByteArray = NDArray[np.uint8]


@dataclass(frozen=True)
class DatasetInfo:
    """Declared facts about a collection, as published by its authors.

    Attributes:
        name: The name that `load_dataset` takes.
        title: Full name.
        tree: The folder tree that the adapter expects, shown when something is missing.
        label_space: None if the classes are read from the collection itself.
        group: What the group id stands for: `"lesion"`, `"patient"`, or `"image"` where the collection knows neither.
        num_images: Images in the complete collection; None where it depends on the user's data.
        has_masks: True if lesion masks belong to the collection.
        licence: Licence of the images.
        homepage: Where to get it.
        citation: What to cite.
    """

    name: str
    title: str
    tree: str = ""
    label_space: LabelSpace | None = None
    group: str = "image"
    num_images: int | None = None
    has_masks: bool = False
    licence: str = ""
    homepage: str = ""
    citation: str = ""


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
        """Records from whatever columns a collection has; an empty or absent group becomes a group of its own."""
        names = np.asarray(ids, dtype=np.str_)
        empty = np.full(len(names), "", dtype=np.str_)
        group = empty if groups is None else np.asarray(groups, dtype=np.str_)
        return cls(
            ids=names,
            labels=np.full(len(names), IGNORE_INDEX) if labels is None else np.asarray(labels, dtype=np.int64),
            groups=np.where(group == "", names, group),
            images=empty if images is None else np.asarray(images, dtype=np.str_),
            masks=empty if masks is None else np.asarray(masks, dtype=np.str_),
            metadata=metadata or {},
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


class Source(Protocol):
    """Where pixels come from: files, a generator, a cache."""

    def read(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:
        """The picture (uint8, H x W x 3, RGB) and its mask (uint8 0/1, H x W, same size), None without one."""
        ...


class SkinDataset:
    """A collection, or a part of one: indexable, splittable, and fed to a model through `make_loader`.

    Args:
        info: The collection's declared facts.
        records: Its usable rows.
        label_space: Names of the class indices in `records`.
        source: Gives the pixels of a row.
        integrity: What was found wrong when the collection was opened.
        part: Name of the part, such as `"train"`; empty for the whole collection.
    """

    def __init__(
        self,
        info: DatasetInfo,
        records: Records,
        label_space: LabelSpace,
        source: Source,
        *,
        integrity: IntegrityReport | None = None,
        part: str = "",
    ) -> None:
        self.info = info
        self.records = records
        self.label_space = label_space
        self.source = source
        self.integrity = integrity or IntegrityReport(info.name, num_rows=len(records))
        self.part = part

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        """The sample at `index`, pixels as uint8; see `Sample` for the shapes."""
        r = self.records
        i = int(index)
        image, mask = self.source.read(str(r.images[i]), str(r.masks[i]), str(r.ids[i]))
        label = int(r.labels[i])
        return Sample(
            id=str(r.ids[i]),
            image=image,
            label=None if label == IGNORE_INDEX else label,
            mask=mask,
            group=str(r.groups[i]),
            metadata={name: _plain(column[i]) for name, column in r.metadata.items()},
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    @property
    def name(self) -> str:
        """The collection's name, with the part in brackets."""
        return f"{self.info.name}[{self.part}]" if self.part else self.info.name

    @property
    def has_labels(self) -> bool:
        """True if at least one sample has a class label."""
        return bool((self.records.labels != IGNORE_INDEX).any())

    @property
    def has_masks(self) -> bool:
        """True if at least one sample has a mask."""
        return bool((self.records.masks != "").any())

    def class_counts(self) -> dict[str, int]:
        """Number of labelled samples of each class, absent classes included."""
        counts = Counter(self.records.labels.tolist())
        return {code: counts.get(i, 0) for i, code in enumerate(self.label_space)}

    def subset(self, rows: Iterable[int] | IntArray | NDArray[np.bool_], *, part: str = "") -> SkinDataset:
        """The samples at the given positions, in that order, or where a boolean mask of length N is true.

        Raises:
            ConfigError: A position is no whole number in 0 .. N - 1 or stands twice, or a mask has another length.
        """
        records = self.records.take(_positions(rows, len(self)))
        return SkinDataset(
            self.info, records, self.label_space, self.source, integrity=self.integrity, part=part or self.part
        )

    def select(self, ids: Iterable[str], *, part: str = "") -> SkinDataset:
        """The samples with the given ids, in that order; finds a part again whose ids were written down.

        Raises:
            DataError: Some of the ids are not in this dataset; the message says how many.
            ConfigError: `ids` is a single text, or an id stands twice.
        """
        if isinstance(ids, str):
            raise ConfigError(f"ids={ids!r} is one text; give a list of ids.")
        wanted = [str(i) for i in ids]
        position = {name: i for i, name in enumerate(self.records.ids.tolist())}
        if absent := [i for i in wanted if i not in position]:
            raise DataError(
                f"{len(absent)} of {len(wanted)} ids are not among the {len(self)} of {self.name} (such as "
                f"{', '.join(map(repr, absent[:3]))}). Open the same folder with the same options as when the ids were "
                "written; print(dataset.integrity) shows which rows were set aside."
            )
        twice = [name for name, n in Counter(wanted).items() if n > 1]
        if twice:
            raise ConfigError(f"ids must be unique; {twice[0]!r} is asked for {wanted.count(twice[0])} times.")
        return self.subset([position[i] for i in wanted], part=part)

    def split(
        self,
        fractions: Sequence[float] = (0.70, 0.15, 0.15),
        *,
        seed: int = 42,
        by: str = "group",
        allow_leakage: bool = False,
        allow_missing_classes: bool = False,
    ) -> tuple[SkinDataset, ...]:
        """Deterministic stratified split; see `skinzoo.datasets.splits.split_indices` for the rules and errors.

        Two parts are called `train` and `test`, three `train`, `val` and `test`.
        """
        shares = check_fractions(fractions)
        names = {2: ("train", "test"), 3: ("train", "val", "test")}.get(len(shares), ())
        parts = split_indices(
            self.records.ids,
            self.records.labels,
            self.records.groups,
            shares,
            seed=seed,
            by=by,
            allow_leakage=allow_leakage,
            allow_missing_classes=allow_missing_classes,
            class_names=self.label_space.classes,
        )
        result = tuple(self.subset(rows, part=names[k] if names else f"part{k}") for k, rows in enumerate(parts))
        if not allow_leakage:
            check_disjoint(*result)
        return result

    @property
    def table(self) -> pd.DataFrame:
        """The records and metadata as a pandas table, one row a sample."""
        import pandas as pd

        r = self.records
        codes = np.array([*self.label_space.classes, None], dtype=object)
        label = codes[np.where(r.labels == IGNORE_INDEX, len(self.label_space), r.labels)]
        return pd.DataFrame(
            {"id": r.ids, "label": label, "group": r.groups, "image": r.images, "mask": r.masks, **r.metadata}
        )

    def __repr__(self) -> str:
        counts = ", ".join(f"{code} {n}" for code, n in self.class_counts().items() if n)
        groups = len(np.unique(self.records.groups)) if len(self) else 0
        kind = f", {groups} {self.info.group}s" if self.info.group != "image" else ""
        return f"SkinDataset({self.name!r}, {len(self)} images{kind}: {counts or 'no labels'})"


def _positions(rows: Iterable[int] | NDArray[Any], size: int) -> IntArray:
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


def _plain(value: Any) -> Any:
    """A metadata value as Python's own type, None where it is missing."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and value != value else value
