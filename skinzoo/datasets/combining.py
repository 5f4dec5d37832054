"""Several collections as one: in one label space, each picture once, and no lesion on two sides of a later split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import IntArray, Records, SkinDataset
from skinzoo.datasets.columns import COLLECTION, joined_columns, joined_info
from skinzoo.datasets.exposure import Exposure
from skinzoo.datasets.gathering import CombinedSource, gather
from skinzoo.datasets.integrity import Finding, IntegrityReport
from skinzoo.datasets.sharing import Labels, merged_groups, settle, unique_names
from skinzoo.errors import ConfigError
from skinzoo.taxonomy import LABEL_SPACES, Alignment, LabelSpace, align
from skinzoo.types import IGNORE_INDEX


def aligned(
    dataset: SkinDataset, target: LabelSpace | str, *, overrides: Mapping[str, str | None] | None = None
) -> SkinDataset:
    """See `SkinDataset.align`."""
    alignment = align(dataset.label_space, _space(target), overrides=overrides)
    labels = _relabelled(dataset, alignment)
    lost = (dataset.records.labels != IGNORE_INDEX) & (labels == IGNORE_INDEX)
    findings = _unmatched(dataset, alignment, lost)
    IntegrityReport(dataset.name, len(dataset), findings).announce()
    before = dataset.integrity
    made = SkinDataset(
        dataset.info,
        replace(dataset.records, labels=labels),
        alignment.target,
        dataset.source,
        integrity=IntegrityReport(before.name, before.num_rows, [*before.findings, *findings]),
        part=dataset.part,
    )
    made.exposure = _exposure([dataset], made)
    return made


def concat(
    *datasets: SkinDataset, label_space: LabelSpace | str | None = None, duplicates: str = "drop"
) -> SkinDataset:
    """Several collections, or parts of them, as one dataset.

    - Labels go to one label space; one without a counterpart there becomes not annotated (`LABEL_UNMATCHED`).
    - A picture that several collections have is used once: the first copy with a mask, or the first one where none has.
      What has the same id (apart from `_downsampled` and the like) is the same picture where the collections' ids mean
      the same (`info.namespace`). A copy without a label takes another copy's; labels that contradict each other are
      all withheld (`DUP_CONFLICT`).
    - Samples that share a picture, or a group id within one namespace, become one group, so that no split separates
      them.
    - An id or group id that means something else in an earlier collection becomes `"<collection>/<id>"`.
    - Metadata are the columns of all, missing where a collection has no such column, and the column `collection`.

    Give all in one call: what was combined before has forgotten which labels were withheld, and why.

    Args:
        *datasets: One or more.
        label_space: A label space, or the name of a known one; None for that of the first dataset.
        duplicates: `"drop"` leaves out further copies of a picture, `"keep"` uses them all.

    Returns:
        The samples in the order given. The integrity report accounts for the rows of all datasets, those that were set
        aside when they were opened and further copies (`DUP_ID`) included.

    Raises:
        ConfigError: No dataset, something that is none, an unknown value, or a column `collection` already.
        UnknownNameError: No label space of that name.
    """
    _check(datasets, duplicates)
    space = datasets[0].label_space if label_space is None else _space(label_space)
    spaces = [d.label_space for d in datasets]
    alignments = [align(own, space) for own in spaces]
    columns = joined_columns(datasets)
    rows = gather(datasets)
    common = np.concatenate([_relabelled(d, a) for d, a in zip(datasets, alignments, strict=True)])
    labels = Labels(rows.labels, common, part=rows.part, spaces=spaces, target=space)
    settled = settle(rows, labels, keep_all=duplicates == "keep")
    keep = settled.keep
    lost = keep & ~settled.disputed & (rows.labels != IGNORE_INDEX) & (settled.labels == IGNORE_INDEX)
    findings = list(settled.findings)
    for k, (dataset, alignment) in enumerate(zip(datasets, alignments, strict=True)):
        findings += _unmatched(dataset, alignment, lost[rows.part == k], prefix=f"{rows.names[k]}:")
    records = Records(
        ids=unique_names(rows.ids[keep], rows.collection[keep]),
        labels=settled.labels[keep],
        groups=merged_groups(rows)[keep],
        images=rows.keys(rows.images)[keep],
        masks=rows.keys(rows.masks)[keep],
        metadata={name: column[keep] for name, column in columns.items()}
        | {COLLECTION: rows.collection[keep].astype(object)},
    )
    info = joined_info([d.info for d in datasets], [o.name for o in rows.origins], space, columns)
    IntegrityReport(info.name, len(rows), findings).announce()
    parts = {d.part for d in datasets}
    made = SkinDataset(
        info,
        records,
        space,
        CombinedSource(rows.origins),
        integrity=_report(info.name, len(rows), _found_before(datasets, rows.names), findings),
        part=parts.pop() if len(parts) == 1 else "",
    )
    made.exposure = _exposure(datasets, made)
    return made


def _check(datasets: Sequence[SkinDataset], duplicates: str) -> None:
    if duplicates not in ("drop", "keep"):
        raise ConfigError(f"duplicates={duplicates!r} is unknown; use 'drop' or 'keep'.")
    if not datasets or not all(isinstance(d, SkinDataset) for d in datasets):
        given = ", ".join(type(d).__name__ for d in datasets) or "nothing"
        raise ConfigError(f"concat got {given}; give one SkinDataset or more, as in concat(a, b).")


def _space(target: LabelSpace | str) -> LabelSpace:
    if isinstance(target, str):
        return LABEL_SPACES[target]
    if not isinstance(target, LabelSpace):
        raise ConfigError(
            f"{target!r} is no label space; give a LabelSpace, or one of {', '.join(LABEL_SPACES.names())}."
        )
    return target


def _relabelled(dataset: SkinDataset, alignment: Alignment) -> IntArray:
    labels = dataset.records.labels
    known = labels != IGNORE_INDEX
    result = np.full(len(labels), IGNORE_INDEX, dtype=np.int64)
    result[known] = np.array(alignment.indices, dtype=np.int64)[labels[known]]
    return result


def _unmatched(
    dataset: SkinDataset, alignment: Alignment, lost: NDArray[np.bool_], *, prefix: str = ""
) -> list[Finding]:
    """A finding for each class whose samples are used without a label; `lost` says which samples these are."""
    r = dataset.records
    findings = []
    for code, reason in alignment.unmatched.items():
        if len(which := np.flatnonzero(lost & (r.labels == dataset.label_space.index(code)))):
            i, n = which[0], len(which)
            message = f"{n} of {code} {'is' if n == 1 else 'are'} used without a label: {reason}"
            path = f"{prefix}{r.images[i]}"
            findings.append(Finding.of("LABEL_UNMATCHED", str(r.ids[i]), path, message, "kept", count=n))
    return findings


def _exposure(datasets: Sequence[SkinDataset], made: SkinDataset) -> Exposure | None:
    """What of the new dataset a model can have seen, as far as the given ones know."""
    known = [d.exposure for d in datasets if d.exposure is not None]
    if not known:
        return None
    why = {image: reasons for exposure in known for image, reasons in exposure.why.items()}
    train = "+".join(dict.fromkeys(exposure.train for exposure in known))
    joined = replace(known[0], train=train, why=why, groups_compared=all(e.groups_compared for e in known))
    return joined.within(made.records, made.label_space.classes, test=made.name)


def _found_before(datasets: Sequence[SkinDataset], names: Sequence[str]) -> list[Finding]:
    """What was found when the collections were opened; parts of one collection share it, so it counts once."""
    times: Counter[tuple[str, Finding]] = Counter()
    for dataset, name in zip(datasets, names, strict=True):
        times |= Counter((name, finding) for finding in dataset.integrity.findings)
    return [
        replace(finding, path=f"{name}:{finding.path}" if finding.path else "")
        for (name, finding), n in times.items()
        for _ in range(n)
    ]


def _report(name: str, num_used: int, before: Sequence[Finding], findings: Sequence[Finding]) -> IntegrityReport:
    set_aside = sum(f.count for f in before if f.action == "quarantined")
    return IntegrityReport(name, num_used + set_aside, [*before, *findings])
