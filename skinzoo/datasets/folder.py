"""Any collection that keeps one folder per class, such as Kaggle's nine "Skin cancer ISIC" classes."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skinzoo.datasets.base import DatasetInfo, Records, SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import ImageFile, list_folders, not_found, open_root, subfolders
from skinzoo.datasets.opening import open_files
from skinzoo.errors import LabelError
from skinzoo.files import sha256_of
from skinzoo.taxonomy import ISIC9, ISIC2018, LabelSpace

INFO = DatasetInfo(
    name="folder",
    title="One folder per class",
    tree="""\
root/
  <class name>/*.jpg
or
root/
  Train/<class name>/*.jpg
  Test/<class name>/*.jpg
""",
)

_OFFICIAL = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_COPY = re.compile(r"^(.+?)(?: ?\(\d+\)| - copy)$", re.IGNORECASE)
_ARCHIVE_ID = re.compile(r"^ISIC_\d+$")


class ClassFolder(NamedTuple):
    """One folder of one class.

    Attributes:
        path: The folder.
        title: The class, as the folder is called.
        official: `"train"`, `"val"` or `"test"`; empty without such a division.
    """

    path: Path
    title: str
    official: str


@register_dataset(INFO)
def folder(
    root: str | os.PathLike[str],
    *,
    check: str = "quick",
    duplicates: str = "drop",
    conflicts: str = "drop",
    strict: bool = False,
) -> SkinDataset:
    """Open a tree of class folders, with or without `Train` and `Test` above them.

    The classes are the folders: the nine titles of `ISIC9`, or names of all seven classes of `ISIC2018`, give those
    label spaces; others a label space of their own, in alphabetical order. The metadata column `official_split` keeps
    `"train"`, `"val"` or `"test"`.

    The id is the file's name without its ending. A byte-identical copy called `X(1)` beside `X` has the id `X`. Where
    different pictures of several folders have one everyday name (`1.jpg` here and there), the folder becomes part of
    the id; an ISIC archive id always means one picture.

    Args:
        root: The folder above the class folders, or above `Train` and `Test`.
        check: `"quick"` looks at both ends of each file, `"full"` decodes each, `"none"` only looks for the files.
        duplicates: Files with the same id and class: `"drop"` all but the first, or `"keep"`.
        conflicts: One picture under different classes: `"drop"` all its files, or `"keep"`.
        strict: Raise instead of setting unusable files aside.

    Raises:
        DatasetNotFoundError: No class folder with an image; the message shows what was found.
        IntegrityError: `strict` and something is unusable.
    """
    options = CheckOptions(check, duplicates, conflicts, strict)
    base = open_root(root, INFO)
    top, classes, beside = _class_folders(base)
    listings = [list_folders(base, [c.path]) for c in classes]
    files = [file for listing in listings for file in listing.images]
    if not files:
        raise not_found(INFO, base, "no image in any class folder")
    space = _label_space({c.title for c in classes})
    spread = [c for c, listing in zip(classes, listings, strict=True) for _ in listing.images]
    escapes = {path for listing in listings for path in listing.escapes}
    records = Records.build(
        _ids(base, files, escapes),
        labels=[space.index(c.title) for c in spread],
        images=[f.path for f in files],
        metadata={"official_split": np.array([c.official for c in spread], dtype=object)},
    )
    unused = {path: "not an image by its ending" for listing in listings for path in listing.others}
    unused |= {path: "a folder inside a class folder" for listing in listings for path in listing.folders}
    unused |= {f"{f.relative_to(base).as_posix()}/": "a folder beside Train and Test" for f in beside}
    unused |= {f.path: "an image outside of every class folder" for f in list_folders(base, [top]).images}
    extra = [Finding.of("EXTRA_FILE", "", path, f"{what}; not used", "kept") for path, what in unused.items()]
    return open_files(INFO, base, records, space, options, num_rows=len(records), findings=extra, escapes=escapes)


def _class_folders(base: Path) -> tuple[Path, list[ClassFolder], list[Path]]:
    """The folder that is divided into classes or parts, its class folders, and folders in it that are neither.

    Single folders, such as those that archives unpack to, are gone through.
    """
    children = subfolders(base)
    while len(children) == 1 and subfolders(children[0]):
        base, children = children[0], subfolders(children[0])
    found: list[ClassFolder] = []
    for child in children:
        if child.name.strip().lower() in _OFFICIAL:
            official = _OFFICIAL[child.name.strip().lower()]
            inner = subfolders(child)
            if len(inner) == 1 and inner[0].name.lower() == child.name.lower():
                inner = subfolders(inner[0])
            found += [ClassFolder(c, c.name.strip(), official) for c in inner]
        else:
            found.append(ClassFolder(child, child.name.strip(), ""))
    divided = any(c.official for c in found)
    beside = [c.path for c in found if divided and not c.official]
    found = [c for c in found if c.path not in beside]
    return (
        base,
        sorted(found, key=lambda c: (c.official != "train", c.official, c.title)),
        beside,
    )  # training copy first


def _label_space(titles: set[str]) -> LabelSpace:
    names = {t.casefold() for t in titles}
    if names == {ISIC9.title(code).casefold() for code in ISIC9}:
        return ISIC9
    try:
        if len({ISIC2018.index(t) for t in titles}) == len(names) == len(ISIC2018):
            return ISIC2018
    except LabelError:
        pass
    shown = {t.casefold(): t for t in sorted(titles, reverse=True)}
    return LabelSpace.from_names(shown[name] for name in sorted(shown))


def _ids(base: Path, files: Sequence[ImageFile], escapes: Iterable[str]) -> list[str]:
    stems = {f.stem for f in files}
    digest = _Digests(base, frozenset(escapes))
    by_name: dict[str, list[ImageFile]] = defaultdict(list)
    for file in files:
        by_name[file.stem].append(file)
    ids = []
    for file in files:
        copy = _COPY.match(file.stem)
        original = copy[1] if copy else ""
        if original in stems and any(digest.same(file.path, o.path) for o in by_name[original]):
            ids.append(original)
        elif _ARCHIVE_ID.match(file.stem) or all(digest.same(file.path, o.path) for o in by_name[file.stem]):
            ids.append(file.stem)
        else:
            ids.append("_".join([*Path(file.path).parts[:-1], file.stem]))
    return ids


class _Digests:
    """Which files are equal byte for byte; each is read once, and only if another has its size."""

    def __init__(self, base: Path, unreadable: frozenset[str]) -> None:
        self._base = base
        self._unreadable = unreadable
        self._known: dict[str, str] = {}

    def same(self, a: str, b: str) -> bool:
        if a == b:
            return True
        if {a, b} & self._unreadable or self._size(a) != self._size(b):
            return False
        return self._digest(a) == self._digest(b)

    def _size(self, path: str) -> int:
        return (self._base / path).stat().st_size

    def _digest(self, path: str) -> str:
        if path not in self._known:
            self._known[path] = sha256_of(self._base / path)
        return self._known[path]
