"""What a model says about one picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.evaluation.measurements import Measurements
from skinzoo.html import DISCLAIMER
from skinzoo.models import OperatingPoints
from skinzoo.taxonomy import LabelSpace

if TYPE_CHECKING:
    from skinzoo.explain import Explanation


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says about one picture; `print` it.

    Attributes:
        id: File name without its ending (in a folder with the path below it), the path in an archive, the sample's id,
            or `array_<number>`.
        probabilities: By class code, summing to 1, calibrated if the model is; empty from a model that only segments.
        mask_probability: Probability of lesion at each pixel, float32 (H, W) of the picture's own size; None from a
            model that only classifies.
        measurements: Of the lesion that the mask shows; None without a mask, or where they were not asked for.
        heatmap: What speaks for the predicted class (Grad-CAM); None where it was not asked for.
        label_space: Names of the classes; None from a model that only segments.
        operating_points: Where the model's decisions are drawn; None for nowhere in particular.
        calibrated: True if the probabilities were calibrated.
    """

    id: str
    probabilities: dict[str, float]
    mask_probability: NDArray[np.float32] | None = None
    measurements: Measurements | None = None
    heatmap: Explanation | None = None
    label_space: LabelSpace | None = field(default=None, repr=False)
    operating_points: OperatingPoints | None = field(default=None, repr=False)
    calibrated: bool = False

    @property
    def label(self) -> str | None:
        """The most probable class; None from a model that only segments."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else None

    @property
    def probability(self) -> float:
        """The probability of `label`; NaN from a model that only segments."""
        return max(self.probabilities.values(), default=math.nan)

    @property
    def malignancy(self) -> float:
        """The summed probability of the malignant classes; NaN where the label space does not tell which they are."""
        malignant = self.label_space.malignant if self.label_space is not None else frozenset()
        if not malignant or len(malignant) == len(self.probabilities):
            return math.nan
        members = [probability for code, probability in self.probabilities.items() if code in malignant]
        return min(float(np.sum(members)), 1.0)

    @property
    def suspicious(self) -> bool | None:
        """True if `malignancy` reaches the model's operating point; None where there is none."""
        threshold = None if self.operating_points is None else self.operating_points.malignant
        return None if threshold is None or math.isnan(self.malignancy) else self.malignancy >= threshold

    @property
    def above_threshold(self) -> tuple[str, ...]:
        """The classes whose probability reaches the model's own threshold for them; empty where there are none."""
        thresholds = {} if self.operating_points is None else self.operating_points.per_class
        return tuple(code for code, p in self.probabilities.items() if code in thresholds and p >= thresholds[code])

    @property
    def abstains(self) -> bool:
        """True if the model is so unsure that its operating points leave the picture to a human."""
        threshold = None if self.operating_points is None else self.operating_points.abstain_below
        return threshold is not None and self.probability < threshold

    @property
    def mask(self) -> NDArray[np.uint8] | None:
        """Lesion mask of 0 and 1 (probability above 0.5), uint8 (H, W)."""
        return None if self.mask_probability is None else (self.mask_probability > 0.5).astype(np.uint8)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the lesion's measures instead of the mask; undefined values are None."""
        values: dict[str, Any] = {"id": self.id, "label": self.label, "probabilities": self.probabilities}
        if self.probabilities:
            malignancy = self.malignancy
            values |= {
                "calibrated": self.calibrated,
                "malignancy": None if math.isnan(malignancy) else malignancy,
                "suspicious": self.suspicious,
                "above_threshold": list(self.above_threshold),
                "abstains": self.abstains,
            }
        if self.mask is not None:
            values["lesion_share"] = float(self.mask.mean())
        if self.measurements is not None:
            measured = self.measurements.to_dict()
            values["measurements"] = {k: None if v != v else v for k, v in measured.items()}
        return values

    def __str__(self) -> str:
        lines = [self.id]
        titles = {code: self.label_space.title(code) if self.label_space else code for code in self.probabilities}
        width = max((len(title) for title in titles.values()), default=0)
        for code, probability in sorted(self.probabilities.items(), key=lambda item: -item[1]):
            lines.append(f"  {titles[code]:<{width}}  {probability:6.1%}  {'#' * round(30 * probability)}".rstrip())
        if self.probabilities:
            lines.append(f"  probabilities are {'' if self.calibrated else 'not '}calibrated")
        if not math.isnan(self.malignancy):
            verdict = {None: "", True: ": above the operating point", False: ": below the operating point"}
            lines.append(f"  malignant classes together {self.malignancy:.1%}{verdict[self.suspicious]}")
        if self.abstains:
            lines.append("  the model is unsure and leaves this picture to a human")
        if self.measurements is not None:
            lines.append(f"  lesion: {self.measurements}")
        return "\n".join([*lines, f"  {DISCLAIMER}"])
