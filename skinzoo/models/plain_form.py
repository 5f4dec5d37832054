"""A saved model as the library that its network comes from knows it, so that it can be loaded there as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor, nn

from skinzoo.models.blank import Blank
from skinzoo.types import InputSpec

if TYPE_CHECKING:
    from skinzoo.taxonomy import LabelSpace

_KEPT = ("fixed_input_size", "first_conv")
_LINEAR = ("weight", "bias")


@dataclass(frozen=True)
class PlainForm:
    """A model as another library knows it.

    Attributes:
        library: Name of the library.
        config: The keys that it reads in `config.json`.
        names: Its name of each tensor, by ours.
    """

    library: Literal["timm", "segmentation_models_pytorch"]
    config: Mapping[str, Any]
    names: Mapping[str, str]


def linear_head(head: nn.Module | None) -> nn.Linear | None:
    """The layer of a head that is dropout and one layer; None for any other head."""
    if isinstance(head, nn.Sequential) and len(head) == 2 and isinstance(head[1], nn.Linear):
        return head[1]
    return None


def timm_names(backbone: Any, names: Iterable[str]) -> dict[str, str] | None:
    """The name in timm of each tensor of a classifier with a linear head.

    Args:
        backbone: The timm network without its classifier.
        names: Ours: `backbone.<timm's name>`, `head.1.weight`, `head.1.bias`.

    Returns:
        None where there are other tensors, or timm has no single layer for the classifier.
    """
    classifier = getattr(backbone, "pretrained_cfg", {}).get("classifier")
    prefixes = {"backbone.": "", "head.1.": f"{classifier}."}
    renamed = {}
    for name in names:
        prefix = next((p for p in prefixes if name.startswith(p)), None)
        if prefix is None or not isinstance(classifier, str):
            return None
        renamed[name] = prefixes[prefix] + name.removeprefix(prefix)
    return renamed


def timm_form(backbone: Any, state: Mapping[str, Tensor], *, spec: InputSpec, space: LabelSpace) -> PlainForm | None:
    """The form that `timm.create_model("local-dir:<folder>", pretrained=True)` reads.

    timm's own description of the architecture speaks of weights trained by others, so it is not copied: what is said of
    input, classes and origin is said of these weights.

    Args:
        backbone: The timm network without its classifier.
        state: The model's tensors by our names.
        spec: What the model wants to see.
        space: Its classes.

    Returns:
        None where timm's whole network has other tensors than these.
    """
    names = timm_names(backbone, state)
    if names is None:
        return None
    known = backbone.pretrained_cfg
    squash = spec.crop == "none"
    config = {
        "architecture": known["architecture"],
        "num_classes": len(space),
        "num_features": int(backbone.num_features),
        "label_names": list(space),
        "label_descriptions": {code: space.title(code) for code in space},
        "pretrained_cfg": {
            "input_size": [3, *spec.size],
            **{key: known[key] for key in _KEPT if known.get(key) is not None},
            "interpolation": spec.interpolation,
            "crop_pct": 1.0 if squash else spec.crop_fraction,
            "crop_mode": "squash" if squash else "center",
            "mean": list(spec.mean),
            "std": list(spec.std),
            "num_classes": len(space),
            "classifier": known["classifier"],
            "custom_load": False,
        },
    }
    shapes = {name: state[ours].shape for ours, name in names.items()}
    return PlainForm("timm", config, names) if _shapes_in_timm(config) == shapes else None


def _shapes_in_timm(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Names and shapes of the tensors of the network that timm builds by such a configuration."""
    import timm

    own = {"architecture": config["architecture"], **config["pretrained_cfg"]}
    try:
        with Blank():
            network = timm.create_model(config["architecture"], pretrained=False, pretrained_cfg=own)
    except Exception:  # whatever timm raises, it does not build that network
        return None
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


def unet_form(
    names: Iterable[str], *, encoder: str, decoder_channels: Iterable[int], head: nn.Module | None, classes: int
) -> PlainForm | None:
    """The form that `segmentation_models_pytorch.from_pretrained(folder)` reads.

    Args:
        names: Ours.
        encoder: That library's name of the encoder.
        decoder_channels: Of the decoder's blocks, the deepest first.
        head: Pooled deepest features to logits; None for a model that only segments.
        classes: Number of logits.

    Returns:
        None where that library has no such head.
    """
    layer = linear_head(head)
    if head is not None and (layer is None or layer.bias is None):
        return None
    dropout = head[0].p if isinstance(head, nn.Sequential) and isinstance(head[0], nn.Dropout) else 0.0
    config = {
        "_model_class": "Unet",
        "encoder_name": encoder,
        "encoder_depth": 5,
        "encoder_weights": None,  # else that library would download ImageNet's, and then overwrite them
        "decoder_channels": list(decoder_channels),
        "in_channels": 3,
        "classes": 1,
        "activation": None,
        "aux_params": None if head is None else {"classes": classes, "pooling": "avg", "dropout": dropout},
    }
    renamed = {f"head.1.{kind}": f"classification_head.3.{kind}" for kind in _LINEAR}
    return PlainForm("segmentation_models_pytorch", config, {name: renamed.get(name, name) for name in names})
