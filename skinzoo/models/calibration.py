"""How a trained model's logits become probabilities that mean what they say, and where its decisions are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from skinzoo.errors import ConfigError

METHODS = ("temperature", "vector")
_LIMIT, _HUGE = 1e6, 1e300


@dataclass(frozen=True)
class Calibration:
    """Logits are multiplied by `scale`, and `bias` is added, before the softmax.

    Temperature scaling (Guo et al. 2017, "On calibration of modern neural networks") has one scale, the inverse of the
    temperature; vector scaling has a scale and a bias for each class.

    Attributes:
        method: `"temperature"` or `"vector"`.
        scale: One positive number, or one for each class, from 1e-6 to 1e6.
        bias: One number for each class, from -1e6 to 1e6; empty for none.
        source: What it was fitted on, in words.

    Raises:
        ConfigError: A value of another kind, out of range, or more or fewer of them than the method has.
    """

    method: str
    scale: tuple[float, ...]
    bias: tuple[float, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("scale", "bias"):
            object.__setattr__(self, name, _numbers(f"Calibration: {name}", getattr(self, name)))
        shape = (len(self.scale), len(self.bias))
        fits = {"temperature": shape == (1, 0), "vector": shape[0] == shape[1] > 0}
        if not isinstance(self.method, str) or not fits.get(self.method, False):
            raise ConfigError(
                "Calibration: method 'temperature' takes one scale and no bias, 'vector' a scale and a bias for each "
                f"class; got {self.method!r} with {shape[0]} scales and {shape[1]} biases."
            )
        # beyond these limits, logits of an ordinary size would overflow
        if not all(1 / _LIMIT <= v <= _LIMIT for v in self.scale) or not all(abs(v) <= _LIMIT for v in self.bias):
            raise ConfigError(
                "Calibration: scales must lie in [1e-6, 1e6] and biases in [-1e6, 1e6]; "
                f"got {self.scale[:8]} and {self.bias[:8]}."
            )
        if not isinstance(self.source, str):
            raise ConfigError(f"Calibration: source must be a text; got {self.source!r}.")

    @property
    def temperature(self) -> float:
        """The temperature that logits are divided by; NaN for vector scaling."""
        return 1 / self.scale[0] if self.method == "temperature" else float("nan")

    def __str__(self) -> str:
        what = f"temperature {self.temperature:.3g}" if self.method == "temperature" else "vector scaling"
        return f"calibrated by {what}{f', fitted on {self.source}' if self.source else ''}"

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

    Raises:
        ConfigError: A value of another kind, or a threshold outside [0, 1].
    """

    per_class: Mapping[str, float] = field(default_factory=dict)
    malignant: float | None = None
    abstain_below: float | None = None
    rule: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.per_class, Mapping) or not all(isinstance(code, str) for code in self.per_class):
            raise ConfigError(f"OperatingPoints: per_class must map class codes to thresholds; got {self.per_class!r}.")
        thresholds = {code: _share(f"class {code}", value) for code, value in self.per_class.items()}
        object.__setattr__(self, "per_class", thresholds)
        for name in ("malignant", "abstain_below"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, _share(name, value))
        for name in ("rule", "source"):
            if not isinstance(getattr(self, name), str):
                raise ConfigError(f"OperatingPoints: {name} must be a text; got {getattr(self, name)!r}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

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


def _numbers(what: str, values: object) -> tuple[float, ...]:
    if not isinstance(values, list | tuple) or any(
        isinstance(v, bool) or not isinstance(v, int | float) or not -_HUGE < v < _HUGE for v in values
    ):
        raise ConfigError(f"{what} must be a list of finite numbers; got {values!r:.200}.")
    return tuple(float(v) for v in values)


def _share(what: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"OperatingPoints: the threshold of {what} must lie in [0, 1]; got {value!r}.")
    return float(value)
