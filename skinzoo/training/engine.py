"""Where a process runs and with whom: device, rank, and PyTorch's own distributed engine (`torchrun`)."""

from __future__ import annotations

import atexit
import json
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, distributed, nn

from skinzoo.devices import pick_device
from skinzoo.errors import TrainingError

T = TypeVar("T")


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

    def wrap(self, model: nn.Module, *, compiled: bool = False) -> nn.Module:
        """The model to call in training steps: synchronised over the processes if there are several."""
        network = model
        if self.world_size > 1:
            devices = [self.device.index] if self.device.type == "cuda" else None
            network = nn.parallel.DistributedDataParallel(model, device_ids=devices)
        if not compiled:
            return network
        chosen: nn.Module = torch.compile(network)  # type: ignore[assignment]
        return chosen

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.world_size > 1:
            values = values.clone()
            distributed.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """True in every process if it is true in one."""
        if self.world_size == 1:
            return flag
        return bool(self.total(torch.tensor([float(flag)], device=self.device)).item())

    def gather(self, rows: Tensor) -> list[Tensor]:
        """Every process's tensor, in order of the ranks; they may differ in their first dimension only."""
        if self.world_size == 1:
            return [rows]
        rows = rows.to(self.device).contiguous()
        sizes = torch.zeros(self.world_size, dtype=torch.int64, device=self.device)
        sizes[self.rank] = len(rows)
        distributed.all_reduce(sizes)
        padded = rows.new_zeros((int(sizes.max()), *rows.shape[1:]))
        padded[: len(rows)] = rows
        places = [torch.empty_like(padded) for _ in range(self.world_size)]
        distributed.all_gather(places, padded)
        return [place[:size] for place, size in zip(places, sizes.tolist(), strict=True)]

    def send(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The main process's tensors, in every process; the others pass anything."""
        if self.world_size == 1:
            return dict(tensors)
        described = json.dumps([[k, list(v.shape), str(v.dtype)] for k, v in tensors.items()])
        received = {}
        for name, shape, dtype in json.loads(self.send_text(described)):
            own = tensors[name].to(self.device).contiguous() if self.is_main else None
            place = torch.empty(shape, dtype=getattr(torch, dtype.removeprefix("torch.")), device=self.device)
            distributed.broadcast(place if own is None else own, src=0)
            received[name] = (place if own is None else own).cpu()
        return received

    def send_text(self, text: str) -> str:
        """The main process's text, in every process."""
        if self.world_size == 1:
            return text
        data = torch.tensor(list(text.encode()), dtype=torch.uint8, device=self.device)
        size = torch.tensor([len(data)], device=self.device)
        distributed.broadcast(size, src=0)
        place = data if self.is_main else torch.empty(int(size), dtype=torch.uint8, device=self.device)
        distributed.broadcast(place, src=0)
        return bytes(place.tolist()).decode()

    def on_main(self, action: Callable[[], T]) -> T | None:
        """Do something in the main process; the others get None.

        Raises:
            Exception: Whatever the action raises, in the main process.
            TrainingError: In the others, if it raised something.
        """
        result, problem = None, None
        if self.is_main:
            try:
                result = action()
            except Exception as error:
                problem = error
        message = self.send_text(str(problem) if problem else "")
        if problem is not None:
            raise problem
        if message:
            raise TrainingError(f"the main process stopped: {message}")
        return result

    @contextmanager
    def own_randomness(self) -> Iterator[None]:
        """Whatever is drawn inside leaves the global random states of Python, NumPy and PyTorch as they were."""
        devices = [self.device] if self.device.type == "cuda" else []
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
        with torch.random.fork_rng(devices=devices):
            try:
                yield
            finally:
                random.setstate(python)
                np.random.set_state(numpy)  # noqa: NPY002

    def share(self, model: nn.Module) -> None:
        """Give every process the main process's weights."""
        if self.world_size > 1:
            for tensor in model.state_dict().values():
                dense = tensor.contiguous()  # channels-last tensors cannot be sent as they are
                distributed.broadcast(dense, src=0)
                tensor.copy_(dense)


def launched_processes() -> int:
    """Number of processes that `torchrun` has started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def start_engine(device: str = "auto") -> Engine:
    """This process's engine; under `torchrun` it joins the others, once for all runs of the program.

    Args:
        device: `"auto"`, `"cpu"`, `"cuda"` ...; several processes take a CUDA device each.

    Raises:
        ConfigError: No such device here.
    """
    world_size = launched_processes()
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
