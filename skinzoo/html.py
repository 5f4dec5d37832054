"""The frame of self-contained HTML pages: no script, no request, nothing beside them.

A fragment is HTML already; every other text is escaped here.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6875; --line: #dde3e9; --back: #f6f8fa; --card: #fff;
  --mark: #0b7285; --good: #2b7a3f; --bad: #c0392b; --warn: #a86008; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf0; --soft: #9aa7b4; --line: #33404d; --back: #141a21; --card: #1c242d; --mark: #4dc4d8;
    --good: #6fcf8a; --bad: #ff8a7a; --warn: #f0b45a; } }
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


def page(title: str, lead: str, body: Iterable[str], *, style: str = "") -> str:
    """A whole page, for light and dark screens.

    Args:
        title: Its heading.
        lead: One line below it.
        body: Fragments.
        style: Further rules; the colours are the variables `--ink`, `--soft`, `--line`, `--back`, `--card`, `--mark`,
            `--good`, `--bad` and `--warn`.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}{style}</style></head><body><main>"
        f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>{"".join(body)}'
        "<footer>Made with skinzoo. For research; not a medical device.</footer></main></body></html>\n"
    )


def tiles(values: Mapping[str, str]) -> str:
    """Figures in large type, each above its name."""
    items = (
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for name, value in values.items()
    )
    return f'<div class="tiles">{"".join(items)}</div>'


def section(title: str, *fragments: str) -> str:
    """A heading with what stands below it; nothing at all if that is empty."""
    inside = "".join(fragments)
    return f"<h2>{escape(title)}</h2>{inside}" if inside else ""


def card(*fragments: str, kind: str = "") -> str:
    """A framed box; nothing at all if it is empty."""
    inside = "".join(fragments)
    return f'<div class="{f"card {kind}".rstrip()}">{inside}</div>' if inside else ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with texts in its header and fragments in its cells; the first column is left-aligned."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def facts(values: Mapping[str, Any]) -> str:
    """A table of names and values."""
    rows = (f"<tr><td>{escape(str(k))}</td><td>{escape(_fact(v))}</td></tr>" for k, v in values.items())
    return f'<table class="facts">{"".join(rows)}</table>'


def bullets(texts: Iterable[str]) -> str:
    """A list of texts; nothing at all if there is none."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def figure(title: str, data: bytes, caption: str) -> str:
    """A picture with its caption."""
    return f"<figure>{image(title, data)}<figcaption>{escape(caption)}</figcaption></figure>"


def image(alt: str, data: bytes, *, kind: str = "png") -> str:
    """A picture whose file is held in the page itself.

    Args:
        alt: What is shown where pictures are not.
        data: The file's content.
        kind: `"png"`, `"jpeg"` or `"webp"`.
    """
    return f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def bar(value: float) -> str:
    """A bar of the length `value` in [0, 1]; nothing for NaN."""
    return f'<span class="bar"><i style="width:{value:.0%}"></i></span>' if value == value else ""


def number(value: float) -> str:
    """Three decimals, `n/a` for NaN."""
    return "n/a" if value != value else f"{value:.3f}"


def _fact(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
