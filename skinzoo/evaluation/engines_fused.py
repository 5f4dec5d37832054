"""A private copy of a model that gives the same answers in less time: BatchNorm inside the convolution before it."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from timm.layers import BatchNormAct2d, Conv2dSame
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skinzoo.models import SkinModel
from skinzoo.models.base import SMALL
from skinzoo.types import ModelOutput

TOLERANCE = 1e-4
"""Largest difference from the model's answers, times the largest of them, with which the copy is used."""
_CONVOLUTIONS = (nn.Conv2d, Conv2dSame)
"""Their exact types: a class derived from them may make its weights anew in each call."""
_NORMS = (nn.BatchNorm2d, BatchNormAct2d)
Pair = tuple[nn.Conv2d, nn.BatchNorm2d]
_CONVOLUTIONAL = 0.25
"""Share of convolutions among the convolutions and linear layers from which channels-last memory pays."""


def fused_copy(model: SkinModel) -> SkinModel | None:
    """A copy for inference with each BatchNorm folded into its convolution, and in channels-last memory if that pays.

    A norm is folded if, in one recorded forward pass, it takes nothing but the results of one convolution, and nothing
    else takes those. What follows the norm in timm's modules (dropout, activation) stays. The copy is made and compared
    with the model on the CPU, then moved to where the model is. The model is not touched, and the copy does not follow
    when it changes.

    Args:
        model: Any model of the zoo.

    Returns:
        The copy, in evaluation mode. None if there is nothing to gain, as for most transformers; or if it is not
        certain to answer as the model does: the model has hooks, its numbers are not all float32 or it runs under
        autocast, it cannot be copied, or the copy's answers to a seeded picture differ by more than `TOLERANCE` of the
        largest.
    """
    numbers = [t.dtype for t in (*model.parameters(), *model.buffers()) if t.is_floating_point()]
    if has_hooks(model) or set(numbers) != {torch.float32} or torch.is_autocast_enabled(model.device.type):
        return None
    try:
        with torch.inference_mode(False), torch.no_grad(), torch.autocast("cpu", enabled=False):
            twin = copy.deepcopy(model).to("cpu").eval()
            inputs = _picture(twin)
            wanted, pairs = _recorded(twin, inputs)
            _fold(twin, pairs)
            if not _channels_last(twin) and not pairs:
                return None
            return twin.to(model.device) if _agree(wanted, twin(*inputs)) else None
    except Exception:  # whatever a network of one's own raises when it is copied, the network itself still answers
        return None


def has_hooks(model: nn.Module) -> bool:
    """True if something listens to a module, or stands in for its forward pass."""
    kinds = ("_forward_hooks", "_forward_pre_hooks")
    everywhere = torch.nn.modules.module
    return (
        any(getattr(module, kind) for module in model.modules() for kind in kinds)
        or any("forward" in vars(module) for module in model.modules())
        or any(getattr(everywhere, f"_global{kind}") for kind in kinds)
    )


def _picture(model: SkinModel) -> tuple[Tensor, ...]:
    """What the model takes of one seeded picture, a small one if it takes those."""
    size = model.input_spec.size
    if not model.fixed_size and SMALL % model.size_multiple == 0:
        size = (min(size[0], SMALL), min(size[1], SMALL))
    images = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    encoder = model.metadata_encoder
    return (images,) if encoder is None else (images, encoder([{}]))


class _Uses(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operators that take each of some tensors, which are kept alive so that none takes another's place."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.watched: dict[int, Tensor] = {}
        self.counts: dict[int, int] = {}

    def watch(self, tensor: Tensor) -> None:
        self.watched[id(tensor)] = tensor
        self.counts[id(tensor)] = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        for leaf in tree_leaves((args, kwargs or {})):
            if isinstance(leaf, Tensor) and id(leaf) in self.counts:
                self.counts[id(leaf)] += 1
        return func(*args, **(kwargs or {}))


def _recorded(model: SkinModel, inputs: tuple[Tensor, ...]) -> tuple[ModelOutput, list[Pair]]:
    """The model's answer, and its convolutions with the norms that can be folded into them."""
    uses = _Uses()
    made: dict[int, nn.Conv2d] = {}
    results: dict[nn.Conv2d, set[int]] = defaultdict(set)
    taken: dict[nn.BatchNorm2d, set[int]] = defaultdict(set)

    def after_convolution(module: nn.Conv2d, _inputs: Any, output: Tensor) -> None:
        uses.watch(output)
        made[id(output)] = module
        results[module].add(id(output))

    def before_norm(module: nn.BatchNorm2d, inputs: tuple[Any, ...]) -> None:
        known = id(inputs[0]) if id(inputs[0]) in made else 0  # the number of a tensor that is gone means nothing later
        taken[module].add(known)

    handles = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and type(module) in _CONVOLUTIONS:
            handles.append(module.register_forward_hook(after_convolution))
        elif isinstance(module, nn.BatchNorm2d) and type(module) in _NORMS and module.running_mean is not None:
            handles.append(module.register_forward_pre_hook(before_norm))
    try:
        with uses:
            answer = model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    for tensor in answer:
        if id(tensor) in uses.counts:
            uses.counts[id(tensor)] += 1
    pairs = []
    for norm, ids in taken.items():
        convolution = made.get(next(iter(ids)))
        if convolution is not None and results[convolution] == ids and all(uses.counts[i] == 1 for i in ids):
            pairs.append((convolution, norm))
    return answer, pairs


def _fold(model: nn.Module, pairs: list[Pair]) -> None:
    """Scale and shift into the convolutions' weights, in float64; the norms become what is left of them."""
    rest: dict[nn.Module, nn.Module] = {}
    for convolution, norm in pairs:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean, variance = norm.running_mean.double(), norm.running_var.double()
        scale = (variance + norm.eps).rsqrt()
        scale = scale * norm.weight.double() if norm.affine else scale
        shift = norm.bias.double() if norm.affine else torch.zeros_like(mean)
        bias = torch.zeros_like(mean) if convolution.bias is None else convolution.bias.double()
        weight = convolution.weight * scale[:, None, None, None]  # float64, as the scale is
        convolution.weight = nn.Parameter(weight.float(), requires_grad=False)
        convolution.bias = nn.Parameter(((bias - mean) * scale + shift).float(), requires_grad=False)
        rest[norm] = nn.Sequential(norm.drop, norm.act) if isinstance(norm, BatchNormAct2d) else nn.Identity()
        rest[norm].eval()
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):  # named_children() names a shared one only once
            if child in rest:
                setattr(parent, name, rest[child])


def _channels_last(model: SkinModel) -> bool:
    """Channels-last weights, which spread over the features, in each convolutional part; False if there is none."""
    found = False
    for part in [module for module in model.modules() if isinstance(module, SkinModel)]:
        if any(isinstance(inner, SkinModel) for inner in list(part.modules())[1:]):
            continue
        layers = [module for module in part.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
        convolutions = [module for module in layers if isinstance(module, nn.Conv2d)]
        if len(convolutions) > _CONVOLUTIONAL * len(layers):
            part.to(memory_format=torch.channels_last)
            found = True
    return found


def _agree(wanted: ModelOutput, got: ModelOutput) -> bool:
    for a, b in zip(wanted, got, strict=True):
        if (a is None) != (b is None):
            return False
        if a is not None and b is not None and not (a - b).abs().max() <= TOLERANCE * a.abs().max():
            return False  # what is not finite is not below
    return True
