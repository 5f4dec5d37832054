"""Getting a file: tries, checks, and the name that it is given only when it is right."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from skinzoo.download.locking import exclusive
from skinzoo.download.part import Part, check_room, disk, find_mismatch
from skinzoo.download.remote import RemoteFile
from skinzoo.errors import ConfigError, DownloadError

if TYPE_CHECKING:
    from http.client import HTTPResponse

CHUNK = 1 << 18
MAX_BACKOFF = 60.0


def fetch(
    file: RemoteFile,
    target: str | os.PathLike[str],
    *,
    progress: bool = True,
    timeout: float = 30.0,
    deadline: float = 6 * 3600.0,
    retries: int = 4,
) -> Path:
    """Fetch a file over https, or http from this machine, and make sure that it is the one declared.

    The bytes go to a hidden file beside the target, which is renamed when all is right. A cut download goes on where it
    stopped, also in a later call, if the server can do that and the file is still the same. Several processes may fetch
    one file at the same time; one does it and the others wait.

    Args:
        file: Its address, with whatever is known about its size and sums.
        target: Where to; if a file is there and is the one declared, nothing is fetched.
        progress: Show a progress bar if the standard error stream is a terminal.
        timeout: Seconds that the server may be silent.
        deadline: Seconds for everything, waiting for another process included.
        retries: How often to try again without having got any further; each try waits twice as long as the one before,
            or as long as the server asks.

    Returns:
        `target`.

    Raises:
        DownloadError: Its code says why: `URL_REFUSED` (not https, or a redirect to elsewhere), `HTTP_STATUS`,
            `HTML_PAGE`, `SIZE_MISMATCH` or `CHECKSUM_MISMATCH` (the file is removed), `UNREACHABLE` (after all tries),
            `DEADLINE`, `DISK_FULL`, `FILE_UNWRITABLE`, or `TARGET_DIFFERS` (another file is at the target and stays).
        ConfigError: A time that is not positive or `retries` below 0.
    """
    if timeout <= 0 or deadline <= 0 or retries < 0:
        raise ConfigError(
            f"timeout={timeout!r} and deadline={deadline!r} must be above 0 seconds, and retries={retries!r} 0 or more."
        )
    from skinzoo.download.web import check_url

    check_url(file.url)
    target = Path(target)
    end = time.monotonic() + deadline
    with disk(target, None):
        target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(target.with_name(f".{target.name}.lock"), wait=deadline):
        if target.exists():
            _check_present(file, target)
            return target
        with disk(target, file.size):
            part = Part(file, target)
            _try_until_complete(part, progress=progress, timeout=timeout, end=end, retries=retries)
            part.finish()
    return target


def _check_present(file: RemoteFile, target: Path) -> None:
    if not target.is_file():
        raise DownloadError(f"{target} is not a file; {file.url} cannot be put there.", "TARGET_DIFFERS")
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    if file.sha256 or file.md5:
        with target.open("rb") as content:
            while data := content.read(CHUNK):
                sha256.update(data)
                md5.update(data)
    if found := find_mismatch(file, target.stat().st_size, sha256.hexdigest(), md5.hexdigest()):
        raise DownloadError(
            f"{target} is there but is not the file of {file.url}: {found[1]}. Remove it to have it fetched.",
            "TARGET_DIFFERS",
        )


def _try_until_complete(part: Part, *, progress: bool, timeout: float, end: float, retries: int) -> None:
    from skinzoo.download.web import TransientError

    failures = 0
    while True:
        best = part.best
        try:
            _try(part, progress=progress, timeout=timeout, end=end)
            return
        except TransientError as problem:
            if problem.start_over:
                part.clear()
            failures = 1 if part.best > best else failures + 1
            if failures > retries:
                raise DownloadError(
                    f"{part.file.url}: {problem}; tried {failures} times without getting further. Check the network "
                    "and call again.",
                    "UNREACHABLE",
                ) from problem
            wait = min(MAX_BACKOFF, 2.0 ** (failures - 1)) if problem.after is None else problem.after
            if time.monotonic() + wait > end:
                raise DownloadError(
                    f"{part.file.url}: {problem}; the next try in {wait:.0f} s would be after the deadline. Call again "
                    "later.",
                    "DEADLINE",
                ) from problem
            _sleep(wait)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def _try(part: Part, *, progress: bool, timeout: float, end: float) -> None:
    """One request; the part is complete and right afterwards."""
    from skinzoo.download.web import TransientError, full_size, requested, strong_validator

    if part.total is None or part.size < part.total:
        if not part.validator:
            part.clear()
        with requested(part.file.url, start=part.size, validator=part.validator, timeout=timeout) as response:
            validator = strong_validator(response)
            if part.size and response.status == 206:
                part.is_pieced = True
                if validator not in ("", part.validator):
                    raise TransientError("the file has changed on the server", start_over=True)
            else:
                part.clear()
            total = full_size(response, part.size)
            _receive(part, response, validator, total, progress=progress, end=end)
    found = part.mismatch()
    if found is None:
        return
    if part.is_pieced:  # the pieces may not be of one file
        raise TransientError(found[1], start_over=True)
    part.clear()
    raise _mismatch(part.file, *found)


def _mismatch(file: RemoteFile, code: str, text: str) -> DownloadError:
    return DownloadError(
        f"{file.url} is not the file expected: {text}. It was removed. The publisher may have replaced it, or "
        "something on the way changes files; look for a newer skinzoo.",
        code,
    )


def _receive(
    part: Part, response: HTTPResponse, validator: str, total: int | None, *, progress: bool, end: float
) -> None:
    from tqdm import tqdm

    from skinzoo.download.web import PAGE_HINT, TransientError, is_page, network

    with network():
        data = response.read1(CHUNK)
    if not part.size and is_page(response, data) and part.target.suffix.lower() not in (".html", ".htm"):
        raise DownloadError(f"{part.file.url} is not the file expected. {PAGE_HINT}", "HTML_PAGE")
    expected = part.file.size
    if expected is not None and total is not None and total != expected:
        part.clear()
        raise _mismatch(part.file, "SIZE_MISMATCH", f"it has {total:,} bytes, expected {expected:,}")
    want = expected if total is None else total
    check_room(part.target, None if want is None else want - part.size)
    part.begin(validator or part.validator, total)
    bar = tqdm(
        total=want,
        initial=part.size,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        desc=part.target.name.lstrip("."),
        disable=None if progress else True,
    )
    with bar, part.path.open("ab") as out:
        while data:
            part.append(out, data)
            bar.update(len(data))
            if want is not None and part.size > want:
                break
            if time.monotonic() > end:
                raise DownloadError(f"{part.file.url}: {part.size:,} bytes came before the deadline.", "DEADLINE")
            with network():
                data = response.read1(CHUNK)
    if want is not None and part.size > want:
        text = f"it has {part.size:,} bytes or more, expected {want:,}"
        part.clear()
        raise _mismatch(part.file, "SIZE_MISMATCH", text)
    if want is not None and part.size < want:
        raise TransientError(f"the connection ended after {part.size:,} of {want:,} bytes")
