"""Each fault of the stand-in does what it says, seen by `http.client` and by the real client."""

import http.client
import threading
from pathlib import Path

import pytest
from hub_faults import PROXY_PAGE
from hub_server import TOKEN
from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError

REPOSITORY = "skinzoo/melanoma"
BODY = bytes(range(256)) * 4
TARGET = f"/{REPOSITORY}/resolve/main/model.safetensors"


@pytest.fixture
def wire(hub):
    """A plain HTTP connection to a Hub that holds one file."""
    hub.put(REPOSITORY, {"model.safetensors": BODY, "config.json": "{}"})
    connection = http.client.HTTPConnection("127.0.0.1", int(hub.url.rpartition(":")[2]), timeout=20)
    yield connection
    connection.close()


def ask(connection, method="GET", target=TARGET, **headers):
    """Status, headers and body of an answer."""
    connection.request(method, target, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def fetch(hub, folder, name="model.safetensors", **options) -> bytes:
    options = {"endpoint": hub.url, "cache_dir": folder, "token": False, **options}
    return Path(hf_hub_download(REPOSITORY, name, **options)).read_bytes()


# -- on the wire ------------------------------------------------------------------------------------------------------


def test_files_come_whole_or_in_ranges(hub, wire):
    status, headers, body = ask(wire)
    assert (status, body, headers["Content-Length"]) == (200, BODY, "1024")
    assert {"X-Repo-Commit", "ETag", "X-Linked-Etag", "X-Linked-Size"} <= set(headers)
    assert ask(wire, "HEAD")[::2] == (200, b"")
    assert ask(wire, Range="bytes=1000-")[::2] == (206, BODY[1000:])
    status, headers, body = ask(wire, Range="bytes=0-9")
    assert (status, body, headers["Content-Range"]) == (206, BODY[:10], "bytes 0-9/1024")
    assert ask(wire, Range="bytes=1024-")[0] == 416
    assert [(r.method, r.status, r.range) for r in hub.log][-2:] == [
        ("GET", 206, "bytes=0-9"),
        ("GET", 416, "bytes=1024-"),
    ]


def test_faults_hit_the_requests_and_the_times_that_were_asked_for(hub, wire):
    hub.faults.status("GET .*safetensors", 503, times=2)
    hub.faults.status("GET .*safetensors", 500, times=None)
    assert hub.faults.waiting == ["GET .*safetensors"] * 2
    assert [ask(wire, m)[0] for m in ("HEAD", "GET", "GET", "GET", "GET")] == [200, 503, 503, 500, 500]
    assert ask(wire, target=f"/{REPOSITORY}/resolve/main/config.json")[0] == 200
    assert not hub.faults.waiting
    hub.faults.clear()
    assert ask(wire)[0] == 200


def test_errors_carry_the_headers_of_the_hub(hub, wire):
    hub.faults.status("GET", 429, retry_after=7)
    hub.faults.gated("GET")
    status, headers, _ = ask(wire)
    assert (status, headers["Retry-After"]) == (429, "7")
    status, headers, _ = ask(wire)
    assert (status, headers["X-Error-Code"]) == (403, "GatedRepo")


def test_a_stall_ends_when_it_is_released(hub, wire):
    gate = hub.faults.stall("GET")
    wire.request("GET", TARGET)
    wire.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        wire.sock.recv(1)
    gate.set()
    wire.sock.settimeout(20)
    assert wire.getresponse().read() == BODY


def test_a_stall_in_the_middle_of_the_body(hub, wire):
    gate = hub.faults.stall("GET", after=100)
    wire.request("GET", TARGET)
    answer = wire.getresponse()
    assert answer.read(100) == BODY[:100]
    gate.set()
    assert answer.read() == BODY[100:]


def test_a_short_body_has_the_full_length_announced(hub, wire):
    hub.faults.cut("GET", missing=24)
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(wire)
    assert (caught.value.partial, caught.value.expected) == (BODY[:1000], 24)


def test_a_tampered_body_differs_in_one_byte(hub, wire):
    right = ask(wire)
    hub.faults.tamper("GET")
    status, headers, body = ask(wire)
    assert status == 200
    assert headers["ETag"] == right[1]["ETag"]
    assert len(body) == len(BODY)
    assert sum(a != b for a, b in zip(body, BODY, strict=True)) == 1


def test_a_page_with_and_without_the_headers_of_the_hub(hub, wire):
    hub.faults.page("GET")
    hub.faults.page("GET", like_hub=True)
    for expected in (False, True):
        status, headers, body = ask(wire)
        assert (status, body, headers["Content-Type"][:9]) == (200, PROXY_PAGE, "text/html")
        assert ("X-Repo-Commit" in headers) == ("ETag" in headers) == expected


@pytest.mark.parametrize("after", [None, 0])
def test_a_reset(hub, wire, after):
    hub.faults.reset("GET", after=after)
    with pytest.raises(ConnectionResetError):
        ask(wire)
    assert [r.status for r in hub.log] == [None if after is None else 200]


def test_a_lost_answer_leaves_what_was_done(hub, wire):
    hub.faults.status("POST .*/commit/", 500, carried_out=True)
    hub.faults.status("POST .*/commit/", 500)
    head = hub.repository(REPOSITORY).branches["main"]
    line = b'{"key": "file", "value": {"path": "a.txt", "content": "YQ=="}}'
    moved = []
    for _ in range(2):
        wire.request("POST", f"/api/models/{REPOSITORY}/commit/main", line, {"Authorization": f"Bearer {TOKEN}"})
        answer = wire.getresponse()
        answer.read()
        assert answer.status == 500
        moved.append(hub.repository(REPOSITORY).branches["main"] != head)
        head = hub.repository(REPOSITORY).branches["main"]
    assert moved == [True, False]


def test_down_is_down_for_live_connections_too_and_up_is_the_same_hub(hub, wire):
    url = hub.url
    assert ask(wire)[0] == 200
    hub.stop()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        ask(wire)
    wire.close()
    with pytest.raises(ConnectionRefusedError):
        ask(wire)
    wire.close()
    hub.start()
    assert hub.url == url
    assert ask(wire)[::2] == (200, BODY)


def test_down_ends_what_stalls(hub, wire):
    hub.faults.stall("GET")
    wire.request("GET", TARGET)
    timer = threading.Timer(0.1, hub.stop)
    timer.start()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        wire.getresponse()
    timer.join()


def test_paths_that_git_refuses_are_refused(hub, wire):
    for path in ("../up.txt", "/etc/x", "a//b", ".git/config"):
        line = f'{{"key": "file", "value": {{"path": "{path}", "content": "YQ=="}}}}'.encode()
        wire.request("POST", f"/api/models/{REPOSITORY}/commit/main", line, {"Authorization": f"Bearer {TOKEN}"})
        answer = wire.getresponse()
        answer.read()
        assert answer.status == 400


# -- as the client sees it --------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _impatient(monkeypatch, client_sleeps):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)


def test_the_client_tries_again_after_one_503(hub, wire, tmp_path):
    hub.faults.status("HEAD", 503)
    assert fetch(hub, tmp_path) == BODY
    assert [r.status for r in hub.requests("HEAD")] == [503, 200]


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_lasting_errors_end_in_the_cache_or_in_local_entry_not_found(hub, wire, tmp_path, status, client_sleeps):
    fetch(hub, tmp_path / "full")
    hub.faults.status("HEAD", status, times=None)
    with pytest.raises(LocalEntryNotFoundError):
        fetch(hub, tmp_path / "empty")
    assert fetch(hub, tmp_path / "full") == BODY
    assert bool(client_sleeps) == (status >= 500) or status == 429  # 0.x takes 429 for an answer


def test_a_refusal_is_told_apart(hub, wire, tmp_path):
    hub.faults.gated("HEAD")
    with pytest.raises(GatedRepoError):
        fetch(hub, tmp_path)
    hub.faults.status("HEAD", 401)
    with pytest.raises(HfHubHTTPError, match="401"):
        fetch(hub, tmp_path)


def test_the_client_gives_a_stalled_download_another_try(hub, wire, tmp_path):
    hub.faults.stall("GET")
    assert fetch(hub, tmp_path) == BODY
    assert len(hub.requests("GET")) == 2


@pytest.mark.parametrize(
    "fault",
    [
        lambda faults: faults.cut("GET", times=None),
        lambda faults: faults.reset("GET", times=None),
        lambda faults: faults.reset("GET", after=10, times=None),
        lambda faults: faults.stall("GET", times=None),
        lambda faults: faults.page("GET", times=None),
        lambda faults: faults.page("GET", like_hub=True, times=None),
        lambda faults: faults.status("GET", 500, times=None),
    ],
    ids=["cut", "reset", "reset-in-the-body", "stall", "page", "page-like-hub", "500"],
)
def test_a_download_that_never_gets_through_leaves_no_file(hub, wire, tmp_path, monkeypatch, fault):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.05)
    fault(hub.faults)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each transport has its own
        fetch(hub, tmp_path)
    assert not isinstance(caught.value, EntryNotFoundError)
    assert not list(tmp_path.glob("models--*/snapshots/*/*"))
    hub.faults.clear()
    assert fetch(hub, tmp_path, force_download=True) == BODY  # without, 0.x goes on behind the page that it kept


