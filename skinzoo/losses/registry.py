"""Losses by name."""

from __future__ import annotations

from torch import nn

from skinzoo.registry import Registry, accepted_options, check_options

LOSSES: Registry[type[nn.Module]] = Registry("loss")
"""Building blocks; facet `task`: `"classification"` or `"segmentation"`."""


def list_losses(pattern: str = "*", *, task: str | None = None) -> list[str]:
    """Names of the losses that match a shell-style pattern, all tasks or only `"classification"`/`"segmentation"`."""
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
