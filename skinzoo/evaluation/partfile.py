"""A table that is being written, row by row, so that an interrupted writer can go on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Literal

from skinzoo.errors import ConfigError, MissingDependencyError
from skinzoo.files import atomic_path, write_csv

Row = Mapping[str, Any]
Kind = Literal["text", "number", "integer", "boolean"]
_PARQUET: dict[Kind, str] = {"text": "string", "number": "float64", "integer": "int64", "boolean": "bool_"}


class PartFile:
    """`<target>.part`: a line that says what the rows are, and a line of JSON for each row.

    Args:
        target: The table that it becomes; ends in `.csv` or `.parquet`.
        identity: What the rows depend on, as JSON gives it back; a part of another identity is refused.
        columns: Names of the columns, the first of which tells the rows apart, each with what it holds; a cell may
            also be None.
    """

    def __init__(self, target: Path, identity: Mapping[str, Any], columns: Mapping[str, Kind]) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self.columns = list(columns)
        self._kinds = dict(columns)
        self.num_rows = 0
        self._head = json.dumps({**identity, "columns": self.columns}, sort_keys=True)
        self._file: IO[str] | None = None

    def open(self, *, anew: bool) -> dict[str, Row]:
        """Begin, or go on; returns the rows that are there, by their first column.

        Args:
            anew: True to forget what is there.

        Raises:
            ConfigError: The part is of another identity.
        """
        self.target.parent.mkdir(parents=True, exist_ok=True)
        rows, end = ({}, 0) if anew else self._existing()
        self._file = self.path.open("r+" if end else "w", encoding="utf-8", newline="\n")
        self._file.seek(end)
        self._file.truncate()
        if not end:
            self._file.write(self._head + "\n")
            self._file.flush()
        self.num_rows = len(rows)
        return rows

    def write(self, rows: Iterable[Row]) -> None:
        """Append rows."""
        assert self._file is not None
        for row in rows:
            self._file.write(json.dumps({name: row.get(name) for name in self.columns}) + "\n")
            self.num_rows += 1
        self._file.flush()

    def close(self) -> None:
        """Leave the part as it is, to go on later."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def publish(self) -> Path:
        """Turn the part into the table."""
        assert self._file is not None
        os.fsync(self._file.fileno())
        self.close()
        rows = [[row[name] for name in self.columns] for row in self._rows()]
        if self.target.suffix.lower() == ".csv":
            write_csv(self.target, self.columns, rows)
        else:
            pa, pq = pyarrow()
            schema = pa.schema([(name, getattr(pa, _PARQUET[kind])()) for name, kind in self._kinds.items()])
            columns = {name: [row[k] for row in rows] for k, name in enumerate(self.columns)}
            table = pa.table(columns, schema=schema)
            with atomic_path(self.target) as temporary:
                pq.write_table(table, temporary)
        self.path.unlink()
        return self.target

    def _rows(self) -> Iterator[Row]:
        with self.path.open(encoding="utf-8") as file:
            next(file)
            yield from map(json.loads, file)

    def _existing(self) -> tuple[dict[str, Row], int]:
        """The rows that were written whole, and where they end in the file."""
        if not self.path.is_file():
            return {}, 0
        head, *lines = self.path.read_bytes().split(b"\n")
        if not lines:
            return {}, 0
        if head.decode("utf-8", "replace") != self._head:
            raise ConfigError(
                f"{self.path} was begun with another model, other columns or another version; pass overwrite=True to "
                "begin anew, or give another path."
            )
        rows: dict[str, Row] = {}
        end = len(head) + 1
        for line in lines[:-1]:  # what follows the last line feed was cut off
            try:
                row = json.loads(line)
            except ValueError:
                break
            rows[row[self.columns[0]]] = row
            end += len(line) + 1
        return rows, end


def pyarrow() -> tuple[Any, Any]:
    """`pyarrow` and `pyarrow.parquet`.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingDependencyError(
            "Parquet files are written with pyarrow, which is not installed; run `pip install 'skinzoo[data]'`."
        ) from error
    return pa, pq
