"""One outcome, and the parts of it that are looked at, all resampled together so that they can be compared."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.evaluation.inference import Outcome
from skinzoo.evaluation.subgroups.gaps import LEVEL, Drawn, FloatArray, estimate_of, jeffreys, undefined
from skinzoo.evaluation.subgroups.table import TITLES, Estimate
from skinzoo.metrics.calibration import expected_calibration_error
from skinzoo.metrics.calibration_bootstrap import bootstrap_calibration
from skinzoo.metrics.figures import ClassificationFigures, SegmentationFigures
from skinzoo.metrics.inputs import classification_input, require_threshold
from skinzoo.metrics.resampling import cluster_weights, clusters, require_draws
from skinzoo.metrics.segmentation import checked_counts
from skinzoo.metrics.strata import classification_strata
from skinzoo.taxonomy import LabelSpace

BoolArray = NDArray[np.bool_]

UNCOMPARED = ("ece",)
"""Figures that are higher for smaller groups by chance alone."""
_RATES = ("accuracy", "malignant/sensitivity", "malignant/specificity")
_NEEDED = {
    "malignant/sensitivity": ("malignant/sensitivity",),
    "malignant/specificity": ("malignant/specificity",),
    "malignant/auc": ("malignant/sensitivity", "malignant/specificity"),
}


class PartFigures:
    """The figures of some of the images as a function of how often each image counts.

    Args:
        outcome: Every prediction.
        rows: Which images, boolean (N,).
        malignant: Codes of the malignant classes.
        threshold: Summed probability of these at or above which an image is called malignant.
    """

    def __init__(self, outcome: Outcome, rows: BoolArray, *, malignant: Collection[str], threshold: float) -> None:
        labelled = rows & (outcome.labels >= 0)
        self._labelled, self._masked = np.flatnonzero(labelled), np.zeros(0, dtype=np.int64)
        self._classification: ClassificationFigures | None = None
        self._segmentation: SegmentationFigures | None = None
        if outcome.probabilities is not None and labelled.any():
            said = outcome.labels[labelled], outcome.probabilities[labelled], outcome.classes
            self._classification = classification_input(*said, malignant=malignant).figures(threshold)
        if outcome.mask_counts is not None and (chosen := rows[outcome.mask_rows]).any():
            self._segmentation = SegmentationFigures(checked_counts(*outcome.mask_counts[chosen].T))
            self._masked = outcome.mask_rows[chosen]

    def __call__(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Those of `TITLES` but the ECE, (B,) each, under weights (B, N)."""
        found: dict[str, FloatArray] = {}
        if self._classification is not None:
            figures = self._classification(np.take(weights, self._labelled, axis=1))
            found |= figures.overall | {f"malignant/{name}": values for name, values in figures.binary.items()}
        if self._segmentation is not None:
            found |= self._segmentation(np.take(weights, self._masked, axis=1))
        return {name: found[name] for name in TITLES if name in found}


@dataclass(eq=False)
class Part:
    """Some of the images, with their figures.

    Attributes:
        rows: Which images, boolean (N,).
        figures: Computes the figures.
        values: The figures as measured.
        drawn: The figures as resampled; filled by `Study.draw`.
    """

    rows: BoolArray
    figures: PartFigures
    values: dict[str, float]
    drawn: dict[str, Drawn] = field(default_factory=dict)


