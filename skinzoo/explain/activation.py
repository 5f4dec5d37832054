"""Class activation maps at the price of a forward pass: the gradient runs only from the score back to one layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skinzoo.errors import ConfigError
from skinzoo.explain.targets import Score
from skinzoo.models import CamTarget, SkinModel, evaluation_mode

MIN_CELLS = 4


def activation_map(model: SkinModel, images: Tensor, score: Score, *, others: Sequence[Tensor] = ()) -> Tensor:
    """Grad-CAM (Selvaraju et al. 2017): channels weighted by their mean gradient, summed, negatives cut off.

    The layer is the deepest whose map has at least 4 x 4 cells (7 x 7 for a ResNet at 224 pixels): of a coarser one a
    heatmap would say nothing. Everything up to it runs without a graph, so that frozen models, and callers inside
    `no_grad` or `inference_mode`, work too. The model's mode, gradients and hooks are left as they were.

    Args:
        model: Any model of the zoo.
        images: Normalised batch (N, 3, H, W).
        score: What to explain; one number per image.
        others: What the model takes besides, as `model.inputs(batch)[1:]` gives it.

    Returns:
        Maps (N, H, W) in [0, 1], each scaled to its own range; zero throughout where nothing speaks for the score.
    """
    target = choose_target(model, (images.shape[2], images.shape[3]))
    captured: list[Tensor] = []

    def cut(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if not isinstance(output, Tensor):
            raise _unknown_layout(target, type(output).__name__)
        captured.append(output.detach().requires_grad_(True))
        torch.set_grad_enabled(True)
        return captured[0].clone()  # what follows may work in place, which a leaf does not allow

    with torch.inference_mode(False), torch.no_grad(), evaluation_mode(model):
        handle = target.layer.register_forward_hook(cut)
        try:
            scores = score(model(*map(_usable, (images, *others))))
            if not captured:
                raise _unknown_layout(target, "a layer that the model does not call")
            (gradient,) = torch.autograd.grad(scores.sum(), captured[0])
        finally:
            handle.remove()
        size = (images.shape[2], images.shape[3])
        activation, gradient = (channels_first(t, target, size) for t in (captured[0].detach(), gradient))
        weighted = (activation * gradient.mean((2, 3), keepdim=True)).sum(1, keepdim=True).relu()
        return _to_unit_range(F.interpolate(weighted, size=size, mode="bilinear", align_corners=False)[:, 0])


def choose_target(model: SkinModel, image_size: tuple[int, int]) -> CamTarget:
    """The deepest layer with at least 4 cells along each side; the finest one where none has."""
    targets = model.cam_targets()
    return next((t for t in targets if min(image_size) >= MIN_CELLS * t.reduction), targets[-1])


def input_gradient(model: SkinModel, images: Tensor, score: Score, *, others: Sequence[Tensor] = ()) -> Tensor:
    """Saliency (Simonyan, Vedaldi, Zisserman 2014): the largest absolute gradient over the colour channels.

    Args:
        model: Any model of the zoo.
        images: Normalised batch (N, 3, H, W).
        score: What to explain; one number per image.
        others: What the model takes besides, as `model.inputs(batch)[1:]` gives it.

    Returns:
        Maps (N, H, W) in [0, 1], each scaled to its own range.
    """
    with torch.inference_mode(False), torch.enable_grad(), evaluation_mode(model):
        pixels = images.detach().clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(score(model(pixels, *map(_usable, others))).sum(), pixels)
    return _to_unit_range(gradient.abs().amax(1))


def channels_first(features: Tensor, target: CamTarget, image_size: tuple[int, int]) -> Tensor:
    """Feature maps or tokens as (N, C, h, w).

    Raises:
        ConfigError: The layout cannot be told.
    """
    shape = tuple(features.shape)
    if features.ndim == 4 and shape[1] == target.channels:
        return features
    if features.ndim == 4 and shape[3] == target.channels:
        return features.permute(0, 3, 1, 2)
    if features.ndim == 3 and shape[2] == target.channels:
        for prefix in (target.prefix_tokens, 0):  # some networks add their class token after the layer
            if (grid := _grid(shape[1] - prefix, image_size)) is not None:
                return features[:, prefix:].transpose(1, 2).reshape(shape[0], shape[2], *grid)
    raise _unknown_layout(target, str(shape))


def _usable(tensor: Tensor) -> Tensor:
    """The same values, in a tensor that autograd takes: one made under `inference_mode` it refuses."""
    return tensor.clone() if tensor.is_inference() else tensor


def _unknown_layout(target: CamTarget, got: str) -> ConfigError:
    return ConfigError(
        f"Grad-CAM needs features (N, C, H, W), (N, H, W, C) or (N, tokens, C) with C = {target.channels}, got {got}. "
        "This architecture keeps them otherwise; use saliency."
    )


def _grid(tokens: int, image_size: tuple[int, int]) -> tuple[int, int] | None:
    height, width = image_size
    rows = round((tokens * height / width) ** 0.5)
    return (rows, tokens // rows) if rows and tokens % rows == 0 else None


def _to_unit_range(maps: Tensor) -> Tensor:
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp_min(torch.finfo(maps.dtype).tiny)
