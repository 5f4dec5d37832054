"""From a sample of a collection to what a model takes: resize, augment, normalise."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from skinzoo.errors import ConfigError
from skinzoo.transforms.framing import frame_of
from skinzoo.transforms.geometry import check_pair, least_shape, resize_and_crop
from skinzoo.transforms.normalisation import normalise
from skinzoo.types import InputSpec, Sample

if TYPE_CHECKING:
    import albumentations

ByteArray = NDArray[np.uint8]
Output = Literal["float32", "uint8"]


class Transform:
    """Resizes a sample to an input specification, augments it if asked to, and normalises it.

    The augmentation works on uint8 at the final size. What it does to a sample is a pure function of (seed, epoch,
    index): the same in any worker process, whatever ran before. A transform can be sent to worker processes.

    Without augmentation a picture is resized by a filter without aliasing (see `resize_and_crop`). An augmentation
    that begins with `skinzoo.transforms.warp.Warp`, as the presets do, resizes and moves the picture in one linear
    interpolation, after averaging away what would alias; this leaves about as much detail.

    Args:
        spec: What the model wants to see.
        augmentation: See `create_augmentation`; None for evaluation. The size of the picture must stay.
        seed: Of the augmentation; not negative.
        output: `"float32"` normalises; `"uint8"` leaves image and mask as bytes for `feed` or `normalise_batch`.

    Attributes:
        takes_views: It does not write to the arrays that it is given, so read-only ones will do.

    Raises:
        ConfigError: The seed is negative, or there is no such output.
    """

    takes_views = True

    def __init__(
        self,
        spec: InputSpec,
        augmentation: albumentations.Compose | None = None,
        *,
        seed: int = 0,
        output: Output = "float32",
    ) -> None:
        if seed < 0:
            raise ConfigError(f"Transform: the seed must not be negative, got {seed}.")
        if output not in ("float32", "uint8"):
            raise ConfigError(f'Transform: output must be "float32" or "uint8", got {output!r}.')
        self.spec = spec
        self.augmentation = augmentation
        self.seed = seed
        self.output = output

    @property
    def least(self) -> tuple[int, int]:
        """Height and width of a picture that will do, so that a larger one may be decoded at a smaller scale.

        With augmentation, those that the picture is resized to. Without, twice as much, so that the filter has two
        pixels or more for each that it makes: for an input of 224, JPEGs of 600 x 450 and 1022 x 767 come whole, and
        one of 4000 x 3000 at a quarter. Drawn pictures with hairs, dots and noise then differ from the whole ones,
        resized, by 0.4 grey levels in the mean and 4 in 99.9 % of the values (4000 x 3000), and by 1 and 8 where the
        picture is just four times the input's size. Their masks take the nearest pixel twice, which moves an edge by
        at most a quarter of a pixel.
        """
        height, width = least_shape(self.spec)
        return (height, width) if self._augments else (2 * height, 2 * width)

    def __call__(self, sample: Sample, *, epoch: int = 0, index: int = 0, out: ByteArray | None = None) -> Sample:
        """Transform one sample; the sample given stays as it is.

        Args:
            sample: With a uint8 image (H, W, 3) and, where there is one, a uint8 mask (H, W) of 0 and 1.
            epoch: Current epoch, counted from 0.
            index: Position of the sample in its dataset.
            out: Memory to write the picture to, uint8 (height, width, 3), such as a row of a batch; only where the
                output is `"uint8"`. The image that is returned is then a view of it.

        Returns:
            A copy with the normalised float32 image, or the uint8 image, (3, height, width), and the mask (1, height,
            width) of 0 and 1, of the same type; a mask of None stays None. The uint8 image is a view of (height, width,
            3).

        Raises:
            ImageDecodeError: The image is not uint8 of shape (H, W, 3), for example because it is transformed already.
            MaskError: The mask has another height or width than the image.
            ConfigError: The augmentation changed the picture's size or type, or `out` is not of the right one.
        """
        if out is not None:
            self._check_out(out)
        given = np.asarray(sample.image)
        image, mask = given, None if sample.mask is None else np.asarray(sample.mask)
        if self._augments:
            image, mask = self._augment(image, mask, epoch, index)
        else:
            image, mask = resize_and_crop(image, mask, self.spec)
        if self.output == "float32":
            tensor = normalise(image, self.spec)
        else:
            if out is not None:
                np.copyto(out, image)
                image = out
            elif not image.flags.writeable or np.may_share_memory(image, given):
                image = image.copy()
            tensor = torch.from_numpy(image).permute(2, 0, 1)
        target = None if mask is None else torch.from_numpy(mask.astype(self.output))[None]
        return dataclasses.replace(sample, image=tensor, mask=target)

    def _check_out(self, out: ByteArray) -> None:
        wanted = (*self.spec.size, 3)
        if self.output != "uint8" or out.dtype != np.uint8 or out.shape != wanted or not out.flags.writeable:
            raise ConfigError(
                f"Transform: out must be memory for bytes of shape {wanted}, and output='uint8'; got {out.dtype} of "
                f"shape {out.shape}{'' if out.flags.writeable else ', read-only'}, and output={self.output!r}."
            )

    @property
    def _augments(self) -> bool:
        return self.augmentation is not None and bool(self.augmentation.transforms)

    def _augment(
        self, image: ByteArray, mask: ByteArray | None, epoch: int, index: int
    ) -> tuple[ByteArray, ByteArray | None]:
        assert self.augmentation is not None
        check_pair(image, mask)
        height, width = image.shape[:2]
        frame = frame_of((height, width), self.spec) if _takes_frame(self.augmentation) else None
        if frame is None:
            image, mask = resize_and_crop(image, mask, self.spec)
            # a step of one's own may write to what it is given; a warp that takes a frame makes a new picture
            image, mask = _writeable(image), None if mask is None else _writeable(mask)
        entropy = np.random.SeedSequence([self.seed, epoch, index])
        key = int(entropy.generate_state(1, np.uint64)[0])
        # Not set_random_seed: it starts every step from the same state, and two flips would always come together.
        self.augmentation.set_random_state(np.random.default_rng(entropy), random.Random(key))  # noqa: S311
        given: dict[str, Any] = {"image": image}
        if mask is not None:
            given["mask"] = mask.astype(np.uint8, copy=False)
        if frame is not None:
            given["frame"] = frame
        result = self.augmentation(**given)
        shape, dtype = result["image"].shape, result["image"].dtype
        if shape != (*self.spec.size, 3):
            raise ConfigError(
                f"the augmentation turned a picture of shape {(*self.spec.size, 3)} into {shape}; leave out crops and "
                "resizes: the transform resizes before it augments."
            )
        if dtype != np.uint8:
            raise ConfigError(
                f"the augmentation turned a picture of uint8 into {dtype}; leave out steps that normalise: the "
                "transform does it after the augmentation."
            )
        return result["image"], result.get("mask")

    def __repr__(self) -> str:
        names = None if self.augmentation is None else [type(t).__name__ for t in self.augmentation.transforms]
        return f"Transform({self.spec}, augmentation={names}, seed={self.seed}, output={self.output!r})"


def _writeable(array: ByteArray) -> ByteArray:
    return array if array.flags.writeable else array.copy()


def _takes_frame(augmentation: albumentations.Compose) -> bool:
    """True if the first step resizes the picture, whatever is drawn."""
    first = augmentation.transforms[0]
    return getattr(first, "takes_frame", False) and min(first.p, augmentation.p) >= 1 and not augmentation.strict


def eval_transform(spec: InputSpec) -> Transform:
    """The transform for evaluation and inference: resize and normalise, nothing random."""
    return Transform(spec)
