"""What a model was trained on, kept with its weights, so that nobody scores it on the same pictures by mistake.

No id is written down. A picture, and likewise a lesion or patient, stands in the record as the first 8 bytes of the
BLAKE2b hash of its name: enough to recognise it again, and small (400,000 pictures take 4.3 MB). Of 5 million names and
10,000 others, two agree by chance with a probability of 3 in a billion.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import ConfigError

MAX_HASHES = 5_000_000
"""More pictures than a record is read for; a longer list is damage."""
FORMAT_VERSION = 1
_HASH = np.dtype("<u8")
_MAX_TEXT, _MAX_ENTRIES = 20_000, 10_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LISTS = ("image_hashes", "group_hashes")
_COUNTS = ("num_images", "num_groups")
_TEXTS = ("title", "part", "group", "licence")

HashArray = NDArray[np.uint64]


def hashes_of(names: Iterable[str]) -> HashArray:
    """The 64-bit hash of each name (N,), uint64: the first 8 bytes of BLAKE2b of its UTF-8 text, little-endian."""
    digests = (hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in names)
    return np.frombuffer(b"".join(digests), dtype=_HASH).astype(np.uint64)


def packed(hashes: HashArray) -> bytes:
    """Hashes (N,) as a record keeps them: each once, ascending, 8 bytes each, little-endian."""
    return np.unique(hashes).astype(_HASH).tobytes()


@dataclass(frozen=True)
class SeenImages:
    """One collection, or a part of one, that a model has seen.

    Attributes:
        collections: Names of its collections.
        title: Its full name.
        part: Name of the part, such as `"train"`; empty for the whole.
        num_images: Images.
        num_groups: Patients or lesions, counted as images where none are known.
        group: What a group is: `"patient"`, `"lesion"` or `"image"`.
        class_counts: Labelled images of each class.
        licence: Of the images; empty where it is not stated.
        split_hash: sha256 of the sorted ids, one a line: 64 hex digits.
        image_hashes: Of the images, as `packed` gives them.
        group_hashes: Of the groups, likewise; without those that are known by their image.

    Raises:
        ConfigError: A value of another kind or out of range, or hashes that are not as `packed` gives them.
    """

    collections: tuple[str, ...]
    title: str
    part: str
    num_images: int
    num_groups: int
    group: str
    class_counts: Mapping[str, int]
    licence: str
    split_hash: str
    image_hashes: bytes = field(repr=False)
    group_hashes: bytes = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "collections", tuple(self.collections))
        checks: dict[str, bool] = {name: _is_text(getattr(self, name)) for name in _TEXTS}
        checks["collections"] = 0 < len(self.collections) <= _MAX_ENTRIES and all(map(_is_text, self.collections))
        checks |= {name: _is_count(getattr(self, name)) for name in _COUNTS}
        checks["class_counts"] = _are_counts(self.class_counts)
        checks["split_hash"] = isinstance(self.split_hash, str) and _SHA256.fullmatch(self.split_hash) is not None
        for name, good in checks.items():
            if not good:
                raise ConfigError(f"SeenImages: {name}={getattr(self, name)!r:.80} makes no sense; see its docstring.")
        for name, most in zip(_LISTS, _COUNTS, strict=True):
            _check_hashes(name, getattr(self, name), getattr(self, most))

    @property
    def hashes(self) -> HashArray:
        """Those of images and groups together, (H,)."""
        return np.frombuffer(self.image_hashes + self.group_hashes, dtype=_HASH).astype(np.uint64)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, the hashes as base64."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values |= {name: base64.b64encode(values[name]).decode() for name in _LISTS}
        return values | {"collections": list(self.collections), "class_counts": dict(self.class_counts)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SeenImages:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: A key is missing or unknown, or a value makes no sense.
        """
        _check_keys("SeenImages", values, [f.name for f in fields(cls)])
        if not isinstance(values["collections"], list | tuple):
            raise ConfigError(f"SeenImages: collections must be a list of names; got {values['collections']!r:.80}.")
        return cls(**{**values, **{name: _decoded(name, values[name]) for name in _LISTS}})

    def __str__(self) -> str:
        groups = "" if self.group == "image" else f" of {self.num_groups:,} {self.group}s"
        return f"{self.num_images:,} images{groups} of {self.title}{f', part {self.part}' if self.part else ''}"


