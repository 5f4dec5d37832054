"""Running means over the training steps between two evaluations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from torch import Tensor

from skinzoo.evaluation.inference import annotated
from skinzoo.types import IGNORE_INDEX, Batch, ModelOutput


class Tally:
    """Sums losses and correct predictions; nothing is read back from the device before `means`."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor | float] = defaultdict(float)
        self._counts: dict[str, Tensor | float] = defaultdict(float)

    def add(self, output: ModelOutput, batch: Batch, losses: Mapping[str, Tensor]) -> None:
        """Count one step."""
        counts = annotated(batch)
        for name, value in losses.items():
            count = counts.get(name, len(batch.ids))
            self._sums[f"train_{name}"] += value.detach() * count
            self._counts[f"train_{name}"] += count
        if output.logits is not None:
            labelled = batch.labels != IGNORE_INDEX
            self._sums["train_accuracy"] += ((output.logits.detach().argmax(1) == batch.labels) & labelled).sum()
            self._counts["train_accuracy"] += labelled.sum()

    def means(self) -> dict[str, float]:
        """Mean of each value over the samples that it concerns; NaN if there was none."""
        counts = {name: float(count) for name, count in self._counts.items()}
        return {
            name: float(total) / counts[name] if counts[name] else float("nan") for name, total in self._sums.items()
        }
