"""How many test images show something that stands in the training part: measured without training anything."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.callers import callers_level
from skinzoo.datasets.records import Records
from skinzoo.datasets.splits import check_disjoint, comparable_ids
from skinzoo.errors import ConfigError
from skinzoo.types import IGNORE_INDEX

if TYPE_CHECKING:
    from skinzoo.datasets.base import SkinDataset

SAME_PICTURE, NEAR_DUPLICATE = "same picture", "near duplicate"


class LeakageWarning(UserWarning):
    """Issued when parts are made that share lesions, patients or pictures because the caller allowed it."""


@dataclass(frozen=True)
class Exposure:
    """Which images of a test part a model can have seen, in another view, while it was trained.

    Attributes:
        train: Name of the training part.
        test: Name of the test part.
        group: What a group id of the test part stands for: `"lesion"`, `"patient"` or `"image"`.
        num_images: Images of the test part.
        per_class: Exposed and all labelled images of each class of the test part.
        why: Id of each exposed image, with the reasons: `"same picture"`, `"same lesion"` (or patient), `"near
            duplicate"`.
        groups_compared: False if the two collections' group ids mean nothing to one another.
    """

    train: str
    test: str
    group: str
    num_images: int
    per_class: Mapping[str, tuple[int, int]]
    why: Mapping[str, tuple[str, ...]]
    groups_compared: bool = True

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the exposed images."""
        return tuple(self.why)

    @property
    def count(self) -> int:
        """Number of exposed images."""
        return len(self.why)

    @property
    def share(self) -> float:
        """Share of the images that are exposed, from 0 to 1; 0 for an empty part."""
        return self.count / self.num_images if self.num_images else 0.0

    @property
    def reasons(self) -> dict[str, int]:
        """Number of images for each reason; an image may have several."""
        return dict(Counter(reason for found in self.why.values() for reason in found))

    def within(self, records: Records, classes: Sequence[str], *, test: str) -> Exposure:
        """The exposure of a part of the test part.

        Args:
            records: The rows of that part.
            classes: Codes by class index.
            test: Its name.
        """
        why = {i: self.why[i] for i in records.ids.tolist() if i in self.why}
        per_class = _per_class(records, classes, why)
        return replace(self, test=test, num_images=len(records), per_class=per_class, why=why)

    def sentence(self) -> str:
        """What it means for figures on these images, in one line."""
        if not self.count:
            return "none of these images shows a lesion or picture of the training part"
        only_group = all(f"same {self.group}" in found for found in self.why.values())
        what = f"a {self.group}" if only_group and self.group != "image" else "a lesion or picture"
        return f"{100 * self.share:.1f} % of these images show {what} of the training part"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "train": self.train,
            "test": self.test,
            "num_images": self.num_images,
            "count": self.count,
            "share": self.share,
            "per_class": {code: list(counts) for code, counts in self.per_class.items()},
            "reasons": self.reasons,
            "groups_compared": self.groups_compared,
        }

    def __str__(self) -> str:
        lines = [
            f"{self.test}: {self.count} of {self.num_images} images ({self.share:.1%}) are exposed to {self.train}"
        ]
        width = max(map(len, ("class", *self.per_class)))
        lines.append(f"{'class':<{width}}  exposed  images   share")
        lines += [
            f"{code:<{width}}  {exposed:>7}  {total:>6}  {exposed / total:>6.1%}"
            for code, (exposed, total) in self.per_class.items()
            if total
        ]
        lines += [f"{reason}: {n}" for reason, n in self.reasons.items()]
        if not self.groups_compared:
            lines.append("lesions and patients were not compared: the collections name them independently")
        return "\n".join(lines)


