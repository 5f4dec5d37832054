"""What a file must be, byte for byte."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from skinzoo.errors import ConfigError
from skinzoo.files import sha256_of

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_SHA1 = re.compile(r"[0-9a-f]{40}")


def is_digest(text: str) -> bool:
    """True for what the Hub tells files by: 64 hex digits (sha256), or 40 (sha1 of the git blob)."""
    return bool(_SHA256.fullmatch(text) or _GIT_SHA1.fullmatch(text))


@dataclass(frozen=True)
class FileDigest:
    """A file's sha256 and size.

    Attributes:
        sha256: 64 lower-case hex digits.
        size: Bytes.

    Raises:
        ConfigError: A value of another form.
    """

    sha256: str
    size: int

    def __post_init__(self) -> None:
        if not isinstance(self.sha256, str) or _SHA256.fullmatch(self.sha256) is None:
            raise ConfigError(f"sha256 must be 64 lower-case hex digits, got {self.sha256!r:.80}.")
        if not isinstance(self.size, int) or isinstance(self.size, bool) or self.size < 0:
            raise ConfigError(f"size must be a whole number of bytes, got {self.size!r:.40}.")

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> FileDigest:
        """The digest of a file on this disk."""
        return cls(sha256_of(path), Path(path).stat().st_size)

    def __str__(self) -> str:
        return f"{self.sha256} ({self.size:,} bytes)"

    def to_dict(self) -> dict[str, str | int]:
        """Plain values for JSON."""
        return {"sha256": self.sha256, "size": self.size}
