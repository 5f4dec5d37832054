"""How fast training steps are on a processor: `python tests/benchmarks/bench_training.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

import skinzoo
from skinzoo.training.precision import computes_bf16
from tests.benchmarks import loops
from tests.benchmarks.cli import main
from tests.benchmarks.harness import Benchmark, Options, Result, take_turns, threads
from tests.benchmarks.pictures import in_memory

ABOUT = """\
Pictures of 128 x 128 in memory, float32, through the Trainer as it comes. The plain loop is that of tutorials:
contiguous tensors, PyTorch's optimiser with its defaults, the same network and batches. Two models are a U-Net and a
ResNet-18 one after the other, with the same encoder; the multi-task model gives both answers."""


def run(options: Options) -> Iterator[Result]:
    """Steps of one model, and of two against one."""
    size, steps = options.size(128, 32), options.size(4, 1)
    yield from _step(size, options.size(32, 4), steps, options)
    yield _multitask(size, options.size(16, 4), steps, options, "standard")
    yield _multitask(size, options.size(16, 4), steps, options, "light")


def _step(size: int, batch_size: int, steps: int, options: Options) -> Iterator[Result]:
    data, config = in_memory(4 * batch_size, size), loops.config_of(steps, batch_size)
    absent = "" if computes_bf16(torch.device("cpu")) else "the processor does not compute in bf16"
    ways = {"plain": loops.plainly, "Trainer": loops.by_trainer}
    models = {way: skinzoo.create_model("resnet18_scratch", image_size=size, seed=0) for way in ways}
    with threads(options.threads):
        variants = {n: partial(way, models[n], data, config, options.clock) for n, way in ways.items()}
        if not absent:
            half = loops.config_of(steps, batch_size, precision="bf16")
            variants["bf16"] = partial(loops.by_trainer, models["Trainer"], data, half, options.clock)
        t = take_turns(variants, options.rounds)
    measure = "ResNet-18, batches of 32, against a plain loop"
    rate = f"{batch_size * steps / t.median('Trainer'):,.0f} images/s"
    yield Result.of(measure, t.ratio("plain", "Trainer"), at_least=1.25, note=rate)
    measure += ', with `precision="bf16"`'
    if absent:
        yield Result.skip(measure, absent)
    else:
        rate = f"{batch_size * steps / t.median('bf16'):,.0f} images/s"
        yield Result.of(measure, t.ratio("plain", "bf16"), note=rate)


def _multitask(size: int, batch_size: int, steps: int, options: Options, decoder: str) -> Result:
    data, config = in_memory(4 * batch_size, size), loops.config_of(steps, batch_size)
    given = {"image_size": size, "backbone_weights": None, "decoder": decoder, "seed": 0}
    models = {
        "both": skinzoo.create_model("multitask_resnet18", **given),
        "masks": skinzoo.create_model("unet_resnet18", **given),
        "classes": skinzoo.create_model("resnet18_scratch", image_size=size, seed=0),
    }
    with threads(options.threads):
        variants = {n: partial(loops.by_trainer, m, data, config, options.clock) for n, m in models.items()}
        t = take_turns(variants, options.rounds)
    rate = f"{batch_size * steps / t.median('both'):,.0f} images/s"
    summary = t.figure(lambda s: (s["masks"] + s["classes"]) / s["both"])
    return Result.of(f"one multi-task model, against two models; {decoder} decoder", summary, at_least=1.45, note=rate)


BENCHMARK = Benchmark("training", "Training steps", ABOUT, run)

if __name__ == "__main__":
    sys.exit(main(["training", *sys.argv[1:]]))
