"""The figures of a card: each comes from a report, with its interval and what it was counted on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from skinzoo.evaluation import Report
from skinzoo.evaluation.sections import CALIBRATION, MALIGNANT, MASKS, SUBGROUPS, WHOLE
from skinzoo.evaluation.text import count_of, figure_of, interval_note, malignant_and_benign, most_confused
from skinzoo.publishing.attachments import described, value_cell
from skinzoo.publishing.markdown import inline, table
from skinzoo.publishing.reports import ExternalTest
from skinzoo.taxonomy import LabelSpace

PER_CLASS = {"recall": "sensitivity", "specificity": "specificity", "precision": "PPV", "auc": "AUC"}
"""The figures of a class in a card, each with its heading."""
_CONFUSIONS, _SMALL = 8, 20


def whole(report: Report) -> str:
    """Figures over all classes, and of the masks, with their intervals."""
    names = {**_only(WHOLE, report), **_only(MASKS, report)}
    return f"{_figures(report, names)}\n\n{inline(interval_note(report))}."


def per_class(report: Report) -> str:
    """Each class against all others; nothing for a model without classes."""
    c, space = report.classification, report.label_space
    if c is None or space is None:
        return ""
    rows = []
    for code, scores in c.per_class.items():
        cells = [_cell(report, f"{code}/{name}") for name in PER_CLASS]
        rows.append([_class(space, code), f"{scores['support']:,.0f}", *cells])
    small = [code for code, scores in c.per_class.items() if scores["support"] < _SMALL]
    said = (
        f"\n\nFewer than {_SMALL} images, so that the figures say little: {inline(', '.join(small))}." if small else ""
    )
    return table(["class", "images", *PER_CLASS.values()], rows, numbers=1 + len(PER_CLASS)) + said


def malignancy(report: Report) -> str:
    """Malignant against benign, at the model's threshold; nothing where no class is malignant."""
    names = {f"malignant/{name}": title for name, title in MALIGNANT.items()}
    space = report.label_space
    if space is None or not (known := _only(names, report)):
        return ""
    codes = ", ".join(code for code in space if code in space.malignant)
    positive, negative = malignant_and_benign(report)
    said = (
        f"Malignant are {inline(codes)}. A picture is called malignant where their summed probability is "
        f"{report.malignant_threshold:.3g} or more. {positive:,} images are malignant, {negative:,} benign."
    )
    return f"{said}\n\n{_figures(report, known)}"


def thresholds(report: Report) -> str:
    """How the thresholds were chosen, and what those of single classes do."""
    points, space = report.operating_points, report.label_space
    if report.classification is None or space is None:
        return "" if report.segmentation is None else "A pixel belongs to the lesion from a probability of 0.5 on."
    if points is None:
        binary = " and malignant from a summed probability of 0.5 on" if report.classification.binary else ""
        return f"No thresholds were chosen: the class is the most probable one{binary}."
    chosen = [inline(text) for text in (points.rule, points.source and f"on {points.source}") if text]
    parts = [
        f"Thresholds were chosen by: {', '.join(chosen)}." if chosen else "Nobody says how thresholds were chosen."
    ]
    if points.malignant is not None:
        parts.append(f"Malignant from a summed probability of {points.malignant:.6g} on.")
    if points.abstain_below is not None:
        parts.append(f"Below a highest probability of {points.abstain_below:.6g} the picture is left to a human.")
    text = " ".join(parts)
    rows = [
        [
            _class(space, code),
            f"{found.threshold:.6g}",
            *(value_cell(found.values[k], found.intervals[k]) for k in ("sensitivity", "specificity", "ppv", "npv")),
        ]
        for code, found in report.operating.items()
    ]
    header = ["class", "threshold", "sensitivity", "specificity", "PPV", "NPV"]
    return f"{text}\n\n{table(header, rows, numbers=5)}" if rows else text


def calibration(report: Report) -> str:
    """Whether probabilities mean what they say; nothing without classes."""
    names = _only(CALIBRATION, report)
    if not names:
        return ""
    said = inline(str(report.facts.get("probabilities", "softmax")))
    return f"Probabilities: {said}. Lower is better for each figure.\n\n{_figures(report, names)}"


