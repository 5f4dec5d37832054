"""Names of repositories, commits and files, and options: what does not fit is refused before any access."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import skinzoo
from skinzoo.errors import ConfigError
from skinzoo.hub import HubOptions, HubReference, fetch_files, parse_reference
from skinzoo.hub.reference import check_filename

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BAD_REVISIONS = (
    *("main", "v1.0", "", "abc123", COMMIT.upper(), COMMIT + "0", COMMIT[:-1], COMMIT + "\n", " " + COMMIT),
    *("../../../escape", "refs/pr/1", "refs/heads/main", "%2e%2e%2fescape", "a" * 39 + "g", COMMIT[:39] + "\0"),
)
BAD_REPOSITORIES = (
    *("", "model", "owner/", "/model", "a/b/c", "../model", "owner/..", "owner/.", "owner\\model", "owner/mo del"),
    *("owner/m\0", "owner/m\n", "own--er/model", "owner/a..b", "-owner/model", "owner/model.", "owner/model.git"),
    *("https://huggingface.co/owner/model", "owner/" + "m" * 97, "öwner/model", "owner/model?x=1", "owner/model#a"),
)
BAD_NAMES = (
    *("", "../config.json", "a/../../b", "/etc/passwd", "a//b", "a/", "./a", ".hidden", "a\\b", "..\\a", "C:a"),
    *("C:\\a", "a\0b", "a\nb", "a b", "a?b", "a#b", "a%2fb", "ä.json", "x" * 300, "a/" * 130 + "b", "name."),
)


@pytest.fixture
def no_access(monkeypatch, tmp_path):
    """Whoever opens a file, makes a folder or a socket fails the test."""

    def fail(*args, **_):
        raise AssertionError(f"access: {args}")

    for target, name in ((Path, "open"), (Path, "mkdir"), (Path, "stat"), (os, "stat"), (os, "mkdir"), (os, "open")):
        monkeypatch.setattr(target, name, fail)
    monkeypatch.setattr("socket.socket", fail)
    return HubOptions(cache_dir=tmp_path / "cache", endpoint="http://127.0.0.1:9")


@pytest.mark.parametrize("text", ["owner/model", f"owner/model@{COMMIT}", "o/m", "0/9", "A_b.c-d/E.f_g-h", "_a/_b"])
def test_a_reference_is_read_and_shown(text):
    found = parse_reference(text)
    assert str(found) == text
    assert parse_reference(f"hf-hub:{text}") == found
    assert found.revision in (None, COMMIT)


@pytest.mark.parametrize("revision", BAD_REVISIONS, ids=repr)
def test_sec_8_a_revision_that_is_not_a_commit_is_refused(revision, no_access):
    with pytest.raises(ConfigError, match="not a full commit of 40 hex digits") as raised:
        fetch_files(parse_reference(f"owner/model@{revision}"), ["config.json"], options=no_access)
    assert isinstance(raised.value, ValueError)
    assert "History" in str(raised.value)


@pytest.mark.parametrize("repository", BAD_REPOSITORIES, ids=repr)
def test_sec_8_a_repository_outside_the_allowed_form_is_refused(repository, no_access):
    with pytest.raises(ConfigError, match="is no Hub repository; give owner/name"):
        fetch_files(HubReference(repository, COMMIT), ["config.json"], options=no_access)


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda n: repr(n[:20]))
@pytest.mark.parametrize("where", ["names", "optional", "expected"])
def test_sec_8_a_file_name_that_could_leave_the_folder_is_refused(name, where, no_access):
    wanted = {"names": [], "optional": (), "expected": {}} | {where: {name: None} if where == "expected" else [name]}
    with pytest.raises(ConfigError, match="is no file name of a repository"):
        fetch_files(HubReference("owner/model", COMMIT), wanted.pop("names"), **wanted, options=no_access)


@settings(max_examples=60)
@given(st.text(max_size=20) | st.from_regex(r"[./\\a:~%\x00-]{1,12}", fullmatch=True))
def test_sec_8_an_accepted_name_stays_below_its_folder(name):
    try:
        check_filename(name)
    except ConfigError:
        return
    folder = "/cache/snapshots/commit"
    assert os.path.normpath(os.path.join(folder, name)) == f"{folder}/{name}"  # noqa: PTH118
    assert name.isascii()


def test_other_types_are_refused():
    with pytest.raises(ConfigError, match="no reference"):
        parse_reference(None)
    with pytest.raises(ConfigError, match="no Hub repository"):
        HubReference(3)
    with pytest.raises(ConfigError, match="40 hex digits"):
        HubReference("a/b", 3)
    with pytest.raises(ConfigError, match="lists of file names"):
        fetch_files(HubReference("a/b", COMMIT), "config.json")


@pytest.mark.parametrize(
    "endpoint",
    [
        *("http://hub.example.org", "ftp://hub.example.org", "hub.example.org", "", "https://", "file:///etc"),
        *("https://user:secret@hub.example.org", "https://hub.example.org/?a=1", "https://hub.example.org/#a"),
        *("https://hub.example.org/a b", "http://127.0.0.1.example.org", "http://localhost.example.org", "https://a:x"),
    ],
)
def test_an_endpoint_must_be_https_or_on_this_machine(endpoint, monkeypatch):
    with pytest.raises(ConfigError, match="no address of a Hub that can be trusted") as raised:
        HubOptions(endpoint=endpoint)
    assert "secret" not in str(raised.value)
    if endpoint:
        monkeypatch.setenv("SKINZOO_HUB_ENDPOINT", endpoint)
        with pytest.raises(ConfigError, match="SKINZOO_HUB_ENDPOINT="):
            HubOptions().find_endpoint()


@pytest.mark.parametrize("endpoint", ["https://hub.example.org/api/", "http://localhost:1", "http://[::1]:1"])
def test_an_endpoint_is_used_without_its_last_slash(endpoint):
    assert HubOptions(endpoint=endpoint).find_endpoint() == endpoint.rstrip("/")


def test_options_come_from_the_argument_then_skinzoo_then_the_client(monkeypatch, tmp_path):
    for name in ("SKINZOO_HUB_ENDPOINT", "SKINZOO_HUB_CACHE", "HF_ENDPOINT", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HF_HOME", raising=False)
    options = HubOptions()
    assert options.find_endpoint() == "https://huggingface.co"
    assert options.find_cache() == Path("~/.cache/huggingface/hub").expanduser()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert options.find_cache() == tmp_path / "xdg/huggingface/hub"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    assert options.find_cache() == tmp_path / "home/hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "client"))
    monkeypatch.setenv("HF_ENDPOINT", "https://client.example.org/")
    assert (options.find_cache(), options.find_endpoint()) == (tmp_path / "client", "https://client.example.org")
    assert options.find_token() is None
    monkeypatch.setenv("SKINZOO_HUB_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("SKINZOO_HUB_ENDPOINT", "https://own.example.org")
    assert (options.find_cache(), options.find_endpoint()) == (tmp_path / "own", "https://own.example.org")
    assert options.find_token() is False
    options = HubOptions(cache_dir=tmp_path, endpoint="https://given.example.org", token="hf_x")
    assert (options.find_cache(), options.find_endpoint()) == (tmp_path, "https://given.example.org")
    assert options.find_token() == "hf_x"
    assert "hf_x" not in repr(options)


def test_the_cache_is_where_the_client_has_it(tmp_path):
    """Oracle: the client's own constants, in a fresh process each."""
    code = "from huggingface_hub import constants as c; from skinzoo.hub import HubOptions as H; "
    code += "assert str(H().find_cache()) == c.HF_HUB_CACHE, (H().find_cache(), c.HF_HUB_CACHE); "
    code += "assert H().find_endpoint() == c.ENDPOINT and H().is_offline() == c.HF_HUB_OFFLINE"
    keep = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(Path(skinzoo.__file__).parents[1])}
    for more in ({"HF_HOME": "~/h", "HF_HUB_OFFLINE": "yes"}, {"XDG_CACHE_HOME": str(tmp_path / "x")}):
        subprocess.run([sys.executable, "-c", code], check=True, env=keep | more)


