"""Predictions for pictures: named probabilities, the lesion's outline and measures, and what speaks for the answer."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from skinzoo.datasets.loading import collate
from skinzoo.devices import move
from skinzoo.errors import ConfigError
from skinzoo.evaluation.engines import MIN_PICTURES, Engine, Forward, check_engine, forward_of
from skinzoo.evaluation.measurements import Measurements, measure_lesion
from skinzoo.html import DISCLAIMER
from skinzoo.inputs import PictureLike, Unreadable, find_pictures, readable, with_metadata
from skinzoo.models import OperatingPoints, SkinModel, evaluation_mode, require_finite
from skinzoo.taxonomy import LabelSpace
from skinzoo.transforms import Transform, restore
from skinzoo.types import Sample

if TYPE_CHECKING:
    from skinzoo.explain import Explanation


class UnreadableWarning(UserWarning):
    """Some pictures could not be read; the others have their predictions."""


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


class Predictions(Iterator[Prediction]):
    """Predictions for several pictures, each made when it is asked for; one goes through them once.

    Attributes:
        failed: The pictures so far that could not be read.
    """

    def __init__(self, items: Iterator[Prediction], failed: list[Unreadable]) -> None:
        self.failed = failed
        self._items = items

    def __next__(self) -> Prediction:
        return next(self._items)


def predict(
    model: SkinModel,
    inputs: PictureLike | Iterable[PictureLike],
    *,
    metadata: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    batch_size: int = 32,
    measure: bool = True,
    heatmaps: bool = False,
    engine: Engine = "auto",
) -> list[Prediction]:
    """Predict for one picture, several, a folder or an archive.

    One picture that cannot be read is an error. Of several, those are left out with a warning that names them; see
    `predict_all` for pictures that do not all fit into memory, and `predict_table` for a table on disk.

    Args:
        model: Any model of the zoo, on the device to compute on.
        inputs: A path, a folder (searched with its subfolders), a zip or tar archive, a uint8 RGB array (H, W, 3) or
            (N, H, W, 3), a Pillow image, a `Sample`, or a list of these.
        metadata: For a model that takes it, such as `{"age": 45, "sex": "female"}`: one mapping for all pictures, or a
            list with one a picture. Default: what a `Sample` brings along, and nothing for other pictures. What is
            not given, and a category that the model does not know, counts as missing.
        batch_size: Pictures at a time.
        measure: Measure the lesion that the mask shows; some milliseconds a picture.
        heatmaps: Add a Grad-CAM heatmap of the predicted class; about one more forward pass.
        engine: What computes the answers. `"plain"` for the model itself; `"fused"` for a private copy with BatchNorm
            folded into the convolutions, or the model itself where that is not certain to give the same answers within
            rounding; `"auto"` for `"fused"` from 16 pictures on; `"onnx"` for onnxruntime on the CPU, which takes some
            seconds to prepare and pays for hundreds of pictures. Heatmaps are always the model's own.

    Returns:
        One prediction a picture, in order.

    Raises:
        DatasetNotFoundError: No such path, or a folder or archive without images.
        ArchiveError: An archive that is damaged or not safe to read.
        ImageDecodeError: The only picture is not a usable image; the message names it.
        ConfigError: Something is no picture, or an array is not uint8 RGB; or the metadata is not what the model takes.
        DivergedError: The model gives values that are not finite.
        MissingDependencyError: `engine="onnx"` without the extra `onnx`.

    Examples:
        >>> print(predict(model, "lesion.jpg")[0])
        lesion
          melanocytic nevus   83.1%  #########################
          ...
    """
    check_engine(engine)
    pictures = find_pictures(inputs)
    first = list(islice(pictures, MIN_PICTURES))
    forward = forward_of(model, engine, len(first))
    if len(first) < 2:
        samples = with_metadata(model, first, metadata)
        return list(predictions_of(model, forward, samples, batch_size, measure=measure, heatmaps=heatmaps))
    failed: list[Unreadable] = []
    samples = readable(model, chain(first, pictures), failed, metadata)
    found = list(predictions_of(model, forward, samples, batch_size, measure=measure, heatmaps=heatmaps))
    if failed:
        shown = "; ".join(f"{f.id} ({f.reason})" for f in failed[:5])
        warnings.warn(
            f"{len(failed)} of {len(failed) + len(found)} pictures cannot be read and have no prediction: {shown}"
            f"{' ...' if len(failed) > 5 else ''}",
            UnreadableWarning,
            stacklevel=2,
        )
    return found


def predict_all(
    model: SkinModel,
    inputs: PictureLike | Iterable[PictureLike],
    *,
    metadata: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    batch_size: int = 32,
    measure: bool = True,
    heatmaps: bool = False,
    engine: Engine = "auto",
) -> Predictions:
    """As `predict`, one after the other, for pictures that do not fit into memory together.

    Pictures are read some ahead, in threads. One that cannot be read is listed in `failed`; the others go on. The model
    should not change before the last prediction: the engine may work with a copy of it.

    Examples:
        >>> predictions = predict_all(model, "pictures.zip")
        >>> for prediction in predictions:
        ...     print(prediction.id, prediction.label)
        >>> predictions.failed
        []
    """
    check_engine(engine)
    failed: list[Unreadable] = []

    def found() -> Iterator[Prediction]:
        pictures = find_pictures(inputs)
        first = list(islice(pictures, MIN_PICTURES))
        forward = forward_of(model, engine, len(first))
        samples = readable(model, chain(first, pictures), failed, metadata)
        del first  # the chain lets go of each picture
        yield from predictions_of(model, forward, samples, batch_size, measure=measure, heatmaps=heatmaps)

    return Predictions(found(), failed)


def predictions_of(
    model: SkinModel,
    forward: Forward,
    samples: Iterator[Sample],
    batch_size: int,
    *,
    measure: bool,
    heatmaps: bool,
) -> Iterator[Prediction]:
    """Predictions for samples, made batch by batch by what is called in place of the model; see `predict`."""
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ConfigError(f"batch_size must be a positive whole number, got {batch_size!r}.")
    transform = Transform(model.input_spec)
    while group := list(islice(samples, batch_size)):
        yield from _of_batch(model, forward, group, transform, measure, heatmaps)


def _of_batch(
    model: SkinModel, forward: Forward, group: list[Sample], transform: Transform, measure: bool, heatmaps: bool
) -> Iterator[Prediction]:
    batch = collate([transform(sample) for sample in group], model.metadata_encoder)
    with evaluation_mode(model), torch.no_grad():
        output = forward(*model.inputs(move(batch, model.device)))
    require_finite(output)
    classes = model.label_space.classes if model.label_space else ()
    probabilities = model.probabilities(output.logits).tolist() if output.logits is not None else None
    masks = output.mask_logits.sigmoid()[:, 0].float().cpu().numpy() if output.mask_logits is not None else None
    explanations = _heatmaps(model, group) if heatmaps else [None] * len(group)
    for i, sample in enumerate(group):
        image = np.asarray(sample.image)
        mask = None if masks is None else restore(masks[i], image.shape[:2], model.input_spec)
        yield Prediction(
            sample.id,
            dict(zip(classes, probabilities[i], strict=True)) if probabilities is not None else {},
            mask,
            measurements=measure_lesion(mask > 0.5, image) if measure and mask is not None else None,
            heatmap=explanations[i],
            label_space=model.label_space,
            operating_points=model.operating_points,
            calibrated=model.calibration is not None,
        )


def _heatmaps(model: SkinModel, group: list[Sample]) -> list[Explanation | None]:
    from skinzoo.explain import explain_all

    return [*explain_all(model, group, batch_size=len(group))]
