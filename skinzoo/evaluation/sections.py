"""The sections of a report's page that every report can have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from skinzoo import html
from skinzoo.evaluation.text import COLUMNS, count_of, figure_of, most_confused, unit_of

if TYPE_CHECKING:
    from skinzoo.evaluation.report import Report
    from skinzoo.evaluation.subgroups.table import Estimate, SubgroupTable

STYLE = """
.trust h3 { margin-top: 0; }
.stacked td small { display: block; font-size: .78rem; }
.stacked th, .stacked td { padding-left: .5rem; padding-right: .5rem; }
.stacked td:first-child { white-space: normal; min-width: 6.5rem; }
@media (max-width: 480px) {
  .whole :is(th, td):nth-child(4) { display: none; }
  .whole td { white-space: normal; } }
.left :is(th, td):nth-child(2) { text-align: left; white-space: normal; }
.narrow { max-width: 760px; }
.narrow td:first-child { white-space: normal; }
.tint { display: block; margin: -.15rem -.3rem; padding: .15rem .3rem; border-radius: 4px; }
"""
MALIGNANT = {
    "auc": "AUC",
    "average_precision": "average precision",
    "pauc_80": "partial AUC above 80 % sensitivity (0 to 0.2)",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "positive predictive value",
    "npv": "negative predictive value",
    "sensitivity_at_90_specificity": "sensitivity at 90 % specificity",
    "sensitivity_at_95_specificity": "sensitivity at 95 % specificity",
    "specificity_at_90_sensitivity": "specificity at 90 % sensitivity",
    "specificity_at_95_sensitivity": "specificity at 95 % sensitivity",
}
CALIBRATION = {
    "ece": "expected calibration error, 15 equal bins",
    "ece_adaptive": "the same, bins of equal size",
    "classwise_ece": "class-wise calibration error",
    "brier": "Brier score (0 to 2)",
    "nll": "negative log-likelihood",
    "aurc": "area under the risk-coverage curve",
}
MASKS = {
    "dice": "Dice, mean per image",
    "iou": "IoU, mean per image",
    "thresholded_jaccard": "thresholded Jaccard (IoU below 0.65 counts 0)",
    "dice_pooled": "Dice over all pixels",
    "iou_pooled": "IoU over all pixels",
}
WHOLE = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "balanced_accuracy_strict": "balanced accuracy, ties are wrong",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "macro_auc": "macro AUC",
    "macro_average_precision": "macro average precision",
    "macro_specificity": "macro specificity",
    "kappa": "Cohen's kappa (-1 to 1)",
    "mcc": "Matthews correlation (-1 to 1)",
}
SUBGROUPS = {
    "balanced_accuracy": "balanced accuracy",
    "macro_auc": "macro AUC",
    "malignant/sensitivity": "sensitivity, malignant",
    "malignant/specificity": "specificity, malignant",
    "malignant/auc": "AUC, malignant",
    "ece": "ECE",
    "dice": "Dice",
}
_OTHER_SCALE = ("malignant/pauc_80", "brier", "nll", "kappa", "mcc")
_TOP_MISTAKES = 6


def scored(report: Report) -> str:
    """The facts."""
    return html.card(html.facts(report.facts)) if report.facts else ""


def classes(report: Report) -> str:
    """Figures of the whole, then a row for each class."""
    c = report.classification
    if c is None or report.label_space is None:
        return ""
    rows = []
    for code, scores in c.per_class.items():
        title = report.label_space.title(code)
        cells = [cell(report, f"{code}/{k}") for k in COLUMNS]
        support = html.value(scores["support"], f"{scores['support']:,.0f}")
        rows.append([escape(code if title == code else f"{code} · {title}"), support, *cells])
    about = "Each class against all others; intervals below the figures. A click on a heading sorts."
    table = html.card(html.table(["class", "images", *COLUMNS.values()], rows, sortable=True), kind="stacked")
    whole = html.heading("All classes together") + figures(report, WHOLE)
    return html.about(about) + table + _thresholds(report) + whole


def _thresholds(report: Report) -> str:
    """What the model's own threshold of each class does."""
    if not report.operating or report.label_space is None:
        return ""
    names = ("sensitivity", "specificity", "ppv", "npv")
    rows = []
    for code, found in report.operating.items():
        cells = [
            html.value(found.values[k], note="" if k in found.undefined else f"{low:.2f} to {high:.2f}")
            for k, (low, high) in ((k, found.intervals[k]) for k in names)
        ]
        rows.append([escape(report.label_space.title(code)), html.value(found.threshold), *cells])
    about = "Each class called where its probability reaches its threshold; intervals take the images for independent."
    header = ["class", "threshold", "sensitivity", "specificity", "PPV", "NPV"]
    table = html.card(html.table(header, rows, sortable=True), kind="stacked")
    return html.heading("At the model's own thresholds") + html.about(about) + table


