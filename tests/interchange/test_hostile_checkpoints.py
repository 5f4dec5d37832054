"""No file runs code: every attack leaves its canary unwritten, and is refused with what to do."""

import ast
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from old_projects import CLASSES, OldCNN, Payload, resnet

import skinzoo
from skinzoo.errors import UnsafeWeightsError, WeightsError
from skinzoo.interchange import convert_checkpoint, unpickling

OPTIONS = {"architecture": "simple_cnn", "label_space": CLASSES}
safe_torch = pytest.mark.skipif(
    unpickling._torch_version() < unpickling.SAFE_TORCH, reason="this PyTorch is not safe enough to read pickles"
)


def zipped(path, payload):
    torch.save({"state_dict": {"w": torch.ones(2)}, "x": payload}, path)


def legacy(path, payload):
    torch.save({"w": torch.ones(2), "x": payload}, path, _use_new_zipfile_serialization=False)


def bare(path, payload):
    path.write_bytes(pickle.dumps(payload))


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("write", [zipped, legacy, bare])
@pytest.mark.parametrize("name", ["model.pth", "model.bin", "model.ckpt", "model", "model.safetensors"])
def test_a_canary_is_never_written(name, write, trusted, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # must not change anything
    canary = tmp_path / "canary"
    write(tmp_path / name, Payload(canary))
    with pytest.raises(UnsafeWeightsError):
        convert_checkpoint(tmp_path / name, trusted=trusted, **OPTIONS)
    assert not canary.exists()


def test_the_canary_would_have_been_written(tmp_path):
    """The test above means something: opened in full, the same files do write it."""
    for number, write in enumerate((zipped, legacy)):
        canary = tmp_path / f"canary{number}"
        write(tmp_path / "model.pth", Payload(canary))
        torch.load(tmp_path / "model.pth", weights_only=False)["x"].close()
        assert canary.exists()


@pytest.mark.parametrize("trusted", [False, None, 1, "yes"])
def test_trust_must_be_stated(trusted, tmp_path):
    torch.save(OldCNN().state_dict(), tmp_path / "old.pth")
    with pytest.raises(
        UnsafeWeightsError,
        match=r"can run any code.*Nothing was opened.*\.safetensors.*trusted=True.*weights_only=True",
    ):
        convert_checkpoint(tmp_path / "old.pth", trusted=trusted, **OPTIONS)


@safe_torch
def test_a_whole_model_is_refused_with_the_way_out(tmp_path):
    torch.save(resnet(), tmp_path / "whole.pth")
    with pytest.raises(
        UnsafeWeightsError, match=r"objects of torchvision\.models\.resnet.*torch\.save\(old\.state_dict\(\)"
    ):
        convert_checkpoint(tmp_path / "whole.pth", trusted=True, **OPTIONS)


@safe_torch
@pytest.mark.parametrize("legacy_format", [False, True])
def test_numpy_scalars_are_named(legacy_format, tmp_path):
    content = {"state_dict": OldCNN().state_dict(), "best": np.float64(0.9)}
    torch.save(content, tmp_path / "np.pth", _use_new_zipfile_serialization=not legacy_format)
    with pytest.raises(UnsafeWeightsError, match=r"numpy\.\S*multiarray\.scalar.*torch\.save\(old\['state_dict'\]"):
        convert_checkpoint(tmp_path / "np.pth", trusted=True, **OPTIONS)


@safe_torch
def test_what_the_process_allows_elsewhere_is_not_allowed_here(tmp_path):
    torch.save({"state_dict": OldCNN().state_dict(), "x": Payload(tmp_path / "canary")}, tmp_path / "m.pth")
    before = torch.serialization.get_safe_globals()
    torch.serialization.add_safe_globals([open, (open, "io.open"), (open, "_io.open")])
    try:
        allowed = torch.serialization.get_safe_globals()
        with pytest.raises(UnsafeWeightsError, match=r"objects of \S*open"):
            convert_checkpoint(tmp_path / "m.pth", trusted=True, **OPTIONS)
        assert set(torch.serialization.get_safe_globals()) == set(allowed)
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)
    assert not (tmp_path / "canary").exists()


