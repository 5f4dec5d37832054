"""What was found wrong when a collection was opened: findings, the report over them, and its one warning."""

from __future__ import annotations

import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from skinzoo.callers import callers_level
from skinzoo.errors import IntegrityError
from skinzoo.files import write_csv, write_json

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["error", "warning", "info"]
Action = Literal["quarantined", "converted", "kept"]


class Code(NamedTuple):
    """What a finding's code stands for.

    Attributes:
        severity: `"error"` if something cannot be used, `"warning"` if somebody should look at it, `"info"` if not.
        hint: What to do about it.
    """

    severity: Severity
    hint: str


CODES: dict[str, Code] = {
    "FILE_MISSING": Code("error", "complete the download, or remove the rows from the table"),
    "FILE_UNREADABLE": Code("error", "check the permissions and the disk"),
    "FILE_CHANGED": Code("error", "wait until nobody writes to the file, then open again"),
    "PATH_ESCAPE": Code("error", "put the file itself below the collection's folder"),
    "PATH_LOOP": Code("error", "replace the symbolic link by the file"),
    "NOT_REGULAR": Code("error", "remove it: a pipe, a socket or a device is no picture"),
    "NAME_NORMALISED": Code("warning", "used: id and file differ in how accents are encoded only (Unicode NFC)"),
    "ID_AMBIGUOUS": Code("error", "rename or remove one of the files"),
    "MASK_AMBIGUOUS": Code("error", "remove one of the masks"),
    "CLASS_EMPTY": Code("warning", "no class of its own; put images into the folder, or remove it"),
    "EXTRA_FILE": Code("warning", "no row of the table speaks of these files"),
    "IMG_TRUNCATED": Code("error", "download the file again"),
    "IMG_EMPTY": Code("error", "download the file again"),
    "IMG_NOT_IMAGE": Code("error", "expired link or 403? download the file again"),
    "LFS_POINTER": Code("error", "run `git lfs pull`"),
    "IMG_BITDEPTH": Code("error", "convert to 8 bit; 16-bit files are scaled if you open with scale16=True"),
    "IMG_16BIT": Code("info", "scaled to 8 bit, as scale16=True asks for"),
    "IMG_MULTIFRAME": Code("error", "export one frame as PNG or JPEG"),
    "IMG_TOO_LARGE": Code("error", "downscale the file"),
    "IMG_DEGENERATE": Code("error", "look at the file: it is tiny or of one colour"),
    "IMG_CMYK": Code("warning", "converted to RGB; colours may differ slightly from a colour-managed viewer"),
    "IMG_ALPHA": Code("warning", "flattened on white"),
    "IMG_GRAY": Code("warning", "the grey channel stands in all three"),
    "IMG_PALETTE": Code("warning", "colours were taken from the palette"),
    "IMG_ORIENTATION": Code("warning", "turned upright as the EXIF tag says"),
    "IMG_FORMAT_MISMATCH": Code("warning", "read by its content; rename the file"),
    "MASK_MISSING": Code("error", "the images are used without a mask"),
    "MASK_UNREADABLE": Code("error", "download the masks again; the images are used without a mask"),
    "MASK_VALUES": Code(
        "error", "grey values are cut if you open with mask_threshold=128; the images are used without a mask"
    ),
    "MASK_SIZE": Code("error", "mask and image are not of one picture; the images are used without a mask"),
    "MASK_EMPTY": Code("warning", "no lesion pixel"),
    "MASK_FULL": Code("warning", "nothing but lesion pixels"),
    "MASK_PALETTE": Code("info", "read through the palette, never by the raw indices"),
    "MASK_RESIZED": Code("info", "resized to the image by nearest neighbour when read"),
    "MASK_THRESHOLD": Code("info", "grey values were cut at the threshold given"),
    "DUP_ID": Code("error", "the first copy is used; duplicates='keep' uses all"),
    "DUP_LISTED": Code(
        "warning", "by the collection's own list; the first picture is used, duplicates='keep' uses all"
    ),
    "DUP_CONFLICT": Code(
        "error",
        "one picture under several labels: not used; conflicts='resolve' keeps what is known to be right, "
        "conflicts='keep' all",
    ),
    "IDENTICAL_BYTES": Code("warning", "kept, and never separated by a split"),
    "GROUP_UNKNOWN": Code("info", "each such image is its own group, so a split may separate pictures of one lesion"),
    "SPLIT_LEAKS": Code("warning", "do not report figures on the official parts; split anew by lesion"),
    "LABEL_UNMATCHED": Code(
        "warning", "the label space that was asked for has no class for it; the row is not annotated"
    ),
    "LABEL_NONE": Code("error", "the row names no class"),
    "LABEL_MULTI": Code("error", "the one-hot row names several classes"),
    "LABEL_VALUE": Code("error", "one-hot cells are 0 or 1"),
    "LABEL_SPELLING": Code("warning", "used as the class meant; write its code as the label space does"),
    "LABEL_UNKNOWN": Code("error", "write one of the allowed classes into the table"),
    "META_VALUE": Code("warning", "treated as missing"),
    "ENCODING": Code("error", "save the table as UTF-8"),
    "CSV_DELIMITER": Code("error", "save the table with commas, semicolons or tabs between the cells"),
    "CSV_SHAPE": Code("error", "mend the line or the header that the message names"),
    "EMPTY_DATASET": Code("error", "complete the download, or give the folder above the one given"),
}
"""Every code that a report, or an error about a collection's files, can hold."""


