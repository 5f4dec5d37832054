"""What fails on the way: tried again if it may pass, told at once if not, and never in the client's own words."""

import hashlib
import io
import logging
import socket
import time

import pytest
from hub_fixtures import client_sleeps, hub  # noqa: F401
from hub_server import OTHER_TOKEN, TOKEN

from skinzoo.errors import ChecksumError, OfflineError, SkinzooError, WeightsError
from skinzoo.hub import FileDigest, HubOptions, HubReference, client, failures, fetch_files

WEIGHTS = bytes(range(256)) * 200
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS}
NAMES = tuple(FILES)
LOOK_UP, HEAD, GET = "GET /api/models", "HEAD .*/resolve/", "GET .*/resolve/.*safetensors"

pytestmark = pytest.mark.usefixtures("client_sleeps")


@pytest.fixture
def published(hub):  # noqa: F811
    return HubReference("tester/model", hub.put("tester/model", FILES))


@pytest.fixture
def waits(monkeypatch):
    """The waits between tries, which are not slept."""
    slept = []
    monkeypatch.setattr(client, "_sleep", slept.append)
    return slept


@pytest.fixture(autouse=True)
def short_silence(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.3)


def fetched(reference, **options):
    found = fetch_files(reference, NAMES, options=HubOptions(**options))
    assert {name: path.read_bytes() for name, path in found.files.items()} == FILES
    return found


def failed(reference, kind=WeightsError, **options):
    with pytest.raises(SkinzooError) as raised:
        fetch_files(reference, NAMES, options=HubOptions(**options))
    assert type(raised.value) is kind
    return str(raised.value)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("request_", [LOOK_UP, GET])
def test_sec_10_a_status_that_may_pass_is_tried_again(hub, published, waits, status, request_):  # noqa: F811
    hub.faults.status(request_, status, times=2)
    fetched(published)
    assert not hub.faults.waiting
    assert waits in ([1.0, 2.0], [1.0], [])  # the client does some of the waiting for a file


@pytest.mark.parametrize("status", [500, 503])
def test_sec_10_the_first_question_about_a_file_is_tried_again(hub, published, waits, status):  # noqa: F811
    hub.faults.status(HEAD, status, times=2)
    fetched(published)


def test_sec_10_waits_grow_up_to_a_limit(hub, published, waits):  # noqa: F811
    hub.faults.status(LOOK_UP, 503, times=None)
    message = failed(published, OfflineError, retries=7)
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert "the Hub answers 503; tried 8 times" in message
    assert f"hf download tester/model --revision {published.revision}" in message


def test_sec_10_retry_after_is_obeyed(hub, published, waits):  # noqa: F811
    hub.faults.status(LOOK_UP, 429, times=1, retry_after=7)
    hub.faults.status(LOOK_UP, 503, times=1, retry_after=3)
    fetched(published)
    assert waits == [7, 3]


def test_sec_10_no_wait_beyond_the_deadline(hub, published, waits):  # noqa: F811
    hub.faults.status(LOOK_UP, 429, times=None, retry_after=3600)
    message = failed(published, OfflineError, deadline=60)
    assert "the Hub answers 429; the next try in 3600 s would be after the deadline of 60 s" in message
    assert not waits


def test_sec_10_retry_after_may_be_a_date():
    class Response:
        headers = {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}  # noqa: RUF012

    error = RuntimeError()
    error.response = Response()
    assert failures._retry_after([error]) == 0
    Response.headers = {"Retry-After": "soon"}
    assert failures._retry_after([error]) is None


@pytest.mark.parametrize("request_", [LOOK_UP, HEAD, GET])
def test_sec_10_a_server_that_says_nothing_is_bounded_by_the_deadline(hub, published, waits, request_):  # noqa: F811
    hub.faults.stall(request_, times=None)
    began = time.monotonic()
    message = failed(published, OfflineError, timeout=30, deadline=0.5)
    assert time.monotonic() - began < 10, "the client itself would wait for 30 s"
    assert "not done within the deadline of 0.5 s" in message or "after the deadline" in message


