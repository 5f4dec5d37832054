"""Splitting a collection so that no lesion or patient stands on two sides, and checking that none does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.datasets.dealing import deal, deal_by_name
from skinzoo.datasets.ids import canonical_id
from skinzoo.datasets.records import IntArray, StrArray, owners
from skinzoo.errors import ConfigError, LeakageError, SplitError
from skinzoo.types import IGNORE_INDEX

if TYPE_CHECKING:
    from skinzoo.datasets.base import SkinDataset


def split_indices(
    ids: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike,
    fractions: Sequence[float],
    *,
    seed: int = 42,
    by: str = "group",
    stable: bool = False,
    even: bool = False,
    allow_leakage: bool = False,
    allow_missing_classes: bool = False,
    class_names: Sequence[str] | None = None,
) -> list[IntArray]:
    """Rows of each part of a stratified split that keeps groups together.

    Groups are dealt one at a time, rarest class and largest group first, each to the part that still lacks most of
    that group's classes. The result depends on the set of (id, label, group) and on the seed, not on the order of the
    rows. Samples without a label are spread over the parts like a class of their own.

    With `stable`, a group's part follows from its name and the seed alone: the first 8 bytes of the sha256 of
    `<seed>/<group>`, as a number from 0 to 1. So a group stays where it is when rows are added or set aside, and two
    collections that share lesions agree on each. The price: shares and classes are met only on average.

    Args:
        ids: Unique ids (N,).
        labels: Class indices (N,), `IGNORE_INDEX` without a label.
        groups: Patient or lesion ids (N,); an empty or missing one stands for a group of its own.
        fractions: Share of each part; positive, summing to 1.
        seed: Another seed, another split.
        by: `"group"`, or `"image"` to deal single images; that is refused where it separates a group.
        stable: Deal by a hash of the group's name.
        even: Give a group that all parts lack equally to the smallest part, not to the first; better for equal shares.
        allow_leakage: Permit `by="image"` even so.
        allow_missing_classes: Permit a part without a class, as where a class has fewer groups than there are parts.
        class_names: For messages.

    Returns:
        One int64 array of ascending row numbers per part; every row stands in exactly one.

    Raises:
        ConfigError: `by` is neither `"group"` nor `"image"`, or the seed is no whole number of at least 0.
        SplitError: Bad fractions; ids that are not unique; a class with too few groups (code `SPLIT_TOO_FEW`); fewer
            groups than parts, or with `stable` a part that no group fell into (code `SPLIT_GROUPS`).
        LeakageError: `by="image"` would put a group on several sides.
    """
    names = np.asarray(ids, dtype=np.str_)
    classes = np.asarray(labels, dtype=np.int64)
    shares = check_fractions(fractions)
    _check_arguments(names, classes, np.asarray(groups, dtype=np.str_), seed, by)
    owner = owners(names, groups)
    units, unit_of = np.unique(owner if by == "group" else names, return_inverse=True)
    strata, stratum_of = np.unique(classes, return_inverse=True)
    count = np.zeros((len(units), len(strata)), dtype=np.int64)
    np.add.at(count, (unit_of, stratum_of), 1)
    if not allow_missing_classes:
        _check_enough(count, strata, len(shares), class_names, by)
    _check_enough_units(len(units), len(shares), by)
    dealt = deal_by_name(units.tolist(), shares, int(seed)) if stable else deal(count, shares, int(seed), even=even)
    part = dealt[unit_of]
    if by == "image" and not allow_leakage:
        _check_exposure(part, owner, len(shares))
    parts = [np.flatnonzero(part == k).astype(np.int64) for k in range(len(shares))]
    _check_filled(parts, len(units), by)
    if not allow_missing_classes:
        _check_present(parts, classes, class_names, stable=stable)
    return parts


def check_fractions(fractions: Sequence[float]) -> tuple[float, ...]:
    """The shares of a split's parts.

    Raises:
        SplitError: They are not at least two positive numbers that sum to 1.
    """
    advice = "give at least two positive numbers that sum to 1, such as (0.7, 0.15, 0.15)."
    if not isinstance(fractions, list | tuple | np.ndarray):
        raise SplitError(f"fractions={fractions!r}: {advice}")
    for share in fractions:
        if (
            isinstance(share, bool)
            or not isinstance(share, int | float | np.integer | np.floating)
            or not np.isfinite(share)
        ):
            raise SplitError(f"fractions {tuple(fractions)}: {share!r} is not a finite number; {advice}")
    shares = tuple(float(share) for share in fractions)
    if len(shares) < 2 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise SplitError(f"fractions {shares} sum to {sum(shares):.6g}; {advice}")
    return shares


def _check_arguments(names: NDArray[Any], classes: IntArray, owner: NDArray[Any], seed: int, by: str) -> None:
    if by not in ("group", "image"):
        raise ConfigError(f"by={by!r} is unknown; use 'group' or 'image'.")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ConfigError(f"seed={seed!r}: the seed of a split must be a whole number of at least 0.")
    if not len(names) == len(classes) == len(owner):
        raise SplitError(f"{len(names)} ids, {len(classes)} labels and {len(owner)} groups; give equally many.")
    if not len(names):
        raise SplitError("there is no row to split.")
    unique, seen = np.unique(names, return_counts=True)
    if len(unique) < len(names):
        raise SplitError(f"ids must be unique; {str(unique[seen > 1][0])!r} stands {seen.max()} times.")


def _title(stratum: int, class_names: Sequence[str] | None) -> str:
    return class_names[stratum] if class_names is not None and stratum < len(class_names) else f"class {stratum}"


def _check_enough_units(num_units: int, num_parts: int, unit: str) -> None:
    if num_units < num_parts:
        raise SplitError(
            f"{num_units} {unit}s cannot make {num_parts} parts, of which none is empty; ask for fewer parts.",
            "SPLIT_GROUPS",
        )


def _check_enough(
    count: IntArray, strata: IntArray, num_parts: int, class_names: Sequence[str] | None, unit: str
) -> None:
    have = (count > 0).sum(axis=0)
    few = [
        f"{_title(int(s), class_names)} has {n}"
        for s, n in zip(strata, have, strict=True)
        if n < num_parts and s != IGNORE_INDEX
    ]
    if few:
        raise SplitError(
            f"a class needs at least {num_parts} {unit}s to stand in each of {num_parts} parts: {', '.join(few)}. "
            "Ask for fewer parts, leave the class out, or pass allow_missing_classes=True.",
            "SPLIT_TOO_FEW",
        )


def _check_filled(parts: Sequence[IntArray], num_units: int, unit: str) -> None:
    for k, rows in enumerate(parts):
        if not len(rows):
            raise SplitError(
                f"none of {num_units} {unit}s fell into part {k} of {len(parts)}; try another seed, or stable=False.",
                "SPLIT_GROUPS",
            )


def _check_present(
    parts: Sequence[IntArray], classes: IntArray, class_names: Sequence[str] | None, *, stable: bool
) -> None:
    everything = set(classes.tolist()) - {IGNORE_INDEX}
    why = "by the hash of its groups' names" if stable else "because its groups hold several classes each"
    for k, rows in enumerate(parts):
        if absent := sorted(everything - set(classes[rows].tolist())):
            listed = ", ".join(_title(s, class_names) for s in absent)
            raise SplitError(
                f"no image of {listed} came into part {k}, {why}. "
                "Try another seed, or pass allow_missing_classes=True.",
                "SPLIT_TOO_FEW",
            )


def _check_exposure(part: IntArray, owner: NDArray[Any], num_parts: int) -> None:
    _, number = np.unique(owner, return_inverse=True)
    seen = np.zeros((int(number.max()) + 1, num_parts), dtype=bool)
    seen[number, part] = True
    torn = seen.sum(axis=1) > 1
    if torn.any():
        exposed = torn[number]
        last = exposed[part == num_parts - 1].mean()
        raise LeakageError(
            f"by='image' separates {torn.sum()} of {len(torn)} groups: {last:.1%} of the images of the last part (and "
            f"{exposed.mean():.1%} overall) show a lesion or patient of another part. "
            "Split by='group', or pass allow_leakage=True if that is what you want to study."
        )


def check_disjoint(*datasets: SkinDataset) -> None:
    """Make sure that no id and no group stands in two of the datasets.

    Ids of two collections are compared by what they share in every distribution; see `canonical_id`.

    Raises:
        LeakageError: One does; the message names the datasets and gives examples.
    """
    for a, b in combinations(datasets, 2):
        shared_ids = np.intersect1d(*comparable_ids(a, b))
        shared_groups = np.intersect1d(a.records.groups, b.records.groups)
        for what, shared in (("ids", shared_ids), ("groups", shared_groups)):
            if len(shared):
                examples = ", ".join(repr(str(s)) for s in shared[:3])
                raise LeakageError(
                    f"{a.name} and {b.name} share {len(shared)} {what} (such as {examples}); "
                    "figures on such parts are too good. Split by group, or drop the shared samples from one side."
                )


def comparable_ids(a: SkinDataset, b: SkinDataset) -> tuple[StrArray, StrArray]:
    """The ids of both, as they stand within one collection, and freed of distributions' endings between two.

    Within one collection `mole (1)` and `mole (2)` are two pictures.
    """
    if a.info.name == b.info.name:
        return a.records.ids, b.records.ids
    first, second = (np.array([canonical_id(i) for i in d.records.ids.tolist()], dtype=np.str_) for d in (a, b))
    return first, second
