"""Metrics as a text table."""

from __future__ import annotations

from collections.abc import Mapping

from skinzoo.metrics.summary import ClassificationMetrics

# columns of the table; the other figures are in `ClassificationMetrics`
_HEADINGS = {"precision": "precision", "recall": "recall", "f1": "F1", "auc": "AUC"}
_OVERALL = {"accuracy": "accuracy", "balanced_accuracy": "balanced acc."}


def classification_report(metrics: ClassificationMetrics, titles: Mapping[str, str] | None = None) -> str:
    """A table with one row per class, the macro and weighted means, and every undefined metric with its reason.

    Args:
        metrics: What `classification_metrics` returned.
        titles: Readable names of the classes; a class that is absent is shown by its code.
    """
    names = {code: (titles or {}).get(code, code) for code in metrics.per_class}
    width = max(len(n) for n in (*names.values(), "weighted mean"))
    total = metrics.num_samples

    def row(name: str, scores: Mapping[str, float], support: float) -> str:
        cells = "".join(f"{_cell(scores.get(key)):>11}" for key in _HEADINGS)
        return f"{name:<{width}}{cells}{support:>10.0f}"

    heading = f"{'':<{width}}" + "".join(f"{_HEADINGS[key]:>11}" for key in _HEADINGS) + f"{'support':>10}"
    means = {
        f"{kind} mean": {key: metrics.values[f"{kind}_{key}"] for key in _HEADINGS if f"{kind}_{key}" in metrics.values}
        for kind in ("macro", "weighted")
    }
    lines = [heading, ""]
    lines += [row(names[code], scores, scores["support"]) for code, scores in metrics.per_class.items()]
    lines += ["", *(row(name, scores, total) for name, scores in means.items()), ""]
    lines += [f"{label:<{width}}{_cell(metrics.values[key]):>11}" for key, label in _OVERALL.items()]
    return "\n".join([*lines, *_notes(metrics, names)]) + "\n"


def _notes(metrics: ClassificationMetrics, names: Mapping[str, str]) -> list[str]:
    """Lines below the table: what the macro scores leave out, what is undefined and why, what was not counted."""
    notes = []
    for metric, codes in metrics.macro_classes.items():
        label = _HEADINGS.get(metric.removeprefix("macro_"))
        if label and 0 < len(codes) < len(names):
            without = ", ".join(name for code, name in names.items() if code not in codes)
            notes.append(f"macro {label}: mean over {len(codes)} of {len(names)} classes, without {without}")
    grouped: dict[tuple[str, str], list[str]] = {}
    for key, reason in metrics.undefined.items():
        code, _, metric = key.rpartition("/")
        shown = metric.removeprefix("macro_").removeprefix("weighted_") in {*_HEADINGS, *_OVERALL}
        if shown and (not code or code in names):  # figures of malignant against benign are not in the table
            grouped.setdefault((names.get(code, ""), reason), []).append(_HEADINGS.get(metric, metric))
    for (name, reason), undefined in grouped.items():
        notes.append(f"undefined: {', '.join(undefined)}{f' of {name}' if name else ''} ({reason})")
    if metrics.num_unlabelled:
        notes.append(f"left out: {metrics.num_unlabelled} images without a label")
    return ["", *notes] if notes else []


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return "n/a" if value != value else f"{value:.4f}"
