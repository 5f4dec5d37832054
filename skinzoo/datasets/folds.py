"""Parts of a collection: shares, folds, the official division, and the values of a metadata column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.exposure import guard
from skinzoo.datasets.records import IntArray, plain_value
from skinzoo.datasets.splits import check_fractions, split_indices
from skinzoo.errors import ConfigError, LeakageError, SplitError
from skinzoo.registry import did_you_mean

if TYPE_CHECKING:
    from skinzoo.datasets.base import SkinDataset

Parts = tuple["SkinDataset", ...]
OFFICIAL = "official_split"


def unit_of(data: SkinDataset, by: str) -> str:
    """`"group"` or `"image"` for what a caller may call it, such as `"lesion"`.

    Raises:
        ConfigError: The collection's groups stand for something else.
    """
    if by in ("group", "image") or by == data.info.group:
        return "image" if by == "image" else "group"
    known = "no lesions or patients" if data.info.group == "image" else f"{data.info.group}s"
    ways = dict.fromkeys(("group", data.info.group, "image"))
    raise ConfigError(
        f"by={by!r} is unknown: {data.info.name} knows {known}; use {' or '.join(repr(w) for w in ways)}."
    )


def split(data: SkinDataset, fractions: Sequence[float], *, allow_leakage: bool, **options: Any) -> Parts:
    """What `SkinDataset.split` does; arguments and errors as there."""
    shares = check_fractions(fractions)
    names = {2: ("train", "test"), 3: ("train", "val", "test")}.get(len(shares), ())
    rows = _deal(data, shares, allow_leakage=allow_leakage, **options)
    parts = tuple(data.subset(r, part=names[k] if names else f"part{k}") for k, r in enumerate(rows))
    guard(*parts, allow_leakage=allow_leakage)
    return parts


def kfold(
    data: SkinDataset, k: int, *, seed: int, val: float | None, allow_leakage: bool, **options: Any
) -> list[Parts]:
    """What `SkinDataset.kfold` does; arguments and errors as there."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 2:
        raise ConfigError(f"k={k!r}: the number of folds must be a whole number of at least 2.")
    if val is not None and not (isinstance(val, float) and 0 < val < 1):
        raise ConfigError(f"val={val!r}: give the share of the training images that validates, such as 0.15, or None.")
    held_out = _deal(data, (1 / k,) * k, seed=seed, even=True, allow_leakage=allow_leakage, **options)
    folds: list[Parts] = []
    for number, rows in enumerate(held_out, start=1):
        rest = data.subset(np.setdiff1d(np.arange(len(data)), rows))
        fold = f"fold {number} of {k}"
        if val is None:
            parts: Parts = (_called(rest, f"{fold}, train"), data.subset(rows, part=f"{fold}, val"))
        else:
            # another seed, or a stable split would hash the same numbers a second time
            inner = _deal(rest, (1 - val, val), seed=seed + 1, allow_leakage=allow_leakage, **options)
            train, inner_val = (
                rest.subset(r, part=f"{fold}, {name}") for r, name in zip(inner, ("train", "val"), strict=True)
            )
            parts = (train, inner_val, data.subset(rows, part=f"{fold}, test"))
        guard(*parts, allow_leakage=allow_leakage)
        folds.append(parts)
    return folds


def official(data: SkinDataset, *, missing: str, allow_leakage: bool) -> dict[str, SkinDataset]:
    """What `SkinDataset.official` does; arguments and errors as there."""
    if OFFICIAL not in data.records.metadata:
        raise SplitError(f"{data.info.name} has no official parts here. {_instead(data)}", "SPLIT_OFFICIAL")
    values = ["" if v is None else str(v) for v in column_values(data, OFFICIAL)]
    found = sorted(set(values) - {""}, key=lambda v: (*(v != name for name in ("train", "val", "test")), v))
    if not found:
        raise SplitError(
            f"{data.info.name}: none of {len(data)} rows belongs to an official part. {_instead(data)}",
            "SPLIT_OFFICIAL",
        )
    _check_missing(missing, values.count(""), len(data), OFFICIAL, ("error", "drop"))
    parts = {name: data.subset(np.array([v == name for v in values]), part=name) for name in found}
    guard(*parts.values(), allow_leakage=allow_leakage)
    return parts


def split_by(
    data: SkinDataset,
    column: str,
    *,
    test: Any,
    val: Any = None,
    torn: str = "test",
    missing: str = "error",
) -> Parts:
    """What `SkinDataset.split_by` does; arguments and errors as there."""
    values = column_values(data, column)
    for_test, for_val = _listed(test), [] if val is None else _listed(val)
    _check_values(column, values, for_test, for_val)
    side = np.array([2 if v in for_test else 1 if v in for_val else 0 for v in values])
    names = ("train", "val", "test") if val is not None else ("train", None, "test")
    gone = _check_missing(missing, values.count(None), len(data), column, ("error", "drop", "train"))
    keep = np.array([not (gone and v is None) for v in values], dtype=bool)
    owner = np.unique(data.records.groups, return_inverse=True)[1]
    final = _settle(data, side, owner, keep, torn, column)
    parts = tuple(
        data.subset(np.flatnonzero(final == k), part=name) for k, name in enumerate(names) if name is not None
    )
    if empty := [p.part for p in parts if not len(p)]:
        raise SplitError(
            f"{data.info.name} split by {column} leaves no image for {' and '.join(empty)}; name other values.",
            "SPLIT_GROUPS",
        )
    guard(*parts, allow_leakage=False)
    return parts


