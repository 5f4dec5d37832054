"""For whom a model works: its figures by age, sex, anatomical site, skin tone and source, and how far they lie apart.

All intervals are of 95 % and come from the same resamples of whole lesions or patients (see
`skinzoo.metrics.resampling`), so that images of one lesion count as one witness and two groups that share a patient are
compared within the resample.

- **A group's figure** has the percentile interval of its resampled values (`skinzoo.metrics.percentiles`). Where
  accuracy, sensitivity or specificity is exactly 0 or 1, all resamples agree, and values drawn by Jeffreys' rule take
  their place: from a beta distribution with the lesions or patients that were right plus 1/2 and those that were wrong
  plus 1/2 (Brown, Cai and DasGupta 2001, doi 10.1214/ss/1009213286).
- **A group less the rest** compares it with all other images of which the group is known: the percentile interval of
  the difference within each resample. There are as many such intervals as groups, and of twenty one misses by chance.
- **The gap** is the highest figure less the lowest. To look for the two groups that lie furthest apart finds a gap by
  chance alone, so its interval holds for all pairs at once: as Tukey's range test does, it widens each pair's interval
  until 95 % of the resamples keep all pairs within theirs. It begins at 0 where no pair differs clearly.
- **The calibration error** has an interval by `bootstrap_calibration`, and no gap: it is higher by chance alone where a
  group is smaller.

Balanced accuracy and the macro figures are means over the classes that a group has; where groups lack different
classes, compare sensitivity and specificity instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.evaluation.inference import Outcome
from skinzoo.evaluation.subgroups.gaps import estimate_of, gap_between, undefined
from skinzoo.evaluation.subgroups.grouping import ATTRIBUTES, NOT_KNOWN, Grouping, find_groupings
from skinzoo.evaluation.subgroups.study import UNCOMPARED, BoolArray, Study
from skinzoo.evaluation.subgroups.table import Estimate, Subgroup, Subgroups, SubgroupTable
from skinzoo.taxonomy import LabelSpace


def subgroup_figures(
    outcome: Outcome,
    label_space: LabelSpace | None,
    metadata: Mapping[str, NDArray[Any]],
    groups: ArrayLike | None = None,
    *,
    columns: Iterable[str] | None = None,
    min_size: int = 30,
    min_positives: int = 5,
    malignant_threshold: float = 0.5,
    resamples: int = 1000,
    seed: int = 0,
) -> Subgroups:
    """Figures of each group of patients, lesions or cameras, and the gaps between the groups.

    A group with too few images, or too few malignant or benign lesions for a figure, has NaN with the reason, and takes
    no part in the gap. Images without a value are a group `"not known"`, which takes no part either.

    Args:
        outcome: What a model said of N images.
        label_space: Names of the classes, and which are malignant; None for a model that only segments.
        metadata: Columns (N,) by name, as in `Records.metadata`.
        groups: Lesion or patient of each image (N,); None to take the images for independent.
        columns: Columns to group by; None for those that tell age, sex, anatomical site, skin tone or source; see
            `ATTRIBUTES` in `skinzoo.evaluation.subgroups.grouping`. Ages fall into bands: below 30, 30-49, 50-69, 70
            and more.
        min_size: Images that a figure needs.
        min_positives: Lesions or patients with a malignant image that the sensitivity needs, with a benign one that the
            specificity needs, and both that the malignant AUC needs.
        malignant_threshold: Summed probability of the malignant classes at or above which an image is called malignant.
        resamples: How many.
        seed: Of the resamples.

    Raises:
        ConfigError: Lengths do not agree, an option is out of range, or a column that is asked for cannot group images.
    """
    study = Study(
        outcome,
        label_space,
        groups,
        least=(min_size, min_positives),
        threshold=malignant_threshold,
        draws=(resamples, seed),
    )
    groupings, skipped = find_groupings(metadata, columns, len(outcome.ids))
    options = {
        "min_size": min_size,
        "min_positives": min_positives,
        "malignant_threshold": malignant_threshold,
        "resamples": resamples,
        "seed": seed,
    }
    if reason := _nothing(study, groupings, metadata):
        return Subgroups({}, skipped, reason, options)
    for grouping in groupings:
        rests = _rests(grouping)
        for label, rows in _members(grouping).items():
            if study.add(rows) and label in rests:
                study.add(rests[label])
    study.draw()
    return Subgroups({g.column: _table(g, study) for g in groupings}, skipped, "", options)


def _nothing(study: Study, groupings: list[Grouping], metadata: Mapping[str, object]) -> str:
    """Why there is no table; empty if there is one."""
    if not study.metrics:
        return "no image has a label or a mask that was predicted"
    if groupings:
        return ""
    known = ", ".join(map(repr, metadata)) or "none"
    return f"no column tells {', '.join(ATTRIBUTES)} (metadata columns: {known}); name others with columns=[...]"


def _members(grouping: Grouping) -> dict[str, BoolArray]:
    """The images of each group, those without a value last."""
    found = {label: grouping.member == k for k, label in enumerate(grouping.labels)}
    unknown = grouping.member < 0
    return found | {NOT_KNOWN: unknown} if unknown.any() else found


def _rests(grouping: Grouping) -> dict[str, BoolArray]:
    """For each group, the images of all others; nothing if there is but one."""
    if len(grouping.labels) < 2:
        return {}
    known = grouping.member >= 0
    return {label: known & (grouping.member != k) for k, label in enumerate(grouping.labels)}


def _table(grouping: Grouping, study: Study) -> SubgroupTable:
    members, rests = _members(grouping), _rests(grouping)
    subgroups = []
    for label, rows in members.items():
        figures = {name: study.estimate(name, rows) for name in study.metrics}
        compared = [name for name in study.metrics if name not in UNCOMPARED and label != NOT_KNOWN]
        subgroups.append(
            Subgroup(
                label=label,
                known=label != NOT_KNOWN,
                rows=np.flatnonzero(rows).astype(np.int64),
                num_groups=len(np.unique(study.owner[rows])) if study.has_groups else None,
                num_malignant=int((rows & study.malignant).sum()) if study.malignant_codes else None,
                num_classes=len(np.unique(study.outcome.labels[rows & study.labelled])),
                figures=figures,
                minus_rest={name: _difference(name, rows, rests.get(label), study, figures) for name in compared},
            )
        )
    known = [s for s in subgroups if s.known]
    gaps = {}
    for name in study.metrics:
        if name not in UNCOMPARED:
            judged = [s.label for s in known if not s.figures[name].reason]
            gaps[name] = gap_between({label: study.drawn(name, members[label]) for label in judged})
    alone = f"all images with a value are {grouping.labels[0]}, so that nothing can be compared"
    notes = [grouping.note, alone if len(known) == 1 else ""]
    return SubgroupTable(grouping.column, grouping.attribute, tuple(subgroups), gaps, "; ".join(filter(None, notes)))


def _difference(
    name: str, rows: BoolArray, rest: BoolArray | None, study: Study, figures: Mapping[str, Estimate]
) -> Estimate:
    """A group's figure less that of the rest."""
    own = figures[name]
    reason = own.reason or ("there is no other group" if rest is None else study.unfit(name, rest))
    if reason or rest is None:
        return undefined(own.n, reason if own.reason or rest is None else f"the rest: {reason}")
    return estimate_of(study.drawn(name, rows).minus(study.drawn(name, rest)), own.n)
