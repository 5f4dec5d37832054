"""Which tensor of a foreign file belongs where in a model: by names under any prefix, and heads by their shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from skinzoo.models import SkinModel

_BACKBONE, _HEAD = "backbone.", "head."
_CHILDREN = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}
_COUNTER = "num_batches_tracked"
_BOOKKEEPING = ("n_averaged", f"*.{_COUNTER}")
_SMALL = 8

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Fit:
    """How a file's tensors lie in a model.

    Attributes:
        names: The file's name of each of the model's tensors that was found.
        missing: The model's names that were not found.
        left: The file's names that have no place in the model.
        shapes: The model's names whose tensor is of another shape in the file.
        ignored: The file's names that were left out as asked for, or that are bookkeeping.
        prefixes: Several ways in which the file's names begin, if it holds the network more than once.
    """

    names: Mapping[str, str]
    missing: tuple[str, ...]
    left: tuple[str, ...]
    shapes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything found its place, in one way only."""
        return not (self.missing or self.left or self.shapes or self.prefixes)


def fit(model: SkinModel, tensors: Mapping[str, Tensor], *, ignore: Iterable[str] = ()) -> Fit:
    """Find the place of every tensor.

    The body of a network, all but its head, is found by its names, which may begin in any way as long as all begin
    alike: `module.`, `model.backbone.`, `net.encoder.`. ResNets are also known by the numbers that
    `nn.Sequential(*resnet.children())` gives their parts. The layers of a head, and those of a network of few layers,
    are found by their shapes, where each shape is there once.

    Args:
        model: The model.
        tensors: Of the file.
        ignore: Shell-style patterns of the file's names to leave out, such as `"criterion.*"`.
    """
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    file = {name: tuple(value.shape) for name, value in tensors.items()}
    out = [name for name in file if any(fnmatchcase(name, pattern) for pattern in ignore)]
    for name in out:
        del file[name]
    head = [name for name in own if name.startswith(_HEAD)]
    body = [name for name in own if name not in set(head)]
    names, prefixes = _by_name(body, file)
    if len(names) < len(body) and len(_modules(own)) <= _SMALL:
        names, prefixes = _by_shape(own, file), ()
    else:
        used = set(names.values())
        names |= _by_shape({n: own[n] for n in head}, {n: s for n, s in file.items() if n not in used})
    used = set(names.values())
    left = [name for name in file if name not in used]
    out += (spare := [n for n in left if any(fnmatchcase(n, p) for p in _BOOKKEEPING)])
    return Fit(
        names=names,
        # files of PyTorch 0.4 have no counters
        missing=tuple(n for n in own if n not in names and not n.endswith(_COUNTER)),
        left=tuple(n for n in left if n not in set(spare)),
        shapes=tuple(n for n, theirs in names.items() if file[theirs] != own[n]),
        ignored=tuple(out),
        prefixes=prefixes,
    )


def _by_name(body: list[str], file: Shapes) -> tuple[dict[str, str], tuple[str, ...]]:
    """The best match of the body's names, and several prefixes if several match completely."""
    best: dict[str, str] = {}
    whole: list[str] = []
    for spelling in _spellings(body):
        for prefix in _prefixes(list(spelling.values()), file):
            found = {ours: prefix + theirs for ours, theirs in spelling.items() if prefix + theirs in file}
            if all(name in found or name.endswith(_COUNTER) for name in spelling):
                whole.append(prefix)
            if len(found) > len(best):
                best = found
    return best, tuple(whole) if len(whole) > 1 else ()


def _spellings(body: list[str]) -> list[dict[str, str]]:
    """How others name the same parts, each by ours."""
    if not body or not all(name.startswith(_BACKBONE) for name in body):
        return [{name: name for name in body}]
    plain = {name: name.removeprefix(_BACKBONE) for name in body}
    roots = {name.split(".", 1)[0] for name in plain.values()}
    if roots != set(_CHILDREN):
        return [plain]
    numbered = {
        ours: ".".join([_CHILDREN[theirs.split(".", 1)[0]], theirs.split(".", 1)[1]]) for ours, theirs in plain.items()
    }
    return [plain, numbered]


def _prefixes(names: list[str], file: Shapes) -> list[str]:
    """How the file's names begin before some of these names."""
    anchors = {names[0], names[len(names) // 2], names[-1]} if names else set()
    found = {n.removesuffix(anchor) for anchor in anchors for n in file if n == anchor or n.endswith(f".{anchor}")}
    return sorted(found, key=lambda prefix: (len(prefix), prefix))


def _modules(shapes: Shapes) -> dict[str, dict[str, tuple[int, ...]]]:
    """Shapes by module and parameter."""
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        module, _, parameter = name.rpartition(".")
        found.setdefault(module, {})[parameter] = shape
    return found


def _by_shape(own: Shapes, file: Shapes) -> dict[str, str]:
    """Modules whose shapes are there once in the model and once in the file."""
    ours, theirs = _modules(own), _modules(file)
    found: dict[str, str] = {}
    for module, shapes in ours.items():
        same = [other for other, there in theirs.items() if there == shapes]
        if len(same) == 1 and list(ours.values()).count(shapes) == 1:
            found |= {f"{module}.{p}": f"{same[0]}.{p}" if same[0] else p for p in shapes}
    return found


def converted(model: SkinModel, tensors: Mapping[str, Tensor], found: Fit) -> dict[str, Tensor]:
    """The tensors of a complete fit by the model's names, in the model's types; counters that are absent stay 0."""
    own = model.state_dict()
    return {
        name: tensors[found.names[name]].detach().to(value.dtype).contiguous() if name in found.names else value
        for name, value in own.items()
    }


def not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of tensors that hold NaN or infinite values."""
    return [n for n, t in tensors.items() if t.is_floating_point() and not torch.isfinite(t).all()]


def layers(module: nn.Module) -> list[nn.Linear]:
    """The linear layers of a head, in order."""
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
