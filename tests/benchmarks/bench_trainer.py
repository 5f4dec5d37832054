"""What the Trainer costs beside a bare loop that does the same: `python tests/benchmarks/bench_trainer.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from torch import nn

import skinzoo
from skinzoo.models.base import ModelConfig, SkinModel
from tests.benchmarks import loops
from tests.benchmarks.cli import main
from tests.benchmarks.harness import Benchmark, Options, Result, Timings, take_turns, threads
from tests.benchmarks.machine import missing
from tests.benchmarks.pictures import in_memory

ABOUT = """\
The same model, loader, batches, optimiser and memory format in all loops; what differs is who runs the loop. On a
ResNet-18 as a share of the step, and on a model that has next to nothing to do in milliseconds a step. Lightning and
fastai have logs, bars, checkpoints and validation switched off; the Trainer adds up its losses and checks that they are
finite, as always."""

FRAMEWORKS = {
    "Trainer": (loops.by_trainer, ()),
    "Lightning": (loops.by_lightning, ("lightning",)),
    "fastai": (loops.by_fastai, ("fastai",)),
}


class Tiny(SkinModel):
    """Next to no work, so that what surrounds it shows."""

    def __init__(self) -> None:
        size = skinzoo.InputSpec(size=(32, 32))
        super().__init__(ModelConfig("tiny", skinzoo.Task.CLASSIFICATION, size, skinzoo.taxonomy.ISIC2018))
        self.body = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(48, 7))

    def predict_logits(self, images: torch.Tensor) -> skinzoo.ModelOutput:
        """Logits (N, 7)."""
        return skinzoo.ModelOutput(self.body(images))


def run(options: Options) -> Iterator[Result]:
    """The share of a step, and milliseconds a step."""
    absent = {name: why for name, (_, modules) in FRAMEWORKS.items() if (why := missing(*modules))}
    size, steps = options.size(128, 32), options.size(6, 1)
    resnet = partial(skinzoo.create_model, "resnet18_scratch", image_size=size, seed=0)
    t = _compare(resnet, size, options.size(32, 4), steps, options, absent)
    for name in FRAMEWORKS:
        measure = f"{name} on a ResNet-18 at {size} px, beyond a bare loop"
        bar = 2 if name == "Trainer" else None
        if name in absent:
            yield Result.skip(measure, absent[name])
        else:
            summary = t.figure(lambda s: 100 * (s[name] / s["bare"] - 1))  # noqa: B023
            note = f"{1000 * t.median('bare') / steps:,.0f} ms a step by hand"
            yield Result.of(measure, summary, "%", at_most=bar, note=note)
    steps = options.size(100, 2)
    t = _compare(Tiny, 32, 8, steps, options, absent)
    for name in FRAMEWORKS:
        measure = f"{name} on a tiny model, beyond a bare loop, a step"
        if name in absent:
            yield Result.skip(measure, absent[name])
        else:
            yield Result.of(measure, t.figure(lambda s: 1000 * (s[name] - s["bare"]) / steps), "ms")  # noqa: B023


def _compare(
    make: Callable[[], SkinModel], size: int, batch_size: int, steps: int, options: Options, absent: dict[str, str]
) -> Timings:
    data = in_memory(4 * batch_size, size)
    config = loops.config_of(steps, batch_size)
    ways = {"bare": loops.by_hand, **{name: way for name, (way, _) in FRAMEWORKS.items() if name not in absent}}
    models = {name: make() for name in ways}
    variants = {name: partial(way, models[name], data, config, options.clock) for name, way in ways.items()}
    with threads(options.threads):
        return take_turns(variants, options.rounds)


BENCHMARK = Benchmark("trainer", "The Trainer's own time", ABOUT, run)

if __name__ == "__main__":
    sys.exit(main(["trainer", *sys.argv[1:]]))
