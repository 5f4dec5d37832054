"""The collections as each protocol wants them: opened, cleaned, cached and divided."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import skinzoo
from reproduction.jobs import Job
from reproduction.settings import Budget

FEWEST_LESIONS = 3
"""A class with fewer cannot stand in all three parts."""


class Parts(NamedTuple):
    """A collection, divided.

    Attributes:
        train: To fit weights to.
        val: To choose them by.
        test: To score them on.
        left_out: Classes with too few lesions to be divided, with the number of their images.
    """

    train: skinzoo.SkinDataset
    val: skinzoo.SkinDataset
    test: skinzoo.SkinDataset
    left_out: dict[str, int]


class Collections:
    """Opens what a run needs, and remembers it.

    Args:
        root: Folder with the folders `ham10000` and `isic9`; None for drawn pictures in their place.
        out: Folder of the results; decoded pictures are kept in its folder `cache`.
        budget: Sizes of the pictures.
    """

    def __init__(self, root: Path | None, out: Path, budget: Budget) -> None:
        self.root = root
        self.out = out
        self.budget = budget
        self._opened: dict[str, skinzoo.SkinDataset] = {}

    def parts(self, job: Job) -> Parts:
        """The parts of a run's collection."""
        nine = job.recipe.dataset == "isic9"
        size = self.budget.nine_cached if nine or job.protocol == "pre-training" else self.budget.cached
        data = self.chosen(job).cache(self.out / "cache", size, progress=False)
        data, left_out = without_small_classes(data)
        by_image = job.protocol in ("by image", "contradictions kept")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", skinzoo.datasets.LeakageWarning)  # what is exposed is in the table
            train, val, test = data.split(
                job.recipe.fractions,
                seed=job.recipe.train.seed,
                by="image" if by_image else "group",
                allow_leakage=by_image,
            )
        if by_image:  # the Trainer refuses to choose weights by lesions that it is fitted to
            exposed = set(val.exposure.ids)
            val = val.subset([row for row, name in enumerate(val.records.ids.tolist()) if name not in exposed])
        return Parts(train, val, test, left_out)

    def chosen(self, job: Job) -> skinzoo.SkinDataset:
        """The pictures that a run may use, not yet divided."""
        if job.protocol == "pre-training":
            return self.ham_for_pretraining()
        return self.nine(**job.recipe.dataset_options) if job.recipe.dataset == "isic9" else self.ham()

    def ham(self) -> skinzoo.SkinDataset:
        """HAM10000."""
        if "ham" not in self._opened:
            self._opened["ham"] = (
                skinzoo.load_dataset("synthetic", num_images=280, size=self.budget.cached)
                if self.root is None
                else skinzoo.load_dataset("ham10000", self.root / "ham10000")
            )
        return self._opened["ham"]

    def nine(self, conflicts: str = "drop", duplicates: str = "drop") -> skinzoo.SkinDataset:
        """The nine-class pictures; lesions are looked up in the table of HAM10000, if there is one."""
        if self.root is None:
            return part_of(self.ham())
        key = f"isic9 {conflicts} {duplicates}"
        if key not in self._opened:
            table = self.root / "ham10000" / "HAM10000_metadata.csv"
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", skinzoo.datasets.IntegrityWarning
                )  # the results page says what is wrong
                self._opened[key] = skinzoo.load_dataset(
                    "isic9",
                    self.root / "isic9",
                    conflicts=conflicts,
                    duplicates=duplicates,
                    lesions=table if table.is_file() else None,
                )
        return self._opened[key]

    def ham_for_pretraining(self) -> skinzoo.SkinDataset:
        """HAM10000 without any lesion of which a nine-class picture shows a view, by id, lesion, file or look."""
        if "rest" not in self._opened:
            ham, nine = self.ham(), self.nine("keep", "keep")
            (exposure,) = skinzoo.audit(train=nine, ham=ham, near=self.root is not None, progress=False).exposures
            seen = set(exposure.ids)
            groups = ham.records.groups.tolist()
            lesions = {g for name, g in zip(ham.records.ids.tolist(), groups, strict=True) if name in seen}
            rest = ham.subset([row for row, g in enumerate(groups) if g not in lesions])
            skinzoo.datasets.check_disjoint(rest, nine)
            print(f"pre-training: {len(rest):,} of {len(ham):,} images; {len(seen):,} are also nine-class pictures")
            self._opened["rest"] = rest
        return self._opened["rest"]

    def ceiling(self) -> tuple[int, float] | None:
        """Pictures of the nine classes that lie in two of them, and the accuracy that this leaves to be had.

        Whoever answers by the picture alone gives both copies one answer, so that at least one of them counts as wrong.
        """
        if self.root is None:
            return None
        data = self.nine("keep", "keep")
        files = data.integrity.of("DUP_CONFLICT")
        pictures = len({finding.sha256 for finding in files})
        return pictures, 1 - (len(files) - pictures) / len(data)


def without_small_classes(data: skinzoo.SkinDataset) -> tuple[skinzoo.SkinDataset, dict[str, int]]:
    """The dataset without classes of too few lesions to be divided, and how many images these had."""
    lesions: dict[int, set[str]] = defaultdict(set)
    labels = data.records.labels.tolist()
    for label, group in zip(labels, data.records.groups.tolist(), strict=True):
        lesions[label].add(group)
    small = {label for label, found in lesions.items() if len(found) < FEWEST_LESIONS}
    if not small:
        return data, {}
    left_out = {data.label_space.classes[label]: labels.count(label) for label in sorted(small)}
    return data.subset([row for row, label in enumerate(labels) if label not in small]), left_out


def part_of(data: skinzoo.SkinDataset) -> skinzoo.SkinDataset:
    """Every second lesion: stands for a collection that shares pictures with another."""
    groups = data.records.groups.tolist()
    chosen = {group for number, group in enumerate(dict.fromkeys(groups)) if number // 7 % 2}
    return data.subset([row for row, group in enumerate(groups) if group in chosen])


def default_root() -> Path:
    """`$SKINZOO_DATA`, else the folder in the home directory."""
    return Path(os.environ.get("SKINZOO_DATA") or "~/.cache/skinzoo/data").expanduser()
