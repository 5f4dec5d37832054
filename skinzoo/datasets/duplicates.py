"""Rows that show one picture: the same id twice, or the same bytes under two ids."""

from __future__ import annotations

import filecmp
import os
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.conflicts import Ranks, Verdict, decide
from skinzoo.datasets.ids import composed
from skinzoo.datasets.integrity import Action, Finding, Severity
from skinzoo.datasets.records import Records
from skinzoo.errors import IntegrityError
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


def equal_sets(keys: Iterable[Hashable]) -> list[list[int]]:
    """Positions of equal keys, for each that stands more than once; an empty text equals no other."""
    positions: dict[Hashable, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        if key != "":
            positions[key].append(i)
    return [p for p in positions.values() if len(p) > 1]


class Settled(NamedTuple):
    """What was decided about rows that show one picture.

    Attributes:
        keep: True for the rows that stay (N,).
        records: These, with unique ids and merged groups.
        findings: About the others, and about pictures under several ids.
    """

    keep: NDArray[np.bool_]
    records: Records
    findings: list[Finding]


def resolve_duplicates(
    records: Records,
    identical: Sequence[Sequence[int]],
    class_names: Sequence[str],
    *,
    duplicates: str,
    conflicts: str,
    outranks: Ranks = (),
) -> tuple[Records, list[Finding]]:
    """The rows that stay and the findings of `settle_duplicates`."""
    settled = settle_duplicates(
        records, identical, class_names, duplicates=duplicates, conflicts=conflicts, outranks=outranks
    )
    return settled.records, settled.findings


def settle_duplicates(
    records: Records,
    identical: Sequence[Sequence[int]],
    class_names: Sequence[str],
    *,
    duplicates: str,
    conflicts: str,
    outranks: Ranks = (),
    rows: NDArray[np.int64] | None = None,
) -> Settled:
    """Decide about rows that show one picture, and merge the groups that it joins.

    Args:
        records: Rows whose ids need not be unique.
        identical: Positions of rows whose files are equal byte for byte.
        class_names: For messages.
        duplicates: Same id, same label: `"drop"` uses the first copy, `"keep"` all.
        conflicts: Same picture or id, different labels: `"drop"` uses none, `"keep"` all, `"resolve"` those with the
            right label, where `skinzoo.datasets.conflicts.decide` finds it.
        outranks: See there.
        rows: Number of each record's row in the collection (N,), for the findings; below 0 where it is not known.

    Returns:
        The rows that stay, with unique ids: a second copy of `X` is called `X#2`. The groups of all rows of one picture
        become one, those of rows that do not stay included.
    """
    if not identical and _are_unique(records.ids):
        return Settled(np.ones(len(records), dtype=bool), records, [])
    pictures = UnionFind(len(records))
    same_id = equal_sets((name,) for name in records.ids.tolist())  # in a tuple, an empty id equals another
    for members in (*same_id, *identical):
        pictures.join(members)
    case = _Case(records, class_names, rows, keep=np.ones(len(records), dtype=bool), findings=[])
    for members in pictures.sets():
        labels = [label for i in members if (label := int(records.labels[i])) != IGNORE_INDEX]
        if len(set(labels)) > 1:
            verdict = decide(labels, outranks, class_names) if conflicts == "resolve" else None
            members = case.contradict(members, verdict, kept=conflicts == "keep")
        case.repeat(members, kept=duplicates == "keep")
    together = np.array([pictures.find(i) for i in range(len(records))], dtype=np.int64)
    groups = _merge_groups(records.groups, together)[case.keep]
    stay = records.take(case.keep)
    return Settled(case.keep, replace(stay, ids=_unique_ids(stay.ids), groups=groups), case.findings)


@dataclass
class _Case:
    """Rows, which of them stay, and why the others do not."""

    records: Records
    class_names: Sequence[str]
    rows: NDArray[np.int64] | None
    keep: NDArray[np.bool_]
    findings: list[Finding]

    def contradict(self, members: Sequence[int], verdict: Verdict | None, *, kept: bool) -> list[int]:
        """Decide about rows of one picture that contradict each other; returns those that may be copies of each other.

        None are if they all stay in spite of it, or none does.
        """
        r = self.records
        ids = sorted({str(r.ids[i]) for i in members})
        labels = sorted({int(r.labels[i]) for i in members} - {IGNORE_INDEX})
        where = ", ".join(str(r.images[i]) for i in members)
        message = f"{' = '.join(ids)} stands under {' and '.join(self.class_names[k] for k in labels)}: {where}"
        if verdict is not None:
            message = f"{message}; {verdict.reason}"
        right = None if verdict is None else verdict.label
        wrong = [i for i in members if right is None or int(r.labels[i]) not in (right, IGNORE_INDEX)]
        for i in wrong:
            self.keep[i] = kept
            self._note(i, "DUP_CONFLICT", message, "kept" if kept else "quarantined")
        return [i for i in members if i not in wrong]

    def repeat(self, members: Sequence[int], *, kept: bool) -> None:
        """Decide about copies of one picture that do not contradict each other."""
        r = self.records
        first: dict[str, int] = {}
        for i in sorted(members, key=lambda i: (r.labels[i] == IGNORE_INDEX, i)):  # a labelled copy before others
            name = str(r.ids[i])
            one = first.setdefault(name, i)
            if one != i:
                self.keep[i] = kept
                self._note(i, "DUP_ID", f"the same id as {r.images[one]}", "kept" if kept else "quarantined")
        if len(first) > 1:
            message = f"one picture under the ids {', '.join(sorted(first))}"
            known = len({str(r.groups[i]) for i in first.values()}) == 1  # the collection says so itself
            for i in first.values():
                self._note(i, "IDENTICAL_BYTES", message, "kept", severity="info" if known else None)

    def _note(self, i: int, code: str, message: str, action: Action, severity: Severity | None = None) -> None:
        row = None if self.rows is None or self.rows[i] < 0 else int(self.rows[i])
        finding = Finding.of(code, str(self.records.ids[i]), str(self.records.images[i]), message, action, row=row)
        self.findings.append(finding if severity is None else replace(finding, severity=severity))


def refuse_ambiguous(root: Path, records: Records, digests: Sequence[str]) -> None:
    """Make sure that no id means two different files of one folder, such as `X.jpg` and `X.JPG`.

    Args:
        root: The folder that the records' paths start from.
        records: Rows whose ids need not be unique.
        digests: sha256 of each file; empty where it is not known.

    Raises:
        IntegrityError: There is such an id; the code is `ID_AMBIGUOUS`.
    """
    if _are_unique(records.ids):
        return
    names = zip(records.ids.tolist(), map(_stem, records.images.tolist()), strict=True)
    for members in equal_sets(names):
        one, *others = members
        for other in others:
            a, b = str(records.images[one]), str(records.images[other])
            known = digests[one] and digests[other]
            if a != b and not (digests[one] == digests[other] if known else filecmp.cmp(root / a, root / b, False)):
                raise IntegrityError(
                    f"ID_AMBIGUOUS: {a} and {b} differ but both answer to the id {str(records.ids[one])!r}; rename or "
                    "remove one.",
                    "ID_AMBIGUOUS",
                )


def _are_unique(names: NDArray[np.str_]) -> bool:
    return len(set(names.tolist())) == len(names)


def _stem(path: str) -> str:
    return composed(os.path.splitext(path)[0])  # noqa: PTH122 - a Path per file takes longer


def _merge_groups(groups: NDArray[np.str_], together: NDArray[np.int64]) -> NDArray[np.str_]:
    names, of = np.unique(groups, return_inverse=True)
    merged = UnionFind(len(names))
    for members in equal_sets(together.tolist()):
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
