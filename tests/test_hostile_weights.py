"""Weights from anybody: nothing in them is executed, nothing broken is loaded, and little memory is spent on it."""

import hashlib
import json
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from hostile_weights import DAMAGED, UNSAFE, Canary, entry, safetensors
from safetensors.torch import load_file, save_file

import skinzoo
from skinzoo.errors import UnsafeWeightsError, WeightsError
from skinzoo.models import create_model
from skinzoo.tensors import load_tensors, read_header, read_metadata, save_tensors


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A small model as it is saved."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    with torch.random.fork_rng():
        create_model("simple_cnn", num_classes=2, image_size=32, seed=0).save_pretrained(folder)
    return folder


@pytest.fixture
def canary(tmp_path) -> Canary:
    return Canary(tmp_path / "canary-was-executed")


def folder_with(saved: Path, target: Path, content: bytes) -> Path:
    """The saved model with other weights, and a configuration that vouches for them: its maker is the enemy."""
    target.mkdir(parents=True)
    (target / "model.safetensors").write_bytes(content)
    config = json.loads((saved / "config.json").read_text())
    digest = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    config["_skinzoo"]["files"]["model.safetensors"] = digest
    (target / "config.json").write_text(json.dumps(config))
    return target


DOORS = {
    "load_tensors": lambda path, saved, target: load_tensors(path),
    "read_metadata": lambda path, saved, target: read_metadata(path),
    "weights": lambda path, saved, target: create_model("simple_cnn", num_classes=2, image_size=32, weights=path),
    "local-dir": lambda path, saved, target: create_model(f"local-dir:{folder_with(saved, target, path.read_bytes())}"),
}

# -- what would run code ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forced", [False, True], ids=["", "forced"])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", UNSAFE)
def test_what_would_run_code_is_not_opened(kind, door, forced, saved, canary, tmp_path, monkeypatch):
    if forced:  # the switch by which PyTorch opens every pickle again
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    name, make = UNSAFE[kind]
    path = tmp_path / name
    path.write_bytes(make(canary))
    expected = UnsafeWeightsError
    if kind == "both pickle and header" and door == "local-dir":  # renamed there, it is a damaged safetensors file
        expected = WeightsError
    with pytest.raises(expected) as caught:
        DOORS[door](path, saved, tmp_path / "folder")
    assert not canary.path.exists()
    if type(caught.value) is UnsafeWeightsError:
        assert "opening a pickle can run any code" in str(caught.value)
        assert "skinzoo convert" in str(caught.value)


def test_the_canary_sings(canary, tmp_path, monkeypatch):
    """The files above do run code where they are opened as their formats are, so that their silence says something."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    path = tmp_path / "model.pt"
    for kind in ("pickle.pt", "text pickle renamed", "both pickle and header"):
        pickle.loads(UNSAFE[kind][1](canary)).close()
        assert canary.path.exists(), kind
        canary.path.unlink()
    path.write_bytes(UNSAFE["torch.save"][1](canary))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.load(path).close()
        canary.path.unlink()
        with pytest.raises(pickle.UnpicklingError):
            torch.load(path, weights_only=True)
    assert not canary.path.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt"])
def test_a_folder_with_a_pickle_alone_says_so(saved, canary, tmp_path, name):
    folder = folder_with(saved, tmp_path / "folder", b"")
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(canary))
    with pytest.raises(UnsafeWeightsError, match=f"{name}, a pickle"):
        create_model(f"local-dir:{folder}")
    assert not canary.path.exists()


def test_a_pickle_beside_good_weights_is_left_alone(saved, canary, tmp_path):
    folder = folder_with(saved, tmp_path / "folder", (saved / "model.safetensors").read_bytes())
    for name in ("pytorch_model.bin", "model.pt", "training_args.bin", "sitecustomize.py", "modeling.py"):
        (folder / name).write_bytes(pickle.dumps(canary))
    assert list(create_model(f"local-dir:{folder}").label_space) == ["class_0", "class_1"]
    assert not canary.path.exists()


# -- what is broken ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", DAMAGED)
def test_a_broken_file_is_damaged(kind, door, saved, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(DAMAGED[kind])
    with pytest.raises(WeightsError, match="is damaged or cut short") as caught:
        DOORS[door](path, saved, tmp_path / "folder")
    assert type(caught.value) is WeightsError
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("door", DOORS)
def test_a_real_file_cut_at_any_place_is_damaged(door, saved, tmp_path):
    whole = (saved / "model.safetensors").read_bytes()
    length = int.from_bytes(whole[:8], "little")
    places = [1, 4, 7, 8, 9, 8 + length // 2, 7 + length, 8 + length, 9 + length, len(whole) - 1]
    places += [len(whole) * k // 11 for k in range(1, 11)]
    for number, place in enumerate(places):
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(whole[:place])
        with pytest.raises(WeightsError):
            DOORS[door](path, saved, tmp_path / f"folder{number}")
        path.unlink()
    assert len(places) == 20


@pytest.mark.parametrize("door", ["load_tensors", "weights", "local-dir"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_that_are_not_finite_are_refused_by_name(door, value, dtype, saved, tmp_path):
    tensors = load_file(saved / "model.safetensors")
    name = sorted(n for n, t in tensors.items() if t.is_floating_point())[3]
    tensors = {n: t.to(dtype) if t.is_floating_point() else t for n, t in tensors.items()}
    tensors[name].view(-1)[-1] = value
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=f"NaN or infinite values in '{name}'"):
        DOORS[door](tmp_path / "model.safetensors", saved, tmp_path / "folder")


def test_little_memory_is_spent_on_a_broken_file(saved, tmp_path):
    """Of an own process, whose largest size so far the system knows."""
    code = """
