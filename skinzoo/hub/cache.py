"""A repository's folder in the cache of the Hub's client, and what can be told from it without asking anybody."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from skinzoo.files import write_text
from skinzoo.hub.digests import is_digest
from skinzoo.hub.reference import is_commit


def cache_folder(repository: str) -> str:
    """Name of a model repository's folder in the cache."""
    return f"models--{repository.replace('/', '--')}"


class CachedRepository:
    """A model repository in the cache: `models--owner--name` with `blobs`, `snapshots` and `refs`.

    Args:
        cache: The cache's folder.
        repository: `owner/name`, checked before.
    """

    def __init__(self, cache: Path, repository: str) -> None:
        self.cache = cache
        self.folder = cache / cache_folder(repository)
        self.lock = cache / ".locks" / self.folder.name / "skinzoo.lock"

    def snapshot(self, commit: str) -> Path:
        """The folder of one commit."""
        return self.folder / "snapshots" / commit

    def path(self, commit: str, name: str) -> Path:
        """Where a file of a commit is or will be."""
        return self.snapshot(commit).joinpath(*name.split("/"))

    def partial(self, digest: str) -> Path:
        """Where older clients keep the beginning of a file that was cut."""
        return self.folder / "blobs" / f"{digest or 'unknown'}.incomplete"

    def listing(self, commit: str) -> tuple[str, ...]:
        """Names of the files of a commit that are here."""
        root = self.snapshot(commit)
        return tuple(sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()))

    def main(self) -> str | None:
        """The commit that `main` was at when the Hub was last asked; None if that is not known."""
        with suppress(OSError, UnicodeDecodeError):
            commit = (self.folder / "refs" / "main").read_text("ascii").strip()
            return commit if is_commit(commit) else None
        return None

    def remember_main(self, commit: str) -> None:
        """Note where `main` is, as the client does."""
        if self.main() != commit:
            write_text(self.folder / "refs" / "main", commit)

    def is_absent(self, commit: str, name: str) -> bool:
        """True if the Hub has said before that a commit has no such file."""
        return (self.folder / ".no_exist" / commit / name).is_file()

    def remember_absent(self, commit: str, name: str) -> None:
        """Note that a commit has no such file, as the client does."""
        mark = self.folder / ".no_exist" / commit / name
        with suppress(OSError):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()

    def declared(self, path: Path) -> str:
        """The digest that the Hub gave for a file: the name of its blob, 64 hex (sha256) or 40 (git); "" if not known.

        Where a system has no symbolic links, the client keeps no blobs and the digest is not known.
        """
        with suppress(OSError):
            blob = Path(os.path.normpath(path.parent / path.readlink()))
            if blob.parent == self.folder / "blobs" and is_digest(blob.name):
                return blob.name
        return ""

    def remove(self, path: Path, seen: os.stat_result | None) -> None:
        """Remove a file and its blob, unless another process has replaced it since it was seen.

        Args:
            path: The file.
            seen: What it was when it was read; None if it could not be read.
        """
        with suppress(FileNotFoundError):
            now = path.stat()
            if seen is not None and (now.st_ino, now.st_size, now.st_mtime_ns) != (
                seen.st_ino,
                seen.st_size,
                seen.st_mtime_ns,
            ):
                return
        if path.is_symlink() and self.declared(path):
            Path(os.path.normpath(path.parent / path.readlink())).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
