"""What the presets cost, next to separate steps: `python tests/benchmarks/bench_augmentation.py`."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
sys.path.insert(0, str(Path(__file__).parents[2]))

import cv2
import plain_augmentation as plain
import torch
from albumentations.pytorch import ToTensorV2

import skinzoo
from skinzoo.transforms.noise import PooledNoise
from skinzoo.transforms.tone import Tone
from skinzoo.transforms.warp import Warp
from skinzoo.types import IMAGENET_MEAN, IMAGENET_STD
from tests.benchmarks.cli import main
from tests.benchmarks.harness import Benchmark, Options, Result, take_turns, threads, timed
from tests.benchmarks.pictures import photographs

ABOUT = """\
`skinzoo.Transform` alone, without loading or batching, from decoded pictures of 256 x 256 to normalised tensors of 224
x 224; one thread, processor time. Ratios say how many times as long albumentations' own steps take that draw from the
same distributions. The common set is resize, flips, rotation, brightness and contrast, noise, normalise, each step with
certainty."""

One = Callable[[Any], torch.Tensor]


def fused(size: int, augmentation: Any, output: Any = "float32") -> One:
    """`Transform` on decoded pictures."""
    transform = skinzoo.Transform(skinzoo.InputSpec((size, size)), augmentation, output=output)
    count = itertools.count()
    return lambda image: transform(skinzoo.Sample("x", image), index=next(count)).image


def separate(size: int, steps: list[Any]) -> One:
    """albumentations on decoded pictures."""
    a = plain.A
    pipeline = a.Compose([a.Resize(size, size), *steps, a.Normalize(IMAGENET_MEAN, IMAGENET_STD), ToTensorV2()])
    return lambda image: pipeline(image=image)["image"]


def run(options: Options) -> Iterator[Result]:
    """A row for each preset."""
    size, number = options.size(224, 32), options.size(48, 2)
    pictures = [cv2.resize(p, (256, 256), interpolation=cv2.INTER_AREA) for p in photographs(number, (450, 600))]
    common = plain.A.Compose([Warp(degrees=10), Tone(each=1), PooledNoise(p=1)])
    steps: dict[str, One] = {
        "common": separate(size, plain.light(p=1.0)),
        "common, fused": fused(size, common),
        "common, uint8": fused(size, common, "uint8"),
    }
    for name, chain in plain.PLAIN.items():
        steps[name] = separate(size, chain())
        steps[f"{name}, fused"] = fused(size, skinzoo.create_augmentation(name))

    def over_all(one: One) -> Callable[[], float]:
        return timed(lambda: [one(picture) for picture in pictures])

    with threads(1):
        t = take_turns({name: over_all(one) for name, one in steps.items()}, options.rounds)
    labels = {"common": "common set", **{name: f"preset `{name}`" for name in plain.PLAIN}}
    for kind, how, said in (
        ("common", "fused", ""),
        ("common", "uint8", ', `output="uint8"`'),
        *((name, "fused", "") for name in plain.PLAIN),
    ):
        note = f"{1000 * t.median(f'{kind}, {how}') / number:.2f} ms a picture"
        yield Result.of(f"{labels[kind]}{said}, against separate steps", t.ratio(kind, f"{kind}, {how}"), note=note)


BENCHMARK = Benchmark("augmentation", "Augmentation alone", ABOUT, run)

if __name__ == "__main__":
    sys.exit(main(["augmentation", *sys.argv[1:]]))
