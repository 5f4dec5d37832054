"""What `evaluate` costs beside the bare forward passes over the same pictures in memory.

    python tests/benchmarks/bench_evaluate.py [images]

Both read a collection that `SkinDataset.cache` decoded. The bare loop takes batches that were made beforehand and keeps
the outputs; `evaluate` reads, normalises, collates, scores, and makes the report's point figures. Rounds alternate in
one process, and the ratio of each round is taken.
"""

import statistics
import sys
import tempfile
import time

import torch

import skinzoo
from skinzoo.datasets import make_loader
from skinzoo.models import evaluation_mode
from skinzoo.transforms import Transform

ROUNDS = 7


def bare(model: skinzoo.SkinModel, batches: list[torch.Tensor]) -> float:
    begin = time.perf_counter()
    with evaluation_mode(model), torch.no_grad():
        kept = [model(images).logits.double().softmax(1) for images in batches]
    assert len(kept) == len(batches)
    return time.perf_counter() - begin


def whole(model: skinzoo.SkinModel, data: skinzoo.SkinDataset) -> float:
    begin = time.perf_counter()
    report = skinzoo.evaluate(model, data, examples=0)
    assert report["accuracy"] >= 0
    return time.perf_counter() - begin


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    with tempfile.TemporaryDirectory() as folder:
        data = skinzoo.load_dataset("synthetic", num_images=number, size=128).cache(folder, 128, progress=False)
        for name in ("resnet18_scratch", "resnet50_scratch"):
            model = skinzoo.create_model(name, image_size=128, seed=0)
            batches = [b.images for b in make_loader(data, Transform(model.input_spec), batch_size=32)]
            bare(model, batches[:2])
            whole(model, data.subset(range(64)))
            ratios = []
            for turn in range(ROUNDS):
                if turn % 2:
                    ours, theirs = whole(model, data), bare(model, batches)
                else:
                    theirs, ours = bare(model, batches), whole(model, data)
                ratios.append(ours / theirs)
            spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
            print(f"{name}: {len(data)} images, evaluate / forward passes = {statistics.median(ratios):.3f} ({spread})")


if __name__ == "__main__":
    main()
