"""Mixing the pictures of a batch in pairs: Mixup, CutMix, and either of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.registry import Registry, accepted_options, check_options
from skinzoo.training.seeding import counted_seed
from skinzoo.types import IGNORE_INDEX, Batch

_STREAM = 1
"""Keeps these random numbers apart from those that a step's dropout is counted from."""


class BatchMixing(Protocol):
    """What mixes the pictures of a batch; must give the same result for the same seed, step and rank."""

    def __call__(self, batch: Batch, *, seed: int, step: int, rank: int = 0) -> Batch:
        """The mixed batch, with `other_labels` and `share` where the labels are mixed as well.

        Args:
            batch: This process's part of a step's batch, on its device.
            seed: Of the run.
            step: Number of the step.
            rank: Of this process.
        """
        ...


MIXINGS: Registry[Callable[..., BatchMixing]] = Registry("mixing")
"""Ways to mix a batch."""


def list_mixings(pattern: str = "*") -> list[str]:
    """Names of the ways to mix a batch that match a shell-style pattern."""
    return MIXINGS.names(pattern)


def create_mixing(name: str, **options: Any) -> BatchMixing:
    """A way to mix a batch by name, for `Trainer(mixing=...)`.

    Args:
        name: One of `list_mixings()`.
        **options: Passed on to it.

    Raises:
        UnknownNameError: No such name; the message lists close matches.
        ConfigError: An option is not taken, or out of range.

    Example:
        >>> create_mixing("mixup", alpha=0.4)
        Mixup(alpha=0.4, prob=1.0)
    """
    kind = MIXINGS[name]
    check_options(options, accepted_options(kind), of=f"mixing {name!r}")
    return kind(**options)


@MIXINGS.register("mixup")
@dataclass(frozen=True)
class Mixup:
    """Blends pairs of pictures: `share * one + (1 - share) * other`, masks and metadata alike.

    Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412, one share a batch. Masks become
    soft targets. The loss of a blended picture is that of both labels, weighted by their shares.

    A picture is only mixed with one that carries the same annotations: with a label or without, with a mask or without.
    So no annotation is lost and none is made up. A picture that is alone of its kind in the batch stays as it is.

    Args:
        alpha: The share is drawn from Beta(alpha, alpha); > 0. Small values mix little, 1 evenly.
        prob: Share of the batches that are mixed, in [0, 1].

    Raises:
        ConfigError: A value is out of range.
    """

    alpha: float = 0.2
    prob: float = 1.0

    def __post_init__(self) -> None:
        _check(self, self.alpha, self.prob)

    def __call__(self, batch: Batch, *, seed: int, step: int, rank: int = 0) -> Batch:
        """The blended batch; see `BatchMixing`."""
        rng = _generator(seed, step, rank)
        if rng.random() >= self.prob or len(batch.labels) < 2:
            return batch
        share = float(rng.beta(self.alpha, self.alpha))
        partner = _partners(batch, rng)
        return _labelled(batch, partner, share)._replace(
            images=_blend(batch.images, partner, share),
            masks=None if batch.masks is None else _blend(batch.masks, partner, share),
        )


@MIXINGS.register("cutmix")
@dataclass(frozen=True)
class CutMix:
    """Pastes a rectangle of one picture into another, and the same of its mask.

    Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", arXiv
    1905.04899. The share of a label is the exact share of the pixels, the rectangle being cut off at the border. One
    rectangle a batch; metadata are blended by the share. Which pictures are mixed, and what becomes of those without
    label or mask, is as for `Mixup`.

    Args:
        alpha: The share of the rectangle, before it is cut off, is drawn from Beta(alpha, alpha); > 0.
        prob: Share of the batches that are mixed, in [0, 1].

    Raises:
        ConfigError: A value is out of range.
    """

    alpha: float = 1.0
    prob: float = 1.0

    def __post_init__(self) -> None:
        _check(self, self.alpha, self.prob)

    def __call__(self, batch: Batch, *, seed: int, step: int, rank: int = 0) -> Batch:
        """The batch with pasted rectangles; see `BatchMixing`."""
        rng = _generator(seed, step, rank)
        if rng.random() >= self.prob or len(batch.labels) < 2:
            return batch
        height, width = batch.images.shape[-2:]
        rows, columns = _rectangle(height, width, float(rng.beta(self.alpha, self.alpha)), rng)
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        partner = _partners(batch, rng)
        return _labelled(batch, partner, 1 - area / (height * width))._replace(
            images=_paste(batch.images, partner, rows, columns),
            masks=None if batch.masks is None else _paste(batch.masks, partner, rows, columns),
        )


