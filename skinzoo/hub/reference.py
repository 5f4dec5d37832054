"""Naming a repository of the Hub, a commit of it and its files; whatever does not fit is refused before any access."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skinzoo.errors import ConfigError

PREFIX = "hf-hub:"
_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SEGMENT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?")
_LONGEST_NAME = 255


@dataclass(frozen=True)
class HubReference:
    """A repository of the Hub, and the commit of it that is meant.

    Attributes:
        repository: `owner/name`.
        revision: The full commit, 40 hex digits; None for the one that `main` is at when it is looked up.

    Raises:
        ConfigError: Anything else.
    """

    repository: str
    revision: str | None = None

    def __post_init__(self) -> None:
        check_repository(self.repository)
        if self.revision is not None and not is_commit(self.revision):
            raise ConfigError(
                f"the revision {self.revision!r} of {self.repository} is not a full commit of 40 hex digits (0-9, "
                "a-f). A branch or a tag can move, so weights are pinned to a commit: it is shown on the repository's "
                f'page under "Files and versions", History, and by huggingface_hub.model_info("{self.repository}", '
                "revision=...).sha. Leave the revision out for the newest commit of main."
            )

    def __str__(self) -> str:
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"


def parse_reference(text: str) -> HubReference:
    """Read `owner/name` or `owner/name@commit`, with or without `hf-hub:` in front.

    Args:
        text: The reference.

    Raises:
        ConfigError: It has another form.
    """
    if not isinstance(text, str):
        raise ConfigError(f"{text!r} is no reference to a Hub repository; give a text such as 'owner/name@commit'.")
    repository, at, revision = text.removeprefix(PREFIX).partition("@")
    return HubReference(repository, revision if at else None)


def is_commit(text: object) -> bool:
    """True for the 40 hex digits of a full commit."""
    return isinstance(text, str) and _COMMIT.fullmatch(text) is not None


def check_repository(repository: str) -> None:
    """Refuse anything but `owner/name` as the Hub allows it.

    Raises:
        ConfigError: It is something else.
    """
    parts = repository.split("/") if isinstance(repository, str) else []
    if len(parts) != 2 or not all(map(_is_part, parts)) or parts[1].endswith(".git"):
        raise ConfigError(
            f"{repository!r} is no Hub repository; give owner/name, for example 'skinzoo/resnet18-ham10000', each of 1 "
            "to 96 letters, digits, '-', '_' and '.', without '--' or '..' and without '.' or '-' at either end."
        )


def check_owner(owner: str) -> None:
    """Refuse anything but a user or an organisation as the Hub allows it.

    Raises:
        ConfigError: It is something else.
    """
    if not (isinstance(owner, str) and _is_part(owner)):
        raise ConfigError(f"{owner!r} is no user or organisation of a Hub; give its name alone, for example 'skinzoo'.")


def check_filename(name: str) -> None:
    """Refuse anything but a relative path below a repository's root, with `/` between folders.

    Raises:
        ConfigError: It is something else.
    """
    if not isinstance(name, str) or len(name) > _LONGEST_NAME or not all(map(_SEGMENT.fullmatch, name.split("/"))):
        raise ConfigError(
            f"{name!r} is no file name of a repository that is fetched; it must be relative, with '/' between folders, "
            "and of letters, digits, '-', '_' and '.', and no part may begin with '.'."
        )


def _is_part(text: str) -> bool:
    return _PART.fullmatch(text) is not None and "--" not in text and ".." not in text
