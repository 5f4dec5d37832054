"""What a command prints: text in at most 79 columns for people, or one JSON document for programs."""

from __future__ import annotations

import errno
import json
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from skinzoo.files import plain

WIDTH = 79
_NARROWEST = 24


class NobodyReadsError(Exception):
    """The reader of the standard output has closed it, as `head` does."""


class Output:
    """Where a command's answer goes.

    Args:
        stream: The standard output.
        as_json: True to print the one value given to `answer`; False to print what is given to `say`.
    """

    def __init__(self, stream: TextIO, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._stream = stream
        self._value: Any = None

    def say(self, text: object) -> None:
        """Print a text for people; what the terminal cannot show, or would obey, is written as an escape."""
        if not self.as_json:
            encoding = getattr(self._stream, "encoding", None) or "utf-8"
            harmless = "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in str(text))
            self._write(harmless.encode(encoding, "backslashreplace").decode(encoding) + "\n")

    def warn(self, text: object) -> None:
        """Print a remark that is no part of the answer on the standard error."""
        print(text, file=sys.stderr)

    def answer(self, value: Any) -> None:
        """Keep the value that `--json` prints at the end."""
        self._value = value

    def finish(self) -> None:
        """Print the JSON document, in ASCII so that every encoding can hold it."""
        if self.as_json:
            self._write(json.dumps(plain(self._value), indent=2, allow_nan=False) + "\n")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.EINVAL):  # the latter on Windows
                raise NobodyReadsError from error
            raise


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose last column is wrapped; where it has too little room, it gets a line of its own."""
    lines = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(head) - 1)]
    indent = sum(widths) + 2 * len(widths)
    narrow = WIDTH - indent < _NARROWEST
    printed = []
    for line in lines:
        start = "".join(f"{cell:<{width}}  " for cell, width in zip(line, widths, strict=False))
        if not narrow:
            printed += _hanging(start, line[-1])
        else:
            printed += [start.rstrip(), *_hanging("    ", line[-1])]
    return "\n".join(printed)


def fields(pairs: Iterable[tuple[str, object]]) -> str:
    """A line for each name and its value, wrapped; what has no value is left out."""
    kept = [(name, str(value)) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in kept), default=0)
    return "\n".join(line for name, value in kept for line in _hanging(f"{name:<{width}}  ", value))


def wrapped(text: object) -> str:
    """A text whose long lines go on below, further in than they began."""
    lines = []
    for line in str(text).splitlines():
        start = line[: len(line) - len(line.lstrip())]
        lines += (
            [line]
            if len(line) <= WIDTH
            else textwrap.wrap(
                line, WIDTH, subsequent_indent=f"{start}    ", break_long_words=False, break_on_hyphens=False
            )
        )
    return "\n".join(lines)


def _hanging(start: str, text: str) -> list[str]:
    """A text behind a start, with its further lines below its first one; words are never broken."""
    room, below = WIDTH - len(start), " " * len(start)
    pieces: list[str] = []
    for line in text.splitlines() or [""]:
        pieces += textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False) or [""]
    return [(start if k == 0 else below) + piece if piece else start.rstrip() for k, piece in enumerate(pieces)]
