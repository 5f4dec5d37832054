"""What to do about a picture that several collections have: one copy, one label, one group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import IntArray, StrArray
from skinzoo.datasets.duplicates import UnionFind, equal_sets
from skinzoo.datasets.gathering import Gathered
from skinzoo.datasets.integrity import Action, Finding
from skinzoo.taxonomy import LabelSpace, compatible
from skinzoo.types import IGNORE_INDEX


@dataclass(eq=False)
class Settled:
    """The outcome, per row.

    Attributes:
        keep: False for further copies that are not used.
        labels: Class indices in the common label space.
        disputed: True where copies contradict each other, so that the label is withheld.
        findings: One for each further copy, one for each row whose label is disputed.
    """

    keep: NDArray[np.bool_]
    labels: IntArray
    disputed: NDArray[np.bool_]
    findings: list[Finding]


class Labels:
    """The labels of gathered rows, as given and in the common label space.

    Args:
        given: Class indices in the space of the row's dataset.
        common: Class indices in the common space.
        part: Which dataset a row comes from.
        spaces: The datasets' label spaces.
        target: The common label space.
    """

    def __init__(
        self, given: IntArray, common: IntArray, *, part: IntArray, spaces: Sequence[LabelSpace], target: LabelSpace
    ) -> None:
        self.given = given
        self.common = common
        self._part = part
        self._spaces = spaces
        self._target = target
        self._known: dict[tuple[tuple[int, int, int], tuple[int, int, int]], bool] = {}

    def says(self, row: int) -> str:
        """The label of a row as its collection calls it."""
        return self._spaces[int(self._part[row])].classes[int(self.given[row])]

    def agree(self, rows: Sequence[int]) -> bool:
        """True if no two of the rows' labels contradict each other."""
        facts = {(int(self._part[i]), int(self.given[i]), int(self.common[i])) for i in rows}
        return all(self._fit(a, b) for a, b in combinations(sorted(f for f in facts if f[1] != IGNORE_INDEX), 2))

    def _fit(self, a: tuple[int, int, int], b: tuple[int, int, int]) -> bool:
        if (a, b) not in self._known:
            space_a, space_b, target = self._spaces[a[0]], self._spaces[b[0]], self._target
            fit = compatible(space_a, space_a.classes[a[1]], space_b, space_b.classes[b[1]])
            if fit and IGNORE_INDEX not in (a[2], b[2]):
                fit = compatible(target, target.classes[a[2]], target, target.classes[b[2]])
            self._known[a, b] = fit
        return self._known[a, b]


def settle(rows: Gathered, labels: Labels, *, keep_all: bool) -> Settled:
    """Decide about every picture that stands in several rows.

    Used is the first copy with a mask, or the first one if none has a mask; `keep_all` uses all. Rows of one collection
    with different ids are never copies of each other: that collection has decided so.
    """
    out = Settled(np.ones(len(rows), dtype=bool), labels.common.copy(), np.zeros(len(rows), dtype=bool), [])
    for members in equal_sets(rows.picture.tolist()):
        if len(set(rows.origin[members])) == 1 and len(set(rows.ids[members])) == len(members):
            continue
        ranked = sorted(members, key=lambda i: (rows.masks[i] == "", i))
        used = _first_of_each_id(rows, [i for i in ranked if rows.origin[i] == rows.origin[ranked[0]]])
        _share_label(labels, ranked, out)
        for i in sorted(set(members) - set(used)):
            out.keep[i] = keep_all
            out.findings.append(_copy(rows, i, ranked[0], "kept" if keep_all else "quarantined"))
        if out.disputed[ranked[0]]:
            out.findings += [_dispute(rows, labels, members, i) for i in members if out.keep[i]]
    return out


def merged_groups(rows: Gathered) -> StrArray:
    """Group names such that rows of one picture, or of one group in one scope, have one name and no others.

    A name that two scopes have gets the later collection's name in front.
    """
    numbers: dict[tuple[int, str], int] = {}
    of = [numbers.setdefault(key, len(numbers)) for key in zip(rows.scope.tolist(), rows.groups.tolist(), strict=True)]
    united = UnionFind(len(numbers))
    for members in equal_sets(rows.picture.tolist()):
        united.join([of[i] for i in members])
    roots = [united.find(k) for k in of]
    _, first, name_of = np.unique(np.array(roots, dtype=np.int64), return_index=True, return_inverse=True)
    return unique_names(rows.groups[first], rows.collection[first])[name_of]


def unique_names(names: StrArray, collection: StrArray) -> StrArray:
    """The names, each once: a repeated one as `"<collection>/<name>"`, a further one with a number behind that."""
    taken: set[str] = set()
    result = []
    for name, where in zip(names.tolist(), collection.tolist(), strict=True):
        unique, n = name, 0
        while unique in taken:
            n += 1
            unique = f"{where}/{name}" if n == 1 else f"{where}/{name}#{n}"
        taken.add(unique)
        result.append(unique)
    return np.array(result, dtype=np.str_)


def _first_of_each_id(rows: Gathered, members: Sequence[int]) -> list[int]:
    return list({str(rows.ids[i]): i for i in reversed(members)}.values())


def _share_label(labels: Labels, ranked: Sequence[int], out: Settled) -> None:
    if not labels.agree(ranked):
        out.disputed[ranked] = True
        out.labels[ranked] = IGNORE_INDEX
        return
    known = [i for i in ranked if labels.common[i] != IGNORE_INDEX]
    for i in ranked:
        if known and labels.common[i] == IGNORE_INDEX:
            out.labels[i] = labels.common[known[0]]


def _copy(rows: Gathered, row: int, used: int, action: Action) -> Finding:
    message = f"the same picture as {rows.where(used)}"
    found = Finding.of("DUP_ID", str(rows.ids[row]), rows.where(row), message, action)
    return replace(found, severity="info")  # shared pictures are expected here


def _dispute(rows: Gathered, labels: Labels, members: Sequence[int], row: int) -> Finding:
    said = " and ".join(f"{labels.says(i)} ({rows.where(i)})" for i in members if labels.given[i] != IGNORE_INDEX)
    message = f"one picture is called {said}; it is used without a label"
    return Finding.of("DUP_CONFLICT", str(rows.ids[row]), rows.where(row), message, "kept")
