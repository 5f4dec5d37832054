"""A checkpoint from an untrusted place is data: safetensors and JSON, and whatever else it is, it is refused."""

import hashlib
import json
import pickle

import pytest
import torch

import skinzoo
from skinzoo.errors import CheckpointDamagedError, SkinzooError
from skinzoo.tensors import save_tensors
from skinzoo.training import checkpoint as module
from skinzoo.training.checkpoint import Checkpoint, CheckpointStore


class Canary:
    def __reduce__(self):
        return (open, ("canary-was-executed", "w"))


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return CheckpointStore(tmp_path).save(Checkpoint(3, {"w": torch.ones(2)}, {"a": [1, 2]}))


def reason(manifest):
    """Why it is refused, in both ways of asking for it."""
    store = CheckpointStore(manifest.parent)
    with pytest.raises(CheckpointDamagedError) as caught:
        store.load(manifest)
    with pytest.raises(CheckpointDamagedError):
        store.newest()
    assert not (manifest.parent / "canary-was-executed").exists()
    assert issubclass(CheckpointDamagedError, SkinzooError)
    return str(caught.value)


def change(manifest, **values):
    """Change the manifest, with a sha256 that fits the values."""
    head = json.loads(manifest.read_text()) | values
    if "values" in values:
        head["values_sha256"] = hashlib.sha256(json.dumps(head["values"], sort_keys=True).encode()).hexdigest()
    manifest.write_text(json.dumps(head))


@pytest.mark.parametrize(
    "content",
    [pickle.dumps(Canary()), b"PK\x03\x04" + b"0" * 100, b"<html>", b"", b"\xff" * 20],
    ids=["pickle", "zip", "page", "empty", "noise"],
)
def test_tensors_that_are_none(manifest, content):
    """Even where the sha256 says that this is the file."""
    manifest.with_suffix(".safetensors").write_bytes(content)
    change(manifest, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    reason(manifest)


def test_a_torch_checkpoint_under_the_name(manifest):
    torch.save({"w": Canary()}, manifest.with_suffix(".safetensors"))
    content = manifest.with_suffix(".safetensors").read_bytes()
    change(manifest, sha256=hashlib.sha256(content).hexdigest())
    assert "zip archive" in reason(manifest)


def test_values_that_are_not_finite(manifest):
    path = save_tensors(manifest.with_suffix(".safetensors"), {"w": torch.tensor([float("nan")])})
    change(manifest, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert "NaN" in reason(manifest)


@pytest.mark.parametrize(
    "values",
    [
        {"step": "3"},
        {"step": 3.0},
        {"step": True},
        {"step": -1},
        {"step": None},
        {"sha256": None},
        {"sha256": 7},
        {"sha256": ["x"]},
        {"values": None},
        {"values": [1]},
        {"values": "x"},
        {"values_sha256": None},
        {"format": "1"},
        {"format": {"target": "os.system"}},
    ],
    ids=str,
)
def test_values_of_another_kind(manifest, values):
    change(manifest, **values)
    reason(manifest)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "3", "{", "{}", "[" * 200_000, '{"values":' * 100_000, '{"values": ' + "9" * 5000 + "}"],
    ids=lambda t: f"{t[:12]} ({len(t)})",
)
def test_manifests_that_are_none(manifest, text):
    manifest.write_text(text)
    assert "manifest is damaged" in reason(manifest)


def test_bytes_that_are_no_text(manifest):
    manifest.write_bytes(b"\xff\xfe{")
    assert "manifest is damaged" in reason(manifest)


def test_a_manifest_of_absurd_size_is_not_read(manifest, monkeypatch):
    monkeypatch.setattr(module, "MAX_MANIFEST_BYTES", 1_000_000)
    with manifest.open("wb") as file:
        file.truncate(10**12)  # sparse
    assert "larger than 1,000,000 bytes" in reason(manifest)


def test_other_names_are_not_looked_at(manifest):
    for name in ("..safetensors", "x.json", "1;rm.json", "-1.json", "000009.pt", "\u0663.txt"):
        (manifest.parent / name).write_bytes(pickle.dumps(Canary()))
    assert CheckpointStore(manifest.parent).newest().step == 3


@pytest.mark.parametrize("values", [{}, {"identity": 3}, {"identity": {"config": []}, "environment": None}])
def test_the_checkpoint_of_something_else_does_not_end_in_a_stack_trace(tmp_path, values):
    """Whole by its digests, and not what a run writes."""
    data = skinzoo.load_dataset("synthetic", num_images=16, size=32)
    model = skinzoo.create_model("simple_cnn", image_size=32, label_space=data.label_space)
    CheckpointStore(tmp_path / "checkpoints").save(Checkpoint(1, {"w": torch.ones(2)}, values))
    config = skinzoo.TrainConfig(num_steps=2, batch_size=8, device="cpu", verbose=False, output_dir=str(tmp_path))
    with pytest.raises(CheckpointDamagedError, match="not those of a run"):
        skinzoo.Trainer(model, config).fit(data)
