"""How fast training pictures are made, through the public interface: `python tests/benchmarks/bench_pipeline.py`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
sys.path.insert(0, str(Path(__file__).parents[2]))

import cv2
import numpy as np
import plain_augmentation as plain
import timm.data
import torch
from albumentations.pytorch import ToTensorV2
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import io as tvio
from torchvision import transforms as tv
from torchvision.transforms import v2

import skinzoo
from skinzoo.transforms import feed
from skinzoo.transforms.noise import PooledNoise
from skinzoo.transforms.tone import Tone
from skinzoo.transforms.warp import Warp
from skinzoo.types import IMAGENET_MEAN, IMAGENET_STD
from tests.benchmarks.cli import main
from tests.benchmarks.harness import Benchmark, Options, Result, Timings, take_turns, threads, timed
from tests.benchmarks.pictures import folder_of_jpegs, paths_of

ABOUT = """\
One process, one thread, no workers; processor time from files in memory to normalised float batches of 32 pictures of
224 x 224. All do the same, each step with certainty: resize, flips, rotation by up to 10 degrees, brightness and
contrast, Gaussian noise, normalise; timm's own loader has no rotation and no noise. The projects' way is Pillow with
torchvision's first transforms. "Cached" is `data.cache(folder, 256)`. Ratios say how many times as fast skinzoo's
`make_loader` with `feed` is; images/s are those of this machine."""

Epoch = Callable[[], object]
CPU = torch.device("cpu")


class Mapped(torch.utils.data.Dataset[Any]):
    """A dataset of one function, as projects write it."""

    def __init__(self, number: int, item: Callable[[int], torch.Tensor]) -> None:
        self.number, self.item = number, item

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return self.item(row), row % 2


def through(loader: Iterable[Any]) -> Epoch:
    """Go through a loader once."""

    def epoch() -> None:
        for _ in loader:
            pass

    return epoch


def common() -> Any:
    """The steps that all have, each certain."""
    return plain.A.Compose([Warp(degrees=10), Tone(0.2, 0.2, each=1), PooledNoise(std_range=(0, 0.03), p=1)])


def ours(data: skinzoo.SkinDataset, augmentation: Any, size: int, batch_size: int) -> Epoch:
    """The zoo's loader, and the last step on the device."""
    spec = skinzoo.InputSpec((size, size))
    transform = skinzoo.Transform(spec, augmentation, output="uint8")
    loader = skinzoo.make_loader(data, transform, batch_size=batch_size, shuffle=True)
    numbers = iter(range(10**9))

    def epoch() -> None:
        loader.batch_sampler.set_epoch(next(numbers))
        for batch in loader:
            feed(batch, spec, CPU, channels_last=True)

    return epoch


def shuffled(number: int, item: Callable[[int], torch.Tensor], batch_size: int) -> Epoch:
    """PyTorch's loader around a function."""
    return through(DataLoader(Mapped(number, item), batch_size=batch_size, shuffle=True))


def add_noise(x: torch.Tensor) -> torch.Tensor:
    """Gaussian, of a strength that is drawn for each picture."""
    return (x + 0.03 * float(torch.rand(())) * torch.randn_like(x)).clamp(0, 1)


