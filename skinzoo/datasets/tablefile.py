"""Reading CSV tables without guessing: text stays text, and a table that is not as promised is refused."""

from __future__ import annotations

import csv
import math
import os
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import TableError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_OTHER_DELIMITERS = "|:^~ "
_MANY = 1 << 15
_CHUNK_ROWS = 512
_LONGEST_HEADER = 1 << 20


class Numbers(NamedTuple):
    """A column that was converted as it was read.

    Attributes:
        values: float64 (N,), NaN where a cell is no finite number.
        odd: Those cells that are no number and not empty, by row.
    """

    values: NDArray[np.float64]
    odd: Mapping[int, str]


@dataclass(frozen=True)
class Table:
    """Columns of text; an empty cell is the empty string, and no text has a special meaning.

    Attributes:
        path: The file.
        columns: Cells of each text column that was asked for, without surrounding blanks.
        lines: Line number of each row in the file.
        numbers: The columns that were asked for as numbers.
        padded: Rows of each column whose cell had surrounding blanks; a column without such a cell is absent.
        unit: What `lines` counts.
    """

    path: Path
    columns: dict[str, list[str]]
    lines: Sequence[int]
    numbers: Mapping[str, Numbers] = field(default_factory=dict)
    padded: Mapping[str, Sequence[int]] = field(default_factory=dict)
    unit: str = "line"

    def __getitem__(self, column: str) -> list[str]:
        return self.columns[column]

    def __contains__(self, column: object) -> bool:
        return column in self.columns or column in self.numbers

    def __len__(self) -> int:
        return len(self.lines)

    def take(self, rows: Sequence[int]) -> Table:
        """The text columns of the given rows, without what is known about blanks around their cells."""
        columns = {name: [cells[i] for i in rows] for name, cells in self.columns.items()}
        return Table(self.path, columns, [self.lines[i] for i in rows], unit=self.unit)

    def where(self, row: int) -> str:
        """Where a row stands in the file, such as `line 2` for row 0."""
        return f"{self.unit} {self.lines[row]}"


