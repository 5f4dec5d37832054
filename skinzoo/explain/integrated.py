"""Integrated gradients: what each pixel adds to the score on the way from a baseline to the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from skinzoo.errors import MissingDependencyError
from skinzoo.explain.baselines import Baseline, baseline_images
from skinzoo.explain.checks import require_whole
from skinzoo.explain.targets import Aim, Score, score_of
from skinzoo.models import SkinModel, evaluation_mode
from skinzoo.types import ModelOutput


def integrated_gradient_map(
    model: SkinModel,
    images: Tensor,
    score: Score,
    *,
    others: Sequence[Tensor] = (),
    steps: int = 32,
    baseline: Baseline = "blur",
    batch_size: int = 16,
) -> Tensor:
    """Integrated gradients (Sundararajan, Taly, Yan 2017), summed over the colour channels, negatives cut off.

    Before the cut the attributions of a picture sum to the difference between its score and its baseline's, up to the
    error of `steps`; an `Aim` as score takes that error as a note. Needs the extra `explain`.

    Args:
        model: Any model of the zoo.
        images: Normalised batch (N, 3, H, W).
        score: What to explain; one number per image.
        others: What the model takes besides, as `model.inputs(batch)[1:]` gives it.
        steps: Points of the Gauss-Legendre rule along the way.
        baseline: Where the way begins; see `baseline_images`.
        batch_size: Points at a time.

    Returns:
        Maps (N, H, W) in [0, 1], each divided by its highest value; zero throughout where nothing speaks for the score.

    Raises:
        ConfigError: `steps`, `baseline` or `batch_size` makes no sense.
        MissingDependencyError: captum is not installed.
    """
    require_whole("steps", steps)
    require_whole("batch_size", batch_size)
    integrate = _captum()
    maps = []
    with torch.inference_mode(False), torch.enable_grad(), evaluation_mode(model):
        pictures, *rest = (t.detach().clone() for t in (images, *others))
        starts = baseline_images(pictures, baseline, model.input_spec)
        with torch.no_grad():
            ends = score(model(pictures, *rest)).double()
        for number in range(len(pictures)):
            one = slice(number, number + 1)
            own, extra = score_of(score, number), tuple(t[one] for t in rest)

            def forward(x: Tensor, *more: Tensor, own: Score = own) -> Tensor:
                output: ModelOutput = model(x, *more)
                return own(output)

            attributions = integrate(forward).attribute(
                pictures[one],
                starts[one],
                additional_forward_args=extra or None,
                n_steps=steps,
                internal_batch_size=batch_size,
            )
            attributions = attributions.detach().double()
            if isinstance(score, Aim):
                with torch.no_grad():
                    begin = float(forward(starts[one], *extra))
                difference, total = float(ends[number]) - begin, float(attributions.sum())
                score.notes[number].update(
                    score_difference=difference, attribution_sum=total, completeness_error=abs(total - difference)
                )
            positive = attributions.sum(1).relu()
            maps.append((positive / positive.amax().clamp_min(torch.finfo(torch.float64).tiny)).to(images.dtype))
    return torch.cat(maps)


def _captum() -> Any:
    try:
        from captum.attr import IntegratedGradients
    except ImportError as error:
        raise MissingDependencyError(
            f'integrated gradients need captum ({error}): pip install "skinzoo[explain]".'
        ) from error
    return IntegratedGradients
