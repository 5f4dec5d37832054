"""One evaluation shared by several processes: each scores its batches, and all put the same whole together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skinzoo.evaluation.inference import Outcome
from skinzoo.losses import MultiTaskLoss
from skinzoo.training.engine import Engine


def gather_outcome(outcome: Outcome, engine: Engine, batch_size: int, loss: MultiTaskLoss) -> Outcome:
    """What all processes saw, in the order of the collection; the same in every process.

    Args:
        outcome: What this process saw: of a loader in order, batches `rank`, `rank + world_size` ...
        engine: This process.
        batch_size: Of the loader.
        loss: Combines the parts of the loss.

    Returns:
        The whole; the ids are those of this process's samples only.
    """
    if engine.world_size == 1:
        return outcome
    rows = np.arange(len(outcome.ids))
    number, place = np.divmod(rows, batch_size)
    position = (number * engine.world_size + engine.rank) * batch_size + place

    def whole(array: NDArray[Any]) -> NDArray[Any]:
        gathered: NDArray[Any] = torch.cat(engine.gather(torch.from_numpy(array))).cpu().numpy()
        return gathered

    positions = whole(position.astype(np.int64))
    order = np.argsort(positions, kind="stable")
    parts = list(outcome.loss_sums)
    totals = engine.total(torch.tensor([outcome.loss_sums[name] for name in parts], dtype=torch.float64)).tolist()
    sums = {name: (total, mass) for name, (total, mass) in zip(parts, totals, strict=True)}
    mask_rows = whole(position[outcome.mask_rows].astype(np.int64))
    mask_order = np.argsort(mask_rows, kind="stable")
    return replace(
        outcome,
        labels=whole(outcome.labels)[order],
        logits=None if outcome.logits is None else whole(outcome.logits)[order],
        probabilities=None if outcome.probabilities is None else whole(outcome.probabilities)[order],
        mask_counts=None if outcome.mask_counts is None else whole(outcome.mask_counts)[mask_order],
        mask_rows=mask_rows[mask_order],
        loss_sums=sums,
        loss=outcome.combined(sums, loss),
    )
