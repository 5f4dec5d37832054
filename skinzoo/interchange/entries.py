"""Finding the weights among what a training script saved beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from skinzoo.errors import ConfigError, WeightsError

_DEPTH = 4


def find_state_dicts(content: object, *, key: str | None = None) -> dict[str, dict[str, Tensor]]:
    """Every dictionary of named tensors in a checkpoint, by where it stands; the checkpoint itself is `""`.

    Args:
        content: What the file holds.
        key: Only the one at this place (`"state_dict"`, or `"ema.model"` for one within another), or only names that
            begin so.

    Raises:
        WeightsError: There is none.
        ConfigError: There is none at `key`.
    """
    found = dict(_walk(content, "", _DEPTH))
    if not found:
        what = f"a {type(content).__name__}"
        if isinstance(content, Mapping):
            what = f"a dictionary of {', '.join(map(str, list(content)[:8]))}"
        raise WeightsError(f"no dictionary of named tensors is in the file; it holds {what}.")
    if key is None:
        return found
    if key in found:
        return {key: found[key]}
    for place, tensors in found.items():
        if part := {name: value for name, value in tensors.items() if name.startswith(f"{key}.")}:
            return {f"{place}:{key}" if place else key: part}
    there = ", ".join(repr(place) for place in found if place) or "weights alone, in no dictionary of their own"
    raise ConfigError(f"key={key!r} is neither a place in the file nor how its names begin; it holds {there}.")


def _walk(value: object, place: str, depth: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
    if not isinstance(value, Mapping) or not depth:
        return
    if value and all(isinstance(k, str) for k in value) and all(_is_plain(v) for v in value.values()):
        yield place, {str(name): tensor for name, tensor in value.items()}
        return
    for name, inner in value.items():
        if isinstance(name, str):  # an optimizer numbers its parameters
            yield from _walk(inner, f"{place}.{name}" if place else name, depth - 1)


def _is_plain(value: Any) -> bool:
    """Whether this is an ordinary tensor: dense, on the CPU, of numbers."""
    return (
        type(value) in (Tensor, nn.Parameter)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and not value.is_complex()
    )
