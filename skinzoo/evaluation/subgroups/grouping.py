"""Which metadata columns tell patients, lesions and cameras apart, and which group each image falls into."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import ConfigError
from skinzoo.registry import did_you_mean

MAX_GROUPS = 20
"""A column with more different values names images rather than groups them."""
NOT_KNOWN = "not known"
AGE_BANDS = (("<30", 30.0), ("30-49", 50.0), ("50-69", 70.0), (">=70", math.inf))
"""Label of each band of ages, and the age in years where the next one begins."""
MAX_AGE = 120

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "age": ("age", "age_approx", "age_approximate"),
    "sex": ("sex", "gender"),
    "anatomical site": (
        "localization",
        "localisation",
        "anatom_site_general",
        "anatom_site_general_challenge",
        "anatom_site",
        "site",
        "location",
        "region",
        "body_site",
    ),
    "skin tone": (
        "fitzpatrick",
        "fitspatrick",
        "fitzpatrick_scale",
        "fitzpatrick_skin_type",
        "skin_type",
        "skin_tone",
        "skin_tone_class",
        "monk",
        "monk_skin_tone",
    ),
    "source": (
        "collection",
        "dataset",
        "source",
        "attribution",
        "device",
        "camera",
        "scanner",
        "image_type",
        "tbp_tile_type",
        "dx_type",
        "diagnosis_confirm_type",
    ),
}
"""What is looked at by itself, each with the columns that collections keep it in."""
_ATTRIBUTE_OF = {column: attribute for attribute, columns in ATTRIBUTES.items() for column in columns}
_MISSING = frozenset(("", "unknown", "not known", "unk", "nan", "none", "na", "n/a", "<na>", "null"))
_SKIN_TYPES = {"12": "I-II", "34": "III-IV", "56": "V-VI"}  # pairs of Fitzpatrick types, as DDI writes them


@dataclass(frozen=True, eq=False)
class Grouping:
    """The groups of one column.

    Attributes:
        column: Its name.
        attribute: What it tells: one of `ATTRIBUTES`, or the column's name.
        labels: The groups, in order; `NOT_KNOWN` is not among them.
        member: Which of them each image belongs to, int64 (N,), -1 where that is not known.
        note: What was done with odd values; empty if there were none.
    """

    column: str
    attribute: str
    labels: tuple[str, ...]
    member: NDArray[np.int64]
    note: str = ""


def find_groupings(
    metadata: Mapping[str, NDArray[Any]], columns: Iterable[str] | None, num_images: int
) -> tuple[list[Grouping], dict[str, str]]:
    """Group the images by the columns that are there, or by those that are asked for.

    Args:
        metadata: Columns (N,); a missing value is None, NaN, empty or a word such as `unknown`.
        columns: Names; None for those of `ATTRIBUTES`, in its order.
        num_images: N.

    Returns:
        The groupings, and why a column of `ATTRIBUTES` makes none, by its name.

    Raises:
        ConfigError: A column has another length; one that is asked for is absent, has no value, or more than
            `MAX_GROUPS` different ones.
    """
    if not isinstance(metadata, Mapping):
        raise ConfigError(f"metadata must be columns by name; got {type(metadata).__name__}.")
    for name, column in metadata.items():
        if np.shape(column) != (num_images,):
            raise ConfigError(f"metadata column {name!r} has the shape {np.shape(column)} for {num_images} images.")
    if columns is not None:
        return [_grouping(name, metadata) for name in _asked_for(columns, metadata)], {}
    found, skipped = [], {}
    places = {name: list(_ATTRIBUTE_OF).index(known) for name in metadata if (known := _plain(name)) in _ATTRIBUTE_OF}
    for name in sorted(places, key=places.__getitem__):
        try:
            found.append(_grouping(name, metadata))
        except ConfigError as error:
            skipped[name] = str(error)
    return found, skipped


def _asked_for(columns: Iterable[str], metadata: Mapping[str, Any]) -> list[str]:
    if isinstance(columns, str):
        raise ConfigError(f"columns={columns!r} is one text; give a list of columns.")
    names = list(dict.fromkeys(columns))
    for name in names:
        if name not in metadata:
            raise ConfigError(f"there is no metadata column {name!r}; {did_you_mean(str(name), map(str, metadata))}")
    return names


def _grouping(name: str, metadata: Mapping[str, NDArray[Any]]) -> Grouping:
    attribute = _ATTRIBUTE_OF.get(_plain(name), name)
    values = np.asarray(metadata[name]).tolist()
    known = np.array([not _is_missing(v) for v in values], dtype=bool)
    if not known.any():
        raise ConfigError(f"metadata column {name!r} has no value at all; leave it out.")
    ages = _ages(values, known) if attribute == "age" else None
    if ages is not None:
        possible = (ages >= 0) & (ages <= MAX_AGE)
        member = np.where(possible, np.searchsorted([end for _, end in AGE_BANDS], ages, side="right"), -1)
        odd = int((known & ~possible).sum())
        note = f"{odd} ages that are not in 0..{MAX_AGE} count as {NOT_KNOWN}" if odd else ""
        return _without_empty(name, attribute, [label for label, _ in AGE_BANDS], member, note)
    numbers = all(_is_number(v) for v, k in zip(values, known, strict=True) if k)
    keys = [_key(v) if k else None for v, k in zip(values, known, strict=True)]
    times = Counter(key for key in keys if key is not None)
    if len(times) > MAX_GROUPS:
        raise ConfigError(
            f"metadata column {name!r} has {len(times)} different values, more than {MAX_GROUPS}: it names images "
            f"rather than groups them; {'cut it into bands' if numbers else 'join rare values'} first, or leave it out."
        )
    order = sorted(times, key=float) if numbers else sorted(times, key=lambda key: (-times[key], key))
    place = {key: i for i, key in enumerate(order)}
    shown = {key: str(v).strip() for key, v in zip(reversed(keys), reversed(values), strict=True) if key is not None}
    labels = [key if numbers or key in ("yes", "no") else shown[key] for key in order]
    if attribute == "skin tone" and set(order) <= set(_SKIN_TYPES):
        labels = [_SKIN_TYPES[key] for key in order]
    member = np.array([-1 if key is None else place[key] for key in keys], dtype=np.int64)
    return _without_empty(name, attribute, labels, member, "")


def _without_empty(
    name: str, attribute: str, labels: Collection[str], member: NDArray[np.int64], note: str
) -> Grouping:
    there = np.unique(member[member >= 0])
    number = np.full(len(labels) + 1, -1, dtype=np.int64)  # the last place is that of -1
    number[there] = np.arange(len(there))
    listed = list(labels)
    return Grouping(name, attribute, tuple(listed[k] for k in there), number[member], note)


def _ages(values: list[Any], known: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Ages in years (N,), NaN where missing; None for a column that holds something else, such as bands."""
    try:
        return np.array([float(v) if k else math.nan for v, k in zip(values, known, strict=True)], dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _plain(name: object) -> str:
    return str(name).strip().casefold()


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_missing(value: Any) -> bool:
    if value is None or (isinstance(value, float) and value != value):
        return True
    return isinstance(value, str) and value.strip().casefold() in _MISSING


def _key(value: Any) -> str:
    """What two values must share to be one group: a text in any case, a number however it is written."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.15g}" if _is_number(value) else _plain(value)
