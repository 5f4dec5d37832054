"""Predictions for many pictures: archives, tables on disk, interruptions, pictures that cannot be read."""

import csv
import io
import json
import math
import os
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pandas
import pytest
from PIL import Image

import skinzoo
from skinzoo.errors import ArchiveError, ConfigError, DatasetNotFoundError, ImageDecodeError
from skinzoo.evaluation import predict_all, predict_table
from skinzoo.evaluation.prediction import UnreadableWarning
from skinzoo.models import Calibration, OperatingPoints


@pytest.fixture(scope="module")
def model():
    return skinzoo.create_model("multitask", backbone_weights=None, image_size=64, seed=0)


@pytest.fixture(scope="module")
def classifier():
    return skinzoo.create_model("simple_cnn", image_size=32, seed=0)


@pytest.fixture
def folder(tmp_path, write_image):
    for number in range(7):
        write_image(tmp_path / "in" / f"{number}.png", seed=number)
    return tmp_path / "in"


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# one picture


def test_a_prediction_reads_well(model, folder):
    model.calibration = Calibration("temperature", (0.5,))
    model.operating_points = OperatingPoints({"MEL": 0.0, "NV": 1.0}, malignant=0.0, abstain_below=1.0)
    try:
        (p,) = skinzoo.predict(model, folder / "0.png", heatmaps=True)
    finally:
        model.calibration = model.operating_points = None
    malignant = [p.probabilities[code] for code in model.label_space.malignant]
    assert p.malignancy == pytest.approx(sum(malignant))
    assert (p.suspicious, p.abstains, p.calibrated) == (True, True, True)
    assert p.above_threshold == ("MEL",)
    assert p.heatmap.heatmap.shape == p.mask.shape
    assert p.heatmap.target == p.label
    text = str(p)
    for wanted in ("melanoma", "are calibrated", "above the operating point", "leaves this picture to a human"):
        assert wanted in text
    assert text.endswith("Research use, not a medical device.")
    assert json.loads(json.dumps(p.to_dict(), allow_nan=False))["suspicious"] is True


def test_what_a_model_does_not_know_is_not_claimed(folder):
    numbered = skinzoo.create_model("simple_cnn", num_classes=3, image_size=32)
    (p,) = skinzoo.predict(numbered, folder / "0.png")
    assert math.isnan(p.malignancy)
    assert (p.suspicious, p.abstains, p.calibrated, p.measurements, p.heatmap) == (None, False, False, None, None)
    assert "malignant" not in str(p)
    assert "not calibrated" in str(p)
    assert p.to_dict()["malignancy"] is None


def test_measurements_are_of_the_mask_in_the_picture(model, folder):
    (p,) = skinzoo.predict(model, folder / "0.png")
    picture = np.asarray(Image.open(folder / "0.png"))
    assert p.measurements == skinzoo.evaluation.measure_lesion(p.mask, picture)
    assert skinzoo.predict(model, folder / "0.png", measure=False)[0].measurements is None


# several pictures, some of which cannot be read


def test_one_bad_picture_does_not_cost_the_others(classifier, folder):
    (folder / "3.png").write_bytes(b"<html>404</html>")
    with pytest.warns(UnreadableWarning, match=r"1 of 7 pictures cannot be read .*3 \("):
        found = skinzoo.predict(classifier, folder, batch_size=2)
    assert [p.id for p in found] == list("012456")
    with pytest.raises(ImageDecodeError, match=r"3\.png"):
        skinzoo.predict(classifier, folder / "3.png")
    stream = predict_all(classifier, folder, batch_size=3)
    assert [p.id for p in stream] == list("012456")
    assert [f.id for f in stream.failed] == ["3"]
    assert "not an image" in stream.failed[0].reason


def archive(kind, folder, path):
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as out:
            for file in sorted(folder.iterdir()):
                out.write(file, f"pictures/{file.name}")
            out.writestr("notes.txt", "not a picture")
    else:
        with tarfile.open(path, "w:gz") as out:
            out.add(folder, "pictures")
    return path


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_archives_are_read_in_place(kind, classifier, folder, tmp_path):
    path = archive(kind, folder, tmp_path / f"in.{kind}")
    found = {p.id: p.probabilities for p in skinzoo.predict(classifier, path)}
    expected = {f"pictures/{p.id}.png": p.probabilities for p in skinzoo.predict(classifier, folder)}
    assert found == expected


def test_archives_that_are_not_right(classifier, tmp_path):
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as out:
        out.writestr("notes.txt", "")
    with pytest.raises(DatasetNotFoundError, match="no image in"):
        skinzoo.predict(classifier, tmp_path / "empty.zip")
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as out:
        out.writestr("../a.png", b"x")
    with pytest.raises(ArchiveError, match=r"slip\.zip"):
        skinzoo.predict(classifier, tmp_path / "slip.zip")
    (tmp_path / "no.zip").write_bytes(b"nothing")
    with pytest.raises(ArchiveError, match="neither a zip nor a tar"):
        skinzoo.predict(classifier, tmp_path / "no.zip")


