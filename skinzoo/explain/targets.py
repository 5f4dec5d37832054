"""What is explained: a class, the malignant classes together, or the mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import numpy as np
import torch
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.models import SkinModel, require_finite
from skinzoo.types import ModelOutput

LESION = "lesion"
MALIGNANT = "malignant"

Score: TypeAlias = Callable[[ModelOutput], Tensor]
"""One number for each picture of a batch, (N,), differentiable."""
Target: TypeAlias = str | int | None
"""A class code or index, `"malignant"`, `"lesion"`; None for what the model predicts."""


def class_score(index: int) -> Score:
    """The logit of one class, per image."""
    return lambda output: cast("Tensor", output.logits)[:, index]


def lesion_score(output: ModelOutput) -> Tensor:
    """The mean mask logit over the predicted lesion (over the whole picture if none is predicted), per image.

    Vinogradova, Dibrov, Myers (2020), "Towards interpretable semantic segmentation via gradient-weighted class
    activation mapping".
    """
    logits = cast("Tensor", output.mask_logits).flatten(1)
    return _mean_inside(logits, _predicted_lesion(logits))


@dataclass(frozen=True, eq=False)
class Goal:
    """What is explained of one picture: it stays the same whatever is done to the picture.

    Attributes:
        label: A class code, `"malignant"` or `"lesion"`.
        score: What gradients are taken of, (M,) for M versions of the picture: the logit of a class, the log odds of
            malignancy, or the mean mask logit over the lesion predicted in the picture as it was.
        probability: The same as a probability in [0, 1], (M,), calibrated if the model is.
    """

    label: str
    score: Score
    probability: Score


@dataclass(eq=False)
class Aim:
    """The score of a batch. The first answer of the model that it is given fixes what is explained of each picture.

    Args:
        model: Whose answer is explained.
        target: See `Target`.
        goals: One a picture, where they are known.

        probabilities: Filled by the first answer, of each picture's goal.
        notes: Filled by a method that has to say something beside its maps, one a picture.

    Raises:
        ConfigError: The target is no class of the model, or the model predicts no mask.
        LabelError: No class has that name.
    """

    model: SkinModel
    target: Target = None
    goals: list[Goal] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    notes: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._kind = None if self.goals else parse_target(self.model, self.target)

    def __call__(self, output: ModelOutput) -> Tensor:
        """The scores (N,) of N pictures.

        Raises:
            DivergedError: The first answer holds values that are not finite.
        """
        if not self.probabilities:
            self._fix(output)
        return torch.cat([goal.score(row(output, i)) for i, goal in enumerate(self.goals)])

    @torch.no_grad()
    def _fix(self, output: ModelOutput) -> None:
        require_finite(output)
        size = len(next(t for t in output if t is not None))
        if not self.goals:
            self.goals = [_goal(self.model, self._kind, row(output, i)) for i in range(size)]
        self.probabilities = [float(goal.probability(row(output, i))) for i, goal in enumerate(self.goals)]
        self.notes = [{} for _ in self.goals]


def score_of(score: Score, number: int) -> Score:
    """The score of any number of versions of one picture of a batch."""
    return score.goals[number].score if isinstance(score, Aim) else score


def row(output: ModelOutput, number: int) -> ModelOutput:
    """The answer for one picture of a batch, as a batch of one."""
    return ModelOutput(*(None if t is None else t[number : number + 1] for t in output))


def parse_target(model: SkinModel, target: Target) -> int | str | None:
    """A class index, `"malignant"`, `"lesion"`, or None for the predicted class.

    Raises:
        ConfigError: The target is no class of the model, or the model predicts no mask.
        LabelError: No class has that name.
    """
    name, space = model.config.architecture, model.label_space
    if target == LESION or (target is None and space is None):
        if not model.task.has_masks:
            raise ConfigError(f"{name} predicts no mask, so the target 'lesion' makes no sense.")
        return LESION
    if space is None or not model.task.has_labels:
        raise ConfigError(f"{name} predicts no class; its only target is 'lesion', got {target!r}.")
    if target is None:
        return None
    if target == MALIGNANT and MALIGNANT not in {c.casefold() for c in space}:
        if not space.malignant or len(space.malignant) == len(space):
            which = "none" if not space.malignant else "all"
            raise ConfigError(f"{which} of {space.name}'s classes are malignant: the target must be a class.")
        return MALIGNANT
    if isinstance(target, str):
        return space.index(target)
    if isinstance(target, bool) or not isinstance(target, int | np.integer) or not 0 <= target < len(space):
        raise ConfigError(f"target must be a class code or an index from 0 to {len(space) - 1}, got {target!r}.")
    return int(target)


def _goal(model: SkinModel, kind: int | str | None, output: ModelOutput) -> Goal:
    if kind == LESION:
        inside = _predicted_lesion(cast("Tensor", output.mask_logits).flatten(1))
        return Goal(
            LESION,
            lambda out: _mean_inside(cast("Tensor", out.mask_logits).flatten(1), inside),
            lambda out: _mean_inside(cast("Tensor", out.mask_logits).sigmoid().flatten(1), inside),
        )
    space = model.label_space
    assert space is not None
    if kind == MALIGNANT:
        chosen = [i for i, code in enumerate(space) if code in space.malignant]
        return Goal(
            MALIGNANT,
            lambda out: _log_odds(model, cast("Tensor", out.logits), chosen),
            lambda out: model.probabilities(cast("Tensor", out.logits))[:, chosen].sum(1),
        )
    index = int(model.probabilities(cast("Tensor", output.logits))[0].argmax()) if kind is None else int(kind)
    return Goal(
        space.classes[index],
        class_score(index),
        lambda out: model.probabilities(cast("Tensor", out.logits))[:, index],
    )


def _log_odds(model: SkinModel, logits: Tensor, chosen: list[int]) -> Tensor:
    """Of the chosen classes together against all others, by the calibrated probabilities."""
    logits = logits if model.calibration is None else model.calibration.apply(logits)
    others = [i for i in range(logits.shape[1]) if i not in chosen]
    return logits[:, chosen].logsumexp(1) - logits[:, others].logsumexp(1)


def _predicted_lesion(mask_logits: Tensor) -> Tensor:
    """1 inside, 0 outside; 1 everywhere in a picture without a predicted lesion."""
    inside = (mask_logits > 0).to(mask_logits.dtype)
    return torch.where(inside.sum(1, keepdim=True) > 0, inside, torch.ones_like(inside))


def _mean_inside(values: Tensor, inside: Tensor) -> Tensor:
    return (values * inside).sum(1) / inside.sum(1)
