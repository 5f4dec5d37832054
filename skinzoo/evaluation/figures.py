"""The pictures of a report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from skinzoo.metrics import precision_recall_curves_ovr, roc_curve, roc_curves_ovr
from skinzoo.metrics.calibration import reliability_curve
from skinzoo.metrics.operating import decision_curve

if TYPE_CHECKING:
    from skinzoo.evaluation.report import Example, Report
    from skinzoo.plotting import EncodedFigure

MANY = 12
"""Above this number of classes, curves of each are not drawn."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its title and caption.

    Attributes:
        title: Shown above it.
        figure: A matplotlib figure.
        caption: One or two sentences.
        section: Of the page where it is shown.
    """

    title: str
    figure: Any
    caption: str = ""
    section: str = "Further figures"

    @cached_property
    def encoded(self) -> EncodedFigure:
        """For the page: SVG where that is small, else PNG."""
        from skinzoo.plotting import encoded_figure

        return encoded_figure(self.figure)


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
    figure = plotting.confusion_matrix_heatmap(c.confusion, titles)
    yield Picture("Confusion matrix", figure, "Rows are the true class; colour is the share of the row.", where)
    labelled = o.labels >= 0
    truth, scores = o.labels[labelled], o.probabilities[labelled]
    if len(space) <= MANY:
        figure = plotting.per_class_bars(
            {space.title(code): row for code, row in c.per_class.items()},
            ("recall", "specificity", "f1"),
            intervals={f"{space.title(k.split('/')[0])}/{k.split('/')[1]}": v for k, v in _class_intervals(report)},
        )
        yield Picture("Scores of each class", figure, "With intervals where they can be told.", where)
        if curves := roc_curves_ovr(truth, scores, space.classes):
            areas = {code: (c.per_class[code]["auc"], *report.intervals[f"{code}/auc"]) for code in curves}
            figure = plotting.roc_curves(curves, areas=areas)
            yield Picture("ROC curves", figure, "Each class against all others; areas with intervals.", where)
            precision = precision_recall_curves_ovr(truth, scores, space.classes)
            figure = plotting.precision_recall_curves(
                precision,
                areas={
                    k: (c.per_class[k]["average_precision"], *report.intervals[f"{k}/average_precision"])
                    for k in precision
                },
                prevalence={k: float((truth == space.classes.index(k)).mean()) for k in precision},
            )
            caption = "Each class against all others; dotted: what chance gives, the share of the class."
            yield Picture("Precision and recall", figure, caption, where)
    if c.binary:
        yield from _of_malignancy(report, truth, scores)


def _of_malignancy(report: Report, truth: Any, scores: Any) -> Iterator[Picture]:
    from skinzoo import plotting

    assert report.label_space is not None
    space, where = report.label_space, "Malignant or benign"
    members = [k for k, code in enumerate(space) if code in space.malignant]
    positive, score = np.isin(truth, members), np.clip(scores[:, members].sum(1), 0, 1)
    if positive.any() and not positive.all():
        area = (report["malignant/auc"], *report.intervals["malignant/auc"])
        figure = plotting.roc_curves(
            {"malignant": roc_curve(positive, score)},
            areas={"malignant": area},
            operating_points={"malignant": report.malignant_threshold},
        )
        yield Picture("ROC curve of malignancy", figure, "The dot is the operating point.", where)
        prevalence = float(positive.mean())
        figure = plotting.decision_curves(
            {"model": decision_curve(positive, score)}, prevalence=prevalence, threshold=report.malignant_threshold
        )
        caption = "Net benefit of excising what the model calls malignant, against excising all or none."
        yield Picture("Decision curve", figure, caption, where)
    names = {space.title(code): score[truth == k] for k, code in enumerate(space)}
    if len(space) <= MANY:
        malignant = [space.title(code) for code in space if code in space.malignant]
        figure = plotting.score_distributions(names, positive=malignant, threshold=report.malignant_threshold)
        caption = "Summed probability of the malignant classes, by true class; the line is the operating point."
        yield Picture("Malignancy by true class", figure, caption, where)


def _of_calibration(report: Report) -> Iterator[Picture]:
    from skinzoo import plotting

    o = report.outcome
    if report.risk_coverage is None or o.probabilities is None:
        return
    where = "Calibration and abstention"
    figure = plotting.reliability_diagram(reliability_curve(o.labels, o.probabilities))
    caption = "How often the predicted class was right, against how sure the model was."
    yield Picture("Reliability", figure, caption, where)
    points = report.operating_points
    below = None if points is None or points.abstain_below is None else {"model": points.abstain_below}
    figure = plotting.risk_coverage_curves({"model": report.risk_coverage}, abstain_below=below)
    caption = "Error rate when only the surest pictures are answered and the others are left to a human."
    yield Picture("Risk and coverage", figure, caption, where)


def _of_subgroups(report: Report) -> Iterator[Picture]:
    from skinzoo import plotting

    for metric in ("malignant/auc", "malignant/sensitivity", "balanced_accuracy", "dice"):
        title = _TITLES[metric]
        if metric not in report.values or not len(report.subgroups):
            continue
        rows = report.subgroups.forest(metric)
        if any(row[2] == row[2] for row in rows):
            figure = plotting.forest_plot(rows, reference=report[metric], value_label=title)
            caption = "With intervals; the dashed line is the figure of all images; grey groups are too small to judge."
            yield Picture(f"Subgroups: {title}", figure, caption, "For whom")


_TITLES = {
    "malignant/auc": "AUC of malignancy",
    "malignant/sensitivity": "sensitivity for malignant",
    "balanced_accuracy": "balanced accuracy",
    "dice": "Dice",
}


def _of_masks(report: Report) -> Iterator[Picture]:
    from skinzoo import plotting

    if (s := report.segmentation) is None:
        return
    where = "Masks"
    figure = plotting.dice_histogram(s.per_image.dice, iou=s.per_image.iou)
    yield Picture("Dice of each image", figure, "", where)
    chosen = [(e, e.truth, e.predicted) for e in report.examples if e.kind == "range"]
    panels = [(e, t, p) for e, t, p in chosen if t is not None and p is not None]
    if panels:
        figure = plotting.segmentation_panels(
            [e.image for e, _, _ in panels],
            [t for _, t, _ in panels],
            [p for _, _, p in panels],
            titles=[f"{e.id}\n{e.remark}" if e.remark else e.id for e, _, _ in panels],
        )
        caption = "From the best to the worst Dice, evenly over the ranks. Green: truth; magenta: prediction."
        yield Picture("Segmentation panels", figure, caption, where)


def _of_examples(report: Report) -> Iterator[Picture]:
    from skinzoo import plotting

    mistakes = [e for e in report.examples if e.kind == "mistake"]
    if mistakes and report.label_space is not None:
        figure = plotting.mistakes_grid(
            [e.image for e in mistakes],
            [_verdict(report, e) for e in mistakes],
            [e.heatmap for e in mistakes] if any(e.heatmap is not None for e in mistakes) else None,
        )
        caption = "The wrong predictions with the highest probability, and what spoke for them (Grad-CAM)."
        yield Picture("Confident mistakes", figure, caption, "Mistakes")


def _of_attachments(report: Report) -> Iterator[Picture]:
    for title, result in report.attachments.items():
        if callable(getattr(result, "figure", None)):
            yield Picture(title, result.figure(), "", title)


def _verdict(report: Report, example: Example) -> str:
    assert report.label_space is not None
    assert example.probabilities is not None
    assert example.label is not None
    best = int(example.probabilities.argmax())
    codes = report.label_space.classes
    return f"{example.id}\n{codes[example.label]}, predicted {codes[best]} ({example.probabilities[best]:.0%})"


def _class_intervals(report: Report) -> Iterator[tuple[str, Any]]:
    codes = set(report.label_space or ())
    for key, interval in report.intervals.items():
        code, _, metric = key.partition("/")
        if code in codes and metric in ("recall", "specificity", "f1") and interval.low == interval.low:
            yield key, interval
