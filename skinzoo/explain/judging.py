"""Is a heatmap right? Figures of its faithfulness over a collection, each beside what chance would give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets import SkinDataset
from skinzoo.errors import ConfigError
from skinzoo.explain.baselines import Baseline, check_baseline
from skinzoo.explain.checks import check_batch_size, require_whole
from skinzoo.explain.localisation import NO_LESION, ZERO_MAP, energy_inside, mask_share, pointing_game
from skinzoo.explain.methods import Method, explain_batch, method_function, method_name
from skinzoo.explain.perturbation import Curves, moved_at_random, perturbation_curves
from skinzoo.explain.pictures import batches_of, read
from skinzoo.explain.randomisation import likeness, mean_of_defined
from skinzoo.explain.targets import Target, parse_target
from skinzoo.inputs import Unreadable
from skinzoo.metrics import Interval
from skinzoo.metrics.interval import UNDEFINED
from skinzoo.metrics.resampling import cluster_weights
from skinzoo.models import SkinModel

FloatArray = NDArray[np.float64]

FIGURES = {
    "pointing_game": "highest point on the lesion",
    "energy_inside": "heat on the lesion",
    "mask_share": "  chance: share of the lesion",
    "pointing_gain": "  highest point above chance",
    "energy_gain": "  heat above chance",
    "deletion": "deletion area (low is good)",
    "deletion_control": "  the map elsewhere",
    "deletion_gain": "  better than elsewhere by",
    "insertion": "insertion area (high is good)",
    "insertion_control": "  the map elsewhere",
    "insertion_gain": "  better than elsewhere by",
    "random_spearman": "rank correlation, random weights",
    "random_intersection": "intersection, random weights",
}
"""The figures, and what each is."""
_RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Figures of the faithfulness of a method's maps for one model on one collection.

    Attributes:
        method: Of the maps.
        title: Model and collection.
        ids: Of the N pictures.
        groups: Patient or lesion of each.
        table: Each figure of each picture, (N,), NaN where it is undefined; see `FIGURES`.
        values: Means over the pictures where a figure is defined.
        intervals: 95 % intervals of the means: bootstrap percentiles, drawn by patient or lesion.
        undefined: Why a mean is NaN, or on how many pictures it is undefined.
        zero_maps: Pictures whose map is zero everywhere; the highest point is then worth chance.
        failed: Pictures that could not be read.
    """

    method: str
    title: str
    ids: list[str]
    groups: NDArray[np.str_]
    table: dict[str, FloatArray]
    values: dict[str, float]
    intervals: dict[str, Interval]
    undefined: dict[str, str]
    zero_maps: int
    failed: list[Unreadable]

    def __str__(self) -> str:
        counts = f"{len(self.ids)} pictures, {len(set(self.groups.tolist()))} lesions or patients"
        lines = [f"{self.method}: {self.title}, {counts}"]
        for name, value in self.values.items():
            interval = self.intervals[name]
            said = f"{value:.3f}  [{interval}]" if value == value else f"undefined: {self.undefined[name]}"
            lines.append(f"{FIGURES[name]:<34}{said}")
        if self.zero_maps:
            lines.append(f"maps that are zero everywhere: {self.zero_maps}")
        if self.failed:
            lines.append(f"pictures that could not be read: {len(self.failed)}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the figures of each picture are in `table`."""
        return {
            "method": self.method,
            "title": self.title,
            "pictures": len(self.ids),
            "values": self.values,
            "intervals": {name: list(interval) for name, interval in self.intervals.items()},
            "undefined": self.undefined,
            "zero_maps": self.zero_maps,
            "failed": [f._asdict() for f in self.failed],
        }


def faithfulness(
    model: SkinModel,
    dataset: SkinDataset,
    *,
    method: Method = "grad_cam",
    target: Target = None,
    max_images: int = 64,
    steps: int = 16,
    baseline: Baseline = "blur",
    batch_size: int = 16,
    seed: int = 0,
) -> Faithfulness:
    """Measure on a collection whether heatmaps lie on the lesion, and whether the model follows them.

    Everything is measured at the model's input size. Each figure stands beside what a map would reach that knows
    nothing of it: the lesion's share of the picture, the same map at a random place, and the map of a model with random
    weights, to which a faithful map has little likeness. A map off the lesion can be faithful: the model may look
    elsewhere. The curves cost `4 * steps` runs of the model a picture, the rest about three.

    Args:
        model: Any model of the zoo.
        dataset: A part of a collection, best with lesion masks.
        method: `"grad_cam"`, `"saliency"`, `"integrated_gradients"`, or a function; see `MethodFunction`.
        target: As for `grad_cam`; by default each picture's predicted class.
        max_images: Pictures, drawn at random if there are more.
        steps: Of the deletion and insertion curves; 0 leaves them out.
        baseline: What deletion and insertion replace pixels by; see `baseline_images`.
        batch_size: Pictures at a time.
        seed: Of the pictures drawn, the controls, the random weights and the intervals.

    Raises:
        ConfigError: An option makes no sense, or the collection is empty.
        LabelError: No class has the target's name.
        DivergedError: The model gives values that are not finite.
    """
    parse_target(model, target)
    method_function(method)
    check_batch_size(batch_size)
    for name, value, least in (("max_images", max_images, 1), ("steps", steps, 0), ("seed", seed, 0)):
        require_whole(name, value, least=least)
    check_baseline(baseline)
    if not len(dataset):
        raise ConfigError(f"{dataset.name} is empty: there is nothing to explain.")
    rng = np.random.default_rng(seed)
    chosen = dataset.subset(np.sort(rng.permutation(len(dataset))[:max_images]), part=dataset.part)
    failed: list[Unreadable] = []
    options: dict[str, Any] = {"steps": steps, "baseline": baseline, "batch_size": batch_size}
    ids: list[str] = []
    groups: list[str] = []
    rows: list[dict[str, float]] = []
    for group, batch in batches_of(model, read(model, chosen, failed), batch_size):
        images, *others = model.inputs(batch)
        explained = explain_batch(model, images, others=others, target=target, method=method)
        correlation, intersection = likeness(model, images, explained, method=method, others=others, seed=seed)
        for i, heat in enumerate(explained.maps.cpu().numpy()):
            row = {"zero": float(not heat.any())}
            row |= _on_the_lesion(heat, None if batch.masks is None else batch.masks[i, 0].cpu().numpy())
            if steps:
                score, own = explained.goals[i].probability, [t[i : i + 1] for t in others]
                curves = partial(perturbation_curves, model, images[i : i + 1], score=score, others=own, **options)
                row |= _followed(curves, heat, rng)
            rows.append(row | {"random_spearman": correlation[0, i], "random_intersection": intersection[0, i]})
        ids += [s.id for s in group]
        groups += [s.group or s.id for s in group]
    table = {name: np.array([row[name] for row in rows]) for name in FIGURES if not rows or name in rows[0]}
    members = np.array(groups, dtype=np.str_)
    return Faithfulness(
        method=method_name(method),
        title=f"{model.config.architecture} on {dataset.name}",
        ids=ids,
        groups=members,
        table=table,
        values={name: mean_of_defined(column) for name, column in table.items()},
        intervals={name: _interval(column, members, seed) for name, column in table.items()},
        undefined=_undefined(table),
        zero_maps=int(sum(row["zero"] for row in rows)),
        failed=failed,
    )


def _on_the_lesion(heat: NDArray[Any], mask: NDArray[Any] | None) -> dict[str, float]:
    """Figures of one map against one mask; a mask of NaN, as a sample without one has in a batch, is none."""
    lesion = np.zeros_like(heat) if mask is None or np.isnan(mask).any() else mask
    pointing, energy, share = pointing_game(heat, lesion), energy_inside(heat, lesion), mask_share(lesion)
    return {
        "pointing_game": pointing,
        "energy_inside": energy,
        "mask_share": share,
        "pointing_gain": pointing - share,
        "energy_gain": energy - share,
    }


def _followed(curves: Callable[..., Curves], heat: NDArray[Any], rng: np.random.Generator) -> dict[str, float]:
    """Areas of the curves of one map, and of the same map elsewhere."""
    seed = int(rng.integers(2**31))
    areas = [[c.area for c in curves(heatmap=h, seed=seed)] for h in (heat, moved_at_random(heat, rng))]
    (deletion, insertion), (deletion_control, insertion_control) = areas
    return {
        "deletion": deletion,
        "deletion_control": deletion_control,
        "deletion_gain": deletion_control - deletion,
        "insertion": insertion,
        "insertion_control": insertion_control,
        "insertion_gain": insertion - insertion_control,
    }


def _undefined(table: dict[str, FloatArray]) -> dict[str, str]:
    reasons = {
        "pointing_game": NO_LESION,
        "energy_inside": f"{NO_LESION}, or {ZERO_MAP}",
        "mask_share": NO_LESION,
        "pointing_gain": NO_LESION,
        "energy_gain": f"{NO_LESION}, or {ZERO_MAP}",
        "random_spearman": "one of the two maps has one value only",
        "random_intersection": f"{ZERO_MAP}, or that of the random weights is",
    }
    missing = {name: int(np.isnan(column).sum()) for name, column in table.items()}
    found = {}
    for name, column in table.items():
        if not len(column):
            found[name] = "no picture could be read"
        elif missing[name]:
            where = "all" if missing[name] == len(column) else f"{missing[name]} of {len(column)}"
            found[name] = f"{reasons.get(name, 'not finite')} (in {where} pictures)"
    return found


def _interval(values: FloatArray, groups: NDArray[np.str_], seed: int) -> Interval:
    """Percentiles of the mean over resampled groups; undefined with fewer than two groups."""
    defined = ~np.isnan(values)
    values, groups = values[defined], groups[defined]
    if len(np.unique(groups)) < 2:
        return UNDEFINED
    means = [weights @ values / weights.sum(1) for weights in cluster_weights(groups, _RESAMPLES, seed)]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return Interval(float(low), float(high))
