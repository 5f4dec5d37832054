"""`skinzoo predict` says, draws and writes what `predict`, `predict_all` and `predict_table` give."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image

import skinzoo
from skinzoo.cli import predict as cli_predict
from skinzoo.evaluation import engines_fused, prediction
from skinzoo.evaluation.engines import ENGINES
from skinzoo.evaluation.partfile import PartFile


def files_below(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def as_predicted(folder, pictures, **options):
    model = skinzoo.create_model(f"local-dir:{folder}")
    return [p.to_dict() for p in skinzoo.predict_all(model, pictures, **options)]


def near(value):
    """The same values; batches of another size have another order of sums."""
    if isinstance(value, dict):
        return {key: near(v) for key, v in value.items()}
    return pytest.approx(value, abs=1e-5) if isinstance(value, float) else value


def test_one_picture(cli, multitask, pictures):
    done = cli("predict", multitask, pictures / "one.jpg")
    prediction = skinzoo.predict(skinzoo.create_model(f"local-dir:{multitask}"), pictures / "one.jpg")[0]
    assert (done.status, done.err) == (0, "")
    assert " ".join(done.out.split()) == " ".join(str(prediction).split())
    assert max(map(len, done.out.splitlines())) < 80
    answer = cli("predict", multitask, pictures / "one.jpg", "--json").json
    assert answer == {"predictions": [near(prediction.to_dict())], "failed": []}


def test_a_folder(cli, multitask, pictures):
    done = cli("predict", multitask, pictures, "--batch-size", 1)
    assert done.status == 0
    assert [line.split(":")[0] for line in done.out.splitlines()] == ["below/two", "one"]
    assert "lesion covers " in done.out
    assert done.err.startswith("bad: not predicted: ")
    measured = cli("predict", multitask, pictures, "--measure")
    assert "border irregularity" in " ".join(measured.out.split())
    answer = cli("predict", multitask, pictures, "--json").json
    assert answer["predictions"] == [near(p) for p in as_predicted(multitask, pictures, measure=False)]
    assert [failed["id"] for failed in answer["failed"]] == ["bad"]
    answer = cli("predict", multitask, pictures, "--json", "--measure").json
    assert "asymmetry" in answer["predictions"][0]["measurements"]


def test_an_archive_and_several_paths(cli, small, pictures, tmp_path, write_image):
    archive = shutil.make_archive(str(tmp_path / "pictures"), "zip", pictures)
    other = write_image(tmp_path / "three.png")
    answer = cli("predict", small, archive, other, "--json").json
    *packed, last = [p["id"] for p in answer["predictions"]]
    assert (sorted(packed), last) == (["below/two.jpg", "one.jpg"], "three")


def test_pictures_of_one_name_are_not_mixed_up(cli, small, pictures, tmp_path):
    done = cli("predict", small, pictures / "one.jpg", pictures, "--table", tmp_path / "t.csv")
    assert done.status == 1
    assert done.err.startswith("error: 2 of the pictures have the id 'one'; give the folder above them")
    assert not list(tmp_path.glob("t.csv*"))


def test_a_table_of_failures_is_a_failure(cli, small, pictures, tmp_path):
    done = cli("predict", small, pictures / "bad.jpg", "--table", tmp_path / "t.csv", "--json")
    assert (done.status, done.json["num_failed"]) == (1, 1)
    assert "not an image" in (tmp_path / "t.csv").read_text("utf-8")


def test_nothing_that_can_be_read(cli, small, pictures, tmp_path):
    done = cli("predict", small, pictures / "bad.jpg")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: no picture can be read: ")
    assert "bad.jpg: not an image" in done.err
    assert "no file or folder at" in cli("predict", small, tmp_path / "nowhere").err
    (tmp_path / "empty").mkdir()
    assert "no image in" in cli("predict", small, tmp_path / "empty", "--json").err


def test_masks_and_heatmaps(cli, multitask, pictures, tmp_path):
    masks, heatmaps = tmp_path / "masks", tmp_path / "heat"
    done = cli("predict", multitask, pictures, "--masks", masks, "--heatmaps", heatmaps)
    assert done.status == 0
    assert files_below(masks) == {"one_mask.png", "below/two_mask.png"}
    assert files_below(heatmaps) == {"one_heatmap.png", "below/two_heatmap.png"}
    model = skinzoo.create_model(f"local-dir:{multitask}")
    expected = skinzoo.predict(model, pictures / "one.jpg")[0].mask
    assert np.array_equal(np.asarray(Image.open(masks / "one_mask.png")), expected * 255)


def test_a_classifier_draws_no_mask(cli, small, pictures, tmp_path):
    done = cli("predict", small, pictures, "--masks", tmp_path / "masks")
    assert (done.status, done.err) == (1, "error: simple_cnn predicts no mask; leave out --masks.\n")


def test_a_table(cli, multitask, pictures, tmp_path):
    table = tmp_path / "answers.csv"
    done = cli("predict", multitask, pictures, "--table", table, "--measure", "--masks", tmp_path / "masks", "--json")
    assert done.json == {"table": str(table), "num_rows": 3, "num_failed": 1}
    assert files_below(tmp_path / "masks") == {"one_mask.png", "below/two_mask.png"}
    with table.open(encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"one", "below/two", "bad"}
    assert rows["one"]["asymmetry"]
    assert rows["bad"]["error"]
    done = cli("predict", multitask, pictures, "--table", table)
    assert done.status == 1
    assert done.err == f"error: {table} is there already; give another place, or --overwrite.\n"
    done = cli("predict", multitask, pictures, "--table", table, "--overwrite")
    assert done.out.startswith("3 pictures, 1 of them not readable")
    assert "asymmetry" not in table.read_text("utf-8")


def test_an_interrupted_table_goes_on(cli, small, pictures, tmp_path, monkeypatch):
    command = ["predict", small, pictures, "--batch-size", 1, "--table", tmp_path / "answers.csv"]
    write = PartFile.write

    def interrupted(self, rows):
        write(self, rows)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PartFile, "write", interrupted)
        done = cli(*command)
    assert (done.status, done.out) == (130, "")
    assert "goes on where its table stopped" in done.err
    assert "2 from an earlier call" in " ".join(cli(*command).out.split())


def test_a_table_of_another_kind_is_wrong_usage(cli, small, pictures):
    done = cli("predict", small, pictures, "--table", "answers.xlsx")
    assert done.status == 2
    assert "argument --table: answers.xlsx must end in .csv or .parquet" in done.err


def test_metadata(cli, small, pictures, tmp_path):
    done = cli("predict", small, pictures, "--metadata", "age=45")
    assert done.err == "error: simple_cnn sees pictures alone: it takes no metadata.\n"
    data = skinzoo.load_dataset("synthetic", num_images=40, size=32)
    encoder = skinzoo.MetadataEncoder.fit(data, columns=["skin_tone"])
    tones = sorted(set(data.records.metadata["skin_tone"].tolist()))[:2]
    model = skinzoo.create_model("resnet18_metadata", metadata=encoder, backbone_weights=None, image_size=32, seed=0)
    folder = model.save_pretrained(tmp_path / "model")
    answers = [
        cli("predict", folder, pictures / "one.jpg", "--metadata", f"skin_tone={tone}", "--json").json for tone in tones
    ]
    assert answers[0] != answers[1]
    expected = as_predicted(folder, pictures / "one.jpg", metadata={"skin_tone": tones[1]})
    assert answers[1]["predictions"] == [near(p) for p in expected]


@pytest.mark.parametrize("size", ["0", "-1"])
def test_a_batch_size_that_makes_no_sense(cli, small, pictures, size):
    done = cli("predict", small, pictures, "--batch-size", size)
    assert done.status == 1
    assert "batch_size must be a positive whole number" in done.err


def test_auto_is_the_batch_size_unless_another_is_given(cli, small, pictures, tmp_path, monkeypatch):
    seen = []
    fitting = prediction.fitting_batch_size
    monkeypatch.setattr(
        prediction,
        "fitting_batch_size",
        lambda model, size, *others: (seen.append(size), fitting(model, size, *others))[1],
    )
    assert cli("predict", small, pictures).status == 0
    assert cli("predict", small, pictures, "--batch-size", "auto").status == 0
    assert cli("predict", small, pictures, "--batch-size", 3, "--table", tmp_path / "a.csv").status == 0
    assert seen == ["auto", "auto", 3]
    done = cli("predict", small, pictures, "--batch-size", "many")
    assert done.status == 2
    assert "argument --batch-size: 'many' is neither a whole number nor auto" in done.err


def test_an_engine(cli, multitask, pictures, tmp_path, monkeypatch):
    model = skinzoo.create_model(f"local-dir:{multitask}")
    other = skinzoo.create_model(f"local-dir:{multitask}")
    other.head[-1].bias.data[3] += 50
    monkeypatch.setattr(engines_fused, "fused_copy", lambda _: other)
    title = f"{model.label_space.classes[3]} 100.0%"
    assert title not in cli("predict", multitask, pictures, "--engine", "plain").out
    assert cli("predict", multitask, pictures, "--engine", "fused").out.count(title) == 2
    assert cli("predict", multitask, pictures, "--engine", "fused", "--table", tmp_path / "a.csv").status == 0
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        assert {row["label"] for row in csv.DictReader(file) if not row["error"]} == {model.label_space.classes[3]}
    done = cli("predict", multitask, pictures, "--engine", "turbo")
    assert done.status == 2
    assert "argument --engine: invalid choice: 'turbo'" in done.err


def test_the_engines_are_those_of_predict():
    assert cli_predict._ENGINES == ENGINES


def test_a_device_that_is_not_there(cli, small, pictures):
    assert "error: unknown device 'gpu'; use 'auto'" in cli("predict", small, pictures, "--device", "gpu").err


def test_a_record_wins_over_a_folder_of_its_name(cli, small, pictures, record, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(small, tmp_path / record.name)
    assert cli("predict", f"./{record.name}", pictures / "one.jpg").status == 0
    done = cli("predict", record.name, pictures / "one.jpg")
    assert done.status == 1
    assert "install skinzoo again" in done.err, "the files of this record are nowhere"


def test_what_is_no_trained_model(cli, pictures, tmp_path, monkeypatch, record):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "weights.bin").write_text("x")
    for name, says in [
        ("empty", "no config.json in empty"),
        ("local-dir:nowhere", "no config.json in nowhere"),
        ("runs/nowhere", "there is no folder runs"),
        ("weights.bin", "weights.bin is a file; give the folder"),
        ("resnet18_head", "resnet18_head is an architecture, without trained weights; give a folder"),
        ("simple_cnn", "simple_cnn is an architecture, without trained weights; use simple_cnn.test"),
        ("simple_cnn.tset", "unknown weights 'simple_cnn.tset'; did you mean 'simple_cnn.test'?"),
        ("resnet51", "unknown weights 'resnet51'"),
        ("hf-hub:nobody", "'nobody' is no Hub repository; give owner/name"),
        ("hf-hub:a/b@main", "the revision 'main' of a/b is not a full commit"),
    ]:
        done = cli("predict", name, pictures)
        assert (done.status, done.out) == (1, ""), name
        assert f"error: {says}" in done.err
