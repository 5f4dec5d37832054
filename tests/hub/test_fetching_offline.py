"""Without a network: what is in the cache works, and what is not says how to get it."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub_fixtures import client_sleeps, hub  # noqa: F401

from skinzoo.errors import OfflineError
from skinzoo.hub import HubOptions, HubReference, client, fetch_files

NAMES = ("config.json", "model.safetensors")
FILES = {"config.json": b"{}", "model.safetensors": b"w" * 5000}


@pytest.fixture
def published(hub):  # noqa: F811
    return HubReference("tester/model", hub.put("tester/model", FILES))


@pytest.fixture
def no_sockets(monkeypatch):
    """Every attempt to open a socket or look up a name fails the test; call it to begin."""

    def begin():
        def fail(*args, **_):
            raise AssertionError("a socket was opened")

        for name in ("socket.socket", "socket.create_connection", "socket.getaddrinfo"):
            monkeypatch.setattr(name, fail)

    return begin


@pytest.fixture
def waits(monkeypatch):
    slept = []
    monkeypatch.setattr(client, "_sleep", slept.append)
    return slept


@pytest.fixture(params=["argument", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def offline(request, monkeypatch):
    def begin():
        if request.param == "argument":
            return HubOptions(offline=True)
        monkeypatch.setenv(request.param, "1")
        return HubOptions()

    return begin


@pytest.mark.parametrize("pinned", [True, False])
def test_sec_9_offline_with_a_cache_works_without_a_socket(hub, published, offline, no_sockets, pinned):  # noqa: F811
    reference = published if pinned else HubReference("tester/model")
    fetch_files(reference, NAMES)
    options = offline()
    no_sockets()
    found = fetch_files(reference, NAMES, optional=["training_data.json"], options=options)
    assert {name: path.read_bytes() for name, path in found.files.items()} == FILES
    assert found.revision == published.revision


@pytest.mark.parametrize("pinned", [True, False])
def test_sec_9_offline_without_a_cache_says_what_to_run(published, offline, no_sockets, pinned, tmp_path, waits):
    options = offline()
    no_sockets()
    reference = published if pinned else HubReference("tester/model")
    with pytest.raises(OfflineError) as raised:
        fetch_files(reference, NAMES, optional=["README.md"], options=options)
    message = str(raised.value)
    assert f"config.json, model.safetensors is not in the cache {tmp_path / 'hub_cache'}" in message
    assert "hf download tester/model --" in message
    assert (f"--revision {published.revision}" in message) is pinned
    assert "hub-cache/models--tester--model into" in message
    for variable in ("HF_HUB_OFFLINE=1", "SKINZOO_HUB_CACHE", "SKINZOO_HUB_ENDPOINT", "HF_ENDPOINT=http://127.0.0.1"):
        assert variable in message
    assert not waits


def test_sec_9_only_what_is_missing_is_named(published):
    fetch_files(published, ["config.json"])
    with pytest.raises(OfflineError, match=r": model\.safetensors is not in the cache"):
        fetch_files(published, NAMES, options=HubOptions(offline=True))


def test_sec_9_the_command_that_is_named_does_it(hub, published, monkeypatch, tmp_path):  # noqa: F811
    """The program `hf` of the client, in the words of the message; then its cache is copied here."""
    program = Path(sys.executable).with_name("hf")
    if not program.is_file():
        pytest.skip(f"no program {program}")
    with pytest.raises(OfflineError) as raised:
        fetch_files(published, NAMES, optional=["training_data.json"], options=HubOptions(offline=True))
    command = shlex.split(str(raised.value).partition("`")[2].partition("`")[0])
    assert command[:2] == [f"HF_ENDPOINT={hub.url}", "hf"]
    subprocess.run([str(program), *command[2:]], check=True, cwd=tmp_path, capture_output=True, timeout=120)
    shutil.copytree(tmp_path / "hub-cache", tmp_path / "hub_cache", symlinks=True, dirs_exist_ok=True)
    found = fetch_files(published, NAMES, optional=["training_data.json"], options=HubOptions(offline=True))
    assert {name: path.read_bytes() for name, path in found.files.items()} == FILES


@pytest.mark.parametrize("pinned", [True, False])
def test_sec_9_the_network_is_down_and_the_cache_is_used(hub, published, pinned, waits, caplog, client_sleeps):  # noqa: F811
    reference = published if pinned else HubReference("tester/model")
    fetch_files(reference, NAMES)
    hub.stop()
    found = fetch_files(reference, NAMES)
    assert {name: path.read_bytes() for name, path in found.files.items()} == FILES
    assert not waits
    assert (f"What the cache has of commit {published.revision} is used" in caplog.text) is not pinned


def test_sec_9_the_network_is_down_and_only_an_optional_file_is_not_known(hub, published, waits, caplog):  # noqa: F811
    fetch_files(published, NAMES)
    hub.stop()
    assert fetch_files(published, NAMES, optional=["training_data.json"]).files.keys() == set(NAMES)
    assert "is used" in caplog.text


def test_sec_9_a_new_commit_that_cannot_be_fetched_leaves_the_old_one(hub, published, waits, caplog, client_sleeps):  # noqa: F811
    fetch_files(HubReference("tester/model"), NAMES)
    newer = hub.put("tester/model", {"model.safetensors": b"n" * 5000})
    hub.faults.status("GET .*/resolve/", 503, times=None)
    found = fetch_files(HubReference("tester/model"), NAMES)
    assert found.revision == published.revision
    assert "503" in caplog.text
    hub.faults.clear()
    assert fetch_files(HubReference("tester/model"), NAMES).revision == newer


def test_sec_9_a_login_page_of_the_network_leaves_the_cache_in_use(hub, published, waits):  # noqa: F811
    fetch_files(HubReference("tester/model"), NAMES)
    hub.faults.page("GET /api", times=None)
    assert fetch_files(HubReference("tester/model"), NAMES).revision == published.revision


def test_sec_9_a_damaged_note_of_main_is_not_followed(hub, published, tmp_path):  # noqa: F811
    fetch_files(HubReference("tester/model"), NAMES)
    note = tmp_path / "hub_cache" / "models--tester--model" / "refs" / "main"
    assert note.read_text() == published.revision
    planted = note.parents[1] / "escape"
    planted.mkdir()
    for name in NAMES:
        (planted / name).write_bytes(b"planted")
    note.write_text("../escape")
    with pytest.raises(OfflineError, match="is not in the cache"):
        fetch_files(HubReference("tester/model"), NAMES, options=HubOptions(offline=True))


def test_the_cache_is_one_that_the_client_reads(hub, published, tmp_path, monkeypatch):  # noqa: F811
    """Oracle: the client itself, offline, finds what was fetched, by `main` and by commit."""
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache

    fetch_files(HubReference("tester/model"), NAMES, optional=["training_data.json"])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for revision in ("main", published.revision):
        where = {"revision": revision, "cache_dir": tmp_path / "hub_cache"}
        assert json.loads(Path(hf_hub_download("tester/model", "config.json", **where)).read_bytes()) == {}
    missing = try_to_load_from_cache("tester/model", "training_data.json", cache_dir=tmp_path / "hub_cache")
    assert missing is not None
    assert not isinstance(missing, str)