def leakage_meter(train: SkinDataset, test: SkinDataset, *, also: Iterable[str] = ()) -> Exposure:
    """Measure what share of the test images, of each class too, is exposed to the training part.

    An image is exposed if its id stands in the training part, or a picture of its lesion or patient does. Group ids
    are compared within one collection, and between collections of one `DatasetInfo.namespace`. Ids of two collections
    are compared without what distributions hang on to them, such as `_downsampled`. Nothing is trained or decoded.

    Args:
        train: What a model is trained on.
        test: What it is scored on.
        also: Ids of further exposed test images, such as near duplicates that an audit found.

    Raises:
        ConfigError: `also` is a single text or holds ids that are not in the test part.
    """
    names = test.records.ids.tolist()
    more = _further(also, names, test.name)
    trained, tested = comparable_ids(train, test)
    flags = {SAME_PICTURE: np.isin(tested, trained)}
    here, there = _scopes(test), _scopes(train)
    same = bool(np.isin(here, there).any())
    shared = np.isin(_joined(here, test.records.groups), _joined(there, train.records.groups))
    if same and test.info.group != "image":
        flags[f"same {test.info.group}"] = shared
    elif same:
        flags[SAME_PICTURE] |= shared
    flags[NEAR_DUPLICATE] = np.array([i in more for i in names], dtype=bool)
    found = ((i, tuple(r for r, flag in flags.items() if flag[row])) for row, i in enumerate(names))
    why = {i: reasons for i, reasons in found if reasons}
    return Exposure(
        train=train.name,
        test=test.name,
        group=test.info.group,
        num_images=len(test),
        per_class=_per_class(test.records, test.label_space.classes, why),
        why=why,
        groups_compared=same,
    )


def _scopes(dataset: SkinDataset) -> NDArray[np.str_]:
    """For each row, within what its group id means something: a namespace, or its collection alone."""
    combined = getattr(dataset.source, "scopes", None)
    if combined is not None:
        scopes: NDArray[np.str_] = combined(dataset.records.images)
        return scopes
    return np.full(len(dataset), dataset.info.namespace or dataset.info.name)


def _joined(scopes: NDArray[np.str_], groups: NDArray[np.str_]) -> NDArray[np.str_]:
    return np.char.add(np.char.add(scopes, "\n"), groups)


def guard(*parts: SkinDataset, allow_leakage: bool) -> None:
    """Make sure that parts share nothing; if that is allowed, measure it against the first part instead.

    Then each other part gets its `exposure`.

    Raises:
        LeakageError: They do, and it is not allowed.
    """
    if not allow_leakage:
        check_disjoint(*parts)
        return
    for part in parts[1:]:
        part.exposure = leakage_meter(parts[0], part)
    if exposed := [p.exposure for p in parts[1:] if p.exposure and p.exposure.count]:
        listed = ", ".join(f"{100 * e.share:.1f} % of {e.test}" for e in exposed)
        warnings.warn(
            f"exposed to {parts[0].name}: {listed}. Figures on these images are too good; print(part.exposure) shows "
            "the classes.",
            LeakageWarning,
            stacklevel=callers_level(),
        )


def _per_class(records: Records, classes: Sequence[str], why: Mapping[str, object]) -> dict[str, tuple[int, int]]:
    exposed = np.array([i in why for i in records.ids.tolist()], dtype=bool)
    labelled = records.labels != IGNORE_INDEX
    total = np.bincount(records.labels[labelled], minlength=len(classes))
    hit = np.bincount(records.labels[labelled & exposed], minlength=len(classes))
    return {code: (int(hit[k]), int(total[k])) for k, code in enumerate(classes)}


def _further(also: Iterable[str], names: Sequence[str], test: str) -> frozenset[str]:
    if isinstance(also, str):
        raise ConfigError(f"also={also!r} is one text; give a list of ids.")
    more = frozenset(map(str, also))
    if absent := sorted(more - set(names)):
        raise ConfigError(
            f"also: {len(absent)} of {len(more)} ids are not in {test} (such as {', '.join(map(repr, absent[:3]))}); "
            "give ids of test images."
        )
    return more
