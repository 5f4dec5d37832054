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


class Tree(NamedTuple):
    """What the folders of a collection stand for.

    Attributes:
        classes: Folders whose images are used.
        above: Folders above them, from the root on; images directly in these belong to no class.
        beside: Folders beside the parts, which are not used.
    """

    classes: list[ClassFolder]
    above: list[Path]
    beside: list[Path]


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
    label spaces; others a label space of their own, in alphabetical order. In that, a folder without images is no class
    (`CLASS_EMPTY`). The metadata column `official_split` keeps
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
        DatasetNotFoundError: No class folder with an image, or `Train` and `Test` hold images but no class folders; the
            message shows what was found.
        IntegrityError: `strict` and something is unusable.
    """
    options = CheckOptions(check, duplicates, conflicts, strict)
    base = open_root(root, INFO)
    classes, above, beside = _tree(base)
    listings = [list_folders(base, [c.path]) for c in classes]
    files = [file for listing in listings for file in listing.images]
    if not files:
        raise not_found(INFO, base, "no image in any class folder")
    filled = [c.title for c, listing in zip(classes, listings, strict=True) if listing.images]
    space = _label_space([c.title for c in classes], filled)
    spread = [c for c, listing in zip(classes, listings, strict=True) for _ in listing.images]
    barred = {path: why for listing in listings for path, why in listing.barred.items()}
    records = Records.build(
        _ids(base, files, barred),
        labels=[space.index(c.title) for c in spread],
        images=[f.path for f in files],
        metadata={"official_split": np.array([c.official for c in spread], dtype=object)},
    )
    unused = {path: "not an image by its ending" for listing in listings for path in listing.others}
    unused |= {path: "a folder inside a class folder" for listing in listings for path in listing.folders}
    unused |= {f"{f.relative_to(base).as_posix()}/": "a folder beside Train and Test" for f in beside}
    unused |= {f.path: "an image outside of every class folder" for f in list_folders(base, above).images}
    findings = [Finding.of("EXTRA_FILE", "", path, f"{what}; not used", "kept") for path, what in unused.items()]
    findings += [
        Finding.of(
            "CLASS_EMPTY", "", f"{c.path.relative_to(base).as_posix()}/", "no image in it; it is no class", "kept"
        )
        for c in classes
        if not _has_class(space, c.title)
    ]
    return open_files(INFO, base, records, space, options, num_rows=len(records), findings=findings, barred=barred)


def _tree(base: Path) -> Tree:
    """What the folders below `base` stand for.

    Single folders, such as those that archives unpack to, are gone through. `Train`, `Test` and the like are parts if
    one of them has folders in it; a single such folder beside others is a class that is called so.
    """
    above, children = [base], subfolders(base)
    while len(children) == 1 and subfolders(children[0]):
        above, children = [*above, children[0]], subfolders(children[0])
    inner = {child: _inner(child) for child in children if _official(child)}
    if not any(folders for _, folders in inner.values()):
        flat = [child for child in inner if list_folders(base, [child]).images]
        if len(flat) > 1 or (flat and len(children) == 1):
            names = " and ".join(f"{child.name}/" for child in flat)
            raise not_found(
                INFO,
                base,
                f"images directly in {names}, so that nothing says whether these are parts or classes; "
                "put a folder per class into them, or rename them",
            )
        return Tree([ClassFolder(child, child.name.strip(), "") for child in children], above, [])
    classes = [ClassFolder(f, f.name.strip(), _official(part)) for part, (_, found) in inner.items() for f in found]
    classes.sort(key=lambda c: (c.official != "train", c.official, c.title))  # training copy first
    above += [folder for passed, _ in inner.values() for folder in passed]
    return Tree(classes, above, [child for child in children if child not in inner])


def _official(folder: Path) -> str:
    return _OFFICIAL.get(folder.name.strip().lower(), "")


def _inner(part: Path) -> tuple[list[Path], list[Path]]:
    """The folders passed on the way to a part's class folders, and these."""
    inside = subfolders(part)
    if len(inside) == 1 and inside[0].name.lower() == part.name.lower():
        return [part, inside[0]], subfolders(inside[0])
    return [part], inside


def _label_space(titles: Iterable[str], filled: Iterable[str]) -> LabelSpace:
    """The known label space that all folders or those with images make up; otherwise one of those with images."""
    shown = {t.casefold(): t for t in sorted(filled, reverse=True)}
    own = LabelSpace.from_names(shown[name] for name in sorted(shown))
    return _known_space(set(titles)) or _known_space(set(filled)) or own


def _known_space(titles: set[str]) -> LabelSpace | None:
    names = {t.casefold() for t in titles}
    if names == {ISIC9.title(code).casefold() for code in ISIC9}:
        return ISIC9
    try:
        if len({ISIC2018.index(t) for t in titles}) == len(names) == len(ISIC2018):
            return ISIC2018
    except LabelError:
        pass
    return None


def _has_class(space: LabelSpace, title: str) -> bool:
    try:
        space.index(title)
    except LabelError:
        return False
    return True


def _ids(base: Path, files: Sequence[ImageFile], barred: Iterable[str]) -> list[str]:
    stems = {f.stem for f in files}
    digest = _Digests(base, frozenset(barred))
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
