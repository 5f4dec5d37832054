"""Fetching files of a Hub repository and making sure that they are the ones published."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from skinzoo.download.locking import exclusive
from skinzoo.errors import ChecksumError, ConfigError, DownloadError, OfflineError, SkinzooError, WeightsError
from skinzoo.hub.cache import CachedRepository
from skinzoo.hub.client import HubClient, Listing
from skinzoo.hub.describing import describe_repository
from skinzoo.hub.digests import FileDigest
from skinzoo.hub.failures import free_bytes, full_disk, get_elsewhere, unwritable
from skinzoo.hub.options import HubOptions
from skinzoo.hub.reference import HubReference, check_filename
from skinzoo.hub.state import CommitState
from skinzoo.hub.verifying import Verdict

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """Files of one commit, on this disk and verified.

    Attributes:
        folder: The folder that they are in, as they are in the repository; other files may be there too.
        revision: The commit, 40 hex digits.
        files: Their paths by name; a file that is optional and not in the repository is left out.
        sha256: The sha256 of each by name, as computed in this call; nobody need read a file again to compare it.
        listing: Names of all files of the commit where the Hub was asked, else of those in the folder.
    """

    folder: Path
    revision: str
    files: Mapping[str, Path]
    sha256: Mapping[str, str]
    listing: tuple[str, ...]


def fetch_files(
    reference: HubReference,
    names: Sequence[str],
    *,
    optional: Sequence[str] = (),
    expected: Mapping[str, FileDigest] | None = None,
    options: HubOptions | None = None,
) -> Snapshot:
    """Fetch files of a repository into the cache of the Hub's client, and verify each of them, in every call.

    A file is compared with what it is expected to be, else with the digest that the Hub gave for it (sha256 for large
    files, the sha1 of git for small ones). One that differs is removed and fetched once more. Files of a pinned commit
    that are in the cache are used without any request. Where a reference names no commit, the Hub is asked for the
    newest one of `main`; if it does not answer, the one that it named before is used, and a warning is logged.

    Threads and processes may fetch the same files at the same time; one does it and the others wait.

    Args:
        reference: The repository, and the commit of it.
        names: Names of files that must be there.
        optional: Names of files that the repository need not have.
        expected: What files must be, by name; an optional one that is in it must be there.
        options: Which Hub, which cache, how long.

    Returns:
        Where the files are.

    Raises:
        ConfigError: A name or an option that makes no sense; nothing was read or asked.
        ChecksumError: A file is not the one expected, also when fetched again.
        OfflineError: A file is not in the cache and the Hub may not be asked, does not answer in time, or what answers
            is no Hub. It says how to get the files on another machine.
        WeightsError: There is no such repository, commit or file, or not for this user; or the cache cannot be written.
    """
    return _Fetch(reference, names, optional, expected or {}, options or HubOptions()).run()


class _Fetch:
    """One call of `fetch_files`."""

    def __init__(
        self,
        reference: HubReference,
        names: Sequence[str],
        optional: Sequence[str],
        expected: Mapping[str, FileDigest],
        options: HubOptions,
    ) -> None:
        if isinstance(names, str) or isinstance(optional, str):
            raise ConfigError("names and optional are lists of file names; one text was given.")
        for name in (*names, *optional, *expected):
            check_filename(name)
        self.reference, self.expected, self.options = reference, expected, options
        self.names = tuple(dict.fromkeys((*names, *optional)))
        self.needed = frozenset(names) | (frozenset(optional) & frozenset(expected))
        self.client = HubClient(reference, options)
        self.cached = CachedRepository(self.client.cache, reference.repository)

    def _state(self, commit: str, listing: Listing | None = None) -> CommitState:
        state = CommitState(self.cached, commit, needed=self.needed, expected=self.expected)
        state.look(self.names, listing)
        return state

    def run(self) -> Snapshot:
        """The files, from the cache or the Hub."""
        pinned = self.reference.revision
        commit = pinned or self.cached.main()
        state = None if commit is None else self._state(commit)
        usable = state if state is not None and state.is_usable else None
        is_offline = self.options.is_offline()
        if usable is not None and (is_offline or (pinned and not usable.unsure)):
            return self._snapshot(usable)
        if is_offline:
            raise self._offline_error(state)
        try:
            listing = self.client.look_up(pinned, retries=None if usable is None else 0)
            if pinned is None:
                _log.info("main of %s is at commit %s", self.reference.repository, listing.commit)
            if state is None or state.commit != listing.commit:
                state = self._state(listing.commit, listing)
            else:
                state.look(state.unsure, listing)
            self._complete(state, listing)
        except OfflineError as problem:
            if usable is None:
                raise OfflineError(f"{problem} {self._elsewhere()}") from problem.__cause__
            _log.warning("%s What the cache has of commit %s is used.", problem, usable.commit)
            return self._snapshot(usable)
        if pinned is None:
            with suppress(OSError):
                self.cached.remember_main(state.commit)
        return self._snapshot(state, listing)

    def _complete(self, state: CommitState, listing: Listing) -> None:
        """Fetch what is missing or damaged."""
        absent = [name for name in state.missing if name not in listing.files]
        if lacking := [name for name in absent if name in self.needed]:
            raise WeightsError(self._describe(lacking, listing, state))
        for name in absent:
            state.missing.remove(name)
            self.cached.remember_absent(state.commit, name)
        if not (state.missing or state.damaged):
            return
        with self._locked():
            was_damaged = frozenset(state.damaged)
            state.look([*state.missing, *state.damaged], listing)  # another process may have been quicker
            todo = [*state.missing, *state.damaged]
            for name, verdict in state.damaged.items():
                self._remove(self.cached.path(state.commit, name), verdict)
            self._check_listed(todo, listing)
            for name in todo:
                self._download(state, name, listing, tries=1 if name in was_damaged else 2)

    def _download(self, state: CommitState, name: str, listing: Listing, *, tries: int) -> None:
        while True:
            partial = self.cached.partial(listing.files[name].digest)
            path = self.client.download(state.commit, name, partial=partial)
            state.look([name], listing)
            verdict = state.damaged.get(name)
            if verdict is None and name not in state.missing:
                return
            if verdict is not None:
                self._remove(path, verdict)
            tries -= 1
            if tries <= 0:
                problem = "it vanished from the cache" if verdict is None else verdict.problem
                raise ChecksumError(
                    f"{path}, fetched from {self.client.place.page}, is not the file that was published: {problem}. It "
                    "was fetched again after a first mismatch and removed. Something on the way or on this disk "
                    "changes files: use another network, mirror or disk, and tell the publisher if it stays."
                )
            _log.warning("%s: %s; fetching it once more", path, "gone" if verdict is None else verdict.problem)

    def _remove(self, path: Path, verdict: Verdict) -> None:
        try:
            self.cached.remove(path, verdict.seen)
        except OSError as error:
            raise ChecksumError(
                f"{path} is not the file that was published: {verdict.problem}. It cannot be removed "
                f"({error.strerror or error}); remove it by hand, or set SKINZOO_HUB_CACHE to a folder of your own."
            ) from error

    def _check_listed(self, names: Sequence[str], listing: Listing) -> None:
        """Refuse what is known before a byte is fetched: another file than the one expected, and a full disk."""
        needed = 0
        for name in names:
            remote, want = listing.files[name], self.expected.get(name)
            needed += remote.size or 0
            if want is not None and (
                (remote.size is not None and remote.size != want.size)
                or (len(remote.digest) == 64 and remote.digest != want.sha256)
            ):
                raise ChecksumError(
                    f"{self.client.place.page}/blob/{listing.commit}/{name} is not the file that was recorded: "
                    f"expected sha256 {want}, got {remote.digest or 'an unknown digest'} ({remote.size or 0:,} bytes). "
                    "Look for a newer skinzoo, and tell the publisher."
                )
        if needed > free_bytes(self.client.cache):
            raise full_disk(self.client.cache, needed, ", ".join(names))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        what = ", ".join(self.names)
        with ExitStack() as stack:
            try:
                self.cached.lock.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(exclusive(self.cached.lock, wait=self.client.seconds_left()))
            except OSError as error:
                raise unwritable(self.client.cache, error, what) from error
            except DownloadError as error:
                if error.code == "FILE_UNWRITABLE":
                    raise unwritable(self.client.cache, error.__cause__ or error, what) from error
                raise OfflineError(f"{self.client.place.page}: {error}") from error
            yield

    def _snapshot(self, state: CommitState, listing: Listing | None = None) -> Snapshot:
        if state.uncompared:
            _log.warning(
                "%s: nothing is known to compare %s with",
                self.cached.snapshot(state.commit),
                ", ".join(state.uncompared),
            )
        verdicts = {name: v for name in self.names if (v := state.found.get(name) or state.uncompared.get(name))}
        return Snapshot(
            folder=self.cached.snapshot(state.commit),
            revision=state.commit,
            files={name: self.cached.path(state.commit, name) for name in verdicts},
            sha256={name: verdict.sha256 for name, verdict in verdicts.items()},
            listing=self.cached.listing(state.commit) if listing is None else tuple(listing.files),
        )

    def _offline_error(self, state: CommitState | None) -> SkinzooError:
        if state is not None and state.damaged:
            name, verdict = next(iter(state.damaged.items()))
            return ChecksumError(
                f"{self.cached.path(state.commit, name)} is not the file that was published: {verdict.problem}. It "
                f"cannot be fetched again offline. {self._elsewhere()}"
            )
        missing = [name for name in self.names if name in self.needed and (state is None or name in state.missing)]
        return OfflineError(
            f"{self.reference}: {', '.join(missing) or 'its newest commit'} is not in the cache {self.client.cache}, "
            f"and no request may be made (HF_HUB_OFFLINE=1 or offline=True). {self._elsewhere()}"
        )

    def _elsewhere(self) -> str:
        return get_elsewhere(self.reference, self.client.endpoint, cache=self.client.cache)

    def _describe(self, lacking: Sequence[str], listing: Listing, state: CommitState) -> str:
        """What a repository is that lacks the files wanted."""
        config = None
        with suppress(SkinzooError, OSError, ValueError):
            if "config.json" in listing.files:
                path = self.cached.path(state.commit, "config.json")
                if not path.is_file():
                    path = self.client.download(state.commit, "config.json")
                config = json.loads(path.read_bytes())
        config = config if isinstance(config, dict) else None
        said = describe_repository(self.reference.repository, tuple(listing.files), config)
        return f"{self.client.place.page} has no {' and no '.join(lacking)} at commit {state.commit}. {said}"
