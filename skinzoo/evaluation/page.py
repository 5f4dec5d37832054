"""One HTML page that holds a whole report: no script, no request, nothing beside it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

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


_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6875; --line: #dde3e9; --back: #f6f8fa; --card: #fff;
  --mark: #0b7285; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf0; --soft: #9aa7b4; --line: #33404d; --back: #141a21; --card: #1c242d; --mark: #4dc4d8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
.lead, .notes, footer { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: .75rem; margin: 1.5rem 0; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1.1rem; }
.tile b { display: block; font-size: 1.75rem; font-weight: 600; color: var(--mark); }
.tile span { font-size: .875rem; color: var(--soft); }
.card { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .75rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tr:last-child td { border-bottom: 0; }
th { font-weight: 600; color: var(--soft); font-size: .875rem; }
.facts td { text-align: left; white-space: normal; }
.facts td:first-child { color: var(--soft); width: 14rem; }
.bar { display: inline-block; width: 64px; height: 6px; border-radius: 3px; background: var(--line);
  margin-left: .6rem; vertical-align: middle; }
.bar i { display: block; height: 100%; border-radius: 3px; background: var(--mark); }
figure { margin: 0; background: #fff; border: 1px solid var(--line); border-radius: 10px; padding: 1rem;
  text-align: center; }
figure img { max-width: 100%; height: auto; }
figcaption { padding: .5rem 0 0; color: #5b6875; font-size: .9rem; }
footer { margin-top: 3rem; font-size: .875rem; border-top: 1px solid var(--line); padding-top: 1rem; }
"""


def render_page(report: Report, pictures: Sequence[Picture]) -> str:
    """The page as HTML; every text from the data is escaped."""
    tiles = "".join(
        f'<div class="tile"><b>{_number(value)}</b><span>{escape(name)}</span></div>'
        for name, value in report.headlines().items()
    )
    facts = "".join(f"<tr><td>{escape(str(k))}</td><td>{escape(_fact(v))}</td></tr>" for k, v in report.facts.items())
    sections = [
        f'<h2>What was scored</h2><div class="card"><table class="facts">{facts}</table></div>',
        _class_table(report),
        _undefined(report),
        *(_figure(picture) for picture in pictures),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{escape(report.title)}</h1><p class="lead">Evaluation report</p>'
        f'<div class="tiles">{tiles}</div>{"".join(sections)}'
        "<footer>Made with skinzoo. For research; not a medical device.</footer></main></body></html>\n"
    )


def _class_table(report: Report) -> str:
    c = report.classification
    if c is None or report.label_space is None:
        return ""
    names = {"precision": "precision", "recall": "recall (sensitivity)", "f1": "F1", "auc": "AUC"}
    head = "".join(f"<th>{escape(n)}</th>" for n in ("class", *names.values(), "images"))
    rows = []
    for code, scores in c.per_class.items():
        title = report.label_space.title(code)
        label = code if title == code else f"{code} · {title}"
        cells = "".join(f"<td>{_number(scores[k])}{_bar(scores[k]) if k == 'f1' else ''}</td>" for k in names)
        rows.append(f"<tr><td>{escape(label)}</td>{cells}<td>{scores['support']:.0f}</td></tr>")
    for kind in ("macro", "weighted"):
        cells = "".join(
            f"<td>{_number(c.values[f'{kind}_{k}']) if f'{kind}_{k}' in c.values else ''}</td>" for k in names
        )
        rows.append(f"<tr><td><b>{kind} mean</b></td>{cells}<td>{c.num_samples}</td></tr>")
    return f'<h2>Per class</h2><div class="card"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _undefined(report: Report) -> str:
    if not report.undefined:
        return ""
    items = "".join(f"<li>{escape(k)}: {escape(v)}</li>" for k, v in report.undefined.items())
    return f'<h2>Undefined, and why</h2><div class="card notes"><ul>{items}</ul></div>'


def _figure(picture: Picture) -> str:
    data = base64.b64encode(picture.png()).decode()
    title, caption = escape(picture.title), escape(picture.caption)
    return (
        f'<h2>{title}</h2><figure><img alt="{title}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _bar(value: float) -> str:
    return f'<span class="bar"><i style="width:{value:.0%}"></i></span>' if value == value else ""


def _fact(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)


def _number(value: float) -> str:
    return "n/a" if value != value else f"{value:.3f}"
