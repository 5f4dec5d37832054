import io
import pickle
import struct
import zipfile

import pytest
import torch
from safetensors.torch import load_file

from skinzoo.errors import UnsafeWeightsError, WeightsError
from skinzoo.tensors import load_tensors, save_tensors


def tensors():
    base = torch.arange(6.0)
    return {
        "a": base,
        "shared": base,
        "half": torch.ones(2, dtype=torch.float16),
        "view": base.view(2, 3).t(),
        "n": torch.tensor(3),
    }


def test_round_trip_is_exact_shared_and_transposed_tensors_included(tmp_path):
    path = save_tensors(tmp_path / "x.safetensors", tensors(), {"note": 1})
    for loaded in (load_tensors(path), load_file(path)):  # the reference reader is the oracle
        assert loaded.keys() == tensors().keys()
        assert all(torch.equal(loaded[k], v) and loaded[k].dtype == v.dtype for k, v in tensors().items())


def test_equal_content_gives_equal_bytes(tmp_path):
    first, second = (save_tensors(tmp_path / n, tensors(), {"b": 1, "a": 2}).read_bytes() for n in ("1", "2"))
    assert first == second


class Canary:
    def __reduce__(self):
        return (open, ("canary-was-executed", "w"))


def torch_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Canary()))
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["model.pt", "model.bin", "model.safetensors"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pickle.dumps(Canary()), "Python pickle"),
        (torch_zip(), "zip archive"),
        (b"<!DOCTYPE html><html>403</html>", "HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    ],
)
def test_anything_but_safetensors_is_refused_unopened(tmp_path, monkeypatch, name, content, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnsafeWeightsError, match=says):
        load_tensors(tmp_path / name)
    assert not (tmp_path / "canary-was-executed").exists()


def test_safetensors_under_a_pickle_name_is_refused_too(tmp_path):
    path = save_tensors(tmp_path / "x.safetensors", tensors()).rename(tmp_path / "x.pt")
    with pytest.raises(UnsafeWeightsError):
        load_tensors(path)


@pytest.mark.parametrize("keep", [0, 4, 9, 60, -1])
def test_a_cut_file_is_damaged(tmp_path, keep):
    path = save_tensors(tmp_path / "x.safetensors", tensors())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError):
        load_tensors(path)


def test_an_absurd_header_is_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", 2**40) + b"{}" + b" " * 100)
    with pytest.raises(WeightsError, match="damaged"):
        load_tensors(tmp_path / "x.safetensors")


def test_values_that_are_not_finite_are_refused_by_name(tmp_path):
    path = save_tensors(tmp_path / "x.safetensors", {"fc.weight": torch.tensor([1.0, float("nan")])})
    with pytest.raises(WeightsError, match=r"NaN or infinite values in 'fc.weight'"):
        load_tensors(path)


def test_an_absent_file_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(WeightsError, match="nowhere"):
        load_tensors(tmp_path / "nowhere.safetensors")
