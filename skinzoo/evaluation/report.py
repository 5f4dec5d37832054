"""The figures of an evaluation: printed, saved as files, and as one page that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import ConfigError, UnknownNameError
from skinzoo.evaluation.figures import Picture, pictures_of, stems
from skinzoo.evaluation.inference import Outcome
from skinzoo.evaluation.titles import HEADLINES
from skinzoo.files import folder_for, plain, write_csv, write_json, write_text
from skinzoo.metrics import (
    ClassificationMetrics,
    Interval,
    SegmentationMetrics,
    bootstrap_classification,
    bootstrap_segmentation,
)
from skinzoo.metrics.calibration import calibration_metrics
from skinzoo.metrics.calibration_bootstrap import bootstrap_calibration
from skinzoo.metrics.normal import check_level
from skinzoo.metrics.operating import OperatingFigures, operating_figures
from skinzoo.metrics.resampling import require_draws
from skinzoo.metrics.selective import RiskCoverage, risk_coverage_curve
from skinzoo.models import OperatingPoints
from skinzoo.registry import did_you_mean
from skinzoo.taxonomy import LabelSpace

if TYPE_CHECKING:
    from skinzoo.evaluation.subgroups import Subgroups


@dataclass(frozen=True, eq=False)
class Example:
    """A sample with what the model said about it.

    Attributes:
        id: The sample's id.
        kind: `"range"`, chosen by its Dice; `"mistake"`, a confident wrong class.
        image: uint8 RGB, at the model's input size.
        label: True class index, None without one.
        probabilities: (C,), None from a model that only segments.
        truth: True mask, boolean, None without one.
        predicted: Predicted mask, boolean, None from a model that only classifies.
        heatmap: Grad-CAM of the predicted class, float32 in [0, 1]; None where there is none.
        remark: Why it was chosen, such as `"worst, 0.312"`.
    """

    id: str
    kind: Literal["range", "mistake"]
    image: NDArray[np.uint8]
    label: int | None
    probabilities: NDArray[np.float64] | None
    truth: NDArray[np.bool_] | None
    predicted: NDArray[np.bool_] | None
    heatmap: NDArray[np.float32] | None = None
    remark: str = ""


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn: by patient or lesion where these are known.

    Attributes:
        resamples: How many.
        seed: Of the draws.
        level: Confidence level in (0, 1).

    Raises:
        ConfigError: A value is out of range.
    """

    resamples: int = 1000
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        require_draws(self.resamples, self.seed)
        check_level(self.level)


