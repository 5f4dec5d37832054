"""Active learning: which unlabelled pictures to have labelled next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from skinzoo.datasets import SkinDataset
from skinzoo.devices import pick_device
from skinzoo.errors import ConfigError
from skinzoo.evaluation.batching import BatchSize, check_batch_size, fitting_batch_size
from skinzoo.evaluation.engines import Engine, check_engine, forward_of
from skinzoo.evaluation.features import penultimate_features
from skinzoo.evaluation.inference import collect, evaluation_loader
from skinzoo.files import write_csv
from skinzoo.models import SkinModel
from skinzoo.registry import did_you_mean

Strategy = Literal["entropy", "margin", "least_confidence", "diversity"]
_STRATEGIES = get_args(Strategy)
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Ranking:
    """Pictures in the order in which they should be labelled.

    Attributes:
        strategy: What they were ranked by.
        rows: Their positions in the dataset (n,): `dataset.subset(ranking.rows)`.
        ids: Their ids, in the same order.
        scores: Their uncertainty (n,); for `"diversity"` the distance to the nearest picture that was labelled or
            ranked before, infinite for the first of all. Higher is ranked first.
    """

    strategy: str
    rows: NDArray[np.int64]
    ids: tuple[str, ...]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Ids with their scores."""
        return zip(self.ids, self.scores.tolist(), strict=True)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a table of rank, id and score, and return its path."""
        rows = [[rank, name, score] for rank, (name, score) in enumerate(self, start=1)]
        return write_csv(path, ["rank", "id", self.strategy], rows)


def rank_unlabelled(
    model: SkinModel,
    dataset: SkinDataset,
    strategy: Strategy = "entropy",
    *,
    n: int | None = None,
    labelled: SkinDataset | None = None,
    batch_size: BatchSize = "auto",
    num_workers: int = 0,
    device: torch.device | str | None = None,
    engine: Engine = "auto",
) -> Ranking:
    """Rank a collection by how much a label of each picture should teach the model.

    Labels, where there are any, are not looked at. Equal scores keep the collection's order, and nothing is drawn at
    random: the same call gives the same ranking.

    Args:
        model: A model that predicts classes.
        dataset: The pictures to choose from.
        strategy: `"entropy"`, of the class probabilities; `"margin"`, 1 - (highest - second highest probability);
            `"least_confidence"`, 1 - highest probability; or `"diversity"`, k-centre greedy on the features before the
            last layer (Sener, Savarese 2018, "Active Learning for Convolutional Neural Networks: A Core-Set Approach"):
            always the picture farthest from all labelled and chosen ones.
        n: How many at most; None for all. `"diversity"` takes a pass over all features for each.
        labelled: For `"diversity"`: what is labelled already. Without it the first picture is the one nearest to the
            mean.
        batch_size: Samples at a time; `"auto"` for as many as fit into memory, as for `predict`.
        num_workers: Processes that load data.
        device: Where to compute; None for where the model is.
        engine: What computes the answers, as for `predict`; the features for `"diversity"` are the model's own.

    Raises:
        ConfigError: An unknown strategy, an `n` below 1, `labelled` for another strategy, or a model without classes.
        EmptyLoaderError: The collection is empty.

    Examples:
        >>> ranking = rank_unlabelled(model, pool, "margin", n=100)
        >>> to_label = pool.subset(ranking.rows)
    """
    check_engine(engine)
    check_batch_size(batch_size)
    if strategy not in _STRATEGIES:
        raise ConfigError(f"unknown strategy {strategy!r}; {did_you_mean(str(strategy), _STRATEGIES)}")
    if n is not None and (isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1):
        raise ConfigError(f"n must be a whole number of at least 1, or None for all; got {n!r}.")
    if labelled is not None and strategy != "diversity":
        raise ConfigError(f"labelled= is for strategy='diversity'; {strategy!r} does not look at it.")
    if not model.task.has_labels:
        raise ConfigError(f"{model.config.architecture} predicts no class, so it cannot be unsure of one.")
    if device is not None:
        model.to(pick_device(device))

    forward = model if strategy == "diversity" else forward_of(model, engine, len(dataset))
    size = fitting_batch_size(model, batch_size, len(dataset), forward)

    loader_of = partial(evaluation_loader, model, batch_size=size, num_workers=num_workers)
    if strategy == "diversity":
        features = penultimate_features(model, loader_of(dataset))
        known = None if labelled is None or not len(labelled) else penultimate_features(model, loader_of(labelled))
        rows, scores = k_centre_greedy(features, len(features) if n is None else int(n), known)
    else:
        probabilities = collect(model, loader_of(dataset), device=model.device, forward=forward).probabilities
        assert probabilities is not None
        scores = uncertainty(probabilities, strategy)
        rows = np.argsort(-scores, kind="stable")[:n]
        scores = scores[rows]
    return Ranking(strategy, rows, tuple(dataset.records.ids[rows].tolist()), scores)


def uncertainty(
    probabilities: NDArray[np.float64], measure: Literal["entropy", "margin", "least_confidence"]
) -> NDArray[np.float64]:
    """How unsure each row of probabilities (N, C) is: (N,), higher for less sure.

    Args:
        probabilities: Rows that sum to 1.
        measure: `"entropy"` in nats, from 0 to log C; `"margin"` and `"least_confidence"` from 0 to 1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if measure == "entropy":
        logs = np.log(p, out=np.zeros_like(p), where=p > 0)
        entropy: NDArray[np.float64] = np.maximum(-(p * logs).sum(1), 0.0)
        return entropy
    ordered = np.sort(p, axis=1)[:, ::-1]
    second = ordered[:, 1] if p.shape[1] > 1 and measure == "margin" else 0.0
    result: NDArray[np.float64] = 1 - (ordered[:, 0] - second)
    return result


def k_centre_greedy(
    features: NDArray[np.float32], n: int, centres: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows that cover all rows well: each one is the farthest from the centres and the rows chosen before.

    Args:
        features: (N, F).
        n: How many rows at most.
        centres: (M, F) that are there already; None for none, then the first row is the one nearest to the mean.

    Returns:
        The rows (n,) in order, and their Euclidean distances (n,) when they were chosen; infinite for the first without
        centres. Of equally far rows the first is chosen.
    """
    points = np.asarray(features, dtype=np.float64)
    nearest = np.full(len(points), np.inf)
    if centres is None or not len(centres):
        rows = [int(((points - points.mean(0)) ** 2).sum(1).argmin())]
        distances = [np.inf]
        nearest = ((points - points[rows[0]]) ** 2).sum(1)
    else:
        rows, distances = [], []
        for start in range(0, len(centres), _BLOCK):
            nearest = np.minimum(nearest, _squared(points, np.asarray(centres[start : start + _BLOCK], np.float64)))
    nearest[rows] = -1.0
    while len(rows) < min(n, len(points)):
        row = int(nearest.argmax())
        rows.append(row)
        distances.append(float(nearest[row]) ** 0.5)
        nearest = np.where(nearest < 0, -1.0, np.minimum(nearest, ((points - points[row]) ** 2).sum(1)))
        nearest[row] = -1.0
    return np.array(rows, dtype=np.int64), np.array(distances, dtype=np.float64)


def _squared(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distance of each point to its nearest centre."""
    products = points @ centres.T
    squares = (points**2).sum(1)[:, None] + (centres**2).sum(1)[None] - 2 * products
    result: NDArray[np.float64] = np.maximum(squares.min(1), 0.0)
    return result
