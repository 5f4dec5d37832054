"""Reading PH2's two tables: a text file ruled with bars, and an Excel sheet below a page of legends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from skinzoo.datasets.tables import Table
from skinzoo.errors import MissingDependencyError, TableError

NAME = "name"
CLINICAL = "clinical diagnosis"
CLASS_COLUMNS = {"CN": "common nevus", "AN": "atypical nevus", "MEL": "melanoma"}
COLOURS = ("white", "red", "light-brown", "dark-brown", "blue-gray", "black")


def read_text_table(path: Path) -> Table:
    """Read `PH2_dataset.txt`: cells between `||` or `|`, legends below the rows.

    The columns get their names in lower case; the column `colors` holds numbers from 1 on, as `COLOURS` counts.

    Raises:
        TableError: No such header, a row of another length, or no row.
    """
    lines = path.read_bytes().decode("latin-1").splitlines()  # the cells are ASCII, whatever the legends are
    ruled = [(number, _between_bars(line)) for number, line in enumerate(lines, start=1) if "||" in line]
    if not ruled or NAME not in (header := [_column(c) for c in ruled[0][1]]):
        raise TableError(f"{path}: wanted a line `|| Name || ... || Clinical Diagnosis || ...`; found none.")
    return _table(path, header, ruled[1:], unit="line")


def read_excel_table(path: Path) -> Table:
    """Read `PH2_dataset.xlsx`, or a table derived from it; the header is the row with a cell `Image Name`.

    The columns get their names in lower case, up to a line break or bracket; `Image Name` is called `name`.

    Raises:
        MissingDependencyError: openpyxl is not installed.
        TableError: Not an Excel file, no such header, or no row.
    """
    for rows in _sheets(path):
        for at, (_, cells) in enumerate(rows):
            header = [_column(c) for c in cells]
            if "image name" in header:
                header[header.index("image name")] = NAME
                return _table(path, header, rows[at + 1 :], unit="row")
    raise TableError(f"{path}: no sheet has a row with a cell `Image Name`.")


def colour_names(codes: str) -> str | None:
    """The colours that a cell of numbers such as `3  4` stands for; None if it is not made of such numbers."""
    numbers = codes.replace(",", " ").split()
    if not all(n.isdecimal() and 1 <= int(n) <= len(COLOURS) for n in numbers):
        return None
    return ", ".join(COLOURS[int(n) - 1] for n in numbers)


def _between_bars(line: str) -> list[str]:
    inside = line.strip().lstrip("\xef\xbb\xbf").removeprefix("||").removesuffix("||")
    return [cell.strip() for cell in re.split(r"\|\|?", inside)]


def _column(cell: str) -> str:
    return re.split(r"[\n(]", cell, maxsplit=1)[0].strip().casefold()


def _table(path: Path, header: Sequence[str], rows: Iterable[tuple[int, list[str]]], *, unit: str) -> Table:
    named = [(i, column) for i, column in enumerate(header) if column]
    if len({column for _, column in named}) < len(named):
        raise TableError(f"{path}: a column stands twice in the header ({', '.join(c for _, c in named)}); rename one.")
    lines: list[int] = []
    columns: dict[str, list[str]] = {column: [] for _, column in named}
    key = header.index(NAME)
    for number, cells in rows:
        if len(cells) != len(header):
            raise TableError(f"{path}, {unit} {number}: {len(cells)} cells under {len(header)} columns.")
        if not cells[key]:
            continue
        lines.append(number)
        for i, column in named:
            columns[column].append(cells[i])
    if not lines:
        raise TableError(f"{path} has a header and no row.")
    return Table(path, columns, lines, unit=unit)


def _sheets(path: Path) -> Iterable[list[tuple[int, list[str]]]]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise MissingDependencyError(
            f"{path.name} needs openpyxl; install it with `pip install 'skinzoo[data]'`, or use PH2_dataset.txt."
        ) from error
    return _open_sheets(load_workbook, path)


def _open_sheets(load_workbook: Callable[..., Any], path: Path) -> list[list[tuple[int, list[str]]]]:
    try:
        with path.open("rb") as file:
            book = load_workbook(file, read_only=True, data_only=True)
            sheets = [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets]
    except Exception as error:  # openpyxl lets through whatever zip, XML and its own parts raise
        raise TableError(f"{path}: not a readable Excel table ({type(error).__name__}: {error}).") from error
    return [_numbered(rows) for rows in sheets]


def _numbered(rows: Sequence[Sequence[object]]) -> list[tuple[int, list[str]]]:
    """Rows of equal length with their numbers; openpyxl leaves out empty cells at the end."""
    width = max(map(len, rows), default=0)
    return [(n, [*map(_text, row), *[""] * (width - len(row))]) for n, row in enumerate(rows, start=1)]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()
