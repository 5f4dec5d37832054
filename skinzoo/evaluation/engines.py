"""What computes a model's answers: the model itself, a faster copy of it, or onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from skinzoo.errors import ConfigError
from skinzoo.models import SkinModel
from skinzoo.types import ModelOutput

Engine = Literal["auto", "plain", "fused", "onnx"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
Forward = Callable[..., ModelOutput]
"""Takes what `model.inputs(batch)` gives, in evaluation mode, under `no_grad` or in inference mode."""
MIN_PICTURES = 16
"""With fewer, making a copy takes longer than it saves."""


def forward_of(model: SkinModel, engine: Engine, num_pictures: int | None = None) -> Forward:
    """What is called in place of the model.

    Args:
        model: Any model of the zoo; it is not touched, and what is made of it does not follow when it changes.
        engine: `"plain"` for the model itself. `"fused"` for a private copy with BatchNorm folded into the
            convolutions, see `fused_copy`; the model itself where there is none that is certain to answer as it does.
            `"auto"` for `"fused"` from 16 pictures on, else `"plain"`. `"onnx"` for onnxruntime on the CPU; making it
            takes some seconds.
        num_pictures: How many there are; None for many.

    Raises:
        ConfigError: An unknown engine; or with `"onnx"`, a model that is not on the CPU, or cannot be exported.
        MissingDependencyError: `"onnx"` without its packages.
        WeightsError: What was exported gives other answers than the model.
    """
    check_engine(engine)
    few = num_pictures is not None and num_pictures < MIN_PICTURES
    if engine == "plain" or (engine == "auto" and few):
        return model
    if engine == "onnx":
        from skinzoo.evaluation.engines_onnx import onnx_forward

        return onnx_forward(model)
    from skinzoo.evaluation.engines_fused import fused_copy

    fused = fused_copy(model)
    return model if fused is None else fused


def check_engine(engine: object) -> None:
    """Make sure that there is such an engine.

    Raises:
        ConfigError: There is not.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine must be one of {', '.join(map(repr, ENGINES))}, got {engine!r}.")
