"""What the engines of `predict` gain: `python tests/benchmarks/bench_inference.py`.

Each model answers the same batch by itself (evaluation mode, no gradients, contiguous tensors), as a fused copy and by
onnxruntime, in turn and several times; the figures are the medians of the ratios of each round. BatchNorm has random
statistics. A table goes to standard error, JSON to standard output.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from typing import Any

import torch
from torch import nn

import skinzoo
from skinzoo.evaluation.engines import Forward
from skinzoo.evaluation.engines_fused import fused_copy
from skinzoo.evaluation.engines_onnx import onnx_forward

MODELS = ("resnet18_scratch", "efficientnet_b0_scratch", "unet_resnet18")


def make(name: str, size: int) -> skinzoo.SkinModel:
    """A model whose BatchNorm is not the identity."""
    options = {"backbone_weights": None} if name.startswith(("unet", "multitask")) else {}
    model = skinzoo.create_model(name, image_size=size, seed=0, **options).eval()
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return model


def seconds(forward: Forward, images: torch.Tensor) -> float:
    """One pass."""
    begin = time.perf_counter()
    forward(images)
    return time.perf_counter() - begin


def measure(name: str, *, batch_size: int, size: int, rounds: int, onnx: bool) -> dict[str, Any]:
    """Medians and ranges for one model."""
    model = make(name, size)
    forwards: dict[str, Forward] = {"plain": model}
    made = {}
    begin = time.perf_counter()
    fused = fused_copy(model)
    if fused is None:
        raise SystemExit(f"{name} has no fused copy")
    forwards["fused"], made["fused"] = fused, time.perf_counter() - begin
    if onnx:
        begin = time.perf_counter()
        forwards["onnx"] = onnx_forward(model)
        made["onnx"] = time.perf_counter() - begin
    images = torch.randn(batch_size, 3, size, size, generator=torch.Generator().manual_seed(1))
    names = list(forwards)
    taken: dict[str, list[float]] = {engine: [] for engine in names}
    with torch.no_grad():
        for forward in forwards.values():
            forward(images)
        for number in range(rounds):
            turn = number % len(names)
            for engine in names[turn:] + names[:turn]:
                taken[engine].append(seconds(forwards[engine], images))
    result: dict[str, Any] = {"plain_seconds": statistics.median(taken["plain"])}
    for engine in names[1:]:
        ratios = [a / b for a, b in zip(taken["plain"], taken[engine], strict=True)]
        result[engine] = {
            "ratio": statistics.median(ratios),
            "quartiles": statistics.quantiles(ratios, n=4)[::2],
            "range": [min(ratios), max(ratios)],
            "best_to_best": min(taken["plain"]) / min(taken[engine]),
            "seconds_to_make": made[engine],
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no_onnx", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"{args.threads} threads, {args.batch_size} pictures of {args.size} px", file=sys.stderr)
    found = {}
    for name in args.models:
        found[name] = measure(
            name, batch_size=args.batch_size, size=args.size, rounds=args.rounds, onnx=not args.no_onnx
        )
        for engine, figures in found[name].items():
            if engine != "plain_seconds":
                low, high = figures["quartiles"]
                print(
                    f"{name:24} {engine:6} x{figures['ratio']:.2f}  (middle half {low:.2f} to {high:.2f}, best to best "
                    f"{figures['best_to_best']:.2f}; made in {figures['seconds_to_make']:.2f} s)",
                    file=sys.stderr,
                )
    print(json.dumps({"threads": args.threads, "batch_size": args.batch_size, "size": args.size, "models": found}))


if __name__ == "__main__":
    main()
