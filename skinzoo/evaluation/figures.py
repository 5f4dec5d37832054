"""The pictures of a report."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skinzoo.evaluation.captions import CAPTIONS
from skinzoo.evaluation.gallery import verdict
from skinzoo.evaluation.text import malignant_and_benign
from skinzoo.evaluation.titles import short_title
from skinzoo.files import atomic_path
from skinzoo.metrics import precision_recall_curves_ovr, roc_curve, roc_curves_ovr
from skinzoo.metrics.calibration import reliability_curve
from skinzoo.metrics.operating import decision_curve

if TYPE_CHECKING:
    from skinzoo.evaluation.report import Report
    from skinzoo.explain import Faithfulness
    from skinzoo.plotting import EncodedFigure

MANY = 12
"""Above this number of classes, curves of each are not drawn."""
_SUBGROUPS = {
    "malignant/auc": "AUC of malignancy",
    "malignant/sensitivity": "sensitivity for malignant",
    "balanced_accuracy": "balanced accuracy",
    "dice": "Dice",
}
"""The metrics that are drawn by subgroup, each with its title."""
_GAINS = {
    "pointing_gain": "highest point on the lesion",
    "energy_gain": "heat on the lesion",
    "deletion_gain": "deletion",
    "insertion_gain": "insertion",
}
"""The gains over chance of heatmaps, each with its title."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its title and caption.

    Attributes:
        title: Shown above it.
        figure: A matplotlib figure.
        caption: One or two sentences.
        section: Of the page where it is shown.
        attached: Title of the attachment that it belongs to; empty for none.
        in_gallery: True where the page shows the same pictures one by one, and not this figure.
    """

    title: str
    figure: Any
    caption: str = ""
    section: str = "Further figures"
    attached: str = ""
    in_gallery: bool = False

    @cached_property
    def encoded(self) -> EncodedFigure:
        """For the page: SVG where that is small, else PNG."""
        from skinzoo.plotting import encoded_figure

        return encoded_figure(self.figure)

    @cached_property
    def has_photographs(self) -> bool:
        """Whether it shows pictures in their own colours."""
        return any(np.ndim(image.get_array()) == 3 for ax in self.figure.axes for image in ax.images)

    def save(self, stem: str | os.PathLike[str]) -> list[Path]:
        """Write it as PNG and as SVG, and return their paths; what the page has encoded is not encoded again.

        Args:
            stem: Path without suffix; folders are made.
        """
        from skinzoo.plotting import figure_bytes

        known: EncodedFigure | None = self.__dict__.get("encoded")
        paths = []
        for suffix in ("png", "svg"):
            held = known.data if known is not None and known.format == suffix else None
            content = figure_bytes(self.figure, suffix) if held is None else held
            paths.append(Path(f"{os.fspath(stem)}.{suffix}"))
            with atomic_path(paths[-1]) as temporary:
                temporary.write_bytes(content)
        return paths


def stems(pictures: Sequence[Picture]) -> list[str]:
    """A file name, without ending, for each picture: `confusion_matrix`; the second of a title gets a number."""
    names: list[str] = []
    for picture in pictures:
        stem = re.sub(r"[^a-z0-9]+", "_", picture.title.lower()).strip("_") or "figure"
        taken = sum(re.fullmatch(rf"{stem}(_\d+)?", name) is not None for name in names)
        names.append(f"{stem}_{taken + 1}" if taken else stem)
    return names


def pictures_of(report: Report) -> list[Picture]:
    """Every figure that the report's metrics and examples allow."""
    found = [*_of_classes(report), *_of_calibration(report), *_of_subgroups(report), *_of_masks(report)]
    return [*found, *_of_examples(report), *_of_attachments(report)]