def malignancy(report: Report) -> str:
    """The counts at the threshold, and the figures."""
    table = figures(report, {f"malignant/{k}": v for k, v in MALIGNANT.items()})
    space, p, labels = report.label_space, report.outcome.probabilities, report.outcome.labels
    if not table or space is None or p is None:
        return table
    members = [k for k, code in enumerate(space) if code in space.malignant]
    known = labels >= 0
    truth, called = np.isin(labels[known], members), p[known][:, members].sum(1) >= report.malignant_threshold
    rows = [
        [name, *(f"{int((kind & answer).sum()):,}" for answer in (called, ~called)), f"{int(kind.sum()):,}"]
        for name, kind in (("malignant", truth), ("benign", ~truth))
    ]
    codes = ", ".join(code for code in space if code in space.malignant)
    threshold = f"{report.malignant_threshold:.3g}"
    about = f"Malignant are {codes}: of their summed probability, {threshold} and more is called malignant."
    counts = html.table(["truth", "called malignant", "called benign", "images"], rows)
    return html.about(about) + html.card(counts, kind="narrow") + table


def calibration(report: Report) -> str:
    """The figures, and what abstention does."""
    table = figures(report, CALIBRATION)
    if not table:
        return ""
    about = "Lower is better for each of these. Perfect calibration: of the pictures told with 80 %, 80 % are right."
    return html.about(about) + table + html.paragraph(_abstention(report))


def _abstention(report: Report) -> str:
    points, p, labels = report.operating_points, report.outcome.probabilities, report.outcome.labels
    if points is None or points.abstain_below is None or p is None:
        return ""
    known = labels >= 0
    surest, right = p[known].max(1), p[known].argmax(1) == labels[known]
    answered = surest >= points.abstain_below
    n, total, wrong = int(answered.sum()), int(known.sum()), int((~right[answered]).sum())
    left = f"Below a highest probability of {points.abstain_below:.3g} the model abstains: "
    left += f"it leaves {total - n:,} of {total:,} images to a human"
    return f"{left}, and {wrong:,} of the {n:,} that it answers are wrong ({wrong / n:.1%})." if n else f"{left}."


def masks(report: Report) -> str:
    """The figures of the masks."""
    table = figures(report, MASKS)
    return html.about("Overlap of the predicted with the true mask: 1 is perfect, 0 is none.") + table if table else ""


def mistakes(report: Report) -> str:
    """Which class is most often taken for which."""
    c, space = report.classification, report.label_space
    if c is None or space is None:
        return ""
    totals, codes = c.confusion.sum(1), space.classes
    rows = [
        [
            escape(space.title(codes[i])),
            escape(space.title(codes[j])),
            f"{n:,} of {totals[i]:,}",
            f"{n / totals[i]:.0%}",
        ]
        for n, i, j in most_confused(c.confusion, _TOP_MISTAKES)
    ]
    if not rows:
        return html.paragraph("No picture was given a wrong class.")
    table = html.table(["truth", "taken for", "images", "share of the class"], rows)
    return html.about("The most frequent confusions.") + html.card(table, kind="narrow left")


