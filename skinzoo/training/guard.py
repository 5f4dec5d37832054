"""Noticing that a loss or gradient is no longer finite, without waiting for the device at every step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skinzoo.errors import DivergedError
from skinzoo.training.engine import Engine
from skinzoo.types import Batch

LATEST = 25
"""Steps after which an accelerator is asked at the latest."""
MAX_SKIPPED = 20
"""Updates in a row that fp16 may skip while it looks for its scale."""


@dataclass
class _Seen:
    step: int
    lr: float
    ids: list[str]
    losses: dict[str, Tensor]
    norm: Tensor | None = None


class Guard:
    """Remembers the losses and gradient norms of the latest steps, and looks whether they are finite.

    On the CPU it looks at once, elsewhere every `LATEST` steps and before anything is kept (`check`).

    Args:
        engine: This process.
        precision: Of the run; with `"fp16"` a gradient that overflows is skipped by the scaler, so that only
            `MAX_SKIPPED` in a row are an error.
    """

    def __init__(self, engine: Engine, precision: str) -> None:
        self._at_once = engine.device.type == "cpu"
        self._half = precision == "fp16"
        self._skipped = 0
        self._seen: list[_Seen] = []

    def see(self, step: int, lr: float, batch: Batch, losses: dict[str, Tensor]) -> None:
        """Note the losses of a batch, before its gradient is computed."""
        self._seen.append(_Seen(step, lr, batch.ids, {name: value.detach() for name, value in losses.items()}))
        if self._at_once:
            self._look_at_losses()

    def see_gradient(self, norm: Tensor) -> None:
        """Note the gradient's norm, before the update."""
        self._seen[-1].norm = norm.detach()
        if self._at_once or self._seen[-1].step - self._seen[0].step >= LATEST:
            self.check()

    def check(self) -> None:
        """Look at everything noted since the last time.

        Raises:
            DivergedError: A loss or a gradient is not finite; names the first step at which that was so.
        """
        self._look_at_losses()
        for seen in self._seen:
            if seen.norm is None:
                continue
            good = bool(seen.norm.isfinite())
            self._skipped = 0 if good else self._skipped + 1
            if not good and (not self._half or self._skipped > MAX_SKIPPED):
                raise _diverged("the gradient", seen)
        self._seen.clear()

    def _look_at_losses(self) -> None:
        if not self._seen:
            return
        finite = torch.stack([seen.losses["loss"].isfinite() for seen in self._seen]).tolist()
        for seen, good in zip(self._seen, finite, strict=True):
            if not good:
                raise _diverged("the loss", seen)


def _diverged(what: str, seen: _Seen) -> DivergedError:
    parts = ", ".join(f"{name} {value.item():g}" for name, value in seen.losses.items())
    norm = "not computed" if seen.norm is None else f"{seen.norm.item():g}"
    shown = ", ".join(seen.ids[:8]) + (" ..." if len(seen.ids) > 8 else "")
    return DivergedError(
        f"{what} is not finite at step {seen.step} ({parts}; gradient norm {norm}; learning rate {seen.lr:.2e}; images "
        f"{shown}). Lower the learning rate, add warm-up, or set clip_grad_norm=1. Earlier checkpoints are untouched."
    )
