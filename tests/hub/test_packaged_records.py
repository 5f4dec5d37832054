"""Every record in the package, counted again from the files that it speaks of."""

import json
import math
from pathlib import Path

import pytest

import skinzoo
from skinzoo.hub.digests import FileDigest
from skinzoo.hub.records import list_weights, weights_info
from skinzoo.tensors import read_header

PACKAGED = list_weights()
BUNDLED = [name for name in PACKAGED if weights_info(name).bundled]
HUB = Path(skinzoo.__file__).parent / "hub"


def test_no_record_speaks_of_a_repository_that_nobody_made():
    assert PACKAGED == BUNDLED


def folder_of(name):
    return HUB / "bundled" / name


def config_of(name):
    return json.loads((folder_of(name) / "config.json").read_text("utf-8"))["_skinzoo"]


def test_every_bundled_folder_has_its_record():
    assert sorted(p.name for p in (HUB / "bundled").iterdir() if p.is_dir()) == sorted(BUNDLED)
    assert {p.stem for p in (HUB / "records").glob("*.json")} == set(PACKAGED)


@pytest.mark.parametrize("name", BUNDLED)
def test_files_are_those_of_the_record(name):
    record = weights_info(name)
    there = {p.name: FileDigest.of(p) for p in folder_of(name).iterdir()}
    assert there == dict(record.files)


@pytest.mark.parametrize("name", BUNDLED)
def test_parameters_are_counted_in_tensors_and_in_the_model(name):
    record = weights_info(name)
    tensors = read_header(folder_of(name) / "model.safetensors").tensors
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    assert record.parameters == sum(math.prod(t.shape) for key, t in tensors.items() if not key.endswith(buffers))
    assert {str(t.dtype) for t in tensors.values() if t.dtype.is_floating_point} == {f"torch.{record.dtype}"}
    options = {**config_of(name)["options"], "backbone_weights": None}
    space = {} if record.label_space is None else {"label_space": record.label_space}
    model = skinzoo.create_model(record.architecture, **space, **options)
    assert record.parameters == model.num_parameters()
    assert record.task == model.task


@pytest.mark.parametrize("name", BUNDLED)
def test_classes_and_input_are_those_of_the_configuration(name):
    record, config = weights_info(name), config_of(name)
    assert record.to_dict()["label_space"] == config["label_space"]
    assert json.loads(json.dumps(record.input_spec.to_dict())) == config["input_spec"]
    assert (record.architecture, record.dtype) == (config["architecture"], config["dtype"])
    assert config["files"] == {key: record.files[key].to_dict() for key in config["files"]}
    calibration = config["calibration"]
    assert record.temperature == pytest.approx(1 / calibration["scale"][0], rel=1e-12) if calibration else True
    assert record.to_dict()["thresholds"] == config["operating_points"]


@pytest.mark.parametrize("name", BUNDLED)
def test_data_are_those_of_the_training_and_of_the_report(name):
    record = weights_info(name)
    written = json.loads((folder_of(name) / "training_data.json").read_text("utf-8"))
    for role in ("training", "validation"):
        seen = [part for part in record.to_dict()["data"] if part["role"] == role]
        assert seen == [{"role": role, **{k: e[k] for k in seen[0] if k != "role"}} for e in written[role]]
    facts = json.loads((folder_of(name) / "report.json").read_text("utf-8"))["facts"]
    (test,) = (part for part in record.data if part.role == "test")
    assert (test.num_images, test.split_hash, test.title) == (facts["images"], facts["split hash"], facts["collection"])
    assert sum(test.class_counts.values()) == facts["images"]
    assert len({part.split_hash for part in record.data}) == len(record.data)
    assert record.synthetic == (facts["collection"].startswith("Synthetic"))


@pytest.mark.parametrize("name", BUNDLED)
def test_figures_are_those_of_the_report(name):
    record = weights_info(name)
    report = json.loads((folder_of(name) / "report.json").read_text("utf-8"))
    assert {"balanced_accuracy", "malignant/sensitivity", "dice"} <= {figure.metric for figure in record.figures}
    for figure in record.figures:
        code, _, metric = figure.metric.rpartition("/")
        source = report["per_class"][code] if code in report["classes"] else report["metrics"]
        value = source[metric] if code in report["classes"] else source[figure.metric]
        low, high = report["intervals"].get(figure.metric, (None, None))
        assert (figure.value, figure.low, figure.high) == pytest.approx((value, low, high), abs=1e-6)
        assert (figure.n, figure.level) == (report["num_samples"], report["resampling"]["level"])
        assert figure.unit == ("image" if report["resampling"]["unit"] == "image" else "lesion")