def subgroups(report: Report) -> str:
    """A table for each metadata column, its gaps, and which groups cannot be judged."""
    found = report.subgroups
    if not len(found):
        return html.card(html.paragraph(f"No subgroups: {found.reason}."), kind="notes") if found.reason else ""
    parts = []
    for table in found:
        measured = [m for m in SUBGROUPS if any(m in s.figures for s in table)]
        counted = any(s.num_groups is not None for s in table)
        rows = [
            [
                escape(s.label),
                html.value(s.num_images, f"{s.num_images:,}"),
                *([html.value(_count(s.num_groups), "" if s.num_groups is None else f"{s.num_groups:,}")] * counted),
                *(_estimate(s.figures[m]) if m in s.figures else "" for m in measured),
            ]
            for s in table
        ]
        unit = unit_of(report) if unit_of(report) != "images" else "lesions or patients"
        header = ["group", "images", *([unit] * counted), *(SUBGROUPS[m] for m in measured)]
        parts.append(
            html.heading(table.heading)
            + html.card(html.table(header, rows, sortable=True), kind="stacked")
            + html.card(html.bullets([*_gaps(table, measured), *_reasons(table, measured)]), kind="notes")
        )
    about = (
        "Figures with 95 % intervals. A gap is the best group less the worst; an interval that begins at 0 means that "
        "they may well be equal."
    )
    skipped = [f"{column} was left out: {why}" for column, why in found.skipped.items()]
    return html.about(about) + "".join(parts) + html.card(html.bullets(skipped), kind="notes")


def undefined(report: Report) -> str:
    """Every figure that is NaN, by the reason."""
    return undefined_table(report.undefined)


def undefined_table(reasons: Mapping[str, str]) -> str:
    """A table of reasons with the figures that each holds for; nothing if there is none."""
    by: dict[str, list[str]] = {}
    for name, why in reasons.items():
        by.setdefault(why, []).append(name)
    rows = [[escape(", ".join(names)), escape(why)] for why, names in by.items()]
    table = html.table(["figure", "why it is undefined"], rows)
    return html.card(table.replace("<table>", '<table class="facts">'), kind="notes") if rows else ""


def figures(report: Report, names: Mapping[str, str]) -> str:
    """A table of figures of the whole, each with its interval and n."""
    rows = []
    for name, title in names.items():
        if name not in report.values:
            continue
        value, interval = report.values[name], report.intervals.get(name)
        known = interval is not None and interval.low == interval.low and value == value
        bar = html.interval_bar(value, *interval) if known and interval and name not in _OTHER_SCALE else ""
        span = str(interval) if known else "none" if value == value else report.undefined.get(name, "undefined")
        rows.append([escape(title), html.value(value), escape(span), bar, escape(count_of(report, name, short=True))])
    level = f"{report.resampling.level:.0%} interval"
    table = html.table(["figure", "value", level, "0 to 1", "n"], rows)
    return html.card(table, kind="whole") if rows else ""


def cell(report: Report, key: str) -> str:
    """A figure with its interval in small type."""
    value, interval = figure_of(report, key), report.intervals.get(key)
    known = interval is not None and interval.low == interval.low and value == value
    return html.value(value, note=f"{interval.low:.2f} to {interval.high:.2f}" if known and interval else "")


def _gaps(table: SubgroupTable, measured: Iterable[str]) -> Iterator[str]:
    for m in measured:
        if m in table.gaps and (gap := table.gaps[m]).value == gap.value:
            between = f"{gap.best} less {gap.worst}"
            yield f"{SUBGROUPS[m]}: {between} is {gap.value:.3f} ({gap.low:.3f} to {gap.high:.3f})"


def _reasons(table: SubgroupTable, measured: Iterable[str]) -> Iterator[str]:
    """Why a group has no figure: each reason once."""
    found: dict[str, list[str]] = {}
    for s in table:
        reasons: dict[str, list[str]] = {}
        nothing = all(e.value != e.value for e in s.figures.values())
        for m in measured:
            if m in s.figures and s.figures[m].reason:
                reasons.setdefault(s.figures[m].reason, []).append(SUBGROUPS[m])
        for why, names in reasons.items():
            found.setdefault(why if nothing else f"{', '.join(names)}: {why}", []).append(s.label)
            if nothing:  # the first reason says enough
                break
    yield from (f"{', '.join(labels)}: {why}" for why, labels in found.items())
    if table.note:
        yield table.note


def _count(number: int | None) -> float:
    return float("nan") if number is None else number


def _estimate(estimate: Estimate) -> str:
    low, high = estimate.low, estimate.high
    return html.value(estimate.value, note=f"{low:.2f} to {high:.2f}" if low == low else "")
