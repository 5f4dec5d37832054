"""The metadata and the declared facts of several collections in one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.gathering import CombinedSource
from skinzoo.datasets.info import DatasetInfo
from skinzoo.errors import ConfigError
from skinzoo.taxonomy import LabelSpace

COLLECTION = "collection"
_COARSENESS = ("image", "lesion", "patient")


def joined_columns(datasets: Sequence[SkinDataset]) -> dict[str, NDArray[Any]]:
    """All metadata columns, one dataset's rows after the other's.

    A column keeps its type where all datasets have it alike. Otherwise numbers become float with NaN where a dataset
    does not have the column, and everything else object with None.

    Raises:
        ConfigError: A dataset has a column `collection` of its own.
    """
    for d in datasets:
        if COLLECTION in d.records.metadata and not isinstance(d.source, CombinedSource):
            raise ConfigError(
                f"{d.name} has a metadata column {COLLECTION!r}, which concat writes itself; rename it. A combined "
                "dataset that was cached cannot be combined again: combine first, then cache."
            )
    names = dict.fromkeys(name for d in datasets for name in d.records.metadata)
    return {
        name: _joined([(d.records.metadata.get(name), len(d)) for d in datasets])
        for name in names
        if name != COLLECTION
    }


def _joined(columns: Sequence[tuple[NDArray[Any] | None, int]]) -> NDArray[Any]:
    given = [column for column, _ in columns if column is not None]
    whole = len(given) == len(columns)
    if whole and len({column.dtype.kind for column in given}) == 1:
        return np.concatenate(given)
    if all(column.dtype.kind in "iuf" for column in given):
        return np.concatenate([np.full(n, np.nan) if c is None else c.astype(np.float64) for c, n in columns])
    return np.concatenate([np.full(n, None, dtype=object) if c is None else _objects(c) for c, n in columns])


def _objects(column: NDArray[Any]) -> NDArray[Any]:
    values = column.astype(object)
    if column.dtype.kind == "f":
        values[np.isnan(column)] = None
    return values


def joined_info(
    infos: Sequence[DatasetInfo], names: Sequence[str], label_space: LabelSpace, metadata: Iterable[str]
) -> DatasetInfo:
    """The declared facts of several collections as those of one.

    Args:
        infos: Of each dataset; the same one may stand several times.
        names: Of the collections, each once.
        label_space: The common one.
        metadata: The common columns.
    """
    modalities = {info.modality for info in infos}
    namespaces = {info.namespace for info in infos}
    licences = {info.licence for info in infos}
    each = dict.fromkeys(f"{info.name}: {info.licence or 'not stated'}" for info in infos)
    leaky = {column: why for info in infos for column, why in info.leaky.items()}
    return DatasetInfo(
        name="+".join(names),
        title=" + ".join(dict.fromkeys(info.title for info in infos)),
        label_space=label_space,
        group=max((info.group for info in infos), key=_coarseness),
        has_masks=any(info.has_masks for info in infos),
        metadata=(*metadata, COLLECTION),
        leaky={**leaky, COLLECTION: "diagnoses are spread differently over the collections"},
        namespace=namespaces.pop() if len(namespaces) == 1 else "",
        modality=modalities.pop() if len(modalities) == 1 else "mixed",
        licence=licences.pop() if len(licences) == 1 else "; ".join(each),
        homepage=" ".join(dict.fromkeys(info.homepage for info in infos if info.homepage)),
        citation="\n".join(dict.fromkeys(info.citation for info in infos if info.citation)),
    )


def _coarseness(group: str) -> int:
    return _COARSENESS.index(group) if group in _COARSENESS else 0
