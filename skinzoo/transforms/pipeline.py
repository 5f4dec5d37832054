"""From a sample of a collection to what a model takes: resize, augment, normalise."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.transforms.geometry import resize_and_crop
from skinzoo.types import InputSpec, Sample

if TYPE_CHECKING:
    import albumentations


class Transform:
    """Resizes a sample to an input specification, augments it if asked to, and normalises it.

    The augmentation works on uint8 at the final size. What it does to a sample is a pure function of (seed, epoch,
    index): the same in any worker process, whatever ran before. A transform can be sent to worker processes.

    Args:
        spec: What the model wants to see.
        augmentation: See `create_augmentation`; None for evaluation. The size of the picture must stay.
        seed: Of the augmentation; not negative.

    Raises:
        ConfigError: The seed is negative.
    """

    def __init__(self, spec: InputSpec, augmentation: albumentations.Compose | None = None, *, seed: int = 0) -> None:
        if seed < 0:
            raise ConfigError(f"Transform: the seed must not be negative, got {seed}.")
        self.spec = spec
        self.augmentation = augmentation
        self.seed = seed

    def __call__(self, sample: Sample, *, epoch: int = 0, index: int = 0) -> Sample:
        """Transform one sample; the sample given stays as it is.

        Args:
            sample: With a uint8 image (H, W, 3) and, where there is one, a uint8 mask (H, W) of 0 and 1.
            epoch: Current epoch, counted from 0.
            index: Position of the sample in its dataset.

        Returns:
            A copy with the normalised float32 image (3, height, width) and the float32 mask (1, height, width) of 0
            and 1; a mask of None stays None.

        Raises:
            ImageDecodeError: The image is not uint8 of shape (H, W, 3), for example because it is transformed already.
            MaskError: The mask has another height or width than the image.
            ConfigError: The augmentation changed the size.
        """
        mask = None if sample.mask is None else np.asarray(sample.mask)
        image, mask = resize_and_crop(np.asarray(sample.image), mask, self.spec)
        if self.augmentation is not None and self.augmentation.transforms:
            image, mask = self._augment(image, mask, epoch, index)
        return dataclasses.replace(
            sample,
            image=_normalise(image, self.spec),
            mask=None if mask is None else torch.from_numpy(mask.astype(np.float32))[None],
        )

    def _augment(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8] | None, epoch: int, index: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        assert self.augmentation is not None
        entropy = np.random.SeedSequence([self.seed, epoch, index])
        key = int(entropy.generate_state(1, np.uint64)[0])
        # Not set_random_seed: it starts every step from the same state, and two flips would always come together.
        self.augmentation.set_random_state(np.random.default_rng(entropy), random.Random(key))  # noqa: S311
        given = {"image": image} if mask is None else {"image": image, "mask": mask}
        result = self.augmentation(**given)
        if result["image"].shape != image.shape:
            raise ConfigError(
                f"the augmentation turned a picture of shape {image.shape} into {result['image'].shape}; leave out "
                "crops and resizes: the transform resizes before it augments."
            )
        return result["image"], result.get("mask")

    def __repr__(self) -> str:
        names = None if self.augmentation is None else [type(t).__name__ for t in self.augmentation.transforms]
        return f"Transform({self.spec}, augmentation={names}, seed={self.seed})"


def eval_transform(spec: InputSpec) -> Transform:
    """The transform for evaluation and inference: resize and normalise, nothing random."""
    return Transform(spec)


def denormalise(images: Tensor, spec: InputSpec) -> NDArray[np.uint8]:
    """Back from what a model takes to what a person can look at.

    Args:
        images: Normalised float images (3, H, W) or (N, 3, H, W).
        spec: The specification they were normalised by.

    Returns:
        uint8 RGB (H, W, 3) or (N, H, W, 3); equal to the image before normalisation up to rounding.
    """
    values = images.detach().to("cpu", torch.float32).movedim(-3, -1)
    pixels = values * torch.tensor(spec.std) + torch.tensor(spec.mean)
    array: NDArray[Any] = (pixels * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return array


def _normalise(image: NDArray[np.uint8], spec: InputSpec) -> Tensor:
    mean, std = (np.asarray(values, dtype=np.float32)[:, None, None] for values in (spec.mean, spec.std))
    values = image.transpose(2, 0, 1).astype(np.float32, order="C")
    values *= 1 / (255 * std)
    values -= mean / std
    return torch.from_numpy(values)
