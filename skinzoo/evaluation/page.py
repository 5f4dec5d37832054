"""One HTML page that holds a whole report: no request, nothing beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from skinzoo import html
from skinzoo.evaluation import sections
from skinzoo.evaluation.attached import attached_section, in_order
from skinzoo.evaluation.figures import Picture
from skinzoo.evaluation.gallery import STYLE, masks_gallery, mistakes_gallery
from skinzoo.evaluation.summary import summary

if TYPE_CHECKING:
    from skinzoo.evaluation.report import Report

_WIDE = 8.0  # inches; a wider figure takes a whole row


def render_page(report: Report, pictures: Sequence[Picture]) -> str:
    """The page as HTML; every text from the data is escaped."""
    first: dict[str, Callable[[Report], str]] = {
        "Summary": summary,
        "What was scored": sections.scored,
        "Per class": sections.classes,
        "Malignant or benign": sections.malignancy,
        "Calibration and abstention": sections.calibration,
        "For whom": sections.subgroups,
        "Masks": sections.masks,
        "Mistakes": sections.mistakes,
    }
    examples = {"Masks": masks_gallery, "Mistakes": mistakes_gallery}
    parts = [
        (title, build(report) + _pictures(pictures, title) + examples.get(title, lambda _: "")(report))
        for title, build in first.items()
    ]
    for title in in_order(report.attachments):
        drawn = html.figures(*(_picture(p) for p in pictures if p.attached == title and not p.in_gallery))
        parts.append((title, attached_section(report.attachments[title], drawn)))
    parts.append(("Further figures", _pictures(pictures, "Further figures")))
    parts.append(("Undefined, and why", sections.undefined(report)))
    body = _told_apart([(title, inside) for title, inside in parts if inside])
    version = report.facts.get("skinzoo")
    return html.page(
        report.title,
        f"Evaluation report{f', skinzoo {version}' if version else ''}",
        [html.section(title, inside) for title, inside in body.items()],
        style=STYLE + sections.STYLE,
        contents=list(body),
    )


def _told_apart(parts: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Sections by title; one whose title is taken gets a number, so that links lead to the right one."""
    found: dict[str, str] = {}
    taken: set[str] = {"content"}
    for title, inside in parts:
        name, number = title, 2
        while html.anchor(name) in taken:
            name, number = f"{title} ({number})", number + 1
        taken.add(html.anchor(name))
        found[name] = inside
    return found


def _pictures(pictures: Sequence[Picture], section: str) -> str:
    return html.figures(*(_picture(p) for p in pictures if p.section == section and not p.in_gallery))


def _picture(picture: Picture) -> str:
    looks = {"chart": not picture.has_photographs, "wide": picture.figure.get_figwidth() > _WIDE}
    look = " ".join(name for name, holds in looks.items() if holds)
    kind = "svg+xml" if picture.encoded.format == "svg" else picture.encoded.format
    return html.figure(picture.title, picture.encoded.data, picture.caption, kind=kind, look=look, headed=True)
