"""Reading Parquet tables as text, so that they mean what the same table would mean as CSV."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from skinzoo.datasets.tablefile import NumberColumn, Table, TextColumn, make_table
from skinzoo.errors import MissingDependencyError, TableError

_CHUNK_ROWS = 4096


def read_parquet(
    path: str | os.PathLike[str],
    required: Sequence[str],
    optional: Iterable[str] = (),
    *,
    numbers: Collection[str] = (),
) -> Table:
    """Read columns of a Parquet file; `read_table` says what the arguments mean.

    A missing value becomes an empty cell, any other what Python's `str` makes of it: a column of whole numbers in which
    values are missing is often stored as floating point, and then reads `1.0`.

    Raises:
        MissingDependencyError: `pyarrow` is not installed.
        TableError: Not a Parquet file, a required column is absent or stands twice (`CSV_SHAPE`), or there is no row
            (`EMPTY_DATASET`).
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingDependencyError(
            "Parquet files are read with pyarrow, which is not installed; run `pip install 'skinzoo[data]'`."
        ) from error
    path = Path(path)
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _check_columns(path, names, required)
            wanted = [c for c in dict.fromkeys([*required, *optional]) if c in names]
            columns = {c: NumberColumn() if c in numbers else TextColumn() for c in wanted}
            for batch in file.iter_batches(_CHUNK_ROWS, columns=wanted):
                for name, column in columns.items():
                    column.extend([_text(value) for value in batch.column(name).to_pylist()])
            num_rows = file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{path}: not a readable Parquet file: {error}.") from error
    if not num_rows:
        raise TableError(f"{path} has columns and no row.", "EMPTY_DATASET")
    return make_table(path, columns, range(1, num_rows + 1), unit="row")


def _check_columns(path: Path, names: Sequence[str], required: Iterable[str]) -> None:
    for name in required:
        if names.count(name) != 1:
            problem = "stands twice" if name in names else "is absent"
            raise TableError(f"{path}: column {name!r} {problem}; found {', '.join(names)[:300] or 'nothing'}.")


def _text(value: Any) -> str:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)