@pytest.mark.parametrize("request_", [LOOK_UP, HEAD, GET])
def test_sec_10_a_server_that_is_silent_once_is_tried_again(hub, published, waits, request_):  # noqa: F811
    hub.faults.stall(request_, times=1)
    fetched(published, timeout=0.3)
    assert not hub.faults.waiting


def test_sec_10_a_stream_that_stalls_goes_on(hub, published, waits):  # noqa: F811
    hub.faults.stall(GET, after=1000, times=1)
    fetched(published)
    assert not hub.faults.waiting


@pytest.mark.parametrize("request_", [LOOK_UP, HEAD, GET])
def test_sec_10_a_connection_that_is_reset_is_tried_again(hub, published, waits, request_):  # noqa: F811
    hub.faults.reset(request_, times=1)
    fetched(published)
    assert not hub.faults.waiting


@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_sec_10_a_short_body_is_fetched_again(hub, published, waits, fault):  # noqa: F811
    if fault == "cut":
        hub.faults.cut(GET, missing=100, times=1)
    else:
        hub.faults.reset(GET, after=1000, times=1)
    fetched(published)
    assert not hub.faults.waiting


def test_sec_10_a_body_that_is_always_short_ends_in_a_clear_error(hub, published, waits, tmp_path):  # noqa: F811
    hub.faults.cut(GET, missing=len(WEIGHTS), times=None)
    assert "model.safetensors: " in failed(published, OfflineError, retries=1)
    assert not list((tmp_path / "hub_cache").rglob("snapshots/*/model.safetensors"))


def test_sec_10_a_server_that_is_down(hub, published, waits):  # noqa: F811
    hub.stop()
    message = failed(published, OfflineError, retries=2)
    assert "tried 3 times" in message
    assert "Connect" in message
    hub.start()
    fetched(published)


def test_sec_10_a_name_that_cannot_be_looked_up(published, waits, monkeypatch):
    def fail(*args, **_):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    message = failed(published, OfflineError, endpoint="https://hub.invalid", retries=1)
    assert message.startswith("https://hub.invalid/tester/model, the list of files: ")
    assert waits == [1]


def test_sec_10_a_server_without_a_right_certificate(hub, published, waits):  # noqa: F811
    message = failed(published, OfflineError, endpoint=hub.url.replace("http:", "https:"), retries=1)
    assert "SSL" in message


@pytest.mark.parametrize("request_", [LOOK_UP, HEAD])
def test_sec_10_the_login_page_of_a_network_is_told_from_a_hub(hub, published, waits, request_):  # noqa: F811
    hub.faults.page(request_, times=None)
    assert "it looks like a web page" in failed(published, OfflineError)
    assert not waits


def test_sec_10_a_page_in_place_of_a_file(hub, published, waits, tmp_path):  # noqa: F811
    hub.faults.page("GET .*/resolve/", like_hub=True, times=None)
    assert "it looks like a web page" in failed(published, OfflineError)
    assert not list((tmp_path / "hub_cache").rglob("snapshots/*/*"))
    hub.faults.clear()
    fetched(published)


def test_sec_10_a_page_of_the_right_size(hub, waits):  # noqa: F811
    """Only the sum tells, and the message says what it looks like."""
    page = b"\xef\xbb\xbf\n<!DOCTYPE HTML><html><title>Blocked</title></html>"
    reference = HubReference("tester/page", hub.put("tester/page", {"config.json": page}))
    want = FileDigest(hashlib.sha256(b"{}").hexdigest(), len(page))
    with pytest.raises(ChecksumError, match="it looks like a web page"):
        fetch_files(reference, ["config.json"], expected={"config.json": want})


