"""What the columns of a table mean: ids, groups, labels, numbers and words; nothing is guessed."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.sniff import IMAGE_SUFFIXES
from skinzoo.datasets.tablefile import Numbers, parse_numbers
from skinzoo.datasets.tablefile import Table as Table
from skinzoo.datasets.tablefile import read_table as read_table
from skinzoo.errors import LabelError
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import IGNORE_INDEX

_MOST_FINDINGS = 100
_DECIMAL_COMMA = re.compile(r"^[+-]?\d+,\d+$")
_NO_GROUP = frozenset(("", "nan", "none", "na", "n/a", "<na>", "null", "unknown"))


def image_ids(cells: Iterable[str]) -> list[str]:
    """Ids of a table's image column; an image ending, where somebody wrote it, is taken off."""
    return [_without_ending(c) if "." in c else c for c in cells]


def _without_ending(name: str) -> str:
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a Path per row takes several times as long
    return stem if suffix.lower() in IMAGE_SUFFIXES else name


def group_column(cells: Iterable[str]) -> list[str]:
    """A column of patient or lesion ids, empty where the cell says that there is none.

    Rows without an id would otherwise become one large group that is called `nan` or `unknown`.
    """
    return ["" if c.strip().casefold() in _NO_GROUP else c for c in cells]


def name_labels(
    table: Table, column: str, ids: Sequence[str], space: LabelSpace
) -> tuple[NDArray[np.int64], list[Finding]]:
    """Class indices of a column of class names; an empty cell gives `IGNORE_INDEX` and a `LABEL_NONE` finding.

    Codes, titles and aliases are names; a column may also write all its codes in lower case, as HAM10000 does. A name
    that fits only without the blanks around it, or in another case, is used too, and one `LABEL_SPELLING` finding
    counts such cells.

    Raises:
        LabelError: A cell names no class of `space`.
    """
    cells = table[column]
    times = Counter(cells)
    known = {cell: _class_of(cell, table, column, space) for cell in times}
    findings = [
        Finding.of(
            "LABEL_NONE", ids[i], "", f"{table.where(i)}: {column} is empty; used without a label", "kept", row=i
        )
        for i, cell in (enumerate(cells) if "" in times else ())
        if not cell
    ]
    findings += _spellings(table, column, ids, space)
    return np.fromiter((known[cell] for cell in cells), np.int64, len(cells)), findings


def _class_of(cell: str, table: Table, column: str, space: LabelSpace) -> int:
    if not cell:
        return IGNORE_INDEX
    try:
        return space.index(cell)
    except LabelError as error:
        where = table.where(table[column].index(cell))
        raise LabelError(
            f"{table.path}, {where}: {error} Allowed in {column}: {', '.join(space.classes)}, and their titles."
        ) from error


def _spellings(table: Table, column: str, ids: Sequence[str], space: LabelSpace) -> list[Finding]:
    """The one finding about names that the label space writes otherwise; none if there is no such name."""
    cells = table[column]
    names = set(cells) - {""}
    exact = {*space.classes, *space.titles.values(), *space.aliases}
    if names <= {code.lower() for code in space.classes}:
        exact |= names
    odd = names - exact
    blanks = {i for i in table.padded.get(column, ()) if cells[i]}
    rows = sorted(blanks | {i for i, cell in enumerate(cells) if cell in odd})
    if not rows:
        return []
    shown = ", ".join(map(repr, sorted({cells[i] for i in rows})[:3]))
    how = "with blanks around it" if blanks else "in upper or lower case of its own"
    message = f"{table.where(rows[0])}: {column} names a class {how} (such as {shown}); used as that class"
    finding = Finding.of("LABEL_SPELLING", ids[rows[0]], "", message, "kept", count=len(rows))
    return [finding if blanks else replace(finding, severity="info")]


