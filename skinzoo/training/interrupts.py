"""Ending a run between two steps when the system or the user asks for it."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_NAMES = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "SIGINT"}


class Interrupts:
    """While it is entered, the first SIGTERM or SIGINT is only noted; a second one ends the process at once.

    Outside of the main thread, where Python does not let signals be handled, it does nothing.

    Args:
        wanted: False to leave all signals alone.
    """

    def __init__(self, wanted: bool = True) -> None:
        self._wanted = wanted and threading.current_thread() is threading.main_thread()
        self._previous: dict[int, Any] = {}
        self.received: int | None = None

    def __enter__(self) -> Interrupts:
        if self._wanted:
            for number in _NAMES:
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            raise SystemExit(128 + number)
        self.received = number

    def leave(self, folder: str, step: int) -> SystemExit:
        """The exception that ends the process with the signal's exit status: 143 for SIGTERM, 130 for SIGINT."""
        number = self.received or signal.SIGTERM  # another process of the run received it
        print(
            f"{_NAMES[signal.Signals(number)]}: stopped after step {step}. Start again with the same settings to go on "
            f"from the checkpoint in {folder}.",
            flush=True,
        )
        return SystemExit(128 + number)
