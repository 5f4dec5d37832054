"""What the Trainer costs beside a bare loop that does the same work: `python tests/benchmarks/bench_trainer.py`.

Both train the same model on the same batches, held in memory, in turn and several times; the figure is the median of
the ratios: ResNet-18 at 128 px in batches of 32, and a tiny model at 32 px, for the cost in milliseconds a step.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import nn

import skinzoo
from skinzoo.datasets import make_loader
from skinzoo.models.base import ModelConfig, SkinModel
from skinzoo.training import TrainConfig, Trainer
from skinzoo.training.optim import build_optimizer


class InMemory:
    """A source of pixels that are there already."""

    def __init__(self, dataset: skinzoo.SkinDataset) -> None:
        self.samples = {s.id: (s.image, s.mask) for s in dataset}

    def read(self, image: str, mask: str, id: str) -> tuple[object, object]:
        """The sample's arrays."""
        picture, lesion = self.samples[id]
        return picture, lesion if mask else None


class Tiny(SkinModel):
    """Next to no work, so that what surrounds it shows."""

    def __init__(self) -> None:
        super().__init__(
            ModelConfig(
                "tiny", skinzoo.Task.CLASSIFICATION, skinzoo.InputSpec(size=(32, 32)), skinzoo.taxonomy.ISIC2018
            )
        )
        self.body = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(48, 7))

    def predict_logits(self, images: torch.Tensor) -> skinzoo.ModelOutput:
        """Logits (N, 7)."""
        return skinzoo.ModelOutput(self.body(images))


def bare(model: SkinModel, data: skinzoo.SkinDataset, config: TrainConfig) -> float:
    """Seconds of the loop that one would write by hand."""
    transform = skinzoo.Transform(model.input_spec)
    loader = make_loader(data, transform, batch_size=config.batch_size, shuffle=True, drop_last=True, seed=config.seed)
    optimizer = build_optimizer(model, config)
    criterion = nn.CrossEntropyLoss()
    model.train()
    if any(isinstance(m, nn.Conv2d) for m in model.modules()):
        model.to(memory_format=torch.channels_last)
    begin, step, epoch = time.perf_counter(), 0, 0
    while step < config.num_steps:
        loader.batch_sampler.set_epoch(epoch)
        for batch in loader:
            loss = criterion(model(batch.images).logits, batch.labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
            if step == config.num_steps:
                break
        epoch += 1
    return time.perf_counter() - begin


def trained(model: SkinModel, data: skinzoo.SkinDataset, config: TrainConfig) -> float:
    """Seconds of the Trainer's steps."""
    trainer = Trainer(model, config, loss=skinzoo.default_loss("classification"))
    begin = time.perf_counter()
    trainer.fit(data)
    return time.perf_counter() - begin


def compare(name: str, make: object, size: int, batch_size: int, steps: int, repeats: int) -> None:
    data = skinzoo.load_dataset("synthetic", num_images=8 * batch_size, size=size)
    data.source = InMemory(data)
    config = TrainConfig(num_steps=steps, batch_size=batch_size, augmentation="none", drop_last=True, verbose=False)
    ratios, costs = [], []
    for repeat in range(repeats):
        order = (bare, trained) if repeat % 2 == 0 else (trained, bare)
        seconds = {run: run(make(), data, config) for run in order}
        ratios.append(seconds[trained] / seconds[bare])
        costs.append(1000 * (seconds[trained] - seconds[bare]) / steps)
    print(
        f"{name}: Trainer / bare loop {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}), "
        f"{statistics.median(costs):+.2f} ms a step ({min(costs):+.2f} to {max(costs):+.2f}), {repeats} x {steps} steps"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12)
    args = parser.parse_args()
    compare("tiny", Tiny, 32, 8, 40 * args.steps, args.repeats)
    compare(
        "ResNet-18, 128 px, batch 32",
        lambda: skinzoo.create_model("resnet18_scratch", image_size=128, seed=0),
        128,
        32,
        args.steps,
        args.repeats,
    )


if __name__ == "__main__":
    main()
