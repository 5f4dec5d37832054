"""Pictures to measure on: drawn lesions with grain, as files of JPEG, and collections of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import skinzoo


def photographs(number: int, size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Drawn lesions (height, width, 3) of any size, with the grain that makes files of JPEG as large as real ones."""
    height, width = size
    data = skinzoo.load_dataset("synthetic", num_images=number, size=256, seed=1)
    rng, found = np.random.default_rng(0), []
    for row in range(number):
        large = cv2.resize(np.asarray(data[row].image), (width, height), interpolation=cv2.INTER_CUBIC)
        grain = large + rng.normal(0, 3, large.shape).astype(np.float32)
        found.append(np.clip(np.rint(grain), 0, 255).astype(np.uint8))
    return found


def folder_of_jpegs(folder: Path, number: int, size: tuple[int, int]) -> skinzoo.SkinDataset:
    """A collection on disk, one folder per class, JPEG at quality 90."""
    for row, picture in enumerate(photographs(number, size)):
        place = folder / ("nevus", "melanoma")[row % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"p{row:04d}.jpg", "JPEG", quality=90)
    return skinzoo.load_dataset("folder", folder, check="none")


def paths_of(data: skinzoo.SkinDataset, folder: Path) -> list[str]:
    """The collection's files, in its order."""
    found = {path.stem: str(path) for path in folder.rglob("*.jpg")}
    return [found[name] for name in data.records.ids.tolist()]


class InMemory:
    """A source of pixels that are there already."""

    def __init__(self, dataset: skinzoo.SkinDataset) -> None:
        self.samples = {s.id: (s.image, s.mask) for s in dataset}

    def read(self, image: str, mask: str, id: str) -> tuple[object, object]:
        """The sample's arrays."""
        picture, lesion = self.samples[id]
        return picture, lesion if mask else None


def in_memory(number: int, size: int) -> skinzoo.SkinDataset:
    """Drawn lesions with masks, decoded."""
    data = skinzoo.load_dataset("synthetic", num_images=number, size=size)
    data.source = InMemory(data)
    return data
