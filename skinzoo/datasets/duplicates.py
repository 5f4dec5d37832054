"""Rows that show one picture: the same id twice, or the same bytes under two ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import Records
from skinzoo.datasets.integrity import Action, Finding
from skinzoo.files import sha256_of
from skinzoo.types import IGNORE_INDEX


class UnionFind:
    """Which of n things belong together, from pairs that do."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def find(self, i: int) -> int:
        """The representative of `i`: the smallest member of its set."""
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def join(self, members: Sequence[int]) -> None:
        """Put all members into one set."""
        for other in members[1:]:
            a, b = sorted((self.find(members[0]), self.find(other)))
            self._parent[b] = a

    def sets(self) -> list[list[int]]:
        """The sets of two and more members, ascending."""
        members: dict[int, list[int]] = defaultdict(list)
        for i in range(len(self._parent)):
            members[self.find(i)].append(i)
        return [m for m in members.values() if len(m) > 1]


def identical_files(root: Path, paths: Sequence[str], keys: Sequence[Hashable]) -> list[list[int]]:
    """Positions of the files that are byte for byte equal; only files with equal `keys` are hashed."""
    return [
        same
        for alike in _alike(range(len(paths)), lambda i: keys[i])
        for same in _alike(alike, lambda i: sha256_of(root / paths[i]))
    ]


def _alike(positions: Iterable[int], key: Callable[[int], Hashable]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for i in positions:
        groups[key(i)].append(i)
    return [g for g in groups.values() if len(g) > 1]


def resolve_duplicates(
    records: Records,
    identical: Sequence[Sequence[int]],
    class_names: Sequence[str],
    *,
    duplicates: str,
    conflicts: str,
) -> tuple[Records, list[Finding]]:
    """Decide about rows that show one picture, and merge the groups of those that stay.

    Args:
        records: Rows whose ids need not be unique.
        identical: Positions of rows whose files are equal byte for byte.
        class_names: For messages.
        duplicates: Same id, same label: `"drop"` uses the first copy, `"keep"` all.
        conflicts: Same picture or id, different labels: `"drop"` uses none, `"keep"` all.

    Returns:
        The rows that stay, with unique ids (a second copy of `X` is called `X#2`), and the findings.
    """
    same_id = _alike(range(len(records)), lambda i: str(records.ids[i]))
    pictures = UnionFind(len(records))
    for members in (*same_id, *identical):
        pictures.join(members)
    keep = np.ones(len(records), dtype=bool)
    findings: list[Finding] = []
    for members in pictures.sets():
        labels = {int(records.labels[i]) for i in members} - {IGNORE_INDEX}
        if len(labels) > 1:
            keep[members] = conflicts == "keep"
            findings += _conflict(records, members, class_names, kept=conflicts == "keep")
        else:
            findings += _repeats(records, members, keep, kept=duplicates == "keep")
    stay = records.take(keep)
    together = np.array([pictures.find(i) for i in range(len(records))])[keep]
    groups = _merge_groups(stay.groups, together)
    return replace(stay, ids=_unique_ids(stay.ids), groups=groups), findings


def _conflict(records: Records, members: Sequence[int], class_names: Sequence[str], *, kept: bool) -> list[Finding]:
    where = ", ".join(str(records.images[i]) for i in members)
    ids = sorted({str(records.ids[i]) for i in members})
    labels = sorted({int(records.labels[i]) for i in members} - {IGNORE_INDEX})
    message = f"{' = '.join(ids)} stands under {' and '.join(class_names[k] for k in labels)}: {where}"
    return [
        Finding.of(
            "DUP_CONFLICT", str(records.ids[i]), str(records.images[i]), message, "kept" if kept else "quarantined"
        )
        for i in members
    ]


def _repeats(records: Records, members: Sequence[int], keep: NDArray[np.bool_], *, kept: bool) -> list[Finding]:
    findings: list[Finding] = []
    action: Action = "kept" if kept else "quarantined"
    first: dict[str, int] = {}
    for i in sorted(members, key=lambda i: (records.labels[i] == IGNORE_INDEX, i)):  # a labelled copy before others
        name = str(records.ids[i])
        one = first.setdefault(name, i)
        if one != i:
            keep[i] = kept
            message = f"the same id as {records.images[one]}"
            findings.append(Finding.of("DUP_ID", name, str(records.images[i]), message, action))
    if len(first) > 1:
        message = f"one picture under the ids {', '.join(sorted(first))}"
        known = len({str(records.groups[i]) for i in first.values()}) == 1  # the collection says so itself
        for name, i in first.items():
            finding = Finding.of("IDENTICAL_BYTES", name, str(records.images[i]), message, "kept")
            findings.append(replace(finding, severity="info") if known else finding)
    return findings


def _merge_groups(groups: NDArray[np.str_], together: NDArray[np.int64]) -> NDArray[np.str_]:
    names, of = np.unique(groups, return_inverse=True)
    merged = UnionFind(len(names))
    for members in _alike(range(len(groups)), lambda i: int(together[i])):
        merged.join([int(of[i]) for i in members])
    return names[[merged.find(int(k)) for k in of]] if len(names) else groups


def _unique_ids(ids: NDArray[np.str_]) -> NDArray[np.str_]:
    taken = set(ids.tolist())
    seen: set[str] = set()
    result = []
    for name in ids.tolist():
        unique, n = name, 1
        while unique in seen or (n > 1 and unique in taken):
            n += 1
            unique = f"{name}#{n}"
        seen.add(unique)
        result.append(unique)
    return np.array(result, dtype=np.str_)