# tables


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_holds_what_predict_says(suffix, model, folder, tmp_path):
    (folder / "5.png").write_bytes(b"")
    path = tmp_path / "new" / f"table.{suffix}"
    done = predict_table(model, folder, path, batch_size=2, measure=True, progress=False)
    assert (done.num_rows, done.num_failed, done.num_resumed) == (7, 1, 0)
    assert "7 pictures, 1 of them not readable" in str(done)
    rows = rows_of(path) if suffix == "csv" else pandas.read_parquet(path).to_dict("records")
    with pytest.warns(UnreadableWarning):
        expected = {p.id: p for p in skinzoo.predict(model, folder)}
    assert sorted(row["id"] for row in rows) == list("0123456")
    for row in rows:
        if row["id"] == "5":
            assert "zero bytes" in row["error"]
            continue
        p = expected[row["id"]]
        assert row["label"] == p.label
        assert float(row["p_NV"]) == pytest.approx(p.probabilities["NV"], abs=1e-6)
        assert float(row["malignancy"]) == pytest.approx(p.malignancy, abs=1e-6)
        assert float(row["lesion_share"]) == pytest.approx(p.mask.mean(), abs=2e-3)
        assert int(float(row["area"])) == pytest.approx(p.measurements.area, rel=0.01, abs=2)
    assert not path.with_name(f"{path.name}.part").exists()


def test_parquet_columns_have_their_types_whatever_is_in_them(classifier, folder, tmp_path):
    import pyarrow.parquet

    schemas = []
    for name, pictures in (("full", folder), ("one", folder / "0.png")):
        predict_table(classifier, pictures, tmp_path / f"{name}.parquet", progress=False)
        schemas.append(pyarrow.parquet.read_schema(tmp_path / f"{name}.parquet").remove_metadata())
    assert schemas[0] == schemas[1]
    assert str(schemas[0].field("error").type) == "string"
    assert str(schemas[0].field("suspicious").type) == "bool"


def test_an_interrupted_table_goes_on(classifier, folder, tmp_path, monkeypatch):
    whole = tmp_path / "whole.csv"
    predict_table(classifier, folder, whole, batch_size=2, progress=False)
    path, seen = tmp_path / "table.csv", []
    original = type(classifier).predict_logits

    def cut_off(self, images):
        seen.append(len(images))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return original(self, images)

    monkeypatch.setattr(type(classifier), "predict_logits", cut_off)
    with pytest.raises(KeyboardInterrupt):
        predict_table(classifier, folder, path, batch_size=2, progress=False)
    assert not path.exists()
    part = tmp_path / "table.csv.part"
    with part.open("a") as file:
        file.write('{"id": "half a li')  # killed while it wrote
    seen.clear()
    seen += [0] * 5
    done = predict_table(classifier, folder, path, batch_size=2, progress=False)
    assert done.num_resumed == 4
    assert sum(seen) == 3, "only what was missing"
    assert path.read_bytes() == whole.read_bytes()
    assert not part.exists()


FINGERPRINT = """
import skinzoo
from skinzoo.evaluation.streaming import _fingerprint
print(_fingerprint(skinzoo.create_model("simple_cnn", image_size=32, seed=0)))
"""


def test_the_model_is_known_again_in_another_process():
    runs = [
        subprocess.run(
            [sys.executable, "-c", FINGERPRINT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].strip()) == 64


def test_a_wrong_path_leaves_nothing_behind(classifier, tmp_path):
    with pytest.raises(DatasetNotFoundError):
        predict_table(classifier, tmp_path / "nowhere", tmp_path / "t.csv", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_another_model_does_not_go_on(classifier, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("skinzoo.evaluation.partfile.PartFile.publish", lambda self: None)
    predict_table(classifier, folder, tmp_path / "t.csv", progress=False)
    monkeypatch.undo()
    other = skinzoo.create_model("simple_cnn", image_size=32, seed=1)
    with pytest.raises(ConfigError, match="begun with another model"):
        predict_table(other, folder, tmp_path / "t.csv", progress=False)
    done = predict_table(other, folder, tmp_path / "t.csv", overwrite=True, progress=False)
    assert (done.num_rows, done.num_resumed) == (7, 0)
    with pytest.raises(ConfigError, match="there already"):
        predict_table(other, folder, tmp_path / "t.csv", progress=False)
    with pytest.raises(ConfigError, match=r"\.csv or \.parquet"):
        predict_table(other, folder, tmp_path / "t.xlsx", progress=False)


def test_names_that_a_spreadsheet_would_run_are_harmless(classifier, tmp_path, write_image):
    write_image(tmp_path / "in" / "=cmd().png")
    write_image(tmp_path / "in" / 'a,"b".png')
    predict_table(classifier, tmp_path / "in", tmp_path / "t.csv", progress=False)
    assert [row["id"] for row in rows_of(tmp_path / "t.csv")] == ["'=cmd()", 'a,"b"']


def test_pillow_pictures_from_memory(classifier, folder):
    data = io.BytesIO((folder / "1.png").read_bytes())
    with Image.open(data) as picture:
        assert len(skinzoo.predict(classifier, [picture, folder / "2.png"])) == 2
