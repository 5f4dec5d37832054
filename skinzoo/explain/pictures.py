"""Explanations of pictures as people have them: a file, a folder, arrays, a collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets import SkinDataset
from skinzoo.datasets.loading import collate
from skinzoo.devices import move
from skinzoo.errors import ConfigError, ImageDecodeError, MaskError
from skinzoo.explain.baselines import Baseline
from skinzoo.explain.checks import check_batch_size
from skinzoo.explain.explanation import Explanation
from skinzoo.explain.integrated import integrated_gradient_map
from skinzoo.explain.methods import Method, explain_batch, method_function, method_name
from skinzoo.explain.targets import Target, parse_target
from skinzoo.inputs import Picture, PictureLike, Unreadable, find_picture, find_pictures, readable, with_metadata
from skinzoo.models import SkinModel
from skinzoo.transforms import Transform, restore
from skinzoo.types import Batch, Sample

_SPIKY = "integrated_gradients"


class Explanations(Iterator[Explanation]):
    """Explanations of several pictures, each made when it is asked for; one goes through them once.

    Args:
        make: Begins to make them, given the list for what cannot be read.

    Attributes:
        failed: The pictures so far that could not be read.
    """

    def __init__(self, make: Callable[[list[Unreadable]], Iterator[Explanation]]) -> None:
        self.failed: list[Unreadable] = []
        self._items = make(self.failed)

    def __next__(self) -> Explanation:
        return next(self._items)


def grad_cam(
    model: SkinModel, picture: PictureLike, *, target: Target = None, metadata: Mapping[str, Any] | None = None
) -> Explanation:
    """Grad-CAM heatmap of one picture; `explain_all` takes several.

    Args:
        model: Any model of the zoo.
        picture: A path, a uint8 RGB array (H, W, 3), or a `Sample`.
        target: Class code or index; `"malignant"` for the malignant classes together; `"lesion"` for the mask; default
            the predicted class, or the mask where the model predicts no class.
        metadata: For a model that takes it; default what a `Sample` brings along. The map shows the picture's part in
            the answer only.

    Raises:
        ConfigError: The target is not among the model's classes, the model predicts no mask, or the metadata is not
            what it takes.
        ImageDecodeError: The picture cannot be read.

    Examples:
        >>> grad_cam(model, "lesion.jpg").save("cam.png")
    """
    return _one(model, picture, target, metadata, "grad_cam")


def saliency(
    model: SkinModel, picture: PictureLike, *, target: Target = None, metadata: Mapping[str, Any] | None = None
) -> Explanation:
    """Gradient saliency of one picture; `explain_all` takes several.

    Args:
        model: Any model of the zoo.
        picture: A path, a uint8 RGB array (H, W, 3), or a `Sample`.
        target: As for `grad_cam`.
        metadata: As for `grad_cam`.

    Raises:
        ConfigError: As for `grad_cam`.
        ImageDecodeError: The picture cannot be read.
    """
    return _one(model, picture, target, metadata, "saliency")


def integrated_gradients(
    model: SkinModel,
    picture: PictureLike,
    *,
    target: Target = None,
    metadata: Mapping[str, Any] | None = None,
    steps: int = 32,
    baseline: Baseline = "blur",
    batch_size: int = 16,
) -> Explanation:
    """Integrated gradients of one picture, by Captum; needs the extra `explain`.

    The explanation's `notes` hold `attribution_sum`, `score_difference` (score of the picture minus that of the
    baseline) and `completeness_error`, by how much the two differ. A larger error asks for more steps. The heatmap
    shows what speaks for the target, its highest hundredth alike.

    Args:
        model: Any model of the zoo.
        picture: A path, a uint8 RGB array (H, W, 3), or a `Sample`.
        target: As for `grad_cam`.
        metadata: As for `grad_cam`; it is the same all along the way.
        steps: Points along the way from the baseline to the picture.
        baseline: `"blur"`, `"black"` or `"mean"` (the picture's mean colour); see `baseline_images`.
        batch_size: Points at a time.

    Raises:
        MissingDependencyError: captum is not installed.
        ConfigError: An option makes no sense, or as for `grad_cam`.
        ImageDecodeError: The picture cannot be read.
    """
    method = partial(integrated_gradient_map, steps=steps, baseline=baseline, batch_size=batch_size)
    return _one(model, picture, target, metadata, method, _SPIKY)


def explain_all(
    model: SkinModel,
    pictures: PictureLike | Iterable[PictureLike] | SkinDataset,
    *,
    method: Method = "grad_cam",
    target: Target = None,
    metadata: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    batch_size: int = 16,
) -> Explanations:
    """Explanations of several pictures, a folder, or a collection, in order and made as one goes through them.

    A picture that cannot be read is left out and listed in `failed`; the others go on.

    Args:
        model: Any model of the zoo.
        pictures: A folder (searched with its subfolders) or an archive, a list of what `grad_cam` takes, or a part of a
            collection.
        method: `"grad_cam"`, `"saliency"`, `"integrated_gradients"`, or a function; see `MethodFunction`.
        target: As for `grad_cam`; by default each picture's predicted class.
        metadata: One mapping for all pictures, or a list with one a picture; default what each `Sample` brings along.
        batch_size: Pictures at a time.

    Raises:
        ConfigError: An option makes no sense, or as for `grad_cam`.
        DatasetNotFoundError: No such path, or a folder without images.

    Examples:
        >>> explanations = explain_all(model, "pictures/")
        >>> for explanation in explanations:
        ...     explanation.save(f"cams/{explanation.id}.png")
        >>> explanations.failed
        []
    """
    parse_target(model, target)
    method_function(method)
    check_batch_size(batch_size)
    if metadata is not None:
        if isinstance(pictures, SkinDataset):
            raise ConfigError("the samples of a collection bring their metadata along; leave metadata out.")
        list(with_metadata(model, (), {}))  # does the model take any?
    if isinstance(pictures, SkinDataset):
        source: SkinDataset | Iterator[Picture] = pictures
    else:  # the first now, so that a wrong path is heard of here
        found = find_pictures(pictures)
        source = chain(list(islice(found, 1)), found)

    def make(failed: list[Unreadable]) -> Iterator[Explanation]:
        samples = read(model, source, failed, metadata)
        for group, batch in batches_of(model, samples, batch_size):
            yield from _explain(model, group, batch, target, method, method_name(method))

    return Explanations(make)


def read(
    model: SkinModel,
    source: SkinDataset | Iterator[Picture],
    failed: list[Unreadable],
    metadata: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
) -> Iterator[Sample]:
    """The samples of a collection or of found pictures; one that cannot be read goes to `failed` instead."""
    if not isinstance(source, SkinDataset):
        yield from readable(model, source, failed, metadata)
        return
    for number in range(len(source)):
        try:
            yield source[number]
        except (ImageDecodeError, MaskError) as error:
            failed.append(Unreadable(str(source.records.ids[number]), str(error)))


def batches_of(model: SkinModel, samples: Iterator[Sample], batch_size: int) -> Iterator[tuple[list[Sample], Batch]]:
    """Samples in groups, each with the batch that the model sees of it, on the model's device."""
    transform = Transform(model.input_spec)
    while group := list(islice(samples, batch_size)):
        yield group, move(collate([transform(s) for s in group], model.metadata_encoder), model.device)


def _one(
    model: SkinModel,
    picture: PictureLike,
    target: Target,
    metadata: Mapping[str, Any] | None,
    method: Method,
    name: str = "",
) -> Explanation:
    parse_target(model, target)
    samples = with_metadata(model, [find_picture(picture)], metadata)
    ((group, batch),) = batches_of(model, samples, 1)
    (explanation,) = _explain(model, group, batch, target, method, name or method_name(method))
    return explanation


def _explain(
    model: SkinModel, samples: Sequence[Sample], batch: Batch, target: Target, method: Method, name: str
) -> Iterator[Explanation]:
    images, *others = model.inputs(batch)
    maps, goals, probabilities, notes = explain_batch(model, images, others=others, target=target, method=method)
    for sample, heat, goal, probability, said in zip(
        samples, maps.cpu().numpy(), goals, probabilities, notes, strict=True
    ):
        image = np.asarray(sample.image)
        shown = _without_spikes(heat) if name == _SPIKY else heat
        full = restore(shown, image.shape[:2], model.input_spec)
        yield Explanation(sample.id, image, full, goal.label, probability, name, said)


def _without_spikes(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scaled to the 99th percentile and cut off there: a few pixels would otherwise hide all others."""
    top = np.quantile(heat, 0.99)
    return np.minimum(heat / top, 1).astype(np.float32) if top > 0 else heat
