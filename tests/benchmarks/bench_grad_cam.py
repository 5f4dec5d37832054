"""What Grad-CAM costs beside a forward pass: `python tests/benchmarks/bench_grad_cam.py`.

ResNet-50, 16 pictures of 224 px: a forward pass without gradients, Grad-CAM as here, and Grad-CAM by a full backward
pass are run in turn and several times; the figures are the medians of the ratios of each round.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F

import skinzoo
from skinzoo.explain.activation import activation_map, choose_target
from skinzoo.explain.targets import class_score


def forward(model: skinzoo.SkinModel, images: torch.Tensor) -> None:
    """The answer alone."""
    with torch.inference_mode():
        model(images)


def ours(model: skinzoo.SkinModel, images: torch.Tensor) -> None:
    """The map and the answer; the gradient runs back to one layer."""
    activation_map(model, images, class_score(0))


def full_backward(model: skinzoo.SkinModel, images: torch.Tensor) -> None:
    """The map by a graph of the whole network."""
    kept = []
    handle = choose_target(model, (224, 224)).layer.register_forward_hook(lambda _m, _i, out: kept.append(out))
    score = model(images).logits[:, 0].sum()
    handle.remove()
    kept[0].retain_grad()
    score.backward()
    weights = kept[0].grad.mean((2, 3), keepdim=True)
    F.interpolate((kept[0] * weights).sum(1, keepdim=True).relu(), size=(224, 224), mode="bilinear")
    model.zero_grad(set_to_none=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="resnet50_scratch")
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = skinzoo.create_model(args.model, seed=0).eval()
    images = torch.randn(args.batch_size, 3, *model.input_spec.size, generator=torch.Generator().manual_seed(0))
    ways: list[Callable[[skinzoo.SkinModel, torch.Tensor], None]] = [forward, ours, full_backward]
    for way in ways:
        way(model, images)
    rounds = []
    for number in range(args.rounds):
        seconds = {}
        for way in ways[number % 3 :] + ways[: number % 3]:
            begin = time.perf_counter()
            way(model, images)
            seconds[way] = time.perf_counter() - begin
        rounds.append(seconds)
    base = statistics.median(s[forward] for s in rounds)
    print(f"{args.model}, {args.batch_size} pictures, {args.threads} threads: a forward pass takes {base:.2f} s")
    for way, name in ((ours, "Grad-CAM"), (full_backward, "Grad-CAM by a full backward pass")):
        ratios = [s[way] / s[forward] for s in rounds]
        print(f"{name} / forward {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
