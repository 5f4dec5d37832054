"""The audit itself: from datasets to what they share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from skinzoo.datasets.auditing.matches import Found, find_matches
from skinzoo.datasets.auditing.measuring import Looks, look
from skinzoo.datasets.auditing.near import MIN_SIMILARITY
from skinzoo.datasets.auditing.pool import Pool
from skinzoo.datasets.auditing.result import Audit, Overlap
from skinzoo.datasets.auditing.shifts import Shift, find_shifts
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.exposure import SAME_PICTURE, Exposure, leakage_meter
from skinzoo.datasets.filesource import FileSource
from skinzoo.datasets.remembering import CachePlace
from skinzoo.datasets.survey import check_workers
from skinzoo.errors import ConfigError


def audit(
    *datasets: SkinDataset,
    near: bool = True,
    workers: int | None = None,
    progress: bool = True,
    cache: CachePlace = True,
    **named_parts: SkinDataset,
) -> Audit:
    """Find what datasets, or the parts of a split, have in common, and what stands twice within one.

    Looked for are shared ids (freed of what distributions hang on to them), shared lesions and patients (between
    collections of one `DatasetInfo.namespace`, and within one collection), files that are equal byte for byte,
    near-identical pictures (re-encoded, resized, squashed, recoloured, flipped, turned by quarters; not cropped ones),
    and labels of one picture that exclude one another. Beside a part whose name begins with `train`, every other one
    gets its exposure by class; classes and metadata are compared as well.

    An audit sees the rows that a dataset has. Opening a collection sets contradictory and repeated files aside; to
    audit all that a folder holds, open it with `conflicts="keep", duplicates="keep"`. What was set aside is noted.

    Args:
        *datasets: One or several.
        near: Look for near-identical pictures: every picture is decoded once. False compares ids and files only.
        workers: Threads that decode; None for one per core.
        progress: Show a bar if this is a terminal.
        cache: True to remember what files look like in `$SKINZOO_CACHE` (default `~/.cache/skinzoo`), under
            `patterns`, about 1 kB a picture; False not to; or another folder.
        **named_parts: The same with a name each, such as `train=..., val=..., test=...`.

    Returns:
        The result; `print` it, `.save(folder)` it as a page, or call `.raise_for_leaks()`.

    Raises:
        ConfigError: Nothing to audit, something that is no dataset, or a value that makes no sense.
    """
    named = _named(datasets, named_parts)
    check_workers(workers)
    pool = Pool(named)
    looks = look(pool, workers=workers, progress=progress, cache=cache) if near else Looks.none(len(pool))
    found = find_matches(pool, looks, near=near)
    return Audit(
        datasets=named,
        findings=found.matches,
        overlaps=tuple(_overlaps(pool, found)),
        exposures=tuple(_exposures(pool, found)),
        shifts=tuple(_shifts(pool)),
        unreadable={(e.dataset, e.id): looks.problems[i] for i in sorted(looks.problems) for e in [pool.entry(i)]},
        notes=tuple(_notes(pool, found, near=near)),
        near=near,
    )


def _named(datasets: tuple[SkinDataset, ...], parts: Mapping[str, SkinDataset]) -> dict[str, SkinDataset]:
    named: dict[str, SkinDataset] = {}
    for name, dataset in [*(("", d) for d in datasets), *parts.items()]:
        if not isinstance(dataset, SkinDataset):
            hint = " Give its parts one by one: audit(*parts)." if isinstance(dataset, list | tuple) else ""
            raise ConfigError(f"{name or type(dataset).__name__} is no SkinDataset: {str(dataset)[:80]!r}.{hint}")
        called = name or dataset.name
        number = 2
        while called in named:
            called, number = f"{name or dataset.name} ({number})", number + 1
        named[called] = dataset
    if not sum(map(len, named.values())):
        raise ConfigError("there is no picture to audit; give one dataset or several, as load_dataset returns them.")
    return named


def _overlaps(pool: Pool, found: Found) -> Iterator[Overlap]:
    shown = [set(found.picture[list(pool.rows(part))].tolist()) for part in range(len(pool.names))]
    for a, name in enumerate(pool.names):
        for b, other in enumerate(pool.names):
            if a != b and (shared := shown[a] & shown[b]):
                rows = found.picture[list(pool.rows(a))]
                yield Overlap(name, other, int(np.isin(rows, list(shared)).sum()), len(rows))


def _training(pool: Pool) -> int | None:
    """The part to train on, by its name."""
    called = [name.casefold() for name in pool.names]
    marked = [d.part.casefold() for d in pool.datasets]
    for names in (called, marked):
        if len(found := [k for k, name in enumerate(names) if name.startswith("train")]) == 1:
            return found[0]
    return None


def _exposures(pool: Pool, found: Found) -> Iterator[Exposure]:
    train = _training(pool)
    if train is None:
        return
    trained = pool.datasets[train]
    seen = np.unique(found.picture[list(pool.rows(train))])
    for part, dataset in enumerate(pool.datasets):
        if part != train:
            shown = np.isin(found.picture[list(pool.rows(part))], seen)
            by_name = leakage_meter(trained, dataset).why
            also = [i for i in dataset.records.ids[shown].tolist() if SAME_PICTURE not in by_name.get(i, ())]
            exposure = leakage_meter(trained, dataset, also=also)
            yield replace(exposure, train=pool.names[train], test=pool.names[part])


def _shifts(pool: Pool) -> Iterator[Shift]:
    reference = _training(pool) or 0
    for part in range(len(pool.names)):
        if part != reference:
            names = (pool.names[reference], pool.names[part])
            yield from find_shifts(pool.datasets[reference], pool.datasets[part], names)


def _notes(pool: Pool, found: Found, *, near: bool) -> Iterator[str]:
    reports = {id(d.integrity): d.integrity for d in pool.datasets}
    for report in reports.values():
        aside = [f for f in report.findings if f.action == "quarantined"]
        if aside:
            codes = ", ".join(
                f"{c} {sum(f.count for f in aside if f.code == c):,}" for c in sorted({f.code for f in aside})
            )
            keep = {"DUP_CONFLICT", "DUP_ID"} & {f.code for f in aside}
            hint = "; open with conflicts='keep', duplicates='keep' to audit copies too" if keep else ""
            yield (
                f"{report.num_quarantined:,} of {report.num_rows:,} rows of {report.name} were set aside when it was "
                f"opened ({codes}) and are not part of this audit{hint}"
            )
    if not near and any(type(d.source) is not FileSource for d in pool.datasets):
        yield "pictures that come from no files were compared by their ids only; near=True compares their pixels"
    if found.told:
        yield f"{found.told:,} near-identical pairs are told by their ids, bytes, lesions or patients anyway"
    if len(found.plain):
        examples = ", ".join(pool.entry(int(i)).id for i in found.plain[:3])
        yield f"{len(found.plain):,} pictures are too plain to be compared by look (such as {examples})"
    if misnamed := sum(m.kind == "id" and m.similarity < MIN_SIMILARITY for m in found.matches):
        yield f"{misnamed:,} ids stand for pictures that look different: other crops, or other pictures"