def test_the_client_takes_tampered_bytes_for_right_ones(hub, wire, tmp_path):
    """So whoever uses it has to hash what it downloads."""
    hub.faults.tamper("GET")
    assert fetch(hub, tmp_path) != BODY
    hub.faults.page("", like_hub=True, times=None)
    assert fetch(hub, tmp_path, "config.json") == PROXY_PAGE


def test_a_page_that_is_not_from_the_hub_is_noticed(hub, wire, tmp_path):
    hub.faults.page("", times=None)
    with pytest.raises(LocalEntryNotFoundError):
        fetch(hub, tmp_path)


def test_without_a_server_only_the_cache_answers(hub, wire, tmp_path, client_sleeps):
    fetch(hub, tmp_path)
    hub.stop()
    assert fetch(hub, tmp_path) == BODY
    with pytest.raises(LocalEntryNotFoundError):
        fetch(hub, tmp_path, "config.json")
    assert sum(client_sleeps) > 20  # what a user would have waited


def test_an_upload_is_tried_again(hub, wire, client_sleeps):
    hub.faults.status("PUT /_lfs/", 503)
    api = HfApi(endpoint=hub.url, token=TOKEN)
    api.upload_file(repo_id=REPOSITORY, path_or_fileobj=b"new", path_in_repo="model.safetensors")
    assert [r.status for r in hub.requests("PUT")] == [503, 200]
    assert hub.files(REPOSITORY)["model.safetensors"] == b"new"
