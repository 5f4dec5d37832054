"""The figures of an evaluation: printed, saved as files, and as one page that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import ConfigError, UnknownNameError
from skinzoo.evaluation.inference import Outcome
from skinzoo.evaluation.page import Picture, filenames, render_page
from skinzoo.files import atomic_path, write_csv, write_json, write_text
from skinzoo.metrics import ClassificationMetrics, SegmentationMetrics, classification_report
from skinzoo.registry import did_you_mean
from skinzoo.taxonomy import LabelSpace

HEADLINES = {
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "macro_auc": "macro AUC (one vs rest)",
    "accuracy": "accuracy",
    "dice": "Dice, mean per image",
    "iou": "IoU, mean per image",
    "dice_pooled": "Dice over all pixels",
    "iou_pooled": "IoU over all pixels",
}


@dataclass(frozen=True, eq=False)
class Example:
    """A sample with what the model said about it.

    Attributes:
        id: The sample's id.
        kind: `"range"`, chosen by rank of its Dice; `"mistake"`, a confident wrong class.
        image: uint8 RGB, at the model's input size.
        label: True class index, None without one.
        probabilities: (C,), None from a model that only segments.
        truth: True mask, boolean, None without one.
        predicted: Predicted mask, boolean, None from a model that only classifies.
    """

    id: str
    kind: Literal["range", "mistake"]
    image: NDArray[np.uint8]
    label: int | None
    probabilities: NDArray[np.float64] | None
    truth: NDArray[np.bool_] | None
    predicted: NDArray[np.bool_] | None


@dataclass(eq=False)
class Report:
    """Figures of one model on one collection; `print` it, `save` it.

    Attributes:
        title: Model and collection.
        facts: What was scored on what, by name.
        label_space: Names of the classes; None for a model that only segments.
        outcome: Every prediction.
        examples: Some samples, for pictures.
        groups: Patient or lesion of each sample, in the outcome's order; intervals are drawn by these.
        metadata: What else is known of each sample, by column, in the outcome's order.
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
    classification: ClassificationMetrics | None = field(init=False)
    segmentation: SegmentationMetrics | None = field(init=False)

    def __post_init__(self) -> None:
        self.classification = self.outcome.classification()
        self.segmentation = self.outcome.segmentation()
        self._pictures: list[Picture] = []

    @property
    def values(self) -> dict[str, float]:
        """All metrics by name; an undefined one is NaN, and `undefined` says why."""
        return {k: v for part in self._parts() for k, v in part.values.items()}

    @property
    def undefined(self) -> dict[str, str]:
        """Why a metric is NaN, by its name, or by `class/metric`."""
        return {k: v for part in self._parts() for k, v in part.undefined.items()}

    def __getitem__(self, metric: str) -> float:
        """One metric by name.

        Raises:
            UnknownNameError: It was not measured.
        """
        if metric not in self.values:
            raise UnknownNameError(f"no metric {metric!r} in this report; {did_you_mean(metric, self.values)}")
        return self.values[metric]

    def add_figure(self, title: str, figure: Any, caption: str = "") -> None:
        """Add a matplotlib figure to the pictures that `save` writes, such as learning curves or heatmaps."""
        self._pictures.append(Picture(title, figure, caption))

    def headlines(self) -> dict[str, float]:
        """The metrics to look at first, by readable name."""
        return {title: self.values[name] for name, title in HEADLINES.items() if name in self.values}

    def text(self) -> str:
        """Facts, headline metrics and the per-class table as plain text."""
        width = max(len(k) for k in (*self.facts, *HEADLINES.values()))
        lines = [self.title, "=" * len(self.title)]
        lines += [f"{name:<{width}}  {value}" for name, value in self.facts.items()]
        lines += ["", *(f"{name:<{width}}  {_number(value)}" for name, value in self.headlines().items())]
        if self.classification is not None:
            titles = dict(self.label_space.titles) if self.label_space else {}
            lines += ["", classification_report(self.classification, titles)]
        return "\n".join(lines).rstrip() + "\n"

    def __str__(self) -> str:
        return self.text()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        c = self.classification
        return {
            "title": self.title,
            "facts": self.facts,
            "metrics": self.values,
            "undefined": self.undefined,
            "per_class": c.per_class if c else {},
            "classes": list(self.label_space) if self.label_space else [],
            "confusion_matrix": c.confusion.tolist() if c else [],
        }

    def pictures(self) -> list[Picture]:
        """The figures that `save` writes."""
        from skinzoo import plotting

        found = []
        if self.classification is not None and self.label_space is not None:
            figure = plotting.confusion_matrix_heatmap(self.classification.confusion, self.label_space.classes)
            found.append(
                Picture("Confusion matrix", figure, "Rows are the true class; colour is the share of the row.")
            )
            if mistakes := [e for e in self.examples if e.kind == "mistake"]:
                figure = plotting.picture_grid([e.image for e in mistakes], [self._verdict(e) for e in mistakes])
                found.append(
                    Picture("Confident mistakes", figure, "The wrong predictions with the highest probability.")
                )
        masked = [(e, e.truth, e.predicted) for e in self.examples if e.kind == "range"]
        panels = [(e, t, p) for e, t, p in masked if t is not None and p is not None]
        if panels:
            figure = plotting.segmentation_panels(
                [e.image for e, _, _ in panels],
                [t for _, t, _ in panels],
                [p for _, _, p in panels],
                titles=[e.id for e, _, _ in panels],
            )
            caption = "From the worst to the best Dice, evenly over the ranks. Green: truth; magenta: prediction."
            found.append(Picture("Segmentation panels", figure, caption))
        return found + self._pictures

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write everything to a folder, made if absent.

        `index.html` (self-contained), `report.json`, `classification_report.txt`, `predictions.csv`, and a PNG for each
        picture, named after it, such as `confusion_matrix.png`.

        Returns:
            Path of `index.html`.

        Raises:
            ConfigError: There is a file of the folder's name.
        """
        folder = Path(directory)
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"{folder} is a file; give a folder for the report.")
        pictures = self.pictures()
        for picture, filename in zip(pictures, filenames(pictures), strict=True):
            with atomic_path(folder / filename) as temporary:
                temporary.write_bytes(picture.png())
        write_json(folder / "report.json", self.to_dict())
        write_text(folder / "classification_report.txt", self.text())
        write_csv(folder / "predictions.csv", self._prediction_columns(), self._prediction_rows())
        return write_text(folder / "index.html", render_page(self, pictures))

    def _parts(self) -> list[ClassificationMetrics | SegmentationMetrics]:
        return [part for part in (self.classification, self.segmentation) if part is not None]

    def _verdict(self, example: Example) -> str:
        assert self.label_space is not None
        assert example.probabilities is not None
        assert example.label is not None
        best = int(example.probabilities.argmax())
        codes = self.label_space.classes
        return f"{example.id}\n{codes[example.label]}, predicted {codes[best]} ({example.probabilities[best]:.0%})"

    def _prediction_columns(self) -> list[str]:
        codes = self.label_space.classes if self.label_space else ()
        columns = ["id", "label", "predicted", *(f"p_{code}" for code in codes)] if codes else ["id"]
        return columns + (["dice", "iou"] if self.segmentation else [])

    def _prediction_rows(self) -> Iterator[list[object]]:
        o = self.outcome
        codes = self.label_space.classes if self.label_space else ()
        overlap: dict[int, tuple[float, float]] = {}
        if self.segmentation is not None:
            per_image = self.segmentation.per_image
            overlap = dict(zip(o.mask_rows.tolist(), zip(per_image.dice, per_image.iou, strict=True), strict=True))
        for i, name in enumerate(o.ids):
            cells: list[object] = [name]
            if codes and o.probabilities is not None:
                label = codes[o.labels[i]] if o.labels[i] >= 0 else None
                cells += [label, codes[int(o.probabilities[i].argmax())], *o.probabilities[i].tolist()]
            if self.segmentation is not None:
                cells += map(float, overlap[i]) if i in overlap else [None, None]
            yield cells


def _number(value: float) -> str:
    return "undefined" if value != value else f"{value:.4f}"