@dataclass(eq=False)
class Report:
    """Figures of one model on one collection; `print` it, `save` it.

    Intervals, subgroups and curves are computed when they are first asked for.

    Attributes:
        title: Model and collection.
        facts: What was scored on what, by name.
        label_space: Names of the classes; None for a model that only segments.
        outcome: Every prediction.
        examples: Some samples, for pictures.
        groups: Patient or lesion of each sample, in the outcome's order; intervals are drawn by these.
        metadata: What else is known of each sample, by column, in the outcome's order.
        operating_points: Where the model's decisions are drawn; None for a threshold of 0.5.
        resampling: How intervals are drawn.
        attachments: Further results on the page, by title; see `attach`.
        classification: Metrics of the classes; None if there are none.
        segmentation: Metrics of the masks; None if there are none.
    """

    title: str
    facts: dict[str, Any]
    label_space: LabelSpace | None
    outcome: Outcome
    examples: list[Example] = field(default_factory=list)
    groups: NDArray[np.str_] | None = None
    metadata: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    operating_points: OperatingPoints | None = None
    resampling: Resampling = field(default_factory=Resampling)
    attachments: dict[str, Any] = field(default_factory=dict)
    classification: ClassificationMetrics | None = field(init=False)
    segmentation: SegmentationMetrics | None = field(init=False)

    def __post_init__(self) -> None:
        malignant = self.label_space.malignant if self.label_space is not None else frozenset()
        self.classification = self.outcome.classification(
            malignant=malignant, malignant_threshold=self.malignant_threshold
        )
        self.segmentation = self.outcome.segmentation()
        self._pictures: list[Picture] = []

    @property
    def malignant_threshold(self) -> float:
        """Summed probability of the malignant classes from which on a picture is called malignant."""
        chosen = None if self.operating_points is None else self.operating_points.malignant
        return 0.5 if chosen is None else chosen

    @cached_property
    def calibration(self) -> dict[str, float]:
        """Calibration error (`ece`, `ece_adaptive`, `classwise_ece`), `brier`, `nll` and `aurc`; empty without classes.

        `aurc` is the area under the risk-coverage curve.
        """
        curve, probabilities = self.risk_coverage, self.outcome.probabilities
        if curve is None or probabilities is None:
            return {}
        return calibration_metrics(self.outcome.labels, probabilities) | {"aurc": curve.aurc}

    @cached_property
    def risk_coverage(self) -> RiskCoverage | None:
        """Error rate against the share of pictures that are answered; None without classes."""
        if self.classification is None or self.outcome.probabilities is None:
            return None
        return risk_coverage_curve(self.outcome.labels, self.outcome.probabilities)

    @property
    def values(self) -> dict[str, float]:
        """All metrics by name; an undefined one is NaN, and `undefined` says why."""
        c, s = self.classification, self.segmentation
        return {**(c.values if c else {}), **self.calibration, **(s.values if s else {})}

    @property
    def undefined(self) -> dict[str, str]:
        """Why a metric is NaN, by its name, or by `class/metric`."""
        return {k: v for part in (self.classification, self.segmentation) if part for k, v in part.undefined.items()}

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """Confidence intervals by the metric's name, or `class/metric`: whole patients or lesions are resampled.

        NaN where a metric is undefined or too few are there to tell.
        """
        o, r = self.outcome, self.resampling
        draw: dict[str, Any] = {"resamples": r.resamples, "seed": r.seed, "level": r.level}
        found: dict[str, Interval] = {}
        if self.classification is not None and o.probabilities is not None:
            malignant = self.label_space.malignant if self.label_space is not None else frozenset()
            found |= bootstrap_classification(
                o.labels,
                o.probabilities,
                o.classes,
                groups=self.groups,
                malignant=malignant,
                malignant_threshold=self.malignant_threshold,
                **draw,
            ).intervals
            found |= bootstrap_calibration(o.labels, o.probabilities, groups=self.groups, **draw)
        if self.segmentation is not None and o.mask_counts is not None:
            groups = None if self.groups is None else self.groups[o.mask_rows]
            found |= bootstrap_segmentation(*o.mask_counts.T, groups=groups, **draw).intervals
        return found

    @cached_property
    def operating(self) -> dict[str, OperatingFigures]:
        """What the model's own thresholds do to each class that has one, by its code.

        Their Wilson intervals take the images for independent.
        """
        o, points = self.outcome, self.operating_points
        if points is None or o.probabilities is None or self.classification is None:
            return {}
        labelled = o.labels >= 0
        return {
            code: operating_figures(o.labels[labelled] == c, o.probabilities[labelled, c], points.per_class[code])
            for c, code in enumerate(o.classes)
            if code in points.per_class
        }

    @cached_property
    def subgroups(self) -> Subgroups:
        """Figures by age, sex, anatomical site, skin tone and source, where they are known."""
        from skinzoo.evaluation.subgroups.figures import subgroup_figures

        return subgroup_figures(
            self.outcome,
            self.label_space,
            self.metadata,
            self.groups,
            malignant_threshold=self.malignant_threshold,
            resamples=self.resampling.resamples,
            seed=self.resampling.seed,
        )

    @property
    def num_clusters(self) -> int:
        """Patients, lesions or images that intervals are drawn from."""
        return len(self.outcome.ids) if self.groups is None else len(np.unique(self.groups))

    def __getitem__(self, metric: str) -> float:
        """One metric by name.

        Raises:
            UnknownNameError: It was not measured.
        """
        if metric not in self.values:
            raise UnknownNameError(f"no metric {metric!r} in this report; {did_you_mean(metric, self.values)}")
        return self.values[metric]

    def add_figure(self, title: str, figure: Any, caption: str = "") -> None:
        """Add a figure to the pictures that `save` writes, such as learning curves or heatmaps.

        Args:
            title: Shown above it; also the name of its files.
            figure: A matplotlib figure.
            caption: One or two sentences.
        """
        self._pictures.append(Picture(title, figure, caption))

    def attach(self, title: str, result: Any) -> None:
        """Add a section with another result, such as those of `faithfulness`, `evaluate_robustness` or `audit`.

        Args:
            title: Of the section.
            result: Anything that prints as text, with `to_dict()` for `report.json`; its `figure()` is shown too.

        Raises:
            ConfigError: It has no `to_dict`.
        """
        if not callable(getattr(result, "to_dict", None)):
            raise ConfigError(f"a report takes results that have to_dict(); got {type(result).__name__}.")
        self.attachments[title] = result

    def headlines(self) -> dict[str, float]:
        """The metrics to look at first, by readable name."""
        return {title: self.values[name] for name, title in HEADLINES.items() if name in self.values}

    def text(self) -> str:
        """Facts, headline metrics with their intervals and the per-class table as plain text."""
        from skinzoo.evaluation.text import as_text

        return as_text(self)

    def markdown(self) -> str:
        """The same as Markdown."""
        from skinzoo.evaluation.text import as_markdown

        return as_markdown(self)

    def __str__(self) -> str:
        return self.text()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: every figure with its interval, and what they were counted from."""
        from skinzoo.evaluation.saved.writing import saved_keys

        c, r = self.classification, self.resampling
        return {
            **saved_keys(self),
            "title": self.title,
            "facts": self.facts,
            "metrics": self.values,
            "undefined": self.undefined,
            "intervals": {name: list(interval) for name, interval in self.intervals.items()},
            "resampling": {
                "level": r.level,
                "resamples": r.resamples,
                "seed": r.seed,
                "unit": "image" if self.groups is None else "group",
                "drawn_from": self.num_clusters,
            },
            "per_class": c.per_class if c else {},
            "classes": list(self.label_space) if self.label_space else [],
            "confusion_matrix": c.confusion.tolist() if c else [],
            "operating": {code: figures._asdict() for code, figures in self.operating.items()},
            "subgroups": self.subgroups.to_dict(),
            "attachments": {title: plain(result.to_dict()) for title, result in self.attachments.items()},
        }

    def pictures(self) -> list[Picture]:
        """The figures that `save` writes."""
        return pictures_of(self) + self._pictures

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write everything to a folder, made if absent.

        `index.html` (self-contained), `report.json`, `report.md`, `classification_report.txt`, `predictions.csv`, and
        a PNG and an SVG for each picture, named after it, such as `confusion_matrix.png`.
        `skinzoo.evaluation.load_report` reads it again.

        Returns:
            Path of `index.html`.

        Raises:
            ConfigError: There is a file of the folder's name.
        """
        from skinzoo.evaluation.page import render_page
        from skinzoo.evaluation.saved.writing import prediction_table

        folder = folder_for(directory, "the report")
        pictures = self.pictures()
        page = render_page(self, pictures)
        for picture, stem in zip(pictures, stems(pictures), strict=True):
            picture.save(folder / stem)
        write_json(folder / "report.json", self.to_dict())
        write_text(folder / "report.md", self.markdown())
        write_text(folder / "classification_report.txt", self.text())
        write_csv(folder / "predictions.csv", *prediction_table(self))
        return write_text(folder / "index.html", page)
