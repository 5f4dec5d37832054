"""Making a record of a saved model, and the header of a weights file, which it looks at."""

import json
import shutil

import pytest
from weights_records import COMMIT

from skinzoo.errors import ConfigError, WeightsError
from skinzoo.hub.bundled import bundled_folder
from skinzoo.hub.making import STATED, record_of
from skinzoo.hub.record import WeightsRecord
from skinzoo.hub.records import list_weights, weights_info
from skinzoo.tensors import read_header

BUNDLED = next((name for name in list_weights() if weights_info(name).bundled), "")


@pytest.fixture
def saved(tmp_path):
    """A copy of the first bundled model, and what a human stated about it."""
    record = weights_info(BUNDLED)
    folder = tmp_path / "saved"
    shutil.copytree(bundled_folder(record), folder)
    return folder, {name: record.to_dict()[name] for name in STATED}


def change(path, edit):
    values = json.loads(path.read_text("utf-8"))
    edit(values)
    path.write_text(json.dumps(values), "utf-8")


def test_a_record_is_made_and_never_typed(saved):
    folder, stated = saved
    packaged = weights_info(BUNDLED)
    assert record_of(folder, tag=packaged.tag, stated=stated) == packaged
    assert record_of(folder, tag=packaged.tag, stated=stated).to_dict() == packaged.to_dict()
    other = record_of(
        folder,
        tag="mine-2",
        stated={**stated, "title": "Mine"},
        protocols={"report.json": "as I like it"},
        repository="me/mine",
        revision=COMMIT,
    )
    assert (other.name, other.title, str(other.reference)) == (
        f"{packaged.architecture}.mine-2",
        "Mine",
        f"me/mine@{COMMIT}",
    )
    assert {figure.protocol for figure in other.figures} == {"as I like it"}
    assert [f.value for f in other.figures] == [f.value for f in packaged.figures]


def test_drawn_pictures_cannot_be_passed_off_as_lesions(saved):
    folder, stated = saved
    values = record_of(folder, tag="x", stated={**stated, "synthetic": False}).to_dict()
    for part in values["data"]:
        part["collections"] = ["synthetic"]
    with pytest.raises(ConfigError, match="synthetic must be true"):
        WeightsRecord.from_dict(values)
    assert WeightsRecord.from_dict(values | {"synthetic": True}).synthetic


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "training_data.json", "report.json"])
def test_every_file_is_needed(saved, name):
    folder, stated = saved
    (folder / name).unlink()
    with pytest.raises(ConfigError, match=name.replace(".", r"\.")):
        record_of(folder, tag="x", stated=stated)


@pytest.mark.parametrize(
    ("name", "edit", "says"),
    [
        ("config.json", lambda v: v["_skinzoo"].update(format_version=1), "no configuration of format 2"),
        ("config.json", lambda v: v.pop("_skinzoo"), "no configuration of format 2"),
        ("config.json", lambda v: v["_skinzoo"].pop("dtype"), "config.json: dtype missing"),
        ("config.json", lambda v: v["_skinzoo"].update(training={}), "the training facts hold no recipe"),
        ("config.json", lambda v: v["_skinzoo"]["training"]["recipe"].pop("seed"), "training: seed missing"),
        ("config.json", lambda v: v["_skinzoo"].update(dtype="float32"), "holds float16, its config.json says float32"),
        ("report.json", lambda v: v["facts"].update(model="resnet18"), "of another model: the architecture differ"),
        ("report.json", lambda v: v["facts"].update(parameters=1), "of another model: the number of parameters"),
        ("report.json", lambda v: v["classes"].reverse(), "of another model: the classes differ"),
        ("report.json", lambda v: v.pop("intervals"), "is no report"),
        (
            "training_data.json",
            lambda v: v.pop("validation"),
            "is not the file that its config.json speaks of|no record",
        ),
    ],
)
def test_files_of_two_models_make_no_record(saved, name, edit, says):
    folder, stated = saved
    change(folder / name, edit)
    with pytest.raises(ConfigError, match=says):
        record_of(folder, tag="x", stated=stated)


def test_changed_weights_and_strange_neighbours_are_noticed(saved):
    folder, stated = saved
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ConfigError, match=r"model\.safetensors is not the file that its config\.json speaks of"):
        record_of(folder, tag="x", stated=stated)
    path.write_bytes(content)
    (folder / "more").mkdir()
    with pytest.raises(ConfigError, match="holds more; the files of a record lie side by side"):
        record_of(folder, tag="x", stated=stated)


def test_what_a_human_states_is_checked(saved):
    folder, stated = saved
    with pytest.raises(ConfigError, match="stated: limits missing"):
        record_of(folder, tag="x", stated={k: v for k, v in stated.items() if k != "limits"})
    with pytest.raises(ConfigError, match="stated: unknown field 'parameters'"):
        record_of(folder, tag="x", stated={**stated, "parameters": 3})
    with pytest.raises(ConfigError, match=r"name must be <architecture>\.<tag>"):
        record_of(folder, tag="../x", stated=stated)


# -- the header of a weights file -------------------------------------------------------------------------------------


def test_the_header_says_what_the_tensors_are(tmp_path):
    import torch
    from safetensors.torch import save_file

    tensors = {"a": torch.zeros(2, 3, dtype=torch.float16), "b": torch.zeros((), dtype=torch.int64)}
    save_file(tensors, tmp_path / "x.safetensors", metadata={"skinzoo": "{}"})
    header = read_header(tmp_path / "x.safetensors")
    assert {n: (t.dtype, t.shape, t.end - t.begin) for n, t in header.tensors.items()} == {
        "a": (torch.float16, (2, 3), 12),
        "b": (torch.int64, (), 8),
    }


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 7, b"\xff" * 16, (9).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]",
                (11).to_bytes(8, "little") + b'{"a": null}'],
)  # fmt: skip
def test_a_damaged_header_is_an_error(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.safetensors is (empty|not a safetensors file|damaged)"):
        read_header(path)
    with pytest.raises(WeightsError, match=r"no weights file at .*nothing"):
        read_header(tmp_path / "nothing")
