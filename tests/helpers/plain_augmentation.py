"""The presets as chains of albumentations' own transforms, each of which resamples or rounds for itself.

They draw from the same distributions as skinzoo's presets, more slowly; and single steps for given draws.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.drawing import to_bytes
from skinzoo.transforms.backend import load_albumentations
from skinzoo.transforms.motion import Motion

A = load_albumentations()
import albucore  # noqa: E402
import albumentations.augmentations.geometric.functional as fgeometric  # noqa: E402
import albumentations.augmentations.pixel.functional as fpixel  # noqa: E402

from skinzoo.transforms.dermoscopy import AddHair, Vignette  # noqa: E402

BORDER = {"border_mode": cv2.BORDER_REFLECT_101, "mask_interpolation": cv2.INTER_NEAREST}
SIDE = (0.05, 0.15)


class ColourCast(A.ImageOnlyTransform):
    """Multiply each channel by its own factor, as another light source or white balance would.

    Args:
        strength: Standard deviation of the factors around 1.
        p: Probability of being applied.
    """

    def __init__(self, strength: float = 0.06, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.strength = strength

    def get_params(self) -> dict[str, Any]:
        """Draw the factors."""
        return {"factors": np.exp(self.random_generator.normal(0, self.strength, 3)).astype(np.float32)}

    def apply(self, img: NDArray[Any], *, factors: NDArray[np.float32], **params: Any) -> NDArray[Any]:
        """The picture (H, W, 3) in the other light."""
        if img.dtype == np.uint8:
            return to_bytes(img * factors)
        return np.clip(img * factors, 0, 1).astype(np.float32)


def flips() -> list[Any]:
    return [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]


def affine(degrees: float, scale: float = 0, shift: float = 0, shear: float = 0, p: float = 1.0) -> Any:
    return A.Affine(
        rotate=(-degrees, degrees),
        scale=(1 - scale, 1 + scale),
        keep_ratio=True,
        translate_percent={"x": (-shift, shift), "y": (-shift, shift)},
        shear=(-shear, shear),
        p=p,
        **BORDER,
    )


def light(p: float | None = None) -> list[Any]:
    return [
        *flips(),
        affine(10, p=p or 0.5),
        A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2, p=p or 0.5),
        A.GaussNoise(std_range=(0, 0.03), p=p or 0.3),
    ]


def strong() -> list[Any]:
    return [
        *flips(),
        A.Transpose(p=0.5),
        affine(45, scale=0.2, shift=0.1, shear=8),
        A.ElasticTransform(alpha=30, sigma=6, p=0.2, **BORDER),
        A.RandomBrightnessContrast(brightness_limit=0.3, contrast_limit=0.3, p=0.5),
        A.HueSaturationValue(hue_shift_limit=10, sat_shift_limit=20.4, val_shift_limit=10.2, p=0.5),
        A.GaussianBlur(blur_limit=(3, 5), p=0.2),
        A.GaussNoise(std_range=(0, 0.05), p=0.3),
        A.CoarseDropout(
            num_holes_range=(1, 6), hole_height_range=SIDE, hole_width_range=SIDE, fill=0, fill_mask=None, p=0.3
        ),
    ]


def dermoscopy() -> list[Any]:
    return [
        *flips(),
        A.Transpose(p=0.5),
        affine(45, scale=0.2, shift=0.1),
        A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2, p=0.5),
        ColourCast(0.06, p=0.5),
        A.GaussianBlur(blur_limit=(3, 5), p=0.1),
        AddHair(p=0.3),
        Vignette(p=0.2),
    ]


PLAIN = {"light": light, "strong": strong, "dermoscopy": dermoscopy}


def move(image: NDArray[Any], motion: Motion, *, mask: bool = False) -> NDArray[Any]:
    """The picture of a motion, step by step; without ripples."""
    steps = (motion.mirrored, fgeometric.hflip), (motion.upended, fgeometric.vflip)
    for happens, step in (*steps, (motion.transposed, fgeometric.transpose)):
        image = np.ascontiguousarray(step(image)) if happens else image
    height, width = image.shape[:2]
    matrix = fgeometric.create_affine_transformation_matrix(
        {"x": motion.shift[0] * width, "y": motion.shift[1] * height},
        {"x": motion.shear[0], "y": motion.shear[1]},
        {"x": motion.scale, "y": motion.scale},
        motion.rotate,
        fgeometric.center((height, width)),
    )
    return fgeometric.warp_affine(
        image,
        matrix,
        cv2.INTER_NEAREST if mask else cv2.INTER_LINEAR,
        fill=0,
        border_mode=cv2.BORDER_REFLECT_101,
        output_shape=(height, width),
    )


def tone(image: NDArray[Any], *, light: Any = None, colour: Any = None, tint: Any = None) -> NDArray[Any]:
    """The picture in another tone, step by step; the arguments are what `Tone` draws."""
    if light is not None:
        image = albucore.multiply_add(image, light[0], 255 * light[1], inplace=False)
    if colour is not None:
        image = fpixel.shift_hsv(image, colour[0] / 2, 255 * colour[1], 255 * colour[2])
    if tint is not None:
        image = ColourCast().apply(image, factors=np.array(tint, dtype=np.float32))
    return image
