"""The few types that every floor shares: tasks, input specification, samples, batches, model output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from skinzoo.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

IGNORE_INDEX = -100
"""The class index of a sample without a label; PyTorch's cross-entropy skips it too."""

NO_MASK = 255
"""Every value of a mask of bytes, in a batch, whose sample has none."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Task(StrEnum):
    """What a model predicts."""

    CLASSIFICATION = "classification"
    SEGMENTATION = "segmentation"
    MULTITASK = "multitask"

    @classmethod
    def _missing_(cls, value: object) -> Task:
        raise ConfigError(f"unknown task {value!r}; expected one of {', '.join(cls)}.")

    @property
    def has_labels(self) -> bool:
        """True if the model predicts a class."""
        return self is not Task.SEGMENTATION

    @property
    def has_masks(self) -> bool:
        """True if the model predicts a lesion mask."""
        return self is not Task.CLASSIFICATION


@dataclass(frozen=True)
class InputSpec:
    """What a model wants to see; the evaluation transform is derived from it, and it travels with the weights.

    An 8-bit RGB picture is resized, divided by 255, and normalised as `(x - mean) / std`.

    Args:
        size: Height and width in pixels.
        mean: Per channel, in [0, 1]. `(0, 0, 0)` together with `std=(1, 1, 1)` means plain [0, 1] scaling.
        std: Per channel, in (0, 1].
        interpolation: For images; masks are always nearest-neighbour.
        crop: `"none"` squashes the whole picture to `size`. `"center"` resizes the short side to `size / crop_fraction`
            and cuts `size` from the centre (224 / 0.875 = 256).
        crop_fraction: Only used with `crop="center"`; in (0, 1].

    Raises:
        ConfigError: A value is out of range.
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    crop: Literal["none", "center"] = "none"
    crop_fraction: float = 0.875

    def __post_init__(self) -> None:
        for name in ("size", "mean", "std"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if isinstance(value, list | tuple) else (value,))
        checks = {
            "size": len(self.size) == 2 and all(isinstance(s, int) and 0 < s <= 8192 for s in self.size),
            "mean": len(self.mean) == 3 and all(isinstance(m, int | float) and 0 <= m <= 1 for m in self.mean),
            "std": len(self.std) == 3 and all(isinstance(s, int | float) and 0 < s <= 1 for s in self.std),
            "interpolation": self.interpolation in ("bilinear", "bicubic"),
            "crop": self.crop in ("none", "center"),
            "crop_fraction": isinstance(self.crop_fraction, int | float) and 0 < self.crop_fraction <= 1,
        }
        for name, good in checks.items():
            if not good:
                raise ConfigError(f"InputSpec: {name}={getattr(self, name)!r} is out of range; see its docstring.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> InputSpec:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: A key is unknown or a value out of range.
        """
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise ConfigError(f"InputSpec has no field {', '.join(sorted(unknown))}.")
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"InputSpec: {error}; see its docstring.") from error


@dataclass(slots=True)
class Sample:
    """One picture with what is known about it.

    Attributes:
        id: Unique in its collection.
        image: uint8 RGB array of shape (H, W, 3), or the float tensor (3, H, W) that a transform made of it.
        label: Class index, or None where the collection does not say.
        mask: uint8 array (H, W) of 0 and 1 (1 = lesion), or the float tensor (1, H, W) that a transform made of it;
            None where there is none.
        group: Patient or lesion id; samples of one group never stand on two sides of a split.
        metadata: Further columns of the collection's table; missing values are None.
    """

    id: str
    image: np.ndarray[Any, Any] | Tensor
    label: int | None = None
    mask: np.ndarray[Any, Any] | Tensor | None = None
    group: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Batch(NamedTuple):
    """Several transformed samples.

    Attributes:
        images: Normalised float tensor (N, 3, H, W); uint8 where the transform leaves bytes, until they are on their
            device (`skinzoo.transforms.feed`).
        labels: int64 tensor (N,), `IGNORE_INDEX` where a sample has no label.
        masks: Float tensor (N, 1, H, W) of 0 and 1, NaN where a sample has no mask; None if no sample has one. Where
            they are bytes, `NO_MASK` stands for NaN.
        ids: The samples' ids.
        other_labels: int64 tensor (N,), the second label of each picture that was mixed of two; None if none was.
        share: The first label's share of a mixed picture, in [0, 1].
        metadata: Encoded metadata, float tensor (N, F); None for a model that sees pictures alone.
        padding: True if it only keeps a process in step with the others; nothing in it counts.
    """

    images: Tensor
    labels: Tensor
    masks: Tensor | None
    ids: list[str]
    other_labels: Tensor | None = None
    share: float = 1.0
    metadata: Tensor | None = None
    padding: bool = False


class ModelOutput(NamedTuple):
    """What every model returns.

    Attributes:
        logits: (N, classes), before the softmax; None from a model that only segments.
        mask_logits: (N, 1, H, W), before the sigmoid; None from a model that only classifies.
    """

    logits: Tensor | None = None
    mask_logits: Tensor | None = None
