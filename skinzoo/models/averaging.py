"""The mean of several answers, as logits that are finite whatever the answers are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from skinzoo.errors import ConfigError
from skinzoo.types import InputSpec

Average = Literal["probability", "logit"]
AVERAGES: tuple[Average, ...] = get_args(Average)


def check_average(average: str) -> None:
    """Refuse what is no mean.

    Raises:
        ConfigError: It is none of `AVERAGES`.
    """
    if average not in AVERAGES:
        raise ConfigError(f"average must be one of {', '.join(map(repr, AVERAGES))}, got {average!r}.")


def mean_logits(answers: Sequence[Tensor], weights: Sequence[float], *, average: Average) -> Tensor:
    """The weighted mean of class answers.

    Args:
        answers: Logits (N, C) of each, float64.
        weights: Positive, one for each.
        average: `"probability"` for log of the mean softmax, computed as a log-sum-exp; `"logit"` for the mean logit,
            whose softmax is the normalised geometric mean of the probabilities.

    Returns:
        float32 (N, C).
    """
    stacked = torch.stack(list(answers))
    shares = stacked.new_tensor(weights)[:, None, None] / math.fsum(weights)
    if average == "logit":
        return (stacked * shares).sum(0).float()
    return torch.logsumexp(stacked.log_softmax(2) + shares.log(), 0).float()


class MaskMean:
    """The weighted mean of mask answers, taken in one pass so that no more than one is held.

    With p the mean probability, the logit log p - log(1 - p) comes from two sums of exponentials that both stay in
    logarithms: it is exact where p rounds to 0 or 1, and no probability has to be cut off.

    Args:
        average: `"probability"` or `"logit"`.
    """

    def __init__(self, average: Average) -> None:
        self.average = average
        self._sums: tuple[Tensor, Tensor] | None = None

    def add(self, mask_logits: Tensor, weight: float | Tensor = 1.0) -> None:
        """Take another answer in.

        Args:
            mask_logits: (N, 1, H, W).
            weight: A positive number; or (H, W), 0 where the answer says nothing, then not for the first answer.
        """
        logits = mask_logits.float()
        weights = torch.as_tensor(weight, dtype=logits.dtype, device=logits.device)
        if self.average == "logit":
            parts = (logits * weights, weights.expand(logits.shape))
            self._sums = parts if self._sums is None else (self._sums[0] + parts[0], self._sums[1] + parts[1])
            return
        parts = (F.logsigmoid(logits) + weights.log(), F.logsigmoid(-logits) + weights.log())
        if self._sums is not None:
            parts = (torch.logaddexp(self._sums[0], parts[0]), torch.logaddexp(self._sums[1], parts[1]))
        self._sums = parts

    def result(self) -> Tensor | None:
        """The mean as logits, float32 (N, 1, H, W); None without an answer."""
        if self._sums is None:
            return None
        first, second = self._sums
        return first / second if self.average == "logit" else first - second


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Images or maps at another size, bilinear, without aliasing; unchanged at the same size.

    Args:
        images: (N, C, H, W).
        size: Height and width wanted.
    """
    if tuple(images.shape[2:]) == tuple(size):
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)


def convert_images(images: Tensor, ours: InputSpec, theirs: InputSpec) -> Tensor:
    """Pictures made for one model as another wants them: its size and its normalisation.

    Args:
        images: (N, 3, H, W), normalised as `ours` says.
        ours: What they were made for.
        theirs: What they are needed for.
    """
    images = resize(images, theirs.size)
    if (ours.mean, ours.std) == (theirs.mean, theirs.std):
        return images
    gain = [a / b for a, b in zip(ours.std, theirs.std, strict=True)]
    shift = [(a - b) / c for a, b, c in zip(ours.mean, theirs.mean, theirs.std, strict=True)]
    return images * images.new_tensor(gain)[:, None, None] + images.new_tensor(shift)[:, None, None]


def sees_the_same(ours: InputSpec, theirs: InputSpec) -> bool:
    """Whether both are given the same part of a picture, so that one can be made from the other."""
    if ours.crop == theirs.crop == "none":
        return True
    same_shape = ours.size[0] * theirs.size[1] == ours.size[1] * theirs.size[0]
    return ours.crop == theirs.crop and ours.crop_fraction == theirs.crop_fraction and same_shape