def read_table(
    path: str | os.PathLike[str],
    required: Sequence[str],
    optional: Iterable[str] = (),
    *,
    numbers: Collection[str] = (),
    delimiter: str | None = None,
) -> Table:
    """Read columns of a comma, semicolon or tab separated UTF-8 table.

    The file is read as a stream, and a text that a column repeats is held once, so that the memory it takes depends on
    the columns asked for, not on the size of the file.

    Args:
        path: The file; its ending does not matter.
        required: Columns that must be there, in any order.
        optional: Columns that are read where they are there; all others are passed over.
        numbers: Those of the columns that are kept as numbers instead of text; see `number_column`.
        delimiter: One character between the cells; None finds out whether it is a comma, a semicolon or a tab.

    Raises:
        TableError: Not UTF-8 text (code `ENCODING`), another delimiter (`CSV_DELIMITER`), no row (`EMPTY_DATASET`), or
            a required column is absent, a column stands twice, a row is longer or shorter than the header
            (`CSV_SHAPE`).
    """
    path = Path(path)
    _check_encoding(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _parse(path, file, list(required), list(optional), numbers, delimiter)
    except UnicodeDecodeError:
        raise _encoding_error(path, "Windows-1252 or Latin-1") from None
    except csv.Error as error:
        raise TableError(f"{path}: not a readable table: {error}.") from error


def _check_encoding(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(1000)
    if not head:
        raise TableError(f"{path}: wanted a table; found nothing, the file has zero bytes.", "EMPTY_DATASET")
    if head.startswith(b"version https://git-lfs"):
        raise TableError(f"{path} is a Git LFS pointer, not the table itself; run `git lfs pull`.", "LFS_POINTER")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head:
        raise _encoding_error(path, "UTF-16")


def _encoding_error(path: Path, guess: str) -> TableError:
    return TableError(f"{path} is not UTF-8 text; it looks like {guess}. Save it as UTF-8.", "ENCODING")


def _parse(
    path: Path, file: TextIO, required: list[str], optional: list[str], numbers: Collection[str], delimiter: str | None
) -> Table:
    delimiter, header = _header(path, file.readline(_LONGEST_HEADER), required, delimiter)
    twice = [name for name, n in Counter(header).items() if n > 1]
    if twice:
        raise TableError(f"{path}: column {twice[0]!r} stands twice in the header; rename one.")
    file.seek(0)
    wanted = [c for c in dict.fromkeys([*required, *optional]) if c in header]
    lines = array("q")
    columns = {c: NumberColumn() if c in numbers else TextColumn() for c in wanted}
    at = [header.index(c) for c in wanted]
    pick = itemgetter(*at, at[0])  # one more, so that it is a tuple also of one column
    chunk: list[tuple[str, ...]] = []
    for line, row in _rows(path, file, delimiter, len(header), last=max(at)):
        lines.append(line)
        chunk.append(pick(row))
        if len(chunk) == _CHUNK_ROWS:
            _flush(chunk, columns.values())
    _flush(chunk, columns.values())
    if not lines:
        raise TableError(f"{path} has a header and no row.", "EMPTY_DATASET")
    return make_table(path, columns, lines)


def _rows(path: Path, file: TextIO, delimiter: str, width: int, last: int) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header that are not blank, each with the number of its last line.

    A row is only split up to the cell `last`, which saves most of the time with wide tables; a row with quotes in it is
    left to the `csv` module.
    """
    header = csv.reader(file, delimiter=delimiter, strict=True)
    next(header)
    number = header.line_num
    for line in file:
        number += 1
        text = line.rstrip("\r\n")
        if '"' in line:
            reader = csv.reader(chain([line], file), delimiter=delimiter, strict=True)
            row = next(reader)
            number += reader.line_num - 1
            found = len(row)
        elif text:
            row = text.split(delimiter, last + 1)
            found = text.count(delimiter) + 1
        else:
            continue
        if found != width:
            trailing = found == width + 1 and text.endswith(delimiter)
            why = "a delimiter at the end of the line?" if trailing else "a stray or missing delimiter?"
            raise TableError(f"{path}, line {number}: {found} cells under {width} columns; {why}")
        yield number, row


def _flush(chunk: list[tuple[str, ...]], columns: Iterable[_Column]) -> None:
    for column, cells in zip(columns, zip(*chunk, strict=True), strict=False):
        column.extend(cells)
    chunk.clear()


def _header(path: Path, first: str, required: list[str], delimiter: str | None) -> tuple[str, list[str]]:
    best: list[str] = []
    for candidate in [delimiter] if delimiter else DELIMITERS:
        header = _cells(first, candidate)
        if set(required) <= set(header):
            return candidate, header
        best = max(best, header, key=len)
    wanted = f"{path}: wanted the columns {', '.join(required)}; found {', '.join(best)[:300] or 'nothing'}"
    for other in _OTHER_DELIMITERS if len(best) == 1 else "":
        if set(required) <= set(_cells(first, other)):
            raise TableError(
                f"{wanted}: 1 column, looks like {other!r}. Save the table with commas between the cells; the "
                f"collection 'table' also takes delimiter={other!r}.",
                "CSV_DELIMITER",
            )
    tried = ", ".join([repr(delimiter)] if delimiter else DELIMITERS.values())
    hint = " It is a web page, not a table: an expired link or a 403?" if first.lstrip().startswith("<") else ""
    raise TableError(f"{wanted} (tried {tried}).{hint}")


def _cells(line: str, delimiter: str) -> list[str]:
    return [c.strip() for c in next(csv.reader([line], delimiter=delimiter), [])]


class TextColumn:
    """Cells of one column as they are read; as long as there are few different ones, each text is held once."""

    def __init__(self) -> None:
        self.cells: list[str] = []
        self.padded = array("q")
        self._known: dict[str, str] | None = {}

    def extend(self, cells: Iterable[str]) -> None:
        """Add the next rows' cells."""
        given = list(cells)
        plain = [c.strip() for c in given]
        if plain != given:
            first = len(self.cells)
            self.padded.extend(first + i for i, (a, b) in enumerate(zip(plain, given, strict=True)) if a != b)
        if (known := self._known) is not None:
            plain = [known.setdefault(c, c) for c in plain]
            if len(known) > _MANY:
                self._known = None
        self.cells += plain


class NumberColumn:
    """A column of numbers as it is read."""

    def __init__(self) -> None:
        self.values = array("d")
        self.odd: dict[int, str] = {}

    def extend(self, cells: Iterable[str]) -> None:
        """Add the next rows' cells."""
        values, odd = parse_numbers(list(cells))
        self.odd |= {len(self.values) + i: cell for i, cell in odd.items()}
        self.values.extend(values)


_Column = TextColumn | NumberColumn


def make_table(path: Path, columns: Mapping[str, _Column], lines: Sequence[int], unit: str = "line") -> Table:
    """The table of columns that were read."""
    texts = {name: c for name, c in columns.items() if isinstance(c, TextColumn)}
    numbers = {
        name: Numbers(np.frombuffer(c.values), c.odd) for name, c in columns.items() if isinstance(c, NumberColumn)
    }
    return Table(
        path,
        {name: c.cells for name, c in texts.items()},
        lines,
        numbers,
        {name: c.padded for name, c in texts.items() if c.padded},
        unit,
    )


def parse_numbers(cells: Sequence[str]) -> tuple[list[float], dict[int, str]]:
    """The number in each cell, NaN where there is none, and the cells that are no finite number and not empty."""
    try:
        values = list(map(float, cells))
    except ValueError:
        values = []
    if not values or "_" in "".join(cells) or not all(map(math.isfinite, values)):
        values = [_number(c) for c in cells]
    return values, {i: text for i, v in enumerate(values) if math.isnan(v) and (text := cells[i].strip())}


def _number(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) and "_" not in cell else math.nan  # Python alone reads 5_5 as 55