class Study:
    """Parts of one outcome.

    Args:
        outcome: Every prediction.
        space: Its label space; None from a model that only segments.
        groups: Lesion or patient of each image (N,), None for none.
        least: Images, and lesions or patients, that a figure needs.
        threshold: Summed probability of the malignant classes at or above which an image is called malignant.
        draws: Number of resamples, and their seed.

    Raises:
        ConfigError: Lengths do not agree, or an option is out of range.
    """

    def __init__(
        self,
        outcome: Outcome,
        space: LabelSpace | None,
        groups: ArrayLike | None,
        *,
        least: tuple[int, int],
        threshold: float,
        draws: tuple[int, int],
    ) -> None:
        for name, value in zip(("min_size", "min_positives"), least, strict=True):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1; got {value!r}.")
        require_draws(*draws)
        n = len(outcome.ids)
        if outcome.probabilities is not None and (space is None or space.classes != tuple(outcome.classes)):
            theirs = "no label space" if space is None else f"the classes {', '.join(space)}"
            raise ConfigError(f"the outcome has the classes {', '.join(outcome.classes)}, and was given {theirs}.")
        self.names = np.asarray(outcome.ids if groups is None else groups)
        self.owner, _ = clusters(self.names)
        if len(self.owner) != n:
            raise ConfigError(f"{len(self.owner)} groups for {n} images; give one for each.")
        self.outcome = outcome
        self.has_groups = groups is not None
        self.min_size, self.min_positives = least
        self.threshold = require_threshold(threshold)
        self.resamples, self.seed = draws
        codes = space.malignant if space is not None and outcome.probabilities is not None else frozenset()
        self.malignant_codes = codes if 0 < len(codes) < len(outcome.classes) else frozenset()
        self.is_malignant = np.array([code in self.malignant_codes for code in outcome.classes], dtype=bool)
        self.labelled: BoolArray = outcome.labels >= 0
        self.malignant: BoolArray = np.zeros(n, dtype=bool)
        if self.malignant_codes:
            self.malignant = self.labelled & self.is_malignant[np.where(self.labelled, outcome.labels, 0)]
        self.masked: BoolArray = np.zeros(n, dtype=bool)
        if outcome.mask_counts is not None:
            self.masked[outcome.mask_rows] = True
        whole = self._part(np.ones(n, dtype=bool)).values if n else {}
        self.metrics = [name for name in TITLES if name in whole or (name == "ece" and "accuracy" in whole)]
        self._parts: dict[bytes, Part] = {}

    def add(self, rows: BoolArray) -> bool:
        """Look at these images, too; a boolean mask (N,). False if no figure of them can be judged."""
        if (key := rows.tobytes()) not in self._parts:
            self._parts[key] = self._part(rows)
        return any(not self.unfit(name, rows) for name in self.metrics)

    def drawn(self, name: str, rows: BoolArray) -> Drawn:
        """A figure of a part that can be judged, with its resampled values."""
        return self._parts[rows.tobytes()].drawn[name]

    def draw(self) -> None:
        """Resample all parts at once, so that they can be compared within a resample."""
        compared = [name for name in self.metrics if name not in UNCOMPARED]
        judged = {k: [name for name in compared if not self.unfit(name, p.rows)] for k, p in self._parts.items()}
        parts = {key: part for key, part in self._parts.items() if judged[key]}
        batches: dict[bytes, list[dict[str, FloatArray]]] = {key: [] for key in parts}
        for weights in cluster_weights(self.names, self.resamples, self.seed):
            for key, part in parts.items():
                found = part.figures(weights)
                batches[key].append({name: found[name] for name in judged[key]})
        for key, part in parts.items():
            strata = self._strata(part.rows)
            for name in judged[key]:
                draws = np.concatenate([batch[name] for batch in batches[key]])
                sizes = strata.get(name) or (self._cases(name, part.rows),)
                part.drawn[name] = self._jeffreys(name, part) or Drawn(part.values[name], draws, sizes)

    def unfit(self, name: str, rows: BoolArray) -> str:
        """Why a figure of these images is not to be judged; empty if it is."""
        basis = "dice" if name == "dice" else "accuracy"
        if (size := self.size(basis, rows)) < self.min_size:
            return f"{size} images{' with a mask' if name == 'dice' else ''}, fewer than {self.min_size}"
        if self._cases(basis, rows) < 2:
            return "all images are of one lesion or patient"
        for kind in _NEEDED.get(name, ()):
            if (count := self._cases(kind, rows)) < self.min_positives:
                unit = "lesions or patients" if self.has_groups else "images"
                what = "malignant" if kind == "malignant/sensitivity" else "benign"
                return f"{count} {what} {unit}, fewer than {self.min_positives}"
        value = self._parts[rows.tobytes()].values.get(name, float("nan"))
        return "not defined for these images" if name != "ece" and value != value else ""

    def size(self, name: str, rows: BoolArray) -> int:
        """Number of images that a figure counts."""
        return int(self._counted(name, rows).sum())

    def estimate(self, name: str, rows: BoolArray) -> Estimate:
        """A figure of these images."""
        n = self.size(name, rows)
        if reason := self.unfit(name, rows):
            return undefined(n, reason)
        return self._calibration(rows, n) if name == "ece" else estimate_of(self.drawn(name, rows), n)

    def _part(self, rows: BoolArray) -> Part:
        figures = PartFigures(self.outcome, rows, malignant=self.malignant_codes, threshold=self.threshold)
        once = figures(np.ones((1, len(rows))))
        return Part(rows, figures, {name: float(values[0]) for name, values in once.items()})

    def _counted(self, name: str, rows: BoolArray) -> BoolArray:
        of = {
            "dice": self.masked,
            "malignant/sensitivity": self.malignant,
            "malignant/specificity": self.labelled & ~self.malignant,
        }
        return rows & of.get(name, self.labelled)

    def _cases(self, name: str, rows: BoolArray) -> int:
        """Number of lesions or patients among the images that a figure counts."""
        return len(np.unique(self.owner[self._counted(name, rows)]))

    def _strata(self, rows: BoolArray) -> dict[str, tuple[int, ...]]:
        chosen, o = rows & self.labelled, self.outcome
        if o.probabilities is None or not chosen.any():
            return {}
        malignant = self.is_malignant if self.malignant_codes else None
        return classification_strata(o.labels[chosen], self.owner[chosen], o.classes, malignant=malignant)

    def _jeffreys(self, name: str, part: Part) -> Drawn | None:
        """What takes the place of resamples that would all be 0 or all be 1; None where they are not."""
        value = part.values[name]
        if name not in _RATES or 0 < value < 1:
            return None
        count, right = self._cases(name, part.rows), value == 1
        seed = (self.seed, _RATES.index(name), int(part.rows.sum()), int(part.rows.argmax()))
        return jeffreys(count * right, count * (not right), size=self.resamples, seed=seed)

    def _calibration(self, rows: BoolArray, n: int) -> Estimate:
        assert self.outcome.probabilities is not None
        chosen = rows & self.labelled
        said = self.outcome.labels[chosen], self.outcome.probabilities[chosen]
        interval = bootstrap_calibration(
            *said, groups=self.names[chosen], resamples=self.resamples, level=LEVEL, seed=self.seed
        )["ece"]
        return Estimate(expected_calibration_error(*said), interval.low, interval.high, n)