@MIXINGS.register("mixup_or_cutmix")
@dataclass(frozen=True)
class MixupOrCutMix:
    """Mixes each batch by `Mixup` or by `CutMix`, drawn at random.

    Args:
        mixup_alpha: Of `Mixup`.
        cutmix_alpha: Of `CutMix`.
        cutmix_share: Share of the mixed batches that `CutMix` gets, in [0, 1].
        prob: Share of the batches that are mixed, in [0, 1].

    Raises:
        ConfigError: A value is out of range.
    """

    mixup_alpha: float = 0.2
    cutmix_alpha: float = 1.0
    cutmix_share: float = 0.5
    prob: float = 1.0

    def __post_init__(self) -> None:
        _check(self, self.mixup_alpha, self.prob)
        _check(self, self.cutmix_alpha, self.cutmix_share)

    def __call__(self, batch: Batch, *, seed: int, step: int, rank: int = 0) -> Batch:
        """The batch, mixed by one of the two; see `BatchMixing`."""
        cuts = _generator(seed, step, rank, _STREAM + 1).random() < self.cutmix_share
        chosen: BatchMixing = CutMix(self.cutmix_alpha, self.prob) if cuts else Mixup(self.mixup_alpha, self.prob)
        return chosen(batch, seed=seed, step=step, rank=rank)


def _check(mixing: object, alpha: float, share: float) -> None:
    if not (0 < alpha < math.inf and 0 <= share <= 1):
        raise ConfigError(f"{mixing}: each alpha must be a number above 0, and shares and prob lie in [0, 1].")


def _generator(seed: int, step: int, rank: int, stream: int = _STREAM) -> np.random.Generator:
    return np.random.default_rng(counted_seed(seed, step, rank, stream))


def _partners(batch: Batch, rng: np.random.Generator) -> Tensor:
    """For each sample another one with the same annotations, (N,); itself if there is none. On the batch's device."""
    device, size = batch.labels.device, len(batch.labels)
    kind = (batch.labels != IGNORE_INDEX).long()
    if batch.masks is not None:
        kind = kind + 2 * (~batch.masks[:, 0, 0, 0].isnan()).long()
    order = torch.from_numpy(rng.permutation(size)).to(device)
    order = order[kind[order].argsort(stable=True)]
    kinds = kind[order]
    first = torch.searchsorted(kinds, kinds)  # of the run of its kind; its last sample is followed by its first
    following = torch.arange(1, size + 1, device=device)
    ends = torch.searchsorted(kinds, kinds, right=True)
    partner = torch.empty_like(order)
    partner[order] = order[torch.where(following == ends, first, following)]
    return partner


def _labelled(batch: Batch, partner: Tensor, share: float) -> Batch:
    metadata = None if batch.metadata is None else _blend(batch.metadata, partner, share)
    return batch._replace(other_labels=batch.labels[partner], share=share, metadata=metadata)


def _blend(tensor: Tensor, partner: Tensor, share: float) -> Tensor:
    return torch.lerp(tensor[partner], tensor, share)


def _rectangle(height: int, width: int, share: float, rng: np.random.Generator) -> tuple[slice, slice]:
    """A rectangle of about `1 - share` of the area around a random point, cut off at the border."""
    y, x = int(rng.integers(height)), int(rng.integers(width))
    half = 0.5 * math.sqrt(1 - share)
    down, across = int(half * height), int(half * width)
    return (
        slice(max(0, y - down), min(height, y + down)),
        slice(max(0, x - across), min(width, x + across)),
    )


def _paste(tensor: Tensor, partner: Tensor, rows: slice, columns: slice) -> Tensor:
    pasted = tensor.clone()
    pasted[..., rows, columns] = tensor[partner][..., rows, columns]
    return pasted
