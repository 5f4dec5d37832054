"""Fetched files are compared with what was published: after the download, and whenever they are used."""

import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hub_fixtures import hub  # noqa: F401

import skinzoo
from skinzoo.errors import ChecksumError, WeightsError
from skinzoo.hub import FileDigest, HubOptions, HubReference, fetch_files
from skinzoo.hub.cache import CachedRepository

WEIGHTS = bytes(range(256)) * 400
CONFIG = b'{"_skinzoo": {}}'
NAMES = ("config.json", "model.safetensors")
BOTH = pytest.mark.parametrize("name", NAMES, ids=["git sha1", "sha256"])


@pytest.fixture
def published(hub):  # noqa: F811
    commit = hub.put("tester/model", {"config.json": CONFIG, "model.safetensors": WEIGHTS})
    return HubReference("tester/model", commit)


def digest(data):
    return FileDigest(hashlib.sha256(data).hexdigest(), len(data))


def blob(snapshot, name):
    return snapshot.files[name].resolve()


def flip(path):
    """Another byte in the middle; size and time stay."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_what_comes_back(hub, published):  # noqa: F811
    hub.put("tester/model", {"config.json": b"newer"})
    found = fetch_files(published, ["config.json"], optional=["model.safetensors", "training_data.json"])
    assert {name: path.read_bytes() for name, path in found.files.items()} == {
        "config.json": CONFIG,
        "model.safetensors": WEIGHTS,
    }
    assert found.sha256 == {"config.json": digest(CONFIG).sha256, "model.safetensors": digest(WEIGHTS).sha256}
    assert found.revision == published.revision == found.folder.name
    assert found.files["config.json"] == found.folder / "config.json"
    assert found.listing == (".gitattributes", "config.json", "model.safetensors")


def test_a_file_in_a_folder_of_the_repository(hub):  # noqa: F811
    hub.put("tester/deep", {"a/b/c.json": b"[1]"})
    found = fetch_files(HubReference("tester/deep"), ["a/b/c.json"])
    assert found.files["a/b/c.json"] == found.folder / "a" / "b" / "c.json"
    assert fetch_files(HubReference("tester/deep", found.revision), ["a/b/c.json"]).listing == ("a/b/c.json",)


def test_a_pinned_commit_in_the_cache_makes_no_request_and_imports_no_client(hub, published):  # noqa: F811
    fetch_files(published, NAMES, optional=["training_data.json"])
    hub.log.clear()
    found = fetch_files(published, NAMES, optional=["training_data.json"])
    assert found.files.keys() == set(NAMES)
    assert not hub.log
    code = (
        "import sys; from skinzoo.hub import *; "
        f"fetch_files(parse_reference('{published}'), {NAMES}, optional=['training_data.json']); "
        "assert not {'huggingface_hub', 'torch', 'numpy'} & set(sys.modules)"
    )
    root = str(Path(skinzoo.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": root})
    assert not hub.log


def test_each_file_is_read_once(hub, published, monkeypatch):  # noqa: F811
    fetch_files(published, NAMES)
    from skinzoo.hub import state

    read, judge = [], state.judge
    monkeypatch.setattr(state, "judge", lambda path, **more: (read.append(path.name), judge(path, **more))[1])
    fetch_files(published, NAMES)
    assert sorted(read) == sorted(NAMES)


@BOTH
def test_sec_3_tampered_on_the_wire_once(hub, published, name, caplog):  # noqa: F811
    hub.faults.tamper(f"GET .*/resolve/.*{name}", times=1)
    found = fetch_files(published, NAMES)
    assert found.files[name].read_bytes() == hub.files("tester/model")[name]
    assert len(hub.requests(f"GET .*/resolve/.*{name}")) == 2
    assert "fetching it once more" in caplog.text


@BOTH
@pytest.mark.parametrize("is_expected", [False, True])
def test_sec_3_tampered_on_the_wire_always(hub, published, name, is_expected, tmp_path):  # noqa: F811
    files = hub.files("tester/model")
    expected = {n: digest(files[n]) for n in NAMES} if is_expected else None
    hub.faults.tamper(f"GET .*/resolve/.*{name}", times=None)
    with pytest.raises(ChecksumError, match=r"is not the file that was published: expected .*, got") as raised:
        fetch_files(published, NAMES, expected=expected)
    message = str(raised.value)
    bad = bytearray(files[name])
    bad[len(bad) // 2] ^= 1
    if is_expected or name == "model.safetensors":
        want, got = digest(files[name]).sha256, digest(bytes(bad)).sha256
    else:
        want, got = (hashlib.sha1(b"blob %d\0" % len(d) + d).hexdigest() for d in (files[name], bytes(bad)))
    assert want in message
    assert got in message
    assert str(tmp_path / "hub_cache") in message
    assert name in message
    assert len(hub.requests(f"GET .*/resolve/.*{name}")) == 2
    left = [p for p in (tmp_path / "hub_cache").rglob("*") if p.is_file() and p.read_bytes() == bytes(bad)]
    assert not left
    hub.faults.clear()
    assert fetch_files(published, NAMES, expected=expected).files[name].read_bytes() == files[name]


@BOTH
@pytest.mark.parametrize("pinned", [True, False])
def test_sec_3_a_cached_blob_altered_on_disk_is_fetched_again(hub, published, name, pinned):  # noqa: F811
    reference = published if pinned else HubReference("tester/model")
    flip(blob(fetch_files(reference, NAMES), name))
    hub.log.clear()
    assert fetch_files(reference, NAMES).files[name].read_bytes() == hub.files("tester/model")[name]
    assert [str(r) for r in hub.requests("GET .*/resolve/")] == [
        f"GET /tester/model/resolve/{published.revision}/{name}"
    ]


@BOTH
def test_sec_3_altered_on_disk_and_on_the_wire(hub, published, name):  # noqa: F811
    altered = blob(fetch_files(published, NAMES), name)
    flip(altered)
    hub.faults.tamper(f"GET .*/resolve/.*{name}", times=None)
    hub.log.clear()
    with pytest.raises(ChecksumError, match=r"expected .*, got"):
        fetch_files(published, NAMES)
    assert len(hub.requests(f"GET .*/resolve/.*{name}")) == 1
    assert not altered.exists()


@BOTH
def test_sec_3_a_cut_or_empty_blob_is_fetched_again(hub, published, name):  # noqa: F811
    for size in (0, 5):
        target = blob(fetch_files(published, NAMES), name)
        target.write_bytes(target.read_bytes()[:size])
        assert fetch_files(published, NAMES).files[name].read_bytes() == hub.files("tester/model")[name]


def test_sec_3_altered_on_disk_offline_is_told_and_left(hub, published):  # noqa: F811
    altered = blob(fetch_files(published, NAMES), "model.safetensors")
    flip(altered)
    with pytest.raises(ChecksumError, match=r"expected sha256 .*, got sha256 .*offline.*hf download tester/model"):
        fetch_files(published, NAMES, options=HubOptions(offline=True))
    assert altered.exists()


def test_sec_3_expected_counts_also_where_the_blob_is_what_its_name_says(hub, published):  # noqa: F811
    """Another content under the name of its own digest: only the recorded sum can tell."""
    found = fetch_files(published, NAMES)
    other = WEIGHTS[::-1]
    path = found.files["model.safetensors"]
    forged = blob(found, "model.safetensors").with_name(digest(other).sha256)
    forged.write_bytes(other)
    path.unlink()
    path.symlink_to(os.path.relpath(forged, path.parent))
    assert fetch_files(published, NAMES).files["model.safetensors"].read_bytes() == other
    expected = {"model.safetensors": digest(WEIGHTS)}
    assert fetch_files(published, NAMES, expected=expected).files["model.safetensors"].read_bytes() == WEIGHTS


def test_sec_3_another_file_than_the_one_recorded_is_refused_before_it_is_fetched(hub, published):  # noqa: F811
    for want in (digest(WEIGHTS[::-1]), digest(WEIGHTS + b"x")):
        with pytest.raises(ChecksumError, match="is not the file that was recorded: expected sha256") as raised:
            fetch_files(published, NAMES, expected={"model.safetensors": want})
        assert want.sha256 in str(raised.value)
        assert digest(WEIGHTS).sha256 in str(raised.value)
    assert not hub.requests("GET .*/resolve/.*model.safetensors")
    with pytest.raises(ChecksumError, match="expected sha256"):  # the Hub tells only a git sum: seen when it is here
        fetch_files(published, NAMES, expected={"config.json": digest(CONFIG[::-1])})


def test_sec_3_the_list_of_files_counts_against_the_answer_to_the_download(hub, published, monkeypatch, tmp_path):  # noqa: F811
    """A file that comes with its own right sum in its headers is still another one than the one listed."""

    def forge(repository, name, *, revision, cache_dir, **_):
        folder = cache_dir / "models--tester--model"
        path = folder / "snapshots" / revision / name
        forged = folder / "blobs" / digest(WEIGHTS[::-1]).sha256
        for made in (path, forged):
            made.parent.mkdir(parents=True, exist_ok=True)
        forged.write_bytes(WEIGHTS[::-1])
        path.symlink_to(os.path.relpath(forged, path.parent))
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", forge)
    with pytest.raises(ChecksumError, match=f"expected sha256 {digest(WEIGHTS).sha256}, got"):
        fetch_files(published, ["model.safetensors"])


def test_sec_3_what_another_process_has_replaced_is_not_removed(hub, published, tmp_path):  # noqa: F811
    cached = CachedRepository(tmp_path / "hub_cache", "tester/model")
    path = fetch_files(published, NAMES).files["model.safetensors"]
    seen = path.stat()
    replacement = path.resolve().with_name("new")
    replacement.write_bytes(WEIGHTS)
    replacement.rename(path.resolve())
    cached.remove(path, seen)
    assert path.read_bytes() == WEIGHTS
    cached.remove(path, path.stat())
    assert not path.is_symlink()
    assert not list((tmp_path / "hub_cache").rglob(f"blobs/{digest(WEIGHTS).sha256}"))
    cached.remove(path, seen)


def test_an_optional_file_that_is_expected_must_be_there(hub, published):  # noqa: F811
    with pytest.raises(WeightsError, match="has no training_data"):
        fetch_files(published, NAMES, optional=["training_data.json"], expected={"training_data.json": digest(b"")})


def test_sec_3_a_commit_that_the_hub_makes_up_never_becomes_a_path(hub, published, monkeypatch, tmp_path):  # noqa: F811
    from huggingface_hub import HfApi

    real = HfApi.model_info

    def hostile(self, *args, **more):
        info = real(self, *args, **more)
        info.sha = "../../../escape"
        return info

    monkeypatch.setattr(HfApi, "model_info", hostile)
    with pytest.raises(WeightsError, match=r"names the commit '../../../escape'"):
        fetch_files(HubReference("tester/model"), NAMES)
    assert not (tmp_path / "hub_cache").exists()


def test_a_cache_without_links_is_compared_with_the_hub(hub, published, caplog):  # noqa: F811
    """As on a system without symbolic links: the digest is not in the cache, so the Hub is asked for it."""
    found = fetch_files(published, NAMES)
    for path in found.files.values():
        target = path.resolve()
        path.unlink()
        target.rename(path)
    hub.log.clear()
    assert fetch_files(published, NAMES).files.keys() == set(NAMES)
    assert [r.method for r in hub.log] == ["GET"]
    flip(found.files["model.safetensors"])
    assert fetch_files(published, NAMES).files["model.safetensors"].read_bytes() == WEIGHTS
    path = found.files["config.json"]
    caplog.clear()
    assert fetch_files(published, ["config.json"], options=HubOptions(offline=True)).files["config.json"] == path
    assert "nothing is known to compare config.json with" in caplog.text
    caplog.clear()
    fetch_files(published, ["config.json"], expected={"config.json": digest(CONFIG)}, options=HubOptions(offline=True))
    assert not caplog.text


def test_the_newest_commit_is_named_in_the_log(hub, published, caplog):  # noqa: F811
    caplog.set_level(logging.INFO, "skinzoo")
    fetch_files(HubReference("tester/model"), NAMES)
    assert f"main of tester/model is at commit {published.revision}" in caplog.text
    newer = hub.put("tester/model", {"config.json": b"[]"})
    found = fetch_files(HubReference("tester/model"), NAMES)
    assert (found.revision, found.files["config.json"].read_bytes()) == (newer, b"[]")
    assert len(hub.requests("GET .*/resolve/.*model.safetensors")) == 1
