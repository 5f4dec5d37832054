"""Repositories of the stand-in Hub, in memory: blobs, commits, branches and tags."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

LFS_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".npz", ".npy", ".zip", ".pt2")
LFS_MIN_SIZE = 10 * 1024 * 1024
"""Bytes; files above this size are stored as LFS whatever their name is, as on the real Hub."""


def git_oid(data: bytes) -> str:
    """The SHA-1 that git gives to a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def stored_as_lfs(path: str, size: int) -> bool:
    """Whether the real Hub asks for this file as LFS."""
    return path.endswith(LFS_SUFFIXES) or size > LFS_MIN_SIZE


@dataclass(frozen=True)
class Blob:
    """The content of one file.

    Attributes:
        data: What a download gives.
        lfs: Stored as LFS; git then holds a pointer, and the tree shows the SHA-1 of that pointer.
    """

    data: bytes
    lfs: bool = False

    @cached_property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def pointer(self) -> bytes:
        """The text that git holds in place of an LFS file."""
        text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
        return text.encode()

    @property
    def oid(self) -> str:
        """The SHA-1 that git knows the file by."""
        return git_oid(self.pointer if self.lfs else self.data)

    @property
    def etag(self) -> str:
        """SHA-256 of an LFS file, git's SHA-1 of any other: the client names its cached blobs after it."""
        return self.sha256 if self.lfs else self.oid

    def row(self, path: str) -> dict[str, Any]:
        """The file as `tree` and `paths-info` list it."""
        row: dict[str, Any] = {"type": "file", "oid": self.oid, "size": len(self.data), "path": path}
        if self.lfs:
            row["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": len(self.pointer)}
        return row

    def sibling(self, path: str, *, details: bool) -> dict[str, Any]:
        """The file as `model_info` lists it."""
        row: dict[str, Any] = {"rfilename": path}
        if details:
            row |= {"size": len(self.data), "blobId": self.oid}
        if details and self.lfs:
            row["lfs"] = {"sha256": self.sha256, "size": len(self.data), "pointerSize": len(self.pointer)}
        return row


@dataclass(frozen=True)
class Commit:
    """A state of all files."""

    oid: str
    parent: str | None
    title: str
    message: str
    date: str
    files: Mapping[str, Blob]


@dataclass
class Repository:
    """A repository with its history. Commit hashes and dates depend on nothing but what is put in.

    Attributes:
        kind: `"model"`, `"dataset"` or `"space"`.
        id: `"owner/name"`.
        private: Seen by its owner only.
        gated: Seen by all, but files are for the owner and the names in `granted`.
        granted: Users who were given access to a gated repository.
    """

    kind: str
    id: str
    private: bool = False
    gated: bool = False
    granted: set[str] = field(default_factory=set)
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pull_requests: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.commit("main", "initial commit", {".gitattributes": Blob(b"*.safetensors filter=lfs\n")})

    @property
    def owner(self) -> str:
        """The namespace."""
        return self.id.split("/")[0]

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """All files at a revision, by path: what a test compares with."""
        oid = self.resolve(revision)
        if oid is None:
            raise KeyError(f"{self.id} has no revision {revision!r}")
        return {path: blob.data for path, blob in self.commits[oid].files.items()}

    def commit(self, branch: str, title: str, files: Mapping[str, Blob], message: str = "") -> str:
        """Make `files` the whole content of a branch; the commit's hash."""
        parent, number = self.branches.get(branch), len(self.commits)
        content = [(path, blob.oid) for path, blob in sorted(files.items())]
        oid = hashlib.sha1(repr((self.kind, self.id, parent, title, number, content)).encode()).hexdigest()
        date = f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000Z"
        self.commits[oid] = Commit(oid, parent, title, message, date, dict(files))
        self.branches[branch] = oid
        return oid

    def propose(self, branch: str, title: str, files: Mapping[str, Blob], message: str = "") -> tuple[int, str]:
        """A commit in a new pull request; the branch stays where it is."""
        before, number = self.branches[branch], len(self.pull_requests) + 1
        self.pull_requests[number] = oid = self.commit(branch, title, files, message)
        self.branches[branch] = before
        return number, oid

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, a tag, a pull request or the beginning of a hash stands for."""
        if found := re.fullmatch(r"refs/pr/(\d+)", revision):
            return self.pull_requests.get(int(found[1]))
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        if oid := self.branches.get(name) or self.tags.get(name):
            return oid
        hits = [oid for oid in self.commits if oid.startswith(name)] if re.fullmatch("[0-9a-f]{5,40}", name) else []
        return hits[0] if len(hits) == 1 else None

    def history(self, oid: str | None) -> Iterator[Commit]:
        """A commit and those before it, newest first."""
        while oid:
            yield self.commits[oid]
            oid = self.commits[oid].parent

    def tree(self, oid: str, folder: str = "", *, recursive: bool = False) -> list[dict[str, Any]] | None:
        """Folders and files at a commit; None if there is no such folder."""
        prefix = f"{folder}/" if folder else ""
        folders: dict[str, None] = {}
        rows = []
        for path, blob in sorted(self.commits[oid].files.items()):
            if not path.startswith(prefix):
                continue
            parts = path.removeprefix(prefix).split("/")[:-1]
            for depth in range(len(parts) if recursive else min(1, len(parts))):
                folders[prefix + "/".join(parts[: depth + 1])] = None
            if recursive or not parts:
                rows.append(blob.row(path))
        if folder and not rows and not folders:
            return None
        return [{"type": "directory", "oid": git_oid(f.encode()), "size": 0, "path": f} for f in folders] + rows

    def info(self, oid: str, *, details: bool = False) -> dict[str, Any]:
        """What `model_info` gives, with the metadata of the README at that commit."""
        commit = self.commits[oid]
        card = card_metadata(commit.files["README.md"].data) if "README.md" in commit.files else {}
        return {
            "_id": self.id,
            "id": self.id,
            "modelId": self.id,
            "author": self.owner,
            "sha": oid,
            "lastModified": commit.date,
            "createdAt": commit.date,
            "private": self.private,
            "gated": "manual" if self.gated else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "siblings": [blob.sibling(path, details=details) for path, blob in sorted(commit.files.items())],
            "cardData": card,
            "tags": list(card.get("tags") or []),
            **{key: card[key] for key in ("library_name", "pipeline_tag") if key in card},
        }


def card_metadata(readme: bytes) -> dict[str, Any]:
    """The YAML block at the top of a model card; empty if there is none or it cannot be read."""
    block = re.match(r"---\r?\n(.*?)\r?\n---", readme.decode("utf-8", "replace"), re.S)
    try:
        found = yaml.safe_load(block[1]) if block else {}
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def allowed_path(path: str) -> bool:
    """Whether git takes a file of this name."""
    parts: Sequence[str] = path.split("/")
    return not ({"", ".", "..", ".git"} & set(parts)) and "\0" not in path
