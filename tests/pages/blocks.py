"""The fenced blocks of the pages: which there are, in what language, and on which line they stand."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PYTHON = frozenset({"python", "py", "python3", "pycon", "ipython"})
SHELL = frozenset({"bash", "sh", "shell", "console"})
PLAIN = frozenset({"", "text", "yaml", "json", "csv"})
"""Languages of blocks that nobody can run."""

_FENCE = re.compile(r"(?P<lead>[ \t>]*(?:(?:[-*+]|\d+\.)[ \t]+)?)(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)")
_INCLUDE = re.compile(r'\s*--8<-- "(?P<file>[\w./-]+)"\s*')


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        page: Path of the page, below the root of the repository.
        line: Of the first line of its text, from 1 on.
        language: As written behind the fence, in lower case; empty if nothing is.
        text: Without what it is indented by.
    """

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.page}:{self.line}"

    @property
    def included(self) -> str | None:
        """The file that MkDocs puts in its place, if it is nothing else."""
        found = _INCLUDE.fullmatch(self.text)
        return found["file"] if found else None


def pages() -> list[str]:
    """Every page of the documentation and the README, below the root of the repository."""
    found = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    return sorted(path.relative_to(ROOT).as_posix() for path in found if path.is_file())


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return list(blocks_in((ROOT / page).read_text("utf-8"), page))


def python_of(page: str) -> list[Block]:
    """Those that a reader would run in Python. One that only includes a script needs no run: scripts have tests."""
    return [block for block in blocks_of(page) if block.language in PYTHON and block.included is None]


def shell_of(page: str) -> list[Block]:
    """Those that a reader would run in a shell."""
    return [block for block in blocks_of(page) if block.language in SHELL]


def blocks_in(text: str, page: str) -> Iterator[Block]:
    """The fenced blocks of a text; fences may be indented, quoted, or in a list.

    Raises:
        ValueError: A fence is not closed, or stands where it is not taken for one.
    """
    opened: re.Match[str] | None = None
    start, body = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        found = _FENCE.fullmatch(line)
        if opened is None:
            if found is not None:
                opened, start, body = found, number + 1, []
            elif "```" in line or "~~~" in line:
                raise ValueError(f"{page}:{number}: a fence in the middle of a line: {line!r}")
        elif found and found["mark"].startswith(opened["mark"]) and not found["info"].strip():
            lead = len(opened["lead"])
            inner = [line[lead:] if not line[:lead].strip(" \t>") else line for line in body]
            yield Block(page, start, _language(opened["info"]), textwrap.dedent("\n".join(inner) + "\n"))
            opened = None
        else:
            body.append(line)
    if opened is not None:
        raise ValueError(f"{page}:{start - 1}: a fence is not closed")


def _language(info: str) -> str:
    """Of `python`, `python title="x"` and `{ .python title="x" }`."""
    found = re.match(r"\s*(?:\{\s*\.)?([^\s{}]*)", info)
    return found[1].lower() if found else ""
