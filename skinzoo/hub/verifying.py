"""Whether a file is the one that was published."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from skinzoo.files import looks_like_page
from skinzoo.hub.digests import FileDigest

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Verdict:
    """What a file was found to be.

    Attributes:
        sha256: Its sha256.
        problem: Why it is not the one wanted; empty if it is, or if nothing is known to compare it with.
        is_compared: False if nothing is known to compare it with.
        seen: The file's identity when it was read.
    """

    sha256: str
    problem: str
    is_compared: bool
    seen: os.stat_result


def judge(path: Path, *, expected: FileDigest | None, declared: str) -> Verdict:
    """Read a file once and compare it with what it must be.

    Args:
        path: The file.
        expected: What it must be; None to compare it with `declared`.
        declared: What the Hub says of it: 64 hex digits (sha256) or 40 (sha1 of the git blob), or "".

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        seen = os.fstat(file.fileno())
        first = file.read(512)
        file.seek(0)
        by_git = expected is None and len(declared) == 40
        sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % seen.st_size, usedforsecurity=False)
        while data := file.read(_CHUNK):
            sha256.update(data)
            if by_git:
                git.update(data)
    found = sha256.hexdigest()
    if expected is not None:
        digest = FileDigest(found, seen.st_size)
        same, want, got = digest == expected, f"sha256 {expected}", f"sha256 {digest}"
    elif by_git:
        same, want, got = git.hexdigest() == declared, f"git sha1 {declared}", f"git sha1 {git.hexdigest()}"
    else:
        same, want, got = not declared or found == declared, f"sha256 {declared}", f"sha256 {found}"
    problem = "" if same else f"expected {want}, got {got}"
    if problem and looks_like_page(first):
        problem += "; it looks like a web page, which a network sends that wants a login, or a proxy that blocks files"
    return Verdict(found, problem, expected is not None or bool(declared), seen)
