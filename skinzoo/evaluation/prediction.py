"""Predictions for pictures: named probabilities, the lesion's outline and measures, and what speaks for the answer."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skinzoo.datasets.loading import collate
from skinzoo.devices import move
from skinzoo.evaluation.answers import Prediction
from skinzoo.evaluation.batching import BatchSize, Pieces, check_batch_size, fitting_batch_size, sparing
from skinzoo.evaluation.engines import MIN_PICTURES, Engine, Forward, check_engine, forward_of
from skinzoo.evaluation.measurements import measure_lesion
from skinzoo.inputs import PictureLike, Unreadable, find_pictures, readable, with_metadata
from skinzoo.models import SkinModel, evaluation_mode, require_finite
from skinzoo.transforms import Transform, restore
from skinzoo.types import Sample

if TYPE_CHECKING:
    from skinzoo.explain import Explanation


_HELD = 2**28
"""Bytes of pictures, as they were read, that make a batch without regard to their number."""
_EXPLAINED = 16
"""Pictures whose heatmaps are drawn at a time at most: gradients take memory that was not measured."""


class UnreadableWarning(UserWarning):
    """Some pictures could not be read; the others have their predictions."""


class Predictions(Iterator[Prediction]):
    """Predictions for several pictures, each made when it is asked for; one goes through them once.

    Args:
        items: The predictions, each made when it is asked for.
        failed: Filled with the pictures that could not be read while `items` are made.

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
    batch_size: BatchSize = "auto",
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
        batch_size: Pictures at a time; `"auto"` for as many as fit into half of the memory that is free, at most 32 on
            the CPU and 256 on a GPU. If memory is too small all the same, there is a warning and they are halved.
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
        OutOfMemoryError: There is too little memory for a single picture.
        MissingDependencyError: `engine="onnx"` without the extra `onnx`.

    Examples:
        >>> print(predict(model, "lesion.jpg")[0])
        lesion
          melanocytic nevus   83.1%  #########################
          ...
    """
    check_engine(engine)
    check_batch_size(batch_size)
    pictures = find_pictures(inputs)
    first = list(islice(pictures, MIN_PICTURES))
    forward = forward_of(model, engine, len(first))
    answers = partial(predictions_of, model, forward, measure=measure, heatmaps=heatmaps)
    if len(first) < 2:
        return list(answers(with_metadata(model, first, metadata), batch_size, len(first)))
    failed: list[Unreadable] = []
    samples = readable(model, chain(first, pictures), failed, metadata)
    found = list(answers(samples, batch_size, len(first)))
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
    batch_size: BatchSize = "auto",
    measure: bool = True,
    heatmaps: bool = False,
    engine: Engine = "auto",
) -> Predictions:
    """As `predict`, one after the other, for pictures that do not fit into memory together.

    Pictures are read some ahead, in threads. One that cannot be read is listed in `failed`; the others go on. The model
    should not change before the last prediction: the engine may work with a copy of it.

    Args:
        model: Any model of the zoo, on the device to compute on.
        inputs: As for `predict`.
        metadata: As for `predict`.
        batch_size: As for `predict`.
        measure: Measure the lesion that the mask shows; some milliseconds a picture.
        heatmaps: Add a Grad-CAM heatmap of the predicted class; about one more forward pass.
        engine: As for `predict`.

    Raises:
        ConfigError: Another engine or batch size than there are. What else `predict` raises comes with the predictions.

    Examples:
        >>> predictions = predict_all(model, "pictures.zip")
        >>> for prediction in predictions:
        ...     print(prediction.id, prediction.label)
        >>> predictions.failed
        []
    """
    check_engine(engine)
    check_batch_size(batch_size)
    failed: list[Unreadable] = []

    def found() -> Iterator[Prediction]:
        pictures = find_pictures(inputs)
        first = list(islice(pictures, MIN_PICTURES))
        forward = forward_of(model, engine, len(first))
        count = len(first)
        samples = readable(model, chain(first, pictures), failed, metadata)
        del first  # the chain lets go of each picture
        yield from predictions_of(model, forward, samples, batch_size, count, measure=measure, heatmaps=heatmaps)

    return Predictions(found(), failed)


def predictions_of(
    model: SkinModel,
    forward: Forward,
    samples: Iterator[Sample],
    batch_size: BatchSize,
    num_pictures: int | None = None,
    *,
    measure: bool,
    heatmaps: bool,
) -> Iterator[Prediction]:
    """Predictions for samples, made batch by batch by what is called in place of the model; see `predict`.

    With `batch_size="auto"`, a batch is also no larger than 256 MiB of pictures as they were read.
    """
    size = fitting_batch_size(model, batch_size, num_pictures, forward)
    automatic = batch_size == "auto"
    transform = Transform(model.input_spec)
    forward = sparing(forward)
    drawing = Pieces(_EXPLAINED if automatic else None) if heatmaps else None
    for group in _groups(samples, size, _HELD if automatic else None):
        yield from _of_batch(model, forward, group, transform, measure, drawing)


def _groups(samples: Iterator[Sample], size: int, most_bytes: int | None) -> Iterator[list[Sample]]:
    group: list[Sample] = []
    held = 0
    for sample in samples:
        group.append(sample)
        held += np.asarray(sample.image).nbytes
        if len(group) == size or (most_bytes is not None and held >= most_bytes):
            yield group
            group, held = [], 0
    if group:
        yield group


def _of_batch(
    model: SkinModel,
    forward: Forward,
    group: list[Sample],
    transform: Transform,
    measure: bool,
    drawing: Pieces | None,
) -> Iterator[Prediction]:
    batch = collate([transform(sample) for sample in group], model.metadata_encoder)
    with evaluation_mode(model), torch.no_grad():
        output = forward(*model.inputs(move(batch, model.device)))
    require_finite(output)
    classes = model.label_space.classes if model.label_space else ()
    probabilities = model.probabilities(output.logits).tolist() if output.logits is not None else None
    masks = output.mask_logits.sigmoid()[:, 0].float().cpu().numpy() if output.mask_logits is not None else None
    explanations = [None] * len(group) if drawing is None else _heatmaps(model, group, drawing)
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


def _heatmaps(model: SkinModel, group: list[Sample], drawing: Pieces) -> Sequence[Explanation | None]:
    from skinzoo.explain import explain_all

    def draw(part: slice) -> list[Explanation]:
        return [*explain_all(model, group[part], batch_size=len(group[part]))]

    return [explanation for piece in drawing.run(draw, len(group), model.device) for explanation in piece]