class IntegrityWarning(UserWarning):
    """Issued once when a collection is opened in which something is unusable or should be looked at."""


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        code: One of `CODES`.
        severity: `"error"`, `"warning"` or `"info"`.
        id: The row's id; empty for a file without a row.
        path: The file below the collection's root, if it concerns one.
        message: What exactly is wrong.
        action: What was done about the row: `"quarantined"` (not used), `"converted"` or `"kept"`.
        count: Rows it stands for; above 1 only for benign findings that hold for many rows alike.
        row: Number of the row, from 0, in the collection's table or tree, or, in the report of a scan, in the dataset;
            None if it concerns no row or many.
        sha256: Of the file, as 64 hex digits, where it was read to its end; else empty.
    """

    code: str
    severity: Severity
    id: str
    path: str
    message: str
    action: Action
    count: int = 1
    row: int | None = None
    sha256: str = ""

    @classmethod
    def of(
        cls, code: str, id: str, path: str, message: str, action: Action, *, count: int = 1, row: int | None = None
    ) -> Finding:
        """A finding with the severity that `CODES` gives to its code.

        Args:
            code: One of `CODES`.
            id: The row's id; empty for a file without a row.
            path: The file below the collection's root; empty if it concerns none.
            message: What exactly is wrong.
            action: What was done about the row.
            count: Rows it stands for.
            row: Number of the row; None if it concerns no row or many.
        """
        return cls(code, CODES[code].severity, id, path, message, action, count, row)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and tables; what Unicode cannot encode is written as an escape."""
        values = {column: getattr(self, column) for column in COLUMNS}
        return {column: _as_text(v) if isinstance(v, str) else v for column, v in values.items()}


COLUMNS = ("row", "id", "path", "code", "severity", "message", "action", "count", "sha256")
"""Columns of a saved report."""