def subgroups(report: Report) -> str:
    """A table for each column of metadata, and how far its groups lie apart."""
    found = report.subgroups
    parts = []
    for column in found:
        measured = [name for name in SUBGROUPS if any(name in s.figures for s in column)]
        rows = [
            [
                inline(s.label),
                f"{s.num_images:,}",
                *(value_cell(s.figures[m].value, s.figures[m][1:3]) if m in s.figures else "" for m in measured),
            ]
            for s in column
        ]
        header = ["group", "images", *(SUBGROUPS[m] for m in measured)]
        gaps = [
            f"- {inline(SUBGROUPS[m])}: {inline(gap.best)} less {inline(gap.worst)} is "
            f"{gap.value:.3f} ({gap.low:.3f} to {gap.high:.3f})"
            for m in measured
            if m in column.gaps and (gap := column.gaps[m]).value == gap.value
        ]
        notes = [inline(column.note)] if column.note else []
        body = [f"**{inline(column.heading)}**", table(header, rows, numbers=len(header) - 1), "\n".join(gaps), *notes]
        parts += [part for part in body if part]
    if not parts:
        return f"No subgroups can be told apart: {inline(found.reason or 'no metadata')}."
    skipped = [f"- {inline(name)} was left out: {inline(why)}" for name, why in found.skipped.items()]
    least = found.options.get("min_size", 30)
    about = f"Groups of fewer than {least} images are not judged. A gap whose interval begins at 0 may well be none."
    return "\n\n".join([about, *parts, *(["\n".join(skipped)] if skipped else [])])


def confusions(report: Report) -> str:
    """Which class is most often taken for which, and how poor the worst masks are."""
    c, space, s = report.classification, report.label_space, report.segmentation
    parts = []
    if c is not None and space is not None:
        totals, codes = c.confusion.sum(1), space.classes
        rows = [
            [_class(space, codes[i]), _class(space, codes[j]), f"{n:,} of {totals[i]:,}", f"{n / totals[i]:.0%}"]
            for n, i, j in most_confused(c.confusion, _CONFUSIONS)
        ]
        header = ["truth", "taken for", "images", "share of the class"]
        parts.append(table(header, rows, numbers=2) if rows else "No picture was given a wrong class.")
    if s is not None and len(dice := s.per_image.dice):
        low, missed = int((dice < 0.5).sum()), int((dice == 0).sum())
        parts.append(
            f"Of {len(dice):,} masks, {low:,} have a Dice below 0.5, and {missed:,} of 0. The worst has "
            f"{dice.min():.3f}."
        )
    return "\n\n".join(parts)


def external(tests: Sequence[ExternalTest], report: Report) -> str:
    """The same figures on other collections."""
    titles = {**SUBGROUPS, "iou": "IoU"}
    names = [name for name in titles if any(name in test.values for test in tests)]
    here = [f"{inline(str(report.facts.get('collection', 'the test above')))} (above)", f"{len(report.outcome.ids):,}"]
    rows = [[*here, *(_cell(report, name) if name in report.values else "" for name in names)]]
    for test in tests:
        cells = [value_cell(test.values[n], test.intervals.get(n)) if n in test.values else "" for n in names]
        rows.append([inline(test.name), f"{test.images:,}", *cells])
    made = [table(["collection", "images", *(titles[n] for n in names)], rows, numbers=1 + len(names))]
    notes = [f"- {inline(test.name)}: {inline(note)}" for test in tests for note in test.notes]
    return "\n\n".join([*made, *(["\n".join(notes)] if notes else [])])


def attached(report: Report) -> Iterator[tuple[str, str]]:
    """Title and text of what is attached to a report and can be told in a card."""
    for title, result in report.attachments.items():
        if text := described(result.to_dict()):
            yield title, text


def _figures(report: Report, names: Mapping[str, str]) -> str:
    rows = []
    for name, title in names.items():
        value, interval = report.values[name], report.intervals.get(name)
        known = interval is not None and interval.low == interval.low and value == value
        span = str(interval) if known else "" if value == value else inline(report.undefined.get(name, "undefined"))
        number = f"{value:.3f}" if value == value else "undefined"
        rows.append([inline(title), number, span, inline(count_of(report, name, short=True))])
    return table(["figure", "value", f"{report.resampling.level:.0%} interval", "counted on"], rows, numbers=3)


def _only(names: Mapping[str, str], report: Report) -> dict[str, str]:
    return {name: title for name, title in names.items() if name in report.values}


def _class(space: LabelSpace, code: str) -> str:
    title = space.title(code)
    return inline(code) if title == code else f"{inline(code)}, {inline(title)}"


def _cell(report: Report, key: str) -> str:
    return value_cell(figure_of(report, key), report.intervals.get(key))
