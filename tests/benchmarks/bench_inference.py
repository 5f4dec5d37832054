"""What the engines of `predict` gain: `python tests/benchmarks/bench_inference.py`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from torch import nn

import skinzoo
from skinzoo.evaluation.engines import Engine, Forward, forward_of
from tests.benchmarks.cli import main
from tests.benchmarks.harness import Benchmark, Clock, Options, Result, take_turns, threads, timed
from tests.benchmarks.machine import missing

ABOUT = """\
Batches of 8 pictures of 224 x 224. Ratios say how many times as long the model itself takes, in evaluation
mode, without gradients, on contiguous tensors. BatchNorm has random statistics. Answers agree within 1e-4 (tested)."""

MODELS = {"ResNet-18": "resnet18_scratch", "EfficientNet-B0": "efficientnet_b0_scratch", "U-Net": "unet_resnet18"}
BARS = {"fused": 1.4, "onnx": 1.8}
CLASSIFIERS = ("ResNet-18", "EfficientNet-B0")
SAID = {"fused": "BatchNorm folded, channels last", "onnx": "ONNX Runtime"}


def make(name: str, size: int) -> skinzoo.SkinModel:
    """A model whose BatchNorm is not the identity."""
    options = {"backbone_weights": None} if name.startswith("unet") else {}
    model = skinzoo.create_model(name, image_size=size, seed=0, **options).eval()
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return model


def run(options: Options) -> Iterator[Result]:
    """Two rows for each model."""
    absent = missing("onnx", "onnxscript", "onnxruntime")
    engines: list[Engine] = ["fused"] if absent else ["fused", "onnx"]
    for title, name in list(MODELS.items())[: options.size(3, 1)]:
        with threads(options.threads), torch.no_grad():
            model = make(name, options.size(224, 32))
            forwards, making = {"plain": model}, {}
            for engine in engines:
                begin = time.perf_counter()
                forwards[engine] = forward_of(model, engine)
                making[engine] = time.perf_counter() - begin
            images = torch.randn(options.size(8, 2), 3, *model.input_spec.size, generator=torch.manual_seed(1))
            t = take_turns(
                {engine: _pass(forward, images, options.clock) for engine, forward in forwards.items()}, options.rounds
            )
        for engine, said in SAID.items():
            measure = f"{title}, {said}"
            if engine not in making:
                yield Result.skip(measure, absent)
                continue
            rate = f"{len(images) / t.median(engine):,.0f} images/s, made in {making[engine]:.1f} s"
            bar = BARS[engine] if title in CLASSIFIERS else None
            yield Result.of(measure, t.ratio("plain", engine), at_least=bar, note=rate)


def _pass(forward: Forward, images: torch.Tensor, clock: Clock) -> Callable[[], float]:
    return timed(lambda: forward(images), clock)


BENCHMARK = Benchmark("inference", "Inference", ABOUT, run)

if __name__ == "__main__":
    sys.exit(main(["inference", *sys.argv[1:]]))
