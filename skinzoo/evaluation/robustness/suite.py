"""How much of a model's figures is left when pictures are blurred, dark, hairy, marked, cut off or badly stored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

import skinzoo
from skinzoo.datasets import SkinDataset
from skinzoo.errors import ConfigError, EmptyLoaderError
from skinzoo.evaluation.batching import BatchSize, check_batch_size, fitting_batch_size
from skinzoo.evaluation.comparison.measuring import LEVEL, choose_metrics, malignant_threshold, measure
from skinzoo.evaluation.comparison.paired import FloatArray, ModelFigures, difference_interval
from skinzoo.evaluation.engines import Engine, check_engine, forward_of
from skinzoo.evaluation.inference import collect, evaluation_loader
from skinzoo.evaluation.overlap import Overlap, check_overlap
from skinzoo.evaluation.robustness.corrupting import corrupted
from skinzoo.evaluation.robustness.pixelstore import stored
from skinzoo.evaluation.robustness.report import MEAN, RobustnessCell, RobustnessLine, RobustnessReport
from skinzoo.evaluation.scoring import check_dataset
from skinzoo.metrics import Interval
from skinzoo.metrics.interval import UNDEFINED
from skinzoo.metrics.resampling import require_draws
from skinzoo.models import SkinModel
from skinzoo.transforms.corruptions import CORRUPTIONS, STRENGTHS, check_strength, list_corruptions

WORKING_SIZE = 512
"""Pictures with a longer short side are shrunk to it before they are corrupted; a model that sees more gets more."""
_SAME = 1e-12


def evaluate_robustness(
    model: SkinModel,
    dataset: SkinDataset,
    *,
    corruptions: Sequence[str] | None = None,
    strengths: Sequence[int] = STRENGTHS,
    metrics: Sequence[str] | None = None,
    batch_size: BatchSize = "auto",
    num_workers: int = 0,
    max_images: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
    allow_overlap: bool = False,
    progress: bool = True,
    engine: Engine = "auto",
) -> RobustnessReport:
    """Score a model on pictures as they are, and under each corruption at each strength.

    The drop of a figure is its clean value minus the one under the corruption. Its interval is paired: lesions or
    patients are drawn with replacement, and both figures are computed on the same draws. Relative robustness is the
    mean figure over the strengths, divided by the clean one. It follows the corruption error of Hendrycks and
    Dietterich 2019, which divides by the error of a reference model instead.

    Each picture is decoded once. One whose short side exceeds 512 pixels, and what the model sees, is shrunk first, for
    the clean figures too.

    Args:
        model: Any model of the zoo, where it is to be run.
        dataset: What to score it on, in the model's classes.
        corruptions: Names from `skinzoo.transforms.list_corruptions()`; None for all.
        strengths: Some of 1 (mild) to 5 (severe).
        metrics: Names such as `"macro_f1"`, `"MEL/recall"`, `"malignant/auc"` or `"dice"`; None for the balanced
            accuracy, macro AUC, sensitivity and specificity for malignant lesions, and Dice, where they are measured.
        batch_size: Samples at a time; `"auto"` for as many as fit into memory, as for `predict`.
        num_workers: Processes that corrupt pictures.
        max_images: Score at most so many, drawn so that the classes keep their shares; None for all.
        resamples: Of the intervals.
        seed: Of the corruptions, of the draw of `max_images` and of the resamples.
        allow_overlap: Score even images that the model was trained on; the report then says so.
        progress: Show a bar if this is a terminal.
        engine: What computes the answers that are scored, as for `predict`; what counts is the number of all passes'
            pictures together.

    Raises:
        UnknownNameError: No such corruption or metric; the message lists close matches.
        ConfigError: No such strength, a name twice, another option out of range, or a collection without what the model
            predicts.
        LabelError: The collection's classes are not the model's.
        LeakageError: The model was trained on some of the images, and `allow_overlap` is false.
        EmptyLoaderError: The collection is empty.
    """
    names = _names(corruptions)
    levels = _strengths(strengths)
    require_draws(resamples, seed)
    check_engine(engine)
    check_batch_size(batch_size)
    if not len(dataset):
        raise EmptyLoaderError(f"{dataset.name} has no image; there is nothing to score.")
    check_dataset(model, dataset)
    part = _drawn(dataset, max_images, seed)
    overlap = check_overlap(model, part, allow=allow_overlap)
    malignant = model.label_space.malignant if model.label_space is not None else frozenset()
    threshold = malignant_threshold(model)
    short_side = working_size(model)
    seen = len(part) * (1 + len(names) * len(levels))
    forward = forward_of(model, engine, seen)
    size = fitting_batch_size(model, batch_size, seen, forward)

    def run(data: SkinDataset) -> ModelFigures:
        loader = evaluation_loader(model, data, batch_size=size, num_workers=num_workers)
        outcome = collect(model, loader, device=model.device, forward=forward)
        return measure(
            outcome, part.records.groups, malignant=malignant, threshold=threshold, resamples=resamples, seed=seed
        )

    with stored(part, short_side=short_side, progress=progress) as held:
        tally = _Tally(run(held), metrics)
        plan = [(name, strength) for name in names for strength in levels]
        for name, strength in tqdm(plan, desc="robustness", unit="pass", disable=None if progress else True):
            tally.add(name, strength, run(corrupted(held, name, strength, seed=seed)))
    facts = _facts(model, dataset, part, overlap, short_side, seed)
    if any(m.startswith("malignant/") for m in tally.metrics):
        facts["malignant"] = f"summed probability of {', '.join(sorted(malignant))} at least {threshold:g}"
    facts["intervals"] = (
        f"{LEVEL:.0%}, {resamples} paired resamples of whole {part.info.group}s; none where all are alike"
    )
    return tally.report(f"Robustness of {model.config.architecture} on {dataset.name}", facts, names, levels)


def working_size(model: SkinModel) -> int:
    """The short side, in pixels, to which larger pictures are shrunk before they are corrupted for a model."""
    spec = model.input_spec
    seen = max(spec.size) / (spec.crop_fraction if spec.crop == "center" else 1)
    return max(WORKING_SIZE, math.ceil(seen))


class _Tally:
    """Figures, and what is needed for their intervals, as the passes are made."""

    def __init__(self, clean: ModelFigures, metrics: Sequence[str] | None) -> None:
        self.metrics = choose_metrics(metrics, clean.values)
        self._clean = clean
        self._cells: list[RobustnessCell] = []
        self._drops: dict[tuple[str, int], dict[str, FloatArray]] = {}
        self._undefined = {m: clean.reasons[m] for m in self.metrics if clean.values[m] != clean.values[m]}

    def add(self, name: str, strength: int, found: ModelFigures) -> None:
        """Count one pass."""
        values = {m: found.values[m] for m in self.metrics}
        drops = {m: self._clean.resampled[m] - found.resampled[m] for m in self.metrics}
        self._drops[name, strength] = drops
        self._undefined |= {f"{name}/{strength}/{m}": found.reasons[m] for m, value in values.items() if value != value}
        below = {m: self._clean.values[m] - value for m, value in values.items()}
        self._cells.append(RobustnessCell(name, strength, values, below, self._intervals(drops)))

    def report(
        self, title: str, facts: dict[str, Any], names: Sequence[str], strengths: Sequence[int]
    ) -> RobustnessReport:
        """Everything that was counted."""
        lines, drawn = [], []
        for name in names:
            values = [cell.values for cell in self._cells if cell.corruption == name]
            drawn.append(_mean_of([self._drops[name, s] for s in strengths], self.metrics))
            lines.append(self._line(name, CORRUPTIONS.resolve(name).facets["family"], values, drawn[-1]))
        overall = self._line(MEAN, "", [line.values for line in lines], _mean_of(drawn, self.metrics))
        zero = [m for m in self.metrics if self._clean.values[m] == 0]
        return RobustnessReport(
            title=title,
            facts=facts,
            metrics=self.metrics,
            strengths=tuple(strengths),
            clean={m: self._clean.values[m] for m in self.metrics},
            clean_intervals={m: self._clean.intervals[m] for m in self.metrics},
            cells=self._cells,
            lines=lines,
            overall=overall,
            undefined=self._undefined | {f"relative/{m}": "the clean figure is 0" for m in zero},
        )

    def _line(
        self, name: str, family: str, values: Sequence[Mapping[str, float]], drops: dict[str, FloatArray]
    ) -> RobustnessLine:
        mean = {m: float(np.mean([v[m] for v in values])) for m in self.metrics}
        clean = self._clean.values
        return RobustnessLine(
            corruption=name,
            family=family,
            values=mean,
            drops={m: clean[m] - mean[m] for m in self.metrics},
            intervals=self._intervals(drops),
            relative={m: mean[m] / clean[m] if clean[m] else float("nan") for m in self.metrics},
        )

    def _intervals(self, drops: Mapping[str, FloatArray]) -> dict[str, Interval]:
        return {m: _interval(drops[m], self._clean.strata[m]) for m in self.metrics}


def _mean_of(parts: Sequence[Mapping[str, FloatArray]], metrics: Sequence[str]) -> dict[str, FloatArray]:
    return {m: np.mean([part[m] for part in parts], axis=0) for m in metrics}


def _interval(drops: FloatArray, strata: tuple[int, ...]) -> Interval:
    """The interval of a drop; undefined where every resample gives the same, which says nothing of other lesions."""
    defined = drops[~np.isnan(drops)]
    if not len(defined) or defined.max() - defined.min() <= _SAME:
        return UNDEFINED
    return difference_interval(drops, level=LEVEL, strata=strata)


def _names(corruptions: Sequence[str] | None) -> list[str]:
    if corruptions is None:
        return list_corruptions()
    if isinstance(corruptions, str) or not len(corruptions):
        raise ConfigError(f"corruptions must be a list of names, such as ['hair', 'defocus'], got {corruptions!r}.")
    names = [CORRUPTIONS.resolve(name).name for name in corruptions]
    if len(set(names)) < len(names):
        raise ConfigError(f"corruptions must be different ones, got {list(corruptions)}.")
    return names


def _strengths(strengths: Sequence[int]) -> list[int]:
    if isinstance(strengths, str | int) or not len(strengths):
        raise ConfigError(f"strengths must be a list, such as [1, 3, 5], got {strengths!r}.")
    for strength in strengths:
        check_strength(strength)
    if len(set(strengths)) < len(strengths):
        raise ConfigError(f"strengths must be different ones, got {list(strengths)}.")
    return sorted(int(s) for s in strengths)


def _drawn(dataset: SkinDataset, max_images: int | None, seed: int) -> SkinDataset:
    """At most so many samples, each class with its share (to the largest remainder), in the dataset's order."""
    if max_images is None:
        return dataset
    if isinstance(max_images, bool) or not isinstance(max_images, int | np.integer) or max_images < 1:
        raise ConfigError(f"max_images must be a whole number of at least 1 or None, got {max_images!r}.")
    if max_images >= len(dataset):
        return dataset
    labels, count = np.unique(dataset.records.labels, return_counts=True)
    exact = count * (max_images / len(dataset))
    quota = np.floor(exact).astype(int)
    quota[np.argsort(quota - exact, kind="stable")[: max_images - quota.sum()]] += 1
    rng = np.random.default_rng(seed)
    rows = [
        rng.permutation(np.flatnonzero(dataset.records.labels == label))[:n]
        for label, n in zip(labels, quota, strict=True)
    ]
    return dataset.subset(np.sort(np.concatenate(rows)))


def _facts(
    model: SkinModel, dataset: SkinDataset, part: SkinDataset, overlap: Overlap | None, short_side: int, seed: int
) -> dict[str, Any]:
    height, width = model.input_spec.size
    some = f" of {len(dataset)}, drawn by class with seed {seed}"
    facts: dict[str, Any] = {
        "model": model.config.architecture,
        "input": f"{height} x {width} pixels",
        "collection": dataset.info.title,
        "part": dataset.part or "all",
        "images": f"{len(part)}{some}" if len(part) < len(dataset) else len(part),
    }
    if dataset.info.group != "image":
        facts[f"{dataset.info.group}s"] = len(np.unique(part.records.groups))
    if overlap is not None:
        facts["seen by the model"] = overlap.sentence()
    if part.exposure is not None:
        facts["exposed to training"] = part.exposure.sentence()
    facts["corrupted at"] = f"their own size, or {short_side} pixels along the short side where that is less"
    facts["seed"] = seed
    facts["skinzoo"] = skinzoo.__version__
    return facts
