"""The output folder of a run: who may write to it, and whether it goes on with what lies there."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from skinzoo.errors import CheckpointMismatchError, ConfigError, RunLockedError
from skinzoo.files import plain

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class RunLock:
    """Holds `<folder>/.lock` while it is entered; the system lets go of it when the process ends, however it ends.

    Args:
        folder: Made if it is not there.

    Raises:
        RunLockedError: On entering, if another process holds it; the message names that process.
        ConfigError: On entering, if the folder cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[str] | None = None

    def __enter__(self) -> RunLock:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = (self.folder / ".lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"output_dir={self.folder} cannot be written to: {error}.") from error
        if fcntl is not None:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock's, not inherited by workers
            except (BlockingIOError, PermissionError):
                self._file.seek(0)
                holder = self._file.read().strip() or "another process"
                self._file.close()
                raise RunLockedError(
                    f"{self.folder} is being written by {holder}; wait for it to end, or choose another output_dir."
                ) from None
            except OSError:  # a file system without locks
                pass
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        self._file.truncate(0)
        self._file.close()


MAY_DIFFER = (
    *("device", "num_workers", "channels_last", "compile", "verbose", "output_dir", "overwrite", "force"),
    *("max_minutes", "checkpoint_every", "checkpoint_minutes", "keep_checkpoints"),
)
"""Settings of a run that may change when it is taken up again."""


def check_same_run(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Make sure that the run in a folder is the one that is to go on.

    Args:
        folder: For the message.
        before: What the checkpoint says: `"config"`, `"model"`, `"loss"`, `"data"`, `"classes"`.
        now: The same of the run that was just asked for.

    Raises:
        CheckpointMismatchError: Something that changes the result differs; all differences are listed.
    """
    lines = [
        f"{key}: {_short(before[part].get(key))} before, {_short(now[part].get(key))} now"
        for part in now
        for key in sorted({*before.get(part, {}), *now[part]})
        if key not in MAY_DIFFER and before.get(part, {}).get(key) != now[part].get(key)
    ]
    if lines:
        raise CheckpointMismatchError(
            f"{folder} holds an unfinished or finished run with other settings:\n  " + "\n  ".join(lines) + "\n"
            "Choose another output_dir, pass overwrite=True to start anew, or force=True to go on all the same."
        )


def environment_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs in the machine and the libraries, in words; such a run goes on, but not bit for bit."""
    known = [key for key in now if key in before]
    return [f"{key} was {before[key]} and is {now[key]}" for key in known if before[key] != now[key]]


def as_plain(value: Any) -> Any:
    """The value as JSON gives it back, so that what is compared went through the same mill."""
    return json.loads(json.dumps(plain(value)))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
