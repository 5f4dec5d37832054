"""What `predict` and the explanations accept: paths, folders, arrays, samples."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.decode import read_image
from skinzoo.datasets.sniff import IMAGE_SUFFIXES
from skinzoo.errors import ConfigError, DatasetNotFoundError, ImageDecodeError
from skinzoo.types import Sample

PictureLike: TypeAlias = str | os.PathLike[str] | NDArray[Any] | Sample
"""A path, a uint8 RGB array (H, W, 3), or a sample with such an array."""


def read_picture(picture: PictureLike, name: str = "array") -> tuple[str, NDArray[np.uint8]]:
    """Name and pixels (uint8 RGB, H x W x 3) of one picture.

    Raises:
        ConfigError: An array of another shape or type.
        ImageDecodeError: A file that is not a usable image.
        DatasetNotFoundError: No such file.
    """
    if isinstance(picture, Sample):
        return picture.id, _checked(np.asarray(picture.image))
    if isinstance(picture, np.ndarray):
        return name, _checked(picture)
    path = Path(picture)
    if not path.is_file():
        raise DatasetNotFoundError(f"no picture at {path}; give the path of an image file.")
    try:
        return path.stem, read_image(path).array
    except ImageDecodeError as error:
        raise ImageDecodeError(f"{path}: {error}", error.code) from error


def expand(inputs: PictureLike | Iterable[PictureLike]) -> list[PictureLike]:
    """A flat list of pictures: a folder becomes the image files below it, sorted; an array of pictures its pictures.

    Raises:
        DatasetNotFoundError: No such path, or a folder without images.
    """
    if isinstance(inputs, np.ndarray) and inputs.ndim == 4:
        return list(inputs)
    if isinstance(inputs, np.ndarray | Sample):
        return [inputs]
    if not isinstance(inputs, str | os.PathLike):
        return [picture for item in inputs for picture in expand(item)]
    path = Path(inputs)
    if not path.exists():
        raise DatasetNotFoundError(f"no file or folder at {path}.")
    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
    if not found:
        raise DatasetNotFoundError(f"no image in {path}; expected files ending in {', '.join(sorted(IMAGE_SUFFIXES))}.")
    return list(found)


def _checked(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
        raise ConfigError(
            f"a picture must be a uint8 RGB array of shape (H, W, 3), got {array.dtype} {array.shape}. Values in "
            "[0, 1] are not guessed at: multiply them by 255 and convert."
        )
    return array
