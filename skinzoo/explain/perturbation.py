"""Deletion and insertion: does the score follow the pixels that the heatmap calls important?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.explain.baselines import Baseline, baseline_images
from skinzoo.explain.checks import require_whole
from skinzoo.explain.targets import Score
from skinzoo.models import SkinModel, evaluation_mode

FloatArray = NDArray[np.float64]


class Curve(NamedTuple):
    """A score against the share of the pixels that were changed.

    Attributes:
        shares: In [0, 1], from 0 to 1, (steps + 1,).
        scores: (steps + 1,).
        area: Under the curve, by the trapezoidal rule; of probabilities in [0, 1].
    """

    shares: FloatArray
    scores: FloatArray
    area: float


class Curves(NamedTuple):
    """Both curves of one map.

    Attributes:
        deletion: The hottest pixels are taken away first; a faithful map has a small area.
        insertion: The hottest pixels are put in first; a faithful map has a large area.
    """

    deletion: Curve
    insertion: Curve


def perturbation_curves(
    model: SkinModel,
    image: Tensor,
    heatmap: ArrayLike,
    score: Score,
    *,
    others: Sequence[Tensor] = (),
    steps: int = 16,
    baseline: Baseline = "blur",
    batch_size: int = 16,
    seed: int = 0,
) -> Curves:
    """Deletion and insertion curves (Petsiuk, Das, Saenko 2018, "RISE") of one picture.

    Deletion replaces the pixels by the baseline's, the hottest first; insertion begins with the baseline and puts the
    pixels in, the hottest first. Pixels of one heat come in random order, the same for a seed.

    Args:
        model: Any model of the zoo.
        image: Normalised (1, 3, H, W).
        heatmap: (H, W), finite.
        score: What to follow, such as the probability of a class: one number for each picture of a batch.
        others: What the model takes besides, for this picture.
        steps: Equal steps from no pixel to all of them.
        baseline: What pixels are replaced by; see `baseline_images`.
        batch_size: Changed pictures at a time.
        seed: Of the order of pixels of one heat.

    Raises:
        ConfigError: Shapes or options that make no sense.
    """
    heat: NDArray[Any] = np.asarray(heatmap)
    if image.ndim != 4 or len(image) != 1 or heat.shape != tuple(image.shape[2:]) or not np.isfinite(heat).all():
        raise ConfigError(
            "one picture (1, 3, H, W) and its finite heatmap (H, W) are needed; "
            f"got {tuple(image.shape)} and {heat.shape}."
        )
    pixels = heat.size
    require_whole("steps", steps, most=pixels, most_is="the number of pixels")
    require_whole("batch_size", batch_size)
    places = torch.from_numpy(order_of_removal(heat, np.random.default_rng(seed))).to(image.device)
    counts = [round(k * pixels / steps) for k in range(steps + 1)]
    hot = [places < count for count in counts]
    kept = [*(~h for h in hot), *hot[1:-1]]  # both curves share their ends
    empty = baseline_images(image, baseline, model.input_spec)
    found = []
    with torch.no_grad(), evaluation_mode(model):
        for masks in _batches(kept, batch_size):
            rest = (t.expand(len(masks), *t.shape[1:]) for t in others)
            found.append(score(model(torch.where(masks[:, None], image, empty), *rest)))
    scores = torch.cat(found).double().cpu().numpy()
    shares = np.array(counts) / pixels
    removed = scores[: steps + 1]
    added = np.array([removed[-1], *scores[steps + 1 :], removed[0]])
    return Curves(*(Curve(shares, s, _area(shares, s)) for s in (removed, added)))


def order_of_removal(heatmap: NDArray[Any], rng: np.random.Generator) -> NDArray[np.int64]:
    """The place of each pixel in the order of removal, (H, W): 0 for the hottest."""
    flat = heatmap.reshape(-1)
    order = np.lexsort((rng.random(flat.size), -flat.astype(np.float64)))
    places = np.empty(flat.size, dtype=np.int64)
    places[order] = np.arange(flat.size)
    return places.reshape(heatmap.shape)


def moved_at_random(heatmap: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """The same map at a random place, going on at the opposite border: a control of the same grain.

    Single pixels in random order are no fair control: they make noise, which a network takes worse than a patch.
    """
    return np.roll(heatmap, (int(rng.integers(heatmap.shape[0])), int(rng.integers(heatmap.shape[1]))), (0, 1))


def _area(x: FloatArray, y: FloatArray) -> float:
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())


def _batches(masks: list[Tensor], size: int) -> Iterator[Tensor]:
    for start in range(0, len(masks), size):
        yield torch.stack(masks[start : start + size])
