"""Fetching a collection's files into its folder, and remembering which of them are there."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from skinzoo.datasets.filesource import check_relative
from skinzoo.datasets.info import DatasetInfo
from skinzoo.download import RemoteFile, exclusive, fetch
from skinzoo.download.part import disk
from skinzoo.errors import ArchiveError, ConfigError, DownloadError
from skinzoo.files import sha256_of, write_json

MARKER = ".skinzoo-downloads.json"
"""Name of the file that says what was fetched into a folder (for each address the path, size and sha256), and what has
still to be fetched because a call was cut off."""

_WAIT_SECONDS = 6 * 3600.0
_NAMES_KEPT = 20
_logger = logging.getLogger(__name__)


def how_to_get(info: DatasetInfo) -> str:
    """How to get a collection, a line for each way; empty if nothing is declared."""
    ways = []
    if info.downloads:
        ways.append(f"load_dataset({info.name!r}, ..., download=True) fetches it.")
    if info.homepage:
        ways.append(f"Get it from {info.homepage}")
    if info.access:
        ways.append(f"What to do: {info.access}")
    return "\n".join(ways)


def wanted_files(
    info: DatasetInfo, part: str | None = None, options: Mapping[str, object] | None = None
) -> list[RemoteFile]:
    """The files that a part needs, opened with the given options.

    Args:
        info: The collection.
        part: One of its parts; None or `"all"` for all of them.
        options: What `load_dataset` is given; an option that is absent or None has the value of the first file that
            names it.

    Raises:
        ConfigError: No such part.
    """
    parts = {*info.parts, *(f.part for f in info.downloads if f.part)}
    if part not in (None, "all", *parts):
        raise ConfigError(f"{info.name}: part={part!r} is unknown; use {', '.join(map(repr, sorted(parts))) or 'all'}.")
    chosen: dict[str, object] = {}
    for file in info.downloads:
        chosen = {**file.options, **chosen}
    chosen |= {k: v for k, v in (options or {}).items() if v is not None}
    return [
        f
        for f in info.downloads
        if (part in (None, "all") or f.part in ("", part)) and all(chosen[k] == v for k, v in f.options.items())
    ]


def is_unfinished(root: Path, files: Iterable[RemoteFile]) -> bool:
    """True if a call that was to fetch one of these files into the folder was cut off."""
    pending = _noted(root)["pending"]
    return any(f.url in pending for f in files)


def fetch_missing(info: DatasetInfo, root: Path, files: Iterable[RemoteFile]) -> None:
    """Fetch those of the files that were not fetched into the folder before; unpack archives and delete them.

    What was fetched is noted at once, so that a call that was cut off is continued by the next one. Of several
    processes, one fetches and the others wait.

    Raises:
        DownloadError: There is nothing that may be fetched, and the message says how to get it (`NOT_DOWNLOADABLE`);
            or see `skinzoo.download.fetch`.
        ArchiveError: See `skinzoo.archives.unpack`.
    """
    files = list(files)
    if not files:
        what = "with these options " if info.downloads else ""
        terms = f" (licence: {info.licence})" if info.licence else ""
        raise DownloadError(
            f"{info.name}{terms} {what}cannot be fetched without you.\n{how_to_get(info)}".rstrip(), "NOT_DOWNLOADABLE"
        )
    if not _missing(root, files):
        return
    with disk(root, None):
        root.mkdir(parents=True, exist_ok=True)
        with exclusive(root / f"{MARKER}.lock", wait=_WAIT_SECONDS):
            missing = _missing(root, files)
            if missing:
                _announce(info, root, missing)
                _remove_leftovers(root, files)
                _note(root, pending=[f.url for f in missing])
            for file in missing:
                _get(root, file)


def _announce(info: DatasetInfo, root: Path, files: list[RemoteFile]) -> None:
    size = sum(f.size or 0 for f in files)
    amount = f" ({size:,} bytes{'' if all(f.size for f in files) else ' and more'})" if size else ""
    _logger.warning(
        "%s: fetching %d files%s into %s. Licence: %s. Please cite: %s",
        *(info.name, len(files), amount, root, info.licence or "see its homepage", info.citation or info.homepage),
    )


def _missing(root: Path, files: Iterable[RemoteFile]) -> list[RemoteFile]:
    done = _noted(root)["files"]
    return [f for f in files if not _is_there(root, f, done.get(f.url))]


def _noted(root: Path) -> dict[str, Any]:
    """What the marker holds; nothing if it is absent or damaged, and then everything is looked at anew."""
    try:
        noted = json.loads((root / MARKER).read_text("utf-8"))
        return {"files": dict(noted["files"]), "pending": [str(url) for url in noted["pending"]]}
    except (OSError, ValueError, LookupError, TypeError):
        return {"files": {}, "pending": []}


def _note(root: Path, *, pending: Iterable[str] = (), done: Mapping[str, Any] | None = None) -> None:
    """Add to the marker; what is done is no longer pending."""
    noted, done = _noted(root), done or {}
    still = [url for url in dict.fromkeys([*noted["pending"], *pending]) if url not in done]
    write_json(root / MARKER, {"version": 1, "files": {**noted["files"], **done}, "pending": still})


def _is_there(root: Path, file: RemoteFile, entry: Any) -> bool:
    if not isinstance(entry, dict) or entry.get("path") != file.path:
        return False
    if file.sha256 and entry.get("sha256") != file.sha256.lower():
        return False
    place = root / check_relative(file.path)
    if file.unpack:
        return place.is_dir() and set(entry.get("holds", ())) <= {p.name for p in place.iterdir()}
    return place.is_file() and place.stat().st_size == entry.get("size")


def _get(root: Path, file: RemoteFile) -> None:
    place = root / check_relative(file.path)
    target = root / _archive_name(file.url) if file.unpack else place
    fetch(file, target)
    entry: dict[str, Any] = {"path": file.path, "size": target.stat().st_size}
    entry["sha256"] = file.sha256.lower() or sha256_of(target)
    if file.unpack:
        entry["holds"] = _unpack(target, place)
    _note(root, done={file.url: entry})
    if file.unpack:
        target.unlink()


def _archive_name(url: str) -> str:
    """A hidden name for an archive while it is there, other than that of any other address."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    return f".skinzoo-{hashlib.sha256(url.encode()).hexdigest()[:8]}-{plain[-80:]}"


def _unpack(archive: Path, folder: Path) -> list[str]:
    """Unpack an archive; returns the first few names in it, by which it is seen later that it is still there."""
    from skinzoo.archives import unpack

    try:
        paths = unpack(archive, folder)
    except ArchiveError as error:
        if error.code in ("ARCHIVE_UNSAFE", "ARCHIVE_DAMAGED"):
            archive.unlink()
        raise
    return sorted({p.relative_to(folder).parts[0] for p in paths})[:_NAMES_KEPT]


def _remove_leftovers(root: Path, files: Iterable[RemoteFile]) -> None:
    """Remove the folders in which a call that was killed had begun to unpack."""
    from skinzoo.archives import SCRATCH

    places = {root / f.path for f in files if f.unpack}
    for place in {p for folder in places for p in (folder, folder.parent)} - {root.parent}:
        for scratch in place.glob(f"{SCRATCH}*"):
            shutil.rmtree(scratch)
