"""What `evaluate` costs beside the bare forward passes: `python tests/benchmarks/bench_evaluate.py`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

import skinzoo
from skinzoo.models import evaluation_mode
from tests.benchmarks.cli import main
from tests.benchmarks.harness import Benchmark, Options, Result, take_turns, threads, timed

ABOUT = """\
`evaluate` on a collection that `SkinDataset.cache` decoded, as a multiple of the forward passes alone over batches that
lie in memory. `evaluate` also reads, normalises, batches, scores, and makes the report's point figures."""

MODELS = {"ResNet-18": "resnet18_scratch", "ResNet-50": "resnet50_scratch"}


def run(options: Options) -> Iterator[Result]:
    """Two rows for each model: the same engine on both sides, and the engine that `evaluate` takes by itself."""
    number, size = options.size(256, 32), options.size(128, 32)
    with tempfile.TemporaryDirectory() as folder, threads(options.threads):
        data = skinzoo.load_dataset("synthetic", num_images=number, size=size).cache(folder, size, progress=False)
        for title, name in MODELS.items():
            model = skinzoo.create_model(name, image_size=size, seed=0)
            loader = skinzoo.make_loader(data, skinzoo.Transform(model.input_spec), batch_size=32)
            batches = [batch.images for batch in loader]

            def bare(model: skinzoo.SkinModel = model, batches: list[torch.Tensor] = batches) -> None:
                with evaluation_mode(model), torch.no_grad():
                    kept = [model(images).logits.double().softmax(1) for images in batches]
                assert len(kept) == len(batches)

            def whole(engine: str, model: skinzoo.SkinModel = model) -> None:
                skinzoo.evaluate(model, data, examples=0, engine=engine)

            ways = {"bare": bare, "plain": lambda: whole("plain"), "auto": lambda: whole("auto")}
            t = take_turns({way: timed(work, options.clock) for way, work in ways.items()}, options.rounds)
            note = f"{number} pictures of {size} px"
            yield Result.of(f"{title}, the model itself on both sides", t.ratio("plain", "bare"), note=note)
            yield Result.of(f"{title}, as called by default", t.ratio("auto", "bare"), note=note)


BENCHMARK = Benchmark("evaluate", "Evaluation", ABOUT, run)

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
