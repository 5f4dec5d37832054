"""`skinzoo download`: collections and weights, from a server on this machine."""

import pytest
from hub_server import USER

import skinzoo
from skinzoo.datasets import DATASETS, catalogue, fetching
from skinzoo.errors import DownloadError

REPOSITORY = f"{USER}/small"


@pytest.fixture
def fetched(monkeypatch):
    """Nothing is fetched; the list fills with what would have been."""
    asked = []

    def note(info, root, files):
        asked.append((info.name, root, [f.path for f in files]))

    monkeypatch.setattr(catalogue, "fetch_missing", note)
    return asked


def test_a_collection(cli, fetched, tmp_path):
    done = cli("download", "dermamnist", "--root", tmp_path, "--json")
    info = skinzoo.dataset_info("dermamnist")
    assert done.json == {"name": "dermamnist", "folder": str(tmp_path), "licence": info.licence}
    assert fetched[0] == ("dermamnist", tmp_path, [f.path for f in fetching.wanted_files(info)])
    done = cli("download", "dermamnist", "--root", tmp_path, "--option", "size=64")
    assert f"folder   {tmp_path}" in done.out
    assert info.licence in done.out
    assert fetched[1][2] == [f.path for f in fetching.wanted_files(info, options={"size": 64})]
    assert fetched[0] != fetched[1]


def test_a_part_and_the_usual_folder(cli, fetched, tmp_path, monkeypatch):
    monkeypatch.setenv("SKINZOO_DATA", str(tmp_path))
    assert cli("download", "isic2019", "--part", "test", "--json").json["folder"] == str(tmp_path / "isic2019")
    info = skinzoo.dataset_info("isic2019")
    assert fetched[0][2] == [f.path for f in fetching.wanted_files(info, "test")]
    assert "part='valid' is unknown; use" in cli("download", "isic2019", "--part", "valid").err


def test_a_collection_that_needs_an_account(cli, tmp_path):
    done = cli("download", "ham10000", "--root", tmp_path)
    assert (done.status, done.out) == (1, "")
    assert "error: ham10000 (licence: CC BY-NC 4.0) cannot be fetched without you." in done.err
    assert "kaggle datasets download" in done.err
    assert "synthetic needs no files" in cli("download", "synthetic").err


def test_a_server_that_does_not_answer(cli, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise DownloadError("https://example.org/a.zip: no answer; try again later.")

    monkeypatch.setattr(catalogue, "fetch_missing", fail)
    done = cli("download", "dermamnist", "--root", tmp_path)
    assert (done.status, done.err) == (1, "error: https://example.org/a.zip: no answer; try again later.\n")


def test_interrupted(cli, monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(catalogue, "fetch_missing", interrupt)
    done = cli("download", "dermamnist", "--root", tmp_path)
    assert (done.status, done.err) == (130, "interrupted: the same command goes on where it stopped.\n")


def test_every_collection_with_addresses_says_how(cli):
    for name in skinzoo.list_datasets():
        if DATASETS[name].info.downloads:
            assert f"skinzoo download {name}" in cli("datasets", name).out


def test_weights_of_a_hub(cli, hub, small, tmp_path):
    commit = hub.put(REPOSITORY, {path.name: path.read_bytes() for path in small.iterdir()})
    done = cli("download", f"hf-hub:{REPOSITORY}", "--cache", tmp_path / "cache", "--json")
    assert done.status == 0, done
    assert done.json["revision"] == commit
    assert set(done.json["files"]) == {"config.json", "model.safetensors"}
    assert str(tmp_path / "cache") in done.json["folder"]
    model = skinzoo.create_model(f"local-dir:{done.json['folder']}")
    assert model.config.architecture == "simple_cnn"
    text = cli("download", f"hf-hub:{REPOSITORY}@{commit}", "--cache", tmp_path / "cache").out
    assert f"commit  {commit}" in text


def test_weights_of_a_record_and_of_a_mirror(cli, hub, know, values_of, small, pictures):
    commit = hub.put("tester/small", {path.name: path.read_bytes() for path in small.iterdir()})
    values = values_of(small, repository="elsewhere/small", revision=commit)
    values["files"].pop("report.json")
    values["figures"][0]["report"] = "config.json"
    record = know(values)
    done = cli("download", record.name, "--namespace", "tester", "--json")
    assert done.status == 0, done
    assert done.json["name"] == record.name
    assert (done.json["revision"], set(done.json["files"])) == (commit, set(record.files))
    answers = [
        cli("predict", name, pictures / "one.jpg", *mirror, "--json").json
        for name, mirror in [(record.name, ("--namespace", "tester")), (small, ())]
    ]
    assert answers[0] == answers[1]


def test_predictions_of_a_model_on_a_hub(cli, hub, small, pictures, tmp_path):
    hub.put(REPOSITORY, {path.name: path.read_bytes() for path in small.iterdir()})
    there = cli("predict", f"hf-hub:{REPOSITORY}", pictures / "one.jpg", "--json")
    assert there.status == 0, there
    assert there.json == cli("predict", small, pictures / "one.jpg", "--json").json


def test_unknown_names(cli, record):
    done = cli("download", "dermamist")
    assert (done.status, done.out) == (1, "")
    assert (
        done.err == "error: 'dermamist' is neither a collection nor weights; did you mean 'dermamnist' or 'derm7pt'?\n"
    )
    assert "did you mean 'simple_cnn.test'" in cli("download", "simple_cnn.tst").err
    done = cli("download", record.name, "--root", "x")
    assert done.status == 2
    assert "--root, --part and --option are for collections" in done.err


def test_a_repository_that_is_not_there(cli, hub):
    done = cli("download", "hf-hub:tester/nothing")
    assert (done.status, done.out) == (1, "")
    assert "tester/nothing" in done.err