@safe_torch
def test_programs_and_other_archives_are_refused(tmp_path):
    scripted = zipfile.ZipFile(tmp_path / "script.pt", "w")
    with scripted:
        for name in ("m/data.pkl", "m/constants.pkl", "m/code/__torch__.py"):
            scripted.writestr(name, b"")
    np.savez(tmp_path / "arrays.npz", w=np.ones(3))
    torch.save(OldCNN().state_dict(), tmp_path / "plain.pth")
    with zipfile.ZipFile(tmp_path / "plain.pth") as source, zipfile.ZipFile(tmp_path / "bomb.pth", "w") as bomb:
        for entry in source.infolist():
            bomb.writestr(entry.filename, source.read(entry), zipfile.ZIP_DEFLATED)
    for name, kind, message in [
        ("script.pt", UnsafeWeightsError, "TorchScript archive: a program, not weights"),
        ("arrays.npz", WeightsError, r"torch\.save did not write \(it holds w\.npy\)"),
        ("bomb.pth", WeightsError, "compressed zip archive, which torch.save never writes"),
    ]:
        with pytest.raises(kind, match=message):
            convert_checkpoint(tmp_path / name, trusted=True, **OPTIONS)


@safe_torch
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html>", "an HTML page"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5 file, as Keras"),
        (b"not a checkpoint at all", r"no checkpoint of PyTorch.*b'not a ch'"),
        (b"\x80\x02", "cannot be read"),
        (b"\x80\x04K\x01.", "plain pickle"),
    ],
    ids=["empty", "lfs", "html", "keras", "text", "cut", "pickle"],
)
def test_other_files_are_named(content, message, tmp_path):
    (tmp_path / "m.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        convert_checkpoint(tmp_path / "m.pth", trusted=True, **OPTIONS)


@safe_torch
def test_damage_is_an_error_wherever_it_is(tmp_path):
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(50)}, buffer)
    whole = buffer.getvalue()
    for end in np.linspace(1, len(whole) - 1, 15).astype(int):
        (tmp_path / "cut.pth").write_bytes(whole[:end])
        with pytest.raises(WeightsError):
            convert_checkpoint(tmp_path / "cut.pth", trusted=True, **OPTIONS)


def test_an_absent_file_is_said(tmp_path):
    with pytest.raises(WeightsError, match=r"no file at .*gone\.pth; expected a checkpoint \(\.pth"):
        convert_checkpoint(tmp_path / "gone.pth", trusted=True, **OPTIONS)


def test_a_pytorch_with_a_known_hole_opens_nothing(tmp_path, monkeypatch):
    torch.save(OldCNN().state_dict(), tmp_path / "old.pth")
    monkeypatch.setattr(torch, "__version__", "2.9.1+cpu")
    with pytest.raises(UnsafeWeightsError, match=r"2\.9\.1\+cpu has a known hole.*CVE-2026-24747.*PyTorch 2\.10"):
        convert_checkpoint(tmp_path / "old.pth", trusted=True, **OPTIONS)


def test_one_place_opens_files_of_torch_save_and_only_for_weights():
    """Every call of `torch.load` in the library says weights_only=True, and stands in that one file."""
    root = Path(skinzoo.__file__).parent
    calls = {}
    for path in (p for p in root.rglob("*.py") if "load(" in p.read_text("utf-8")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "load", "jit.load"):
                calls.setdefault(path.relative_to(root).as_posix(), []).append(ast.unparse(node))
    found = {path: [c for c in each if c.startswith("torch.load")] for path, each in calls.items()}
    assert {path: each for path, each in found.items() if each} == {
        "interchange/unpickling.py": ["torch.load(path, map_location='cpu', weights_only=True)"]
    }
