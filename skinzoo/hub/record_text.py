"""A weights record as a card for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from skinzoo.html import DISCLAIMER

if TYPE_CHECKING:
    from skinzoo.hub.record import WeightsRecord
    from skinzoo.hub.record_schema import Figure

SYNTHETIC_WARNING = "WARNING: trained on drawn pictures: for trying things out, of no medical use."
TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "macro_auc": "macro AUC",
    "malignant/auc": "AUC, malignant",
    "malignant/sensitivity": "sensitivity, malignant",
    "malignant/specificity": "specificity, malignant",
    "ece": "calibration error",
    "dice": "Dice",
    "iou": "IoU",
}
_WIDTH, _INDENT = 79, 12
_USES = {"training": "trained on", "validation": "chosen by", "test": "scored on"}


def card(record: WeightsRecord) -> str:
    """Name, what it is, where it lies, what it is worth."""
    lines = [record.name, "=" * len(record.name), record.title]
    if record.synthetic:
        lines.append(SYNTHETIC_WARNING)
    lines.append("")
    for name, text in _facts(record):
        lines += _wrapped(name, text)
    for about, figures in _by_report(record.figures).items():
        lines += ["", *textwrap.wrap(about, _WIDTH), *_table(figures)]
    return "\n".join([*lines, "", DISCLAIMER])


def _facts(record: WeightsRecord) -> Iterator[tuple[str, str]]:
    classes = f": {', '.join(record.label_space)}" if record.label_space else ""
    where = "part of the installed package" if record.reference is None else f"hf-hub:{record.reference}"
    height, width = record.input_spec.size
    yield "task", f"{record.task}{classes}"
    yield "where", f"{where}, {record.size / 1e6:.1f} MB, {record.parameters:,} parameters in {record.dtype}"
    yield "input", f"{height} x {width} pixels"
    for part in record.data:
        yield _USES[part.role], str(part)
    yield "training", str(record.training)
    if record.temperature is not None:
        yield "calibrated", f"temperature {record.temperature:.3g}"
    if record.thresholds is not None:
        yield "thresholds", str(record.thresholds)
    yield "intended", record.intended_use
    for number, limit in enumerate(record.limits):
        yield "" if number else "limits", limit
    yield "licence", record.licence
    yield "cite", record.citation
    yield "date", record.date


def _wrapped(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"{name:<{_INDENT}}",
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _by_report(figures: Iterable[Figure]) -> dict[str, list[Figure]]:
    found: dict[str, list[Figure]] = {}
    for figure in figures:
        part = f", part {figure.part}" if figure.part else ""
        about = (
            f"{figure.collection}{part} ({figure.n:,} images; {figure.protocol}; {figure.level:.0%} intervals, "
            f"resampled by {figure.unit})"
        )
        found.setdefault(about, []).append(figure)
    return found


def _table(figures: list[Figure]) -> Iterator[str]:
    """A line for each figure of the whole, then one for each class with all of its figures."""
    whole = {TITLES[f.metric]: _cell(f) for f in figures if f.metric in TITLES}
    rest: dict[str, dict[str, str]] = {}
    for figure in figures:
        if figure.metric not in TITLES:
            code, _, metric = figure.metric.rpartition("/")
            rest.setdefault(code, {})[metric] = _short(figure)
    width = max(map(len, whole), default=0)
    for name, cell in whole.items():
        yield f"  {name:<{width}}  {cell}"
    metrics = list(dict.fromkeys(metric for cells in rest.values() for metric in cells))
    widths = [max(len(m), *(len(cells.get(m, "")) for cells in rest.values())) for m in metrics]
    if rest:
        width = max(map(len, rest))
        yield "".join([f"  {'':<{width}}", *(f"  {m:<{w}}" for m, w in zip(metrics, widths, strict=True))]).rstrip()
    for code, cells in rest.items():
        row = (f"  {cells.get(m, ''):<{w}}" for m, w in zip(metrics, widths, strict=True))
        yield "".join([f"  {code:<{width}}", *row]).rstrip()


def _cell(figure: Figure) -> str:
    value = "undefined" if figure.value is None else f"{figure.value:.3f}"
    return value if figure.low is None else f"{value} ({figure.interval})"


def _short(figure: Figure) -> str:
    """With two decimals, so that three figures of a class stand in a line."""
    if figure.value is None:
        return "undefined"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"
