"""How a trained model's logits become probabilities that mean what they say, and where its decisions are drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from skinzoo.errors import ConfigError

METHODS = ("temperature", "vector")


@dataclass(frozen=True)
class Calibration:
    """Logits are multiplied by `scale`, and `bias` is added, before the softmax.

    Temperature scaling (Guo et al. 2017, "On calibration of modern neural networks") has one scale, the inverse of the
    temperature; vector scaling has a scale and a bias for each class.

    Attributes:
        method: `"temperature"` or `"vector"`.
        scale: One positive number, or one for each class.
        bias: One number for each class; empty for none.
        source: What it was fitted on, in words.
    """

    method: str
    scale: tuple[float, ...]
    bias: tuple[float, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("scale", "bias"):
            try:
                numbers = tuple(float(v) for v in getattr(self, name))
            except (TypeError, ValueError) as error:
                raise ConfigError(f"Calibration: {name} must be a list of numbers ({error}).") from error
            object.__setattr__(self, name, numbers)
        if self.method not in METHODS or not self.scale or not all(map(math.isfinite, (*self.scale, *self.bias))):
            raise ConfigError(f"Calibration: method must be one of {METHODS}, with finite numbers; got {self}.")
        shape = (len(self.scale), len(self.bias))
        if min(self.scale) <= 0 or (shape != (1, 0) if self.method == "temperature" else shape[0] != shape[1]):
            raise ConfigError(
                "Calibration: temperature takes one positive scale and no bias, vector a positive scale and a bias for "
                f"each class; got {self}."
            )

    @property
    def temperature(self) -> float:
        """The temperature that logits are divided by; NaN for vector scaling."""
        return 1 / self.scale[0] if self.method == "temperature" else float("nan")

    def apply(self, logits: Tensor) -> Tensor:
        """Calibrated logits.

        Args:
            logits: (N, C).

        Raises:
            ConfigError: It was fitted for another number of classes.
        """
        if self.bias and logits.shape[1] != len(self.bias):
            raise ConfigError(f"the calibration is for {len(self.bias)} classes, the logits have {logits.shape[1]}.")
        scaled = logits * torch.as_tensor(self.scale, dtype=logits.dtype, device=logits.device)
        return scaled + torch.as_tensor(self.bias, dtype=logits.dtype, device=logits.device) if self.bias else scaled

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: A key is missing or unknown, or a value makes no sense.
        """
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"Calibration: {error}.") from error


@dataclass(frozen=True)
class OperatingPoints:
    """Where decisions are drawn; probabilities at or above a threshold are a yes.

    Attributes:
        per_class: Threshold of each class against all others, by code; may be empty.
        malignant: Threshold of the summed probability of the malignant classes; None for none.
        abstain_below: A prediction whose highest probability lies below this is left to a human; None for none.
        rule: How they were chosen, in words.
        source: What they were chosen on, in words.
    """

    per_class: Mapping[str, float] = field(default_factory=dict)
    malignant: float | None = None
    abstain_below: float | None = None
    rule: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.per_class, Mapping):
            raise ConfigError(f"OperatingPoints: per_class must map class codes to thresholds; got {self.per_class!r}.")
        named = {**self.per_class, "malignant": self.malignant, "abstain_below": self.abstain_below}
        for name, value in named.items():
            optional = value is None and name in ("malignant", "abstain_below")
            if not optional and not (isinstance(value, int | float) and 0 <= value <= 1):
                raise ConfigError(f"OperatingPoints: the threshold of {name} must lie in [0, 1]; got {value!r}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"per_class": dict(self.per_class)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> OperatingPoints:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: A key is missing or unknown, or a value makes no sense.
        """
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"OperatingPoints: {error}.") from error
