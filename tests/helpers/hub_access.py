"""Who asks the stand-in Hub for what, and whether they may have it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from hub_faults import Answer
from hub_repository import Repository

PREFIXES = {"": "model", "datasets/": "dataset", "spaces/": "space"}


@dataclass(frozen=True)
class Account:
    """Who a token belongs to.

    Attributes:
        name: User name; the user may write to this namespace.
        can_write: False for a read-only token.
        organisations: Further namespaces.
    """

    name: str
    can_write: bool = True
    organisations: tuple[str, ...] = ()

    def is_member(self, namespace: str) -> bool:
        """Whether the user sees and changes what is in the namespace."""
        return namespace in {self.name, *self.organisations}


@dataclass
class HubContent:
    """All that a Hub holds.

    Attributes:
        url: Where it is reached.
        tokens: Accounts by token.
        repositories: By kind and id.
        lfs: Uploaded LFS objects by their SHA-256.
        lfs_redirect: LFS files are answered with a redirect to another host name, as the Hub does to its CDN.
        all_regular: No file is asked for as LFS; a client with Xet switched on then works too.
    """

    url: str = ""
    tokens: dict[str, Account] = field(default_factory=dict)
    repositories: dict[tuple[str, str], Repository] = field(default_factory=dict)
    lfs: dict[str, bytes] = field(default_factory=dict)
    lfs_redirect: bool = False
    all_regular: bool = False


class HubError(Exception):
    """A request that is refused."""

    def __init__(self, status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        named = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {}) | dict(headers or {})
        self.answer = Answer(status, json.dumps({"error": message}).encode(), headers=named)


@dataclass(frozen=True)
class Request:
    """A request as it came in. `target` is its path with the query; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """As it was sent: still quoted, without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The last value of each parameter."""
        return {key: values[-1] for key, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def token(self) -> str | None:
        """The token that was sent."""
        sent = self.headers.get("authorization", "")
        return sent.removeprefix("Bearer ") if sent else None

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body or b"{}")


class Access:
    """Finds what a request is about, and refuses it to those who may not have it."""

    def __init__(self, content: HubContent) -> None:
        self.content = content

    def account(self, request: Request) -> Account | None:
        """Who asks; None without a token."""
        if request.token is None:
            return None
        if request.token not in self.content.tokens:
            raise HubError(401, "Invalid credentials in Authorization header")
        return self.content.tokens[request.token]

    def writer(self, request: Request, namespace: str) -> Account:
        """Who asks, if they may write to the namespace."""
        account = self.account(request)
        if account is None:
            raise HubError(401, "Invalid username or password.")
        if not account.can_write:
            raise HubError(403, "Your token has not the permission to write")
        if not account.is_member(namespace):
            raise HubError(403, f'You do not have the rights to write to the namespace "{namespace}"')
        return account

    def repository(self, request: Request, found: re.Match[str], *, write: bool = False) -> Repository:
        """The repository of a path, if who asks may see it."""
        groups = found.groupdict()
        kind = groups.get("kind") or PREFIXES[groups.get("prefix") or ""]
        account = self.account(request)
        repository = self.content.repositories.get((kind, found["id"]))
        hidden = repository is not None and repository.private
        if repository is None or (hidden and (account is None or not account.is_member(repository.owner))):
            raise HubError(401 if account is None else 404, "Repository not found", "RepoNotFound")
        if write:
            self.writer(request, repository.owner)
        return repository

    def may_read_files(self, request: Request, repository: Repository) -> None:
        """Raise if the repository is gated and who asks was not let in."""
        account = self.account(request)
        if not repository.gated:
            return
        if account is None:
            raise HubError(401, f"Access to model {repository.id} is restricted. You must log in.", "GatedRepo")
        if not account.is_member(repository.owner) and account.name not in repository.granted:
            message = f"Access to model {repository.id} is restricted and you are not in the authorized list."
            raise HubError(403, message, "GatedRepo")

    def commit_of(self, repository: Repository, revision: str) -> str:
        """The hash of the commit at a quoted revision."""
        oid = repository.resolve(unquote(revision))
        if oid is None:
            raise HubError(404, f"Invalid rev id: {unquote(revision)}", "RevisionNotFound")
        return oid

    def page_of(self, repository: Repository) -> str:
        """The address of a repository."""
        prefix = "" if repository.kind == "model" else f"{repository.kind}s/"
        return f"{self.content.url}/{prefix}{repository.id}"