def test_sec_10_other_answers_are_told_at_once(hub, published, waits):  # noqa: F811
    hub.faults.status(LOOK_UP, 418, times=None)
    message = failed(published)
    assert "refuses the list of files of tester/model (418)" in message
    assert not waits
    assert len(hub.requests(LOOK_UP)) == 1


def test_no_such_repository(hub, waits):  # noqa: F811
    message = failed(HubReference("tester/modle"))
    assert f"{hub.url} has no repository tester/modle, or it is private" in message
    assert "`hf auth login`" in message
    assert "HF_TOKEN" in message
    assert not waits


def test_no_such_commit(hub, published, waits):  # noqa: F811
    message = failed(HubReference("tester/model", "0" * 40))
    assert f"tester/model has no commit {'0' * 40}" in message
    assert f"{hub.url}/tester/model/commits/main" in message
    assert not waits


def test_no_such_file(hub, published, waits):  # noqa: F811
    with pytest.raises(WeightsError, match=r"has no tokens\.txt and no vocab\.txt at commit"):
        fetch_files(published, ["config.json", "tokens.txt", "vocab.txt"])
    assert not waits
    hub.faults.status(GET, 404, code="EntryNotFound", times=None)
    hub.faults.status(HEAD + ".*safetensors", 404, code="EntryNotFound", times=None)
    assert "has no file model.safetensors; its files are listed at" in failed(published)


def test_a_private_repository(hub, monkeypatch, waits):  # noqa: F811
    hub.put("tester/secret", FILES, private=True)
    reference = HubReference("tester/secret")
    assert "or it is private" in failed(reference)
    assert "or it is private" in failed(reference, token=OTHER_TOKEN)
    fetched(reference, token=TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fetched(reference)
    assert not waits


def test_a_token_that_is_wrong(hub, published, waits):  # noqa: F811
    message = failed(published, token="hf_this_is_wrong")
    assert "refuses the login for tester/model (401): the token is missing, wrong or has expired" in message
    assert "hf_this_is_wrong" not in message
    assert "HubOptions(token=...)" in message
    assert not waits


def test_a_gated_repository(hub, waits):  # noqa: F811
    hub.put("tester/gated", FILES, gated=True)
    message = failed(HubReference("tester/gated"), token=OTHER_TOKEN)
    assert "tester/gated is gated" in message
    assert f"Open {hub.url}/tester/gated in a browser" in message
    message = failed(HubReference("tester/gated"))
    assert "`hf auth login`" in message
    assert "HF_TOKEN" in message
    fetched(HubReference("tester/gated"), token=TOKEN)
    assert not waits


@pytest.mark.parametrize("raised", [ValueError("odd"), KeyError("x"), OSError("odd"), RuntimeError(""), MemoryError()])
def test_no_exception_of_the_client_comes_through(hub, published, waits, raised, monkeypatch):  # noqa: F811
    def fail(*_, **__):
        raise raised

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    assert type(raised).__name__ in failed(published, OfflineError, retries=1)


def test_no_token_in_a_message(hub, published, waits, monkeypatch):  # noqa: F811
    def fail(*_, **__):
        raise OSError("sent Authorization: Bearer hf_top_secret")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    hub.content.tokens["hf_top_secret"] = hub.content.tokens[TOKEN]
    assert "Bearer ***" in failed(published, OfflineError, token="hf_top_secret", retries=0)
    monkeypatch.setenv("HF_TOKEN", "hf_top_secret")
    assert "hf_top_secret" not in failed(published, OfflineError, retries=0)


def test_the_client_prints_nothing(hub, published, waits, monkeypatch):  # noqa: F811
    printed = io.StringIO()
    for handler in logging.getLogger("huggingface_hub").handlers:
        monkeypatch.setattr(handler, "stream", printed)
    hub.faults.status(HEAD, 500, times=3)
    hub.faults.cut(GET, missing=100, times=1)
    fetched(published)
    assert printed.getvalue() == ""
    logging.getLogger("huggingface_hub.other").warning("of somebody else")
    assert "of somebody else" in printed.getvalue()
