"""Classification heads: pooled features (N, F) to logits (N, classes)."""

from __future__ import annotations

from torch import nn

from skinzoo.errors import ConfigError

HEADS = ("linear", "mlp")


def build_head(kind: str, in_features: int, num_classes: int, dropout: float | None = None) -> nn.Sequential:
    """A head by name.

    Args:
        kind: `"linear"`, one layer; or `"mlp"`, features -> 256 -> ReLU -> dropout -> 128 -> ReLU -> dropout ->
            classes.
        in_features: Length of the feature vector.
        num_classes: Number of logits.
        dropout: Probability in [0, 1); None for the head's own default (linear 0, mlp 0.7).

    Raises:
        ConfigError: Unknown head, or a dropout outside [0, 1).
    """
    if kind not in HEADS:
        raise ConfigError(f"unknown head {kind!r}; use one of {', '.join(HEADS)}.")
    rate = (0.7 if kind == "mlp" else 0.0) if dropout is None else dropout
    if not isinstance(rate, int | float) or not 0 <= rate < 1:
        raise ConfigError(f"dropout must be in [0, 1), got {rate!r}.")
    if kind == "linear":
        return nn.Sequential(nn.Dropout(rate), nn.Linear(in_features, num_classes))
    return nn.Sequential(
        nn.Linear(in_features, 256),
        nn.ReLU(),
        nn.Dropout(rate),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Dropout(rate),
        nn.Linear(128, num_classes),
    )
