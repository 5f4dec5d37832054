"""What the cache has of one commit: which files are right, damaged or missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from skinzoo.errors import WeightsError
from skinzoo.hub.cache import CachedRepository
from skinzoo.hub.client import Listing
from skinzoo.hub.digests import FileDigest
from skinzoo.hub.verifying import Verdict, judge


class CommitState:
    """What the cache has of a commit, as far as was looked.

    Args:
        cached: The repository's folder in the cache.
        commit: 40 hex digits.
        needed: Names of files without which the rest is of no use.
        expected: What files must be, by name.

    Attributes:
        found: Files that are right.
        uncompared: Files that nothing is known to compare with.
        damaged: Files that are not the ones published.
        missing: Names of files that are not there and that the Hub has not said to be absent.
    """

    def __init__(
        self, cached: CachedRepository, commit: str, *, needed: frozenset[str], expected: Mapping[str, FileDigest]
    ) -> None:
        self.cached, self.commit = cached, commit
        self.needed, self.expected = needed, expected
        self.found: dict[str, Verdict] = {}
        self.uncompared: dict[str, Verdict] = {}
        self.damaged: dict[str, Verdict] = {}
        self.missing: list[str] = []

    @property
    def unsure(self) -> list[str]:
        """Names of files that are not known to be right."""
        return [*self.missing, *self.damaged, *self.uncompared]

    @property
    def is_usable(self) -> bool:
        """True if nothing is damaged and all that is needed is there."""
        return not self.damaged and not self.needed.intersection(self.missing)

    def look(self, names: Iterable[str], listing: Listing | None = None) -> None:
        """Look at files, for the first time or again.

        Args:
            names: Their names.
            listing: What the Hub says of the commit, where it was asked.

        Raises:
            WeightsError: A file is there and cannot be read.
        """
        for name in list(names):
            for verdicts in (self.found, self.uncompared, self.damaged):
                verdicts.pop(name, None)
            self.missing = [other for other in self.missing if other != name]
            path = self.cached.path(self.commit, name)
            try:
                verdict = judge(path, expected=self.expected.get(name), declared=self._declared(path, name, listing))
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                if listing is not None or name in self.needed or not self.cached.is_absent(self.commit, name):
                    self.missing.append(name)
                continue
            except OSError as error:
                raise WeightsError(f"{path} cannot be read: {error.strerror or error}.") from error
            if verdict.problem:
                self.damaged[name] = verdict
            elif verdict.is_compared:
                self.found[name] = verdict
            else:
                self.uncompared[name] = verdict

    def _declared(self, path: Path, name: str, listing: Listing | None) -> str:
        """The digest that the Hub gives: in the list of files, or by the blob's name in the cache."""
        remote = listing.files.get(name) if listing is not None else None
        listed = "" if remote is None else remote.digest
        return listed if len(listed) == 64 else self.cached.declared(path) or listed