def leave_one_out(
    data: SkinDataset, column: str, *, torn: str = "test", missing: str = "error"
) -> Iterator[tuple[Any, SkinDataset, SkinDataset]]:
    """What `SkinDataset.leave_one_out` does; arguments and errors as there."""
    values = column_values(data, column)
    found = sorted({v for v in values if v is not None}, key=lambda v: (str(type(v)), v))
    if len(found) < 2:
        raise SplitError(f"{column} has {len(found)} values in {data.name}; two are needed to leave one out.")
    _check_missing(missing, values.count(None), len(data), column, ("error", "drop", "train"))

    def rounds() -> Iterator[tuple[Any, SkinDataset, SkinDataset]]:
        for value in found:
            train, test = split_by(data, column, test=[value], torn=torn, missing=missing)
            yield value, _called(train, f"train without {column} {value}"), _called(test, f"{column} {value}")

    return rounds()


def column_values(data: SkinDataset, column: str) -> list[Any]:
    """A metadata column in Python's own types, None where a value is missing.

    Raises:
        ConfigError: There is no such column.
    """
    metadata = data.records.metadata
    if column not in metadata:
        raise ConfigError(f"{data.info.name} has no column {column!r}; {did_you_mean(str(column), metadata)}")
    return [plain_value(v) for v in metadata[column].tolist()]


def _deal(
    data: SkinDataset, shares: Sequence[float], *, by: str, allow_leakage: bool, **options: Any
) -> list[IntArray]:
    r = data.records
    return split_indices(
        r.ids,
        r.labels,
        r.groups,
        shares,
        by=unit_of(data, by),
        allow_leakage=allow_leakage,
        class_names=data.label_space.classes,
        **options,
    )


def _instead(data: SkinDataset) -> str:
    if data.info.parts:
        return f"Open them one by one with part={' or '.join(map(repr, data.info.parts))}, or use split or kfold."
    return "Use split or kfold."


def _called(data: SkinDataset, part: str) -> SkinDataset:
    return data.subset(range(len(data)), part=part)


def _listed(values: Any) -> list[Any]:
    if isinstance(values, Iterable) and not isinstance(values, str):
        return [plain_value(v) for v in values]
    return [plain_value(values)]


def _check_values(column: str, values: Sequence[Any], test: Sequence[Any], val: Sequence[Any]) -> None:
    known = {v for v in values if v is not None}
    if unknown := [v for v in (*test, *val) if v not in known]:
        shown = did_you_mean(str(unknown[0]), map(str, known))
        raise SplitError(f"{column} is never {unknown[0]!r}; {shown}", "SPLIT_VALUE")
    if both := [v for v in test if v in val]:
        raise ConfigError(f"{column} {both[0]!r} is asked for in test and in val; give it to one.")


def _check_missing(missing: str, count: int, total: int, column: str, allowed: Sequence[str]) -> bool:
    """Whether rows without a value are left out."""
    if missing not in allowed:
        raise ConfigError(f"missing={missing!r} is unknown; use {' or '.join(map(repr, allowed))}.")
    if count and missing == "error":
        rest = " or ".join(f"missing={m!r}" for m in allowed if m != "error")
        raise SplitError(f"{column} is missing in {count} of {total} rows; say what to do: {rest}.", "SPLIT_MISSING")
    return missing == "drop"


def _settle(
    data: SkinDataset, side: NDArray[Any], owner: IntArray, keep: NDArray[np.bool_], torn: str, column: str
) -> NDArray[Any]:
    """The side of each row, so that no group is on two; -1 for rows that are left out."""
    if torn not in ("test", "drop", "refuse"):
        raise ConfigError(f"torn={torn!r} is unknown; use 'test', 'drop' or 'refuse'.")
    highest = np.full(len(side), -1)
    np.maximum.at(highest, owner[keep], side[keep])
    split_rows = keep & (side != highest[owner])
    if torn == "refuse" and split_rows.any():
        unit = "group" if data.info.group == "image" else data.info.group
        raise LeakageError(
            f"{len(np.unique(owner[split_rows]))} {unit}s of {data.name} stand on both sides of {column}; "
            "torn='test' moves all their images to the test side, torn='drop' leaves the others out."
        )
    settled = highest[owner] if torn == "test" else np.where(split_rows, -1, side)
    return np.where(keep, settled, -1)
