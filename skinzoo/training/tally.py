"""Running means over the training steps between two evaluations."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from skinzoo.losses import MultiTaskLoss
from skinzoo.training.engine import Engine
from skinzoo.types import IGNORE_INDEX, Batch, ModelOutput


class Tally:
    """Sums losses and correct predictions; nothing is read back from the device before `means`."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}

    def add(
        self, output: ModelOutput, batch: Batch, losses: Mapping[str, Tensor], masses: Mapping[str, Tensor]
    ) -> None:
        """Count one batch, or a piece of one; `masses` are what the parts of the loss are the means over."""
        for name, mass in masses.items():
            self._count(name, losses[name].detach(), mass)
        if output.logits is not None:
            labelled = batch.labels != IGNORE_INDEX
            predicted = output.logits.detach().argmax(1)
            right = ((predicted == batch.labels) & labelled).sum()
            if batch.other_labels is not None:
                other = ((predicted == batch.other_labels) & labelled).sum()
                right = batch.share * right + (1 - batch.share) * other
            self._count("accuracy", right / labelled.sum().clamp_min(1), labelled.sum())

    def _count(self, name: str, mean: Tensor, mass: Tensor) -> None:
        more = torch.stack([mean.double() * mass, mass.double()])
        self._sums[name] = self._sums[name] + more if name in self._sums else more

    def means(self, engine: Engine, loss: MultiTaskLoss) -> dict[str, float]:
        """Mean of each value over the samples of all processes that it concerns, NaN if there was none, and the loss.

        The loss is the combination of its parts' means, as in an evaluation.
        """
        if not self._sums:
            return {}
        names = sorted(self._sums)
        pairs = engine.total(torch.stack([self._sums[name] for name in names])).tolist()
        means = {name: total / mass if mass else float("nan") for name, (total, mass) in zip(names, pairs, strict=True)}
        parts = {name: value for name, value in means.items() if name != "accuracy" and value == value}
        combined = {"loss": loss.combine(parts)} if parts else {}
        return {f"train_{name}": value for name, value in (combined | means).items()}

    def clear(self) -> None:
        """Begin again at zero."""
        self._sums = {}

    def state(self) -> dict[str, Tensor]:
        """What `restore` takes."""
        return dict(self._sums)

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on counting from a saved state."""
        self._sums = dict(state)
