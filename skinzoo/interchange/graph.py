"""A model as a graph to export: tensors in, named tensors out, nothing that depends on Python."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from skinzoo.errors import ConfigError
from skinzoo.interchange.quiet import quietly
from skinzoo.models import SkinModel, TTAModel
from skinzoo.types import InputSpec

Pixels = Literal["normalised", "unit", "uint8"]
PIXELS: tuple[Pixels, ...] = get_args(Pixels)
BATCH = "batch"
"""Name of the batch dimension where it is free."""
MAX_BATCH = 4096
_NO_OPERATOR = "No ONNX function found for"


def plain_copy(model: SkinModel) -> SkinModel:
    """A copy in float32, on the CPU and in evaluation mode; the model itself is not touched."""
    return copy.deepcopy(model).to("cpu", torch.float32).eval()


class ExportGraph(nn.Module):
    """What is exported: the network, the normalisation if asked for, and the calibrated probabilities.

    Args:
        model: As `plain_copy` makes it; a copy of it is used.
        pixels: What goes in: `"normalised"` floats, `"unit"` for floats in [0, 1], or `"uint8"`.
        probabilities: True for calibrated probabilities beside the logits.
    """

    gain: Tensor
    shift: Tensor

    def __init__(self, model: SkinModel, *, pixels: Pixels = "normalised", probabilities: bool = True) -> None:
        super().__init__()
        self.model = copy.deepcopy(model)
        for part in self.model.modules():
            if isinstance(part, SkinModel):
                part.forward = part.predict_logits  # type: ignore[method-assign] # input checks would fix the batch size
            if isinstance(part, TTAModel):
                part.views_at_once = False  # the same answer; all at once would fix the batch size
        self.pixels = pixels
        self.probabilities = probabilities and model.task.has_labels
        gain, shift = normalisation(model.input_spec, pixels)
        self.register_buffer("gain", gain[:, None, None])
        self.register_buffer("shift", shift[:, None, None])

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what comes out, in order."""
        task = self.model.task
        wanted = {"logits": task.has_labels, "mask_logits": task.has_masks, "probabilities": self.probabilities}
        return tuple(name for name, there in wanted.items() if there)

    def forward(self, images: Tensor, metadata: Tensor | None = None) -> dict[str, Tensor]:
        """Named float32 tensors for a batch of pictures (N, 3, H, W) and, if the model takes it, metadata (N, M)."""
        if self.pixels != "normalised":
            images = images.float() * self.gain + self.shift
        output = self.model.predict_logits(*((images,) if metadata is None else (images, metadata)))
        found: dict[str, Tensor] = {}
        if output.logits is not None:
            found["logits"] = output.logits
        if output.mask_logits is not None:
            found["mask_logits"] = output.mask_logits
        if self.probabilities and output.logits is not None:
            calibration = self.model.calibration
            logits = output.logits if calibration is None else calibration.apply(output.logits)
            found["probabilities"] = logits.softmax(1)
        return found


def normalisation(spec: InputSpec, pixels: Pixels) -> tuple[Tensor, Tensor]:
    """What to multiply pixels by, and to add then, so that they are as the network wants them; float32 (3,) each."""
    mean, std = (torch.tensor(values, dtype=torch.float64) for values in (spec.mean, spec.std))
    one = {"normalised": None, "unit": 1.0, "uint8": 255.0}[pixels]
    if one is None:
        return torch.ones(3), torch.zeros(3)
    return (1 / (one * std)).float(), (-mean / std).float()


def trace(graph: ExportGraph, inputs: Sequence[Tensor], *, batch: int | str) -> torch.export.ExportedProgram:
    """The graph as PyTorch's own exporter sees it.

    Args:
        graph: The graph.
        inputs: An example, of the batch size if that is fixed and of two pictures or more if it is free.
        batch: The batch size, or `"dynamic"`.

    Raises:
        ConfigError: The network does something that cannot be written down as a graph.
    """
    free = {0: torch.export.Dim(BATCH)} if batch == "dynamic" else None
    shapes: Any = None if free is None else tuple(free for _ in inputs)
    try:
        with quietly(), torch.no_grad():
            program = torch.export.export(graph, tuple(inputs), dynamic_shapes=shapes, strict=False)
    except Exception as error:  # the exporter's exceptions are many, and change from release to release
        raise cannot(graph.model, "torch.export", error) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names folders of this machine
    return program


def cannot(model: SkinModel, exporter: str, error: Exception) -> ConfigError:
    """The error of a model that an exporter cannot take."""
    lines = [line for line in re.sub(r"\x1b\[\d*m", "", str(error)).splitlines() if line.strip()] or ["no reason given"]
    reason = next((line for line in reversed(lines) if _NO_OPERATOR in line), lines[0])
    reason = reason[max(0, reason.find(_NO_OPERATOR)) :].rstrip(".")
    members = ", to export its members one by one" if hasattr(model, "members") else ""
    return ConfigError(
        f"{model.config.architecture} cannot be exported: {exporter} says {type(error).__name__}: {reason:.300}. "
        f"Ways out: a newer PyTorch, a fixed batch size (batch=1){members}, or another architecture."
    )


def check_request(model: object, *, batch: object, pixels: object, tolerance: object) -> None:
    """Make sure that an export can be asked for like this.

    Raises:
        ConfigError: A value is of another kind or out of range.
    """
    if not isinstance(model, SkinModel):
        raise ConfigError(f"only models of the zoo are exported, got {model!r:.200}; see create_model.")
    if batch != "dynamic" and (isinstance(batch, bool) or not isinstance(batch, int) or not 0 < batch <= MAX_BATCH):
        raise ConfigError(f"batch must be 'dynamic' or a number from 1 to {MAX_BATCH}, got {batch!r}.")
    if pixels not in PIXELS:
        raise ConfigError(f"pixels must be one of {', '.join(map(repr, PIXELS))}, got {pixels!r}.")
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 < tolerance < 1:
        raise ConfigError(f"tolerance must lie between 0 and 1, got {tolerance!r}.")