def one_hot_labels(
    table: Table, ids: Sequence[str], space: LabelSpace
) -> tuple[NDArray[np.int64], NDArray[np.bool_], list[Finding]]:
    """Class indices of a table with one column per class, each cell 0 or 1 and each row with a single 1.

    The columns are found by name, in whatever order they stand.

    Returns:
        Labels (N,), a mask (N,) of the rows that can be used, and a finding for each of the others.
    """
    cells = np.stack([_numbers(table, code).values for code in space], axis=1)
    binary = ((cells == 0) | (cells == 1)).all(axis=1)
    good = binary & (cells.sum(axis=1) == 1)
    findings: list[Finding] = []
    for i in np.flatnonzero(~good).tolist():
        code = "LABEL_VALUE" if not binary[i] else "LABEL_MULTI" if cells[i].any() else "LABEL_NONE"
        shown = ", ".join(f"{c} {table[c][i] or 'empty'}" for c in space)
        findings.append(Finding.of(code, ids[i], "", f"{table.where(i)}: {shown}", "quarantined", row=i))
    return np.where(good, cells.argmax(axis=1), IGNORE_INDEX), good, findings


def number_column(
    table: Table,
    column: str,
    ids: Sequence[str],
    low: float,
    high: float,
    *,
    missing: Collection[str] = ("unknown", "nan"),
) -> tuple[NDArray[np.float64], list[Finding]]:
    """A column of numbers, NaN where the cell is empty; what is no number in [low, high] is NaN with a finding.

    Args:
        table: With the column, as text or as numbers.
        column: Its name.
        ids: Of the rows, for the findings.
        low: Smallest value.
        high: Largest value.
        missing: Words, in lower case, that say that the value is missing.
    """
    values, odd = _numbers(table, column)
    good = (values >= low) & (values <= high)
    bad = [
        i
        for i in np.flatnonzero(~good).tolist()
        if (i in odd or not np.isnan(values[i])) and odd.get(i, "").lower() not in missing
    ]
    findings = []
    for i in bad[:_MOST_FINDINGS]:
        cell = odd.get(i) or f"{values[i]:g}"
        hint = "; a decimal comma?" if _DECIMAL_COMMA.match(cell) else ""
        message = f"{table.where(i)}: {column} {cell!r} is not in {low:g}..{high:g}{hint}"
        findings.append(Finding.of("META_VALUE", ids[i], "", message, "kept", row=i))
    if rest := bad[_MOST_FINDINGS:]:
        message = f"{table.where(rest[0])} and on: further cells of {column} that are not in {low:g}..{high:g}"
        findings.append(Finding.of("META_VALUE", ids[rest[0]], "", message, "kept", count=len(rest)))
    return np.where(good, values, np.nan), findings


def _numbers(table: Table, column: str) -> Numbers:
    if column in table.numbers:
        return table.numbers[column]
    values, odd = parse_numbers(table[column])
    return Numbers(np.array(values, dtype=np.float64), odd)


def text_column(cells: Iterable[str], missing: Iterable[str] = ("", "unknown")) -> NDArray[np.object_]:
    """A column of text, None where the cell says, in upper or lower case, that the value is missing."""
    gone = frozenset(missing)
    return np.array([None if c.lower() in gone else c for c in cells], dtype=object)


def metadata_columns(
    table: Table, ids: Sequence[str], names: Iterable[str], ranges: Mapping[str, tuple[float, float]]
) -> tuple[dict[str, NDArray[Any]], list[Finding]]:
    """Those of the columns that the table has, as `number_column` and `text_column` read them.

    Args:
        table: With some of the columns.
        ids: Of the rows, for the findings.
        names: Of the columns, in the order of the result.
        ranges: Smallest and largest value of each column of numbers; the others are text.
    """
    columns: dict[str, NDArray[Any]] = {}
    findings: list[Finding] = []
    for name in names:
        if name not in table:
            continue
        if name in ranges:
            columns[name], odd = number_column(table, name, ids, *ranges[name])
            findings += odd
        else:
            columns[name] = text_column(table[name])
    return columns, findings