def test_a_namespace_moves_the_zoos_own_repositories(monkeypatch):
    monkeypatch.delenv("SKINZOO_HUB_NAMESPACE", raising=False)
    assert HubOptions().own_repository("skinzoo/model") == "skinzoo/model"
    assert HubOptions(namespace="lab").own_repository("skinzoo/model") == "lab/model"
    monkeypatch.setenv("SKINZOO_HUB_NAMESPACE", "clinic")
    assert HubOptions().own_repository("skinzoo/model") == "clinic/model"
    for bad in ("../x", "a/b", "", "a--b"):
        with pytest.raises(ConfigError, match="no user or organisation"):
            HubOptions(namespace=bad)
    monkeypatch.setenv("SKINZOO_HUB_NAMESPACE", "../x")
    with pytest.raises(ConfigError, match="no user or organisation"):
        HubOptions().own_repository("skinzoo/model")


@pytest.mark.parametrize("bad", [{"timeout": 0}, {"deadline": -1}, {"retries": -1}, {"timeout": float("nan")}])
def test_times_that_make_no_sense_are_refused(bad):
    with pytest.raises(ConfigError, match="must be above 0 seconds"):
        HubOptions(**bad)


@pytest.mark.parametrize(("value", "is_offline"), [("1", True), ("on", True), ("0", False), ("", False)])
def test_offline_is_read_when_it_is_used(value, is_offline, monkeypatch):
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    options = HubOptions()
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert options.is_offline() is is_offline
    assert HubOptions(offline=True).is_offline()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert options.is_offline()


def test_nothing_heavy_is_imported():
    code = "import sys, skinzoo.hub; print(sorted({'torch', 'huggingface_hub', 'numpy', 'tqdm'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(skinzoo.__file__).parents[1]), "PATH": os.environ["PATH"]},
    )
    assert done.stdout.strip() == "[]"
