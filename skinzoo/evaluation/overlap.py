"""Refusing to score a model on images that it was trained on."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.callers import callers_level
from skinzoo.datasets import LeakageWarning, SkinDataset
from skinzoo.datasets.gathering import CombinedSource
from skinzoo.errors import LeakageError
from skinzoo.evaluation.recording import ScopedNames, scoped_names
from skinzoo.models import SkinModel
from skinzoo.models.provenance import SeenImages, hashes_of

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Seen:
    """Images of a collection that a model has seen in one role.

    Attributes:
        rows: Positions of the images, ascending, int64 (K,): the picture itself, or another of its lesion or patient.
        pictures: How many of them were seen themselves.
        groups: How many of the collection's lesions or patients they show.
        where: What they were seen in, in words.
    """

    rows: NDArray[np.int64]
    pictures: int
    groups: int
    where: str


@dataclass(frozen=True, eq=False)
class Overlap:
    """What a model has seen of a collection that it is scored on.

    Attributes:
        dataset: Name of the collection.
        num_images: Its images.
        group: What a group of it is: `"patient"`, `"lesion"` or `"image"`.
        training: What the weights were fitted to.
        validation: What they were chosen by, without the images above.
    """

    dataset: str
    num_images: int
    group: str
    training: Seen
    validation: Seen

    @property
    def images(self) -> int:
        """Images that the model was trained on, in this or another view of their lesion or patient."""
        return len(self.training.rows)

    @property
    def groups(self) -> int:
        """Lesions or patients that it was trained on."""
        return self.training.groups

    @property
    def rows(self) -> NDArray[np.int64]:
        """Positions of the images that it was trained on, ascending (K,)."""
        return self.training.rows

    @property
    def share(self) -> float:
        """Share of the images that it was trained on, from 0 to 1."""
        return self.images / self.num_images

    def sentence(self) -> str:
        """What it means for figures on these images, in one line."""
        what = "" if self.group == "image" else f" or another of their {self.group}s"
        parts = []
        if count := self.images:
            parts.append(
                f"the model was trained on {self._share(count)} of these images{what}: the figures are too good"
            )
        if count := len(self.validation.rows):
            parts.append(f"its weights were chosen by {self._share(count)} of them{what}: that flatters, too")
        sentence = "; ".join(parts)
        return sentence if self.images else sentence.replace("its weights", "the model's weights").replace(", too", "")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        found: dict[str, Any] = {"dataset": self.dataset, "num_images": self.num_images, "share": self.share}
        for role, seen in (("training", self.training), ("validation", self.validation)):
            found[role] = {
                "images": len(seen.rows),
                "same_pictures": seen.pictures,
                "groups": seen.groups,
                "seen_in": seen.where,
            }
        return found

    def _share(self, count: int) -> str:
        return f"{100 * count / self.num_images:.1f} % ({count} of {self.num_images})"


def check_overlap(model: SkinModel, dataset: SkinDataset, *, allow: bool = False) -> Overlap | None:
    """Make sure that a model was not trained on images that it is to be scored on.

    An image counts as seen if its picture stands in `model.training_record`, or another picture of its lesion or
    patient does; the same picture is recognised in another collection of the same archive. Copies under other names
    are not recognised; `skinzoo.audit` finds them.

    Args:
        model: Any model of the zoo.
        dataset: What it is to be scored on.
        allow: Warn instead of refusing, so that the figures can be reported with `Overlap.sentence`.

    Returns:
        What it has seen; None if nothing, or if the model has no record.

    Raises:
        LeakageError: It was trained on some of the images, and `allow` is false.

    Warns:
        LeakageWarning: It was trained on some and `allow` is true, or its weights were chosen by some of them.
    """
    record = model.training_record
    if record is None or not len(dataset):
        return None
    names = scoped_names(dataset)
    images, groups = hashes_of(names.images), hashes_of(names.groups)
    training = _seen_of(dataset, images, groups, record.training, but=np.zeros(len(dataset), dtype=bool))
    trained = np.isin(np.arange(len(dataset)), training.rows)
    validation = _seen_of(dataset, images, groups, record.validation, but=trained)
    if not len(training.rows) and not len(validation.rows):
        return None
    found = Overlap(dataset.name, len(dataset), dataset.info.group, training, validation)
    if found.images and not allow:
        raise LeakageError(_refusal(model, dataset, found, names))
    warnings.warn(f"{dataset.name}: {found.sentence()}.", LeakageWarning, stacklevel=callers_level())
    return found


def _seen_of(
    dataset: SkinDataset,
    images: NDArray[np.uint64],
    groups: NDArray[np.uint64],
    entries: Iterable[SeenImages],
    *,
    but: NDArray[np.bool_],
) -> Seen:
    """Which rows the entries know, leaving out those of `but`."""
    by_picture, by_group, where = np.zeros(len(images), dtype=bool), np.zeros(len(images), dtype=bool), []
    for entry in entries:
        known = entry.hashes
        picture, group = np.isin(images, known) & ~but, np.isin(groups, known) & ~but
        if (picture | group).any():
            where.append(str(entry))
        by_picture, by_group = by_picture | picture, by_group | group
    rows = np.flatnonzero(by_picture | by_group).astype(np.int64)
    of = dataset.records.groups[rows]
    return Seen(rows, int(by_picture.sum()), len(np.unique(of)), "; ".join(where))


def _refusal(model: SkinModel, dataset: SkinDataset, found: Overlap, names: ScopedNames) -> str:
    seen = found.training
    units = "" if found.group == "image" else f", which show {seen.groups} {found.group}s"
    further = found.images - seen.pictures
    how = f", {further} of them in another picture of the {found.group}" if further else ""
    text = (
        f"{model.config.architecture} was trained on {found.images} of the {found.num_images} images of {dataset.name}"
        f"{units}{how} (such as {_examples(dataset.records.ids[seen.rows].tolist())}). It was trained on {seen.where}. "
        "Figures on these images are too good. Score the test part instead (dataset.split with the seed that made the "
        "training part, or dataset.select with the test ids), or pass allow_overlap=True to get figures that are "
        "labelled as such."
    )
    if any(names.local[i] for i in seen.rows) and not isinstance(dataset.source, CombinedSource):
        text += (
            f" Images of {dataset.info.name!r} are told by their names; if these only share their names with others, "
            "give the collection one of its own: dataset.info = dataclasses.replace(dataset.info, name=...)."
        )
    return text


def _examples(ids: Sequence[str]) -> str:
    shown = ", ".join(map(repr, ids[:_SHOWN]))
    return f"{shown} ..." if len(ids) > _SHOWN else shown
