"""Markdown from texts that nobody has checked: whatever they hold is shown as it is, and nothing of it takes effect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# entities where a renderer might look before it takes backslashes off: HTML, tables, formulas
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\\": "&#92;", "$": "&#36;", "|": "&#124;", "~": "&#126;"}
_SPECIAL = re.compile(r"[&<>\\$|~`*_\[\]]")
_START = re.compile(r"^(?:([#+=:-])|(\d{1,9})([.)])(?=\s|$))")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9./?#%&=+,:;_~-]*[A-Za-z0-9/=_-]")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def inline(text: object) -> str:
    """A text on one line; web addresses become links to what is seen."""
    line = plain_line(text)
    parts, at = [], 0
    for found in _ADDRESS.finditer(line):
        parts += [_escaped(line[at : found.start()]), f"<{found.group()}>"]
        at = found.end()
    made = "".join([*parts, _escaped(line[at:])])
    return _START.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", made)


def plain_line(text: object) -> str:
    """A text on one line, without characters that nobody sees."""
    return " ".join(_UNSEEN.sub("", str(text)).split())


def block(text: str | Iterable[str]) -> str:
    """A text's paragraphs, or a list of points."""
    if not isinstance(text, str):
        return "\n".join(f"- {inline(point)}" for point in text)
    return "\n\n".join(inline(part) for part in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")) if part.strip())


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """A table of fragments that are Markdown already.

    Args:
        header: Texts.
        rows: Cells.
        numbers: The last so many columns are aligned to the right.
    """
    marks = ["---"] * (len(header) - numbers) + ["---:"] * numbers
    lines = [[inline(name) for name in header], marks, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str, language: str = "") -> str:
    """A fenced block that the text cannot end."""
    text = _UNSEEN.sub("", text.replace("\r\n", "\n")).strip("\n")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda m: _ENTITIES.get(m[0], f"\\{m[0]}"), text)
