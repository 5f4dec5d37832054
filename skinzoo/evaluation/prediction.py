"""Predictions for pictures: named probabilities and masks of the pictures' own size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skinzoo.datasets.loading import collate
from skinzoo.devices import move
from skinzoo.errors import ConfigError
from skinzoo.evaluation.inference import require_finite
from skinzoo.evaluation.inputs import PictureLike, find_pictures, with_metadata
from skinzoo.models import SkinModel, evaluation_mode
from skinzoo.transforms import Transform, restore


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says about one picture.

    Attributes:
        id: File name without its ending (in a folder with the path below it), the sample's id, or `array_<number>`.
        probabilities: By class code, summing to 1; empty from a model that only segments.
        mask_probability: Probability of lesion at each pixel, float32 (H, W) of the picture's own size; None from a
            model that only classifies.
    """

    id: str
    probabilities: dict[str, float]
    mask_probability: NDArray[np.float32] | None = None

    @property
    def label(self) -> str | None:
        """The most probable class; None from a model that only segments."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else None

    @property
    def probability(self) -> float:
        """The probability of `label`; NaN from a model that only segments."""
        return max(self.probabilities.values(), default=float("nan"))

    @property
    def mask(self) -> NDArray[np.uint8] | None:
        """Lesion mask of 0 and 1 (probability above 0.5), uint8 (H, W)."""
        return None if self.mask_probability is None else (self.mask_probability > 0.5).astype(np.uint8)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the share of the picture that the mask covers instead of the mask."""
        values: dict[str, Any] = {"id": self.id, "label": self.label, "probabilities": self.probabilities}
        if self.mask is not None:
            values["lesion_share"] = float(self.mask.mean())
        return values


def predict(
    model: SkinModel,
    inputs: PictureLike | Iterable[PictureLike],
    *,
    metadata: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    batch_size: int = 32,
) -> list[Prediction]:
    """Predict for one picture, several, or a folder.

    Args:
        model: Any model of the zoo, on the device to compute on.
        inputs: A path, a folder (searched with its subfolders), a uint8 RGB array (H, W, 3) or (N, H, W, 3), a Pillow
            image, a `Sample`, or a list of these.
        metadata: For a model that takes it, such as `{"age": 45, "sex": "female"}`: one mapping for all pictures, or a
            list with one a picture. Default: what a `Sample` brings along, and nothing for other pictures. What is
            not given, and a category that the model does not know, counts as missing.
        batch_size: Pictures at a time.

    Returns:
        One prediction a picture, in order.

    Raises:
        DatasetNotFoundError: No such path, or a folder without images.
        ImageDecodeError: A file is not a usable image; the message names it.
        ConfigError: Something is no picture, or an array is not uint8 RGB; or the metadata is not what the model takes.
        DivergedError: The model gives values that are not finite.

    Examples:
        >>> predict(model, "lesion.jpg")[0].label
        'NV'
    """
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ConfigError(f"batch_size must be a positive whole number, got {batch_size!r}.")
    transform = Transform(model.input_spec)
    classes = model.label_space.classes if model.label_space else ()
    predictions: list[Prediction] = []
    samples = with_metadata(model, find_pictures(inputs), metadata)
    while group := list(islice(samples, batch_size)):
        batch = collate([transform(sample) for sample in group], model.metadata_encoder)
        with evaluation_mode(model), torch.no_grad():
            output = model(*model.inputs(move(batch, model.device)))
        require_finite(output)
        probabilities = model.probabilities(output.logits).tolist() if output.logits is not None else None
        masks = output.mask_logits.sigmoid()[:, 0].float().cpu().numpy() if output.mask_logits is not None else None
        for i, sample in enumerate(group):
            predictions.append(
                Prediction(
                    sample.id,
                    dict(zip(classes, probabilities[i], strict=True)) if probabilities is not None else {},
                    restore(masks[i], np.asarray(sample.image).shape[:2], model.input_spec)
                    if masks is not None
                    else None,
                )
            )
    return predictions
