"""From a collection to the record of what a model was trained on: under which names its pictures are known."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skinzoo.datasets import SkinDataset
from skinzoo.datasets.catalogue import DATASETS
from skinzoo.datasets.columns import COLLECTION
from skinzoo.datasets.gathering import CombinedSource, Origin, gather
from skinzoo.datasets.ids import canonical_id
from skinzoo.datasets.memmap import MemmapSource, read_index
from skinzoo.errors import ConfigError
from skinzoo.models.provenance import SeenImages, TrainingRecord, hashes_of, packed

ARCHIVE = "isic"
"""The namespace of the ISIC archive, whose ids mean one picture wherever they stand."""
_ARCHIVE_ID = re.compile(r"ISIC_\d{7}")
_PAINTED = re.compile(r"SyntheticSource\(seed=(\d+), size=\d+, views_per_lesion=(\d+)\)")


class ScopedNames(NamedTuple):
    """Names under which another collection would know the same pictures and groups, one for each row (N,).

    Attributes:
        images: Of the pictures.
        groups: Of their patients or lesions.
        local: True where the name of the picture means nothing outside of its collection.
    """

    images: list[str]
    groups: list[str]
    local: list[bool]


class _Scope(NamedTuple):
    name: str
    shared: bool


def record_training(
    train: SkinDataset, val: SkinDataset | None = None, *, earlier: TrainingRecord | None = None
) -> TrainingRecord:
    """What a model has seen that is trained on one part and chosen by another.

    Args:
        train: What its weights are fitted to.
        val: What its weights are chosen by; None if the last ones are kept.
        earlier: The record of the weights that training starts from; None for a fresh model.

    Raises:
        ConfigError: A part is no collection, or has no image.
    """
    chosen = () if val is None else (_seen(val),)
    return TrainingRecord((_seen(train),), chosen).after(earlier)


def scoped_names(dataset: SkinDataset) -> ScopedNames:
    """The names by which the rows of collections are compared.

    - Within a `DatasetInfo.namespace`, ids and group ids mean the same in all its collections, apart from what
      distributions hang on to them (`_downsampled`).
    - An id of the ISIC archive means one picture in any collection.
    - Other ids and group ids mean something in collections of the same name only; painted collections of another seed
      are other collections.
    - Rows that `concat` joined are known as in the collection that they come from.
    """
    ids, groups, owner, scopes = _rows_of(dataset)
    image_groups = dataset.info.group == "image"  # these are called after one of their images
    names = ScopedNames([], [], [])
    for id, group, k in zip(ids, groups, owner, strict=True):
        scope, bare = scopes[k], canonical_id(id)
        known = scope.shared or is_archive_id(bare)
        image = f"{scope.name if scope.shared else ARCHIVE}\n{bare}" if known else f"{scope.name}\n{id}"
        if group == id and (scope.shared or image_groups):
            unit = image
        elif scope.shared:
            unit = f"{scope.name}\n{canonical_id(group)}"
        else:
            unit = f"{scope.name}\n{group}" if image_groups else f"{scope.name}\ngroup\n{group}"
        names.images.append(image)
        names.groups.append(unit)
        names.local.append(not known)
    return names


def _seen(dataset: SkinDataset) -> SeenImages:
    if not isinstance(dataset, SkinDataset) or not len(dataset):
        what = dataset.name if isinstance(dataset, SkinDataset) else type(dataset).__name__
        raise ConfigError(f"{what} has no image that a model could be trained on; give a SkinDataset with images.")
    names = scoped_names(dataset)
    images = hashes_of(names.images)
    groups = np.setdiff1d(hashes_of(dict.fromkeys(names.groups)), images)
    info, r = dataset.info, dataset.records
    return SeenImages(
        collections=_collections(dataset),
        title=info.title,
        part=dataset.part,
        num_images=len(dataset),
        num_groups=len(np.unique(r.groups)),
        group=info.group,
        class_counts=dataset.class_counts(),
        licence=info.licence,
        split_hash=split_hash(r.ids.tolist()),
        image_hashes=packed(images),
        group_hashes=packed(groups),
    )


def is_archive_id(name: str) -> bool:
    """True for an id of the ISIC archive, such as `ISIC_0024306`, which means one picture in any collection."""
    return _ARCHIVE_ID.fullmatch(name) is not None


def split_hash(ids: list[str]) -> str:
    """sha256 of the sorted ids, one a line, as 64 hex digits: the same for the same images in any order."""
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(ids)).encode("utf-8", "surrogatepass")).hexdigest()


def _rows_of(dataset: SkinDataset) -> tuple[list[str], list[str], list[int], list[_Scope]]:
    """Id, group and number of the scope of each row, as its own collection knows them, and the scopes."""
    r = dataset.records
    if COLLECTION in r.metadata and not isinstance(dataset.source, CombinedSource):  # joined, then cached
        names, owner = np.unique(r.metadata[COLLECTION].astype(np.str_), return_inverse=True)
        scopes = [_scope_of_name(str(name), dataset.info.namespace) for name in names]
        kin = [tuple(f"{n}/" for n, other in zip(names, scopes, strict=True) if other == own) for own in scopes]
        ids, groups = (
            [_bare(name, kin[k]) for name, k in zip(column.tolist(), owner, strict=True)]
            for column in (r.ids, r.groups)
        )
        return ids, groups, owner.tolist(), scopes
    rows = gather([dataset])
    return rows.ids.tolist(), rows.groups.tolist(), rows.origin.tolist(), [_scope_of(o) for o in rows.origins]


def _bare(name: str, prefixes: Iterable[str]) -> str:
    """A name without the collection that `concat` put in front."""
    return next((name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix)), name)


def _scope_of(origin: Origin) -> _Scope:
    if origin.namespace:
        return _Scope(origin.namespace, True)
    source = origin.source
    said = read_index(Path(source.folder)).get("source", "") if isinstance(source, MemmapSource) else repr(source)
    painted = _PAINTED.fullmatch(str(said))
    return _Scope(_plain(origin.name) + ("#seed {} views {}".format(*painted.groups()) if painted else ""), False)


def _scope_of_name(name: str, common: str) -> _Scope:
    """The scope of a collection of which nothing is left but its name, within the namespace that all rows have."""
    plain = _plain(name)
    namespace = common or (DATASETS[plain].info.namespace if plain in DATASETS else "")
    return _Scope(namespace or plain, bool(namespace))


def _collections(dataset: SkinDataset) -> tuple[str, ...]:
    if isinstance(dataset.source, CombinedSource):
        names = [origin.name for origin in dataset.source.origins]
    elif COLLECTION in dataset.records.metadata:
        names = dataset.records.metadata[COLLECTION].tolist()
    else:
        names = [dataset.info.name]
    return tuple(dict.fromkeys(_plain(str(name)) for name in names))


def _plain(name: str) -> str:
    """A collection's name without the number that `concat` gives to a second one of that name."""
    return name.partition("#")[0]