class IntegrityReport:
    """What happened to each row of a collection when it was opened.

    A row that is not used has exactly one finding with the action `"quarantined"`, so that
    `num_rows == num_ok + num_quarantined` always holds.

    Args:
        name: The collection.
        num_rows: Rows that the table or the folders promised.
        findings: Everything found.
    """

    def __init__(self, name: str, num_rows: int, findings: Iterable[Finding] = ()) -> None:
        self.name = name
        self.num_rows = num_rows
        self.findings: tuple[Finding, ...] = tuple(findings)

    @property
    def num_quarantined(self) -> int:
        """Rows that are not used."""
        return sum(f.count for f in self.findings if f.action == "quarantined")

    @property
    def num_ok(self) -> int:
        """Rows that are used."""
        return self.num_rows - self.num_quarantined

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that cost a row, its label or its mask: what `strict=True` refuses."""
        return tuple(f for f in self.findings if f.severity == "error")

    def counts(self) -> dict[str, int]:
        """Number of rows (or files) per code, in alphabetical order."""
        totals: Counter[str] = Counter()
        for finding in self.findings:
            totals[finding.code] += finding.count
        return dict(sorted(totals.items()))

    def of(self, code: str) -> list[Finding]:
        """The findings with the given code."""
        return [f for f in self.findings if f.code == code]

    def announce(self, *, strict: bool = False) -> IntegrityReport:
        """Issue the one `IntegrityWarning` if something deserves it, and return the report.

        Raises:
            IntegrityError: `strict` and a row, a label or a mask cannot be used.
        """
        if strict:
            self.refuse_errors()
        noted: Counter[str] = Counter()
        for finding in self.findings:
            if finding.severity != "info":
                noted[finding.code] += finding.count
        if noted:
            listed = ", ".join(f"{code} {n}" for code, n in sorted(noted.items()))
            warnings.warn(
                f"{self.name}: {self.num_ok} of {self.num_rows} rows are usable ({listed}). "
                "print(dataset.integrity) explains; dataset.integrity.save(path) lists every file.",
                IntegrityWarning,
                stacklevel=callers_level(),
            )
        return self

    def refuse_errors(self) -> None:
        """Do what `strict=True` asks for.

        Raises:
            IntegrityError: A row, a label or a mask cannot be used.
        """
        if self.errors:
            raise IntegrityError(f"{self}\nstrict=True refuses this; repair the files, or go on without strict.")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write all findings, as CSV if `path` ends so and as JSON otherwise; returns the path."""
        if Path(path).suffix.lower() == ".csv":
            return write_csv(path, COLUMNS, (list(f.to_dict().values()) for f in self.findings))
        return write_json(path, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "num_rows": self.num_rows,
            "num_ok": self.num_ok,
            "num_quarantined": self.num_quarantined,
            "counts": self.counts(),
            "findings": [f.to_dict() for f in self.findings],
        }

    @property
    def table(self) -> pd.DataFrame:
        """All findings as a pandas table, one row a finding, with the columns `COLUMNS`."""
        import pandas as pd

        found = pd.DataFrame([f.to_dict() for f in self.findings], columns=list(COLUMNS))
        return found.astype({"row": "Int64", "count": "int64"})

    def __str__(self) -> str:
        head = f"{self.name}: {self.num_rows} rows, {self.num_ok} usable, {self.num_quarantined} quarantined"
        if not self.findings:
            return f"{head}; nothing to report"
        grouped: dict[tuple[str, Action], list[Finding]] = defaultdict(list)
        for finding in self.findings:
            grouped[finding.code, finding.action].append(finding)
        rows = [("code", "count", "action", "first", "hint")]
        for (code, action), found in sorted(grouped.items()):
            examples = ", ".join(dict.fromkeys(_as_line(f.path or f.id) for f in found[:2]))
            rows.append((code, str(sum(f.count for f in found)), action, examples, CODES[code].hint))
        return "\n".join([head, *_aligned(rows)])

    def __repr__(self) -> str:
        return f"IntegrityReport({self.name!r}, num_rows={self.num_rows}, num_ok={self.num_ok}, {self.counts()})"


def _as_text(text: str) -> str:
    """The text, with what Unicode cannot encode written as a backslash sequence."""
    return text.encode(errors="backslashreplace").decode()


def _as_line(text: str) -> str:
    """The text, with control characters written as backslash sequences too, so that it fits into a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in _as_text(text))


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
