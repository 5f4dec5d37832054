"""The methods of explanation, all called alike, and what they say about a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from skinzoo.errors import ConfigError, DivergedError
from skinzoo.explain.activation import activation_map, input_gradient
from skinzoo.explain.integrated import integrated_gradient_map
from skinzoo.explain.targets import Aim, Goal, Target
from skinzoo.models import SkinModel, evaluation_mode

MethodFunction: TypeAlias = Callable[..., Tensor]
"""`function(model, images, score, *, others)` to maps (N, H, W), not negative: the higher, the more a pixel matters."""
Method: TypeAlias = Literal["grad_cam", "saliency", "integrated_gradients"] | MethodFunction

METHODS: dict[str, MethodFunction] = {
    "grad_cam": activation_map,
    "saliency": input_gradient,
    "integrated_gradients": integrated_gradient_map,
}


class Explained(NamedTuple):
    """What a method says about a batch.

    Attributes:
        maps: Float32 (N, H, W), not negative.
        goals: What was explained of each picture.
        probabilities: Of each picture's goal, in [0, 1].
        notes: Of each picture.
    """

    maps: Tensor
    goals: list[Goal]
    probabilities: list[float]
    notes: list[dict[str, float]]


def explain_batch(
    model: SkinModel,
    images: Tensor,
    *,
    others: Sequence[Tensor] = (),
    target: Target = None,
    method: Method = "grad_cam",
    goals: Sequence[Goal] = (),
) -> Explained:
    """Explain a batch. A method that runs the model once gives its answer too, without a second run.

    Args:
        model: Any model of the zoo.
        images: Normalised batch (N, 3, H, W).
        others: What the model takes besides, as `model.inputs(batch)[1:]` gives it.
        target: See `Target`.
        method: Its name, or a function of one's own.
        goals: What to explain of each picture, instead of `target`.

    Raises:
        ConfigError: No such method or target, or a function of one's own gives something else than maps.
        LabelError: No class has the target's name.
        DivergedError: The model gives values that are not finite.
    """
    function = method_function(method)
    aim = Aim(model, target, list(goals))
    maps = function(model, images, aim, others=others)
    size = (len(images), *images.shape[2:])
    if not isinstance(maps, Tensor) or tuple(maps.shape) != size:
        got = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise ConfigError(f"{method_name(method)} must give maps as a tensor of shape {size}, got {got}.")
    if not torch.isfinite(maps).all():
        raise DivergedError(
            f"{method_name(method)}: the map holds NaN or infinite values, because the gradients do; the model's "
            "weights have diverged, or its numbers are too coarse: use float32."
        )
    if (maps < 0).any():
        raise ConfigError(f"{method_name(method)} gives negative values; cut them off, or take their absolute values.")
    if not aim.probabilities:  # a method that asks for no score
        with evaluation_mode(model), torch.no_grad():
            aim(model(images, *others))
    return Explained(maps.detach().float(), aim.goals, aim.probabilities, aim.notes)


def method_function(method: Method) -> MethodFunction:
    """The function of a method.

    Raises:
        ConfigError: No such method.
    """
    if callable(method):
        return method
    if method not in METHODS:
        raise ConfigError(f"method must be one of {', '.join(map(repr, METHODS))}, or a function; got {method!r}.")
    return METHODS[method]


def method_name(method: Method) -> str:
    """The name of a method, or of a function."""
    return method if isinstance(method, str) else getattr(method, "__name__", type(method).__name__)
