"""Golden outputs: what a model answered to three drawn pictures when it was published, to be compared anywhere later.

The pictures are made of whole numbers alone, so that every machine draws the same bytes; none is a photograph.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skinzoo.errors import WeightsError, WeightsMismatchError
from skinzoo.models import SkinModel, evaluation_mode
from skinzoo.models.base import require_finite
from skinzoo.tensors import load_tensors, read_metadata, save_tensors
from skinzoo.types import Batch, ModelOutput

FORMAT_VERSION = 1
MOST_BYTES = 1_200_000
"""For the pictures, and likewise for the masks; above it pictures are not stored, and masks every few pixels."""
_COUNT = 3
_SKIN, _LESION = (222, 184, 160), (96, 58, 44)
_KEYS = ("format_version", "size", "pictures_sha256", "mask_stride")


def golden_pictures(size: tuple[int, int]) -> NDArray[np.uint8]:
    """A colour gradient, a chequerboard, and dark blobs on a skin colour.

    Args:
        size: Height and width.

    Returns:
        uint8 RGB (3, H, W, 3).
    """
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.int64)
    across, down = x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1)
    gradient = np.stack([across, down, 255 - (across + down) // 2], axis=2)
    side = max(min(size) // 8, 1)
    dark = ((x // side + y // side) % 2 == 0)[..., None]
    chequer = np.where(dark, np.array((40, 60, 80)), np.array((230, 200, 170)))
    return np.stack([gradient, chequer, _blobs(y, x, size)]).astype(np.uint8)


def _blobs(y: NDArray[np.int64], x: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.int64]:
    """Five discs at places from a linear congruential generator (Numerical Recipes' constants)."""
    state, inside = 20260101, np.zeros(size, dtype=bool)
    for _ in range(5):
        drawn = []
        for bound in (size[0], size[1], max(min(size) // 5, 1)):
            state = (1664525 * state + 1013904223) % 2**32
            drawn.append((state >> 16) % bound)
        row, column, radius = drawn
        inside |= (y - row) ** 2 + (x - column) ** 2 <= (radius + 2) ** 2
    return np.where(inside[..., None], np.array(_LESION), np.array(_SKIN))


def write_golden(model: SkinModel, path: str | os.PathLike[str]) -> Path:
    """Write what a model answers to `golden_pictures`, at its own input size.

    The file holds `logits` (3, classes) and `mask_logits` (3, 1, h, w), float32, of which every `mask_stride`-th pixel
    is kept; the `pictures` where they are small; and the encoded `metadata` (3, F) of a model that takes some. It stays
    below 3 MB.

    Args:
        model: Any model of the zoo.
        path: The file, by custom `golden.safetensors`.

    Raises:
        DivergedError: An answer is not finite.
    """
    size = model.input_spec.size
    pictures = golden_pictures(size)
    metadata = _metadata(model)
    output = _answers(model, pictures, metadata)
    stride = 1
    while 4 * _COUNT * -(-size[0] // stride) * -(-size[1] // stride) > MOST_BYTES:
        stride += 1
    tensors = _kept(output, stride)
    if pictures.nbytes <= MOST_BYTES:
        tensors["pictures"] = torch.from_numpy(pictures)
    if metadata is not None:
        tensors["metadata"] = metadata
    known = (FORMAT_VERSION, list(size), hashlib.sha256(pictures.tobytes()).hexdigest(), stride)
    return save_tensors(path, tensors, dict(zip(_KEYS, known, strict=True)))


def replay_golden(model: SkinModel, path: str | os.PathLike[str]) -> float:
    """Ask a model the same again.

    Args:
        model: The model, on the device to compute on.
        path: What `write_golden` wrote.

    Returns:
        The largest absolute difference of a logit or mask logit. On the processor it is 0 for the same libraries and
        below 1e-4 across their versions; graphics processors may round more.

    Raises:
        WeightsError: The file is absent, damaged, or no file of golden outputs.
        WeightsMismatchError: It is of a model of another size, task or number of classes.
        DivergedError: An answer is not finite.
    """
    path = Path(path)
    known, tensors = read_metadata(path), load_tensors(path)
    stride = known.get("mask_stride")
    if known.get("format_version") != FORMAT_VERSION or not isinstance(stride, int) or not 0 < stride <= 8192:
        raise WeightsError(f"{path} holds no golden outputs that this version reads; write_golden writes them.")
    size, pictures = model.input_spec.size, golden_pictures(model.input_spec.size)
    drawn = hashlib.sha256(pictures.tobytes()).hexdigest()
    if known.get("size") != list(size) or known.get("pictures_sha256") != drawn:
        raise WeightsMismatchError(
            f"{path} is of a model that takes {known.get('size')} pixels, {model.config.architecture} takes "
            f"{list(size)}; build it with the input specification that it was published with."
        )
    stored = tensors.pop("pictures", None)
    if stored is not None and not torch.equal(stored, torch.from_numpy(pictures)):
        raise WeightsError(f"{path} holds other pictures than those of golden_pictures; it was changed or damaged.")
    answers = _kept(_answers(model, pictures, tensors.pop("metadata", None), path), stride)
    return _difference(answers, tensors, model, path)


def _difference(answers: Mapping[str, Tensor], golden: Mapping[str, Tensor], model: SkinModel, path: Path) -> float:
    shapes = {name: tuple(t.shape) for name, t in golden.items()}
    if shapes != (ours := {name: tuple(t.shape) for name, t in answers.items()}):
        raise WeightsMismatchError(f"{path} holds {shapes}, {model.config.architecture} answers {ours}.")
    return max(float((answers[name] - golden[name].float()).abs().max()) for name in answers)


def _kept(output: ModelOutput, stride: int) -> dict[str, Tensor]:
    found = {}
    if output.logits is not None:
        found["logits"] = output.logits.float().cpu()
    if output.mask_logits is not None:
        found["mask_logits"] = output.mask_logits[..., ::stride, ::stride].float().cpu().contiguous()
    return found


def _answers(
    model: SkinModel, pictures: NDArray[Any], metadata: Tensor | None, path: Path | None = None
) -> ModelOutput:
    """The output for pictures at the model's size: resizing differs between versions of the image libraries."""
    spec, device = model.input_spec, model.device
    mean, std = (torch.tensor(v, dtype=torch.float32).view(1, 3, 1, 1) for v in (spec.mean, spec.std))
    images = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - mean) / std
    ours = _metadata(model)
    theirs = None if metadata is None else tuple(metadata.shape)
    if theirs != (None if ours is None else tuple(ours.shape)):
        raise WeightsMismatchError(
            f"{path} holds metadata of the shape {theirs}, which {model.config.architecture} does not take."
        )
    batch = Batch(
        images=images.to(device),
        labels=torch.zeros(_COUNT, dtype=torch.int64),
        masks=None,
        ids=["gradient", "chequer", "blobs"],
        metadata=None if metadata is None else metadata.float().to(device),
    )
    with evaluation_mode(model), torch.no_grad():
        output: ModelOutput = model(*model.inputs(batch))
    require_finite(output)
    return output


def _metadata(model: SkinModel) -> Tensor | None:
    """Features (3, F) from -1 to 1 in steps of 0.2, the same everywhere; None for a model that takes none."""
    if model.metadata_encoder is None:
        return None
    width = model.metadata_encoder.width
    numbers = torch.arange(_COUNT * width, dtype=torch.int64).reshape(_COUNT, width)
    return ((numbers * 7) % 11 - 5).float() / 5
