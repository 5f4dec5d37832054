"""The frame of self-contained HTML pages: no request, nothing beside them, no script but the one that sorts tables.

A fragment is HTML already; every other text is escaped here. A content security policy forbids the browser every
request and every script that is not the page's own.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Literal

Tone = Literal["good", "warn", "bad"]

DISCLAIMER = "Research use, not a medical device."
"""What every output for people says."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6875; --line: #dde3e9; --back: #f6f8fa; --card: #fff;
  --mark: #0b7285; --good: #2b7a3f; --bad: #c0392b; --warn: #a86008; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf0; --soft: #9aa7b4; --line: #33404d; --back: #141a21; --card: #1c242d; --mark: #4dc4d8;
    --good: #6fcf8a; --bad: #ff8a7a; --warn: #f0b45a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
a { color: var(--mark); }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; }
nav { display: flex; gap: .95rem; margin: 1.25rem -1.25rem; padding: .6rem 1.25rem; font-size: .85rem;
  overflow-x: auto; white-space: nowrap; position: sticky; top: 0; z-index: 1; background: var(--back);
  border-bottom: 1px solid var(--line); }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
nav a:focus-visible { outline-offset: -1px; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 3rem 0 .75rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
section { scroll-margin-top: 3rem; }
.lead, .notes, footer { color: var(--soft); }
.about { color: var(--soft); margin: -.4rem 0 .8rem; max-width: 95ch; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: .75rem; margin: 1.25rem 0; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1.1rem; }
.tile b { display: block; font-size: 1.75rem; font-weight: 600; line-height: 1.3; color: var(--mark); }
.tile span { font-size: .875rem; color: var(--soft); }
.tile small { display: block; color: var(--soft); font-size: .8rem; }
.tile .range { display: block; width: 100%; margin: .3rem 0 .35rem; }
.range { display: inline-block; position: relative; width: 130px; height: 10px; vertical-align: middle;
  background: linear-gradient(var(--line), var(--line)) 0 50% / 100% 2px no-repeat; }
.range i { position: absolute; top: 2px; height: 6px; min-width: 2px; border-radius: 3px; background: var(--mark);
  opacity: .35; }
.range u { position: absolute; top: 0; width: 10px; height: 10px; margin-left: -5px; border-radius: 50%;
  background: var(--mark); }
.card + .about { margin-top: 1rem; }
.checks { list-style: none; margin: .6rem 0; padding: 0; }
.checks li { padding: .15rem 0 .15rem 1.7rem; position: relative; overflow-wrap: anywhere; }
.checks li::before { position: absolute; left: .1rem; font-weight: 700; color: var(--tone); }
.good { --tone: var(--good); } .warn { --tone: var(--warn); } .bad { --tone: var(--bad); }
.checks .good::before { content: "\\2713"; } .checks .warn::before { content: "!"; left: .35rem; }
.checks .bad::before { content: "\\2715"; }
.card { overflow-x: auto; }
.card > ul:not(.checks) { margin: 0; padding-left: 1.1rem; }
.card + .card, .card + figure, figure + .card, figure + figure, .figures { margin-top: .75rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .75rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap;
  vertical-align: baseline; }
th:last-child, td:last-child { padding-right: 0; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tr:last-child td { border-bottom: 0; }
th { font-weight: 600; color: var(--soft); font-size: .875rem; white-space: normal; vertical-align: bottom; }
th button { all: unset; cursor: pointer; }
th button:focus-visible { outline: 2px solid var(--mark); outline-offset: 3px; }
th[aria-sort] button::after { content: " \\2195"; opacity: .45; }
th[aria-sort=ascending] button::after { content: " \\2191"; opacity: 1; }
th[aria-sort=descending] button::after { content: " \\2193"; opacity: 1; }
td small { color: var(--soft); }
.facts th { text-align: left; }
.facts td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.facts td:first-child { color: var(--soft); width: 14rem; }
.bar { display: inline-block; width: 64px; height: 6px; border-radius: 3px; background: var(--line);
  margin-left: .6rem; vertical-align: middle; }
.bar i { display: block; height: 100%; border-radius: 3px; background: var(--mark); }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .9rem;
  text-align: center; min-width: 0; }
figure h3 { margin: 0 0 .5rem; text-align: left; }
figure img { max-width: 100%; height: auto; background: #fff; }
figcaption { padding: .5rem 0 0; color: var(--soft); font-size: .9rem; text-align: left; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: .75rem; }
.figures figure { margin: 0 !important; display: flex; flex-direction: column; align-items: center; }
.figures h3, .figures figcaption { align-self: stretch; }
.figures figcaption { margin-top: auto; }
.figures .wide, .figures figure:last-child:nth-child(odd) { grid-column: 1 / -1; }
@media screen and (prefers-color-scheme: dark) {
  figure.chart img { filter: invert(.9) hue-rotate(180deg); mix-blend-mode: lighten; } }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: .75rem; }
.pair figure, .pair .card { margin-top: 0 !important; }
details { margin-top: .75rem; }
summary { cursor: pointer; color: var(--mark); }
details > .card { margin-top: .5rem; }
footer { margin-top: 3rem; font-size: .875rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media (max-width: 480px) {
  main { padding: 1.5rem .9rem 3rem; }
  nav { margin: 1rem -.9rem; padding: .6rem .9rem; }
  .tiles { grid-template-columns: 1fr 1fr; gap: .5rem; }
  .tile, .card { padding: .7rem .8rem; }
  .tile b { font-size: 1.4rem; }
  th, td { padding: .35rem .45rem; }
  .facts td:first-child { width: 7rem; } }
@media print { nav, .skip { display: none; } figure, .card { break-inside: avoid; } }
"""

_SORT = """
for (const button of document.querySelectorAll("th button")) button.addEventListener("click", () => {
  const head = button.closest("th"), body = head.closest("table").tBodies[0], at = head.cellIndex;
  const up = head.getAttribute("aria-sort") === "descending" || (head.getAttribute("aria-sort") === "none" && !at);
  const value = row => { const c = row.cells[at], v = c.querySelector("[data-v]");
    return v ? (v.dataset.v === "" ? NaN : +v.dataset.v) : c.textContent.trim(); };
  const rows = [...body.rows].map(row => [value(row), row]);
  rows.sort(([a], [b]) => typeof a === "string" || typeof b === "string"
    ? String(a).localeCompare(String(b), undefined, {numeric: true}) * (up ? 1 : -1)
    : isNaN(a) - isNaN(b) || (a - b) * (up ? 1 : -1) || 0);
  for (const other of head.parentNode.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  body.append(...rows.map(([, row]) => row));
});
"""


def page(title: str, lead: str, body: Iterable[str], *, style: str = "", contents: Sequence[str] = ()) -> str:
    """A whole page, for light and dark screens.

    Args:
        title: Its heading.
        lead: One line below it.
        body: Fragments.
        style: Further rules; the colours are the variables `--ink`, `--soft`, `--line`, `--back`, `--card`, `--mark`,
            `--good`, `--bad` and `--warn`.
        contents: Titles of sections that the top of the page links to.
    """
    inside = "".join(body)
    script = _SORT if 'aria-sort="none"' in inside else ""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    if script:
        policy += f"; script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    links = "".join(f'<a href="#{anchor(name)}">{escape(name)}</a>' for name in contents)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}{style}</style></head><body>"
        f"{'<a class=skip href=#content>Skip to the figures</a>' if links else ''}<main>"
        f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>'
        f'{f"""<nav aria-label="Contents">{links}</nav>""" if links else ""}<div id="content">{inside}</div>'
        f"<footer>Made with skinzoo. {DISCLAIMER}</footer></main>"
        f"{f'<script>{script}</script>' if script else ''}</body></html>\n"
    )


def tiles(
    values: Mapping[str, str],
    notes: Mapping[str, str | Sequence[str]] | None = None,
    ranges: Mapping[str, str] | None = None,
) -> str:
    """Figures in large type, each above its name.

    Args:
        values: What is shown, by name.
        notes: A line below a name, or several.
        ranges: A fragment between figure and name, such as `interval_bar`.
    """
    items = []
    for name, value in values.items():
        note = notes.get(name, "") if notes else ""
        lines = [note] if isinstance(note, str) else note
        small = "".join(f"<small>{escape(line)}</small>" for line in lines if line)
        between = ranges.get(name, "") if ranges else ""
        items.append(f'<div class="tile"><b>{escape(value)}</b>{between}<span>{escape(name)}</span>{small}</div>')
    return f'<div class="tiles">{"".join(items)}</div>' if items else ""


def section(title: str, *fragments: str) -> str:
    """A heading with what stands below it; nothing at all if that is empty."""
    inside = "".join(fragments)
    return f'<section id="{anchor(title)}"><h2>{escape(title)}</h2>{inside}</section>' if inside else ""


def anchor(title: str) -> str:
    """What a section of this title can be linked by."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"


def heading(title: str) -> str:
    """A smaller heading within a section."""
    return f"<h3>{escape(title)}</h3>"


def paragraph(text: str) -> str:
    """A paragraph; nothing at all if it is empty."""
    return f"<p>{escape(text)}</p>" if text else ""


def pair(*fragments: str) -> str:
    """Fragments side by side where the screen is wide enough."""
    inside = "".join(fragments)
    return f'<div class="pair">{inside}</div>' if inside else ""


def card(*fragments: str, kind: str = "") -> str:
    """A framed box; nothing at all if it is empty."""
    inside = "".join(fragments)
    return f'<div class="{f"card {kind}".rstrip()}">{inside}</div>' if inside else ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, sortable: bool = False) -> str:
    """A table with texts in its header and fragments in its cells; the first column is left-aligned.

    Args:
        header: A name for each column.
        rows: Cells.
        sortable: True for headers that sort the rows when they are clicked; by the numbers of `value` cells, else by
            the text.
    """
    column = '<th scope="col" aria-sort="none"><button type="button">{}</button></th>' if sortable else "<th>{}</th>"
    head = "".join(column.format(escape(name)) if name else "<th></th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def value(sort_by: float, text: str = "", note: str = "") -> str:
    """A cell that sorts by its number.

    Args:
        sort_by: Its number; NaN comes last.
        text: What is shown; three decimals if empty.
        note: In small type behind it, such as an interval.
    """
    by = "" if sort_by != sort_by else f"{sort_by:.9g}"
    small = f" <small>{escape(note)}</small>" if note else ""
    return f'<span data-v="{by}">{escape(text or number(sort_by))}{small}</span>'


def facts(values: Mapping[str, Any]) -> str:
    """A table of names and values."""
    rows = (f"<tr><td>{escape(str(k))}</td><td>{escape(_fact(v))}</td></tr>" for k, v in values.items())
    return f'<table class="facts">{"".join(rows)}</table>'


def about(text: str) -> str:
    """A muted line below a heading, on what is to be seen; nothing at all if it is empty."""
    return f'<p class="about">{escape(text)}</p>' if text else ""


def checks(found: Iterable[tuple[Tone, str]]) -> str:
    """A list of findings, each good, to be looked at, or bad; nothing at all if there is none."""
    items = "".join(f'<li class="{tone}">{escape(text)}</li>' for tone, text in found)
    return f'<ul class="checks">{items}</ul>' if items else ""


def details(summary: str, *fragments: str) -> str:
    """Fragments that open on a click; nothing at all if they are empty."""
    inside = "".join(fragments)
    return f"<details><summary>{escape(summary)}</summary>{inside}</details>" if inside else ""


def bullets(texts: Iterable[str]) -> str:
    """A list of texts; nothing at all if there is none."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def figure(title: str, data: bytes, caption: str, *, kind: str = "png", look: str = "", headed: bool = False) -> str:
    """A picture with its caption.

    Args:
        title: Said where pictures are not shown.
        data: The file's content.
        caption: Below it; may be empty.
        kind: As for `image`.
        look: `"chart"` for dark ink on white, which dark screens turn round; `"wide"` for a whole row of `figures`.
        headed: True to show the title above it.
    """
    above = heading(title) if headed else ""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    of = f' class="{look}"' if look else ""
    return f"<figure{of}>{above}{image(title, data, kind=kind)}{below}</figure>"


def figures(*fragments: str) -> str:
    """`figure`s, two in a row where the screen is wide enough."""
    inside = "".join(fragments)
    return f'<div class="figures">{inside}</div>' if inside else ""


def image(alt: str, data: bytes, *, kind: str = "png") -> str:
    """A picture whose file is held in the page itself.

    Args:
        alt: What is shown where pictures are not.
        data: The file's content.
        kind: `"png"`, `"jpeg"`, `"webp"` or `"svg+xml"`.
    """
    return f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def bar(value: float) -> str:
    """A bar of the length `value` in [0, 1]; nothing for NaN."""
    return f'<span class="bar"><i style="width:{value:.0%}"></i></span>' if value == value else ""


def interval_bar(value: float, low: float, high: float) -> str:
    """A dot for a figure in [0, 1] on a line from 0 to 1, and a band for its interval; nothing if one is NaN."""
    if not (0 <= low <= high <= 1 and 0 <= value <= 1):
        return ""
    band = f'<i style="left:{low:.1%};width:{high - low:.1%}"></i>'
    return f'<span class="range" aria-hidden="true">{band}<u style="left:{value:.1%}"></u></span>'


def number(value: float) -> str:
    """Three decimals, `n/a` for NaN."""
    return "n/a" if value != value else f"{value:.3f}"


def _fact(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
