"""One HTML page that holds a whole report: no script, no request, nothing beside it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from skinzoo import html

if TYPE_CHECKING:
    from skinzoo.evaluation.report import Report


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its title and caption.

    Attributes:
        title: Shown above it.
        figure: A matplotlib figure.
        caption: One or two sentences.
    """

    title: str
    figure: Any
    caption: str = ""

    def png(self) -> bytes:
        """The figure as a PNG file's content."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=120)
        return buffer.getvalue()


def filenames(pictures: Sequence[Picture]) -> list[str]:
    """A file name for each picture: `confusion_matrix.png` for "Confusion matrix"; a second one gets a number."""
    names: list[str] = []
    for picture in pictures:
        stem = re.sub(r"[^a-z0-9]+", "_", picture.title.lower()).strip("_") or "figure"
        taken = sum(re.fullmatch(rf"{stem}(_\d+)?\.png", name) is not None for name in names)
        names.append(f"{stem}_{taken + 1}.png" if taken else f"{stem}.png")
    return names


def render_page(report: Report, pictures: Sequence[Picture]) -> str:
    """The page as HTML; every text from the data is escaped."""
    return html.page(
        report.title,
        "Evaluation report",
        [
            html.tiles({name: html.number(value) for name, value in report.headlines().items()}),
            html.section("What was scored", html.card(html.facts(report.facts))),
            html.section("Per class", _class_table(report)),
            html.section(
                "Undefined, and why",
                html.card(html.bullets(f"{k}: {v}" for k, v in report.undefined.items()), kind="notes"),
            ),
            *(html.section(p.title, html.figure(p.title, p.png(), p.caption)) for p in pictures),
        ],
    )


def _class_table(report: Report) -> str:
    c = report.classification
    if c is None or report.label_space is None:
        return ""
    names = {"precision": "precision", "recall": "recall (sensitivity)", "f1": "F1", "auc": "AUC"}
    rows = []
    for code, scores in c.per_class.items():
        title = report.label_space.title(code)
        cells = [html.number(scores[k]) + (html.bar(scores[k]) if k == "f1" else "") for k in names]
        rows.append([escape(code if title == code else f"{code} · {title}"), *cells, f"{scores['support']:.0f}"])
    for kind in ("macro", "weighted"):
        cells = [html.number(c.values[f"{kind}_{k}"]) if f"{kind}_{k}" in c.values else "" for k in names]
        rows.append([f"<b>{kind} mean</b>", *cells, f"{c.num_samples}"])
    return html.card(html.table(["class", *names.values(), "images"], rows))
