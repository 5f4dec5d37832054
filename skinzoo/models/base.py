"""The contract that every model of the zoo keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

import skinzoo
from skinzoo.errors import ConfigError, DivergedError
from skinzoo.models.calibration import Calibration, OperatingPoints
from skinzoo.models.metadata import MetadataEncoder
from skinzoo.models.provenance import TrainingRecord
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import Batch, InputSpec, ModelOutput, Task

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from skinzoo import ModelCard, Published, Report
    from skinzoo.models.plain_form import PlainForm

SMALL = 96
"""Pictures with a shorter side are tried when a model is built."""


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards each of its modules is in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def require_finite(output: ModelOutput) -> None:
    """Make sure that a model's answer is one.

    Raises:
        DivergedError: It holds NaN or infinite values.
    """
    for name, tensor in output._asdict().items():
        if tensor is not None and not torch.isfinite(tensor).all():
            raise DivergedError(
                f"the model's {name} hold NaN or infinite values; its weights have diverged, or the input is not "
                "finite. Use earlier weights, and train with a lower learning rate or clip_grad_norm=1."
            )


def calibrated_logits(model: SkinModel, logits: Tensor) -> Tensor:
    """What `model.probabilities` takes the softmax of.

    Args:
        model: The model, calibrated or not.
        logits: Its logits (N, C).

    Returns:
        float64 (N, C).
    """
    logits = logits.double()
    return logits if model.calibration is None else model.calibration.apply(logits)


def check_size(model: SkinModel) -> None:
    """Try a very small picture once: some networks pool it away to nothing.

    Raises:
        ConfigError: The model cannot work at its input size.
    """
    for part in _parts(model):
        height, width = part.input_spec.size
        if min(height, width) >= SMALL:
            continue
        tried = (height, width) if part.fixed_size else (min(height, SMALL), min(width, SMALL))
        try:
            with torch.no_grad():
                part(torch.zeros(1, 3, *tried, device=part.device))
        except RuntimeError as error:
            raise ConfigError(
                f"{part.config.architecture} cannot work at {height} x {width} pixels; use a larger image_size."
            ) from error


def _parts(model: SkinModel) -> list[SkinModel]:
    """The models that it is made of, at any depth; itself if it is made of none."""
    models = [module for module in model.modules() if isinstance(module, SkinModel)]
    made = [m for m in models if not any(isinstance(inner, SkinModel) for inner in list(m.modules())[1:])]
    return made or [model]


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to build a model again, except its weights.

    Attributes:
        architecture: Registered name.
        task: What it predicts.
        input_spec: What it wants to see.
        label_space: Names of its classes; None for a model that only segments.
        options: The builder's options.
    """

    architecture: str
    task: Task
    input_spec: InputSpec
    label_space: LabelSpace | None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CamTarget:
    """Where Grad-CAM looks.

    Attributes:
        layer: Module whose output is weighted.
        channels: Its number of channels, which tells (N, C, H, W) from (N, H, W, C).
        reduction: Input pixels to one cell of it, along a side.
        prefix_tokens: Class and register tokens before the patch tokens of a (N, L, C) output.
    """

    layer: nn.Module
    channels: int
    reduction: int
    prefix_tokens: int = 0


