"""Reading `predictions.csv` with suspicion: every cell is checked, and a bad one is named by file, line and column."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import TableError
from skinzoo.evaluation.saved.writing import unquoted

T = TypeVar("T")


class PredictionTable:
    """Columns of a saved table, as text until they are asked for.

    Args:
        path: The file.

    Raises:
        TableError: It cannot be read, has a column twice, or a row that is longer or shorter than the header.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[int] = []
        rows: list[list[str]] = []
        try:
            with path.open(encoding="utf-8", newline="") as file:
                reader = csv.reader(file, strict=True)
                self.header = next(reader, [])
                for row in reader:
                    if len(row) != len(self.header):
                        raise TableError(
                            f"{path}, line {reader.line_num}: {len(row)} cells under {len(self.header)} columns; was "
                            "the file cut short or edited?"
                        )
                    rows.append(row)
                    self.lines.append(reader.line_num)
        except UnicodeDecodeError as error:
            raise TableError(f"{path} is not UTF-8 text ({error}); save the report again.", "ENCODING") from error
        except csv.Error as error:
            raise TableError(f"{path}: not a readable table: {error}.") from error
        if len(set(self.header)) < len(self.header):
            twice = next(name for name in self.header if self.header.count(name) > 1)
            raise TableError(f"{path}: column {twice!r} stands twice in the header.")
        self._cells = dict(zip(self.header, zip(*rows, strict=True), strict=True)) if rows else {}

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, column: object) -> bool:
        return column in self.header

    def cells(self, column: str) -> Sequence[str]:
        """Cells of a column, as they stand in the file.

        Raises:
            TableError: There is no such column.
        """
        if column not in self.header:
            raise TableError(
                f"{self.path} has no column {column!r}, which report.json promises; save the report again."
            )
        return self._cells.get(column, ())

    def texts(self, column: str) -> list[str]:
        """Texts of a column."""
        return [unquoted(cell) for cell in self.cells(column)]

    def parsed(self, column: str, parse: Callable[[str], T], what: str) -> list[T]:
        """Every cell of a column, read by `parse`.

        Args:
            column: Its name.
            parse: Gives the value of a cell, or raises `ValueError`.
            what: What a cell has to be, for messages.

        Raises:
            TableError: A cell is something else.
        """
        values = []
        for row, cell in enumerate(self.cells(column)):
            try:
                values.append(parse(cell))
            except (ValueError, RecursionError):
                raise self.error(row, column, f"{cell[:80]!r} is not {what}") from None
        return values

    def numbers(self, column: str, *, low: float = -math.inf, high: float = math.inf) -> NDArray[np.float64]:
        """A column of finite numbers in [low, high], float64 (N,).

        Raises:
            TableError: A cell is something else.
        """
        values = np.array(self.parsed(column, number, "a number"), dtype=np.float64)
        if (bad := np.flatnonzero(~np.isfinite(values) | (values < low) | (values > high))).size:
            limits = f"a number in [{low:g}, {high:g}]" if low > -math.inf else "a finite number"
            raise self.error(int(bad[0]), column, f"{self.cells(column)[bad[0]][:80]!r} is not {limits}")
        return values

    def error(self, row: int, column: str, message: str) -> TableError:
        """An error that names the place."""
        return TableError(f"{self.path}, line {self.lines[row]}, column {column!r}: {message}.")


def number(cell: str) -> float:
    """A number; Python alone would read 5_5 as 55, pass over blanks, and take the digits of any script.

    Raises:
        ValueError: It is none.
    """
    if "_" in cell or cell != cell.strip() or not cell.isascii():
        raise ValueError(cell)
    return float(cell)


def metadata_column(table: PredictionTable, column: str, kind: str) -> NDArray[Any]:
    """A metadata column (N,) of a kind that `skinzoo.evaluation.saved.writing.column_kind` names.

    Raises:
        TableError: A cell is not of the kind.
    """
    if kind == "number":
        return np.array(table.parsed(column, lambda c: number(c) if c else math.nan, "a number"), dtype=np.float64)
    if kind == "integer":
        return np.array(table.parsed(column, integer, "a whole number of 64 bits"), dtype=np.int64)
    if kind == "boolean":
        return np.array(table.parsed(column, _boolean, "True or False"), dtype=np.bool_)
    parse = _json if kind == "json" else (lambda c: unquoted(c) if c else None)
    values = np.empty(len(table), dtype=object)
    values[:] = table.parsed(column, parse, "JSON")
    return values


def integer(cell: str) -> int:
    """A whole number that int64 can hold.

    Raises:
        ValueError: It is none.
    """
    number(cell)
    value = int(cell)
    if not -(2**63) <= value < 2**63:
        raise ValueError(cell)
    return value


def _boolean(cell: str) -> bool:
    return bool(("False", "True").index(cell))


def _json(cell: str) -> Any:
    return json.loads(unquoted(cell), parse_constant=_refuse) if cell else None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
