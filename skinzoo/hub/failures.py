"""What the client's exceptions mean: worth another try, or an error that says what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from skinzoo.download.web import TransientError, retry_after
from skinzoo.errors import OfflineError, SkinzooError, WeightsError
from skinzoo.files import DISK_FULL
from skinzoo.hub.cache import cache_folder
from skinzoo.hub.options import DEFAULT_ENDPOINT
from skinzoo.hub.reference import HubReference

RETRIED = (408, 416, 425, 429, 500, 502, 503, 504)
PAGE_HINT = (
    "The answer is not one of a Hub; it looks like a web page, which a network sends that wants a login, or a proxy "
    "that blocks files. Open the address in a browser, or use another network or a mirror (SKINZOO_HUB_ENDPOINT)."
)
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT)


@dataclass(frozen=True)
class Place:
    """What was asked for, for messages.

    Attributes:
        reference: The repository and commit.
        endpoint: The Hub.
        cache: The cache's folder.
        secret: A token that no message may show.
        is_own_token: True if the client's own token is sent.
    """

    reference: HubReference
    endpoint: str
    cache: Path
    secret: str = ""
    is_own_token: bool = True

    @property
    def page(self) -> str:
        """Address of the repository's page."""
        return f"{self.endpoint}/{self.reference.repository}"

    @property
    def login(self) -> str:
        """How to log in."""
        if self.is_own_token:
            return "log in with `hf auth login`, or set HF_TOKEN to an access token,"
        return f"give HubOptions(token=...) an access token of {self.endpoint}"


def translate(error: BaseException, place: Place, what: str) -> SkinzooError | TransientError:
    """The error to raise for what the client raised.

    Args:
        error: The client's exception.
        place: What was asked for.
        what: What was being done, such as a file's name.
    """
    from huggingface_hub import errors

    chain = list(_chain(error))
    named = {kind.__name__ for link in chain for kind in type(link).__mro__}
    status = next((s for link in chain if (s := _status(link)) is not None), None)
    repository, page = place.reference.repository, place.page
    if "GatedRepoError" in named:
        return WeightsError(
            f"{repository} is gated: its files are for users who have accepted its conditions. Open {page} in a "
            f"browser, accept them there, then {place.login} of the same account."
        )
    if "DisabledRepoError" in named:
        return WeightsError(f"{repository} has been disabled by the Hub; see {page}.")
    if "RepositoryNotFoundError" in named:
        return WeightsError(
            f"{place.endpoint} has no repository {repository}, or it is private. Compare the name with {page}; if it "
            f"is private, {place.login} of an account that may read it."
        )
    if "RevisionNotFoundError" in named:
        return WeightsError(
            f"{repository} has no commit {place.reference.revision or 'on main'}. The commits are at "
            f"{page}/commits/main; leave the revision out for the newest."
        )
    if any(isinstance(link, errors.EntryNotFoundError) and _status(link) == 404 for link in chain):
        return WeightsError(f"{place.reference} has no file {what}; its files are listed at {page}/tree/main.")
    if status == 401:
        return WeightsError(
            f"{place.endpoint} refuses the login for {repository} (401): the token is missing, wrong or has expired; "
            f"{place.login} of an account that may read it."
        )
    if status is not None and status not in RETRIED and status >= 400:
        return WeightsError(
            f"{place.endpoint} refuses {what} of {repository} ({status}). See {page} in a browser; where it is for "
            f"some users only, {place.login} of one of them."
        )
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return full_disk(place.cache, None, what)
    if isinstance(error, OSError) and error.errno in _READ_ONLY and status is None:
        return unwritable(place.cache, error, what)
    if status is None and ("FileMetadataError" in named or "JSONDecodeError" in named):
        return OfflineError(f"{page}, {what}: {PAGE_HINT}")
    if status is not None and status >= 400:
        return TransientError(f"the Hub answers {status}", _retry_after(chain))
    return TransientError(_reason(chain, place))


def full_disk(cache: Path, needed: int | None, what: str) -> WeightsError:
    """The error for a disk without room.

    Args:
        cache: The cache's folder.
        needed: Bytes that are to come; None where that is not known.
        what: The files.
    """
    size = "" if needed is None else f" and {needed:,} bytes are needed"
    return WeightsError(
        f"the disk of {cache} is full: {free_bytes(cache):,} bytes are free{size} for {what}. Make room, or put the "
        "cache elsewhere with SKINZOO_HUB_CACHE."
    )


def free_bytes(folder: Path) -> int:
    """Free bytes on the disk of a folder, which need not exist."""
    import shutil

    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def unwritable(cache: Path, error: BaseException, what: str) -> WeightsError:
    """The error for a cache that cannot be written to.

    Args:
        cache: The cache's folder.
        error: What the operating system said.
        what: The files.
    """
    reason = (os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "") or str(error)
    return WeightsError(
        f"{what} cannot be put into the cache {cache}: {reason}. Files that are there can be used as they are; for "
        "others set SKINZOO_HUB_CACHE, or HubOptions(cache_dir=...), to a folder that you may write to."
    )


def get_elsewhere(reference: HubReference, endpoint: str, *, cache: Path) -> str:
    """How to get a repository on another machine, where this one cannot.

    All of it, because the files that are named now may lead to others.

    Args:
        reference: The repository and commit.
        endpoint: The Hub.
        cache: The cache's folder on this machine.
    """
    mirror = "" if endpoint == DEFAULT_ENDPOINT else f"HF_ENDPOINT={endpoint} "
    revision = f" --revision {reference.revision}" if reference.revision else ""
    return (
        f"On a machine with a network run `{mirror}hf download {reference.repository}{revision} "
        f"--cache-dir hub-cache` and copy the folder hub-cache/{cache_folder(reference.repository)} into {cache} on "
        "this one. SKINZOO_HUB_CACHE names another cache, SKINZOO_HUB_ENDPOINT a mirror."
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _retry_after(chain: list[BaseException]) -> float | None:
    for link in chain:
        headers = getattr(getattr(link, "response", None), "headers", None) or {}
        if (seconds := retry_after(headers.get("Retry-After"))) is not None:
            return seconds
    return None


def _reason(chain: list[BaseException], place: Place) -> str:
    """The first line of what the transport said, without the token."""
    import huggingface_hub

    link = next((e for e in chain if type(e).__name__ != "LocalEntryNotFoundError"), chain[0])
    text = " ".join(str(link).split("\n")[0].split())[:200]
    secret = place.secret or (huggingface_hub.get_token() if place.is_own_token else "")
    if secret:
        text = text.replace(secret, "***")
    return f"{type(link).__name__}: {text}" if text else type(link).__name__
