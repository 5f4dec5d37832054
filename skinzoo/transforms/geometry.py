"""From a picture of any size to the size that a model wants, image and mask together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinzoo.errors import ConfigError, ImageDecodeError, MaskError
from skinzoo.types import InputSpec

ByteArray = NDArray[np.uint8]

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def resize_and_crop(
    image: NDArray[Any], mask: NDArray[Any] | None, spec: InputSpec
) -> tuple[ByteArray, ByteArray | None]:
    """Bring an image, and its mask with it, to `spec.size`.

    With `spec.crop="none"` the whole picture is squashed to the size. With `"center"` it is resized, keeping its
    shape, until it just covers `size / crop_fraction` (for a square: the short side), and the size is cut from its
    centre; lengths are rounded as torchvision's `Resize` and `CenterCrop` round them. Images are filtered without
    aliasing; masks take the nearest pixel, so they keep their values.

    Args:
        image: uint8 RGB, (H, W, 3).
        mask: uint8 of 0 and 1, (H, W), or None.
        spec: Size, interpolation and crop.

    Returns:
        The image (size, 3) and the mask (size), both uint8; None for no mask.

    Raises:
        ImageDecodeError: The image is not uint8 of shape (H, W, 3).
        MaskError: The mask has another height or width than the image.
    """
    check_pair(image, mask)
    resized = resized_shape((image.shape[0], image.shape[1]), spec)
    box = centre_box(resized, spec.size)
    picture = np.ascontiguousarray(_resize(image, resized, _FILTERS[spec.interpolation])[box])
    if mask is None:
        return picture, None
    moved = _resize(mask.astype(np.uint8, copy=False), resized, Image.Resampling.NEAREST)[box]
    return picture, np.ascontiguousarray(moved)


def check_pair(image: NDArray[Any], mask: NDArray[Any] | None) -> None:
    """Make sure that a picture has not been transformed yet, and that its mask fits it.

    Args:
        image: Should be uint8 RGB, (H, W, 3).
        mask: Should be of shape (H, W); None for no mask.

    Raises:
        ImageDecodeError: The image is not uint8 of shape (H, W, 3).
        MaskError: The mask has another height or width than the image.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ImageDecodeError(
            f"expected a uint8 RGB image of shape (H, W, 3), got {image.dtype} of shape {image.shape}; "
            "a transform takes untransformed samples."
        )
    if mask is not None and mask.shape != image.shape[:2]:
        raise MaskError(
            f"the image is {image.shape[0]} x {image.shape[1]} (height x width) but its mask has shape {mask.shape}; "
            "resize the mask to the image with nearest neighbour first.",
            "MASK_SIZE",
        )


def restore(values: NDArray[Any], shape: tuple[int, int], spec: InputSpec) -> NDArray[np.float32]:
    """Lay a map over the model's input, such as a heatmap or a lesion probability, back over the whole picture.

    Args:
        values: Map of shape `spec.size`, any range.
        shape: Height and width of the picture that `resize_and_crop` was given.
        spec: The specification that it was given.

    Returns:
        float32 map (shape), interpolated linearly; 0 where the crop had cut the picture off.

    Raises:
        ConfigError: The map is not of shape `spec.size`.
    """
    if values.shape != spec.size:
        raise ConfigError(f"restore: expected a map of the input's shape {spec.size}, got {values.shape}.")
    resized = resized_shape(shape, spec)
    whole = np.zeros(resized, dtype=np.float32)
    whole[centre_box(resized, spec.size)] = values
    if resized == shape:
        return whole
    picture = Image.fromarray(whole).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.float32)


def least_shape(spec: InputSpec) -> tuple[int, int]:
    """Height and width that a resized picture covers, before the crop."""
    if spec.crop == "none":
        return spec.size
    height, width = (round(s / spec.crop_fraction) for s in spec.size)
    return height, width


def resized_shape(shape: tuple[int, int], spec: InputSpec) -> tuple[int, int]:
    """Height and width that a picture is resized to, before the crop.

    Args:
        shape: Height and width of the picture.
        spec: Size and crop.
    """
    if spec.crop == "none":
        return spec.size
    height, width = shape
    least_height, least_width = least_shape(spec)
    if least_height * width <= least_width * height:  # the width decides
        return max(least_height, int(least_width * height / width)), least_width
    return least_height, max(least_width, int(least_height * width / height))


def centre_box(shape: tuple[int, int], size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the part that is cut from the centre of a picture.

    Args:
        shape: Height and width of the picture.
        size: Height and width of the part.
    """
    top, left = (round((whole - part) / 2) for whole, part in zip(shape, size, strict=True))
    return slice(top, top + size[0]), slice(left, left + size[1])


def _resize(array: NDArray[Any], shape: tuple[int, int], resample: Image.Resampling) -> ByteArray:
    if array.shape[:2] == shape:
        return array
    return np.asarray(Image.fromarray(array).resize((shape[1], shape[0]), resample), dtype=np.uint8)
