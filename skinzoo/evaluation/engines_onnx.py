"""A model's answers by onnxruntime."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.models import SkinModel
from skinzoo.types import ModelOutput

if TYPE_CHECKING:
    from skinzoo.evaluation.engines import Forward


def onnx_forward(model: SkinModel) -> Forward:
    """What onnxruntime says in place of a model, on the CPU, in float32, and with as many threads as PyTorch uses.

    The model is exported to a temporary file and compared with it (see `export_onnx`); the file is removed before this
    returns.

    Args:
        model: Any model of the zoo that can be exported. It takes pictures of its own size only.

    Raises:
        ConfigError: The model is not on the CPU, or cannot be exported.
        MissingDependencyError: The extra `onnx` is not installed.
        WeightsError: The file gives other answers than the model.
    """
    from skinzoo.interchange.to_onnx import export_onnx, open_session

    if model.device.type != "cpu":
        raise ConfigError(
            f"engine='onnx' computes on the CPU, and the model is on {model.device}; move it with model.to('cpu'), or "
            "use engine='fused'."
        )
    with tempfile.TemporaryDirectory(prefix="skinzoo-") as folder:
        path = Path(folder) / "model.onnx"
        export_onnx(model, path, probabilities=False)
        session = open_session(path.read_bytes())
    names = [output.name for output in session.get_outputs()]
    takes_metadata = len(session.get_inputs()) > 1
    nothing_known = model.metadata_encoder.missing if takes_metadata and model.metadata_encoder is not None else None

    def forward(images: Tensor, metadata: Tensor | None = None) -> ModelOutput:
        inputs = {"images": images.float().numpy()}
        if nothing_known is not None:
            rows = nothing_known.expand(len(images), -1) if metadata is None else metadata
            inputs["metadata"] = rows.float().numpy()
        found = dict(zip(names, map(torch.from_numpy, session.run(names, inputs)), strict=True))
        return ModelOutput(logits=found.get("logits"), mask_logits=found.get("mask_logits"))

    return forward
