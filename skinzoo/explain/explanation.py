"""Where does the model look? One call per picture, for any model of the zoo."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from skinzoo.datasets.loading import collate
from skinzoo.devices import move
from skinzoo.errors import ConfigError
from skinzoo.evaluation.inference import require_finite
from skinzoo.evaluation.inputs import PictureLike, find_picture, with_metadata
from skinzoo.explain.activation import Score, activation_map, class_score, input_gradient, lesion_score
from skinzoo.files import atomic_path
from skinzoo.models import SkinModel, evaluation_mode
from skinzoo.transforms import Transform, restore

LESION = "lesion"


@dataclass(frozen=True, eq=False)
class Explanation:
    """A heatmap over a picture.

    Attributes:
        id: The picture's name.
        image: uint8 RGB (H, W, 3).
        heatmap: float32 (H, W) in [0, 1], of the picture's size.
        target: The class that is explained, or `"lesion"` for a mask.
        probability: The model's probability of that class; for a mask, the mean over the predicted lesion.
        method: `"grad_cam"` or `"saliency"`.
    """

    id: str
    image: NDArray[np.uint8]
    heatmap: NDArray[np.float32]
    target: str
    probability: float
    method: str

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


def grad_cam(
    model: SkinModel,
    picture: PictureLike,
    *,
    target: str | int | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Explanation:
    """Grad-CAM heatmap of one picture.

    Args:
        model: Any model of the zoo.
        picture: A path, a uint8 RGB array (H, W, 3), or a `Sample`.
        target: Class code or index; `"lesion"` for the mask; default the predicted class, or the mask where the model
            predicts no class.
        metadata: For a model that takes it; default what a `Sample` brings along. The map shows the picture's part in
            the answer only.

    Raises:
        ConfigError: The target is not among the model's classes, the model predicts no mask, or the metadata is not
            what it takes.
        ImageDecodeError: The picture cannot be read.

    Examples:
        >>> grad_cam(model, "lesion.jpg").save("cam.png")
    """
    return _explain(model, picture, target, metadata, "grad_cam")


def saliency(
    model: SkinModel,
    picture: PictureLike,
    *,
    target: str | int | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Explanation:
    """Gradient saliency of one picture; arguments and errors as for `grad_cam`."""
    return _explain(model, picture, target, metadata, "saliency")


def _explain(
    model: SkinModel,
    picture: PictureLike,
    target: str | int | None,
    metadata: Mapping[str, Any] | None,
    method: Literal["grad_cam", "saliency"],
) -> Explanation:
    (sample,) = with_metadata(model, [find_picture(picture)], metadata)
    batch = collate([Transform(model.input_spec)(sample)], model.metadata_encoder)
    images, *others = model.inputs(move(batch, model.device))
    image = np.asarray(sample.image)
    with evaluation_mode(model), torch.no_grad():
        output = model(images, *others)
    require_finite(output)
    index = _target_index(model, target, output.logits)
    score: Score
    if index is None:
        score, label = lesion_score, LESION
        probability = torch.sigmoid(lesion_score(output))[0]
    else:
        assert model.label_space is not None
        assert output.logits is not None
        score, label = class_score(index), model.label_space.classes[index]
        probability = model.probabilities(output.logits)[0, index]
    explain = activation_map if method == "grad_cam" else input_gradient
    heatmap = explain(model, images, score, others=others)[0].cpu().numpy()
    full = restore(heatmap, image.shape[:2], model.input_spec)
    return Explanation(sample.id, image, full, label, float(probability), method)


def _target_index(model: SkinModel, target: str | int | None, logits: torch.Tensor | None) -> int | None:
    """Class index to explain, None for the mask."""
    space = model.label_space
    if target == LESION or (target is None and space is None):
        if not model.task.has_masks:
            raise ConfigError(f"{model.config.architecture} predicts no mask, so the target 'lesion' makes no sense.")
        return None
    if space is None or logits is None:
        raise ConfigError(
            f"{model.config.architecture} predicts no class; its only target is 'lesion', got {target!r}."
        )
    if target is None:
        return int(logits[0].argmax())
    if isinstance(target, str):
        return space.index(target)
    if not isinstance(target, int) or not 0 <= target < len(space):
        raise ConfigError(f"target must be a class code or an index from 0 to {len(space) - 1}, got {target!r}.")
    return target
