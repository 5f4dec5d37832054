"""Reading CSV tables without guessing: text stays text, and a table that is not as promised is refused."""

from __future__ import annotations

import csv
import io
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.sniff import IMAGE_SUFFIXES
from skinzoo.errors import LabelError, TableError
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import IGNORE_INDEX

_NO_GROUP = frozenset(("", "nan", "none", "na", "n/a", "<na>", "null", "unknown"))
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}


@dataclass(frozen=True)
class Table:
    """Columns of text; an empty cell is the empty string, and no text has a special meaning.

    Attributes:
        path: The file.
        columns: Cells of each column that was asked for, without surrounding blanks.
        lines: Line number of each row in the file.
    """

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

    def __getitem__(self, column: str) -> list[str]:
        return self.columns[column]

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __len__(self) -> int:
        return len(self.lines)


def read_table(path: str | os.PathLike[str], required: Sequence[str], optional: Iterable[str] = ()) -> Table:
    """Read columns of a comma, semicolon or tab separated UTF-8 table.

    Args:
        path: The file; its ending does not matter.
        required: Columns that must be there, in any order.
        optional: Columns that are read where they are there; all others are passed over.

    Raises:
        TableError: Not UTF-8 text, a required column is absent, a column stands twice, a row is longer or shorter than
            the header, or there is no row.
    """
    path = Path(path)
    text = _decode(path)
    try:
        return _parse(path, text, list(required), list(optional))
    except csv.Error as error:
        raise TableError(f"{path}: not a readable table: {error}.") from error


def _decode(path: Path) -> str:
    data = path.read_bytes()
    if data.startswith(b"version https://git-lfs"):
        raise TableError(f"{path} is a Git LFS pointer, not the table itself; run `git lfs pull`.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:1000]:
        guess = "UTF-16"
    else:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            guess = "Windows-1252 or Latin-1"
    raise TableError(f"{path} is not UTF-8 text; it looks like {guess}. Save it as UTF-8.")


def _parse(path: Path, text: str, required: list[str], optional: list[str]) -> Table:
    delimiter, header = _header(path, text, required)
    twice = [name for name, n in Counter(header).items() if n > 1]
    if twice:
        raise TableError(f"{path}: column {twice[0]!r} stands twice in the header; rename one.")
    wanted = [c for c in dict.fromkeys([*required, *optional]) if c in header]
    picks = [(header.index(c), cells) for c, cells in ((c, list[str]()) for c in wanted)]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[int] = []
    next(reader)
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            raise TableError(
                f"{path}, line {reader.line_num}: {len(row)} cells under {len(header)} columns; "
                "a stray or missing delimiter?"
            )
        lines.append(reader.line_num)
        for at, cells in picks:
            cells.append(row[at].strip())
    if not lines:
        raise TableError(f"{path} has a header and no row.")
    return Table(path, dict(zip(wanted, (cells for _, cells in picks), strict=True)), lines)


def _header(path: Path, text: str, required: list[str]) -> tuple[str, list[str]]:
    first = text[: text.find("\n") + 1] or text
    best: list[str] = []
    for delimiter in _DELIMITERS:
        header = [c.strip() for c in next(csv.reader([first], delimiter=delimiter), [])]
        if set(required) <= set(header):
            return delimiter, header
        best = max(best, header, key=len)
    hint = " It is a web page, not a table: an expired link or a 403?" if first.lstrip().startswith("<") else ""
    raise TableError(
        f"{path}: wanted the columns {', '.join(required)}; found {', '.join(best)[:300] or 'nothing'} "
        f"(tried {', '.join(_DELIMITERS.values())}).{hint}"
    )


def image_ids(cells: Iterable[str]) -> list[str]:
    """Ids of a table's image column; an image ending, where somebody wrote it, is taken off."""
    return [c[: -len(s)] if (s := PurePath(c).suffix) and s.lower() in IMAGE_SUFFIXES else c for c in cells]


def group_column(cells: Iterable[str]) -> list[str]:
    """A column of patient or lesion ids, empty where the cell says that there is none.

    Rows without an id would otherwise become one large group that is called `nan` or `unknown`.
    """
    return ["" if c.strip().casefold() in _NO_GROUP else c for c in cells]


def name_labels(
    table: Table, column: str, ids: Sequence[str], space: LabelSpace
) -> tuple[NDArray[np.int64], list[Finding]]:
    """Class indices of a column of class names; an empty cell gives `IGNORE_INDEX` and a `LABEL_NONE` finding.

    Raises:
        LabelError: A cell names no class of `space`.
    """
    known: dict[str, int] = {"": IGNORE_INDEX}
    for line, cell in zip(table.lines, table[column], strict=True):
        if cell not in known:
            try:
                known[cell] = space.index(cell)
            except LabelError as error:
                raise LabelError(f"{table.path}, line {line}: {error}") from error
    findings = [
        Finding.of("LABEL_NONE", name, "", f"line {line}: {column} is empty; used without a label", "kept")
        for name, line, cell in zip(ids, table.lines, table[column], strict=True)
        if not cell
    ]
    return np.array([known[cell] for cell in table[column]], dtype=np.int64), findings


def one_hot_labels(
    table: Table, ids: Sequence[str], space: LabelSpace
) -> tuple[NDArray[np.int64], NDArray[np.bool_], list[Finding]]:
    """Class indices of a table with one column per class, each cell 0 or 1 and each row with a single 1.

    The columns are found by name, in whatever order they stand.

    Returns:
        Labels (N,), a mask (N,) of the rows that can be used, and a finding for each of the others.
    """
    cells = np.array([[_number(c) for c in table[code]] for code in space]).T
    labels = np.full(len(table), IGNORE_INDEX, dtype=np.int64)
    findings: list[Finding] = []
    for i, row in enumerate(cells):
        if not np.isin(row, (0.0, 1.0)).all():
            code = "LABEL_VALUE"
        elif row.sum() == 1:
            labels[i] = int(row.nonzero()[0][0])
            continue
        else:
            code = "LABEL_MULTI" if row.any() else "LABEL_NONE"
        shown = ", ".join(f"{c} {table[c][i] or 'empty'}" for c in space)
        findings.append(Finding.of(code, ids[i], "", f"line {table.lines[i]}: {shown}", "quarantined"))
    return labels, labels != IGNORE_INDEX, findings


def number_column(
    table: Table, column: str, ids: Sequence[str], low: float, high: float
) -> tuple[NDArray[np.float64], list[Finding]]:
    """A column of numbers, NaN where the cell is empty; what is no number in [low, high] is NaN with a finding."""
    values = np.array([_number(c) for c in table[column]])
    good = (values >= low) & (values <= high)
    findings = [
        Finding.of(
            "META_VALUE",
            ids[i],
            "",
            f"line {table.lines[i]}: {column} {table[column][i]!r} is not in {low:g}..{high:g}",
            "kept",
        )
        for i in np.flatnonzero(~good).tolist()
        if table[column][i].lower() not in ("", "unknown", "nan")
    ]
    return np.where(good, values, np.nan), findings


def text_column(cells: Iterable[str], missing: Iterable[str] = ("", "unknown")) -> NDArray[np.object_]:
    """A column of text, None where the cell says that the value is missing."""
    gone = frozenset(missing)
    return np.array([None if c.lower() in gone else c for c in cells], dtype=object)


def _number(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