class SkinModel(nn.Module):
    """Base of all models: one input check, one output type, and the configuration that travels with the weights.

    Subclasses implement `predict_logits` and `cam_targets`.

    Args:
        config: How the model was built.
        frozen: Modules that never train: their parameters take no gradient, and their BatchNorm statistics and dropout
            stand still, also after `.train()`.
        size_multiple: Height and width must be multiples of this.
        fixed_size: True if only pictures of `config.input_spec.size` can be taken.

    Attributes:
        metadata_encoder: Encodes a sample's metadata for the model; None if it sees pictures alone.
        calibration: Turns logits into probabilities that mean what they say; None for a plain softmax.
        operating_points: Where decisions are drawn; None for the most probable class.
        training_record: What the model was trained on; None where that is not known. These three are saved with it.
    """

    metadata_encoder: MetadataEncoder | None = None
    calibration: Calibration | None = None
    operating_points: OperatingPoints | None = None
    training_record: TrainingRecord | None = None

    def __init__(
        self,
        config: ModelConfig,
        *,
        frozen: Iterable[nn.Module] = (),
        size_multiple: int = 1,
        fixed_size: bool = False,
    ) -> None:
        super().__init__()
        self.config = config
        self.size_multiple = size_multiple
        self.fixed_size = fixed_size
        self._frozen = list(frozen)  # a plain list: registering them twice would double the state dict
        for module in self._frozen:
            module.requires_grad_(False)

    @property
    def task(self) -> Task:
        """What the model predicts."""
        return self.config.task

    @property
    def input_spec(self) -> InputSpec:
        """What the model wants to see."""
        return self.config.input_spec

    @property
    def label_space(self) -> LabelSpace | None:
        """Names of the classes; None for a model that only segments."""
        return self.config.label_space

    @property
    def device(self) -> torch.device:
        """Where the model's parameters are."""
        return next(self.parameters()).device

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """What `forward` takes of a batch: `model(*model.inputs(batch))`."""
        return (batch.images,)

    def forward(self, images: Tensor) -> ModelOutput:
        """Logits for a batch.

        Args:
            images: Normalised float tensor (N, 3, H, W), as the evaluation transform of `input_spec` makes it.

        Raises:
            ConfigError: The tensor has another shape, or 8-bit values.
        """
        self._check(images)
        return self.predict_logits(images)

    def predict_logits(self, images: Tensor) -> ModelOutput:
        """What `forward` does once the input is known to be good.

        Args:
            images: As for `forward`.

        Raises:
            NotImplementedError: A subclass does not define it.
        """
        raise NotImplementedError

    def probabilities(self, logits: Tensor) -> Tensor:
        """Class probabilities (N, C), float64, of this model's logits (N, C), calibrated if the model is."""
        return calibrated_logits(self, logits).softmax(1)

    def cam_targets(self) -> list[CamTarget]:
        """Where Grad-CAM can look in this model, the deepest layer first.

        Raises:
            ConfigError: The model has no such layer.
        """
        raise ConfigError(f"{self.config.architecture} names no layer that Grad-CAM could look at; use saliency.")

    def train(self, mode: bool = True) -> SkinModel:
        """Switch to training; frozen modules stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def plain_form(self) -> PlainForm | None:
        """What plain timm or segmentation_models_pytorch needs to load the saved model; None if it cannot."""
        return None

    def plain_names(self) -> Mapping[str, str] | None:
        """The name of each tensor in that library, by ours; None if there is no such library."""
        form = self.plain_form()
        return None if form is None else form.names

    def save_pretrained(
        self, directory: str | os.PathLike[str], *, dtype: Literal["float32", "float16"] = "float32", **facts: Any
    ) -> Path:
        """Write the model to a folder, from which `create_model("local-dir:<folder>")` loads it.

        Args:
            directory: Folder, made if absent; an earlier model in it is replaced.
            dtype: `"float16"` halves the file and rounds each number; a loaded model computes in float32 again.
            **facts: Plain values kept under `"training"` in the configuration: data, figures, seed.

        Returns:
            The folder, with `model.safetensors`, `config.json` and, where it is known what the model was trained on,
            `training_data.json`; see `skinzoo.models.pretrained.save_pretrained`.

        Raises:
            ConfigError: The folder is a file, a fact cannot be written as JSON, or a weight is too large for float16;
                nothing is written then.
        """
        from skinzoo.models.pretrained import save_pretrained

        return save_pretrained(self, directory, dtype=dtype, **facts)

    def push_to_hub(self, repository: str, *, report: Report, card: ModelCard, **options: Any) -> Published:
        """Publish the model on the Hub; see `skinzoo.push_to_hub`, which says what is refused.

        Args:
            repository: `owner/name`.
            report: How well it does, on images that it has not seen.
            card: What no file tells: intended use, limits, licence.
            **options: Further ones of `skinzoo.push_to_hub`.
        """
        return skinzoo.push_to_hub(self, repository, report=report, card=card, **options)

    def num_parameters(self, *, trainable: bool = False) -> int:
        """Number of parameters, or of those that train."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad or not trainable)

    def _check(self, images: Tensor) -> None:
        name, size = self.config.architecture, self.input_spec.size
        if images.ndim != 4 or images.shape[1] != 3:
            raise ConfigError(f"{name} takes images of shape (N, 3, H, W), got {tuple(images.shape)}.")
        if not images.is_floating_point():
            raise ConfigError(
                f"{name} takes normalised float images, got {images.dtype}; use the model's eval transform."
            )
        got = tuple(images.shape[2:])
        if self.fixed_size and got != size:
            raise ConfigError(f"{name} takes {size} pixels only, got {got}; build it with image_size={got}.")
        if any(s % self.size_multiple for s in got):
            raise ConfigError(f"{name} takes sizes that are multiples of {self.size_multiple}, got {got}.")
