"""Asking a web server for a file, and telling what is worth a second try from what is not."""

from __future__ import annotations

import email.utils
import ipaddress
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from skinzoo import __version__
from skinzoo.errors import DownloadError
from skinzoo.files import looks_like_page

RETRIED = (408, 425, 429, 500, 502, 503, 504)
PAGE_HINT = (
    "The server sent a web page instead: the address may have changed, or the file now needs a login, a click or "
    "another network. Open the address in a browser."
)


class TransientError(Exception):
    """Something failed that may work the next time.

    Args:
        reason: What failed.
        after: Seconds that the server asks to wait; None if it does not say.
        start_over: True if the bytes that came before are of no use.
    """

    def __init__(self, reason: str, after: float | None = None, *, start_over: bool = False) -> None:
        super().__init__(reason)
        self.after = after
        self.start_over = start_over


def check_url(url: str, *, come_from: str = "") -> None:
    """Refuse an address that is neither https nor http on this machine.

    Args:
        url: The address.
        come_from: The address that redirects to it; from the web no redirect leads to this machine.

    Raises:
        DownloadError: It is refused (code `URL_REFUSED`).
    """
    by = f" (redirected from {come_from})" if come_from else ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise DownloadError(f"{url!r}{by} is no address: {error}.", "URL_REFUSED") from error
    if not host or any(ord(c) <= 32 for c in url):
        raise DownloadError(f"{url!r}{by} is no address; give https://host/path.", "URL_REFUSED")
    if is_loopback(host):
        if parts.scheme not in ("http", "https") or (come_from and not is_loopback(urlsplit(come_from).hostname or "")):
            raise DownloadError(f"{url}{by} leads to this machine; that is not followed.", "URL_REFUSED")
    elif parts.scheme != "https":
        raise DownloadError(f"{url}{by} is not https, so anybody on the way could change the file.", "URL_REFUSED")


def is_loopback(host: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class _Redirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        check_url(newurl, come_from=req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_error_302(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except DownloadError:
            fp.close()
            raise
        except ValueError as error:
            fp.close()
            where = headers.get("Location", "")
            raise DownloadError(f"{req.full_url} redirects to {where!r}: {error}.", "URL_REFUSED") from error

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


@contextmanager
def requested(url: str, *, start: int = 0, validator: str = "", timeout: float) -> Iterator[HTTPResponse]:
    """The server's answer, of status 200, or 206 where only the bytes from `start` on were asked for and are sent.

    Args:
        url: Address of the file.
        start: First byte wanted.
        validator: ETag or date of the file that the bytes before `start` are from; if the server's is another, it
            sends all of it.
        timeout: Seconds that the server may be silent.

    Raises:
        DownloadError: The address or a redirect is refused, or the server says that there is no such file for us.
        TransientError: The server cannot be reached or is overloaded.
    """
    check_url(url)
    opener = OpenerDirector()
    local = is_loopback(urlsplit(url).hostname or "")
    for handler in (
        ProxyHandler({}) if local else ProxyHandler(),
        *(HTTPHandler(), HTTPSHandler(), UnknownHandler()),
        *(HTTPDefaultErrorHandler(), _Redirects(), HTTPErrorProcessor()),
    ):
        opener.add_handler(handler)
    headers = {"User-Agent": f"skinzoo/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    with network():
        try:
            response = opener.open(Request(url, headers=headers), timeout=timeout)  # noqa: S310 - checked above
        except HTTPError as error:
            with error:
                raise _refused(url, error) from error
    assert isinstance(response, HTTPResponse), "no other handler is there"
    with response:
        yield response


def _refused(url: str, error: HTTPError) -> Exception:
    said = f"the server answers {error.code} ({error.reason})"
    if error.code in RETRIED:
        return TransientError(said, retry_after(error.headers.get("Retry-After")))
    if error.code == 416:
        return TransientError(said, start_over=True)
    if 300 <= error.code < 400:
        return DownloadError(f"{url}: a redirect that is not followed ({error.reason}).", "URL_REFUSED")
    hint = {
        401: "It wants a login.",
        403: "It does not allow it; there may be a licence to accept first.",
        404: "The file is not there any more, or has moved.",
        410: "The file is not there any more.",
    }.get(error.code, "")
    return DownloadError(f"{url}: {said}. {hint} Open the address in a browser to see why.", "HTTP_STATUS")


def retry_after(text: str | None) -> float | None:
    """Seconds by a Retry-After header, which holds seconds or a date; None where it holds neither."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


@contextmanager
def network() -> Iterator[None]:
    """Turn what the network does into errors of this module.

    Raises:
        TransientError: The connection failed.
        DownloadError: The server's certificate is not right (code `URL_REFUSED`).
    """
    try:
        yield
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise DownloadError(f"the server's certificate is not right: {reason}.", "URL_REFUSED") from error
        raise TransientError(f"{type(reason).__name__}: {reason}" if str(reason) else type(reason).__name__) from error


def strong_validator(response: HTTPResponse) -> str:
    """What tells this version of a file from others: a strong ETag, else its date; empty if there is neither."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def full_size(response: HTTPResponse, start: int) -> int | None:
    """Bytes of the whole file, None where the server does not say.

    Raises:
        TransientError: The server sends another part than the one asked for.
    """
    if response.status != 206:
        length = response.headers.get("Content-Length", "")
        return int(length) if re.fullmatch(r"\d{1,18}", length) else None
    given = response.headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", given)
    if match is None or int(match[1]) != start:
        raise TransientError(
            f"the server sends Content-Range {given!r}; asked for bytes from {start} on", start_over=True
        )
    return None if match[2] == "*" else int(match[2])


def is_page(response: HTTPResponse, first: bytes) -> bool:
    """True if the answer is an HTML page, by its type or its first bytes."""
    kind = response.headers.get("Content-Type", "").lower()
    return kind.startswith(("text/html", "application/xhtml")) or looks_like_page(first[:512])
