"""`skinzoo verify`: what is as it was published, and what is not, on this disk and on a Hub."""

import hashlib
import shutil

import pytest
from hub_server import USER

import skinzoo
from skinzoo.publishing.golden import write_golden

REPOSITORY = f"{USER}/small"


@pytest.fixture
def published(small, tmp_path):
    """The folder of a small model with its golden outputs."""
    folder = tmp_path / "published"
    shutil.copytree(small, folder)
    write_golden(skinzoo.create_model(f"local-dir:{folder}"), folder / "golden.safetensors")
    return folder


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def checks(done):
    return {check["what"]: check["ok"] for check in done.json["checks"]}


def test_a_folder_that_is_as_it_was_saved(cli, published):
    done = cli("verify", published, "--json")
    assert done.status == 0
    assert checks(done) == {"model.safetensors": True, "loading": True, "golden outputs": True}
    assert done.json["model"] == f"local-dir:{published}"
    digest = hashlib.sha256((published / "model.safetensors").read_bytes()).hexdigest()
    text = cli("verify", published)
    assert text.status == 0
    assert f"sha256 {digest[:16]}..." in text.out
    assert "verified in" in " ".join(text.out.split())
    assert "BAD" not in text.out


def test_without_golden_outputs(cli, small):
    done = cli("verify", small, "--json")
    assert done.status == 0
    assert checks(done) == {"model.safetensors": True, "loading": True}


def test_a_changed_byte_of_the_weights(cli, published):
    path = published / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    done = cli("verify", published, "--json")
    assert done.status == 1
    assert checks(done) == {"model.safetensors": False, "loading": False}
    assert hashlib.sha256(data).hexdigest() in done.json["checks"][0]["detail"]
    text = cli("verify", published)
    assert text.out.count("BAD  ") == 2
    assert "NOT as published" in text.out
    assert not text.err


def test_weights_that_are_gone(cli, published):
    (published / "model.safetensors").unlink()
    done = cli("verify", published, "--json")
    assert done.status == 1
    assert done.json["checks"][0] == {"what": "model.safetensors", "ok": False, "detail": "absent"}


def test_a_damaged_configuration(cli, published):
    (published / "config.json").write_text('{"_skinzoo": {"format_version": 2}}')
    done = cli("verify", published, "--json")
    assert (done.status, checks(done)) == (1, {"loading": False})
    assert "config.json" in done.json["checks"][0]["detail"]


def test_other_answers_than_the_golden_ones(cli, published, small):
    model = skinzoo.create_model(f"local-dir:{small}")
    next(iter(model.parameters())).data.mul_(1.5)
    write_golden(model, published / "golden.safetensors")
    done = cli("verify", published, "--json")
    assert done.status == 1
    assert checks(done) == {"model.safetensors": True, "loading": True, "golden outputs": False}
    (published / "golden.safetensors").write_bytes(b"nothing")
    assert checks(cli("verify", published, "--json"))["golden outputs"] is False


def test_what_is_not_there(cli, tmp_path):
    for name, says in [(tmp_path, "no config.json"), (tmp_path / "nowhere", "there is no folder"), ("x.y", "unknown")]:
        done = cli("verify", name, "--json")
        assert done.status == 1
        assert says in done.err + done.out


def test_a_repository_of_a_hub(cli, hub, published, tmp_path):
    commit = hub.put(REPOSITORY, content(published))
    done = cli("verify", f"hf-hub:{REPOSITORY}", "--cache", tmp_path / "cache", "--json")
    assert done.status == 0, done
    assert checks(done) == {"model.safetensors": True, "loading": True, "golden outputs": True}
    assert done.json["model"] == f"hf-hub:{REPOSITORY}"
    assert commit in done.json["folder"]
    assert str(tmp_path / "cache") in done.json["folder"]
    asked = len(hub.log)
    again = cli("verify", f"hf-hub:{REPOSITORY}@{commit}", "--cache", tmp_path / "cache", "--offline", "--json")
    assert (again.status, len(hub.log)) == (0, asked), "from the cache, without a request"
    assert checks(again) == checks(done)


def test_a_record_of_a_hub(cli, hub, know, values_of, published, tmp_path):
    commit = hub.put(REPOSITORY, content(published))
    values = values_of(published, repository=REPOSITORY, revision=commit)
    values["files"].pop("report.json")
    values["figures"][0]["report"] = "golden.safetensors"
    record = know(values)
    done = cli("verify", record.name, "--json")
    assert done.status == 0, done
    names = {"config.json", "model.safetensors", "golden.safetensors"}
    assert checks(done) == {**dict.fromkeys(names, True), "loading": True, "golden outputs": True}
    values["files"]["golden.safetensors"]["sha256"] = "1" * 64
    know(values)
    done = cli("verify", record.name, "--json")
    assert done.status == 1
    assert checks(done) == {"files": False}
    assert "golden.safetensors" in done.json["checks"][0]["detail"]


def test_offline_without_a_copy(cli, hub, tmp_path):
    done = cli("verify", f"hf-hub:{REPOSITORY}", "--offline", "--cache", tmp_path / "empty")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert not hub.log


def test_a_hub_that_is_not_https(cli):
    done = cli("verify", f"hf-hub:{REPOSITORY}", "--endpoint", "http://hub.example.org")
    assert done.status == 1
    assert "error: endpoint" in done.err
