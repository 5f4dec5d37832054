"""Randomness that is counted, not streamed."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def counted_seed(*counts: int) -> int:
    """A 63-bit seed that is a pure function of its arguments, such as (seed, step, rank)."""
    digest = hashlib.blake2b(repr(counts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def seed_step(seed: int, step: int, rank: int, device: torch.device) -> None:
    """Seed Python's, NumPy's and PyTorch's global generators for one step of one process.

    `torch.manual_seed` would also note the call, with its whole stack, for each kind of accelerator that is not in use.
    """
    import numpy as np
    import torch

    value = counted_seed(seed, step, rank)
    random.seed(value)
    np.random.seed(value % 2**32)  # noqa: NPY002 - what a layer or a callback may draw from
    torch.default_generator.manual_seed(value)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(value)


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's global generators.

    Training does not depend on it: order, augmentation and dropout are counted from `TrainConfig.seed`. It is for the
    code around it, such as random weights made without `create_model(..., seed=...)`.
    """
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the global generator is what is asked for
    torch.manual_seed(seed)
