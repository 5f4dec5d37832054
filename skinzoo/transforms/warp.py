"""All that moves the pixels of a picture, in one resampling.

Importing this module imports albumentations.
"""

from __future__ import annotations

from typing import Any, NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import ConfigError
from skinzoo.transforms.backend import load_albumentations
from skinzoo.transforms.framing import Frame, shrink
from skinzoo.transforms.motion import Motion, ripple, source_maps, source_matrix
from skinzoo.transforms.options import check_range

load_albumentations()
from albumentations import DualTransform  # noqa: E402 - only after the check
from albumentations.core.type_definitions import Targets  # noqa: E402

_BORDER = cv2.BORDER_REFLECT_101  # a black one would look like a vignette


class Warp(DualTransform):  # type: ignore[misc]
    """Flip, transpose, zoom, rotate, shear, shift and ripple a picture and its masks, in this order.

    All of it is one map from the pixels of the result to the picture, so the picture is interpolated once (linearly;
    masks take the nearest pixel) and what lies beyond its border is its mirror image. A draw without any resampling,
    such as a mere flip of a square picture, is exact. The size stays: a transposed picture that is not square is cut
    and mirrored like one that is turned by 90 degrees.

    As first step of a pipeline it also takes over the resizing of `skinzoo.transforms.Transform`, which then passes
    it the picture as decoded, and how the result lies in it as `frame`; see `skinzoo.transforms.framing`.

    Keypoints and bounding boxes are not supported.

    Args:
        flip: Probability of a horizontal flip, and of a vertical one.
        transpose: Probability of exchanging rows and columns; with both flips this gives the quarter turns.
        degrees: Greatest rotation to either side.
        scale: Greatest relative change of size, below 1.
        shift: Greatest shift, as a fraction of height and width.
        shear: Greatest shear angle of either axis in degrees, below 45.
        move: Probability of rotation, change of size, shift and shear, which come together.
        ripple: Standard deviation of smooth random displacements, as a fraction of the short side.
        ripple_p: Probability of them.
        p: Probability of being applied at all.

    Raises:
        ConfigError: A value is out of range.
    """

    _targets = (Targets.IMAGE, Targets.MASK, Targets.VOLUME, Targets.MASK3D)
    takes_frame = True

    def __init__(
        self,
        flip: float = 0.5,
        transpose: float = 0.0,
        degrees: float = 10.0,
        scale: float = 0.0,
        shift: float = 0.0,
        shear: float = 0.0,
        move: float = 1.0,
        ripple: float = 0.0,
        ripple_p: float = 0.2,
        p: float = 1.0,
    ) -> None:
        check_range("Warp", 0, 1, flip=flip, transpose=transpose, shift=shift, move=move, ripple_p=ripple_p, p=p)
        check_range("Warp", 0, 360, degrees=degrees)
        check_range("Warp", 0, 0.99, scale=scale)
        check_range("Warp", 0, 44, shear=shear)
        check_range("Warp", 0, 0.1, ripple=ripple)
        super().__init__(p=p)
        self.flip, self.transpose = flip, transpose
        self.degrees, self.scale, self.shift, self.shear, self.move = degrees, scale, shift, shear, move
        self.ripple, self.ripple_p = ripple, ripple_p

    def get_params(self) -> dict[str, Any]:
        """Draw a `Motion`, as a dictionary of its fields."""
        draw, uniform = self.py_random.random, self.py_random.uniform
        motion = Motion(draw() < self.flip, draw() < self.flip, draw() < self.transpose)
        if draw() < self.move:
            motion = motion._replace(
                scale=uniform(1 - self.scale, 1 + self.scale),
                rotate=uniform(-self.degrees, self.degrees),
                shear=(uniform(-self.shear, self.shear), uniform(-self.shear, self.shear)),
                shift=(uniform(-self.shift, self.shift), uniform(-self.shift, self.shift)),
            )
        if self.ripple and draw() < self.ripple_p:
            motion = motion._replace(ripple=self.py_random.getrandbits(63))
        return motion._asdict()

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Pass on the frame, if the data has one."""
        return {**params, "frame": data.get("frame")}

    def apply(self, img: NDArray[Any], **params: Any) -> NDArray[Any]:
        """The moved picture."""
        frame: Frame | None = params["frame"]
        motion = _motion(params)
        if frame is not None:
            img, frame = shrink(img, frame, moved=motion.resamples)
        return self._moved(img, cv2.INTER_LINEAR, motion, frame)

    def apply_to_mask(self, mask: NDArray[Any], **params: Any) -> NDArray[Any]:
        """The moved mask."""
        return self._moved(mask, cv2.INTER_NEAREST, _motion(params), params["frame"])

    def apply_to_keypoints(self, keypoints: Any, **params: Any) -> NoReturn:  # noqa: ARG002
        """Not supported."""
        _refuse("keypoints")

    def apply_to_bboxes(self, bboxes: Any, **params: Any) -> NoReturn:  # noqa: ARG002
        """Not supported."""
        _refuse("bounding boxes")

    def _moved(self, image: NDArray[Any], interpolation: int, motion: Motion, frame: Frame | None) -> NDArray[Any]:
        height, width = image.shape[:2] if frame is None else frame.size
        if not motion.resamples and (height == width or not motion.transposed):
            if frame is None:
                return _flipped(image, motion)
            if frame.covers((image.shape[0], image.shape[1])):
                linear = interpolation == cv2.INTER_LINEAR
                resized = cv2.resize(
                    image, (width, height), interpolation=interpolation if linear else cv2.INTER_NEAREST_EXACT
                )
                return _flipped(resized.reshape(height, width, *image.shape[2:]), motion)
        matrix = source_matrix(motion, (height, width), frame)
        rgb = image.shape[2:] == (3,) and image.dtype in (np.uint8, np.float32)
        if rgb:  # OpenCV interpolates four channels twice as fast as three
            image = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
        if motion.ripple is None:
            how = interpolation | cv2.WARP_INVERSE_MAP
            moved = cv2.warpAffine(image, matrix, (width, height), flags=how, borderMode=_BORDER)
        else:
            maps = source_maps(matrix, *ripple(motion.ripple, (height, width), self.ripple))
            moved = cv2.remap(image, *maps, interpolation, borderMode=_BORDER)
        if rgb:
            return np.asarray(cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB))
        return np.asarray(moved).reshape(height, width, *image.shape[2:])  # OpenCV drops an axis of length 1


def _motion(params: dict[str, Any]) -> Motion:
    return Motion(*(params[name] for name in Motion._fields))


def _flipped(image: NDArray[Any], motion: Motion) -> NDArray[Any]:
    result = image
    if motion.mirrored or motion.upended:
        result = cv2.flip(result, -1 if motion.mirrored and motion.upended else int(motion.mirrored))
    if motion.transposed:  # NumPy takes 20 times as long, but any number of channels
        few = image.ndim == 2 or image.shape[2] <= 4
        result = cv2.transpose(result) if few else np.ascontiguousarray(result.swapaxes(0, 1))
    return np.asarray(result).reshape(image.shape)


def _refuse(what: str) -> NoReturn:
    raise ConfigError(
        f"Warp moves images and masks but was given {what}; for these, build the pipeline of albumentations' own "
        "HorizontalFlip, VerticalFlip, Transpose and Affine."
    )
