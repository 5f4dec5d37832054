"""What every file-based adapter does when a collection is opened: look at each file, set aside what cannot be used.

`check="quick"` reads the first and last bytes of each file and decodes only where they leave a doubt; `"full"` decodes
everything, once: what it finds is remembered (see `skinzoo.scan`); `"none"` only makes sure that the files are there.

A bad mask costs the mask, not the picture: the row is kept without it, with a finding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.conflicts import Ranks
from skinzoo.datasets.decode import mask_turn
from skinzoo.datasets.duplicates import equal_sets, refuse_ambiguous, settle_duplicates
from skinzoo.datasets.filesource import check_relative
from skinzoo.datasets.integrity import Action, Finding
from skinzoo.datasets.looking import PLAIN, Facts, Reading, look_briefly, read_content, sha256_of_bytes
from skinzoo.datasets.records import IntArray, Records
from skinzoo.datasets.sniff import Header
from skinzoo.datasets.survey import Survey
from skinzoo.errors import ImageDecodeError


def screen(
    root: Path,
    records: Records,
    options: CheckOptions,
    *,
    class_names: Sequence[str],
    expect_masks: bool = False,
    barred: Mapping[str, tuple[str, str]] | None = None,
    rows: IntArray | None = None,
    outranks: Ranks = (),
    reading: Reading = PLAIN,
    name: str = "",
) -> tuple[Records, list[Finding]]:
    """Set aside the rows that cannot be used.

    Args:
        root: The collection's folder.
        records: All its rows; `images` is empty where no file was found. Ids need not be unique.
        options: How closely to look, and what to do with duplicates.
        class_names: For messages.
        expect_masks: Report rows without a mask.
        barred: Files that are never opened, each with the code and the message of its finding.
        rows: Number of each record's row in the collection (N,), for the findings.
        outranks: Pairs of class indices, for `conflicts="resolve"`: the first is known to be right.
        reading: How the files will be read for use.
        name: Of the collection, for the progress bar.

    Returns:
        The usable rows, with unique ids, and the findings about the others.

    Raises:
        DataError: A path leads out of the root.
        IntegrityError: Two different files of one folder answer to one id.
    """
    with _Screening(root, records, options, rows, reading, name) as work:
        work.drop_absent(barred or {})
        if options.check != "none":
            work.drop_bad_images()
        work.settle_duplicates(class_names, outranks)
        if expect_masks:
            work.note_rows_without_mask()
        if options.check != "none":
            work.drop_bad_masks()
    return work.records, work.findings


class _Screening:
    """The rows that are still in use, what is known about their files, and what was found so far."""

    def __init__(
        self, root: Path, records: Records, options: CheckOptions, rows: IntArray | None, reading: Reading, name: str
    ) -> None:
        self.records = records
        self._root = root
        self._options = options
        self._rows = np.full(len(records), -1) if rows is None else rows
        self._reading = reading
        self._images: dict[str, Facts] = {}
        self._masks: dict[str, Facts] = {}
        self._findings: list[Finding] = []
        self._survey: Survey | None = None
        if options.check == "full":
            self._survey = Survey(
                root,
                reading=reading,
                workers=options.workers,
                progress=options.progress,
                cache=options.cache,
                name=name,
            )

    def __enter__(self) -> _Screening:
        return self

    def __exit__(self, *error: object) -> None:
        if self._survey is not None:
            self._survey.close()

    @property
    def findings(self) -> list[Finding]:
        """What was found, with the sha256 of the files where it is known."""
        digests = {path: fact.sha256 for facts in (self._masks, self._images) for path, fact in facts.items()}
        return [replace(f, sha256=digests.get(f.path, "")) for f in self._findings]

    def drop_absent(self, barred: Mapping[str, tuple[str, str]]) -> None:
        keep = np.ones(len(self.records), dtype=bool)
        for i, image in enumerate(self.records.images.tolist()):
            if not image:
                keep[i] = False
                self._note(i, "FILE_MISSING", "no image file of that name", "quarantined")
            elif image in barred:
                keep[i] = False
                self._note(i, *barred[image], "quarantined")
            else:
                check_relative(image)
        self._take(keep)

    def drop_bad_images(self) -> None:
        paths = self.records.images.tolist()
        self._images = self._look(paths, mask=False)
        if self._survey is None:
            self._hash_suspects()
        keep = np.ones(len(paths), dtype=bool)
        for i, path in enumerate(paths):
            fact = self._images[path]
            if fact.error is not None:
                keep[i] = False
                self._note(i, fact.error.code, str(fact.error), "quarantined")
                continue
            for code in fact.notes:
                action: Action = "kept" if code == "IMG_FORMAT_MISMATCH" else "converted"
                self._note(i, code, f"{fact.header.format}, mode {fact.header.mode}" if fact.header else "", action)
        self._take(keep)

    def settle_duplicates(self, class_names: Sequence[str], outranks: Ranks) -> None:
        digests = [self._images[p].sha256 if p in self._images else "" for p in self.records.images.tolist()]
        refuse_ambiguous(self._root, self.records, digests)
        settled = settle_duplicates(
            self.records,
            equal_sets(digests),
            class_names,
            duplicates=self._options.duplicates,
            conflicts=self._options.conflicts,
            outranks=outranks,
            rows=self._rows,
        )
        self._findings += settled.findings
        self.records, self._rows = settled.records, self._rows[settled.keep]

    def note_rows_without_mask(self) -> None:
        for i in np.flatnonzero(self.records.masks == "").tolist():
            self._note(i, "MASK_MISSING", "no mask file", "kept")

    def drop_bad_masks(self) -> None:
        masks = self.records.masks.copy()
        rows = np.flatnonzero(masks != "").tolist()
        self._masks = self._look([str(masks[i]) for i in rows], mask=True)
        resized: list[int] = []
        for i in rows:
            path = str(masks[i])
            try:
                if self._is_resized(i, path):
                    resized.append(i)
            except ImageDecodeError as error:
                masks[i] = ""
                self._note(i, error.code, f"{error}; the row is used without a mask", "kept", path=path)
            else:
                for code in self._masks[path].notes:
                    self._note(i, code, "", "converted" if code == "MASK_THRESHOLD" else "kept", path=path)
        if resized:
            first, count = resized[0], len(resized)
            message = f"{count} masks have another size than their image, of the same aspect ratio"
            name, path = str(self.records.ids[first]), str(masks[first])
            self._findings.append(Finding.of("MASK_RESIZED", name, path, message, "converted", count=count))
        self.records = replace(self.records, masks=masks)

    def _is_resized(self, i: int, path: str) -> bool:
        """True if the mask has to be resized when it is read; raises `MaskError` if it cannot be used."""
        mask, image = self._masks[path], self._images[str(self.records.images[i])]
        if mask.error is not None:
            raise mask.error
        assert mask.header is not None
        assert image.header is not None
        return _is_other_size(mask.header, image.header)

    def _look(self, paths: Sequence[str], *, mask: bool) -> dict[str, Facts]:
        """Facts about files by path, found as closely as the options say."""
        if self._survey is not None:
            return dict(zip(paths, (self._survey.masks if mask else self._survey.images)(paths), strict=True))
        return {path: look_briefly(self._full(path), mask=mask, reading=self._reading) for path in paths}

    def _hash_suspects(self) -> None:
        """Find the sha256 of the images that may be copies of each other: of one size, with one end."""
        alike: dict[tuple[int, bytes], list[str]] = defaultdict(list)
        for path, fact in self._images.items():
            if fact.error is None:
                alike[fact.num_bytes, fact.tail].append(path)
        for path in (p for paths in alike.values() if len(paths) > 1 for p in paths):
            fact = self._images[path]
            try:
                digest = fact.sha256 or sha256_of_bytes(read_content(self._full(path)).data)
                self._images[path] = fact._replace(sha256=digest)
            except ImageDecodeError as error:  # it vanished since its ends were looked at
                self._images[path] = fact._replace(error=error)

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _take(self, keep: NDArray[np.bool_]) -> None:
        if not keep.all():
            self.records, self._rows = self.records.take(keep), self._rows[keep]

    def _note(self, i: int, code: str, message: str, action: Action, *, path: str | None = None) -> None:
        """Write down a finding about row `i`; `path` is its image's unless given."""
        where = str(self.records.images[i]) if path is None else path
        row = int(self._rows[i])
        finding = Finding.of(code, str(self.records.ids[i]), where, message, action, row=row if row >= 0 else None)
        self._findings.append(finding)


def _is_other_size(mask: Header, image: Header) -> bool:
    """False if a mask lies on its image as it is, pixel on pixel; raises `MaskError` if it does not fit at all."""
    shape = mask.size[::-1] if mask.orientation >= 5 else mask.size
    on_shown = mask_turn(shape, image.size, image.orientation) == 1
    return shape != (image.size[::-1] if on_shown and image.orientation >= 5 else image.size)
