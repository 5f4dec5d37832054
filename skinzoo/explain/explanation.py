"""What an explanation of one picture holds, and how it is shown and saved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import ConfigError
from skinzoo.files import atomic_path


@dataclass(frozen=True, eq=False)
class Explanation:
    """A heatmap over a picture.

    Attributes:
        id: The picture's name.
        image: uint8 RGB (H, W, 3).
        heatmap: float32 (H, W) in [0, 1], of the picture's size.
        target: The class that is explained, `"malignant"` for the malignant classes together, or `"lesion"` for a mask.
        probability: The model's probability of that; for a mask, the mean over the predicted lesion.
        method: `"grad_cam"`, `"saliency"` or `"integrated_gradients"`, or the name of a function of one's own.
        notes: What the method says of its own map, by name; integrated gradients how complete they are.
    """

    id: str
    image: NDArray[np.uint8]
    heatmap: NDArray[np.float32]
    target: str
    probability: float
    method: str
    notes: Mapping[str, float] = field(default_factory=dict)

    def overlay(self, alpha: float = 0.45) -> NDArray[np.uint8]:
        """The heatmap laid over the picture, uint8 (H, W, 3)."""
        from skinzoo.plotting import heatmap_overlay

        return heatmap_overlay(self.image, self.heatmap, alpha=alpha)

    def figure(self) -> Any:
        """Picture and overlay side by side, as a matplotlib figure."""
        from skinzoo.plotting import explanation_panel

        return explanation_panel(self.image, self.heatmap, f"{self.id}: {self.target} ({self.probability:.0%})")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the overlay as a PNG, JPEG or WebP picture; its folder is made.

        Raises:
            ConfigError: The name has another ending.
        """
        from PIL import Image

        target = Path(path)
        if target.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
            raise ConfigError(f"{target} must end in .png, .jpg or .webp.")
        with atomic_path(target) as temporary:
            Image.fromarray(self.overlay()).save(temporary)
        return target
