"""Weights in the package: found, verified, loaded without a network, as good as their record says; making them."""

import json
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from weights_records import record_values

import skinzoo
from skinzoo.errors import ChecksumError, ConfigError, WeightsError
from skinzoo.hub import bundled, synthetic
from skinzoo.hub.bundled import MAX_BYTES, bundled_folder
from skinzoo.hub.record import WeightsRecord
from skinzoo.hub.records import list_weights, read_record, weights_info
from skinzoo.hub.synthetic import SyntheticWeightsWarning, warn_if_synthetic

BUNDLED = [name for name in list_weights() if weights_info(name).bundled]
EXAMPLE = Path(__file__).parents[2] / "examples" / "make_bundled.py"


@pytest.fixture
def own_copy(tmp_path, monkeypatch):
    """The record of bundled weights, and their folder in a copy of the package."""
    record = weights_info(BUNDLED[0])
    folder = tmp_path / "bundled" / record.name
    shutil.copytree(bundled_folder(record), folder)
    monkeypatch.setattr(bundled, "files", lambda package: tmp_path)
    return record, folder


# -- found and verified -----------------------------------------------------------------------------------------------


def test_something_is_bundled():
    assert list_weights("*.bundled") == BUNDLED
    assert BUNDLED


@pytest.mark.parametrize("name", BUNDLED)
def test_a_folder_is_small_and_holds_no_picture(name):
    record = weights_info(name)
    folder = bundled_folder(record)
    kinds = {".json", ".md", ".safetensors"}
    assert {path.suffix for path in folder.iterdir()} <= kinds
    assert {"config.json", "model.safetensors", "training_data.json", "README.md", "report.json"} <= set(record.files)
    assert record.files["model.safetensors"].size <= MAX_BYTES
    assert record.size <= 1.2 * MAX_BYTES
    card = (folder / "README.md").read_text("utf-8")
    assert record.title in card
    assert record.licence in card
    assert ("of no medical use" in card) == record.synthetic


def test_each_file_is_compared_with_the_record(own_copy):
    record, folder = own_copy
    assert bundled_folder(record) == folder
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    wanted = record.files["model.safetensors"].sha256
    with pytest.raises(ChecksumError, match=rf"model\.safetensors is not the file .* want sha256 {wanted} .*, got "):
        bundled_folder(record)
    path.write_bytes(content[:-1])
    with pytest.raises(ChecksumError, match="Install it again"):
        bundled_folder(record)
    path.unlink()
    with pytest.raises(WeightsError, match=rf"model\.safetensors is absent, which belongs to {record.name}; install"):
        bundled_folder(record)


def test_weights_elsewhere_are_not_bundled():
    with pytest.raises(
        ConfigError, match=r"is not part of the package; its files are in skinzoo/resnet18-ham10000@0123"
    ):
        bundled_folder(WeightsRecord.from_dict(record_values()))


def test_a_package_in_a_zip_file_is_refused(own_copy, tmp_path, monkeypatch):
    record, folder = own_copy
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"bundled/{record.name}/{path.name}")
    monkeypatch.setattr(bundled, "files", lambda package: zipfile.Path(tmp_path / "package.zip"))
    with pytest.raises(WeightsError, match="imported from a zip file"):
        bundled_folder(record)


def test_drawn_pictures_are_spoken_of_once(monkeypatch):
    monkeypatch.setattr(synthetic, "_told", set())
    drawn = WeightsRecord.from_dict(record_values(synthetic=True))
    with pytest.warns(SyntheticWeightsWarning, match=f"^{drawn.name} was trained on drawn pictures alone") as told:
        warn_if_synthetic(drawn)
    assert told[0].filename == __file__, "it points to the caller"
    warn_if_synthetic(drawn)
    warn_if_synthetic(WeightsRecord.from_dict(record_values()))


# -- loaded -----------------------------------------------------------------------------------------------------------

