"""What every collection with one folder per class shares: reading the tree, naming the pictures, opening them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skinzoo.datasets.adapters._lesions import lesions_for
from skinzoo.datasets.base import Records, SkinDataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import ImageFile, Listing, list_folders, not_found, subfolders
from skinzoo.datasets.opening import open_files, unknown_groups
from skinzoo.datasets.sniff import IMAGE_SUFFIXES
from skinzoo.errors import LabelError
from skinzoo.files import sha256_of
from skinzoo.taxonomy import ISIC9, ISIC2018, LabelSpace

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


def open_class_folders(
    info: DatasetInfo,
    root: Path,
    checks: CheckOptions,
    *,
    label_space: LabelSpace | None = None,
    lesions: dict[str, str] | None = None,
) -> SkinDataset:
    """Open a tree of class folders, with or without `Train` and `Test` above them.

    Args:
        info: Declared facts.
        root: The folder above the class folders, or above `Train` and `Test`.
        checks: How closely to look at the files.
        label_space: The classes; None takes them from the folders.
        lesions: Lesion ids by `canonical_id`; None if the collection does not ask for lesions.

    Raises:
        DatasetNotFoundError: No class folder with an image, or `Train` and `Test` hold images but no class folders; the
            message shows what was found.
        LabelError: A folder with images is no class of `label_space`.
    """
    tree = _read_tree(info, root)
    listings = [list_folders(root, [c.path]) for c in tree.classes]
    files = [file for listing in listings for file in listing.images]
    if not files:
        raise not_found(info, root, "no image in any class folder")
    filled = [c for c, listing in zip(tree.classes, listings, strict=True) if listing.images]
    space = label_space or _label_space([c.title for c in tree.classes], [c.title for c in filled])
    label = {c.title: _index(space, c) for c in filled}
    spread = [c for c, listing in zip(tree.classes, listings, strict=True) for _ in listing.images]
    barred = {path: why for listing in listings for path, why in listing.barred.items()}
    ids = _ids(root, files, barred)
    findings = _findings(root, tree, listings, space)
    groups = None
    if lesions is not None:
        groups = lesions_for(ids, lesions)
        findings += unknown_groups(ids, groups, info.group)
    records = Records.build(
        ids,
        labels=[label[c.title] for c in spread],
        groups=groups,
        images=[f.path for f in files],
        metadata={"official_split": np.array([c.official for c in spread], dtype=object)},
    )
    return open_files(info, root, records, space, checks, num_rows=len(records), findings=findings, barred=barred)


def _read_tree(info: DatasetInfo, base: Path) -> Tree:
    """What the folders below `base` stand for.

    Single folders, such as those that archives unpack to, are gone through. `Train`, `Test` and the like are parts if
    one of them has folders in it; a single such folder beside others is a class that is called so.
    """
    above, children = [base], subfolders(base)
    while len(children) == 1 and _is_wrapper(children[0]):
        above, children = [*above, children[0]], subfolders(children[0])
    inner = {child: _inner(child) for child in children if _official(child)}
    if not any(folders for _, folders in inner.values()):
        flat = [child for child in inner if list_folders(base, [child]).images]
        if len(flat) > 1 or (flat and len(children) == 1):
            names = " and ".join(f"{child.name}/" for child in flat)
            raise not_found(
                info,
                base,
                f"images directly in {names}, so that nothing says whether these are parts or classes; "
                "put a folder per class into them, or rename them",
            )
        return Tree([ClassFolder(child, child.name.strip(), "") for child in children], above, [])
    classes = [ClassFolder(f, f.name.strip(), _official(part)) for part, (_, found) in inner.items() for f in found]
    classes.sort(key=lambda c: (c.official != "train", c.official, c.title))  # training copy first
    above += [folder for passed, _ in inner.values() for folder in passed]
    return Tree(classes, above, [child for child in children if child not in inner])


def _is_wrapper(folder: Path) -> bool:
    """True for a single folder to be gone through; a single part is not, unless it holds parts itself."""
    inside = subfolders(folder)
    return bool(inside) and (not _official(folder) or any(map(_official, inside)))


def _official(folder: Path) -> str:
    return _OFFICIAL.get(folder.name.strip().lower(), "")


def _inner(part: Path) -> tuple[list[Path], list[Path]]:
    """The folders passed on the way to a part's class folders, and these."""
    inside = subfolders(part)
    if len(inside) == 1 and inside[0].name.lower() == part.name.lower():
        return [part, inside[0]], subfolders(inside[0])
    return [part], inside


def _findings(root: Path, tree: Tree, listings: Sequence[Listing], space: LabelSpace) -> list[Finding]:
    """What lies in the tree and is not used, and the classes of which nothing is there."""
    unused = {path: "not an image by its ending" for listing in listings for path in listing.others}
    unused |= {path: "a folder inside a class folder" for listing in listings for path in listing.folders}
    unused |= {f"{f.relative_to(root).as_posix()}/": "a folder beside Train and Test" for f in tree.beside}
    unused |= {f.path: "an image outside of every class folder" for f in list_folders(root, tree.above).images}
    found = [Finding.of("EXTRA_FILE", "", path, f"{what}; not used", "kept") for path, what in unused.items()]
    message = "no image in it; it is no class"
    found += [
        Finding.of("CLASS_EMPTY", "", f"{c.path.relative_to(root).as_posix()}/", message, "kept")
        for c in tree.classes
        if not _has_class(space, c.title)
    ]
    message = "a symbolic link to nothing where a folder is expected; the images behind it are absent"
    return found + [
        Finding.of("FILE_MISSING", "", path.relative_to(root).as_posix(), message, "kept")
        for folder in tree.above
        for path in sorted(folder.iterdir())
        if path.is_symlink() and not path.exists() and path.suffix.lower() not in IMAGE_SUFFIXES
    ]


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


def _index(space: LabelSpace, folder: ClassFolder) -> int:
    try:
        return space.index(folder.title)
    except LabelError as error:
        raise LabelError(f"{folder.path} holds images, but {error}") from error


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
