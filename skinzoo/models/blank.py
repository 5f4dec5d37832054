"""Building a network whose weights are about to be loaded: no random numbers are drawn, and no more is made than fits.

Random start weights take most of the time that building takes (80 of 90 ms for a ResNet-18), and here they would be
thrown away. Memory that is not written to is not taken from the system either. Everything that is not random, such as
the buffers that are not saved, is computed as always.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from skinzoo.errors import WeightsError

_DRAWS: frozenset[Callable[..., Any]] = frozenset(
    [
        *(Tensor.normal_, Tensor.uniform_, Tensor.random_, Tensor.bernoulli_, Tensor.exponential_, Tensor.log_normal_),
        *(nn.init.normal_, nn.init.uniform_, nn.init.kaiming_normal_, nn.init.kaiming_uniform_),
    ]
)
_BY_SIZE: frozenset[Callable[..., Any]] = frozenset([torch.empty, torch.zeros, torch.ones])
_BEYOND = 4
"""A table of pairs, such as relative positions, may be this much smaller than all that is made."""
_OPERATORS = ("add", "sub", "mul", "truediv", "eq", "ne", "lt", "le", "gt", "ge", "and", "or")
_BY_PAIR: frozenset[Callable[..., Any]] = frozenset(
    [
        *(getattr(Tensor, f"__{name}__") for name in _OPERATORS),
        *(getattr(place, name) for place in (torch, Tensor) for name in ("add", "sub", "mul", "div", "eq", "ne")),
    ]
)
_BY_SIZE_OF: frozenset[Callable[..., Any]] = frozenset([Tensor.new_empty, Tensor.new_zeros, Tensor.new_ones])


class Blank(TorchFunctionMode):
    """Within it, no random number is drawn: tensors that would be filled at random keep what their memory holds.

    Args:
        limit: Most numbers that may be made; None for any. It stands for the size of the file that is to be loaded, so
            that a configuration cannot ask for more memory than the weights beside it would fill.

    Raises:
        WeightsError: More are asked for; they are not made.
    """

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self._limit = limit
        self._made = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in _DRAWS:
            return args[0] if args else kwargs["tensor"]
        if func in (torch.rand, torch.randn):
            kwargs.pop("generator", None)
            func = torch.zeros
        if self._limit is not None:
            if func in _BY_SIZE or func is torch.full:
                shape = args[:1] if func is torch.full else args
                self._count(_numel(shape or (kwargs.get("size", ()),)))
            elif func in _BY_SIZE_OF:
                self._count(_numel(args[1:] or (kwargs.get("size", ()),)))
            elif func in (torch.arange, torch.linspace):
                self._count(max((abs(a) for a in args if isinstance(a, int | float)), default=0))
            elif func in _BY_PAIR:
                self._check(_BEYOND * _broadcast(args))
        return func(*args, **kwargs)

    def _count(self, numbers: float) -> None:
        self._made += math.ceil(numbers)
        self._check(self._made)

    def _check(self, numbers: int) -> None:
        if self._limit is not None and numbers > self._limit:
            raise WeightsError(
                f"the model would have {numbers:,} numbers or more, and these weights could fill {self._limit:,} at "
                "most: they do not belong together."
            )


def _numel(sizes: Iterable[Any]) -> int:
    """Product of the sizes, given one by one or as one list."""
    flat = [s for size in sizes for s in (size if isinstance(size, list | tuple) else (size,))]
    return math.prod(int(s) for s in flat if isinstance(s, Integral))


def _broadcast(args: Iterable[Any]) -> int:
    """How many numbers come out where tensors of these shapes meet; 0 where that cannot be said."""
    shapes = [a.shape for a in args if isinstance(a, Tensor)]
    if len(shapes) < 2:
        return 0
    try:
        return math.prod(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]
    except RuntimeError:
        return 0
