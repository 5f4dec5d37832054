"""Where a process runs and with whom: device, rank, and PyTorch's own distributed engine (`torchrun`)."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import distributed, nn

from skinzoo.devices import pick_device


@dataclass(frozen=True)
class Engine:
    """One process of a run.

    Attributes:
        device: Where its model lives.
        rank: Its number among all processes; 0 writes files and prints.
        world_size: Number of processes.
    """

    device: torch.device
    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """True for the process that writes files and prints."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model to call in training steps: synchronised over the processes if there are several."""
        if self.world_size == 1:
            return model
        devices = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=devices)

    def agree(self, values: list[float]) -> list[float]:
        """The main process's numbers, in every process."""
        if self.world_size == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.broadcast(tensor, src=0)
        return cast("list[float]", tensor.tolist())

    @contextmanager
    def own_randomness(self) -> Iterator[None]:
        """Whatever is drawn inside leaves PyTorch's global random state as it was."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            yield

    def share(self, model: nn.Module) -> None:
        """Give every process the main process's weights."""
        if self.world_size > 1:
            for tensor in model.state_dict().values():
                dense = tensor.contiguous()  # channels-last tensors cannot be sent as they are
                distributed.broadcast(dense, src=0)
                tensor.copy_(dense)


def start_engine(device: str = "auto") -> Engine:
    """This process's engine; under `torchrun` it joins the others, once for all runs of the program."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    place = pick_device(device)
    if world_size == 1:
        return Engine(place)
    if place.type == "cuda":
        place = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(place)
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
        if place.type == "cuda":  # gloo is left until the end: taking it down can hang (seen with torch 2.6)
            atexit.register(distributed.destroy_process_group)
    return Engine(place, distributed.get_rank(), world_size)
