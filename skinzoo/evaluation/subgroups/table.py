"""The figures of subgroups: kept by column, printed as tables, and handed out as rows of a forest plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import UnknownNameError
from skinzoo.registry import did_you_mean

TITLES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "macro_auc": "macro AUC",
    "malignant/sensitivity": "sensitivity",
    "malignant/specificity": "specificity",
    "malignant/auc": "malignant AUC",
    "ece": "ECE",
    "dice": "Dice",
}
"""The figures of a subgroup, each with its heading."""
_PRINTED = ("balanced_accuracy", "malignant/sensitivity", "malignant/specificity", "malignant/auc", "dice")

ForestTuple = tuple[str, str, float, float, float, int, str]


class Estimate(NamedTuple):
    """A figure with its 95 % interval; all NaN where it is undefined or not to be judged.

    Attributes:
        value: The figure.
        low: Lower end.
        high: Upper end.
        n: Images that it counts: for a sensitivity the malignant ones, for a specificity the benign ones.
        reason: Why something is NaN; empty otherwise.
    """

    value: float
    low: float
    high: float
    n: int
    reason: str = ""

    def __str__(self) -> str:
        if self.value != self.value:
            return "n/a"
        if self.low != self.low:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, eq=False)
class Subgroup:
    """One group of images.

    Attributes:
        label: What they have in common; `"not known"` for those without a value.
        known: False for those.
        rows: Their positions, ascending, int64.
        num_groups: Patients or lesions among them; None if these are not known.
        num_malignant: Malignant images among them; None where nobody says which classes are malignant.
        num_classes: Classes among them; balanced accuracy and the macro figures are means over these.
        figures: By name.
        minus_rest: The same less those of all other images of which the group is known; not for the ECE.
    """

    label: str
    known: bool
    rows: NDArray[np.int64]
    num_groups: int | None
    num_malignant: int | None
    num_classes: int
    figures: Mapping[str, Estimate]
    minus_rest: Mapping[str, Estimate]

    @property
    def num_images(self) -> int:
        """Its images."""
        return len(self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "label": self.label,
            "known": self.known,
            "num_images": self.num_images,
            "num_groups": self.num_groups,
            "num_malignant": self.num_malignant,
            "num_classes": self.num_classes,
            "figures": {name: estimate._asdict() for name, estimate in self.figures.items()},
            "minus_rest": {name: estimate._asdict() for name, estimate in self.minus_rest.items()},
        }


class Gap(NamedTuple):
    """How far the groups of a column lie apart in one figure.

    Attributes:
        best: Label of the group with the highest figure.
        worst: Label of that with the lowest.
        value: The highest less the lowest; NaN where fewer than two groups can be judged.
        low: Lower end of its 95 % interval, 0 where the groups may well be equal.
        high: Upper end.
        groups: Number of groups that take part.
        reason: Why it is NaN; empty otherwise.
    """

    best: str
    worst: str
    value: float
    low: float
    high: float
    groups: int
    reason: str = ""


@dataclass(frozen=True, eq=False)
class SubgroupTable:
    """The groups of one metadata column.

    Attributes:
        column: Its name.
        attribute: What it tells, such as `"age"` or `"anatomical site"`.
        subgroups: In order, those without a value last.
        gaps: By figure.
        note: What was done with odd values, and why nothing can be compared; empty otherwise.
    """

    column: str
    attribute: str
    subgroups: tuple[Subgroup, ...]
    gaps: Mapping[str, Gap]
    note: str = ""

    def __iter__(self) -> Iterator[Subgroup]:
        return iter(self.subgroups)

    def __len__(self) -> int:
        return len(self.subgroups)

    def __getitem__(self, label: str) -> Subgroup:
        """A group by its label.

        Raises:
            UnknownNameError: There is no such group.
        """
        for subgroup in self.subgroups:
            if subgroup.label == label:
                return subgroup
        raise UnknownNameError(
            f"{self.column} has no group {label!r}; {did_you_mean(str(label), (s.label for s in self.subgroups))}"
        )

    @property
    def heading(self) -> str:
        """Attribute and column in one."""
        return self.attribute if self.attribute == self.column else f"{self.attribute} ({self.column})"

    def forest(self, metric: str) -> list[ForestTuple]:
        """Rows of a forest plot of one figure: heading, label, value, low, high, n, note.

        Raises:
            UnknownNameError: It was not measured.
        """
        rows = []
        for subgroup in self.subgroups:
            if metric not in subgroup.figures:
                known = ", ".join(subgroup.figures)
                raise UnknownNameError(f"no figure {metric!r} of subgroups; there are {known or 'none'}.")
            e = subgroup.figures[metric]
            rows.append((self.heading, subgroup.label, e.value, e.low, e.high, e.n, e.reason))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "column": self.column,
            "attribute": self.attribute,
            "note": self.note,
            "subgroups": [subgroup.to_dict() for subgroup in self.subgroups],
            "gaps": {metric: gap._asdict() for metric, gap in self.gaps.items()},
        }

    def __str__(self) -> str:
        measured = self.subgroups[0].figures if self.subgroups else {}
        shown = [name for name in _PRINTED if name in measured] or list(measured)
        cells = [["", "images", "groups", "malignant", *(TITLES[name] for name in shown)]]
        cells += [
            [s.label, f"{s.num_images:,}", _count(s.num_groups), _count(s.num_malignant)]
            + [str(s.figures[name]) for name in shown]
            for s in self.subgroups
        ]
        kept = [k for k in range(len(cells[0])) if k == 0 or any(row[k] != "" for row in cells[1:])]
        widths = [max(len(row[k]) for row in cells) for k in kept]
        lines = [self.heading]
        for row in cells:
            line = (
                f"{row[k]:<{w}}" if k == 0 or k > 3 else f"{row[k]:>{w}}" for k, w in zip(kept, widths, strict=True)
            )
            lines.append("  ".join(line).rstrip())
        lines += [f"{TITLES[name]}: {_sentence(self.gaps[name])}" for name in shown if name in self.gaps]
        lines += [f"{s.label}: {reason}" for s in self.subgroups for reason in _reasons(s, shown)]
        return "\n".join([*lines, *([self.note] if self.note else [])])


@dataclass(frozen=True, eq=False)
class Subgroups:
    """The figures of all subgroups; `skinzoo.evaluation.subgroup_figures` makes it.

    Attributes:
        tables: By column.
        skipped: Why a known column was left out, by its name.
        reason: Why there is no table at all; empty otherwise.
        options: What it was computed with: `min_size`, `min_positives`, `resamples`, `seed`, `malignant_threshold`.
    """

    tables: Mapping[str, SubgroupTable]
    skipped: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[SubgroupTable]:
        return iter(self.tables.values())

    def __len__(self) -> int:
        return len(self.tables)

    def __getitem__(self, column: str) -> SubgroupTable:
        """The table of a column.

        Raises:
            UnknownNameError: There is none.
        """
        if column not in self.tables:
            why = self.skipped.get(column) or self.reason or did_you_mean(str(column), self.tables)
            raise UnknownNameError(f"no subgroups by {column!r}; {why}")
        return self.tables[column]

    def forest(self, metric: str) -> list[ForestTuple]:
        """Rows of a forest plot of one figure over all columns; see `SubgroupTable.forest`."""
        return [row for table in self for row in table.forest(metric)]

    def _too_small(self) -> str:
        return f"no group has the {self.options.get('min_size', 30)} images that it takes to be judged"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "tables": {column: table.to_dict() for column, table in self.tables.items()},
            "skipped": dict(self.skipped),
            "reason": self.reason,
            "options": dict(self.options),
        }

    def __str__(self) -> str:
        judged = [table for table in self if any(e.value == e.value for s in table for e in s.figures.values())]
        parts = [str(table) for table in judged] or [f"no subgroups: {self.reason or self._too_small()}"]
        parts += [f"{column} was left out: {why}" for column, why in self.skipped.items()]
        return "\n\n".join(parts)


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _sentence(gap: Gap) -> str:
    if gap.value != gap.value:
        return f"no gap, {gap.reason}"
    between = f"between {gap.best} and {gap.worst}" if gap.groups > 1 else ""
    return f"gap of {gap.value:.3f} ({gap.low:.3f} to {gap.high:.3f}) {between}".rstrip()


def _reasons(subgroup: Subgroup, shown: list[str]) -> list[str]:
    """Each reason once, with the figures that it holds for, unless it holds for all of them."""
    names: dict[str, list[str]] = {}
    for name in shown:
        if reason := subgroup.figures[name].reason:
            names.setdefault(reason, []).append(TITLES[name])
    return [r if len(n) == len(shown) else f"{r} ({', '.join(n)})" for r, n in names.items()]
