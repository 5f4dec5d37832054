"""Whether the pipeline keeps a GPU busy: `python tests/benchmarks/bench_gpu.py`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

import skinzoo
from skinzoo.losses import default_loss
from skinzoo.models.base import SkinModel
from skinzoo.training import TrainConfig
from skinzoo.training.engine import Engine
from skinzoo.training.step import Stepper
from skinzoo.training.stopwatch import Stopwatch as Watch
from skinzoo.types import Batch
from tests.benchmarks import loops
from tests.benchmarks.cli import main
from tests.benchmarks.harness import WALL, Benchmark, Options, Result, take_turns

ABOUT = """\
Training at 224 x 224 with bf16, channels last and preset `light`, on one GPU: the Trainer on a collection that
`data.cache(folder, 256)` decoded, with a worker process for every core but one, against the same optimiser step on a
batch that lies on the GPU. 100 % means that the GPU never waits for a picture. The bar is for 16 cores."""

CORES_OF_BAR = 16
PICTURES = 7_000
"""As many as a training part of HAM10000 has."""


class Case(NamedTuple):
    """A model and its batch."""

    title: str
    make: Callable[[int], SkinModel]
    batch_size: int


def _zoo(name: str, size: int) -> SkinModel:
    options = {"backbone_weights": None} if name.startswith("unet") else {}
    return skinzoo.create_model(name, image_size=size, seed=0, **options)


CASES = (
    Case("ResNet-18", partial(_zoo, "resnet18_scratch"), 128),
    Case("ResNet-50", partial(_zoo, "resnet50_scratch"), 128),
    Case("ViT-S/16", partial(_zoo, "vit_small_patch16_224_scratch"), 128),
    Case("U-Net of ResNet-18", partial(_zoo, "unet_resnet18"), 64),
)


class Bench(NamedTuple):
    """What all cases share."""

    options: Options
    data: skinzoo.SkinDataset
    device: str
    size: int
    workers: int


def resident(model: SkinModel, config: TrainConfig, batch: Batch, warm: int) -> float:
    """The Trainer's optimiser step on one batch that is there already."""
    engine, parts = Engine(torch.device(config.device)), Watch()
    loss = default_loss(model.task, segmentation="dice_bce").to(engine.device)
    stepper, watch = Stepper(model, loss, config, engine), loops.Stopwatch(WALL, config.device, warm)
    model.train()
    for number in range(config.num_steps or 0):
        watch.step(number)
        stepper.step(batch, number, config.lr, parts)
    watch.end()
    stepper.guard.check()
    return watch.seconds


def synthetic(model: SkinModel, config: TrainConfig) -> Batch:
    """Random pictures with labels and masks, on the device and as the Trainer would bring them there."""
    device, (height, width) = torch.device(config.device), model.input_spec.size
    images = torch.randn(config.batch_size, 3, height, width, device=device)
    labels = torch.randint(0, 7, (config.batch_size,), device=device)
    masks = (torch.rand(config.batch_size, 1, height, width, device=device) > 0.5).float()
    ids = [str(k) for k in range(config.batch_size)]
    return Batch(images.contiguous(memory_format=torch.channels_last), labels, masks, ids)


def rows(case: Case, bench: Bench) -> Iterator[Result]:
    """The share, and pictures a second."""
    options, device = bench.options, bench.device
    batch_size, steps = options.size(case.batch_size, 2), options.size(100, 2)
    warm = 2 * bench.workers + 2  # the workers have made so many batches before the first step ends
    config = loops.config_of(
        steps,
        batch_size,
        warm=warm,
        device=device,
        precision="bf16" if device == "cuda" else "fp32",
        num_workers=bench.workers,
        augmentation="light",
    )
    model = case.make(bench.size)
    loops.by_trainer(model, bench.data, config, WALL, warm)  # brings the model to the device
    batch = synthetic(model, config)
    ways = {
        "real": lambda: loops.by_trainer(model, bench.data, config, WALL, warm),
        "resident": lambda: resident(model, config, batch, warm),
    }
    t = take_turns(ways, options.rounds)
    cores = os.cpu_count() or 1
    note = f"{cores} cores, {bench.workers} workers, batches of {batch_size}"
    share = t.figure(lambda s: 100 * s["resident"] / s["real"])
    bar = 95 if cores >= CORES_OF_BAR else None
    yield Result.of(f"{case.title}, share of the speed on resident data", share, "%", at_least=bar, note=note)
    card = torch.cuda.get_device_name(device) if device == "cuda" else device
    for way, said in (("real", "real pictures"), ("resident", "resident data")):
        rate = t.figure(lambda s: batch_size * steps / s[way])  # noqa: B023
        yield Result.of(f"{case.title}, {said} on {card}", rate, "images/s")


def run(options: Options) -> Iterator[Result]:
    """Rows for each model where there is a GPU."""
    if not torch.cuda.is_available():
        for case in CASES:
            yield Result.skip(f"{case.title}, share of the speed on resident data", "no GPU that PyTorch can use")
        return
    yield from measure(options, CASES, device="cuda", workers=max(1, (os.cpu_count() or 1) - 1))


def measure(options: Options, cases: Sequence[Case], *, device: str, workers: int) -> Iterator[Result]:
    """Rows for each case on any device."""
    side = options.size(256, 32)
    with tempfile.TemporaryDirectory() as folder:
        drawn = skinzoo.load_dataset("synthetic", num_images=options.size(PICTURES, 16), size=side)
        data = drawn.cache(folder, side, progress=False)
        for case in cases:
            yield from rows(case, Bench(options, data, device, options.size(224, 32), workers))


BENCHMARK = Benchmark("gpu", "On a GPU", ABOUT, run)

if __name__ == "__main__":
    sys.exit(main(["gpu", *sys.argv[1:]]))
