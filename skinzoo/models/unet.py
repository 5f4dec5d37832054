"""U-Net segmenters and multi-task models on one shared ResNet encoder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import segmentation_models_pytorch as smp
from torch import Tensor, nn

from skinzoo.errors import ConfigError
from skinzoo.models.backbone import load_strictly, timm_backbone, without_classifier
from skinzoo.models.base import CamTarget, ModelConfig, SkinModel
from skinzoo.models.catalogue import BuildRequest, ModelEntry, register_model
from skinzoo.models.heads import build_head
from skinzoo.tensors import load_tensors
from skinzoo.types import InputSpec, ModelOutput, Task

_STRIDE = 32


class UNet(SkinModel):
    """U-Net (Ronneberger et al. 2015) with a ResNet encoder; with a head on the deepest features it classifies too.

    The encoder runs once, whatever is predicted from it.

    Args:
        config: How the model was built.
        network: segmentation_models_pytorch's U-Net, whose encoder, decoder and mask head are used.
        head: Pooled deepest features to logits (N, classes); None for a model that only segments.
    """

    def __init__(self, config: ModelConfig, network: nn.Module, head: nn.Module | None = None) -> None:
        super().__init__(config, size_multiple=_STRIDE)
        self.encoder = cast("nn.Module", network.encoder)
        self.decoder = cast("nn.Module", network.decoder)
        self.segmentation_head = cast("nn.Module", network.segmentation_head)
        self.head = head

    def predict_logits(self, images: Tensor) -> ModelOutput:
        """Mask logits (N, 1, H, W) and, with a head, logits (N, classes)."""
        features = self.encoder(images)
        logits = self.head(features[-1].mean((2, 3))) if self.head is not None else None
        return ModelOutput(logits=logits, mask_logits=self.segmentation_head(self.decoder(features)))

    def cam_targets(self) -> list[CamTarget]:
        """The encoder's stages; both the class and the mask are made from the deepest."""
        channels = cast("list[int]", self.encoder.out_channels)
        return [
            CamTarget(self.encoder.get_submodule(f"layer{depth}"), channels[depth + 1], 2 ** (depth + 1))
            for depth in (4, 3, 2, 1)
        ]


def build_unet(
    request: BuildRequest,
    *,
    encoder: str,
    head: str = "linear",
    dropout: float | None = None,
    backbone_weights: str | os.PathLike[str] | None = "imagenet",
) -> SkinModel:
    """Build a segmenter or, if the task has labels, a multi-task model.

    Args:
        request: What was asked for.
        encoder: `resnet18`, `resnet34` or `resnet50`.
        head: Of the multi-task model; see `build_head`.
        dropout: Of that head.
        backbone_weights: `"imagenet"`, None, or a safetensors file with timm's weights of the encoder.
    """
    network = smp.Unet(encoder, encoder_weights=None, classes=1)
    if backbone_weights == "imagenet":
        load_strictly(network.encoder, timm_backbone(encoder, "imagenet").state_dict(), what=f"timm's {encoder}")
    elif backbone_weights is not None:
        tensors = without_classifier(encoder, load_tensors(backbone_weights))
        load_strictly(network.encoder, tensors, what=str(Path(backbone_weights)))
    classifier = (
        build_head(head, network.encoder.out_channels[-1], request.num_classes, dropout)
        if request.task.has_labels
        else None
    )
    config = request.config(InputSpec(size=request.image_size or (224, 224)))
    if any(side % _STRIDE for side in config.input_spec.size):
        raise ConfigError(
            f"{request.architecture}: image_size must be a multiple of {_STRIDE}, got {config.input_spec.size}."
        )
    return UNet(config, network, classifier)


def build_segmenter(
    request: BuildRequest, *, encoder: str, backbone_weights: str | os.PathLike[str] | None = "imagenet"
) -> SkinModel:
    """`build_unet` without the options of a classification head."""
    return build_unet(request, encoder=encoder, backbone_weights=backbone_weights)


for _depth in (18, 34, 50):
    _encoder = f"resnet{_depth}"
    register_model(
        f"unet_{_encoder}",
        ModelEntry(build_segmenter, Task.SEGMENTATION, f"U-Net with a ResNet-{_depth} encoder", {"encoder": _encoder}),
        family="unet",
    )
    register_model(
        f"multitask_{_encoder}",
        ModelEntry(
            build_unet, Task.MULTITASK, f"class and mask from one shared ResNet-{_depth} encoder", {"encoder": _encoder}
        ),
        aliases=["multitask"] if _depth == 18 else [],
        family="multitask",
    )
