"""Pictures that say nothing, to which a picture is compared: blurred, black, or one even colour."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from skinzoo.errors import ConfigError
from skinzoo.types import InputSpec

Baseline = Literal["blur", "black", "mean"]
BASELINES: tuple[Baseline, ...] = get_args(Baseline)
BLUR_SHARE = 0.1


def baseline_images(images: Tensor, kind: Baseline, spec: InputSpec) -> Tensor:
    """The baseline of each picture.

    Which one is taken matters: Sturmfels, Lundberg, Lee (2020), "Visualizing the impact of feature attribution
    baselines".

    Args:
        images: Normalised batch (N, 3, H, W).
        kind: `"blur"`: a Gaussian whose standard deviation is a tenth of the shorter side, which leaves no structure
            but a soft spot of the lesion's colour. `"mean"`: each picture's mean colour. `"black"`: 8-bit 0.
        spec: How the pictures were normalised.

    Returns:
        Normalised batch of the same shape.

    Raises:
        ConfigError: No such kind.
    """
    check_baseline(kind)
    if kind == "black":
        mean, std = (torch.as_tensor(v, dtype=images.dtype, device=images.device) for v in (spec.mean, spec.std))
        return (-mean / std)[None, :, None, None].expand_as(images).clone()
    if kind == "mean":
        return images.mean((2, 3), keepdim=True).expand_as(images).clone()
    return gaussian_blur(images, BLUR_SHARE * min(images.shape[2:]))


def check_baseline(kind: object) -> None:
    """Make sure that there is such a baseline.

    Raises:
        ConfigError: There is not.
    """
    if kind not in BASELINES:
        raise ConfigError(f"baseline must be one of {', '.join(map(repr, BASELINES))}; got {kind!r}.")


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """A Gaussian of `sigma` pixels, cut off at three sigma; the border pixels go on beyond the border."""
    radius = max(1, round(3 * sigma))
    places = torch.arange(-radius, radius + 1, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (places / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(images.dtype).to(images.device)
    channels = images.shape[1]
    padded = F.pad(images, (radius,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel.expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(rows, kernel[:, None].expand(channels, 1, -1, 1), groups=channels)
