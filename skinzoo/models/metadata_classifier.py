"""Classifiers that see the picture and what is known about the patient: any timm backbone, fused late."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from skinzoo.errors import ConfigError
from skinzoo.models.base import CamTarget, ModelConfig, SkinModel
from skinzoo.models.classifier import Classifier
from skinzoo.models.heads import build_head
from skinzoo.models.metadata import MetadataEncoder
from skinzoo.models.request import BuildRequest
from skinzoo.models.timm_classifier import build_trunk
from skinzoo.types import Batch, ModelOutput


class MetadataClassifier(Classifier):
    """A backbone, an embedding of the metadata beside it, and a head on both.

    Args:
        config: How the model was built.
        backbone: Images (N, 3, H, W) to features (N, F).
        embedding: Encoded metadata (N, M) to features (N, E).
        head: Both features (N, F + E) to logits (N, classes).
        targets: Gives the layers that Grad-CAM can look at, the deepest first.
        encoder: Encodes the metadata.
        metadata_dropout: Probability with which each value is taken for missing in training.
        freeze_backbone: True to train all but the backbone.
        fixed_size: True if the backbone takes one size only.
    """

    metadata_encoder: MetadataEncoder
    missing: Tensor
    owners: Tensor

    def __init__(
        self,
        config: ModelConfig,
        backbone: nn.Module,
        embedding: nn.Module,
        head: nn.Module,
        targets: Callable[[], list[CamTarget]],
        *,
        encoder: MetadataEncoder,
        metadata_dropout: float = 0.0,
        freeze_backbone: bool = False,
        fixed_size: bool = False,
    ) -> None:
        super().__init__(config, backbone, head, targets, freeze_backbone=freeze_backbone, fixed_size=fixed_size)
        self.embedding = embedding
        self.metadata_encoder = encoder
        self.metadata_dropout = metadata_dropout
        self.register_buffer("missing", encoder.missing, persistent=False)
        self.register_buffer("owners", encoder.owners, persistent=False)

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """The pictures and, if the batch has it, the metadata."""
        return super().inputs(batch) + (() if batch.metadata is None else (batch.metadata,))

    def forward(self, images: Tensor, metadata: Tensor | None = None) -> ModelOutput:
        """Logits for a batch.

        Args:
            images: Normalised float tensor (N, 3, H, W).
            metadata: What `metadata_encoder` makes of N rows, float (N, M); None if nothing is known.

        Raises:
            ConfigError: A tensor has another shape or type.
        """
        self._check(images)
        wanted = (len(images), len(self.missing))
        if metadata is None:
            metadata = self.missing.expand(wanted)
        elif tuple(metadata.shape) != wanted or not metadata.is_floating_point():
            raise ConfigError(
                f"{self.config.architecture} takes metadata as floats of shape {wanted}, got {metadata.dtype} "
                f"{tuple(metadata.shape)}; use model.metadata_encoder(rows)."
            )
        return self.predict_logits(images, metadata)

    def predict_logits(self, images: Tensor, metadata: Tensor | None = None) -> ModelOutput:
        """Logits (N, classes)."""
        known = self.missing.expand(len(images), -1) if metadata is None else self._thinned(metadata)
        return ModelOutput(logits=self.head(torch.cat([self.backbone(images), self.embedding(known)], 1)))

    def _thinned(self, metadata: Tensor) -> Tensor:
        """In training, with some of the values taken for missing."""
        if not self.training or not self.metadata_dropout:
            return metadata
        size = (len(metadata), len(self.metadata_encoder.columns))
        gone = torch.rand(size, device=metadata.device) < self.metadata_dropout
        return torch.where(gone[:, self.owners], self.missing, metadata)


def build_metadata_classifier(
    request: BuildRequest,
    *,
    backbone: str,
    metadata: MetadataEncoder | Mapping[str, Any] | None = None,
    metadata_width: int = 32,
    metadata_dropout: float = 0.1,
    head: str = "linear",
    dropout: float | None = None,
    freeze_backbone: bool = False,
    backbone_weights: str | os.PathLike[str] | None = "imagenet",
) -> SkinModel:
    """Build a classifier of pictures and metadata.

    Args:
        request: What was asked for.
        backbone: timm's name.
        metadata: `MetadataEncoder.fit(train, columns=...)`, or its `to_dict`.
        metadata_width: Length of the metadata's embedding.
        metadata_dropout: Probability in [0, 1) with which each value is taken for missing in training, so that the
            model learns to do without.
        head: `"linear"` or `"mlp"`, see `build_head`.
        dropout: Of the head; None for the head's default.
        freeze_backbone: True to train all but the backbone.
        backbone_weights: `"imagenet"`, None, or a safetensors file.

    Raises:
        ConfigError: No metadata, or a value out of range.
    """
    if metadata is None:
        raise ConfigError(
            f"{request.architecture} must know its metadata: pass metadata=MetadataEncoder.fit(train, columns=('age', "
            "'sex', 'localization'))."
        )
    encoder = metadata if isinstance(metadata, MetadataEncoder) else MetadataEncoder.from_dict(metadata)
    if isinstance(metadata_width, bool) or not isinstance(metadata_width, int) or metadata_width < 1:
        raise ConfigError(f"metadata_width must be a whole number of at least 1, got {metadata_width!r}.")
    if (
        isinstance(metadata_dropout, bool)
        or not isinstance(metadata_dropout, int | float)
        or not 0 <= metadata_dropout < 1
    ):
        raise ConfigError(f"metadata_dropout must lie in [0, 1), got {metadata_dropout!r}.")
    trunk = build_trunk(request, backbone, backbone_weights)
    options = {**request.options, "metadata": encoder.to_dict()}
    return MetadataClassifier(
        replace(request, options=options).config(trunk.input_spec),
        trunk.network,
        nn.Sequential(
            nn.Linear(encoder.width, metadata_width), nn.ReLU(), nn.Linear(metadata_width, metadata_width), nn.ReLU()
        ),
        build_head(head, trunk.num_features + metadata_width, request.num_classes, dropout),
        trunk.cam_targets,
        encoder=encoder,
        metadata_dropout=metadata_dropout,
        freeze_backbone=freeze_backbone,
        fixed_size=trunk.fixed_size,
    )
