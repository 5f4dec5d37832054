"""Gaussian noise that is drawn once and used many times.

Importing this module imports albumentations.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import ConfigError
from skinzoo.transforms.backend import load_albumentations
from skinzoo.transforms.options import check_range

load_albumentations()
from albumentations import ImageOnlyTransform  # noqa: E402 - only after the check

ByteArray = NDArray[np.uint8]

POOL = 1 << 22
"""Values to begin at."""

BLOCK = 1 << 19
"""Values taken in one piece."""

_DEVIATION, _ZERO = 32, 128
"""Standard deviation and mean of the pool's bytes."""


@cache
def noise_pool() -> ByteArray:
    """Normally distributed bytes of mean 128 and standard deviation 32, cut off at 4 standard deviations.

    The same in every process. The first `BLOCK` values stand once more behind the last, so that a piece can begin
    anywhere; do not write to it.
    """
    values = np.random.default_rng(0).standard_normal(POOL, dtype=np.float32)
    values *= _DEVIATION
    values += _ZERO
    np.clip(np.rint(values, out=values), 1, 255, out=values)
    pool = values.astype(np.uint8)
    return np.concatenate([pool, pool[:BLOCK]])


class PooledNoise(ImageOnlyTransform):  # type: ignore[misc]
    """Add Gaussian noise, the same strength everywhere, of its own for every pixel and channel.

    A picture takes a piece of `noise_pool()` that begins at a random place, with a random sign. Drawing 150 000
    normal values anew takes longer than all other steps of an augmentation together. Within a picture of up to
    `POOL` values the noise of all pixels is independent. The noise of two pictures is uncorrelated pixel by pixel
    unless both begin at the same of the 4 million places; but the pieces may overlap, so that part of one picture's
    noise is that of another, or its negative, moved by some pixels (at 224 x 224 in 7 % of all pairs).

    Args:
        std_range: Least and greatest standard deviation, as fractions of the value range, at most 0.5.
        p: Probability of being applied.

    Raises:
        ConfigError: An option is out of range; a picture is neither uint8 nor float32.
    """

    def __init__(self, std_range: tuple[float, float] = (0.0, 0.03), p: float = 0.5) -> None:
        check_range("PooledNoise", 0, 1, p=p)
        if not isinstance(std_range, list | tuple) or len(std_range) != 2:
            raise ConfigError(f"PooledNoise: std_range must be two numbers, got {std_range!r}.")
        check_range("PooledNoise", 0, 0.5, std=std_range[0])
        check_range("PooledNoise", std_range[0], 0.5, std=std_range[1])
        super().__init__(p=p)
        self.std_range = tuple(std_range)

    def get_params(self) -> dict[str, Any]:
        """Draw the standard deviation, with a sign, and where in the pool the noise begins."""
        std = self.py_random.uniform(*self.std_range) * self.py_random.choice((-1, 1))
        return {"std": std, "start": self.py_random.randrange(POOL)}

    def apply(self, img: NDArray[Any], *, std: float, start: int, **params: Any) -> NDArray[Any]:  # noqa: ARG002
        """The noisy picture, of the same shape and type.

        Raises:
            ConfigError: It is neither uint8 nor float32.
        """
        if img.dtype not in (np.uint8, np.float32):
            raise ConfigError(f"PooledNoise: expected a uint8 or float32 picture, got {img.dtype}.")
        pool, values = noise_pool(), np.ascontiguousarray(img).reshape(1, -1)
        noisy = np.empty_like(values)
        for begin in range(0, values.shape[1], BLOCK):
            part = values[:, begin : begin + BLOCK]
            at = (start + begin) % POOL
            noise = pool[None, at : at + part.shape[1]]
            if img.dtype == np.uint8:
                gain = 255 * std / _DEVIATION
                cv2.addWeighted(part, 1, noise, gain, -_ZERO * gain, dst=noisy[:, begin : begin + BLOCK])
            else:
                grain = noise.astype(np.float32) - np.float32(_ZERO)
                noisy[:, begin : begin + BLOCK] = np.clip(part + np.float32(std / _DEVIATION) * grain, 0, 1)
        return noisy.reshape(img.shape)
