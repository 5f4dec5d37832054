"""Tensors that must be a model's, all of them and no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from skinzoo.errors import WeightsMismatchError


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], *, what: str) -> None:
    """Load every tensor or none.

    Args:
        module: What they are loaded into.
        tensors: By the module's names.
        what: Where they come from, for the message.

    Raises:
        WeightsMismatchError: Names or shapes differ; the first five of each kind are listed and nothing was changed.
    """
    if found := differences(module.state_dict(), tensors):
        raise WeightsMismatchError(f"{what} does not fit the model: {found}. Is it of another architecture?")
    module.load_state_dict(dict(tensors))


class _HasShape(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> torch.dtype: ...


def differences(own: Mapping[str, Tensor], tensors: Mapping[str, _HasShape]) -> str:
    """What keeps tensors from being a model's, the first five of each kind; empty if nothing does.

    Args:
        own: The model's.
        tensors: Those of a file, or what is known of them.
    """
    missing = [k for k in own if k not in tensors]
    extra = [k for k in tensors if k not in own]
    both = [k for k in own if k in tensors]
    shapes = [
        f"{k} (file {tuple(tensors[k].shape)}, model {tuple(own[k].shape)})"
        for k in both
        if tuple(tensors[k].shape) != tuple(own[k].shape)
    ]
    kinds = [
        f"{k} (file {tensors[k].dtype}, model {own[k].dtype})"
        for k in both
        if _kind(tensors[k].dtype) != _kind(own[k].dtype)
    ]
    problems = {
        "absent from the file": missing,
        "unknown to the model": extra,
        "of another shape": shapes,
        "of another type": kinds,
    }
    return "; ".join(f"{len(v)} {k}: {', '.join(v[:5])}" for k, v in problems.items() if v)


def _kind(dtype: torch.dtype) -> tuple[bool, bool]:
    return dtype.is_floating_point, dtype.is_complex
