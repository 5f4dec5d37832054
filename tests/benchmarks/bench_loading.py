"""What loading a saved model costs beside reading and hashing its bytes: `python tests/benchmarks/bench_loading.py`.

A ResNet-18 classifier (45 MB) in a folder, and the same model in the cache of the Hub's client, against two ways of
doing the least with other means: reading the file, hashing it, and parsing it with safetensors; and mapping it, which
copies nothing, and hashing it. "load and verify" leaves out the building of the network; timm verifies nothing. Each
way is run in turn and several times, on files that are in memory already; the figures are medians, and those of the
ratios of each round.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import safetensors.torch
import timm
import torch

import skinzoo
from skinzoo.hub import FileDigest, HubOptions
from skinzoo.models.weight_file import open_weights

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
from hub_server import HubServer

BASES = ("read, sha256, safetensors", "map, sha256")


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


def measure(ways: dict[str, Callable[[], object]], rounds: int) -> list[dict[str, float]]:
    for way in ways.values():
        way()
    found, names = [], list(ways)
    for number in range(rounds):
        seconds = {}
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            begin = time.perf_counter()
            ways[name]()
            seconds[name] = time.perf_counter() - begin
        found.append(seconds)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="resnet18_scratch")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    logging.disable()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary, HubServer() as server:
        root = Path(temporary)
        folder = skinzoo.create_model(args.model, seed=0).save_pretrained(root / "model")
        commit = server.put("lab/model", {p.name: p.read_bytes() for p in folder.iterdir()})
        hub = HubOptions(endpoint=server.url, cache_dir=root / "cache")
        published = f"hf-hub:lab/model@{commit}"
        model, path = skinzoo.create_model(f"local-dir:{folder}"), folder / "model.safetensors"
        digest = FileDigest.of(path)
        ways: dict[str, Callable[[], object]] = {
            "read, sha256, safetensors": lambda: bare(folder),
            "map, sha256": lambda: mapped(folder),
            "skinzoo, load and verify": lambda: verified(path, model, digest),
            "skinzoo, a folder": lambda: skinzoo.create_model(f"local-dir:{folder}"),
            "skinzoo, the Hub's cache": lambda: skinzoo.create_model(published, hub=hub),
            "skinzoo, a new model": lambda: skinzoo.create_model(args.model),
            "timm, a folder": lambda: timm.create_model(f"local-dir:{folder}", pretrained=True),
        }
        found = measure(ways, args.rounds)
        size = path.stat().st_size
    print(f"{args.model}, {size / 1e6:.1f} MB, one thread of PyTorch")
    for name in ways:
        said = f"{name:26} {statistics.median(r[name] for r in found):.3f} s"
        for base in BASES:
            ratios = [r[name] / r[base] for r in found]
            said += f"; to {base}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(said)


if __name__ == "__main__":
    main()
