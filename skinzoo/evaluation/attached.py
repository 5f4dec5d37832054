"""Sections of a report's page for what is attached to it: heatmaps judged, robustness, anything that prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from skinzoo import html
from skinzoo.evaluation.sections import undefined_table
from skinzoo.evaluation.titles import short_title
from skinzoo.metrics import Interval

if TYPE_CHECKING:
    from skinzoo.evaluation.robustness import RobustnessReport
    from skinzoo.explain import Faithfulness

_JUDGED = (
    ("highest point lies on the lesion", "pointing_game", "mask_share", "pointing_gain"),
    ("share of the heat on the lesion", "energy_inside", "mask_share", "energy_gain"),
    ("deletion area, low is good", "deletion", "deletion_control", "deletion_gain"),
    ("insertion area, high is good", "insertion", "insertion_control", "insertion_gain"),
)
"""What is measured, its figure, that of chance, and how much better the map is."""
_RANDOM = {
    "random_spearman": "rank correlation with the map of random weights",
    "random_intersection": "intersection with the map of random weights",
}
_METHODS = {"grad_cam": "Grad-CAM", "saliency": "Saliency", "integrated_gradients": "Integrated gradients"}
_FULL_TINT = 0.3  # a drop of this size, or a larger one, has the full colour


def is_faithfulness(result: object) -> bool:
    """Whether this is what `skinzoo.explain.faithfulness` gives."""
    from skinzoo.explain import Faithfulness

    return isinstance(result, Faithfulness)


def is_robustness(result: object) -> bool:
    """Whether this is what `skinzoo.evaluation.evaluate_robustness` gives."""
    from skinzoo.evaluation.robustness import RobustnessReport

    return isinstance(result, RobustnessReport)


def in_order(attachments: Mapping[str, Any]) -> list[str]:
    """Titles of attachments as the page shows them: heatmaps, robustness, then the others as they were attached."""
    rank = {title: 0 if is_faithfulness(r) else 1 if is_robustness(r) else 2 for title, r in attachments.items()}
    return sorted(attachments, key=lambda title: rank[title])


def attached_section(result: Any, drawn: str = "") -> str:
    """The section of one attachment.

    Args:
        result: What was attached.
        drawn: Its figures, as a fragment.
    """
    if is_faithfulness(result):
        return _faithfulness(result, drawn)
    if is_robustness(result):
        return _robustness(result, drawn)
    return html.card(f"<pre>{escape(str(result))}</pre>") + drawn


def _faithfulness(found: Faithfulness, drawn: str) -> str:
    clusters = len(set(found.groups.tolist()))
    rows = [
        [title, *(_mean(found, name) for name in names), f"{_defined(found, names[-1]):,}"]
        for title, *names in _JUDGED
        if names[-1] in found.values
    ]
    random = [
        [title, _mean(found, name), f"{_defined(found, name):,}"]
        for name, title in _RANDOM.items()
        if name in found.values
    ]
    about = (
        f"{_METHODS.get(found.method, found.method)} on {len(found.ids):,} pictures of {clusters:,} lesions or "
        "patients. Chance is the lesion's share of the picture, or the same map moved elsewhere. A gain whose interval "
        "lies above 0 is better than chance."
    )
    notes = [f"Maps that are zero everywhere: {found.zero_maps:,}."] if found.zero_maps else []
    notes += [f"Pictures that could not be read: {len(found.failed):,}."] if found.failed else []
    header = ["does the map lie on the lesion, does the model follow it", "measured", "chance", "gain", "n"]
    unlike = (
        "A map that shows what the model has learnt is unlike that of the same model with random weights: low is good."
    )
    return (
        html.about(about)
        + (html.card(html.table(header, rows), kind="stacked") if rows else "")
        + (html.about(unlike) if random else "")
        + (html.card(html.table(["likeness", "measured", "n"], random), kind="stacked narrow") if random else "")
        + drawn
        + html.card(html.bullets(notes), kind="notes")
        + undefined_table(found.undefined)
    )


def _mean(found: Faithfulness, name: str) -> str:
    return html.value(found.values[name], note=_span(found.intervals[name]))


def _defined(found: Faithfulness, name: str) -> int:
    column = found.table[name]
    return int((column == column).sum())


def _robustness(found: RobustnessReport, drawn: str) -> str:
    facts = found.facts
    about = (
        f"{len(found.lines)} corruptions at strength {', '.join(map(str, found.strengths))} of 5; "
        f"images: {facts.get('images', 'not told')}. A drop is the figure on pictures as they are less the one under "
        "corruption, on the same lesions; kept is their ratio."
    )
    rows = []
    for m in found.metrics:
        worst = max(found.lines, key=lambda line: line.drops[m] if line.drops[m] == line.drops[m] else -9.0)
        rows.append(
            [
                escape(short_title(m)),
                html.value(found.clean[m], note=_span(found.clean_intervals[m])),
                html.value(found.overall.values[m]),
                _percent(found.overall.relative[m]),
                html.value(found.overall.drops[m], note=_span(found.overall.intervals[m])),
                html.value(worst.drops[m], note=_name(worst.corruption)),
            ]
        )
    header = ["figure", "as they are", "mean under corruption", "kept", "drop", "largest drop"]
    tables = [(short_title(m), _table(found, m)) for m in found.metrics]
    first, *others = tables
    return (
        html.about(about)
        + html.card(html.table(header, rows), kind="stacked")
        + html.heading(f"{first[0]} under each corruption")
        + first[1]
        + "".join(html.details(f"{title} under each corruption", table) for title, table in others)
        + drawn
        + html.details("How it was measured", html.card(html.facts(facts)))
        + undefined_table(found.undefined)
    )


def _table(found: RobustnessReport, metric: str) -> str:
    clean = found.clean[metric]
    rows = []
    for line, values in zip(found.lines, found.table(metric).tolist(), strict=True):
        drop = html.value(line.drops[metric], note=_span(line.intervals[metric]))
        cells = [_tinted(value, clean - value) for value in values]
        mean = html.value(line.values[metric])
        rows.append(
            [escape(_name(line.corruption)), escape(line.family), *cells, mean, _percent(line.relative[metric]), drop]
        )
    strengths = [f"strength {s}" for s in found.strengths]
    header = ["corruption", "family", *strengths, "mean", "kept", "drop of the mean"]
    return html.card(html.table(header, rows, sortable=True), kind="stacked")


def _tinted(value: float, drop: float) -> str:
    share = min(max(drop, 0.0) / _FULL_TINT, 1.0) if drop == drop else 0.0
    return f'<span class="tint" style="background:rgba(217,119,6,{0.45 * share:.2f})">{html.value(value)}</span>'


def _percent(share: float) -> str:
    return html.value(share, "n/a" if share != share else f"{share:.1%}")


def _span(interval: Interval | Iterable[float]) -> str:
    low, high = interval
    return f"{low:.3f} to {high:.3f}".replace("-0.000", "0.000") if low == low else ""


def _name(corruption: str) -> str:
    return corruption.replace("_", " ")