@dataclass(frozen=True)
class TrainingRecord:
    """The images that a model has seen; `skinzoo.record_training` makes it.

    Attributes:
        training: What its weights were fitted to, the earliest first: a model that goes on from trained weights has
            seen what these have seen.
        validation: What its weights were chosen by, among those of several moments or settings.

    Raises:
        ConfigError: No training images, something else than `SeenImages`, or more hashes than `MAX_HASHES`.
    """

    training: tuple[SeenImages, ...]
    validation: tuple[SeenImages, ...] = ()

    def __post_init__(self) -> None:
        for name in ("training", "validation"):
            entries = tuple(getattr(self, name))
            object.__setattr__(self, name, entries)
            if len(entries) > _MAX_ENTRIES or not all(isinstance(e, SeenImages) for e in entries):
                raise ConfigError(
                    f"TrainingRecord: {name} must be up to {_MAX_ENTRIES} SeenImages; got {entries!r:.80}."
                )
        total = sum(len(e.image_hashes) + len(e.group_hashes) for e in self.training + self.validation) // 8
        if total > MAX_HASHES:
            raise ConfigError(f"TrainingRecord: {total:,} hashes; at most {MAX_HASHES:,} are kept.")
        if not self.training:
            raise ConfigError("TrainingRecord: training is empty; a model without training has no record (None).")

    def after(self, earlier: TrainingRecord | None) -> TrainingRecord:
        """The record of a model that was trained so, and before as `earlier` says; nothing stands in it twice."""
        if earlier is None:
            return self
        return TrainingRecord(
            _each_once(earlier.training + self.training), _each_once(earlier.validation + self.validation)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "format_version": FORMAT_VERSION,
            "training": [entry.to_dict() for entry in self.training],
            "validation": [entry.to_dict() for entry in self.validation],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingRecord:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: A key is missing or unknown, or a value makes no sense.
        """
        _check_keys("TrainingRecord", values, ("format_version", "training", "validation"))
        if values["format_version"] != FORMAT_VERSION:
            raise ConfigError(
                f"TrainingRecord: format version {values['format_version']!r:.40}; this version reads {FORMAT_VERSION}."
            )
        return cls(**{name: _entries(name, values[name]) for name in ("training", "validation")})

    def __str__(self) -> str:
        lines = [f"trained on {entry}" for entry in self.training]
        return "\n".join([*lines, *(f"chosen by {entry}" for entry in self.validation)])


def _each_once(entries: Iterable[SeenImages]) -> tuple[SeenImages, ...]:
    found: list[SeenImages] = []
    for entry in entries:
        if entry not in found:
            found.append(entry)
    return tuple(found)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_HASHES


def _are_counts(counts: object) -> bool:
    return (
        isinstance(counts, Mapping)
        and len(counts) <= _MAX_ENTRIES
        and all(_is_text(code) and _is_count(n) for code, n in counts.items())
    )


def _check_hashes(name: str, hashes: object, count: int) -> None:
    """Make sure that these are packed hashes of at most `count` things; no image at all has none."""
    if isinstance(hashes, bytes) and len(hashes) % 8 == 0 and len(hashes) // 8 <= count:
        numbers = np.frombuffer(hashes, dtype=_HASH)
        complete = name != "image_hashes" or bool(hashes) == bool(count)
        if complete and bool((numbers[1:] > numbers[:-1]).all()):
            return
    length = len(hashes) if isinstance(hashes, bytes) else type(hashes).__name__
    raise ConfigError(
        f"SeenImages: {name} ({length} bytes) are not the sorted 64-bit hashes of {count:,} names; the record is "
        "damaged or was not written by skinzoo."
    )


def _decoded(name: str, text: object) -> bytes:
    if not isinstance(text, str) or len(text) > MAX_HASHES * 8 * 4 // 3 + 4:
        raise ConfigError(f"SeenImages: {name} must be base64 of at most {MAX_HASHES:,} hashes; got {text!r:.40}.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigError(f"SeenImages: {name} is not base64 ({error}).") from error


def _check_keys(what: str, values: object, names: Iterable[str]) -> None:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{what}: expected named values, got {values!r:.80}.")
    if odd := sorted(set(map(str, values)) ^ set(names)):
        raise ConfigError(f"{what}: {', '.join(odd)[:200]} missing or unknown; the names are {', '.join(names)}.")


def _entries(name: str, rows: object) -> tuple[SeenImages, ...]:
    if not isinstance(rows, list | tuple) or len(rows) > _MAX_ENTRIES:
        raise ConfigError(f"TrainingRecord: {name} must be a list of up to {_MAX_ENTRIES}; got {rows!r:.80}.")
    return tuple(SeenImages.from_dict(row) for row in rows)
