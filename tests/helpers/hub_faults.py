"""What can go wrong between a client and the Hub, on demand."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

PROXY_PAGE = b"<!DOCTYPE html><html><title>Sign in</title><body>Your network wants you to sign in.</body></html>"


@dataclass(frozen=True)
class Answer:
    """A response, and how badly it is sent.

    Attributes:
        status: HTTP status.
        body: Bytes of the body.
        content_type: Of the body.
        headers: Further headers.
        cut_after: Send only so many bytes of the body (the length that is announced stays), then close the connection.
        reset: Cut by a TCP reset, before anything is sent if `cut_after` is None.
        gate: Wait for this event before sending, or after `pause_after` bytes of the body.
        pause_after: See `gate`.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    reset: bool = False
    gate: threading.Event | None = None
    pause_after: int | None = None


Proceed = Callable[[], Answer]
"""Carries out the request and gives the right answer."""


@dataclass
class _Fault:
    pattern: str
    left: int | None
    act: Callable[[Proceed], Answer]
    hits: int = 0


class FaultPlan:
    """Faults that wait for their requests; `server.faults` is one.

    In all methods `pattern` is a regular expression that is searched in `"METHOD /path"` (the path as it was sent,
    without the query), and `times` says how many requests are hit; None means all of them. The fault that was added
    first goes first. What a request asks for is done unless the method says otherwise.
    """

    def __init__(self) -> None:
        self._faults: list[_Fault] = []
        self._gates: list[threading.Event] = []
        self._lock = threading.Lock()

    def status(
        self,
        pattern: str,
        status: int,
        *,
        times: int | None = 1,
        retry_after: int | None = None,
        code: str | None = None,
        message: str = "made to fail",
        carried_out: bool = False,
    ) -> None:
        """Answer with an error, and do nothing else.

        Args:
            pattern: Which requests.
            status: HTTP status.
            times: How many requests.
            retry_after: Seconds, for the header `Retry-After`.
            code: The header `X-Error-Code`, by which the client tells errors apart.
            message: The header `X-Error-Message`.
            carried_out: Do what is asked for; only the answer to it is lost.
        """
        headers = {"X-Error-Message": message}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        if code is not None:
            headers["X-Error-Code"] = code
        answer = Answer(status, b'{"error": "%s"}' % message.encode(), headers=headers)

        def act(proceed: Proceed) -> Answer:
            if carried_out:
                proceed()
            return answer

        self._add(pattern, times, act)

    def gated(self, pattern: str, *, times: int | None = 1) -> None:
        """Refuse as the Hub does for a gated repository: 403 with the code `GatedRepo`."""
        message = "Access to this repository is restricted and you are not in the authorized list."
        self.status(pattern, 403, times=times, code="GatedRepo", message=message)

    def stall(self, pattern: str, *, after: int | None = None, times: int | None = 1) -> threading.Event:
        """Answer nothing until the returned event is set, or the server stops.

        Args:
            pattern: Which requests.
            after: Send the headers and so many bytes of the body first.
            times: How many requests.
        """
        gate = threading.Event()
        self._gates.append(gate)
        self._add(pattern, times, lambda proceed: replace(proceed(), gate=gate, pause_after=after))
        return gate

    def cut(self, pattern: str, *, missing: int = 1, times: int | None = 1) -> None:
        """Close the connection when `missing` bytes of the body are still to come."""

        def act(proceed: Proceed) -> Answer:
            answer = proceed()
            return replace(answer, cut_after=max(0, len(answer.body) - missing))

        self._add(pattern, times, act)

    def tamper(self, pattern: str, *, times: int | None = 1) -> None:
        """Another byte in the middle of the body; size and headers stay."""

        def act(proceed: Proceed) -> Answer:
            answer = proceed()
            at = len(answer.body) // 2
            body = answer.body[:at] + bytes(b ^ 1 for b in answer.body[at : at + 1]) + answer.body[at + 1 :]
            return replace(answer, body=body)

        self._add(pattern, times, act)

    def page(self, pattern: str, *, like_hub: bool = False, times: int | None = 1) -> None:
        """An HTML page with status 200, as networks do that want a sign-in.

        Args:
            pattern: Which requests.
            like_hub: The page comes with the Hub's own headers (ETag, X-Repo-Commit ...) of the right answer.
            times: How many requests.
        """

        def act(proceed: Proceed) -> Answer:
            headers = dict(proceed().headers) if like_hub else {}
            return Answer(200, PROXY_PAGE, "text/html; charset=utf-8", headers)

        self._add(pattern, times, act)

    def reset(self, pattern: str, *, after: int | None = None, times: int | None = 1) -> None:
        """Reset the connection, and do nothing else.

        Args:
            pattern: Which requests.
            after: Do what is asked for, send the headers and so many bytes of the body first.
            times: How many requests.
        """

        def act(proceed: Proceed) -> Answer:
            return Answer(reset=True) if after is None else replace(proceed(), reset=True, cut_after=after)

        self._add(pattern, times, act)

    def clear(self) -> None:
        """Take all faults away and let go what stalls."""
        with self._lock:
            self._faults.clear()
        self.release()

    def release(self) -> None:
        """Let go what stalls."""
        for gate in self._gates:
            gate.set()

    @property
    def waiting(self) -> list[str]:
        """Patterns that have hit nothing yet: a test that ends with one of them did not test what it says."""
        return [fault.pattern for fault in self._faults if not fault.hits]

    def answer(self, request: str, proceed: Proceed) -> Answer:
        """The answer to a request (`"METHOD /path"`) under this plan."""
        with self._lock:
            fault = next((f for f in self._faults if f.left != 0 and re.search(f.pattern, request)), None)
            if fault is not None:
                fault.hits += 1
                fault.left = None if fault.left is None else fault.left - 1
        return proceed() if fault is None else fault.act(proceed)

    def _add(self, pattern: str, times: int | None, act: Callable[[Proceed], Answer]) -> None:
        with self._lock:
            self._faults.append(_Fault(pattern, times, act))
