"""What a model was trained on, kept with its weights, so that nobody scores it on the same pictures by mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from skinzoo.errors import ConfigError


@dataclass(frozen=True)
class TrainingRecord:
    """The images that a model has seen; to be completed."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingRecord:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: A key is missing or unknown, or a value makes no sense.
        """
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"TrainingRecord: {error}.") from error