def projects(paths: list[str], size: int) -> Callable[[int], torch.Tensor]:
    """Pillow and torchvision's first transforms."""
    chain = tv.Compose(
        [
            tv.Resize((size, size)),
            tv.RandomHorizontalFlip(),
            tv.RandomVerticalFlip(),
            tv.RandomRotation(10, tv.InterpolationMode.BILINEAR),
            tv.ColorJitter(brightness=0.2, contrast=0.2),
            tv.ToTensor(),
            tv.Lambda(add_noise),
            tv.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    return lambda row: chain(Image.open(paths[row]).convert("RGB"))


def torchvision_tensors(paths: list[str], size: int) -> Callable[[int], torch.Tensor]:
    """torchvision's second transforms on tensors of bytes."""
    chain = v2.Compose(
        [
            v2.Resize((size, size), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            v2.RandomRotation(10, v2.InterpolationMode.BILINEAR),
            v2.ColorJitter(brightness=0.2, contrast=0.2),
            v2.ToDtype(torch.float32, scale=True),
            v2.Lambda(add_noise),
            v2.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    return lambda row: chain(tvio.decode_jpeg(tvio.read_file(paths[row]), mode=tvio.ImageReadMode.RGB))


def albumentations(read: Callable[[int], Any], steps: list[Any], size: int) -> Callable[[int], torch.Tensor]:
    """albumentations' own transforms."""
    a = plain.A
    chain = a.Compose([a.Resize(size, size), *steps, a.Normalize(IMAGENET_MEAN, IMAGENET_STD), ToTensorV2()])
    return lambda row: chain(image=read(row))["image"]


def timm_loader(folder: Path, size: int, batch_size: int) -> Epoch:
    """timm's own loader, with its prefetcher."""
    loader = timm.data.create_loader(
        timm.data.create_dataset("", root=str(folder)),
        input_size=(3, size, size),
        batch_size=batch_size,
        is_training=True,
        hflip=0.5,
        vflip=0.5,
        color_jitter=0.2,
        interpolation="bilinear",
        num_workers=0,
        persistent_workers=False,
        device=CPU,
    )
    return through(loader)


def run(options: Options) -> Iterator[Result]:
    """All rows."""
    size, number = options.size(224, 32), options.size(64, 4)
    with threads(1), tempfile.TemporaryDirectory() as name:
        yield from _usual(Path(name), size, number, options)
        yield from _large(Path(name), size, options.size(8, 2), options)


def _usual(root: Path, size: int, number: int, options: Options) -> Iterator[Result]:
    batch = min(32, number)
    data = folder_of_jpegs(root / "usual", number, (450, 600))
    cached = data.cache(root / "cache", 256, progress=False)
    paths = paths_of(data, root / "usual")

    def jpeg(row: int) -> Any:
        return cv2.cvtColor(cv2.imread(paths[row]), cv2.COLOR_BGR2RGB)

    def mapped(row: int) -> Any:
        return np.asarray(cached[row].image)

    light = skinzoo.create_augmentation("light")
    variants = {
        "projects": shuffled(number, projects(paths, size), batch),
        "torchvision": shuffled(number, torchvision_tensors(paths, size), batch),
        "timm": timm_loader(root / "usual", size, batch),
        "OpenCV": shuffled(number, albumentations(jpeg, plain.light(1.0), size), batch),
        "albumentations": shuffled(number, albumentations(mapped, plain.light(1.0), size), batch),
        "albumentations, light": shuffled(number, albumentations(mapped, plain.light(), size), batch),
        "cached": ours(cached, common(), size, batch),
        "JPEG": ours(data, common(), size, batch),
        "cached, light": ours(cached, light, size, batch),
        "cached, evaluation": ours(cached, None, size, batch),
    }
    quick_ones = {name: 1 if options.quick else 4 for name in variants if name.startswith("cached")}
    turns = {name: timed(epoch, times=quick_ones.get(name, 1)) for name, epoch in variants.items()}
    t = take_turns(turns, options.rounds)
    against = "600 x 450 JPEG"
    yield _row(t, number, "cached", "projects", f"cached, against the projects' way from {against}", at_least=10)
    yield _row(t, number, "JPEG", "projects", f"from {against}, against the projects' way", at_least=4)
    yield _row(t, number, "cached", "albumentations", "cached, against albumentations on the same cache", at_least=3)
    for theirs, said in (
        ("torchvision", "torchvision v2 on tensors"),
        ("timm", "timm's `create_loader`, which does less"),
        ("OpenCV", "OpenCV with albumentations"),
    ):
        yield _row(t, number, "JPEG", theirs, f"from {against}, against {said}")
    said = "preset `light`, cached, against albumentations with the same probabilities on the same cache"
    yield _row(t, number, "cached, light", "albumentations, light", said)
    yield _row(t, number, "cached, evaluation", "projects", "cached, without augmentation, against the projects' way")


def _large(root: Path, size: int, number: int, options: Options) -> Iterator[Result]:
    shape = (300, 400) if options.quick else (3000, 4000)
    data = folder_of_jpegs(root / "large", number, shape)
    paths = paths_of(data, root / "large")
    variants = {
        "projects": shuffled(number, projects(paths, size), number),
        "JPEG": ours(data, common(), size, number),
    }
    t = take_turns({name: timed(epoch) for name, epoch in variants.items()}, options.rounds)
    said = f"from {shape[1]} x {shape[0]} JPEG, against the projects' way"
    yield _row(t, number, "JPEG", "projects", said, at_least=6)


def _row(t: Timings, number: int, ours: str, theirs: str, said: str, *, at_least: float | None = None) -> Result:
    rates = [f"{number / t.median(name):,.0f}" for name in (ours, theirs)]
    note = f"{rates[0]} images/s against {rates[1]}"
    return Result.of(said, t.ratio(theirs, ours), at_least=at_least, note=note)


BENCHMARK = Benchmark("pipeline", "Training pictures", ABOUT, run)

if __name__ == "__main__":
    sys.exit(main(["pipeline", *sys.argv[1:]]))
