"""Finding a collection's folders, tables and image files on a disk where nobody kept to the official names exactly."""

from __future__ import annotations

import errno
import filecmp
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from skinzoo.datasets.fetching import how_to_get
from skinzoo.datasets.ids import composed
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.sniff import IMAGE_SUFFIXES
from skinzoo.errors import ConfigError, DatasetNotFoundError, IntegrityError

_NOT_DATA = ("attribution.txt", "license.txt", "licenses.txt", "readme.md", "readme.txt", "thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class ImageFile:
    """An image file of a listing.

    Attributes:
        path: Relative to the collection's root, with forward slashes.
        stem: The name without its ending, in Unicode's composed form (NFC).
    """

    path: str
    stem: str


@dataclass
class Listing:
    """What lies in some folders.

    Attributes:
        images: Files with an image's ending, by path.
        barred: Those of them that are never opened, by path, each with the code and the message of its finding:
            symbolic links out of the root or to nothing, and what is no file, such as a pipe.
        others: Paths of files of any other kind.
        folders: Paths of the folders in them, which were not listed, with a slash at the end.
    """

    images: list[ImageFile] = field(default_factory=list)
    barred: dict[str, tuple[str, str]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def list_folders(root: Path, folders: Iterable[Path]) -> Listing:
    """List folders below `root`, one directory read each; hidden files and `*_superpixels.png` are passed over."""
    listing = Listing()
    base = os.path.realpath(root)
    for folder in folders:
        prefix = folder.relative_to(root).as_posix()
        outside = _leads_out(folder, base)
        with os.scandir(folder) as entries:
            for stem, suffix, entry in sorted(map(_parts, entries), key=lambda p: p[:2]):  # by stem: X before X(1)
                if entry.name.startswith(".") or entry.name.lower() in _NOT_DATA or stem.endswith("_superpixels"):
                    continue
                path = entry.name if prefix == "." else f"{prefix}/{entry.name}"
                if _is_folder(entry):
                    listing.folders.append(f"{path}/")
                    continue
                if suffix.lower() not in IMAGE_SUFFIXES:
                    listing.others.append(path)
                    continue
                listing.images.append(ImageFile(path, composed(stem)))
                if outside or (entry.is_symlink() and _leads_out(entry.path, base)):
                    listing.barred[path] = ("PATH_ESCAPE", "a symbolic link out of the collection's folder")
                elif (problem := _not_a_file(entry)) is not None:
                    listing.barred[path] = problem
    return listing


def _leads_out(path: str | os.PathLike[str], base: str) -> bool:
    return not Path(os.path.realpath(path)).is_relative_to(base)  # unlike Path.resolve, never raises for a loop


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a symbolic link that leads in a circle
        return False


def _not_a_file(entry: os.DirEntry[str]) -> tuple[str, str] | None:
    try:
        if entry.is_file():
            return None
        entry.stat()
    except FileNotFoundError:
        return "FILE_MISSING", "a symbolic link to a file that is not there"
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "PATH_LOOP", "a symbolic link that leads in a circle"
        return "FILE_UNREADABLE", f"cannot be opened: {error.strerror or error}"
    return "NOT_REGULAR", "not a file but a pipe, a socket or a device"


def _parts(entry: os.DirEntry[str]) -> tuple[str, str, os.DirEntry[str]]:
    stem, suffix = os.path.splitext(entry.name)  # noqa: PTH122 - a Path per file takes three times as long
    return stem, suffix, entry


def by_stem(root: Path, listing: Listing) -> dict[str, str]:
    """Paths by stem. Of copies of one file in several folders, as Kaggle ships them, the first is taken.

    A file that is barred stands for its stem only if no other file does.

    Raises:
        IntegrityError: Two different files have the same stem, so that an id names two pictures (`ID_AMBIGUOUS`).
    """
    return one_of_each(root, listing, {f.path: f.stem for f in listing.images}, code="ID_AMBIGUOUS")


def one_of_each(root: Path, listing: Listing, meaning: Mapping[str, str], *, code: str) -> dict[str, str]:
    """Paths by what they mean, by the rules of `by_stem`.

    Args:
        root: The folder that the paths start from.
        listing: What lies there.
        meaning: The id of each path; the listing's other paths are passed over.
        code: Of the error.

    Raises:
        IntegrityError: Two different files mean the same.
    """
    paths: dict[str, str] = {}
    for path in sorted(meaning, key=lambda p: p in listing.barred):
        first = paths.setdefault(meaning[path], path)
        if first != path and path not in listing.barred and not _is_copy(root, first, path):
            raise IntegrityError(
                f"{code}: {first} and {path} differ but both answer to the id {meaning[path]!r}; remove one.", code
            )
    return paths


def _is_copy(root: Path, a: str, b: str) -> bool:
    if a.lower() == b.lower() and Path(a).name == Path(b).name:  # Kaggle's HAM10000 folders, again in lower case
        return (root / a).stat().st_size == (root / b).stat().st_size
    return filecmp.cmp(root / a, root / b, shallow=False)


def subfolders(folder: Path) -> list[Path]:
    """The visible folders in `folder`, by name."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if _is_folder(e) and not e.name.startswith((".", "__MACOSX"))]
    return [folder / name for name in sorted(names)]


def find_folders(root: Path, *patterns: str) -> list[Path]:
    """Folders of `root` whose names match a pattern, upper or lower case.

    Where an unpacked archive left `X/X`, the inner one is returned.
    """
    found = [f for f in subfolders(root) if any(fnmatchcase(f.name.lower(), p.lower()) for p in patterns)]
    return [_inner(f) for f in found]


def _inner(folder: Path) -> Path:
    same = [f for f in subfolders(folder) if f.name.lower() == folder.name.lower()]
    return same[0] if same else folder


def find_file(folders: Iterable[Path], names: Sequence[str]) -> Path | None:
    """The first of `names` that is a file in one of the folders, upper or lower case."""
    places = [f for f in folders if f.is_dir()]
    for name in names:
        for folder in places:
            for path in sorted(folder.iterdir()):
                if path.name.lower() == name.lower() and path.is_file():
                    return path
    return None


def open_root(root: str | os.PathLike[str], info: DatasetInfo) -> Path:
    """The collection's folder.

    Raises:
        DatasetNotFoundError: There is no such folder.
        ConfigError: `root` is neither text nor a path.
    """
    if not isinstance(root, str | os.PathLike):
        raise ConfigError(f"{info.name}: root={root!r} is no folder; give its path.")
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise not_found(info, folder, f"{folder} is not a folder")
    return folder


def not_found(info: DatasetInfo, root: Path, problem: str) -> DatasetNotFoundError:
    """The error for a folder that does not hold what the adapter needs: where it looked, what is there, what should."""
    lines = [f"{info.name}: {problem}."]
    if root.is_dir():
        names = sorted(f"{p.name}/" if p.is_dir() else p.name for p in root.iterdir())
        shown = ", ".join(names[:12]) + (f" ... ({len(names)} in all)" if len(names) > 12 else "")
        lines.append(f"Looked in {root.absolute()}, which holds: {shown or 'nothing'}.")
    if info.tree:
        lines.append(f"Expected:\n{info.tree.rstrip()}")
    if how := how_to_get(info):
        lines.append(how)
    return DatasetNotFoundError("\n".join(lines))
