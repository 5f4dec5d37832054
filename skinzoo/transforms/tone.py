"""All that changes a pixel by its own value alone, in one look-up table.

Importing this module imports albumentations.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.drawing import to_bytes
from skinzoo.errors import ConfigError
from skinzoo.transforms.backend import load_albumentations
from skinzoo.transforms.options import check_range

load_albumentations()
from albumentations import ImageOnlyTransform  # noqa: E402 - only after the check

ByteArray = NDArray[np.uint8]
_VALUES = np.arange(256, dtype=np.float32)


class Tone(ImageOnlyTransform):  # type: ignore[misc]
    """Change brightness and contrast, hue, saturation and value, and the tint of the light, in this order.

    Brightness, contrast and tint are one table of 256 entries a channel, which the picture is looked up in once. Hue,
    saturation and value mix the channels, so no such table exists for them, nor a colour matrix, since HSV is no
    linear map of RGB; where they are drawn the picture is converted to HSV, looked up there, and converted back.

    A float32 picture of 0 to 1 is taken to bytes and back.

    Args:
        brightness: Greatest change, as a fraction of the value range.
        contrast: Greatest relative change, about black.
        hue: Greatest turn of the hue in degrees.
        saturation: Greatest change of HSV's S, as a fraction of its range; grey stays grey.
        value: Greatest change of HSV's V, as a fraction of its range.
        cast: Standard deviation of the logarithm of the factor by which a channel changes, as under another light.
        each: Probability of each of the three: brightness with contrast, hue with saturation and value, tint.
        p: Probability of being applied at all.

    Raises:
        ConfigError: An option is out of range; a picture is neither uint8 nor float32, or not RGB where that matters.
    """

    def __init__(
        self,
        brightness: float = 0.2,
        contrast: float = 0.2,
        hue: float = 0.0,
        saturation: float = 0.0,
        value: float = 0.0,
        cast: float = 0.0,
        each: float = 0.5,
        p: float = 1.0,
    ) -> None:
        check_range("Tone", 0, 1, brightness=brightness, contrast=contrast, saturation=saturation, value=value)
        check_range("Tone", 0, 1, cast=cast, each=each, p=p)
        check_range("Tone", 0, 180, hue=hue)
        super().__init__(p=p)
        self.brightness, self.contrast, self.cast = brightness, contrast, cast
        self.hue, self.saturation, self.value, self.each = hue, saturation, value, each

    def get_params(self) -> dict[str, Any]:
        """Draw gain and offset, the shifts in HSV, and the channels' factors; None for what does not happen."""
        draw, uniform = self.py_random.random, self.py_random.uniform
        light = colour = tint = None
        if (self.brightness or self.contrast) and draw() < self.each:
            light = (1 + uniform(-self.contrast, self.contrast), uniform(-self.brightness, self.brightness))
        limits = (self.hue, self.saturation, self.value)
        if any(limits) and draw() < self.each:
            colour = tuple(uniform(-limit, limit) for limit in limits)
        if self.cast and draw() < self.each:
            tint = tuple(np.exp(self.random_generator.normal(0, self.cast, 3)).tolist())
        return {"light": light, "colour": colour, "tint": tint}

    def apply(
        self,
        img: NDArray[Any],
        *,
        light: tuple[float, float] | None,
        colour: tuple[float, float, float] | None,
        tint: tuple[float, float, float] | None,
        **params: Any,  # noqa: ARG002
    ) -> NDArray[Any]:
        """The picture in another tone, of the same shape and type.

        Raises:
            ConfigError: It is neither uint8 nor float32, or not RGB where that matters.
        """
        if light is None and colour is None and tint is None:
            return img
        if img.dtype == np.float32:
            bytes_ = self.apply(to_bytes(img * np.float32(255)), light=light, colour=colour, tint=tint)
            return bytes_.astype(np.float32) / np.float32(255)
        if img.dtype != np.uint8 or ((colour or tint) and img.shape[2:] != (3,)):
            raise ConfigError(f"Tone: expected a uint8 RGB picture (H, W, 3), got {img.dtype} of shape {img.shape}.")
        if light is not None and (colour is not None or tint is None):
            # without a tint no table is needed: this is the same, and quicker
            img = np.asarray(cv2.addWeighted(img, light[0], img, 0, 255 * light[1])).reshape(img.shape)
            light = None
        if colour is not None:
            img = _in_hsv(img, colour)
        if tint is None:
            return img
        gain, offset = (1.0, 0.0) if light is None else light
        lit = np.clip(_VALUES * np.float32(gain) + np.float32(255 * offset), 0, 255)
        return _look_up(img, lit[:, None] * np.array(tint, dtype=np.float32))


def _in_hsv(image: ByteArray, shifts: tuple[float, float, float]) -> ByteArray:
    """The picture with hue (degrees), saturation and value (fractions of the range) shifted."""
    hue, saturation, value = shifts
    table = np.empty((256, 3), dtype=np.float32)
    table[:, 0] = np.rint(_VALUES + hue / 2) % 180  # OpenCV keeps a hue in half degrees
    table[:, 1] = np.where(_VALUES == 0, 0, _VALUES + 255 * saturation)
    table[:, 2] = _VALUES + 255 * value
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    return np.asarray(cv2.cvtColor(_look_up(hsv, table), cv2.COLOR_HSV2RGB), dtype=np.uint8)


def _look_up(image: NDArray[Any], table: NDArray[np.floating[Any]]) -> ByteArray:
    """The picture with its values replaced by those of a table (256, 3), rounded and cut off."""
    return np.asarray(cv2.LUT(image, to_bytes(table)[None]), dtype=np.uint8)
