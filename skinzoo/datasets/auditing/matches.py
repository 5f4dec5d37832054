"""Which rows show one picture, one lesion or one patient, and which of them contradict one another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from skinzoo.datasets.auditing.measuring import Looks, identical_sets
from skinzoo.datasets.auditing.near import IntArray, Near, find_near, similarities
from skinzoo.datasets.auditing.patterns import MIN_CONTRAST
from skinzoo.datasets.auditing.pool import Entry, Pool, Sets, components
from skinzoo.datasets.duplicates import equal_sets
from skinzoo.taxonomy import LabelSpace, compatible
from skinzoo.types import IGNORE_INDEX

Kind = Literal["id", "bytes", "near", "group", "label"]
KINDS: dict[Kind, str] = {
    "id": "same id",
    "bytes": "identical files under several ids",
    "near": "near-identical pictures",
    "group": "same lesion or patient",
    "label": "contradictory labels",
}
"""What a match can be found by, in the order of a report."""


@dataclass(frozen=True)
class Match:
    """Rows that belong together.

    Attributes:
        kind: By what: `"id"`; `"bytes"`, if the ids do not tell; `"near"`, if neither ids, bytes nor lesion and patient
            ids tell; `"group"`, for rows of several datasets; `"label"`, for one picture, by any of the first three,
            under labels that exclude one another.
        entries: The rows.
        similarity: The lowest of the links between them, up to 1: how well the pictures' patterns agree. NaN if they
            were not compared.
        turned: True if one of the pictures is a flipped or rotated other one.
    """

    kind: Kind
    entries: tuple[Entry, ...]
    similarity: float = math.nan
    turned: bool = False

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets that the rows are of."""
        return tuple(dict.fromkeys(e.dataset for e in self.entries))

    @property
    def is_across(self) -> bool:
        """True if the rows are of several datasets."""
        return len(self.datasets) > 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": self.kind,
            "across": self.is_across,
            "similarity": self.similarity,
            "turned": self.turned,
            "entries": [asdict(e) for e in self.entries],
        }

    def __str__(self) -> str:
        shown = [f"{e.dataset}: {e.id}{f' {e.label}' if e.label else ''}" for e in self.entries[:4]]
        more = [f"{len(self.entries) - 4} more"] if len(self.entries) > 4 else []
        return " = ".join([*shown, *more])


@dataclass(frozen=True, eq=False)
class Found:
    """All matches, and what else was seen on the way.

    Attributes:
        matches: In the order of `KINDS`; near-identical ones with the least alike first.
        picture: For each row the smallest row that shows the same picture, by id, bytes or look (N,).
        told: Pairs of near-identical pictures that share an id, bytes, lesion or patient anyway.
        plain: Rows without enough contrast to be compared by look.
    """

    matches: tuple[Match, ...]
    picture: IntArray
    told: int
    plain: IntArray


def find_matches(pool: Pool, looks: Looks, *, near: bool) -> Found:
    """Find everything that two rows share.

    Args:
        pool: What is under audit.
        looks: What was seen of it.
        near: Look for near-identical pictures.
    """
    size = len(pool)
    ids, groups, bytes_ = pool.id_sets(), pool.group_sets(), identical_sets(pool, looks)
    pairs = _near_pairs(looks) if near else Near.none()
    links = np.stack([pairs.first, pairs.second], axis=1)
    by_id, exact = components(size, ids), components(size, ids, bytes_)
    known = components(size, ids, bytes_, groups)
    picture = components(size, ids, bytes_, links.tolist())
    untold = known[pairs.first] != known[pairs.second]
    matches = [
        *_measured(pool, looks, "id", ids),
        *(_match(pool, "bytes", members, 1.0) for members in bytes_ if len(set(by_id[members].tolist())) > 1),
        *_near_matches(pool, pairs, untold, exact),
        *(
            _match(pool, "group", members)
            for members in groups
            if pool.is_across(members) and len(set(exact[members].tolist())) > 1
        ),
        *_measured(pool, looks, "label", _contradictory(pool, picture)),
    ]
    plain = np.flatnonzero(looks.contrast < MIN_CONTRAST)
    return Found(tuple(matches), picture, int((~untold).sum()), plain)


def _match(pool: Pool, kind: Kind, members: Iterable[int], similarity: float = math.nan, turned: bool = False) -> Match:
    return Match(kind, tuple(pool.entry(i) for i in members), similarity, turned)


def _near_pairs(looks: Looks) -> Near:
    usable = np.flatnonzero(looks.contrast >= MIN_CONTRAST)
    pairs = find_near(looks.patterns[usable])
    return pairs._replace(first=usable[pairs.first], second=usable[pairs.second])


def _near_matches(pool: Pool, pairs: Near, untold: Any, exact: IntArray) -> list[Match]:
    """Sets of rows that near-identical pictures link, with the rows that their ids and bytes link to these."""
    a, b = pairs.first[untold], pairs.second[untold]
    values, turned = pairs.similarity[untold], pairs.turned[untold]
    of = components(len(pool), np.stack([exact[a], exact[b]], axis=1).tolist())[exact]
    linked = of[a]
    lowest = {int(k): float(values[linked == k].min()) for k in np.unique(linked)}
    flipped = set(linked[turned].tolist())
    found = [
        _match(pool, "near", members, lowest[int(of[members[0]])], int(of[members[0]]) in flipped)
        for members in equal_sets(of.tolist())
        if int(of[members[0]]) in lowest
    ]
    return sorted(found, key=lambda m: m.similarity)


def _measured(pool: Pool, looks: Looks, kind: Kind, sets: Sequence[Sequence[int]]) -> list[Match]:
    """Matches with the similarity of each row to the first, the lowest one."""
    first = np.array([members[0] for members in sets for _ in members[1:]], dtype=np.int64)
    others = np.array([i for members in sets for i in members[1:]], dtype=np.int64)
    clear = (looks.contrast[first] >= MIN_CONTRAST) & (looks.contrast[others] >= MIN_CONTRAST)
    values = np.full(len(first), np.nan)
    values[clear] = similarities(looks.patterns, first[clear], others[clear])
    found, at = [], 0
    for members in sets:
        found.append(_match(pool, kind, members, float(values[at : at + len(members) - 1].min())))
        at += len(members) - 1
    return found


def _contradictory(pool: Pool, picture: IntArray) -> Sets:
    """Pictures that bear labels of which some pair cannot both be right."""
    agreed: dict[tuple[LabelSpace, str, LabelSpace, str], bool] = {}

    def agree(a: tuple[LabelSpace, str], b: tuple[LabelSpace, str]) -> bool:
        key = (*a, *b)
        if key not in agreed:
            agreed[key] = compatible(*a, *b)
        return agreed[key]

    found = []
    for members in equal_sets(picture.tolist()):
        labels = {}
        for i in members:
            dataset, row = pool.place(i)
            if (label := int(dataset.records.labels[row])) != IGNORE_INDEX:
                labels[int(pool.part[i]), label] = (dataset.label_space, dataset.label_space.classes[label])
        if not all(agree(a, b) for a, b in combinations(labels.values(), 2)):
            found.append(members)
    return found
