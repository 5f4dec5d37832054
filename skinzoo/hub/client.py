"""Asking the Hub with its own client, which is held to a time limit and kept quiet."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from skinzoo import __version__
from skinzoo.download.web import TransientError
from skinzoo.errors import OfflineError, SkinzooError
from skinzoo.hub.digests import is_digest
from skinzoo.hub.failures import PAGE_HINT, Place, translate
from skinzoo.hub.options import HubOptions
from skinzoo.hub.reference import HubReference, is_commit

MAX_BACKOFF = 30.0
_THREAD = "skinzoo-hub"
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True)
class ListedFile:
    """What the Hub says of a file.

    Attributes:
        size: Bytes; None where it does not say.
        digest: 64 hex digits (sha256) or 40 (sha1 of the git blob); "" where it does not say.
    """

    size: int | None
    digest: str


@dataclass(frozen=True)
class Listing:
    """What the Hub says of a commit.

    Attributes:
        commit: 40 hex digits.
        files: Its files, by name.
    """

    commit: str
    files: Mapping[str, ListedFile]


class HubClient:
    """One call's dealings with a Hub.

    Args:
        reference: The repository.
        options: How to reach the Hub.

    Raises:
        ConfigError: The endpoint of the environment is not https.
    """

    def __init__(self, reference: HubReference, options: HubOptions) -> None:
        self.options = options
        self.endpoint = options.find_endpoint()
        self.token = options.find_token()
        self.cache = options.find_cache()
        self.end = time.monotonic() + options.deadline
        secret = self.token if isinstance(self.token, str) else ""
        self.place = Place(reference, self.endpoint, self.cache, secret, self.token is None)

    def look_up(self, commit: str | None, *, retries: int | None = None) -> Listing:
        """The files of a commit, or of the newest one of `main`.

        Args:
            commit: 40 hex digits, or None.
            retries: How often to try again; None for what the options say.

        Raises:
            OfflineError: The Hub did not answer.
            WeightsError: It has no such repository or commit, or not for this user.
        """

        def ask() -> Listing:
            from huggingface_hub import HfApi

            api = HfApi(endpoint=self.endpoint, token=self.token, library_name="skinzoo", library_version=__version__)
            info = api.model_info(
                self.place.reference.repository,
                revision=commit or "main",
                timeout=self.options.timeout,
                files_metadata=True,
            )
            if not is_commit(info.sha) or (commit and info.sha != commit):  # it becomes a folder's name
                raise OfflineError(f"{self.place.page}: the Hub names the commit {info.sha!r} for {commit or 'main'}.")
            files = {}
            for row in info.siblings or []:
                sha256 = getattr(row.lfs, "sha256", None)
                digest = str(sha256 or row.blob_id or "")
                files[row.rfilename] = ListedFile(row.size, digest if is_digest(digest) else "")
            return Listing(str(info.sha), files)

        return self.persist(ask, "the list of files", retries)

    def download(self, commit: str, name: str, *, partial: Path | None = None) -> Path:
        """Have the client fetch a file into its cache.

        Args:
            commit: 40 hex digits.
            name: The file's name.
            partial: Where older clients keep the beginning of a file to go on from; removed where it is of no use.

        Raises:
            OfflineError: The Hub did not answer, or not with the file.
            WeightsError: It refuses, or the disk does.
        """

        def fetch() -> Path:
            from huggingface_hub import hf_hub_download

            try:
                return Path(
                    hf_hub_download(
                        self.place.reference.repository,
                        name,
                        revision=commit,
                        cache_dir=self.cache,
                        endpoint=self.endpoint,
                        token=self.token,
                        etag_timeout=self.options.timeout,
                        library_name="skinzoo",
                        library_version=__version__,
                    )
                )
            except OSError as error:
                is_other_size = "Consistency check" in str(error)
                if partial is not None and (is_other_size or "416" in str(error)):
                    partial.unlink(missing_ok=True)
                if is_other_size and self._is_page(commit, name):
                    raise OfflineError(f"{self.place.page}, {name}: {PAGE_HINT}") from error
                raise

        return self.persist(fetch, name, None)

    def seconds_left(self) -> float:
        """Seconds until the deadline, 0 at least."""
        return max(0.0, self.end - time.monotonic())

    def persist(self, action: Callable[[], _T], what: str, retries: int | None) -> _T:
        """Do something with the client until it works.

        Args:
            action: Asks the Hub; a `TransientError` may work the next time.
            what: What it is about, for messages.
            retries: How often to try again; None for the options' number.

        Raises:
            OfflineError: It failed too often, or the deadline is over.
        """
        failures, allowed = 0, self.options.retries if retries is None else retries
        while True:
            try:
                return self._bounded(action, what)
            except TransientError as problem:
                failures += 1
                wait = min(MAX_BACKOFF, 2.0 ** (failures - 1)) if problem.after is None else problem.after
                if failures > allowed:
                    said = "once" if failures == 1 else f"{failures} times"
                    raise OfflineError(f"{self.place.page}, {what}: {problem}; tried {said}.") from problem
                if wait >= self.seconds_left():
                    raise OfflineError(
                        f"{self.place.page}, {what}: {problem}; the next try in {wait:.0f} s would be after the "
                        f"deadline of {self.options.deadline:g} s."
                    ) from problem
                _log.info("%s, %s: %s; next try in %.0f s", self.place.page, what, problem, wait)
                _sleep(wait)

    def _bounded(self, action: Callable[[], _T], what: str) -> _T:
        """Run the client in a thread, because no version of it can be told when to give up."""
        results: list[_T] = []
        problems: list[BaseException] = []

        def work() -> None:
            try:
                import huggingface_hub  # noqa: F401 - it makes its log handlers

                _silence_client()
                results.append(action())
            except BaseException as error:
                problems.append(error)

        thread = threading.Thread(target=work, name=_THREAD, daemon=True)
        thread.start()
        thread.join(self.seconds_left())
        if results:
            return results[0]
        if not problems:
            raise OfflineError(
                f"{self.place.page}, {what}: not done within the deadline of {self.options.deadline:g} s."
            )
        if isinstance(problems[0], SkinzooError):
            raise problems[0]
        raise translate(problems[0], self.place, what) from problems[0]

    def _is_page(self, commit: str, name: str) -> bool:
        """True if the file's address gives a web page; asked without a token."""
        from skinzoo.download.web import is_page, requested

        try:
            address = f"{self.endpoint}/{self.place.reference.repository}/resolve/{commit}/{name}"
            with requested(address, timeout=self.options.timeout) as response:
                return is_page(response, response.read1(512))
        except Exception:  # it only explains an error that is there already
            return False


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def _silence_client() -> None:
    """Keep what the client logs in our threads out of the terminal; each failure is told once, by the error."""
    for handler in logging.getLogger("huggingface_hub").handlers:
        if _is_others not in handler.filters:
            handler.addFilter(_is_others)


def _is_others(record: logging.LogRecord) -> bool:
    return record.threadName != _THREAD
