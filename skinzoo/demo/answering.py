"""What the page shows about one picture, without the page."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets import read_image
from skinzoo.errors import ImageDecodeError
from skinzoo.evaluation import Measurements, Prediction, predict
from skinzoo.models import SkinModel
from skinzoo.types import Sample

ByteArray = NDArray[np.uint8]
LONGEST = 768
"""Pixels of a picture's longer side on the page."""
_COLOUR = (0, 230, 180)


class Refusal(Exception):  # noqa: N818 - it is an answer
    """Why a file gets no answer, in words for the person who gave it."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says about a picture.

    Attributes:
        probabilities: By the classes' names, summing to 1; empty from a model that only segments.
        outline: The picture with the lesion's outline, uint8 (H, W, 3); None from a model that only classifies.
        heatmap: The picture with Grad-CAM over it, uint8 (H, W, 3); None where there is none.
        text: In words, as Markdown.
    """

    probabilities: dict[str, float]
    outline: ByteArray | None
    heatmap: ByteArray | None
    text: str


def answer(model: SkinModel, path: str | os.PathLike[str] | None) -> Answer:
    """What a model says about the picture in a file.

    Args:
        model: Any model of the zoo.
        path: The file; None for none.

    Raises:
        Refusal: There is no file, or it is no picture that can be read.
    """
    if path is None:
        raise Refusal("Choose a picture first.")
    try:
        picture = _smaller(read_image(path).array)
    except ImageDecodeError as error:
        raise Refusal(f"This file cannot be used as a picture. {_plainly(error, path)}") from error
    (said,) = predict(model, Sample("picture", picture), heatmaps=model.task.has_labels)
    space = said.label_space
    titles = {code: code if space is None else space.title(code) for code in said.probabilities}
    return Answer(
        probabilities={titles[code]: value for code, value in said.probabilities.items()},
        outline=None if said.mask is None else outlined(picture, said.mask),
        heatmap=None if said.heatmap is None else said.heatmap.overlay(),
        text="\n\n".join(_sentences(said, titles)),
    )


def outlined(picture: ByteArray, mask: ByteArray) -> ByteArray:
    """A picture (H, W, 3) with the outline of a mask (H, W) of 0 and 1."""
    drawn = picture.copy()
    contours, _ = cv2.findContours(np.ascontiguousarray(mask), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    width = max(1, round(max(picture.shape[:2]) / 200))
    cv2.drawContours(drawn, contours, -1, _COLOUR, width, cv2.LINE_AA)
    return drawn


def _smaller(picture: ByteArray) -> ByteArray:
    height, width = picture.shape[:2]
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _plainly(error: Exception, path: str | os.PathLike[str]) -> str:
    """The message without the path of the server, which says nothing to a visitor."""
    text = str(error).replace(f"{os.fspath(path)}: ", "").replace(os.fspath(path), "It")
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _sentences(said: Prediction, titles: dict[str, str]) -> list[str]:
    lines = []
    if said.label is not None:
        name, kind = titles[said.label].capitalize(), "calibrated" if said.calibrated else "not calibrated"
        lines.append(f"**{name}** is the most probable class ({said.probability:.0%}, {kind}).")
    if not math.isnan(said.malignancy):
        lines.append(f"Malignant classes together: **{said.malignancy:.0%}**.{_verdict(said)}")
    if said.abstains:
        lines.append("The model is unsure about this picture and would leave it to a human.")
    if said.measurements is not None:
        lines.append(_described(said.measurements))
    return lines


def _verdict(said: Prediction) -> str:
    if said.suspicious is None:
        return ""
    return f" This is {'above' if said.suspicious else 'below'} the threshold at which the model raises an alarm."


def _described(m: Measurements) -> str:
    if not m.area:
        return "No lesion was found in the picture."
    values: dict[str, Any] = {
        "share of the picture": f"{m.area_share:.0%}",
        "longest diameter": f"{m.diameter:.0f} pixels",
        "asymmetry": f"{m.asymmetry:.2f} (0 is symmetrical)",
        "border": f"{m.border_irregularity:.2f} (0 is a circle, 1 is ragged)",
        "colours": ", ".join(m.colours) or "none of the six",
    }
    listed = "\n".join(f"- {name}: {value}" for name, value in values.items())
    edge = "\n\nIt reaches the edge of the picture, and may be larger than what is seen." if m.touches_edge else ""
    return f"The outlined lesion:\n\n{listed}{edge}"
