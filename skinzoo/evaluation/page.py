"""One HTML page that holds a whole report: no request, nothing beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from skinzoo import html
from skinzoo.evaluation.figures import Picture
from skinzoo.evaluation.text import COLUMNS, figure_of, interval_note

if TYPE_CHECKING:
    from skinzoo.evaluation.report import Report

_MALIGNANT = {
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
_CALIBRATION = {
    "ece": "expected calibration error, 15 equal bins",
    "ece_adaptive": "the same, bins of equal size",
    "classwise_ece": "class-wise calibration error",
    "brier": "Brier score (0 to 2)",
    "nll": "negative log-likelihood",
    "aurc": "area under the risk-coverage curve",
}
_MASKS = {
    "dice": "Dice, mean per image",
    "iou": "IoU, mean per image",
    "thresholded_jaccard": "thresholded Jaccard (IoU below 0.65 counts 0)",
    "dice_pooled": "Dice over all pixels",
    "iou_pooled": "IoU over all pixels",
}
_WHOLE = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "balanced_accuracy_strict": "balanced accuracy, ties are wrong",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "macro_auc": "macro AUC",
    "macro_average_precision": "macro average precision",
    "macro_specificity": "macro specificity",
    "kappa": "Cohen's kappa",
    "mcc": "Matthews correlation",
}


def render_page(report: Report, pictures: Sequence[Picture]) -> str:
    """The page as HTML; every text from the data is escaped."""
    sections: dict[str, Callable[[Report], str]] = {
        "What was scored": lambda r: html.card(html.facts(r.facts)),
        "Per class": _classes,
        "Malignant or benign": lambda r: _figures(r, {f"malignant/{k}": v for k, v in _MALIGNANT.items()}),
        "Calibration and abstention": lambda r: _figures(r, _CALIBRATION),
        "For whom": _subgroups,
        "Masks": lambda r: _figures(r, _MASKS),
        "Mistakes": lambda _: "",
        **{title: _attachment(title) for title in report.attachments},
        "Further figures": lambda _: "",
        "Undefined, and why": _undefined,
    }
    body = {title: build(report) + _pictures(pictures, title) for title, build in sections.items()}
    notes = {title: str(report.intervals[name]) for name, title in _headlines(report) if name in report.intervals}
    return html.page(
        report.title,
        "Evaluation report",
        [
            html.tiles({title: html.number(value) for title, value in report.headlines().items()}, notes),
            html.paragraph(f"{interval_note(report)}." if report.intervals else ""),
            *(html.section(title, inside) for title, inside in body.items()),
        ],
        contents=[title for title, inside in body.items() if inside],
    )


def _headlines(report: Report) -> Iterable[tuple[str, str]]:
    from skinzoo.evaluation.report import HEADLINES

    return ((name, title) for name, title in HEADLINES.items() if name in report.values)


def _pictures(pictures: Sequence[Picture], section: str) -> str:
    shown = []
    for picture in pictures:
        if picture.section == section:
            kind = "svg+xml" if picture.encoded.format == "svg" else picture.encoded.format
            shown.append(html.heading(picture.title))
            shown.append(html.figure(picture.title, picture.encoded.data, picture.caption, kind=kind))
    return "".join(shown)


def _cell(report: Report, key: str, *, with_bar: bool = False) -> str:
    value, interval = figure_of(report, key), report.intervals.get(key)
    known = interval is not None and interval.low == interval.low and value == value
    note = f"{interval.low:.2f} to {interval.high:.2f}" if known and interval is not None else ""
    return html.value(value, note=note) + (html.bar(value) if with_bar else "")


def _classes(report: Report) -> str:
    c = report.classification
    if c is None or report.label_space is None:
        return ""
    rows = []
    for code, scores in c.per_class.items():
        title = report.label_space.title(code)
        cells = [_cell(report, f"{code}/{k}", with_bar=k == "f1") for k in COLUMNS]
        support = html.value(scores["support"], f"{scores['support']:.0f}")
        rows.append([escape(code if title == code else f"{code} · {title}"), *cells, support])
    table = html.card(html.table(["class", *COLUMNS.values(), "images"], rows, sortable=True))
    return _figures(report, _WHOLE) + table


def _figures(report: Report, names: dict[str, str]) -> str:
    rows = [
        [escape(title), html.value(report.values[name]), _span(report, name)]
        for name, title in names.items()
        if name in report.values
    ]
    return html.card(html.table(["figure", "value", "interval"], rows)) if rows else ""


def _span(report: Report, name: str) -> str:
    interval = report.intervals.get(name)
    return escape(str(interval)) if interval is not None else ""


def _subgroups(report: Report) -> str:
    found = report.subgroups
    if not len(found):
        return html.card(html.paragraph(f"No subgroups: {found.reason}."), kind="notes") if found.reason else ""
    parts = []
    for table in found:
        measured = [m for m in _SHOWN if any(m in s.figures for s in table)]
        rows = [
            [
                escape(s.label),
                html.value(s.num_images, f"{s.num_images:,}"),
                html.value(_count(s.num_groups), "" if s.num_groups is None else f"{s.num_groups:,}"),
                *(_estimate(s.figures[m]) for m in measured),
            ]
            for s in table
        ]
        header = ["group", "images", "lesions or patients", *(_SHOWN[m] for m in measured)]
        gaps = [
            f"{_SHOWN[m]}: {table.gaps[m].best} less {table.gaps[m].worst} is {table.gaps[m].value:.3f} "
            f"({table.gaps[m].low:.3f} to {table.gaps[m].high:.3f})"
            for m in measured
            if m in table.gaps and table.gaps[m].value == table.gaps[m].value
        ]
        parts.append(
            html.heading(table.heading)
            + html.card(html.table(header, rows, sortable=True))
            + html.card(html.bullets([*gaps, *([table.note] if table.note else [])]), kind="notes")
        )
    skipped = [f"{column} was left out: {why}" for column, why in found.skipped.items()]
    return "".join(parts) + html.card(html.bullets(skipped), kind="notes")


_SHOWN = {
    "balanced_accuracy": "balanced accuracy",
    "macro_auc": "macro AUC",
    "malignant/sensitivity": "sensitivity, malignant",
    "malignant/specificity": "specificity, malignant",
    "malignant/auc": "AUC, malignant",
    "ece": "ECE",
    "dice": "Dice",
}


def _count(number: int | None) -> float:
    return float("nan") if number is None else number


def _estimate(estimate: object) -> str:
    value, low, high, reason = (getattr(estimate, name) for name in ("value", "low", "high", "reason"))
    note = f"{low:.2f} to {high:.2f}" if low == low else reason if value != value else ""
    return html.value(value, note=note)


def _attachment(title: str) -> Callable[[Report], str]:
    return lambda report: html.card(f"<pre>{escape(str(report.attachments[title]))}</pre>")


def _undefined(report: Report) -> str:
    return html.card(html.bullets(f"{k}: {v}" for k, v in report.undefined.items()), kind="notes")