def _of_classes(report: Report) -> Iterator[Picture]:
    from skinzoo import plotting

    c, o, space = report.classification, report.outcome, report.label_space
    if c is None or o.probabilities is None or space is None:
        return
    where = "Per class"
    titles = [space.title(code) for code in space]
    labelled = o.labels >= 0
    truth, scores = o.labels[labelled], o.probabilities[labelled]
    n = f"n = {len(truth):,} images."
    figure = plotting.confusion_matrix_heatmap(c.confusion, titles)
    caption = CAPTIONS["confusion"].format(n=n)
    yield Picture("Confusion matrix", figure, caption, where)
    if len(space) <= MANY:
        figure = plotting.per_class_bars(
            {space.title(code): row for code, row in c.per_class.items()},
            ("recall", "specificity", "f1"),
            intervals={f"{space.title(k.split('/')[0])}/{k.split('/')[1]}": v for k, v in _class_intervals(report)},
        )
        caption = CAPTIONS["bars"].format(level=_level(report), n=n)
        yield Picture("Scores of each class", figure, caption, where)
        if curves := roc_curves_ovr(truth, scores, space.classes):
            areas = {code: (c.per_class[code]["auc"], *report.intervals[f"{code}/auc"]) for code in curves}
            figure = plotting.roc_curves(curves, areas=areas)
            caption = CAPTIONS["roc"].format(level=_level(report), n=n)
            yield Picture("ROC curves", figure, caption, where)
            precision = precision_recall_curves_ovr(truth, scores, space.classes)
            figure = plotting.precision_recall_curves(
                precision,
                areas={
                    k: (c.per_class[k]["average_precision"], *report.intervals[f"{k}/average_precision"])
                    for k in precision
                },
                prevalence={k: float((truth == space.classes.index(k)).mean()) for k in precision},
            )
            caption = CAPTIONS["precision"].format(level=_level(report), n=n)
            yield Picture("Precision and recall", figure, caption, where)
    if c.binary:
        yield from _of_malignancy(report, truth, scores)


def _of_malignancy(report: Report, truth: Any, scores: Any) -> Iterator[Picture]:
    from skinzoo import plotting

    assert report.label_space is not None
    space, where = report.label_space, "Malignant or benign"
    members = [k for k, code in enumerate(space) if code in space.malignant]
    positive, score = np.isin(truth, members), np.clip(scores[:, members].sum(1), 0, 1)
    n = "n = {:,} malignant and {:,} benign images.".format(*malignant_and_benign(report))
    if positive.any() and not positive.all():
        area = (report["malignant/auc"], *report.intervals["malignant/auc"])
        figure = plotting.roc_curves(
            {"malignant": roc_curve(positive, score)},
            areas={"malignant": area},
            operating_points={"malignant": report.malignant_threshold},
        )
        caption = CAPTIONS["malignant_roc"].format(threshold=report.malignant_threshold, level=_level(report), n=n)
        yield Picture("ROC curve of malignancy", figure, caption, where)
        prevalence = float(positive.mean())
        figure = plotting.decision_curves(
            {"model": decision_curve(positive, score)}, prevalence=prevalence, threshold=report.malignant_threshold
        )
        caption = CAPTIONS["decision"].format(n=n)
        yield Picture("Decision curve", figure, caption, where)
    names = {space.title(code): score[truth == k] for k, code in enumerate(space)}
    if len(space) <= MANY:
        malignant = [space.title(code) for code in space if code in space.malignant]
        figure = plotting.score_distributions(names, positive=malignant, threshold=report.malignant_threshold)
        caption = CAPTIONS["malignancy"].format(n=n)
        yield Picture("Malignancy by true class", figure, caption, where)


def _of_calibration(report: Report) -> Iterator[Picture]:
    from skinzoo import plotting

    o = report.outcome
    if report.risk_coverage is None or o.probabilities is None:
        return
    where = "Calibration and abstention"
    n = f"n = {int((o.labels >= 0).sum()):,} images."
    figure = plotting.reliability_diagram(reliability_curve(o.labels, o.probabilities))
    caption = CAPTIONS["reliability"].format(n=n)
    yield Picture("Reliability", figure, caption, where)
    points = report.operating_points
    below = None if points is None or points.abstain_below is None else {"model": points.abstain_below}
    figure = plotting.risk_coverage_curves({"model": report.risk_coverage}, abstain_below=below)
    caption = CAPTIONS["coverage"].format(n=n)
    yield Picture("Risk and coverage", figure, caption, where)


