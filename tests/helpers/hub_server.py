"""A stand-in for the Hugging Face Hub on this machine: tests run the real client against it, and nothing leaves.

    with HubServer() as hub:
        commit = hub.put("tester/model", {"config.json": b"{}", "model.safetensors": weights})
        hub.faults.status("GET .*/resolve/", 503, times=2)
        hf_hub_download("tester/model", "config.json", endpoint=hub.url, cache_dir=folder)
        assert hub.requests("GET .*config.json")

The fixture `hub` (hub_fixtures.py) is such a server.
"""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from hub_access import Account, HubContent, Request
from hub_faults import Answer, FaultPlan
from hub_repository import Blob, Repository, stored_as_lfs
from hub_routes import HubRoutes

USER, TOKEN = "tester", "hf_tester_token"
ORGANISATION = "skinzoo"
OTHER_USER, OTHER_TOKEN = "stranger", "hf_stranger_token"
READ_TOKEN = "hf_read_token"


@dataclass(frozen=True)
class Logged:
    """A request that was answered.

    Attributes:
        method: HTTP method.
        target: Path and query as they were sent.
        status: Of the answer; None if the connection was reset instead.
        token: What was sent as the bearer token.
        host: The header `Host`; `localhost` for what stands for the CDN.
        range: The header `Range`.
    """

    method: str
    target: str
    status: int | None
    token: str | None
    host: str
    range: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


class HubServer:
    """The server. It knows tokens of `USER` (who is in `ORGANISATION`) and `OTHER_USER`, and one that only reads.

    Args:
        lfs_redirect: See `HubContent`.
        all_regular: See `HubContent`.

    Attributes:
        content: What the Hub holds, all of it open to a test.
        faults: What is to go wrong.
        log: Every request, in the order of the answers.
        crashes: Errors of the stand-in itself; the fixture fails a test that has some.
    """

    def __init__(self, *, lfs_redirect: bool = False, all_regular: bool = False) -> None:
        tokens = {
            TOKEN: Account(USER, organisations=(ORGANISATION,)),
            OTHER_TOKEN: Account(OTHER_USER),
            READ_TOKEN: Account(USER, can_write=False),
        }
        self.content = HubContent(tokens=tokens, lfs_redirect=lfs_redirect, all_regular=all_regular)
        self.routes = HubRoutes(self.content)
        self.faults = FaultPlan()
        self.log: list[Logged] = []
        self.crashes: list[BaseException] = []
        self._port = 0
        self._http: _Http | None = None

    # -- up and down --------------------------------------------------------------------------------------------------

    def start(self) -> HubServer:
        """Listen; after `stop` at the same port as before."""
        if self._http is None:
            self._http = _Http(("127.0.0.1", self._port), self)
            self._port = self._http.server_address[1]
            self.content.url = f"http://127.0.0.1:{self._port}"
            threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Go down: new connections are refused and live ones are cut. What the Hub holds stays."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None
        self.faults.release()

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The endpoint, `http://127.0.0.1:<port>`."""
        return self.content.url

    # -- what it holds ------------------------------------------------------------------------------------------------

    def put(
        self,
        repository: str,
        files: Mapping[str, bytes | str | None],
        *,
        lfs: Sequence[str] | None = None,
        branch: str = "main",
        message: str = "put",
        private: bool = False,
        gated: bool = False,
    ) -> str:
        """Commit files without a client, into a repository that is made if there is none.

        Args:
            repository: `"owner/name"`.
            files: Content by path; None deletes the file.
            lfs: Which of them are stored as LFS; None for those that the real Hub stores so.
            branch: Where to; it begins at `main` if it is new.
            message: Of the commit.
            private: For a new repository.
            gated: For a new repository.

        Returns:
            The commit, 40 hexadecimal digits.
        """
        new = Repository("model", repository, private=private, gated=gated)
        target = self.content.repositories.setdefault(("model", repository), new)
        content = dict(target.commits[target.branches.get(branch) or target.branches["main"]].files)
        for path, data in files.items():
            if data is None:
                del content[path]
                continue
            raw = data.encode() if isinstance(data, str) else bytes(data)
            content[path] = Blob(raw, stored_as_lfs(path, len(raw)) if lfs is None else path in lfs)
        return target.commit(branch, message, content)

    def repository(self, name: str, kind: str = "model") -> Repository:
        """A repository, to look into or to change (`private`, `gated`, `granted`, `tags`)."""
        return self.content.repositories[kind, name]

    def files(self, name: str, revision: str = "main") -> dict[str, bytes]:
        """What a model's repository holds, by path."""
        return self.repository(name).files(revision)

    # -- what was asked -----------------------------------------------------------------------------------------------

    def requests(self, pattern: str = "") -> list[Logged]:
        """Logged requests in whose `"METHOD /path?query"` the regular expression is found."""
        return [entry for entry in list(self.log) if re.search(pattern, str(entry))]


class _Http(socketserver.ThreadingTCPServer):
    """Knows its live connections: keep-alive ones outlive `shutdown`, and a server that is down must not answer."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], hub: HubServer) -> None:
        self.hub = hub
        self.closing = False
        self._live: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._live.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._live.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        self.closing = True
        super().server_close()
        for connection in list(self._live):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    """Reads requests from the wire and puts answers on it."""

    protocol_version = "HTTP/1.1"  # keep-alive, so that every answer announces its length
    server_version = "hub-stand-in"
    disable_nagle_algorithm = True
    server: _Http

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self._body())
        hub = self.server.hub
        try:
            answer = hub.faults.answer(f"{request.method} {request.path}", lambda: hub.routes.answer(request))
        except Exception as error:
            hub.crashes.append(error)
            answer = Answer(500, repr(error).encode(), "text/plain")
        before_anything = answer.reset and answer.cut_after is None
        status = None if before_anything else answer.status
        host, asked = headers.get("host", "").partition(":")[0], headers.get("range")
        hub.log.append(Logged(request.method, request.target, status, request.token, host, asked))
        try:
            self._send(answer, before_anything)
        except OSError:  # the client went away
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the names are the base class's

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, answer: Answer, before_anything: bool) -> None:
        if answer.gate is not None and answer.pause_after is None:
            self._wait(answer.gate)
        if not before_anything:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self._send_body(answer)
        if answer.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()
        if answer.reset or answer.cut_after is not None:
            self.close_connection = True

    def _send_body(self, answer: Answer) -> None:
        body = answer.body if answer.cut_after is None else answer.body[: answer.cut_after]
        if answer.gate is not None and answer.pause_after is not None:
            self.wfile.write(body[: answer.pause_after])
            self._wait(answer.gate)
            body = body[answer.pause_after :]
        self.wfile.write(body)

    def _wait(self, gate: threading.Event) -> None:
        gate.wait()
        if self.server.closing:
            raise ConnectionAbortedError
