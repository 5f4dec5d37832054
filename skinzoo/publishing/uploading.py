"""Putting files into a repository of a Hub, in one commit, so that nothing of somebody else is overwritten."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from skinzoo import __version__
from skinzoo.errors import OfflineError, PublishError, SkinzooError, WeightsError
from skinzoo.hub import FileDigest, HubOptions, HubReference, fetch_files
from skinzoo.hub.client import HubClient, Listing
from skinzoo.publishing.rendering import is_untouched
from skinzoo.publishing.staging import CARD, CONFIG, NAMES

T = TypeVar("T")
_BY_THE_HUB = (".gitattributes",)
_SLOWEST = 50_000.0  # bytes a second
_MOST_BYTES = 5_000_000  # of a card or a configuration that is looked at


@dataclass(frozen=True)
class Before:
    """A repository as it was found.

    Attributes:
        commit: What `main` was at.
        stale: Files of an earlier publication.
    """

    commit: str
    stale: tuple[str, ...]


class Publisher:
    """One publication's dealings with a Hub.

    Args:
        repository: `owner/name`.
        options: How to reach the Hub.

    Raises:
        ConfigError: The repository has another form, or the endpoint of the environment is not https.
    """

    def __init__(self, repository: str, options: HubOptions) -> None:
        self.repository = repository
        self.client = HubClient(HubReference(repository), options)
        self.page = self.client.place.page

    def require_login(self) -> str:
        """Make sure that there is a token that may write for the repository's owner.

        Returns:
            The user's name.

        Raises:
            OfflineError: No request may be made, or the Hub did not answer.
            PublishError: There is no token, or a wrong one.
        """
        if self.client.options.is_offline():
            raise OfflineError(
                f"{self.repository}: publishing needs the network, and HF_HUB_OFFLINE=1 or offline=True forbids it. "
                "Nothing was uploaded; dry_run=True shows what would be."
            )
        from huggingface_hub import get_token

        if not (self.client.token or (self.client.token is None and get_token())):
            raise PublishError(
                f"nobody is logged in to {self.client.endpoint}, so nothing was uploaded: {self._login}."
            )
        who = self.ask(lambda api: api.whoami(), "the login")
        return str(who.get("name", "")) if isinstance(who, Mapping) else ""

    def open(self, *, private: bool) -> Before:
        """Make the repository, or look at the one that is there.

        Raises:
            OfflineError: The Hub did not answer.
            PublishError: Somebody else's files are in it, or it is public and was to be private.
        """
        self.ask(lambda api: api.create_repo(self.repository, private=private, exist_ok=True), "making the repository")
        listing = self.look_up(None)
        if private and not self.ask(lambda api: api.model_info(self.repository), "a look at it").private:
            raise PublishError(
                f"{self.page} is public and private=True was asked for, so nothing was uploaded. Make it private under "
                "Settings there, or choose another repository."
            )
        self._refuse_others(listing)
        return Before(listing.commit, tuple(name for name in listing.files if name in NAMES))

    def commit(self, folder: Path, before: Before, message: str) -> str:
        """Upload a folder's files in one commit on top of `before`; what is stale and not among them is deleted.

        Returns:
            The commit.

        Raises:
            OfflineError: The Hub did not answer; the message says whether there is a commit.
            PublishError: The Hub refused, or somebody else changed the repository meanwhile.
        """
        names = sorted(path.name for path in folder.iterdir())

        def upload(api: Any) -> str:
            from huggingface_hub import CommitOperationAdd, CommitOperationDelete

            add = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(folder / name)) for name in names]
            gone = [CommitOperationDelete(path_in_repo=name) for name in before.stale if name not in names]
            made = api.create_commit(
                self.repository, operations=[*add, *gone], commit_message=message, parent_commit=before.commit
            )
            return str(made.oid)

        self._allow(sum((folder / name).stat().st_size for name in names))
        try:
            return self.ask(upload, "the upload")
        except OfflineError as error:
            outcome = self._outcome(before, folder, names)
            if error.__cause__ is None:  # given up on, not failed
                outcome += " The upload goes on until this program ends; HubOptions(deadline=...) allows more time."
            raise OfflineError(f"{error} {outcome}") from error

    def _allow(self, size: int) -> None:
        """Give the upload the deadline anew, and more if so many bytes need it on a slow line."""
        self.client.end = time.monotonic() + max(self.client.options.deadline, size / _SLOWEST)

    def ask(self, action: Callable[[Any], T], what: str) -> T:
        """Have the client do something, within the deadline.

        Raises:
            OfflineError: The Hub did not answer.
            PublishError: It refused.
        """

        def work() -> T:
            from huggingface_hub import HfApi

            client = self.client
            return action(
                HfApi(endpoint=client.endpoint, token=client.token, library_name="skinzoo", library_version=__version__)
            )

        try:
            return self.client.persist(work, what, 0)
        except OfflineError:
            raise
        except SkinzooError as error:
            raise PublishError(self._explained(error, what)) from error

    def look_up(self, commit: str | None) -> Listing:
        """The files of a commit, or of the newest of `main`.

        Raises:
            OfflineError: The Hub did not answer.
            PublishError: It has no such commit.
        """
        try:
            return self.client.look_up(commit)
        except OfflineError:
            raise
        except WeightsError as error:
            raise PublishError(str(error)) from error

    @property
    def _login(self) -> str:
        where = "https://huggingface.co/settings/tokens"
        if self.client.place.is_own_token:
            return f"run `hf auth login` with a token that may write ({where}), or set HF_TOKEN to one"
        return f"give HubOptions(token=...) a token of {self.client.endpoint} that may write"

    def _explained(self, error: BaseException, what: str) -> str:
        status = _status(error)
        owner = self.repository.partition("/")[0]
        if status == 401:
            return f"{self.client.endpoint} refuses the token (401), so nothing was uploaded: {self._login}."
        if status == 403:
            return (
                f"the token may not write to {self.repository} (403), so nothing was uploaded: it may only read, or "
                f"its owner is not a member of {owner}. Choose a repository of your own, or {self._login}."
            )
        if status == 412:
            return (
                f"somebody else changed {self.page} while this was being uploaded (412), so nothing was committed. "
                f"Look at {self.page}/commits/main, and publish again if the change may be replaced."
            )
        return f"{what} failed: {error}"

    def _refuse_others(self, listing: Listing) -> None:
        """Refuse files that no earlier publication left, and a card that was edited since."""
        others = sorted(name for name in listing.files if name not in (*NAMES, *_BY_THE_HUB))
        ours = sorted(name for name in listing.files if name in NAMES)
        elsewhere = "Choose another repository, or delete them there first"
        if others:
            more = f" and {len(others) - 5} more" if len(others) > 5 else ""
            raise PublishError(
                f"{self.page} holds {', '.join(others[:5])}{more}, which skinzoo did not put there; nothing was "
                f"uploaded. {elsewhere}."
            )
        if not ours:
            return
        config = self._read(CONFIG, listing) if CONFIG in ours else ""
        try:
            is_own = "_skinzoo" in json.loads(config)
        except (ValueError, TypeError, RecursionError):
            is_own = False
        if not is_own:
            raise PublishError(
                f"{self.page} holds {', '.join(ours)} of another library; nothing was uploaded. {elsewhere}."
            )
        if CARD in ours and not is_untouched(self._read(CARD, listing)):
            raise PublishError(
                f"{CARD} of {self.page} was edited after skinzoo wrote it, and publishing would undo that; nothing was "
                f"uploaded. Put what was added into the card's own fields, delete {CARD} there, and publish again."
            )

    def _read(self, name: str, listing: Listing) -> str:
        """A small text of the repository; empty where it cannot be one of ours."""
        size = listing.files[name].size
        if size is None or size > _MOST_BYTES:
            return ""
        with TemporaryDirectory(prefix="skinzoo-") as cache:
            reference = HubReference(self.repository, listing.commit)
            try:
                found = fetch_files(reference, [name], options=with_cache(self.client.options, cache))
                return found.files[name].read_text("utf-8")
            except UnicodeDecodeError:
                return ""

    def _outcome(self, before: Before, folder: Path, names: Iterable[str]) -> str:
        """What became of an upload that was cut off."""
        self._allow(0)
        try:
            now = self.client.look_up(None, retries=0)
        except SkinzooError:
            return (
                "Whether there is a commit is not known: single files may have been uploaded, and they show in no "
                f"repository before a commit names them. Look at {self.page}/commits/main, and publish again."
            )
        if now.commit == before.commit:
            return "Nothing was committed, and the repository is as it was. Publish again."
        wanted = {name: FileDigest.of(folder / name) for name in names}
        mine = all(name in now.files and now.files[name].size == digest.size for name, digest in wanted.items())
        whose = "with these files, but it was not verified" if mine else "of somebody else"
        return f"There is a new commit, {now.commit}, {whose}: {self.page}/commit/{now.commit}."


def with_cache(options: HubOptions, cache: str | Path) -> HubOptions:
    """The options with a cache of their own."""
    return replace(options, cache_dir=cache)


def _status(error: BaseException | None) -> int | None:
    """The HTTP status in an exception or in what caused it."""
    for _ in range(20):
        if error is None:
            return None
        status = getattr(getattr(error, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
        if found := re.search(r"\b(40[13]|412)\b", str(error)) if type(error).__name__ == "HfHubHTTPError" else None:
            return int(found[1])
        error = error.__cause__ or error.__context__
    return None
