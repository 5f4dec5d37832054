"""Test-time augmentation: a model that looks at each picture several times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.models.averaging import Average, MaskMean, check_average, mean_logits
from skinzoo.models.base import CamTarget, SkinModel, calibrated_logits
from skinzoo.models.views import View, Views, make_views
from skinzoo.types import Batch, ModelOutput


class TTAModel(SkinModel):
    """A model's mean answer over several views of a picture; made by `with_tta`, see there.

    Args:
        model: The model, which is used and not copied.
        views: `"flips"`, `"d4"` or `"five_crops"`.
        average: `"probability"` or `"logit"`.
        crop_fraction: Of each side, for crops.
        views_at_once: True for all views in one batch.

    Attributes:
        model: The model that looks.
    """

    def __init__(
        self, model: SkinModel, *, views: Views, average: Average, crop_fraction: float, views_at_once: bool
    ) -> None:
        config = replace(model.config, architecture=f"{model.config.architecture} with {views}")
        super().__init__(config, size_multiple=model.size_multiple, fixed_size=model.fixed_size)
        self.model = model
        self.views: Views = views
        self.average: Average = average
        self.crop_fraction = crop_fraction
        self.views_at_once = views_at_once
        self.metadata_encoder = model.metadata_encoder
        self.training_record = model.training_record
        self.eval()

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """What the model takes of a batch."""
        return self.model.inputs(batch)

    def forward(self, images: Tensor, *others: Tensor) -> ModelOutput:
        """The mean answer to a batch.

        Args:
            images: Normalised float tensor (N, 3, H, W).
            *others: What the model takes besides; the same for every view.

        Raises:
            ConfigError: A tensor has another shape or type.
        """
        self._check(images)
        return self.predict_logits(images, *others)

    def predict_logits(self, images: Tensor, *others: Tensor) -> ModelOutput:
        """The mean as logits (N, classes) and mask logits (N, 1, H, W), float32; arguments as for `forward`."""
        views = make_views(self.views, (images.shape[2], images.shape[3]), crop_fraction=self.crop_fraction)
        answers: list[Tensor] = []
        masks = MaskMean(self.average)
        for view, output in zip(views, self._outputs(views, images, others), strict=True):
            if output.logits is not None:
                answers.append(calibrated_logits(self.model, output.logits))
            if output.mask_logits is not None:
                masks.add(view.restore(output.mask_logits.float()), view.coverage(output.mask_logits.float()))
        logits = mean_logits(answers, [1.0] * len(answers), average=self.average) if answers else None
        return ModelOutput(logits=logits, mask_logits=masks.result())

    def _outputs(self, views: list[View], images: Tensor, others: tuple[Tensor, ...]) -> Iterator[ModelOutput]:
        if not self.views_at_once:
            yield from (self.model(view.apply(images), *others) for view in views)
            return
        repeated = (other.repeat(len(views), *[1] * (other.ndim - 1)) for other in others)
        output = self.model(torch.cat([view.apply(images) for view in views]), *repeated)
        for number in range(len(views)):
            rows = slice(number * len(images), (number + 1) * len(images))
            yield ModelOutput(*(None if part is None else part[rows] for part in output))

    def cam_targets(self) -> list[CamTarget]:
        """There are none: each view has feature maps of its own.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("the views have no feature map in common; explain the model that looks at them: model.model.")

    def train(self, mode: bool = True) -> TTAModel:
        """Only evaluation mode can be switched to.

        Raises:
            ConfigError: `mode` is true.
        """
        if mode:
            raise ConfigError("test-time augmentation is not trained; train model.model, and wrap it afterwards.")
        super().train(False)
        return self

    def save_pretrained(self, directory: str | os.PathLike[str], **_facts: Any) -> NoReturn:
        """Views are no weights.

        Args:
            directory: Named in the error.
            **_facts: Not used.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"{Path(directory)}: test-time augmentation is not saved; save model.model, and wrap it again when it is "
            "loaded."
        )


def with_tta(
    model: SkinModel,
    views: Views = "flips",
    *,
    average: Average = "probability",
    crop_fraction: float = 0.875,
    views_at_once: bool = False,
) -> TTAModel:
    """A model that answers with the mean over several views of each picture (test-time augmentation).

    It takes what the model takes, and goes through `evaluate` and `predict` like any other. The model's calibration is
    applied to each view, before the mean; the result has a calibration and operating points of its own, None at first:
    thresholds chosen for single answers do not keep their promise for means. Masks are laid back before the mean:
    exactly for mirror images and rotations; for crops by linear interpolation of the logits (a linear ramp comes back
    within a tenth of a pixel's step), each pixel averaged over the views that reach it.

    Args:
        model: Any model of the zoo; it is put into evaluation mode.
        views: `"flips"` for the picture, its two mirror images and both (4 views); `"d4"` for all 8 mirror images and
            quarter turns, or for the same 4 where the input is not square; `"five_crops"` for the whole picture, its
            centre and its four corners (6 views).
        average: `"probability"` for the mean probability, `"logit"` for the mean logit.
        crop_fraction: Share of each side that a crop keeps; between 0 and 1.
        views_at_once: True for all views in one batch, which takes their number times the memory; False for one after
            another.

    Raises:
        ConfigError: Something is no model, or an option makes no sense.

    Examples:
        >>> predict(with_tta(model, "d4"), "lesion.jpg")
    """
    if not isinstance(model, SkinModel):
        raise ConfigError(f"with_tta takes a model, got {model!r:.200}; see create_model.")
    check_average(average)
    make_views(views, model.input_spec.size, crop_fraction=crop_fraction)
    return TTAModel(model, views=views, average=average, crop_fraction=crop_fraction, views_at_once=bool(views_at_once))
