"""The part of the Hub's HTTP interface that huggingface_hub 0.36 to 2.4 uses, as functions from requests to answers.

Xet is left out: clients run with `HF_HUB_DISABLE_XET=1`, or the server asks for every file as a regular one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

import yaml
from hub_access import Access, HubContent, HubError, Request
from hub_faults import Answer
from hub_repository import Blob, Repository, allowed_path, stored_as_lfs

Handler = Callable[["HubRoutes", Request, "re.Match[str]"], Answer]
ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []
ID = r"(?P<id>[^/]+/[^/]+)"
API = rf"/api/(?P<kind>model|dataset|space)s/{ID}"
SITE = rf"/(?P<prefix>(?:datasets/|spaces/)?){ID}"


def route(methods: str, pattern: str) -> Callable[[Handler], Handler]:
    """A handler for these methods and paths; the first that fits is taken."""

    def register(handler: Handler) -> Handler:
        ROUTES.append((methods, re.compile(pattern), handler))
        return handler

    return register


def json_answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """An answer in JSON."""
    return Answer(status, json.dumps(value).encode(), headers=headers)


class HubRoutes(Access):
    """Answers requests from, and carries them out on, the content of a Hub."""

    def __init__(self, content: HubContent) -> None:
        super().__init__(content)
        self._lock = threading.RLock()

    def answer(self, request: Request) -> Answer:
        """The right answer to a request."""
        with self._lock:
            try:
                for methods, pattern, handler in ROUTES:
                    if request.method in methods.split() and (found := pattern.fullmatch(request.path)):
                        return handler(self, request, found)
                raise HubError(404, f"the stand-in has no route for {request.method} {request.path}")
            except HubError as error:
                return error.answer

    # -- the site -----------------------------------------------------------------------------------------------------

    @route("GET", "/api/agent-harnesses")
    def harnesses(self, request: Request, found: re.Match[str]) -> Answer:
        """Telemetry asks for this; there is nothing."""
        return json_answer({"standardEnvVars": [], "harnesses": {}})

    @route("GET", "/api/whoami-v2")
    def whoami(self, request: Request, found: re.Match[str]) -> Answer:
        """Who the token belongs to."""
        account = self.account(request)
        if account is None:
            raise HubError(401, "Invalid username or password.")
        organisations = [{"type": "org", "id": name, "name": name, "fullname": name} for name in account.organisations]
        token = {"role": "write" if account.can_write else "read", "displayName": "token"}
        user = {"type": "user", "id": account.name, "name": account.name, "fullname": account.name}
        return json_answer({**user, "orgs": organisations, "auth": {"type": "access_token", "accessToken": token}})

    @route("POST", "/api/validate-yaml")
    def validate_yaml(self, request: Request, found: re.Match[str]) -> Answer:
        """The check of a README before it is uploaded."""
        content = request.json()["content"]
        block = re.match(r"---\r?\n(.*?)\r?\n---", content, re.S)
        if block is None:
            return json_answer({"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})
        try:
            errors = [] if isinstance(yaml.safe_load(block[1]), dict) else [{"message": "metadata must be an object"}]
        except yaml.YAMLError as error:
            errors = [{"message": str(error)}]
        return json_answer({"errors": errors, "warnings": []}, 400 if errors else 200)

    @route("POST", "/api/repos/create")
    def create(self, request: Request, found: re.Match[str]) -> Answer:
        """A new repository."""
        asked = request.json()
        account = self.account(request)
        namespace = asked.get("organization") or (account.name if account else "")
        self.writer(request, namespace)
        kind, name = asked.get("type") or "model", f"{namespace}/{asked['name']}"
        if (kind, name) in self.content.repositories:
            url = self.page_of(self.content.repositories[kind, name])
            return json_answer({"error": "You already created this model repo", "url": url}, 409)
        private = asked.get("visibility") == "private" or bool(asked.get("private"))  # 2.x, 0.x
        repository = self.content.repositories[kind, name] = Repository(kind, name, private)
        return json_answer({"url": self.page_of(repository), "name": name, "id": name})

    @route("DELETE", "/api/repos/delete")
    def delete(self, request: Request, found: re.Match[str]) -> Answer:
        """A repository goes."""
        asked = request.json()
        account = self.account(request)
        namespace = asked.get("organization") or (account.name if account else "")
        self.writer(request, namespace)
        if self.content.repositories.pop((asked.get("type") or "model", f"{namespace}/{asked['name']}"), None) is None:
            raise HubError(404, "Repository not found", "RepoNotFound")
        return Answer(200, b"OK", "text/plain")

    @route("GET", "/api/models")
    def models(self, request: Request, found: re.Match[str]) -> Answer:
        """Public models, by author and by a part of their name."""
        author, part = request.query.get("author"), request.query.get("search", "").lower()
        rows = [
            repository.info(repository.branches["main"])
            for (kind, name), repository in self.content.repositories.items()
            if kind == "model" and not repository.private and part in name.lower()
            if author is None or repository.owner == author
        ]
        return json_answer(rows)

    # -- a repository -------------------------------------------------------------------------------------------------

    @route("GET HEAD", API)
    @route("GET HEAD", API + r"/revision/(?P<revision>[^/]+)")
    def info(self, request: Request, found: re.Match[str]) -> Answer:
        """`model_info`."""
        repository = self.repository(request, found)
        oid = self.commit_of(repository, found.groupdict().get("revision") or "main")
        return json_answer(repository.info(oid, details="blobs" in request.query))

    @route("PUT", API + "/settings")
    def settings(self, request: Request, found: re.Match[str]) -> Answer:
        """Visibility and access."""
        repository = self.repository(request, found, write=True)
        asked = request.json()
        if "visibility" in asked or "private" in asked:
            repository.private = asked.get("visibility") == "private" or bool(asked.get("private"))
        if "gated" in asked:
            repository.gated = bool(asked["gated"])
        return json_answer({})

    @route("GET", API + r"/tree/(?P<revision>[^/]+)(?:/(?P<folder>.*))?")
    def tree(self, request: Request, found: re.Match[str]) -> Answer:
        """Files and folders."""
        repository = self.repository(request, found)
        self.may_read_files(request, repository)
        folder = unquote(found["folder"] or "").strip("/")
        recursive = request.query.get("recursive", "").lower() in ("true", "1")
        rows = repository.tree(self.commit_of(repository, found["revision"]), folder, recursive=recursive)
        if rows is None:
            raise HubError(404, f"{folder} does not exist", "EntryNotFound")
        return json_answer(rows)

    @route("POST", API + r"/paths-info/(?P<revision>[^/]+)")
    def paths_info(self, request: Request, found: re.Match[str]) -> Answer:
        """The rows of some files."""
        repository = self.repository(request, found)
        files = repository.commits[self.commit_of(repository, found["revision"])].files
        form = "x-www-form-urlencoded" in request.headers.get("content-type", "")
        paths = parse_qs(request.body.decode()).get("paths", []) if form else request.json()["paths"]
        return json_answer([files[path].row(path) for path in paths if path in files])

    @route("GET", API + "/refs")
    def refs(self, request: Request, found: re.Match[str]) -> Answer:
        """Branches, tags and pull requests."""
        repository = self.repository(request, found)

        def rows(table: Mapping[Any, str], kind: str) -> list[dict[str, str]]:
            return [{"name": str(n), "ref": f"refs/{kind}/{n}", "targetCommit": oid} for n, oid in table.items()]

        return json_answer(
            {
                "branches": rows(repository.branches, "heads"),
                "tags": rows(repository.tags, "tags"),
                "pullRequests": rows(repository.pull_requests, "pr"),
                "converts": [],
            }
        )

    @route("GET", API + r"/commits/(?P<revision>[^/]+)")
    def commits(self, request: Request, found: re.Match[str]) -> Answer:
        """The history."""
        repository = self.repository(request, found)
        return json_answer(
            [
                {"id": c.oid, "title": c.title, "message": c.message, "date": c.date, "authors": [{"user": "tester"}]}
                for c in repository.history(self.commit_of(repository, found["revision"]))
            ]
        )

    @route("POST DELETE", API + r"/(?P<table>branch|tag)/(?P<name>.+)")
    def reference(self, request: Request, found: re.Match[str]) -> Answer:
        """A branch or a tag comes or goes. A tag's path names the revision, its body the tag."""
        repository = self.repository(request, found, write=True)
        is_branch, last = found["table"] == "branch", unquote(found["name"])
        table = repository.branches if is_branch else repository.tags
        if request.method == "DELETE":
            if table.pop(last, None) is None:
                raise HubError(404, f"Invalid rev id: {last}", "RevisionNotFound")
            return json_answer({})
        asked = request.json()
        name, start = (last, asked.get("startingPoint", "main")) if is_branch else (asked["tag"], last)
        if name in table:
            raise HubError(409, f"Reference already exists: {name}")
        table[name] = self.commit_of(repository, start)
        return json_answer({}, 201)

    # -- uploads ------------------------------------------------------------------------------------------------------

    @route("POST", API + r"/preupload/(?P<revision>[^/]+)")
    def preupload(self, request: Request, found: re.Match[str]) -> Answer:
        """Which files to send as LFS, and which ones are there already (`oid`)."""
        repository = self.repository(request, found, write=True)
        oid = self.commit_of(repository, found["revision"])
        rows = []
        for file in request.json()["files"]:
            lfs = not self.content.all_regular and stored_as_lfs(file["path"], file["size"])
            row = {"path": file["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False}
            if there := repository.commits[oid].files.get(file["path"]):
                row["oid"] = there.etag
            rows.append(row)
        return json_answer({"files": rows, "commitOid": oid})

    @route("POST", SITE + r"\.git/info/lfs/objects/batch")
    def lfs_batch(self, request: Request, found: re.Match[str]) -> Answer:
        """Where to send LFS objects; no `actions` for those that are there."""
        self.repository(request, found, write=True)
        rows = []
        for asked in request.json()["objects"]:
            row: dict[str, Any] = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.content.lfs:
                href = f"{self.content.url}/_lfs/{asked['oid']}"
                row["actions"] = {"upload": {"href": href, "header": {}}, "verify": {"href": f"{href}/verify"}}
            rows.append(row)
        answer = json.dumps({"transfer": "basic", "objects": rows}).encode()
        return Answer(200, answer, "application/vnd.git-lfs+json")

    @route("PUT", "/_lfs/(?P<oid>[0-9a-f]{64})")
    def lfs_upload(self, request: Request, found: re.Match[str]) -> Answer:
        """An LFS object."""
        if hashlib.sha256(request.body).hexdigest() != found["oid"]:
            raise HubError(400, "the object does not have the announced SHA-256")
        self.content.lfs[found["oid"]] = request.body
        return Answer()

    @route("POST", "/_lfs/(?P<oid>[0-9a-f]{64})/verify")
    def lfs_verify(self, request: Request, found: re.Match[str]) -> Answer:
        """Whether an LFS object has arrived."""
        if found["oid"] not in self.content.lfs:
            raise HubError(404, "the object was not uploaded")
        return json_answer({})

    @route("POST", API + r"/commit/(?P<revision>[^/]+)")
    def commit(self, request: Request, found: re.Match[str]) -> Answer:
        """A commit, one JSON object a line."""
        repository = self.repository(request, found, write=True)
        branch = unquote(found["revision"])
        head = self.commit_of(repository, found["revision"])
        files, header = dict(repository.commits[head].files), {"summary": ""}
        for line in request.body.splitlines():
            operation = json.loads(line)
            if operation["key"] == "header":
                header = operation["value"]
            else:
                self._apply(files, operation["key"], operation["value"])
        if header.get("parentCommit") and not head.startswith(header["parentCommit"]):
            raise HubError(412, "A commit has happened since. Please refresh and try again.")
        title, message = header["summary"], header.get("description", "")
        answer = {"success": True, "hookOutput": ""}
        if request.query.get("create_pr"):
            number, oid = repository.propose(branch, title, files, message)
            answer["pullRequestUrl"] = f"{self.page_of(repository)}/discussions/{number}"
        else:
            oid = repository.commit(branch, title, files, message)
        return json_answer({**answer, "commitOid": oid, "commitUrl": f"{self.page_of(repository)}/commit/{oid}"})

    def _apply(self, files: dict[str, Blob], key: str, value: Mapping[str, Any]) -> None:
        """One operation of a commit on the files."""
        path = value["path"]
        if not allowed_path(path.rstrip("/")):
            raise HubError(400, f"Invalid path in repo: {path}")
        if key == "file":
            files[path] = Blob(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            if value["oid"] not in self.content.lfs:
                raise HubError(400, f"LFS object {value['oid']} was not uploaded")
            files[path] = Blob(self.content.lfs[value["oid"]], lfs=True)
        elif key == "deletedFile":
            if files.pop(path, None) is None:
                raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")
        elif key == "deletedFolder":
            for name in [name for name in files if name.startswith(path.rstrip("/") + "/")]:
                del files[name]
        else:
            raise HubError(400, f"the stand-in does not know the operation {key}")

    # -- downloads ----------------------------------------------------------------------------------------------------

    @route("GET HEAD", SITE + r"/(?:resolve|raw)/(?P<revision>[^/]+)/(?P<path>.+)")
    def resolve(self, request: Request, found: re.Match[str]) -> Answer:
        """A file, or where it is."""
        repository = self.repository(request, found)
        self.may_read_files(request, repository)
        oid = self.commit_of(repository, found["revision"])
        blob = repository.commits[oid].files.get(unquote(found["path"]))
        if blob is None:  # with the commit the client can remember that there is none
            raise HubError(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": oid})
        headers = {"X-Repo-Commit": oid, "ETag": f'"{blob.etag}"'}
        if blob.lfs:
            headers |= {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.data))}
            if self.content.lfs_redirect:
                self.content.lfs.setdefault(blob.sha256, blob.data)
                host = self.content.url.replace("127.0.0.1", "localhost")  # another host to the client
                return Answer(302, headers={**headers, "Location": f"{host}/_lfs/{blob.sha256}"})
        return file_answer(request, blob.data, headers)

    @route("GET HEAD", "/_lfs/(?P<oid>[0-9a-f]{64})")
    def lfs_download(self, request: Request, found: re.Match[str]) -> Answer:
        """An LFS object, from what stands for the CDN."""
        if found["oid"] not in self.content.lfs:
            raise HubError(404, "no such object")
        return file_answer(request, self.content.lfs[found["oid"]], {"ETag": f'"{found["oid"]}"'})


def file_answer(request: Request, data: bytes, headers: Mapping[str, str]) -> Answer:
    """Bytes, or the range of them that was asked for."""
    headers = {**headers, "Accept-Ranges": "bytes"}
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if asked is None or request.method == "HEAD":
        return Answer(200, data, "application/octet-stream", headers)
    first, last = int(asked[1]), int(asked[2] or len(data) - 1)
    if first >= len(data):
        raise HubError(416, "the range begins behind the end", headers={"Content-Range": f"bytes */{len(data)}"})
    part = data[first : last + 1]
    headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
    return Answer(206, part, "application/octet-stream", headers)
