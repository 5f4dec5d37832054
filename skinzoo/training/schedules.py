"""Learning-rate schedules: the rate is a pure function of the step, except on a plateau."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from skinzoo.errors import ConfigError
from skinzoo.training.settings import Settings

KINDS = ("constant", "cosine", "step", "plateau")


@dataclass(frozen=True)
class Schedule(Settings):
    """How the learning rate goes from its peak (`TrainConfig.lr`) to the end.

    Args:
        kind: `"constant"`; `"cosine"`, down to `final_lr` (Loshchilov, Hutter 2017, without restarts); `"step"`, times
            `gamma` every `step_size` steps; `"plateau"`, times `gamma` after `patience` evaluations in vain.
        warmup: Share of all steps, in [0, 1), in which the rate first rises linearly from `warmup_lr` to the peak.
        warmup_lr: Rate of the first step.
        final_lr: Rate of the last step of `"cosine"`, and the floor of `"plateau"`.
        step_size: Steps between two cuts of `"step"`; 0 for a third of all steps.
        gamma: Factor of a cut, in (0, 1).
        patience: Evaluations that `"plateau"` waits.

    Raises:
        ConfigError: A value is out of range.
    """

    kind: Literal["constant", "cosine", "step", "plateau"] = "constant"
    warmup: float = 0.0
    warmup_lr: float = 0.0
    final_lr: float = 0.0
    step_size: int = 0
    gamma: float = 0.1
    patience: int = 3

    def __post_init__(self) -> None:
        self.check_types()
        if self.kind not in KINDS:
            raise ConfigError(f"unknown schedule {self.kind!r}; use one of {', '.join(KINDS)}.")
        if not 0 <= self.warmup < 1 or not 0 < self.gamma < 1 or self.step_size < 0 or self.patience < 0:
            raise ConfigError(f"a value of {self!r} is out of range; see the docstring of Schedule.")

    def rate(self, step: int, total_steps: int, peak: float, cuts: int = 0) -> float:
        """Learning rate of one step.

        With S steps, W = round(warmup * S) of them warm-up, the rate of step s < W is
        `warmup_lr + (peak - warmup_lr) * s / W`; then, with t = (s - W) / (S - 1 - W), cosine gives
        `final_lr + (peak - final_lr) * (1 + cos(pi * t)) / 2`.

        Args:
            step: 0 for the first.
            total_steps: Number of steps in all.
            peak: The rate after the warm-up.
            cuts: How often a plateau was met so far.
        """
        warm = round(self.warmup * total_steps)
        if step < warm:
            return self.warmup_lr + (peak - self.warmup_lr) * step / warm
        if self.kind == "cosine":
            progress = min((step - warm) / max(total_steps - 1 - warm, 1), 1.0)
            return self.final_lr + (peak - self.final_lr) * (1 + math.cos(math.pi * progress)) / 2
        if self.kind == "step":
            cuts = (step - warm) // (self.step_size or max(total_steps // 3, 1))
        return max(peak * self.gamma**cuts, self.final_lr if self.kind == "plateau" else 0.0)
