"""What a file of weights looks like, for the advice in an error message."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

_BLOCKS: dict[tuple[tuple[int, ...], bool], str] = {
    ((2, 2, 2, 2), False): "18",
    ((3, 4, 6, 3), False): "34",
    ((3, 4, 6, 3), True): "50",
    ((3, 4, 23, 3), True): "101",
    ((3, 8, 36, 3), True): "152",
}
_STAGES = (("layer1", "layer2", "layer3", "layer4"), ("4", "5", "6", "7"))
_SIGNS = {
    "attn.qkv.weight": "a transformer with timm's names (vit_*, deit_*, swin_*)",
    "encoder.layers.encoder_layer_0": "torchvision's vision transformer, whose names differ from timm's",
    "conv_stem.weight": "an EfficientNet or MobileNetV3 with timm's names",
    "features.0.0.weight": "torchvision's EfficientNet, MobileNet or ConvNeXt, whose names differ from timm's",
    "conv_dw.weight": "a ConvNeXt with timm's names",
    "denseblock1.denselayer1": "a DenseNet (densenet121_scratch, densenet169_scratch ...)",
    "features.0.weight": "a VGG or AlexNet (vgg16_scratch ...)",
    "Mixed_5b": "an Inception network (inception_v3_scratch)",
}


def looks_like(tensors: Mapping[str, Tensor]) -> str:
    """A sentence about the architecture that these names belong to, and what to ask for; empty if it is not known."""
    names = list(tensors)
    if depth := _resnet(names):
        decoder = any("decoder." in name for name in names)
        head, heads = _head(tensors)
        form = f"{'multitask' if heads else 'unet'}_resnet{depth}" if decoder else f"resnet{depth}_scratch"
        asked = f"architecture={form!r}{', head=' + repr('mlp') if head == 'mlp' else ''}"
        what = f"a ResNet-{depth}{' with a decoder' if decoder else ''}"
        return f"The file looks like {what}{f' and {heads}' if heads else ''}: {asked}."
    known = next((what for sign, what in _SIGNS.items() if any(sign in name for name in names)), None)
    return f"The file looks like {known}." if known else ""


def _resnet(names: list[str]) -> str:
    for stages in _STAGES:
        counts, bottleneck = [], False
        for stage in stages:
            pattern = re.compile(rf"(?:^|\.){stage}\.(\d+)\.conv(\d)\.weight$")
            found = [match for name in names if (match := pattern.search(name))]
            counts.append(len({match[1] for match in found}))
            bottleneck |= any(match[2] == "3" for match in found)
        if depth := _BLOCKS.get((tuple(counts), bottleneck)):
            return depth
    return ""


def _head(tensors: Mapping[str, Tensor]) -> tuple[str, str]:
    """Kind of the head, and in words; both empty without one."""
    flat = [tuple(t.shape) for name, t in tensors.items() if t.ndim == 2 and name.endswith("weight")]
    if not flat:
        return "", ""
    if len(flat) == 3 and flat[0][0] == 256 and flat[1] == (128, 256):
        return "mlp", f"a head of three layers for {flat[-1][0]} classes"
    return "linear", f"a head for {flat[-1][0]} classes"
