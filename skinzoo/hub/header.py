"""What a safetensors file says about its tensors, read without loading any of them."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import NamedTuple

from skinzoo.errors import WeightsError

_MAX_HEADER = 100_000_000
_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


class TensorHeader(NamedTuple):
    """One tensor.

    Attributes:
        dtype: `"float32"`, `"float16"` ... or safetensors' own short name for a type that is not floating.
        shape: Its shape.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def floating(self) -> bool:
        """True for a floating-point tensor."""
        return self.dtype in _NAMES.values()

    @property
    def size(self) -> int:
        """Number of its elements."""
        return math.prod(self.shape)


def read_header(path: str | os.PathLike[str]) -> dict[str, TensorHeader]:
    """Tensors of a safetensors file, by name.

    Raises:
        WeightsError: It is absent, cut short or no safetensors.
    """
    try:
        with Path(path).open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= _MAX_HEADER:
                raise ValueError(f"a header of {length:,} bytes")
            content = file.read(length)
            if len(content) < length:
                raise ValueError(f"its header of {length:,} bytes is cut short")
            entries = json.loads(content)
        entries.pop("__metadata__", None)
        return {
            name: TensorHeader(_NAMES.get(entry["dtype"], entry["dtype"]), tuple(map(int, entry["shape"])))
            for name, entry in entries.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{path} is no readable safetensors file ({error}).") from error
