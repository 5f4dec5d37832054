"""What an audit found: a verdict, the matches behind it, and how to print, save and enforce it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from skinzoo.datasets.auditing.matches import KINDS, Kind, Match
from skinzoo.datasets.auditing.near import MIN_SIMILARITY
from skinzoo.datasets.auditing.shifts import Shift
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.exposure import Exposure
from skinzoo.errors import LeakageError
from skinzoo.files import write_json, write_text

Verdict = Literal["clean", "look at it", "leaks"]


@dataclass(frozen=True)
class Overlap:
    """How much of one dataset is shown by another one.

    Attributes:
        dataset: Name of the first.
        other: Name of the second.
        pictures: Images of `dataset` that show a picture of `other`.
        num_images: Images of `dataset`.
    """

    dataset: str
    other: str
    pictures: int
    num_images: int

    @property
    def share(self) -> float:
        """Share of the images of `dataset`, from 0 to 1."""
        return self.pictures / self.num_images if self.num_images else 0.0

    def __str__(self) -> str:
        return f"{self.pictures:,} of {self.num_images:,} images of {self.dataset} show a picture of {self.other}"


@dataclass(frozen=True, eq=False)
class Audit:
    """What `skinzoo.audit` found. `print` it, `save` it, or let it raise.

    Attributes:
        datasets: What was audited, by the name that it is called here.
        findings: All matches; see `Match`. `of(kind)` gives those of one kind.
        overlaps: For each two datasets that share pictures, how many.
        exposures: For each part beside a training part, what of it that part exposes, by class.
        shifts: How classes and metadata differ between datasets.
        unreadable: Why a picture could not be looked at, by dataset and id.
        notes: What else a reader should know, such as rows that were set aside before.
        near: True if near-identical pictures were looked for.
    """

    datasets: Mapping[str, SkinDataset]
    findings: tuple[Match, ...]
    overlaps: tuple[Overlap, ...]
    exposures: tuple[Exposure, ...]
    shifts: tuple[Shift, ...]
    unreadable: Mapping[tuple[str, str], str]
    notes: tuple[str, ...]
    near: bool

    @property
    def num_images(self) -> int:
        """Images of all datasets together."""
        return sum(map(len, self.datasets.values()))

    @property
    def verdict(self) -> Verdict:
        """`"leaks"` if datasets share pictures, lesions or patients; `"look at it"` for anything else found."""
        if self.leaks:
            return "leaks"
        return "look at it" if self._remarks() else "clean"

    @property
    def sentence(self) -> str:
        """What the verdict rests on, in a sentence or two."""
        looked = "" if self.near else " Near-identical pictures were not looked for."
        if self.leaks:
            return f"{self._worst()}{looked}"
        if remarks := self._remarks():
            return f"Found: {'; '.join(remarks)}.{looked}"
        return f"No undeclared copy and no contradiction among {self.num_images:,} images.{looked}"

    @property
    def leaks(self) -> list[Match]:
        """What several datasets share: pictures, lesions or patients."""
        return [m for m in self.findings if m.is_across and m.kind != "label"]

    def of(self, kind: Kind, *, across: bool | None = None) -> list[Match]:
        """The matches of one kind.

        Args:
            kind: One of `KINDS`.
            across: True for those between datasets, False for those within one, None for both.
        """
        return [m for m in self.findings if m.kind == kind and across in (None, m.is_across)]

    def counts(self) -> dict[str, int]:
        """Number of matches of each kind, such as `{"id_across": 3, "id_within": 0, ...}`."""
        found = Counter((m.kind, m.is_across) for m in self.findings)
        return {
            f"{kind}_{'across' if across else 'within'}": found[kind, across]
            for kind in KINDS
            for across in (True, False)
            if kind != "group" or across
        }

    def raise_for_leaks(self) -> Audit:
        """Return the audit if no two datasets share anything.

        Raises:
            LeakageError: They do (code `LEAK_DUPLICATE`).
        """
        if not self.leaks:
            return self
        counted = Counter(m.kind for m in self.leaks)
        listed = ", ".join(f"{KINDS[kind]} {n:,}" for kind, n in counted.items())
        raise LeakageError(
            f"{self.sentence} Found: {listed}; such as {self.leaks[0]}. print(audit) and audit.save(folder) show them. "
            "Split by group, or take the shared pictures out of one side.",
            "LEAK_DUPLICATE",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, every match in full."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "datasets": {
                name: {"collection": d.info.name, "part": d.part, "num_images": len(d), "classes": d.class_counts()}
                for name, d in self.datasets.items()
            },
            "near": {"looked_for": self.near, "min_similarity": MIN_SIMILARITY},
            "counts": self.counts(),
            "overlaps": [
                {"dataset": o.dataset, "other": o.other, "pictures": o.pictures, "num_images": o.num_images}
                for o in self.overlaps
            ],
            "exposures": [e.to_dict() for e in self.exposures],
            "shifts": [s.to_dict() for s in self.shifts],
            "unreadable": [{"dataset": d, "id": i, "reason": r} for (d, i), r in self.unreadable.items()],
            "notes": list(self.notes),
            "findings": [m.to_dict() for m in self.findings],
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write `audit.json` and `index.html` into a folder, or only the JSON if `path` ends in `.json`.

        The page is self-contained and shows the first pictures of each kind; the JSON lists all.

        Returns:
            Path of `index.html`, or of the JSON.
        """
        from skinzoo.datasets.auditing.page import render_page

        if Path(path).suffix.lower() == ".json":
            return write_json(path, self.to_dict())
        write_json(Path(path, "audit.json"), self.to_dict())
        return write_text(Path(path, "index.html"), render_page(self))

    def __str__(self) -> str:
        lines = [f"{self.title}: {self.verdict.upper()}", self.sentence]
        rows = [("", "between", "within", "first")]
        for kind, what in KINDS.items():
            if found := self.of(kind):
                between, within = (f"{len(self.of(kind, across=k)):,}" for k in (True, False))
                rows.append((what, between, within if kind != "group" else "", str(found[0])))
        if len(rows) > 1:
            lines += ["", *_aligned(rows)]
        if self.overlaps:
            lines += ["", *map(str, self.overlaps)]
        for exposure in self.exposures:
            lines += ["", str(exposure)]
        if shifts := [s for s in self.shifts if s.is_large]:
            lines += [
                "",
                *(f"{s.column}: {s.measure} {s.value:.2f} between {s.reference} and {s.other}" for s in shifts),
            ]
        if self.unreadable:
            (dataset, name), reason = next(iter(self.unreadable.items()))
            lines += ["", f"{len(self.unreadable):,} unreadable, such as {dataset}: {name}: {reason}"]
        return "\n".join([*lines, *([""] if self.notes else []), *(f"note: {n}" for n in self.notes)])

    def __repr__(self) -> str:
        return f"Audit({self.verdict!r}, {self.num_images} images, { ({k: n for k, n in self.counts().items() if n}) })"

    @property
    def title(self) -> str:
        """What was audited."""
        return "Audit of " + " and ".join(f"{name} ({len(d):,} images)" for name, d in self.datasets.items())

    def _worst(self) -> str:
        """The largest share of a part that another one gives away."""
        exposed = max((e for e in self.exposures if e.count), key=lambda e: e.share, default=None)
        if exposed is not None:
            return (
                f"{exposed.count:,} of {exposed.num_images:,} images of {exposed.test} ({exposed.share:.1%}) show a "
                f"picture, lesion or patient of {exposed.train}: figures on them are too good."
            )
        facts = [str(o) for o in self.overlaps if o == max(self.overlaps, key=lambda o: o.share)]
        if groups := len(self.of("group")):
            facts.append(f"{_counted(groups, self._group(), self._group() + 's')} on several sides")
        return f"{'; '.join(facts)}. Do not train on one and test on the other."

    def _remarks(self) -> list[str]:
        counted = [
            (len(self.of("label")), "picture under contradictory labels", "pictures under contradictory labels"),
            (len(self.of("id", across=False)), "id that several rows have", "ids that several rows have"),
            (len(self.of("bytes", across=False)), "picture under several ids", "pictures under several ids"),
            (len(self.of("near", across=False)), "near-identical pair or set", "near-identical pairs or sets"),
            (len(self.unreadable), "unreadable picture", "unreadable pictures"),
        ]
        shifted = [s for s in self.shifts if s.is_large] if self.exposures else []
        return [_counted(*c) for c in counted if c[0]] + [
            f"{s.column} differs between {s.reference} and {s.other}" for s in shifted
        ]

    def _group(self) -> str:
        kinds = {d.info.group for d in self.datasets.values()} - {"image"}
        return kinds.pop() if len(kinds) == 1 else "group"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(w) if k in (1, 2) else cell.ljust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
