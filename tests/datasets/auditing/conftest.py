"""Small collections of smooth, unmistakable pictures, each a function of its number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from skinzoo.datasets import FileSource, Records, SkinDataset
from skinzoo.datasets.info import DatasetInfo
from skinzoo.taxonomy import ISIC2018


@pytest.fixture
def picture() -> Callable[[int], Image.Image]:
    """`picture(number)`: clouds of 128 x 96 pixels, others for another number."""

    def draw(number: int) -> Image.Image:
        coarse = np.random.default_rng(number).integers(40, 220, (9, 12, 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize((128, 96), Image.Resampling.BICUBIC)

    return draw


@pytest.fixture
def collection(tmp_path: Path, picture: Callable[[int], Image.Image]) -> Callable[..., SkinDataset]:
    """`collection(name, pictures, ...)`: files and a dataset over them, without any screening.

    `pictures` gives for each id a number, a picture, or bytes.
    """

    def make(
        name: str,
        pictures: Mapping[str, Any],
        *,
        labels: list[int] | None = None,
        groups: list[str] | None = None,
        space: Any = ISIC2018,
        **options: Any,
    ) -> SkinDataset:
        root = tmp_path / name
        root.mkdir()
        for stem, what in pictures.items():
            path = root / f"{stem.replace('#', '_')}.jpg"
            if isinstance(what, bytes):
                path.write_bytes(what)
            else:
                (picture(what) if isinstance(what, int) else what).save(path, quality=90)
        records = Records.build(
            list(pictures),
            labels=labels,
            groups=groups,
            images=[f"{stem.replace('#', '_')}.jpg" for stem in pictures],
            metadata=options.pop("metadata", None),
        )
        info = DatasetInfo(name=name, title=name, **options)
        return SkinDataset(info, records, space, FileSource(root))

    return make
