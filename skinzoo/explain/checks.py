"""Checks of the options that the explanations share."""

from __future__ import annotations

from skinzoo.errors import ConfigError


def require_whole(name: str, value: object, *, least: int = 1, most: int | None = None, most_is: str = "") -> None:
    """Make sure that an option is a whole number.

    Args:
        name: Of the option, for the message.
        value: What was given.
        least: The smallest number that makes sense.
        most: The largest one; None for no limit.
        most_is: What `most` is, for the message.

    Raises:
        ConfigError: It is no whole number, or out of this range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        limit = "" if most is None else f" and at most {most}{', ' if most_is else ''}{most_is}"
        raise ConfigError(f"{name} must be a whole number of at least {least}{limit}, got {value!r}.")


def check_batch_size(batch_size: object) -> None:
    """Make sure that it is a positive whole number.

    Raises:
        ConfigError: It is not.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ConfigError(f"batch_size must be a positive whole number, got {batch_size!r}.")