OFFLINE = """
import socket, sys, warnings

def refuse(*arguments, **options):
    raise AssertionError(f"the network was asked for: {arguments}")

for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = socket.create_connection = refuse

import skinzoo
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model = skinzoo.create_model(sys.argv[1], weights=sys.argv[2])
    again = skinzoo.create_model(f"{sys.argv[1]}.{sys.argv[2]}")
told = [w for w in caught if w.category.__name__ == "SyntheticWeightsWarning"]
assert not model.training
assert model.training_record is not None
assert all((a == b).all() for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
data = skinzoo.load_dataset("synthetic", num_images=4, size=128, seed=7)
(one,) = skinzoo.predict(model, data[0].image)
print(len(told), model.num_parameters(), model.operating_points.malignant, one.label)
"""


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_weights_load_and_predict_without_a_network(name, tmp_path):
    record = weights_info(name)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "SKINZOO_"))}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, record.architecture, record.tag],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**clean, "HOME": str(tmp_path), "PYTHONPATH": str(Path(skinzoo.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    told, parameters, threshold, label = done.stdout.split()
    assert told == str(int(record.synthetic)), "the warning comes once, for drawn pictures only"
    assert int(parameters) == record.parameters
    assert float(threshold) == pytest.approx(record.thresholds.malignant)
    assert label in record.label_space


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("name", BUNDLED)
def test_the_figures_come_out_again(name, request):
    """The test part is scored again: what the record says is what the packaged files do."""
    record = weights_info(name)
    model = skinzoo.create_model(name)
    facts = json.loads((bundled_folder(record) / "config.json").read_text("utf-8"))["_skinzoo"]["training"]["data"]
    root = None if record.synthetic else request.getfixturevalue(f"real_{facts['name']}")
    data = skinzoo.load_dataset(facts["name"], root, **facts["options"])
    test = data.split(facts["fractions"], seed=record.training.seed)[2]
    report = skinzoo.evaluate(model, test, examples=0)
    (part,) = (p for p in record.data if p.role == "test")
    assert report.facts["split hash"] == part.split_hash
    one = 1.01 / record.figures[0].n  # another processor may round one picture to the other side
    for metric in ("accuracy", "macro_auc", "malignant/auc", "dice"):
        (figure,) = (f for f in record.figures if f.metric == metric)
        assert report[metric] == pytest.approx(figure.value, abs=one)


# -- made -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def make(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(skinzoo.Report, "pictures", lambda report: [])  # they take seconds to draw
        monkeypatch.setattr(sys, "argv", ["make_bundled", *map(str, arguments)])
        runpy.run_path(str(EXAMPLE), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_the_example_makes_a_record_and_goes_on_with_a_run(make, tmp_path, monkeypatch):
    package = tmp_path / "package"
    (package / "hub" / "records").mkdir(parents=True)
    monkeypatch.setattr(skinzoo, "__file__", str(package / "__init__.py"))
    out, name = tmp_path / "out", "multitask_mobilenetv3_small_100.smoke-1"
    printed = make("--smoke", "--out", out, "--tag", "smoke-1", "--hardware", "a toaster", "--install")
    assert "WARNING: trained on drawn pictures" in printed
    record = read_record(out / f"{name}.json")
    assert record.synthetic
    assert record.bundled
    assert record.dtype == "float16"
    assert record.training.hardware == "a toaster"
    assert record.training.start == "random weights"
    assert {p.name for p in (out / name).iterdir()} == set(record.files)
    assert "of no medical use" in (out / name / "README.md").read_text("utf-8")
    assert read_record(package / "hub" / "records" / f"{name}.json") == record
    assert {p.name for p in (package / "hub" / "bundled" / name).iterdir()} == set(record.files)

    command = ("--smoke", "--out", out, "--tag", "smoke-1", "--hardware", "a toaster")
    with pytest.raises(SystemExit, match="holds a run; --resume goes on with it"):
        make(*command)
    (tmp_path / "stated.json").write_text(json.dumps({"title": "Another title"}))
    make(*command, "--resume", "--stated", tmp_path / "stated.json")
    again = read_record(out / f"{name}.json")
    assert again.title == "Another title"
    same = ("config.json", "model.safetensors", "training_data.json", "report.json")
    assert {k: again.files[k] for k in same} == {k: record.files[k] for k in same}

    on = tmp_path / "on"
    start = out / name
    with pytest.raises(SystemExit):
        make("--smoke", "--start", start, "--decoder", "light")
    with pytest.raises(SystemExit, match="nowhere"):
        make("--smoke", "--out", tmp_path / "early", "--average", tmp_path / "nowhere")
    assert not (tmp_path / "early").exists(), "said before the training"
    mixed, cutmix = [], skinzoo.training.CutMix.__call__
    monkeypatch.setattr(skinzoo.training.CutMix, "__call__", lambda *a, **k: mixed.append(1) or cutmix(*a, **k))
    make(*("--smoke", "--out", on, "--tag", "smoke-2"), *("--start", start, "--mixing", "cutmix", "--average", start))
    went_on = read_record(on / "multitask_mobilenetv3_small_100.smoke-2.json")
    assert went_on.training.start == f"weights: {start}"
    assert went_on.training.selection.endswith(f"; the mean with {start}")
    assert went_on.training.augmentation.endswith(" + cutmix")
    assert mixed, "batches were mixed"
    trained = skinzoo.create_model(f"local-dir:{on / 'train' / 'best'}")
    old, new = (skinzoo.create_model(f"local-dir:{p}") for p in (start, on / f"{name[:-1]}2"))
    assert old.config.options == new.config.options
    first, second, mean = (next(m.parameters()) for m in (old, trained, new))
    assert 0 < (first - second).abs().max() < 0.01, "two steps away"
    torch.testing.assert_close(mean, (first + second) / 2, rtol=0, atol=1e-3)  # released in float16


def test_the_example_takes_real_collections(make, tmp_path, fake_ham10000):
    out = tmp_path / "out"
    printed = make(
        *("--smoke", "--out", out, "--data", "ham10000", "--root", fake_ham10000()),
        *("--cache", tmp_path / "cache", "--cache-size", "32", "--weights-seed", "7", "--tag", "ham"),
    )
    assert "WARNING" not in printed
    record = read_record(out / "multitask_regnety_004.ham.json")
    assert record.training.start == "random weights (seed 7)"
    assert (record.training.batch_size, record.training.augmentation) == (8, "strong")
    assert not record.synthetic
    assert {part.licence for part in record.data} == {"CC BY-NC 4.0"}
    assert "Tschandl" in record.citation
    assert record.figures[0].unit == "lesion"
    assert len(record.limits) > 2
