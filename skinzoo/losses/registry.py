"""Losses by name."""

from __future__ import annotations

from torch import nn

from skinzoo.registry import Registry, accepted_options, check_options

LOSSES: Registry[type[nn.Module]] = Registry("loss")
"""Facet `task`: `"classification"` or `"segmentation"` for a part, `"multitask"` for the loss of a whole step."""


def list_losses(pattern: str = "*", *, task: str | None = None) -> list[str]:
    """Names of the losses that match a shell-style pattern.

    Args:
        pattern: Such as `"*bce"`.
        task: `"classification"` or `"segmentation"` for the parts of a loss, `"multitask"` for what puts parts
            together; None for all.
    """
    return LOSSES.names(pattern, task=task)


def create_loss(name: str, **options: object) -> nn.Module:
    """A loss by name.

    Args:
        name: One of `list_losses()`.
        **options: Passed on to the loss.

    Raises:
        UnknownNameError: No such loss; the message lists close matches.
        ConfigError: The loss does not take an option, or its value makes no sense.

    Example:
        >>> create_loss("focal", gamma=1.5)
        FocalLoss(gamma=1.5, label_smoothing=0.0)
    """
    loss = LOSSES[name]
    check_options(options, accepted_options(loss), of=f"loss {name!r}")
    return loss(**options)
