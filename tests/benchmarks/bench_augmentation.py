"""What do the presets cost, next to separate steps? Run as `python tests/benchmarks/bench_augmentation.py [rounds]`.

From pictures of 256 x 256 in a memory-mapped file to normalised tensors of 224 x 224, in one process with one thread:
skinzoo's `Transform`, and albumentations' own steps with the same distributions. "bar" is the set that projects
commonly use, with every step certain: resize, flips, rotation by up to 10 degrees, brightness and contrast, Gaussian
noise, normalise. The projects' own way does it with Pillow and torchvision, from JPEG files of 600 x 450. All variants
take turns in every round; a ratio is the median over the rounds. Time is the processor's, so that other programs
disturb little. Prints a table, and JSON as the last line.
"""

import io
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import cv2
import numpy as np
import plain_augmentation as plain
import torch
from albumentations.pytorch import ToTensorV2
from PIL import Image
from torchvision import transforms as tv

import skinzoo
from skinzoo.transforms.noise import PooledNoise
from skinzoo.transforms.tone import Tone
from skinzoo.transforms.warp import Warp
from skinzoo.types import IMAGENET_MEAN, IMAGENET_STD

IMAGES, PASSES, SIZE = 48, 2, 224


def collection(folder: Path) -> tuple[np.memmap[Any, Any], list[bytes]]:
    """The same pictures decoded (N, 256, 256, 3) and as JPEG files."""
    data = skinzoo.load_dataset("synthetic", num_images=IMAGES, size=256, seed=1)
    mapped = np.memmap(folder / "images", np.uint8, "w+", shape=(IMAGES, 256, 256, 3))
    rng, files = np.random.default_rng(0), []
    for row in range(IMAGES):
        large = cv2.resize(np.asarray(data[row].image), (600, 450), interpolation=cv2.INTER_CUBIC)
        grain = large + rng.normal(0, 3, large.shape)
        picture = Image.fromarray(np.clip(np.rint(grain), 0, 255).astype(np.uint8))
        picture.save(buffer := io.BytesIO(), "JPEG", quality=90)
        files.append(buffer.getvalue())
        mapped[row] = np.asarray(picture.resize((256, 256), Image.Resampling.BILINEAR))
    mapped.flush()
    return np.memmap(folder / "images", np.uint8, "r", shape=mapped.shape), files


def fused(images: Any, augmentation: Any, output: Any = "float32") -> Callable[[int], torch.Tensor]:
    """`Transform` on decoded pictures."""
    transform = skinzoo.Transform(skinzoo.InputSpec((SIZE, SIZE)), augmentation, output=output)
    count: Iterator[int] = itertools.count()
    return lambda row: transform(skinzoo.Sample("x", images[row]), index=next(count)).image


def separate(images: Any, steps: list[Any]) -> Callable[[int], torch.Tensor]:
    """albumentations on decoded pictures."""
    a = plain.A
    pipeline = a.Compose([a.Resize(SIZE, SIZE), *steps, a.Normalize(IMAGENET_MEAN, IMAGENET_STD), ToTensorV2()])
    return lambda row: pipeline(image=np.asarray(images[row]))["image"]


def projects(files: list[bytes]) -> Callable[[int], torch.Tensor]:
    """Pillow and torchvision's first transforms on JPEG files."""
    chain = tv.Compose(
        [
            tv.Resize((SIZE, SIZE)),
            tv.RandomHorizontalFlip(),
            tv.RandomVerticalFlip(),
            tv.RandomRotation(10, tv.InterpolationMode.BILINEAR),
            tv.ColorJitter(brightness=0.2, contrast=0.2),
            tv.ToTensor(),
            tv.Lambda(lambda x: (x + 0.03 * float(torch.rand(())) * torch.randn_like(x)).clamp(0, 1)),
            tv.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    return lambda row: chain(Image.open(io.BytesIO(files[row])).convert("RGB"))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        images, files = collection(Path(folder))
        own = [Warp(degrees=10), Tone(each=1), PooledNoise(p=1)]
        variants = {
            "projects": projects(files),
            "bar, separate": separate(images, plain.light(p=1.0)),
            "bar, fused": fused(images, plain.A.Compose(own)),
            "bar, fused, uint8": fused(images, plain.A.Compose(own), "uint8"),
            "evaluation": fused(images, None),
        }
        for name, steps in plain.PLAIN.items():
            variants[f"{name}, separate"] = separate(images, steps())
            variants[f"{name}, fused"] = fused(images, skinzoo.create_augmentation(name))
        seconds: dict[str, list[float]] = {name: [] for name in variants}
        for turn in range(rounds + 1):
            for name, one in variants.items():
                start = time.process_time()
                for row in [*range(IMAGES)] * PASSES:
                    one(row)
                if turn:  # the first round warms up
                    seconds[name].append((time.process_time() - start) / IMAGES / PASSES)
        del images

    def ratio(slow: str, fast: str) -> float:
        return statistics.median(a / b for a, b in zip(seconds[slow], seconds[fast], strict=True))

    print(f"{'':22}{'us/image':>9}{'least':>8}   x projects")
    for name, values in seconds.items():
        median, least = 1e6 * statistics.median(values), 1e6 * min(values)
        print(f"{name:22}{median:9.0f}{least:8.0f}{ratio('projects', name):11.1f}")
    kinds = ("bar", *plain.PLAIN)
    ratios = {kind: round(ratio(f"{kind}, separate", f"{kind}, fused"), 2) for kind in kinds}
    ratios["bar, uint8"] = round(ratio("bar, separate", "bar, fused, uint8"), 2)
    print("separate steps / fused:", ", ".join(f"{kind} {value:.1f}" for kind, value in ratios.items()))
    over = {name: round(ratio("projects", name), 2) for name in variants if "fused" in name}
    print(json.dumps({"rounds": rounds, "separate / fused": ratios, "projects / fused": over}))


if __name__ == "__main__":
    main()
