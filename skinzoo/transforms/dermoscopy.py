"""Augmentations that imitate what differs between dermoscopy pictures: hairs and dark corners.

They change the image only. Importing this module imports albumentations.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.drawing import HAIR_COLOURS, apply_vignette, draw_hairs, hair_mask, to_bytes
from skinzoo.transforms.backend import load_albumentations

load_albumentations()
from albumentations import ImageOnlyTransform  # noqa: E402 - only after the check


class AddHair(ImageOnlyTransform):  # type: ignore[misc]
    """Lay curved hairs of one random colour over the picture.

    Args:
        count: Least and greatest number of hairs.
        thickness: Least and greatest width at the root, as a fraction of the short side.
        p: Probability of being applied.
    """

    def __init__(
        self, count: tuple[int, int] = (2, 15), thickness: tuple[float, float] = (0.003, 0.009), p: float = 0.5
    ) -> None:
        super().__init__(p=p)
        self.count = count
        self.thickness = thickness

    def get_params(self) -> dict[str, Any]:
        """Draw the number of hairs and the seed that places them."""
        rng = self.random_generator
        return {"hairs": int(rng.integers(self.count[0], self.count[1] + 1)), "seed": int(rng.integers(2**63))}

    def apply(self, img: NDArray[Any], *, hairs: int, seed: int, **params: Any) -> NDArray[Any]:  # noqa: ARG002
        """The picture (H, W, 3) with hairs."""
        rng = np.random.default_rng(seed)
        if img.dtype != np.uint8:
            return draw_hairs(img, rng, count=hairs, thickness=self.thickness)
        colour = HAIR_COLOURS[int(rng.integers(len(HAIR_COLOURS)))]  # the same hairs, laid on in bytes
        opacity = hair_mask((img.shape[0], img.shape[1]), rng, count=hairs, thickness=self.thickness)
        top = np.empty_like(img)
        top.reshape(len(img), -1)[:] = np.tile(np.rint(np.multiply(255, colour)), img.shape[1])
        return np.asarray(cv2.blendLinear(img, top, 1 - opacity, opacity))


class Vignette(ImageOnlyTransform):  # type: ignore[misc]
    """Blacken the corners outside a round field of view.

    Args:
        radius: Least and greatest radius, as a fraction of half the picture's diagonal.
        p: Probability of being applied.
    """

    def __init__(self, radius: tuple[float, float] = (0.72, 1.0), p: float = 0.5) -> None:
        super().__init__(p=p)
        self.radius = radius

    def get_params(self) -> dict[str, Any]:
        """Draw radius, softness and centre of the field of view."""
        rng = self.random_generator
        centre = (float(rng.uniform(0.46, 0.54)), float(rng.uniform(0.46, 0.54)))
        return {"field": float(rng.uniform(*self.radius)), "softness": float(rng.uniform(0.03, 0.2)), "centre": centre}

    def apply(
        self,
        img: NDArray[Any],
        *,
        field: float,
        softness: float,
        centre: tuple[float, float],
        **params: Any,  # noqa: ARG002
    ) -> NDArray[Any]:
        """The picture (H, W, 3) with dark corners."""
        if img.dtype != np.uint8:
            return apply_vignette(img, radius=field, softness=softness, centre=centre)
        height, width = img.shape[:2]
        unit = 0.5 * math.hypot(height, width)
        x = (np.arange(width, dtype=np.float32) + np.float32(0.5 - centre[0] * width)) / np.float32(unit)
        y = (np.arange(height, dtype=np.float32) + np.float32(0.5 - centre[1] * height)) / np.float32(unit)
        light = np.sqrt(x * x + (y * y)[:, None])  # as `apply_vignette`, in bytes: how much light comes through
        light *= np.float32(-255 / softness)
        light += np.float32(255 * (field / softness + 0.5))
        return np.asarray(cv2.multiply(img, cv2.cvtColor(to_bytes(light), cv2.COLOR_GRAY2RGB), scale=1 / 255))
