"""Where the time of a training run goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

PARTS = ("data", "forward", "backward", "update", "evaluation", "checkpoint")


class Stopwatch:
    """Adds up the seconds spent in named parts.

    On an accelerator `forward`, `backward` and `update` are the times in which work was queued; what the device then
    still has to do shows up wherever it is waited for next.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._begin = time.perf_counter()

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Count the time inside to `part`."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - begin

    def shares(self) -> dict[str, float]:
        """Share of each part, and of everything else as `"other"`, in the time since the stopwatch was made."""
        whole = max(time.perf_counter() - self._begin, 1e-9)
        shares = {part: seconds / whole for part, seconds in self.seconds.items()}
        return {**shares, "other": max(0.0, 1 - sum(shares.values()))}

    def __str__(self) -> str:
        shares = self.shares()
        line = ", ".join(f"{part} {share:.0%}" for part, share in shares.items() if share >= 0.005)
        training = 1 - shares["evaluation"]
        if training > 0 and shares["data"] / training > 0.3:
            line += (
                f"; {shares['data'] / training:.0%} of the training time was spent waiting for images: raise "
                "num_workers, or keep decoded images with data.cache(folder, size=...)"
            )
        return line
