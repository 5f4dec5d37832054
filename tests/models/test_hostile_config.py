"""A saved model from an untrusted place is data: whatever its config.json says, nothing runs, opens or fills memory.

Every case must end in an error of skinzoo's. `sys.addaudithook` watches what is opened and imported meanwhile.
"""

import copy
import json
import math
import resource
import shutil
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from saved_models import change_config, own_config

import skinzoo
from skinzoo.errors import SkinzooError, WeightsError
from skinzoo.models import Calibration, MetadataEncoder, OperatingPoints
from skinzoo.models.saved_config import MAX_CONFIG_BYTES, MAX_RECORD_BYTES, read_config

METADATA = MetadataEncoder.from_dict(
    {"columns": [{"name": "age", "mean": 50.0, "std": 15.0}, {"name": "sex", "categories": ["f", "m"]}]}
)
OPENED: list[str] = []
WATCHING = [False]


def _watch(event, args):
    if WATCHING[0] and event in ("open", "import", "exec", "os.system", "subprocess.Popen", "socket.connect"):
        OPENED.append(f"{event}: {args[0]!r}")


sys.addaudithook(_watch)  # it cannot be taken away again; WATCHING says when it counts


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Saved models, by name."""
    root = tmp_path_factory.mktemp("models")
    cnn = skinzoo.create_model("simple_cnn", label_space="isic2018", image_size=32, seed=0)
    cnn.calibration = Calibration("temperature", (0.5,))
    cnn.operating_points = OperatingPoints({"MEL": 0.3}, 0.2, 0.1)
    cnn.save_pretrained(root / "cnn", note=1)
    both = skinzoo.create_model(
        "mobilenetv3_small_050_metadata", metadata=METADATA, image_size=32, backbone_weights=None, seed=0
    )
    both.save_pretrained(root / "metadata")
    skinzoo.create_model("ensemble", members=[cnn]).save_pretrained(root / "ensemble")
    skinzoo.create_model(
        "unet_mobilenetv3_small_050", image_size=32, backbone_weights=None, decoder="light", seed=0
    ).save_pretrained(root / "unet")
    return root


@pytest.fixture
def copied(models, tmp_path):
    """A copy that a test may change."""
    return lambda name="cnn": Path(shutil.copytree(models / name, tmp_path / name))


def refused(name, says=None, megabytes=40):
    """The error, which comes soon, without much memory, and without a look at anything else."""
    folder = name.removeprefix("local-dir:")
    OPENED.clear()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    WATCHING[0] = True
    try:
        with pytest.raises(WeightsError, match=says) as caught:
            skinzoo.create_model(name)
    finally:
        WATCHING[0] = False
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # in kB on Linux, in bytes on macOS
    assert grown * (1 if sys.platform == "darwin" else 1024) < megabytes * 1e6
    assert len(str(caught.value)) < 1500, "a message that can be read"
    odd = [o for o in OPENED if o.startswith("open") and folder not in o and "python" not in o and "skinzoo" not in o]
    assert not odd
    assert not [o for o in OPENED if o.startswith(("os.", "subprocess", "socket"))]
    assert "evil" not in sys.modules
    return str(caught.value)


def names(count):
    return [f"c{k}" for k in range(count)]


CATEGORIES = {"name": "a", "categories": names(200_000)}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"architecture": "os.system"}, "unknown model"),
        ({"architecture": "evil"}, "unknown model"),
        ({"architecture": "hf-hub:evil/model"}, "unknown model"),
        ({"architecture": "local-dir:/etc"}, "unknown model"),
        ({"architecture": "resnet18.hf-hub:evil/model_scratch"}, "unknown model"),
        ({"architecture": "../../evil"}, "unknown model"),
        ({"architecture": "\0"}, "unknown model"),
        ({"architecture": {"target": "os.system"}}, "architecture must be a text"),
        ({"architecture": "x" * 100_000}, "unknown model"),
        ({"architecture": "resnet50_scratch"}, "does not fit|could fill"),
        ({"architecture": "vit_giant_patch14_dinov2_scratch"}, "could fill"),
        ({"architecture": "unet_resnet18"}, "segmentation"),
        ({"task": "multitask"}, "is a model for classification, and the configuration says multitask"),
        ({"task": 3}, "task must be a text"),
        ({"task": "evil"}, "unknown task"),
        ({"format_version": 99}, "format version 99"),
        ({"format_version": True}, "format version True"),
        ({"format_version": 2.0}, "format version 2.0"),
        ({"format_version": [2]}, "format version"),
        ({"dtype": "object"}, "dtype"),
        ({"dtype": ["float32"]}, "dtype"),
        ({"options": {"target": "os.system"}}, "does not take the option 'target'"),
        ({"options": {"_target_": "os.system", "args": ["true"]}}, "does not take the option"),
        ({"options": {"backbone_weights": "/etc/passwd"}}, "no option 'backbone_weights'"),
        ({"options": {"dropout": {"backbone_weights": "/etc/passwd"}}}, "no option 'backbone_weights'"),
        ({"options": {"weights": "/etc/passwd"}}, "no option 'weights'"),
        ({"options": {"request": 1}}, "option 'request'"),
        ({"options": {"build": 1}}, "option 'build'"),
        ({"options": {"num_classes": 10**9}}, "cannot be used"),
        ({"options": {"seed": 1}}, "cannot be used"),
        ({"options": {"dropout": 1e9}}, "dropout"),
        ({"options": [["dropout", 0.5]]}, "options must be named values"),
        ({"label_space": {"name": "x", "classes": names(10_001)}}, "LabelSpace"),
        ({"label_space": {"name": "x", "classes": names(9_999)}}, "thresholds|calibration|classes"),
        ({"label_space": {"name": "x", "classes": 10**9}}, "LabelSpace"),
        ({"label_space": {"name": ["x"], "classes": ["a"]}}, "LabelSpace"),
        ({"label_space": {"name": "x", "classes": ["a"], "titles": {"a": ["os"]}}}, "LabelSpace"),
        ({"label_space": {"name": "x", "classes": ["a"], "covers": {"a": "melanoma"}}}, "LabelSpace"),
        ({"label_space": {"name": "x", "classes": ["a"], "target": "os.system"}}, "LabelSpace"),
        ({"label_space": "isic2018"}, "label_space must be named values"),
        ({"input_spec": {"size": [8192, 8192]}}, "input_spec"),
        ({"input_spec": {"size": [10**9, 10**9]}}, "InputSpec"),
        ({"input_spec": {"size": [True, True]}}, "input_spec"),
        ({"input_spec": {"target": "os.system"}}, "InputSpec has no field target"),
        ({"input_spec": {"size": [1, 1], "crop": ["none"]}}, "InputSpec"),
        ({"files": {}}, "files must be model.safetensors"),
        ({"files": {"../model.safetensors": {"sha256": "0" * 64, "size": 1}}}, "files must be"),
        ({"files": {"/etc/passwd": {"sha256": "0" * 64, "size": 1}}}, "files must be"),
        ({"files": ["model.safetensors"]}, "files must be named values"),
        ({"files": {"model.safetensors": "0" * 64}}, "named values"),
        ({"files": {"model.safetensors": {"sha256": "0" * 64, "size": -1}}}, "size"),
        ({"files": {"model.safetensors": {"sha256": "0" * 64, "size": 10**30}}}, "want sha256 0000"),
        ({"files": {"model.safetensors": {"sha256": "0" * 63, "size": 1}}}, "sha256"),
        ({"files": {"model.safetensors": {"size": 1}}}, "sha256"),
        ({"training": [1]}, "training must be named values"),
        ({"calibration": "temperature"}, "calibration must be named values"),
        ({"operating_points": []}, "operating_points must be named values"),
    ],
    ids=lambda v: str(v)[:70],
)
def test_every_field_is_checked(copied, change, says):
    refused(change_config(copied(), **change), says)


@pytest.mark.parametrize(
    ("folder", "options", "says"),
    [
        ("metadata", {"metadata_width": 10**9}, "could fill"),
        ("metadata", {"metadata_width": 100_000}, "could fill"),
        ("metadata", {"metadata_width": 10**30}, "could fill|cannot be used"),
        ("metadata", {"metadata_width": -1}, "metadata_width"),
        ("metadata", {"metadata_width": 48}, "does not fit the model"),
        ("metadata", {"metadata": {"columns": [CATEGORIES]}}, "could fill|does not fit"),
        ("metadata", {"metadata": {"columns": []}}, "at least one"),
        ("metadata", {"metadata": {"columns": 5}}, "describes no metadata"),
        ("metadata", {"metadata": "evil"}, "describes no metadata"),
        ("metadata", {"metadata": {"columns": [{"name": "a", "mean": 0, "std": 0}]}}, "cannot be used"),
        ("metadata", {"metadata_dropout": "x"}, "metadata_dropout"),
        ("metadata", {"head": {"target": "os.system"}}, "head"),
        ("unet", {"decoder": ["light"]}, "cannot be used"),
        ("unet", {"decoder": "os.system"}, "unknown decoder"),
        ("unet", {"encoder": "evil"}, "does not take the option"),
        ("unet", {"decoder": "standard"}, "does not fit the model"),
    ],
    ids=lambda v: str(v)[:60],
)
def test_options_that_would_fill_memory_are_refused_first(copied, folder, options, says):
    own = own_config(target := copied(folder))
    refused(change_config(target, options=own["options"] | options), says)


def nested(depth):
    def change(config):
        member = config["options"]["members"][0]
        for _ in range(depth):
            member = member | {"architecture": "ensemble", "options": {"members": [member] * 2}}
        config["options"]["members"] = [member]

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (nested(3), "2 deep"),
        (lambda c: c["options"].update(members=c["options"]["members"] * 5_000), "32 models in all"),
        (lambda c: c["options"].update(members=c["options"]["members"] * 32), "could fill|does not fit"),
        (lambda c: c["options"].update(members=["hf-hub:evil/model"]), "a saved ensemble's member must have"),
        (lambda c: c["options"]["members"][0].update(architecture="vit_giant_patch14_dinov2_scratch"), "could fill"),
        (lambda c: c["options"]["members"][0]["options"].update(backbone_weights="/etc/passwd"), "no option"),
        (
            lambda c: c["options"]["members"][0]["input_spec"].update(size=[8192, 8192]),
            "input_spec: sides of 1 to 4096",
        ),
        (lambda c: c["options"]["members"][0]["label_space"].update(titles={"MEL": 3}), "LabelSpace"),
    ],
)
def test_ensembles_are_checked_whole_before_any_member_is_built(copied, change, says):
    refused(change_config(copied("ensemble"), change), says, megabytes=200)


def test_large_pictures_alone_take_no_memory(copied):
    """A network that takes any size is not tried at the size that a configuration says."""
    name = change_config(copied(), input_spec={"size": [32, 4096]})
    assert skinzoo.create_model(name).input_spec.size == (32, 4096)


def test_files_of_absurd_size_are_not_read(copied):
    folder = copied()
    for name, most in (("config.json", MAX_CONFIG_BYTES), ("training_data.json", MAX_RECORD_BYTES)):
        target = copied("unet") if name == "config.json" else folder
        with (target / name).open("wb") as file:
            file.truncate(10**12)  # sparse
        if name == "training_data.json":
            digests = own_config(folder)["files"] | {name: {"sha256": "0" * 64, "size": 10**12}}
            change_config(folder, files=digests)
        refused(f"local-dir:{target}", f"larger than {most:,} bytes", megabytes=most / 1e6 + 10)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "3",
        '"_skinzoo"',
        "{",
        '{"_skinzoo": null}',
        '{"_skinzoo": []}',
        '{"_skinzoo": {}}',
        '{"_skinzoo": {"format_version": 2}}',
        '{"_skinzoo": NaN}',
        '{"_skinzoo": {"format_version": 2, "x": Infinity}}',
        '{"_skinzoo": {"format_version": 2, "x": -Infinity}}',
        '{"_skinzoo": {"format_version": 2, "x": ' + "9" * 5000 + "}}",
        "[" * 200_000,
        '{"_skinzoo":' * 50_000 + "1" + "}" * 50_000,
        '{"_skinzoo": {"format_version": 2, "options":' + '{"a":' * 500 + "1" + "}" * 500 + "}}",
        '{"library": "skinzoo", "format_version": 1}',
        '{"library": "skinzoo", "format_version": 2}',
        '{"library": "timm", "format_version": 1}',
        '{"architecture": "resnet18", "num_classes": 7}',
        "\ufeff{}",
        "\0\0\0",
    ],
    ids=lambda t: t[:50] + f" ({len(t)})",
)
def test_what_is_no_configuration(copied, text):
    folder = copied()
    (folder / "config.json").write_text(text, encoding="utf-8")
    refused(f"local-dir:{folder}", r"config\.json", megabytes=80)


def test_bytes_that_are_no_text(copied):
    folder = copied()
    (folder / "config.json").write_bytes(b"\xff\xfe\x00{")
    refused(f"local-dir:{folder}", "is not JSON")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "0", "simple_cnn", "ensemble", "os.system", "../x", "/etc/passwd", "float32", "none", "\ud800"]
    )
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def paths(value, at=()):
    """The place of every value in it."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*at, key))


