"""The last step of every file-based adapter: from the rows that a table or a tree promises to a `SkinDataset`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from skinzoo.datasets.base import DatasetInfo, Records, SkinDataset
from skinzoo.datasets.checks import CheckOptions, screen
from skinzoo.datasets.filesource import FileSource
from skinzoo.datasets.integrity import Finding, IntegrityReport
from skinzoo.datasets.listing import not_found
from skinzoo.taxonomy import LabelSpace


def locate(ids: Sequence[str], files: Mapping[str, str], *, what: str = "image") -> tuple[list[str], list[Finding]]:
    """The file of each id, empty where there is none, and an `EXTRA_FILE` finding for each file of no id."""
    known = set(ids)
    extra = [
        Finding.of("EXTRA_FILE", "", path, f"no row of the table names this {what}", "kept")
        for stem, path in files.items()
        if stem not in known
    ]
    return [files.get(i, "") for i in ids], extra


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
        names_on_disk: Stems of the image files, for the hint about a name that differs by case only.
        part: Name of the part.

    Raises:
        DatasetNotFoundError: Not a single image file of the table is there.
        IntegrityError: `options.strict`, and something cannot be used.
    """
    if len(records) and not (records.images != "").any():
        examples = ", ".join(records.ids[:3].tolist())
        raise not_found(info, root, f"none of the {len(records)} images of the table is there (such as {examples})")
    usable, more = screen(
        root, records, options, class_names=label_space.classes, expect_masks=expect_masks, barred=barred
    )
    lowered = {name.casefold(): name for name in names_on_disk}
    report = IntegrityReport(info.name, num_rows, [*findings, *(_hint(f, lowered) for f in more)])
    report.announce(strict=options.strict, stacklevel=4)
    return SkinDataset(info, usable, label_space, FileSource(root.absolute()), integrity=report, part=part)


def _hint(finding: Finding, lowered: Mapping[str, str]) -> Finding:
    near = lowered.get(finding.id.casefold())
    if finding.code != "FILE_MISSING" or near in (None, finding.id):
        return finding
    message = f"{finding.message}; {near!r} is there and differs by case only"
    return Finding.of(finding.code, finding.id, finding.path, message, finding.action)
