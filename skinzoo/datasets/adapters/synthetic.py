"""Dermoscopy-like pictures painted on demand, with exact masks: for trying things out, tests and teaching.

No file is read or downloaded. Figures reached on these pictures say nothing about real lesions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skinzoo.datasets.base import ByteArray, Records, SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.info import DatasetInfo
from skinzoo.errors import ConfigError
from skinzoo.taxonomy import ISIC2018

INFO = DatasetInfo(
    name="synthetic",
    title="Synthetic dermoscopy with exact masks",
    label_space=ISIC2018,
    group="lesion",
    has_masks=True,
    metadata=("skin_tone",),
    modality="",
    licence="MIT",
)


@dataclass(frozen=True)
class SyntheticSource:
    """Paints the pictures of one collection; the key of a picture and of its mask is its number, as text.

    Args:
        seed: Names the collection.
        size: Height and width in pixels.
        views_per_lesion: Pictures of each lesion.
    """

    seed: int
    size: int
    views_per_lesion: int

    def read(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:  # noqa: ARG002
        """The picture (uint8 RGB, size x size x 3) and its mask (uint8 0/1, size x size)."""
        from skinzoo.datasets.adapters.synthesis import draw_lesion  # brings OpenCV with it

        picture, lesion, _ = draw_lesion(self.seed, int(image), size=self.size, views_per_lesion=self.views_per_lesion)
        return picture, lesion if mask else None


@register_dataset(INFO)
def synthetic(*, num_images: int = 700, size: int = 128, seed: int = 0, views_per_lesion: int = 2) -> SkinDataset:
    """Painted lesions of the seven ISIC 2018 classes, in equal shares, with masks, lesion ids and skin tones.

    Picture `i` depends on `seed`, `size`, `views_per_lesion` and `i` alone, so a longer collection begins with the
    shorter one. The table's column `skin_tone` runs from 1 (fairest) to 6 (darkest).

    Args:
        num_images: Number of pictures.
        size: Height and width in pixels, at least 32.
        seed: Names the collection; another seed gives other lesions.
        views_per_lesion: Pictures of each lesion, which differ in angle, zoom, light and artefacts.

    Raises:
        ConfigError: A value is not a whole number or is too small.
    """
    from skinzoo.datasets.adapters.synthesis import describe_lesion  # brings OpenCV with it

    least = {
        "num_images": (num_images, 1),
        "size": (size, 32),
        "seed": (seed, 0),
        "views_per_lesion": (views_per_lesion, 1),
    }
    for name, (value, minimum) in least.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise ConfigError(f"synthetic: {name} must be a whole number of at least {minimum}, got {value!r}.")
    lesions = [describe_lesion(seed, i, views_per_lesion=views_per_lesion) for i in range(num_images)]
    numbers = [str(i) for i in range(num_images)]
    records = Records.build(
        [f"SYN_{i:07d}" for i in range(num_images)],
        labels=[lesion.label for lesion in lesions],
        groups=[f"SYNL_{lesion.number:07d}" for lesion in lesions],
        images=numbers,
        masks=numbers,
        metadata={"skin_tone": np.array([lesion.skin_tone for lesion in lesions], dtype=np.int64)},
    )
    return SkinDataset(INFO, records, ISIC2018, SyntheticSource(seed, size, views_per_lesion))
