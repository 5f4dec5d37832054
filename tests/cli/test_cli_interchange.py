"""`skinzoo convert` and `skinzoo export` do what `skinzoo.interchange` does."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

import skinzoo
from skinzoo import interchange
from skinzoo.cli import export

CLASSES = ["benign", "malignant"]


@pytest.fixture
def checkpoint(tmp_path):
    """What an older project saved of the small network, wrapped as it often is."""
    model = skinzoo.create_model("simple_cnn", label_space=CLASSES, image_size=32, seed=3)
    torch.save({"epoch": 3, "state_dict": model.state_dict()}, tmp_path / "old.pth")
    save_file(model.state_dict(), tmp_path / "old.safetensors")
    return model


def convert(cli, tmp_path, *more, file="old.safetensors"):
    options = ("--model", "simple_cnn", "--option", "image_size=32", "--out", tmp_path / "new")
    return cli("convert", tmp_path / file, *options, *more)


def test_convert(cli, checkpoint, tmp_path):
    done = convert(cli, tmp_path, "--classes", *CLASSES, "--json")
    assert done.status == 0, done
    assert done.json["classes"] == CLASSES
    assert done.json["folder"] == str(tmp_path / "new")
    loaded = skinzoo.create_model(f"local-dir:{tmp_path / 'new'}")
    for name, tensor in checkpoint.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    assert done.json["sha256"] in (tmp_path / "new" / "config.json").read_text("utf-8"), "where it comes from"


def test_a_model_that_is_there_is_not_replaced(cli, checkpoint, tmp_path):
    assert convert(cli, tmp_path, "--classes", *CLASSES).out.startswith("old.safetensors -> simple_cnn: ")
    done = convert(cli, tmp_path, "--num-classes", 2)
    assert (done.status, done.out) == (1, "")
    assert done.err == f"error: {tmp_path / 'new'} holds a model already; give another place, or --overwrite.\n"
    assert convert(cli, tmp_path, "--num-classes", 2, "--overwrite", "--json").json["classes"] == ["class_0", "class_1"]


def test_a_pickle_is_opened_only_if_somebody_vouches_for_it(cli, checkpoint, tmp_path):
    done = convert(cli, tmp_path, "--classes", *CLASSES, file="old.pth")
    assert done.status == 1
    assert "trusted" in done.err
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 10), reason="this PyTorch is not let near it"
)
def test_a_pickle_that_somebody_vouches_for(cli, checkpoint, tmp_path):
    done = convert(cli, tmp_path, "--classes", *CLASSES, "--trusted", "--json", file="old.pth")
    assert (done.status, done.json["key"]) == (0, "state_dict")


def test_what_cannot_be_converted(cli, checkpoint, tmp_path):
    for more, status, says in [
        ((), 1, "which output is which class stands in no file"),
        (("--classes", "isic2027"), 1, "unknown label space 'isic2027'; did you mean"),
        (("--classes", "isic2018"), 1, "error: "),
        (("--num-classes", 2, "--classes", "isic2018"), 2, "not allowed with argument"),
        (("--num-classes", 2, "--option", "image_sise=32"), 1, "does not take the option 'image_sise'"),
        (("--num-classes", 2, "--option", "trusted=true"), 2, "'trusted' is given to the command itself"),
    ]:
        done = convert(cli, tmp_path, *more)
        assert (done.status, done.out) == (status, ""), more
        assert says in done.err
    assert not (tmp_path / "new").exists()
    assert convert(cli, tmp_path, "--num-classes", 2, file="nowhere.safetensors").status == 1


def test_export_a_program(cli, small, tmp_path):
    done = cli("export", small, "--program", tmp_path / "model.pt2", "--batch", 1, "--json", "--licence", "MIT")
    assert done.status == 0, done
    [written] = done.json
    assert (written["path"], written["batch"]) == (str(tmp_path / "model.pt2"), 1)
    assert max(written["differences"].values()) < 1e-4
    description = json.loads(Path(written["description"]).read_text("utf-8"))
    assert "MIT" in json.dumps(description)


def test_what_export_passes_on(cli, small, tmp_path, monkeypatch):
    asked = []

    class Written(SimpleNamespace):
        def __str__(self):
            return f"{self.path}: written"

    def fake(model, path, **options):
        asked.append((model.config.architecture, path, options))
        parity = interchange.Parity({"logits": 1e-7}, 1e-4)
        return Written(path=path, description="d", outputs=("logits",), batch="dynamic", sha256="0", parity=parity)

    monkeypatch.setattr(interchange, "export_onnx", fake)
    monkeypatch.setattr(interchange, "export_program", fake)
    done = cli("export", small, "--onnx", "a.onnx", "--program", "a.pt2", "--pixels", "uint8")
    assert done.out == "a.onnx: written\na.pt2: written\n"
    options = {"batch": "dynamic", "pixels": "uint8", "licence": None}
    assert asked == [("simple_cnn", "a.onnx", options), ("simple_cnn", "a.pt2", options)]


def test_the_command_knows_the_kinds_of_pixels():
    assert tuple(export.PIXELS) == tuple(interchange.PIXELS)


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ((), 2, "give --onnx FILE or --program FILE"),
        (("--onnx", "model.pt"), 1, "name ends with .onnx"),
        (("--program", "model.pt2", "--batch", "many"), 2, "'many' is neither a number of pictures nor dynamic"),
        (("--program", "model.pt2", "--batch", "0"), 2, "'0' is neither a number of pictures nor dynamic"),
        (("--program", "model.pt2", "--pixels", "float"), 2, "invalid choice: 'float'"),
    ],
)
def test_what_cannot_be_exported(cli, small, tmp_path, monkeypatch, arguments, status, says):
    monkeypatch.chdir(tmp_path)
    done = cli("export", small, *arguments)
    assert (done.status, done.out) == (status, "")
    assert says in done.err
    assert not list(tmp_path.iterdir())
