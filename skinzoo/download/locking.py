"""One process at a time."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from skinzoo.errors import DownloadError

_POLL_SECONDS = 0.1


@contextmanager
def exclusive(lock: Path, *, wait: float) -> Iterator[None]:
    """Hold a lock file, which is released also when the process dies, and removed afterwards.

    Where the file system knows no locks, nothing is locked.

    Args:
        lock: Its path; the folder must be there.
        wait: Seconds to wait for another process.

    Raises:
        DownloadError: Another process still holds it, or it cannot be written (code `FILE_UNWRITABLE`).
    """
    end = time.monotonic() + wait
    while True:
        try:
            handle = lock.open("ab")
        except OSError as error:
            raise DownloadError(f"{lock} cannot be written: {error.strerror or error}.", "FILE_UNWRITABLE") from error
        if _locked(handle):
            if _is_at(handle, lock):
                break
        elif time.monotonic() > end:
            handle.close()
            raise DownloadError(
                f"another process has held {lock} for {wait:.0f} s; wait until it has finished, or stop it."
            )
        else:
            time.sleep(_POLL_SECONDS)
        handle.close()
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file
            lock.unlink(missing_ok=True)
        handle.close()


def _locked(handle: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return True


def _is_at(handle: IO[bytes], lock: Path) -> bool:
    """False if whoever held the lock before has removed the file in the meantime."""
    try:
        return os.path.samestat(os.fstat(handle.fileno()), lock.stat())
    except FileNotFoundError:
        return False
