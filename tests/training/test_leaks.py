"""Long runs and many runs leave nothing behind: memory, open files, threads, hooks, queued calls."""

import gc
import os
import threading
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from toy import BASE, ToyModel, toy_data

import skinzoo
from skinzoo.training import Callback, TrainConfig, Trainer
from skinzoo.training.callbacks import Writer

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch):
    monkeypatch.setattr(Writer, "on_fit_end", lambda self, trainer: None)


def resident() -> int:
    """Bytes of memory that this process holds."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


class Gauge(Callback):
    """Reads what the process holds at some steps."""

    def __init__(self, steps):
        self.steps = steps
        self.readings = []

    def on_step_start(self, trainer, step):
        if step in self.steps:
            self.readings.append((resident(), open_files(), threading.active_count(), len(gc.get_objects())))


def test_two_thousand_steps(tmp_path):
    gauge = Gauge((500, 1000, 1500, 1999))
    options = {**BASE, "num_steps": 2000, "eval_every": 250, "checkpoint_every": 250}
    Trainer(ToyModel(), TrainConfig(output_dir=str(tmp_path), **options), callbacks=[gauge]).fit(*toy_data())
    memory = [reading[0] for reading in gauge.readings]
    (_, files, threads, objects), late = gauge.readings[0], gauge.readings[-1]
    growth = [after - before for before, after in pairwise(memory)]
    assert min(growth) < 2.5e6, "a leak grows in every stretch of 500 steps, the allocator's own pools in one"
    assert late[1:3] == (files, threads)
    assert late[3] - objects < 500, "objects are kept from step to step"


@pytest.mark.parametrize("workers", [0, 2])
def test_fifty_runs(tmp_path, workers):
    model, parts = ToyModel(), toy_data()
    readings = []
    for number in range(50 if workers == 0 else 12):
        options = {**BASE, "num_steps": 4, "checkpoint_every": None, "num_workers": workers}
        Trainer(model, TrainConfig(output_dir=str(tmp_path / str(number)), **options)).fit(*parts)
        hooks = sum(len(m._forward_hooks) + len(m._backward_hooks) for m in model.modules())
        readings.append((resident(), open_files(), threading.active_count(), hooks))
    early, late = readings[4], readings[-1]
    assert late[0] - early[0] < 20e6
    growth = [after - before for after, before in zip(late[1:], early[1:], strict=True)]
    assert max(growth) < 3, "a leak of one a run would be at least seven; a thread may still be on its way out"


def test_seeding_a_step_queues_nothing():
    """`torch.manual_seed` appends a call and its stack to a list for every accelerator that is not initialised."""
    before = len(torch.cuda._queued_calls)
    for step in range(10):
        skinzoo.training.seeding.seed_step(1, step, 0, torch.device("cpu"))
    assert len(torch.cuda._queued_calls) == before
