"""Does what was exported give the same numbers? Seeded pictures through both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skinzoo.errors import WeightsError
from skinzoo.interchange.graph import Pixels
from skinzoo.models import SkinModel, require_finite

Arrays = dict[str, NDArray[Any]]
BATCHES = (1, 3)
"""Batch sizes that a graph with a free batch size is tried with."""


def probe(model: SkinModel, count: int, *, pixels: Pixels, seed: int = 0) -> Arrays:
    """Inputs by name: blocks of colour under noise, and metadata of which the last row says nothing.

    Args:
        model: What they are for.
        count: Pictures.
        pixels: As for `export_onnx`.
        seed: Of the pictures.
    """
    rng = np.random.default_rng([seed, count])
    height, width = model.input_spec.size
    blocks = rng.integers(0, 256, (count, 3, 4, 4)).repeat(-(-height // 4), 2).repeat(-(-width // 4), 3)
    noisy = blocks[:, :, :height, :width] + rng.normal(0, 20, (count, 3, height, width))
    values: NDArray[Any] = noisy.round().clip(0, 255).astype(np.uint8)
    if pixels != "uint8":
        values = values / 255
    if pixels == "normalised":
        mean, std = (np.asarray(v)[:, None, None] for v in (model.input_spec.mean, model.input_spec.std))
        values = (values - mean) / std
    inputs: Arrays = {"images": values if pixels == "uint8" else values.astype(np.float32)}
    if (encoder := model.metadata_encoder) is not None:
        known = rng.standard_normal((count, encoder.width)).astype(np.float32)
        known[-1] = encoder.missing.numpy()
        inputs["metadata"] = known
    return inputs


def answers(model: SkinModel, inputs: Mapping[str, NDArray[Any]], *, pixels: Pixels) -> Arrays:
    """What the model itself says, by the names of the outputs.

    Raises:
        DivergedError: It says something that is not finite.
    """
    spec = model.input_spec
    images = torch.from_numpy(np.asarray(inputs["images"])).double()
    if pixels != "normalised":
        mean, std = (torch.tensor(v, dtype=torch.float64)[:, None, None] for v in (spec.mean, spec.std))
        images = (images / (255 if pixels == "uint8" else 1) - mean) / std
    others = [torch.from_numpy(np.asarray(inputs["metadata"]))] if "metadata" in inputs else []
    with torch.no_grad():
        output = model(images.float(), *others)
    require_finite(output)
    found: dict[str, Tensor] = {k: v for k, v in output._asdict().items() if v is not None}
    if output.logits is not None:
        found["probabilities"] = model.probabilities(output.logits)
    return {name: value.numpy() for name, value in found.items()}


def differences(
    model: SkinModel,
    run: Callable[[Arrays], Mapping[str, NDArray[Any]]],
    outputs: Iterable[str],
    *,
    batch: int | str,
    pixels: Pixels,
    tolerance: float,
) -> dict[str, float]:
    """The largest absolute difference of each output between a model and what was exported of it.

    Args:
        model: The model, as `plain_copy` makes it.
        run: Runs the exported graph on inputs by name.
        outputs: Names of what is compared.
        batch: `"dynamic"` for batches of 1 and 3, or the fixed size.
        pixels: What the graph takes.
        tolerance: Largest difference allowed, times the largest value of that output where it is above 1.

    Raises:
        WeightsError: A difference is larger, or an output is absent, of another shape or of another type.
    """
    outputs = tuple(outputs)
    largest = dict.fromkeys(outputs, 0.0)
    for count in BATCHES if batch == "dynamic" else (int(batch),):
        inputs = probe(model, count, pixels=pixels)
        wanted, got = answers(model, inputs, pixels=pixels), run(inputs)
        for name in outputs:
            difference = _compare(name, wanted[name], got.get(name), tolerance=tolerance)
            largest[name] = max(largest[name], difference)
    return largest


def _compare(name: str, wanted: NDArray[Any], got: NDArray[Any] | None, *, tolerance: float) -> float:
    if got is None or got.shape != wanted.shape or got.dtype != np.float32:
        found = "nothing" if got is None else f"{got.dtype} {got.shape}"
        raise WeightsError(f"the exported graph gives {found} as {name}, the model float32 {wanted.shape}.")
    difference = float(np.abs(got.astype(np.float64) - wanted).max())
    allowed = tolerance * max(1.0, float(np.abs(wanted).max()))
    if not difference <= allowed:  # not finite is not below
        raise WeightsError(
            f"the exported graph gives other {name} than the model: they differ by {difference:.3g}, allowed are "
            f"{allowed:.3g}. Nothing was written. Try another opset or PyTorch release, or a larger tolerance if such "
            "a difference does not matter to you."
        )
    return difference
