"""What Grad-CAM costs beside a forward pass: `python tests/benchmarks/bench_grad_cam.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from torch.nn import functional as F

import skinzoo
from skinzoo.explain.activation import activation_map, choose_target
from skinzoo.explain.targets import class_score
from tests.benchmarks.cli import main
from tests.benchmarks.harness import Benchmark, Options, Result, take_turns, threads, timed

ABOUT = """\
ResNet-50, 16 pictures of 224 x 224; as multiples of one forward pass without gradients."""


def full_backward(model: skinzoo.SkinModel, images: torch.Tensor) -> None:
    """The map by a graph of the whole network."""
    kept: list[torch.Tensor] = []
    layer = choose_target(model, model.input_spec.size).layer
    handle = layer.register_forward_hook(lambda _m, _i, out: kept.append(out))
    score = model(images).logits[:, 0].sum()
    handle.remove()
    kept[0].retain_grad()
    score.backward()
    weights = kept[0].grad.mean((2, 3), keepdim=True)
    F.interpolate((kept[0] * weights).sum(1, keepdim=True).relu(), size=model.input_spec.size, mode="bilinear")
    model.zero_grad(set_to_none=True)


def run(options: Options) -> Iterator[Result]:
    """Two rows."""
    model = skinzoo.create_model("resnet50_scratch", image_size=options.size(224, 64), seed=0).eval()
    images = torch.randn(options.size(16, 2), 3, *model.input_spec.size, generator=torch.manual_seed(0))

    def forward() -> None:
        with torch.inference_mode():
            model(images)

    ways = {
        "forward": forward,
        "map": lambda: activation_map(model, images, class_score(0)),
        "backward": lambda: full_backward(model, images),
    }
    with threads(options.threads):
        t = take_turns({name: timed(way, options.clock) for name, way in ways.items()}, options.rounds)
    note = f"a forward pass takes {t.median('forward'):.2f} s"
    yield Result.of("the map and the answer", t.ratio("map", "forward"), at_most=1.15, note=note)
    yield Result.of("the same by a full backward pass, for comparison", t.ratio("backward", "forward"))


BENCHMARK = Benchmark("grad_cam", "Grad-CAM", ABOUT, run)

if __name__ == "__main__":
    sys.exit(main(["grad_cam", *sys.argv[1:]]))
