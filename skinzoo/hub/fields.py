"""Reading plain values with suspicion: every key is expected, and a value of another kind is named by its place."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from skinzoo.errors import ConfigError
from skinzoo.registry import did_you_mean

T = TypeVar("T")
_MAX_TEXT, _MAX_ENTRIES, _HUGE = 20_000, 10_000, 1e300


class Fields:
    """The named values of one JSON object. Each reader raises `ConfigError` for a value that is not of its kind.

    Args:
        values: The object.
        names: All keys that it must have, and no others.
        place: Where it stands, as messages name it, such as `"records/x.json: figures[0]"`.

    Raises:
        ConfigError: It is no object, or a key is missing or unknown.
    """

    def __init__(self, values: object, names: Iterable[str], *, place: str) -> None:
        self.place, names = place, list(names)
        if not isinstance(values, Mapping):
            raise ConfigError(f"{place}: expected named values, got {values!r:.80}.")
        for key in values:
            if key not in names:
                raise ConfigError(f"{place}: unknown field {key!r:.80}; {did_you_mean(str(key)[:80], names)}")
        if missing := [name for name in names if name not in values]:
            raise ConfigError(f"{place}: {', '.join(missing)} missing; all of {', '.join(names)} are needed.")
        self.values = values

    def refuse(self, name: str, expected: str) -> ConfigError:
        """The error that says what was expected of a field."""
        return ConfigError(f"{self.place}: {name} must be {expected}, got {self.values[name]!r:.80}.")

    def text(self, name: str, *, empty: bool = False, pattern: str = "", form: str = "a text") -> str:
        """A text; not a blank one unless `empty`, and all of it matching `pattern`, which `form` says in words."""
        value = self.values[name]
        good = isinstance(value, str) and len(value) <= _MAX_TEXT and (empty or bool(value.strip()))
        if not good or (pattern and re.fullmatch(pattern, value) is None):
            raise self.refuse(name, form if pattern or empty else f"{form} that is not empty")
        return str(value)

    def texts(self, name: str, *, empty: bool = False) -> tuple[str, ...]:
        """A list of texts, none of them blank."""
        value = self.values[name]
        good = isinstance(value, list | tuple) and len(value) <= _MAX_ENTRIES and (empty or len(value) > 0)
        if not good or not all(isinstance(v, str) and v.strip() and len(v) <= _MAX_TEXT for v in value):
            raise self.refuse(name, "a list of texts that are not empty")
        return tuple(value)

    def flag(self, name: str) -> bool:
        """True or false."""
        if not isinstance(self.values[name], bool):
            raise self.refuse(name, "true or false")
        return bool(self.values[name])

    def whole(self, name: str, *, least: int = 0) -> int:
        """A whole number of at least `least`."""
        if not is_whole(self.values[name], least):
            raise self.refuse(name, f"a whole number of at least {least}")
        return int(self.values[name])

    def number(self, name: str, *, low: float = -_HUGE, high: float = _HUGE) -> float:
        """A finite number in [low, high]."""
        if not is_number(self.values[name], low, high):
            raise self.refuse(name, "a finite number" if low == -_HUGE else f"a number from {low:g} to {high:g}")
        return float(self.values[name])

    def optional(self, name: str, read: Callable[[str], T]) -> T | None:
        """What `read` makes of the field, or None for null."""
        return None if self.values[name] is None else read(name)

    def one_of(self, name: str, known: Iterable[str]) -> str:
        """One of some words."""
        known = [str(word) for word in known]
        if not isinstance(self.values[name], str) or self.values[name] not in known:
            raise self.refuse(name, f"one of {', '.join(known)}")
        return str(self.values[name])

    def date(self, name: str) -> str:
        """A day, as `2026-01-31`."""
        value = self.text(name)
        try:
            if datetime.date.fromisoformat(value).isoformat() == value:
                return value
        except ValueError:
            pass
        raise self.refuse(name, "a day, such as 2026-01-31")

    def named(self, name: str, good: Callable[[Any], bool], *, what: str) -> dict[str, Any]:
        """Values by name.

        Args:
            name: The field.
            good: True for a value that is accepted.
            what: What the values are, in words.

        Raises:
            ConfigError: The field holds something else.
        """
        value = self.values[name]
        if not isinstance(value, Mapping) or len(value) > _MAX_ENTRIES:
            raise self.refuse(name, f"{what} by name")
        for key, item in value.items():
            if not isinstance(key, str) or not key or not good(item):
                raise ConfigError(f"{self.place}: {name}.{key!s:.80} must be {what}, got {item!r:.80}.")
        return dict(value)

    def rows(self, name: str, read: Callable[[object, str], T], *, least: int = 0) -> tuple[T, ...]:
        """A list, each entry of which `read(entry, place)` understands."""
        value = self.values[name]
        if not isinstance(value, list | tuple) or not least <= len(value) <= _MAX_ENTRIES:
            raise self.refuse(name, f"a list of at least {least}" if least else "a list")
        return tuple(read(entry, f"{self.place}: {name}[{k}]") for k, entry in enumerate(value))


def is_whole(value: object, least: int = 0) -> bool:
    """True for a whole number of at least `least`."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= 10**15


def is_number(value: object, low: float = -_HUGE, high: float = _HUGE) -> bool:
    """True for a finite number in [low, high]."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
