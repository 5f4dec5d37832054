"""The last step of an adapter whose pictures lie in one HDF5 file: what `opening` does for files, of its datasets.

`check="none"` only makes sure that the datasets are there. Both other ways read every byte once, for datasets have no
ends that could be looked at for less: `"quick"` then looks at the bytes as it would at a file's ends, `"full"` decodes
them. Nothing of that is remembered for the next time.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.duplicates import settle_duplicates
from skinzoo.datasets.hdf5 import HDF5Source
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Action, Finding, IntegrityReport
from skinzoo.datasets.listing import not_found
from skinzoo.datasets.looking import MIN_SIDE, Facts, decode_facts, sha256_of_bytes
from skinzoo.datasets.opening import Rows, unknown_groups
from skinzoo.datasets.records import IntArray, Records
from skinzoo.datasets.sniff import TAIL_BYTES, looks_complete, open_image
from skinzoo.datasets.survey import check_workers, in_parallel, progress_bar
from skinzoo.errors import ImageDecodeError


class _Looked(NamedTuple):
    """What looking at all datasets gave.

    Attributes:
        good: False where one cannot be used (N,).
        same: Positions of those that are equal byte for byte.
        findings: About the others, and about conversions.
    """

    good: NDArray[np.bool_]
    same: list[list[int]]
    findings: list[Finding]


def open_hdf5(
    info: DatasetInfo, root: Path, file: Path, rows: Rows, checks: CheckOptions, *, part: str = ""
) -> SkinDataset:
    """Find the pictures of a table's rows in an HDF5 file, screen them, and return the dataset.

    Args:
        info: Declared facts.
        root: The collection's folder.
        file: The HDF5 file; a dataset is called like the id of its picture.
        rows: The table.
        checks: How closely to look.
        part: Name of the part.

    Raises:
        MissingDependencyError: `h5py` is not installed.
        DataError: Not a whole HDF5 file.
        DatasetNotFoundError: Not a single picture of the table is there.
        IntegrityError: `checks.strict`, and something cannot be used.
    """
    assert info.label_space is not None, f"{info.name} has no label space"
    source = HDF5Source(file)
    positions = source.find(rows.ids)
    if not (positions >= 0).any():
        examples = ", ".join(rows.ids[:3])
        raise not_found(info, root, f"{file.name} has none of the {len(rows.ids)} pictures (such as {examples})")
    usable = np.ones(len(rows.ids), dtype=bool) if rows.usable is None else rows.usable
    findings = [*rows.findings, *_absent(source, rows.ids, usable & (positions < 0)), *_extra(source, positions)]
    if rows.groups is not None:
        findings += unknown_groups(rows.ids, rows.groups, info.group)
    ids = np.asarray(rows.ids, dtype=np.str_)
    records = Records.build(ids, labels=rows.labels, groups=rows.groups, images=ids, metadata=rows.metadata)
    numbers = np.arange(len(records))
    records, numbers = _take(records, numbers, usable & (positions >= 0))
    same: list[list[int]] = []
    if checks.check != "none":
        good, same, more = _look_at_all(source, records, numbers, checks, info.name)
        findings += more
        records, numbers = _take(records, numbers, good)
    if same or len(np.unique(positions[numbers])) < len(records):
        settled = settle_duplicates(
            records,
            same,
            info.label_space.classes,
            duplicates=checks.duplicates,
            conflicts=checks.conflicts,
            rows=numbers,
        )
        records, findings = settled.records, [*findings, *settled.findings]
    report = IntegrityReport(info.name, len(rows.ids), findings).announce(strict=checks.strict)
    return SkinDataset(info, records, info.label_space, source, integrity=report, part=part)


def _take(records: Records, numbers: IntArray, keep: NDArray[np.bool_]) -> tuple[Records, IntArray]:
    return (records, numbers) if keep.all() else (records.take(keep), numbers[keep])


def _absent(source: HDF5Source, ids: Sequence[str], absent: NDArray[np.bool_]) -> list[Finding]:
    links = set(source.links)
    findings = []
    for row in np.flatnonzero(absent).tolist():
        name = ids[row]
        code, why = ("PATH_ESCAPE", "a link") if name in links else ("FILE_MISSING", "no dataset of that name")
        findings.append(Finding.of(code, name, "", f"{why} in {source.path.name}", "quarantined", row=row))
    return findings


def _extra(source: HDF5Source, positions: IntArray) -> list[Finding]:
    named = np.zeros(len(source.names), dtype=bool)
    named[positions[positions >= 0]] = True
    extra = np.flatnonzero(~named)
    if not len(extra):
        return []
    first = source.names[extra[0]].decode(errors="replace")
    message = f"no row of the table names {len(extra)} of its datasets, such as {first}"
    return [Finding.of("EXTRA_FILE", "", source.path.name, message, "kept", count=len(extra))]


def _look_at_all(source: HDF5Source, records: Records, numbers: IntArray, checks: CheckOptions, name: str) -> _Looked:
    full = checks.check == "full"
    keys = records.images.tolist()
    good = np.ones(len(keys), dtype=bool)
    digests = np.zeros(len(keys), dtype=np.uint64)
    findings: list[Finding] = []
    workers = check_workers(checks.workers) if full else 1
    with progress_bar(len(keys), f"scanning {name}", show=checks.progress) as advance:
        facts = (f for round in in_parallel(lambda key: look(source, key, full=full), keys, workers) for f in round)
        for i, fact in enumerate(facts):
            advance(1)
            good[i] = fact.error is None
            digests[i] = int(fact.sha256[:16] or "0", 16)
            findings += _notes(fact, keys[i], int(numbers[i]))
    return _Looked(good, _same(source, [keys[i] for i in np.flatnonzero(good)], digests[good]), findings)


def look(source: HDF5Source, key: str, *, full: bool) -> Facts:
    """Facts about one dataset: by decoding it, or only where its first and last bytes leave a doubt."""
    try:
        data = source.content(key)
        header = open_image(io.BytesIO(data), key)[1]
    except ImageDecodeError as error:
        return Facts(None, error=error)
    if full or not looks_complete(header.format, data[-TAIL_BYTES:]) or min(header.size) < MIN_SIDE:
        return decode_facts(data, key, mask=False)
    return Facts(header, header.notes, num_bytes=len(data), sha256=sha256_of_bytes(data))


def _notes(fact: Facts, key: str, row: int) -> Iterable[Finding]:
    if fact.error is not None:
        yield Finding.of(fact.error.code, key, key, str(fact.error), "quarantined", row=row)
        return
    for code in fact.notes:
        action: Action = "kept" if code == "IMG_FORMAT_MISMATCH" else "converted"
        described = f"{fact.header.format}, mode {fact.header.mode}" if fact.header else ""
        yield Finding.of(code, key, key, described, action, row=row)


def _same(source: HDF5Source, keys: Sequence[str], digests: NDArray[np.uint64]) -> list[list[int]]:
    """Positions of equal bytes; digests, of which only a part is kept, say which ones to compare."""
    values, times = np.unique(digests, return_counts=True)
    alike: dict[str, list[int]] = defaultdict(list)
    for i in np.flatnonzero(np.isin(digests, values[times > 1])).tolist():
        alike[sha256_of_bytes(source.content(keys[i]))].append(i)
    return [members for members in alike.values() if len(members) > 1]