@pytest.mark.parametrize("name", ["cnn", "metadata", "ensemble", "unet"])
def test_no_value_at_any_place_gives_another_error(models, tmp_path_factory, name):
    own = own_config(models / name)
    places = [p for p in paths(own) if p]
    folder = Path(shutil.copytree(models / name, tmp_path_factory.mktemp("fuzz") / name))
    text = (folder / "config.json").read_text()

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(place=st.sampled_from(places), value=JSON, remove=st.booleans())
    def check(place, value, remove):
        changed = json.loads(text)
        part = changed["_skinzoo"]
        for key in place[:-1]:
            part = part[key]
        if remove:
            del part[place[-1]]
        else:
            part[place[-1]] = value
        (folder / "config.json").write_text(json.dumps(changed))
        try:
            model = skinzoo.create_model(f"local-dir:{folder}")
        except SkinzooError:
            return
        model(torch.zeros(1, 3, *model.input_spec.size)) if max(model.input_spec.size) <= 64 else None

    check()


def test_format_1_is_checked_alike(models, tmp_path):
    """The older form goes through the same checks."""
    fixture = Path(__file__).parents[1] / "fixtures" / "format_1" / "model"
    folder = Path(shutil.copytree(fixture, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    for change in (
        {"options": {"backbone_weights": "/etc/passwd"}},
        {"weights": None},
        {"weights": {"sha256": "0" * 64}},
        {"input_spec": {"size": [math.inf, 1]}},
        {"label_space": {"name": "x", "classes": 7}},
        {"task": "segmentation"},
    ):
        (folder / "config.json").write_text(json.dumps(copy.deepcopy(config) | change))
        refused(f"local-dir:{folder}")


def test_reading_is_quick_whatever_stands_there(copied):
    folder = copied()
    change_config(folder, label_space={"name": "x", "classes": names(200_000), "titles": {c: c for c in names(9000)}})
    begin = time.perf_counter()
    with pytest.raises(WeightsError):
        read_config(folder)
    assert time.perf_counter() - begin < 20, "only a hang is caught here"
