"""The last step of every file-based adapter: from the rows that a table or a tree promises to a `SkinDataset`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.filesource import FileSource
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding, IntegrityReport
from skinzoo.datasets.listing import by_stem, list_folders, not_found
from skinzoo.datasets.locating import locate, locate_masks, with_near_names, without_masks
from skinzoo.datasets.records import IntArray, Records
from skinzoo.datasets.screening import screen
from skinzoo.errors import ConfigError
from skinzoo.taxonomy import LabelSpace


@dataclass
class Rows:
    """What a collection's table promises, before any file is looked at.

    Attributes:
        ids: Of the images, as the files are called without their ending.
        labels: Class indices; None if the collection has no labels.
        usable: False for the rows that `findings` already set aside; None if there are none.
        groups: Patient or lesion ids, empty where a row has none; None if the collection knows neither.
        metadata: Further columns.
        findings: What is wrong with the table's rows.
    """

    ids: list[str]
    labels: IntArray | None = None
    usable: NDArray[np.bool_] | None = None
    groups: Sequence[str] | None = None
    metadata: dict[str, NDArray[Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def open_rows(
    info: DatasetInfo,
    root: Path,
    rows: Rows,
    checks: CheckOptions,
    *,
    images: Sequence[Path],
    masks: Sequence[Path] = (),
    label_space: LabelSpace | None = None,
    part: str = "",
    others: Iterable[str] = (),
) -> SkinDataset:
    """Find the files of a table's rows, screen them, and return the dataset.

    Args:
        info: Declared facts.
        root: The collection's folder.
        rows: The table.
        checks: How closely to look.
        images: Folders with the images, `<id>.<ending>`.
        masks: Folders with the masks, `<id>.<ending>` or `<id>_segmentation.<ending>` and the like, which may be those
            of the images; rows without a mask are reported if there is a folder.
        label_space: Names of the labels, unless `info` has them.
        part: Name of the part.
        others: Ids of images in the same folders that belong to the collection but were not asked for.

    Raises:
        DatasetNotFoundError: Not a single image file of the table is there.
        IntegrityError: `checks.strict`, and something cannot be used; or two different files answer to one id
            (`ID_AMBIGUOUS`, `MASK_AMBIGUOUS`).
    """
    space = label_space or info.label_space
    assert space is not None, f"{info.name} has no label space"
    listing = list_folders(root, images)
    passed = frozenset(others)
    files = {s: p for s, p in without_masks(by_stem(root, listing), rows.ids).items() if s not in passed}
    paths, findings = locate(rows.ids, files)
    mask_paths, more = locate_masks(root, masks, rows.ids, images=paths)
    if rows.groups is not None and info.group != "image":
        more += unknown_groups(rows.ids, rows.groups, info.group)
    records = Records.build(
        rows.ids, labels=rows.labels, groups=rows.groups, images=paths, masks=mask_paths, metadata=rows.metadata
    )
    used = np.arange(len(records)) if rows.usable is None else np.flatnonzero(rows.usable)
    return open_files(
        info,
        root,
        records if rows.usable is None else records.take(used),
        space,
        checks,
        num_rows=len(rows.ids),
        findings=[*findings, *_numbered(rows.findings, rows.ids), *more],
        expect_masks=bool(masks),
        barred=listing.barred,
        names_on_disk=files,
        part=part,
        row_numbers=used,
    )


def _numbered(findings: Iterable[Finding], ids: Sequence[str]) -> list[Finding]:
    """Findings about single rows with the number of the row that has their id, if only one has it."""
    row_of: dict[str, int | None] = {}
    for row, name in enumerate(ids):
        row_of[name] = None if name in row_of else row
    return [replace(f, row=row_of.get(f.id)) if f.row is None and f.count == 1 else f for f in findings]


def check_part(info: DatasetInfo, part: str) -> str:
    """`part`, if the collection has it.

    Raises:
        ConfigError: It has not.
    """
    if part not in info.parts:
        raise ConfigError(f"{info.name}: part={part!r} is unknown; use {', '.join(map(repr, info.parts))}.")
    return part


def check_masks(masks: bool | str) -> None:
    """Make sure that the option `masks` of a collection is True, False or `"auto"`.

    Raises:
        ConfigError: It is something else.
    """
    if masks not in (True, False, "auto"):
        raise ConfigError(f"masks={masks!r} is unknown; use True, False or 'auto'.")


def unknown_groups(ids: Sequence[str], groups: Sequence[str], what: str) -> list[Finding]:
    """One `GROUP_UNKNOWN` finding for all rows without a group; none if every row has one."""
    alone = [i for i, group in zip(ids, groups, strict=True) if not group]
    if not alone:
        return []
    message = f"{len(alone)} of {len(ids)} images have no {what} id; each is a group of its own"
    return [Finding.of("GROUP_UNKNOWN", alone[0], "", message, "kept", count=len(alone))]


def open_files(
    info: DatasetInfo,
    root: Path,
    records: Records,
    label_space: LabelSpace,
    options: CheckOptions,
    *,
    num_rows: int,
    findings: Iterable[Finding] = (),
    expect_masks: bool = False,
    barred: Mapping[str, tuple[str, str]] | None = None,
    names_on_disk: Iterable[str] = (),
    part: str = "",
    row_numbers: IntArray | None = None,
) -> SkinDataset:
    """Screen the rows, write the report, issue its one warning, and return the dataset.

    Args:
        info: Declared facts.
        root: The folder that the records' paths start from.
        records: Every row that is not already set aside in `findings`.
        label_space: Names of the labels.
        options: How closely to look.
        num_rows: Rows that the table or the tree promised, set aside or not.
        findings: What was found before.
        expect_masks: Report rows without a mask.
        barred: Files that are never opened, each with the code and the message of its finding; see `Listing`.
        names_on_disk: Stems of the image files, for a hint at the one that a missing file may be called.
        part: Name of the part.
        row_numbers: Number of each record's row in the table or tree (N,); None if `records` has all `num_rows` rows.

    Raises:
        DatasetNotFoundError: Not a single image file of the table is there.
        IntegrityError: `options.strict`, and something cannot be used; or two different files of one folder answer to
            one id (`ID_AMBIGUOUS`).
    """
    if len(records) and not (records.images != "").any():
        examples = ", ".join(records.ids[:3].tolist())
        raise not_found(info, root, f"none of the {len(records)} images of the table is there (such as {examples})")
    if row_numbers is None and len(records) == num_rows:
        row_numbers = np.arange(num_rows)
    usable, more = screen(
        root,
        records,
        options,
        class_names=label_space.classes,
        expect_masks=expect_masks,
        barred=barred,
        rows=row_numbers,
        outranks=_ranks(info, label_space),
        reading=options.reading,
        name=info.name,
    )
    report = IntegrityReport(info.name, num_rows, [*findings, *with_near_names(more, names_on_disk, records.ids)])
    assert report.num_ok == len(usable), f"{info.name}: {len(usable)} rows are used, but the report says {report!r}"
    report.announce(strict=options.strict)
    source = FileSource(root.absolute(), threshold=options.mask_threshold, scale16=options.scale16)
    return SkinDataset(info, usable, label_space, source, integrity=report, part=part)


def _ranks(info: DatasetInfo, space: LabelSpace) -> list[tuple[int, int]]:
    """`info.outranks` as class indices; in a label space that the user chose, without the classes that it lacks."""
    own = space is info.label_space
    return [(space.index(a), space.index(b)) for a, b in info.outranks if own or {a, b} <= set(space)]
