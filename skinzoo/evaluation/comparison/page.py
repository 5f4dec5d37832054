"""One HTML page that holds a whole comparison: no request, nothing beside it."""

from __future__ import annotations

from html import escape

from skinzoo import html
from skinzoo.evaluation.comparison.result import (
    Comparison,
    Score,
    is_significant,
    p_text,
    signed_interval,
)
from skinzoo.evaluation.titles import short_title
from skinzoo.plotting.saving import figure_bytes


def render_comparison(comparison: Comparison) -> str:
    """The page as HTML; every text from the data is escaped."""
    alt = f"{', '.join(map(short_title, comparison.metrics))} of {', '.join(comparison.models)}"
    caption = f"Each model's figures with {comparison.level:.0%} intervals, the best model by the first metric on top."
    undefined = [
        f"{model}: {short_title(metric)}: {why}"
        for model, reasons in (comparison.undefined or {}).items()
        for metric, why in reasons.items()
    ]
    return html.page(
        f"Comparison of {len(comparison.models)} models",
        ", ".join(comparison.models),
        [
            html.section("What it says", html.card(html.bullets(comparison.notes))),
            html.section(
                "Models", html.card(_models(comparison)), html.figure(alt, figure_bytes(comparison.figure()), caption)
            ),
            html.section("Differences", html.card(_differences(comparison))),
            html.section("Undefined, and why", html.card(html.bullets(undefined), kind="notes")),
            html.section("How it was compared", html.card(html.facts(comparison.facts))),
        ],
        style="table { font-size: .9rem; } th, td { padding: .35rem .5rem; }",
    )


def _models(comparison: Comparison) -> str:
    rows = []
    for model in comparison.models:
        cells = [escape(model)]
        for metric in comparison.metrics:
            score = comparison.scores[model].get(metric)
            cells.append("" if score is None else _score(score))
        rows.append(cells)
    return html.table(["model", *map(short_title, comparison.metrics)], rows, sortable=True)


def _score(score: Score) -> str:
    return html.value(score.value, note="" if score.value != score.value else str(score.interval))


def _differences(comparison: Comparison) -> str:
    rows = []
    for d in comparison.differences:
        holds = is_significant(d, comparison.level)
        text = html.value(d.value, f"{d.value:+.3f}", signed_interval(d.interval)) if d.value == d.value else "n/a"
        adjusted = html.value(d.adjusted, f"{p_text(d.adjusted)}{' *' if holds else ''}")
        rows.append(
            [
                escape(short_title(d.metric)),
                escape(f"{d.model} - {d.other}"),
                f"<b>{text}</b>" if holds else text,
                html.value(d.p_value, p_text(d.p_value)),
                f"<b>{adjusted}</b>" if holds else adjusted,
                escape(d.test),
            ]
        )
    return html.table(["metric", "models", "difference", "p", "adjusted p", "test"], rows, sortable=True)
