"""Mirrors, caches and tokens: who is asked, where files go, and who learns a token."""

import pytest
from hub_fixtures import hub  # noqa: F401
from hub_server import TOKEN

from skinzoo.errors import ConfigError, WeightsError
from skinzoo.hub import HubOptions, HubReference, fetch_files

FILES = {"config.json": b"{}", "model.safetensors": b"w" * 3000}
NAMES = tuple(FILES)
REFERENCE = HubReference("tester/model")


def test_a_mirror_by_argument_or_variable(hub, monkeypatch, tmp_path):  # noqa: F811
    hub.put("tester/model", FILES)
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    fetch_files(REFERENCE, NAMES, options=HubOptions(cache_dir=tmp_path / "a"))
    monkeypatch.setenv("SKINZOO_HUB_ENDPOINT", "https://hub.invalid")
    fetch_files(REFERENCE, NAMES, options=HubOptions(endpoint=hub.url + "/", cache_dir=tmp_path / "b"))
    assert len(hub.requests("GET .*/resolve/.*safetensors")) == 2
    for name in ("a", "b"):
        assert (tmp_path / name / "models--tester--model").is_dir()


def test_a_mirror_that_is_not_https_is_refused(monkeypatch):
    monkeypatch.setenv("SKINZOO_HUB_ENDPOINT", "http://mirror.example.org")
    with pytest.raises(ConfigError, match=r"SKINZOO_HUB_ENDPOINT='http://mirror\.example\.org' is no address"):
        fetch_files(REFERENCE, NAMES)


def test_the_clients_own_cache_is_used_where_nothing_else_is_said(hub, monkeypatch, tmp_path):  # noqa: F811
    hub.put("tester/model", FILES)
    monkeypatch.delenv("SKINZOO_HUB_CACHE")
    assert fetch_files(REFERENCE, NAMES).folder.is_relative_to(tmp_path / "hf_home" / "hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert fetch_files(REFERENCE, NAMES).folder.is_relative_to(tmp_path / "elsewhere")


def test_files_that_the_client_fetched_are_used(hub, tmp_path):  # noqa: F811
    from huggingface_hub import snapshot_download

    commit = hub.put("tester/model", FILES)
    snapshot_download("tester/model", endpoint=hub.url, cache_dir=tmp_path / "hub_cache")
    hub.log.clear()
    assert fetch_files(HubReference("tester/model", commit), NAMES).files.keys() == FILES.keys()
    assert not hub.log


@pytest.mark.parametrize("given", [True, False], ids=["argument", "HF_TOKEN"])
def test_a_token_goes_to_the_endpoint_and_not_to_where_it_redirects(hub, monkeypatch, given):  # noqa: F811
    hub.content.lfs_redirect = True
    hub.put("tester/secret", FILES, private=True)
    if not given:
        monkeypatch.setenv("HF_TOKEN", TOKEN)
    found = fetch_files(HubReference("tester/secret"), NAMES, options=HubOptions(token=TOKEN if given else None))
    assert found.files["model.safetensors"].read_bytes() == FILES["model.safetensors"]
    by_host = {host: {r.token for r in hub.log if r.host == host} for host in ("127.0.0.1", "localhost")}
    assert by_host == {"127.0.0.1": {TOKEN}, "localhost": {None}}


def test_the_clients_token_goes_to_no_mirror(hub, monkeypatch):  # noqa: F811
    hub.put("tester/model", FILES)
    hub.put("tester/secret", FILES, private=True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    fetch_files(REFERENCE, NAMES)
    assert {r.token for r in hub.log} == {None}
    with pytest.raises(WeightsError, match=r"private, give HubOptions\(token=\.\.\.\) an access token of http://127"):
        fetch_files(HubReference("tester/secret"), NAMES)
    fetch_files(HubReference("tester/secret"), NAMES, options=HubOptions(token=TOKEN))
