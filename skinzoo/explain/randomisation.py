"""The sanity check: does the map change when the weights are made random?"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skinzoo.datasets import SkinDataset
from skinzoo.errors import ConfigError
from skinzoo.explain.checks import check_batch_size
from skinzoo.explain.methods import Explained, Method, explain_batch, method_name
from skinzoo.explain.pictures import batches_of, read
from skinzoo.explain.similarity import histogram_intersection, spearman
from skinzoo.explain.targets import Target, parse_target
from skinzoo.inputs import PictureLike, Unreadable, find_pictures
from skinzoo.models import SkinModel

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SanityCheck:
    """How alike maps stay while the weights become random, from the output to the input.

    Attributes:
        method: Of the maps.
        ids: Of the N pictures.
        layers: Name of the last layer made random at each of S stages.
        shares: Share of the parameters that are random by then, (S,), ending with 1.
        spearman: Rank correlation with the map of the model as it is, (S, N); NaN where a map has one value only.
        intersection: Histogram intersection with it, (S, N); NaN where a map is zero everywhere.
        failed: Pictures that could not be read.
    """

    method: str
    ids: list[str]
    layers: list[str]
    shares: FloatArray
    spearman: FloatArray
    intersection: FloatArray
    failed: list[Unreadable]

    def __str__(self) -> str:
        lines = [f"{self.method}, {len(self.ids)} pictures: likeness to the map of the model as it is"]
        lines.append(f"{'random parameters':>17}  {'Spearman':>8}  {'intersection':>12}  down to")
        for layer, share, a, b in zip(self.layers, self.shares, self.spearman, self.intersection, strict=True):
            lines.append(f"{share:>17.1%}  {mean_of_defined(a):>8.3f}  {mean_of_defined(b):>12.3f}  {layer}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: means over the pictures."""
        return {
            "method": self.method,
            "pictures": len(self.ids),
            "layers": self.layers,
            "shares": self.shares.tolist(),
            "spearman": [mean_of_defined(v) for v in self.spearman],
            "intersection": [mean_of_defined(v) for v in self.intersection],
            "failed": [f._asdict() for f in self.failed],
        }


def sanity_check(
    model: SkinModel,
    pictures: PictureLike | Iterable[PictureLike] | SkinDataset,
    *,
    method: Method = "grad_cam",
    target: Target = None,
    stages: int = 4,
    batch_size: int = 16,
    seed: int = 0,
) -> SanityCheck:
    """Cascading randomisation (Adebayo et al. 2018, "Sanity checks for saliency maps").

    A map that stays alike while the weights become random shows the picture, not the model. What is explained stays
    that of the model as it is. The weights are made random in a copy; the model itself is not touched.

    Args:
        model: Any model of the zoo.
        pictures: A folder, a list of what `grad_cam` takes, or a part of a collection.
        method: See `explain_all`.
        target: See `grad_cam`.
        stages: In how many steps the layers become random, from the output on; 1 makes all random at once.
        batch_size: Pictures at a time.
        seed: Of the random weights.

    Raises:
        ConfigError: An option makes no sense.
        DatasetNotFoundError: No such path, or a folder without images.
    """
    parse_target(model, target)
    check_batch_size(batch_size)
    layers = layers_from_the_output(model)
    bounds = stage_bounds(len(layers), stages)
    failed: list[Unreadable] = []
    samples = read(model, pictures if isinstance(pictures, SkinDataset) else find_pictures(pictures), failed)
    ids: list[str] = []
    found: list[tuple[FloatArray, FloatArray]] = []
    for group, batch in batches_of(model, samples, batch_size):
        images, *others = model.inputs(batch)
        explained = explain_batch(model, images, others=others, target=target, method=method)
        found.append(likeness(model, images, explained, method=method, others=others, stages=stages, seed=seed))
        ids += [s.id for s in group]
    sizes = np.cumsum([sum(p.numel() for p in own_parameters(model, name)) for name in layers])
    return SanityCheck(
        method=method_name(method),
        ids=ids,
        layers=[layers[b - 1] for b in bounds],
        shares=sizes[[b - 1 for b in bounds]] / sizes[-1],
        spearman=np.concatenate([a for a, _ in found], 1) if found else np.zeros((stages, 0)),
        intersection=np.concatenate([b for _, b in found], 1) if found else np.zeros((stages, 0)),
        failed=failed,
    )


def likeness(
    model: SkinModel,
    images: Tensor,
    explained: Explained,
    *,
    method: Method,
    others: Sequence[Tensor] = (),
    stages: int = 1,
    seed: int = 0,
) -> tuple[FloatArray, FloatArray]:
    """Rank correlation and histogram intersection with the given maps after each stage, each (stages, N)."""
    layers = layers_from_the_output(model)
    results, done = [], 0
    with torch.inference_mode(False):
        twin = copy.deepcopy(model)
        for stage, bound in enumerate(stage_bounds(len(layers), stages)):
            randomise(twin, layers[done:bound], seed=seed + stage)
            done = bound
            maps = explain_batch(twin, images, others=others, method=method, goals=explained.goals).maps
            pairs = list(zip(explained.maps.cpu().numpy(), maps.cpu().numpy(), strict=True))
            results.append(([spearman(*p) for p in pairs], [histogram_intersection(*p) for p in pairs]))
    return np.array([r[0] for r in results]), np.array([r[1] for r in results])


def layers_from_the_output(model: nn.Module) -> list[str]:
    """Names of the modules that own parameters, those of the output first."""
    names = [name for name, module in model.named_modules() if any(True for _ in module.parameters(recurse=False))]
    return names[::-1]


def own_parameters(model: nn.Module, name: str) -> list[nn.Parameter]:
    """The parameters of a module that are not in its sub-modules."""
    return list(model.get_submodule(name).parameters(recurse=False))


def stage_bounds(count: int, stages: int) -> list[int]:
    """How many of `count` layers are random after each stage.

    Raises:
        ConfigError: Not a whole number from 1 to `count`.
    """
    if isinstance(stages, bool) or not isinstance(stages, int) or not 1 <= stages <= count:
        raise ConfigError(f"stages must be a whole number from 1 to {count}, the number of layers; got {stages!r}.")
    return [-(-(k + 1) * count // stages) for k in range(stages)]


@torch.no_grad()
def randomise(model: nn.Module, layers: Iterable[str], *, seed: int = 0) -> None:
    """Give layers new random weights, in place: as PyTorch starts them, normalisation statistics included.

    Parameters of a module that cannot start itself, such as a class token, are drawn from the normal distribution
    with their own mean and standard deviation. The global random state stays as it is.
    """
    device = next(model.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else [], enabled=True):
        torch.manual_seed(seed)
        for name in layers:
            module = model.get_submodule(name)
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
                continue
            for parameter in module.parameters(recurse=False):
                values = parameter.float()
                spread = float(values.std()) if values.numel() > 1 else float(values.abs().sum())
                parameter.normal_(float(values.mean()), spread)


def mean_of_defined(values: FloatArray) -> float:
    """The mean of what is not NaN; NaN if there is nothing."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
