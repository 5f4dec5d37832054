"""U-Net segmenters and multi-task models on one shared encoder: a ResNet, or any timm network with feature maps."""

from __future__ import annotations

import os
from typing import Any, Literal, cast

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from skinzoo.errors import ConfigError
from skinzoo.models.backbone import timm_backbone
from skinzoo.models.base import CamTarget, ModelConfig, SkinModel
from skinzoo.models.heads import build_head
from skinzoo.models.plain_form import PlainForm, unet_form
from skinzoo.models.request import BuildRequest
from skinzoo.models.strict import load_strictly
from skinzoo.models.timm_classifier import timm_input_spec
from skinzoo.types import InputSpec, ModelOutput

_STRIDE = 32
_SIZE = (224, 224)
Decoder = Literal["standard", "light"]
DECODERS: dict[Decoder, tuple[int, ...]] = {"standard": (256, 128, 64, 32, 16), "light": (96, 64, 32, 16, 8)}
"""Channels of the decoder's blocks, the deepest first."""
_NATIVE = ("resnet18", "resnet34", "resnet50")


class UNet(SkinModel):
    """U-Net (Ronneberger et al. 2015) on an encoder of five stages; with a head on the deepest it classifies too.

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
        self._encoder_name = str(network.name).removeprefix("u-")

    def predict_logits(self, images: Tensor) -> ModelOutput:
        """Mask logits (N, 1, H, W) and, with a head, logits (N, classes)."""
        features = self.encoder(images)
        logits = self.head(features[-1].mean((2, 3))) if self.head is not None else None
        return ModelOutput(logits=logits, mask_logits=self.segmentation_head(self.decoder(features)))

    def cam_targets(self) -> list[CamTarget]:
        """The encoder's stages; both the class and the mask are made from the deepest."""
        channels = cast("list[int]", self.encoder.out_channels)
        if not hasattr(self.encoder, "model"):
            layers = [(f"layer{depth}", channels[depth + 1], 2 ** (depth + 1)) for depth in (4, 3, 2, 1)]
            return [CamTarget(self.encoder.get_submodule(name), *rest) for name, *rest in layers]
        network = cast("nn.Module", self.encoder.model)
        info = cast("list[dict[str, Any]]", network.feature_info.info)  # type: ignore[union-attr]
        return [CamTarget(_submodule(network, i["module"]), i["num_chs"], i["reduction"]) for i in reversed(info)]

    def plain_form(self) -> PlainForm | None:
        """Plain segmentation_models_pytorch's; None for a head that it does not have."""
        return unet_form(
            self.state_dict(),
            encoder=self._encoder_name,
            decoder_channels=DECODERS[self.config.options.get("decoder", "standard")],
            head=self.head,
            classes=len(self.label_space or ()),
        )


def build_unet(
    request: BuildRequest,
    *,
    backbone: str,
    decoder: Decoder = "standard",
    head: str = "linear",
    dropout: float | None = None,
    backbone_weights: str | os.PathLike[str] | None = "imagenet",
) -> SkinModel:
    """Build a segmenter or, if the task has labels, a multi-task model.

    Args:
        request: What was asked for.
        backbone: timm's name of the encoder.
        decoder: `"standard"` with 256, 128, 64, 32 and 16 channels, or `"light"` with 96, 64, 32, 16 and 8.
        head: Of the multi-task model; see `build_head`.
        dropout: Of that head.
        backbone_weights: `"imagenet"`, None, or a safetensors file with timm's weights of the encoder.

    Raises:
        ConfigError: The backbone has no feature maps that a U-Net could use, or an option makes no sense.
    """
    if decoder not in DECODERS:
        raise ConfigError(f"unknown decoder {decoder!r}; use one of {', '.join(DECODERS)}.")
    network = _network(backbone, DECODERS[decoder])
    if backbone_weights is not None:
        _load_encoder(network.encoder, backbone, backbone_weights)
    classifier = (
        build_head(head, network.encoder.out_channels[-1], request.num_classes, dropout)
        if request.task.has_labels
        else None
    )
    size = request.input_spec.size if request.input_spec else request.image_size
    spec = (
        timm_input_spec(network.encoder.model, size or _SIZE) if backbone not in _NATIVE else InputSpec(size or _SIZE)
    )
    config = request.config(spec)
    if any(side % _STRIDE for side in config.input_spec.size):
        raise ConfigError(
            f"{request.architecture}: image_size must be a multiple of {_STRIDE}, got {config.input_spec.size}."
        )
    return UNet(config, network, classifier)


def build_segmenter(
    request: BuildRequest,
    *,
    backbone: str,
    decoder: Decoder = "standard",
    backbone_weights: str | os.PathLike[str] | None = "imagenet",
) -> SkinModel:
    """`build_unet` without the options of a classification head."""
    return build_unet(request, backbone=backbone, decoder=decoder, backbone_weights=backbone_weights)


def _network(backbone: str, channels: tuple[int, ...]) -> Any:
    """segmentation_models_pytorch's U-Net; ResNets are its own, whose tensors are named as timm's."""
    if backbone in _NATIVE:
        return smp.Unet(backbone, encoder_weights=None, decoder_channels=channels, classes=1)
    try:
        network = smp.Unet(f"tu-{backbone}", encoder_weights=None, decoder_channels=channels, classes=1)
        with torch.no_grad():
            network.eval()(torch.zeros(1, 3, 2 * _STRIDE, 2 * _STRIDE))
    except Exception as error:  # timm and segmentation_models_pytorch raise whatever comes
        raise ConfigError(
            f"timm's {backbone} gives no feature maps at 1/2 or 1/4 to 1/32 of the picture that a U-Net could use "
            f"({type(error).__name__}: {error}); take a convolutional network, such as resnet18 or regnety_004."
        ) from error
    return network.train()


def _load_encoder(encoder: nn.Module, backbone: str, weights: str | os.PathLike[str]) -> None:
    """Give the encoder timm's weights of the whole network, less the classifier and what comes after the last map."""
    trained = timm_backbone(backbone, weights)
    if backbone in _NATIVE:
        load_strictly(encoder, trained.state_dict(), what=f"timm's {backbone}")
        return
    network = cast("nn.Module", encoder.model)
    # where timm cuts a network at its feature maps, it writes "stages_0" for "stages.0"
    found = {name.replace(".", "_"): tensor for name, tensor in trained.state_dict().items()}
    tensors = {name: found[key] for name in network.state_dict() if (key := name.replace(".", "_")) in found}
    load_strictly(network, tensors, what=f"timm's {backbone}")


def _submodule(network: nn.Module, name: str) -> nn.Module:
    """A module that timm calls `name`, also where it is cut out of its network."""
    try:
        return network.get_submodule(name)
    except AttributeError:
        return network.get_submodule(name.replace(".", "_"))