def _of_subgroups(report: Report) -> Iterator[Picture]:
    from skinzoo import plotting

    for metric, title in _SUBGROUPS.items():
        if metric not in report.values or not len(report.subgroups):
            continue
        rows = report.subgroups.forest(metric)
        if any(row[2] == row[2] for row in rows):
            figure = plotting.forest_plot(rows, reference=report[metric], value_label=title)
            caption = CAPTIONS["forest"]
            yield Picture(f"Subgroups: {title}", figure, caption, "For whom")


def _of_masks(report: Report) -> Iterator[Picture]:
    from skinzoo import plotting

    if (s := report.segmentation) is None:
        return
    where = "Masks"
    figure = plotting.dice_histogram(s.per_image.dice, iou=s.per_image.iou)
    caption = CAPTIONS["dice"].format(n=f"n = {len(s.per_image.dice):,} masks.")
    yield Picture("Dice of each image", figure, caption, where)
    chosen = [(e, e.truth, e.predicted) for e in report.examples if e.kind == "range"]
    panels = [(e, t, p) for e, t, p in chosen if t is not None and p is not None]
    if panels:
        figure = plotting.segmentation_panels(
            [e.image for e, _, _ in panels],
            [t for _, t, _ in panels],
            [p for _, _, p in panels],
            titles=[f"{e.id}\n{e.remark}" if e.remark else e.id for e, _, _ in panels],
        )
        caption = CAPTIONS["panels"]
        yield Picture("Segmentation panels", figure, caption, where, in_gallery=True)


def _of_examples(report: Report) -> Iterator[Picture]:
    from skinzoo import plotting

    mistakes = [e for e in report.examples if e.kind == "mistake"]
    if mistakes and report.label_space is not None:
        figure = plotting.mistakes_grid(
            [e.image for e in mistakes],
            [f"{e.id}\n{verdict(report, e)}" for e in mistakes],
            [e.heatmap for e in mistakes] if any(e.heatmap is not None for e in mistakes) else None,
        )
        caption = CAPTIONS["mistakes"]
        yield Picture("Confident mistakes", figure, caption, "Mistakes", in_gallery=True)


def _of_attachments(report: Report) -> Iterator[Picture]:
    from skinzoo.evaluation.attached import is_faithfulness, is_robustness

    for title, result in report.attachments.items():
        if is_faithfulness(result):
            yield from _of_faithfulness(title, result)
        elif is_robustness(result):
            metric = short_title(result.metrics[0])
            caption = CAPTIONS["robustness"].format(metric=metric)
            yield Picture(title, result.figure(), caption, "", title, in_gallery=True)
            caption = CAPTIONS["strength"].format(metric=metric)
            yield Picture(f"{title} by strength", result.curves(), caption, "", title)
        elif callable(getattr(result, "figure", None)):
            yield Picture(title, result.figure(), "", "", title)


def _of_faithfulness(title: str, found: Faithfulness) -> Iterator[Picture]:
    from skinzoo import plotting

    rows = []
    for name, label in _GAINS.items():
        if name in found.values:
            column = found.table[name]
            n = int((~np.isnan(column)).sum())
            rows.append(("", label, found.values[name], *found.intervals[name], n, ""))
    if any(row[2] == row[2] for row in rows):
        figure = plotting.forest_plot(rows, reference=0.0, reference_label="chance", value_label="gain over chance")
        caption = CAPTIONS["gain"]
        yield Picture(f"{title}: gain over chance", figure, caption, "", title)


def _level(report: Report) -> str:
    return f"{report.resampling.level:.0%}"


def _class_intervals(report: Report) -> Iterator[tuple[str, Any]]:
    codes = set(report.label_space or ())
    for key, interval in report.intervals.items():
        code, _, metric = key.partition("/")
        if code in codes and metric in ("recall", "specificity", "f1") and interval.low == interval.low:
            yield key, interval
