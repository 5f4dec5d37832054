"""Checks of what the figures are drawn from, and how their values are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError

FloatArray = NDArray[np.float64]
Estimate = float | Sequence[float]
"""A value, or (value, low, high) with its interval; NaN where undefined."""


class HasRows(Protocol):
    """An object with one mapping a row, such as `skinzoo.training.History`."""

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """One mapping a row."""
        ...


HistoryLike = HasRows | Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]
"""The history of a training: an object with rows, columns by name (also a pandas table), or one mapping a row."""


def columns(curve: Any, names: Sequence[str], *, what: str) -> list[FloatArray]:
    """The columns of a curve: by attribute, by key, or by position.

    Args:
        curve: An object with the attributes `names`, a mapping with these keys, or a sequence in this order.
        names: What is wanted.
        what: Name of the curve in messages.

    Raises:
        ConfigError: A column is missing, is not a list of numbers, or is longer than another.
    """
    found = []
    by_position = isinstance(curve, Sequence | np.ndarray) and not hasattr(curve, names[0])
    for position, name in enumerate(names):
        if isinstance(curve, Mapping):
            values = curve.get(name)
        elif by_position:
            values = curve[position] if position < len(curve) else None
        else:
            values = getattr(curve, name, None)
        if values is None:
            raise ConfigError(f"{what} has no {name!r}; it needs {', '.join(names)}, in this order or by these names.")
        found.append(numbers(values, what=f"{name} of {what}"))
    lengths = [len(values) for values in found]
    if len(set(lengths)) > 1 or not lengths[0]:
        raise ConfigError(f"{what} needs {', '.join(names)} of equal length, at least one point; got {lengths}.")
    return found


def history_columns(history: HistoryLike, *, what: str = "a history") -> dict[str, FloatArray]:
    """The columns of a training's history, by name; NaN for whatever is no number.

    Args:
        history: In any of its forms; a row may lack a column.
        what: Its name in messages.

    Raises:
        ConfigError: It has another form, no row, or columns of different lengths.
    """
    rows = history if isinstance(history, Sequence) else getattr(history, "rows", None)
    if isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows):
        names = dict.fromkeys(name for row in rows for name in row)
        table: dict[str, Sequence[Any]] = {name: [row.get(name) for row in rows] for name in names}
    elif hasattr(history, "keys"):
        named: Any = history  # a pandas table is no Mapping
        table = {str(name): named[name] for name in named.keys()}  # noqa: SIM118
    else:
        raise ConfigError(f"{what} must be a History, columns by name, or one mapping a row; got {history!r:.80}.")
    lengths = {name: len(values) for name, values in table.items()}
    if not lengths or not max(lengths.values()) or len(set(lengths.values())) > 1:
        raise ConfigError(f"{what} needs at least one row and columns of equal length; got the lengths {lengths}.")
    return {name: np.array([_number(v) for v in values]) for name, values in table.items()}


def _number(value: Any) -> float:
    """What a cell holds; NaN for anything but a number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def numbers(values: ArrayLike, *, what: str) -> FloatArray:
    """A list of numbers as float64 (N,); None becomes NaN.

    Raises:
        ConfigError: It holds something else, or has another number of dimensions.
    """
    try:
        array: FloatArray = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what} must be a list of numbers ({error}).") from error
    if array.ndim != 1:
        raise ConfigError(f"{what} must be a list of numbers; got an array of shape {array.shape}.")
    return array


def shares(values: FloatArray, *, what: str, undefined: bool = False) -> FloatArray:
    """The same numbers, if all lie in [0, 1].

    Raises:
        ConfigError: One lies outside, or is NaN where `undefined` is false.
    """
    fine = (values >= 0) & (values <= 1)
    if undefined:
        fine |= np.isnan(values)
    if not fine.all():
        bad = values[~fine][0]
        raise ConfigError(f"{what} must lie in [0, 1]{' or be NaN' if undefined else ''}; got {bad:.6g}.")
    return values


def estimate(value: Estimate, *, what: str) -> tuple[float, float, float]:
    """A value with the ends of its interval, NaN where it has none.

    Raises:
        ConfigError: Neither a number nor three of them, or the interval's ends are the wrong way round.
    """
    try:
        parts = np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what} must be a number or (value, low, high); got {value!r}.") from error
    if parts.shape not in ((1,), (3,)):
        raise ConfigError(f"{what} must be a number or (value, low, high); got {value!r}.")
    middle, low, high = (*parts, np.nan, np.nan)[:3]
    if low > high or np.isnan(low) != np.isnan(high):
        raise ConfigError(f"the interval of {what} must run from low to high; got {low:.6g} and {high:.6g}.")
    return float(middle), float(low), float(high)


def estimate_text(value: Estimate, digits: int = 3, *, what: str = "a value") -> str:
    """`0.912 (0.88-0.94)`; the ends have one digit less. Undefined is `n/a`."""
    middle, low, high = estimate(value, what=what)
    if np.isnan(middle):
        return "n/a"
    text = f"{middle:.{digits}f}"
    return text if np.ndim(value) == 0 else f"{text} ({interval_text(low, high, digits - 1)})"


def interval_text(low: float, high: float, digits: int = 2) -> str:
    """`0.88-0.94`, with "to" where a hyphen could be read as a minus sign."""
    if np.isnan(low):
        return "n/a"
    return f"{low:.{digits}f}{' to ' if low < 0 else '-'}{high:.{digits}f}"


def some(given: Mapping[str, Any], *, what: str, hint: str) -> None:
    """Check that there is something to draw.

    Raises:
        ConfigError: There is not, or it is no mapping.
    """
    if not isinstance(given, Mapping):
        raise ConfigError(f"{what} must map names to curves; got {type(given).__name__}.")
    if not given:
        raise ConfigError(f"there is no {what} to draw: {hint}")


def known(names: Iterable[str] | None, drawn: Mapping[str, Any], *, what: str) -> None:
    """Check that every name belongs to something drawn.

    Raises:
        ConfigError: One does not.
    """
    if unknown := [name for name in names or () if name not in drawn]:
        raise ConfigError(f"{what} names {unknown[0]!r}, which is not drawn; drawn are {', '.join(map(repr, drawn))}.")


def undefined_areas(areas: Mapping[str, Estimate] | None, drawn: Mapping[str, Any], *, what: str) -> dict[str, float]:
    """The names that have no curve because it is undefined, each with NaN.

    Raises:
        ConfigError: One has an area all the same.
    """
    absent = {name: area for name, area in (areas or {}).items() if name not in drawn}
    known({k: v for k, v in absent.items() if not np.isnan(estimate(v, what=f"{what} of {k!r}")[0])}, drawn, what=what)
    return dict.fromkeys(absent, float("nan"))


def thinned(x: FloatArray, y: FloatArray, steps: int = 1000) -> tuple[FloatArray, FloatArray]:
    """Leave out points of a curve that lie less than 1/steps from the one before; files stay small and look the same.

    Args:
        x: Positions in [0, 1].
        y: Values of a size about 1.
        steps: Finest difference kept; curves of fewer points stay as they are.
    """
    if len(x) <= steps:
        return x, y
    cell = np.column_stack([np.floor(x * steps), np.floor(np.nan_to_num(y) * steps)])
    keep = np.ones(len(x), dtype=bool)
    keep[1:-1] = (cell[1:-1] != cell[:-2]).any(axis=1) | (cell[1:-1] != cell[2:]).any(axis=1)
    return x[keep], y[keep]
