"""Checks of what an augmentation is built with."""

from __future__ import annotations

from skinzoo.errors import ConfigError


def check_range(of: str, least: float, most: float, **options: float) -> None:
    """Refuse what is no number in a range, both ends included.

    Args:
        of: Name of the augmentation, for the message.
        least: Smallest value.
        most: Largest value.
        **options: Names and values.

    Raises:
        ConfigError: A value is no number, or out of range.
    """
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ConfigError(f"{of}: {name} must be a number from {least:g} to {most:g}, got {value!r}.")
