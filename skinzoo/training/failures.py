"""Errors of the libraries below, said in words that help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from skinzoo.errors import OutOfMemoryError, TrainingError
from skinzoo.training.config import TrainConfig
from skinzoo.training.engine import Engine

_LOST = ("closed by peer", "connection reset", "nccl", "gloo", "broken pipe", "timed out")


@contextmanager
def explained(config: TrainConfig, engine: Engine) -> Iterator[None]:
    """Errors raised inside, with what to do about them.

    Raises:
        OutOfMemoryError: The device's memory is too small.
        TrainingError: A worker process was killed, or another process of the run.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error).lower()
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in text:
            raise OutOfMemoryError(_advice(config, engine)) from error
        if "dataloader worker" in text:
            raise TrainingError(
                f"a process that loads data was killed ({str(error).splitlines()[0]}), mostly because memory or "
                f"shared memory is full. Use fewer workers than num_workers={config.num_workers}, or smaller images."
            ) from error
        if engine.world_size > 1 and any(word in text for word in _LOST):
            raise TrainingError(
                f"process {engine.rank} lost the others: one of the {engine.world_size} has ended ({error}). Its "
                "output says why; start all of them again with the same command to go on from the last checkpoint."
            ) from error
        raise


def _advice(config: TrainConfig, engine: Engine) -> str:
    share = config.batch_size // engine.world_size
    advice = [f"accumulate={config.accumulate * 2} gives the same result in smaller pieces"]
    if share > 1:
        advice.append(f"batch_size={max(engine.world_size, config.batch_size // 2)} needs half")
    if engine.device.type == "cuda" and config.precision == "fp32":
        advice.append("precision='bf16' needs about half")
    return (
        f"{engine.device} has too little memory for {share} images a process in {config.accumulate} "
        f"piece{'s' if config.accumulate > 1 else ''}: {'; '.join(advice)}; so does a smaller image_size."
    )
