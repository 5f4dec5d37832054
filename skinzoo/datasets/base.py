"""A collection of pictures: records in arrays, a source of pixels, and what can be done with both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets import folds
from skinzoo.datasets.exposure import Exposure
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import IntegrityReport
from skinzoo.datasets.records import ByteArray as ByteArray
from skinzoo.datasets.records import IntArray as IntArray
from skinzoo.datasets.records import Records as Records
from skinzoo.datasets.records import StrArray as StrArray
from skinzoo.datasets.records import plain_value, positions
from skinzoo.datasets.sources import Source as Source
from skinzoo.errors import ConfigError, DataError
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import IGNORE_INDEX, Sample

if TYPE_CHECKING:
    import pandas as pd


class SkinDataset:
    """A collection, or a part of one: indexable, splittable, and fed to a model through `make_loader`.

    Args:
        info: The collection's declared facts.
        records: Its usable rows.
        label_space: Names of the class indices in `records`.
        source: Gives the pixels of a row.
        integrity: What was found wrong when the collection was opened.
        part: Name of the part, such as `"train"`; empty for the whole collection.

    Attributes:
        exposure: What of this part stands in the training part, where a split was made that lets it; else None. A
            report on these images shows it.
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
        self.exposure: Exposure | None = None

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        """The sample at `index`, pixels as uint8; see `Sample` for the shapes."""
        return self.sample(index)

    def sample(self, index: int, *, least: tuple[int, int] | None = None, views: bool = False) -> Sample:
        """The sample at `index`, pixels as uint8.

        Args:
            index: Position in the dataset.
            least: Height and width that will do: a JPEG file of twice that size or more is then decoded at 1/2, 1/4 or
                1/8, several times faster. None for the whole size.
            views: Read-only arrays will do: pictures of a memory map are then not copied.
        """
        r = self.records
        i = int(index)
        where = (str(r.images[i]), str(r.masks[i]), str(r.ids[i]))
        # not by isinstance, which takes as long for a protocol as all else here
        if least is not None and (reduced := getattr(self.source, "read_reduced", None)) is not None:
            image, mask = reduced(*where, least)
        elif views and (view := getattr(self.source, "view", None)) is not None:
            image, mask = view(*where)
        else:
            image, mask = self.source.read(*where)
        label = int(r.labels[i])
        return Sample(
            id=str(r.ids[i]),
            image=image,
            label=None if label == IGNORE_INDEX else label,
            mask=mask,
            group=str(r.groups[i]),
            metadata={name: plain_value(column[i]) for name, column in r.metadata.items()},
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
        """The samples at the given positions, in that order, or where a boolean mask is true.

        Args:
            rows: Positions in 0 .. N - 1, each once, or a boolean mask (N,).
            part: Name of the part; empty for that of this dataset.

        Raises:
            ConfigError: A position is no whole number in 0 .. N - 1 or stands twice, or a mask has another length.
        """
        return self._with(self.records.take(positions(rows, len(self))), self.source, part or self.part)

    def select(self, ids: Iterable[str], *, part: str = "") -> SkinDataset:
        """The samples with the given ids, in that order; finds a part again whose ids were written down.

        Args:
            ids: Each once.
            part: Name of the part; empty for that of this dataset.

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
        stable: bool = False,
        allow_leakage: bool = False,
        allow_missing_classes: bool = False,
    ) -> tuple[SkinDataset, ...]:
        """Deterministic stratified split that keeps the images of a lesion or patient together.

        Two parts are called `train` and `test`, three `train`, `val` and `test`.

        Args:
            fractions: Share of each part; positive, summing to 1.
            seed: Another seed, another split.
            by: `"group"`, or what a group is in this collection (`"lesion"`, `"patient"`); `"image"` deals single
                images, which is refused where it separates a group.
            stable: Deal each group by a hash of its name, so that it stays where it is when the collection grows or
                shrinks; shares and classes are then met only on average. See `skinzoo.datasets.split_indices`.
            allow_leakage: Permit `by="image"` even so. Each part but the first then has an `exposure`.
            allow_missing_classes: Permit a part without a class.

        Raises:
            ConfigError: The groups of this collection are not what `by` says, or the seed is no whole number.
            SplitError: Bad fractions, a class with too few groups, or fewer groups than parts; the code says which.
            LeakageError: `by="image"` would separate a group.

        Warns:
            LeakageWarning: `allow_leakage`, and a group was separated.
        """
        return folds.split(
            self,
            fractions,
            seed=seed,
            by=by,
            stable=stable,
            allow_leakage=allow_leakage,
            allow_missing_classes=allow_missing_classes,
        )

    def kfold(
        self,
        k: int = 5,
        *,
        seed: int = 42,
        by: str = "group",
        val: float | None = None,
        stable: bool = False,
        allow_leakage: bool = False,
        allow_missing_classes: bool = False,
    ) -> list[tuple[SkinDataset, ...]]:
        """Stratified folds that keep groups together; each image is held out exactly once.

        Args:
            k: Number of folds.
            seed: As for `split`, as are `by`, `stable`, `allow_leakage` and `allow_missing_classes`.
            by: What stays together.
            val: Share of the other images that is set aside to choose a model by; the held-out fold is then for
                testing.
            stable: Deal by a hash of the groups' names.
            allow_leakage: Permit `by="image"` where it separates a group.
            allow_missing_classes: Permit a fold without a class.

        Returns:
            `(train, val)` for each fold, or `(train, val, test)` if a share for `val` is given.

        Raises:
            ConfigError: `k` is no whole number of at least 2, or as for `split`.
            SplitError: As for `split`.
            LeakageError: As for `split`.
        """
        return folds.kfold(
            self,
            k,
            seed=seed,
            val=val,
            by=by,
            stable=stable,
            allow_leakage=allow_leakage,
            allow_missing_classes=allow_missing_classes,
        )

    def official(
        self, *, missing: Literal["error", "drop"] = "error", allow_leakage: bool = False
    ) -> dict[str, SkinDataset]:
        """The parts that the collection's authors made, by name, from the column `official_split`.

        Args:
            missing: What to do with images that belong to no part: refuse, or leave them out.
            allow_leakage: Permit parts that share lesions, patients or pictures, as some official ones do. Each part
                but the first then has an `exposure`.

        Raises:
            SplitError: The collection has no such parts (code `SPLIT_OFFICIAL`), or an image belongs to none
                (`SPLIT_MISSING`).
            LeakageError: The parts share something.
        """
        return folds.official(self, missing=missing, allow_leakage=allow_leakage)

    def split_by(
        self,
        column: str,
        *,
        test: Any,
        val: Any = None,
        torn: Literal["test", "drop", "refuse"] = "test",
        missing: Literal["error", "drop", "train"] = "error",
    ) -> tuple[SkinDataset, ...]:
        """Parts by the values of a metadata column, such as body sites or devices that were never trained on.

        Args:
            column: Of the metadata.
            test: Value or values of the test part.
            val: The same for a validation part; None for none. All other values are for training.
            torn: What to do with a lesion or patient that has images on several sides: `"test"` moves them all to the
                side nearest to the test part, `"drop"` leaves out those on the other sides, `"refuse"` raises.
            missing: What to do with images without a value: refuse, leave them out, or train on them.

        Returns:
            `(train, test)`, or `(train, val, test)`; none is empty, and none shares a group with another.

        Raises:
            ConfigError: No such column, or a value for both test and val.
            SplitError: A value that the column never has (code `SPLIT_VALUE`), images without one (`SPLIT_MISSING`),
                or an empty part (`SPLIT_GROUPS`).
            LeakageError: `torn="refuse"`, and a group stands on several sides.
        """
        return folds.split_by(self, column, test=test, val=val, torn=torn, missing=missing)

    def leave_one_out(
        self,
        column: str,
        *,
        torn: Literal["test", "drop", "refuse"] = "test",
        missing: Literal["error", "drop", "train"] = "error",
    ) -> Iterator[tuple[Any, SkinDataset, SkinDataset]]:
        """For each value of a metadata column, in order: the value, the images without it, and those with it.

        Args:
            column: Of the metadata.
            torn: As for `split_by`.
            missing: As for `split_by`.

        Raises:
            ConfigError: No such column.
            SplitError: As for `split_by`, or the column has fewer than two values.
            LeakageError: As for `split_by`.
        """
        return folds.leave_one_out(self, column, torn=torn, missing=missing)

    def cache(
        self,
        folder: str | PathLike[str],
        size: int | tuple[int, int] = 256,
        *,
        workers: int | None = None,
        progress: bool = True,
    ) -> SkinDataset:
        """The same samples at one size, read from memory-mapped arrays instead of being decoded.

        The first call decodes everything once; a later one finds it. What changed since is decoded again, and a build
        that was interrupted goes on. Other images, another size or another collection get a sub-folder of their own.

        Pictures are squashed to `size`: by area where both sides shrink (each pixel the mean of what it covers, within
        one grey level of rounding), else bilinearly; masks take the nearest pixel. In the result, `records.images` and
        `records.masks` are row numbers of the arrays.

        Args:
            folder: Where to keep it, on a fast disk; made if absent.
            size: Height and width in pixels, or one number for both. A model with a centre crop needs the pictures'
                own shape, such as `(192, 256)`.
            workers: Threads that decode; None for one per core.
            progress: Show a bar if this is a terminal.

        Raises:
            ConfigError: A size or a number of workers that makes no sense, or a source that cannot be recognised.
            DataError: Not enough space on the disk (code `DISK_FULL`).
            ImageDecodeError: A picture cannot be used.
        """
        from skinzoo.datasets.caching import build_cache

        records, source = build_cache(self, folder, size, workers=workers, progress=progress)
        return self._with(records, source, self.part)

    def align(self, target: LabelSpace | str, *, overrides: Mapping[str, str | None] | None = None) -> SkinDataset:
        """The same samples with their labels in another label space.

        A label without a counterpart there becomes not annotated; the integrity report says how many and why
        (`LABEL_UNMATCHED`). No sample is left out. `print(skinzoo.align(dataset.label_space, target))` shows the rules.

        Args:
            target: A label space, or the name of a known one such as `"isic2019"`.
            overrides: The target's class for one of the dataset's, None for no counterpart; see `skinzoo.align`.

        Raises:
            ConfigError: `target` is no label space, or `overrides` speaks of a class that is none.
            UnknownNameError: No label space of that name.
        """
        from skinzoo.datasets.combining import aligned

        return aligned(self, target, overrides=overrides)

    def _with(self, records: Records, source: Source, part: str) -> SkinDataset:
        made = SkinDataset(self.info, records, self.label_space, source, integrity=self.integrity, part=part)
        if self.exposure is not None:
            made.exposure = self.exposure.within(records, self.label_space.classes, test=made.name)
        return made

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