import json, resource, sys
from pathlib import Path
from skinzoo.errors import WeightsError
from skinzoo.models import create_model
from skinzoo.tensors import load_tensors
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
good, *bad = sys.argv[1:]
load_tensors(good), create_model("simple_cnn", num_classes=2, image_size=32, weights=good)
grown = {}
for path in bad:
    before = peak()
    for load in (load_tensors, lambda p: create_model("simple_cnn", num_classes=2, image_size=32, weights=p)):
        try:
            load(path)
        except WeightsError:
            continue
        raise SystemExit(f"{path} was loaded")
    grown[Path(path).stem] = peak() - before
print(json.dumps(grown))
"""
    paths = []
    for kind, content in DAMAGED.items():
        paths.append(tmp_path / f"{kind}.safetensors")
        paths[-1].write_bytes(content)
    environment = {"PYTHONPATH": str(Path(skinzoo.__file__).parents[1]), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, str(saved / "model.safetensors"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    grown = json.loads(done.stdout.splitlines()[-1])
    assert grown.keys() == DAMAGED.keys()
    assert max(grown.values()) < 50, grown  # MB


# -- what is right ----------------------------------------------------------------------------------------------------


def test_a_header_is_what_the_reference_reader_says(tmp_path):
    tensors = {"b": torch.ones(2, 3), "a": torch.zeros(0, 4), "c": torch.arange(5), "d": torch.tensor(2.0).half()}
    path = save_tensors(tmp_path / "x.safetensors", tensors, {"note": 1})
    header = read_header(path)
    loaded = load_file(path)
    assert {n: (t.dtype, t.shape) for n, t in header.tensors.items()} == {
        n: (t.dtype, tuple(t.shape)) for n, t in loaded.items()
    }
    assert all(t.end - t.begin == loaded[n].numel() * loaded[n].element_size() for n, t in header.tensors.items())
    assert json.loads(header.metadata["skinzoo"]) == {"note": 1}


@pytest.mark.parametrize("length", [0x80, 0x3C, 0x76])
def test_a_header_length_that_looks_like_another_format_is_fine(tmp_path, length):
    """Its first byte is that of a pickle, of a page, or of a Git-LFS pointer."""
    text = json.dumps({"a": entry("F32", [1], 0, 4)}).encode().ljust(length)
    (tmp_path / "x.safetensors").write_bytes(safetensors(text, bytes(4)))
    assert load_tensors(tmp_path / "x.safetensors")["a"].tolist() == [0.0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.bool])
def test_every_type_that_is_saved_is_read(tmp_path, dtype):
    tensor = torch.tensor([0, 1, 1], dtype=dtype)
    assert torch.equal(load_tensors(save_tensors(tmp_path / "x.safetensors", {"a": tensor}))["a"], tensor)
