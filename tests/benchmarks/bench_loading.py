"""What loading a saved model costs beside reading and hashing its bytes: `python tests/benchmarks/bench_loading.py`."""

from __future__ import annotations

import hashlib
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
sys.path.insert(0, str(Path(__file__).parents[2]))

import safetensors.torch
import timm
import torch
from hub_server import HubServer

import skinzoo
from skinzoo.hub import FileDigest, HubOptions
from skinzoo.models.weight_file import open_weights
from tests.benchmarks.cli import main
from tests.benchmarks.harness import WALL, Benchmark, Options, Result, take_turns, threads, timed

ABOUT = """\
A ResNet-18 classifier of 45 MB whose file is in memory already, in a folder and in the cache of the Hub's client; wall
time, since hashing has a thread of its own. As multiples of doing the least with other means: reading the file, hashing
it and parsing it with safetensors. Mapping the file copies nothing, and timm verifies nothing."""

BASE = "base"
SAID = {
    "verified": "reading and verifying, without building the network",
    "folder": "`create_model` from a folder",
    "hub": "`create_model` from the Hub's cache",
    "new": "`create_model` of a new model, without a file",
    "mapped": "for comparison: mapping the file and hashing it",
    "timm": "for comparison: timm, from the folder",
}


def bare(folder: Path) -> None:
    """Bytes, sha256, tensors; no model."""
    content = (folder / "model.safetensors").read_bytes()
    hashlib.sha256(content).hexdigest()
    safetensors.torch.load(content)


def mapped(folder: Path) -> None:
    """The file mapped, not read, and its sha256; tensors that change with the file."""
    safetensors.torch.load_file(folder / "model.safetensors")
    with (folder / "model.safetensors").open("rb") as file:
        hashlib.file_digest(file, "sha256")


def verified(path: Path, model: skinzoo.SkinModel, digest: FileDigest) -> None:
    """The weights read into fresh memory, hashed and looked at; the network is not built."""
    own, names = model.state_dict(), model.plain_names()
    places = {names[name] if names else name: torch.empty_like(tensor) for name, tensor in own.items()}
    with open_weights(path) as file:
        file.read_into(places, digest)


def run(options: Options) -> Iterator[Result]:
    """A row for each way."""
    logging.disable()
    name = "simple_cnn" if options.quick else "resnet18_scratch"
    try:
        with threads(1), tempfile.TemporaryDirectory() as temporary, HubServer() as server:
            root = Path(temporary)
            folder = skinzoo.create_model(name, seed=0).save_pretrained(root / "model")
            commit = server.put("lab/model", {p.name: p.read_bytes() for p in folder.iterdir()})
            hub = HubOptions(endpoint=server.url, cache_dir=root / "cache")
            model, path = skinzoo.create_model(f"local-dir:{folder}"), folder / "model.safetensors"
            digest = FileDigest.of(path)
            ways: dict[str, Callable[[], object]] = {
                BASE: lambda: bare(folder),
                "mapped": lambda: mapped(folder),
                "verified": lambda: verified(path, model, digest),
                "folder": lambda: skinzoo.create_model(f"local-dir:{folder}"),
                "hub": lambda: skinzoo.create_model(f"hf-hub:lab/model@{commit}", hub=hub),
                "new": lambda: skinzoo.create_model(name),
            }
            if not options.quick:
                ways["timm"] = lambda: timm.create_model(f"local-dir:{folder}", pretrained=True)
            t = take_turns({way: timed(work, WALL) for way, work in ways.items()}, options.rounds)
    finally:
        logging.disable(logging.NOTSET)
    base = f"{1000 * t.median(BASE):.0f} ms"
    for way, said in SAID.items():
        if way not in ways:
            yield Result.skip(said, "--quick")
        else:
            yield Result.of(said, t.ratio(way, BASE), note=f"{1000 * t.median(way):.0f} ms against {base}")


BENCHMARK = Benchmark("loading", "Loading weights", ABOUT, run)

if __name__ == "__main__":
    sys.exit(main(["loading", *sys.argv[1:]]))
