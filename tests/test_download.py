"""Fetching from a web server on this machine that behaves as badly as told."""

import hashlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from skinzoo.download import RemoteFile, exclusive, fetch
from skinzoo.errors import ConfigError, DownloadError

BODY = bytes(range(256)) * 4000
HALF = len(BODY) // 2
SUMS = {"size": len(BODY), "sha256": hashlib.sha256(BODY).hexdigest(), "md5": hashlib.md5(BODY).hexdigest()}


class Server(ThreadingHTTPServer):
    """Answers the nth request for a path with the nth of the functions given for it, then with the last."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.requests, self.release = {}, [], threading.Event()

    def says(self, *answers, path="/file.zip"):
        self.answers[path] = list(answers)
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests.append((self.path, dict(self.headers)))
        answers = server.answers[self.path]
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def send(self, body, status=200, *, length=None, **headers):
        self.send_response(status)
        if length is not False:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def ok(h):
    h.send(BODY, ETag='"1"')


def cut(h):
    """The first half, though all is promised; or from where it was asked for, to no more than three quarters."""
    start = asked_from(h)
    if start:
        h.send(BODY[start : HALF + HALF // 2], 206, length=len(BODY) - start, ETag='"1"', **content_range(start))
    else:
        h.send(BODY[:HALF], length=len(BODY), ETag='"1"')


def rest(h):
    start = asked_from(h)
    h.send(BODY[start:], 206, ETag='"1"', **content_range(start))


def asked_from(h):
    text = h.headers.get("Range", "bytes=0-")
    return int(text.removeprefix("bytes=").removesuffix("-"))


def content_range(start, size=SUMS["size"]):
    return {"Content_Range": f"bytes {start}-{size - 1}/{size}"}


def status(code, **headers):
    return lambda h: h.send(b"busy", code, **headers)


def redirect(to):
    return lambda h: h.send(b"", 302, Location=to)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def pauses(monkeypatch):
    """Seconds that would have been waited between tries."""
    seconds = []
    monkeypatch.setattr("skinzoo.download.getting._sleep", seconds.append)
    return seconds


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new folder" / "file.zip"


def fails(url, target, code, match=None, *, leaves=(), declared=None, **options):
    with pytest.raises(DownloadError, match=match) as caught:
        fetch(RemoteFile(url, "", **(declared or {})), target, **options)
    assert caught.value.code == code, caught.value
    there = sorted(p.name for p in target.parent.iterdir()) if target.parent.exists() else []
    assert there == sorted(leaves)
    return str(caught.value)


PART = (".file.zip.part", ".file.zip.part.json")


def test_a_file_that_is_right(server, target, capfd):
    file = RemoteFile(server.says(ok), "", **SUMS)
    assert fetch(file, str(target)) == target
    assert target.read_bytes() == BODY
    assert [p.name for p in target.parent.iterdir()] == ["file.zip"]
    assert server.requests[0][1]["User-Agent"].startswith("skinzoo/")
    fetch(file, target)
    assert len(server.requests) == 1, "what is there is not fetched again"
    assert capfd.readouterr() == ("", ""), "no progress bar outside a terminal"


def test_nothing_is_known_about_it(server, target):
    """Neither a size nor sums nor a Content-Length, and an empty file."""
    fetch(RemoteFile(server.says(lambda h: h.send(BODY, length=False)), ""), target)
    assert target.read_bytes() == BODY
    fetch(RemoteFile(server.says(lambda h: h.send(b"")), ""), target.with_name("empty"))
    assert target.with_name("empty").read_bytes() == b""


def test_a_cut_download_goes_on(server, target, pauses):
    fetch(RemoteFile(server.says(cut, cut, rest), "", **SUMS), target, retries=1)
    assert target.read_bytes() == BODY
    asked = [(h.get("Range"), h.get("If-Range")) for _, h in server.requests]
    assert asked == [(None, None), (f"bytes={HALF}-", '"1"'), (f"bytes={HALF + HALF // 2}-", '"1"')]
    assert pauses == [1.0, 1.0], "it got further each time"


def test_a_later_call_goes_on(server, target):
    url = server.says(cut, rest)
    fails(url, target, "UNREACHABLE", f"ended after {HALF:,} of {len(BODY):,} bytes", leaves=PART, retries=0)
    fetch(RemoteFile(url, "", **SUMS), target)
    assert server.requests[1][1]["Range"] == f"bytes={HALF}-"
    assert target.read_bytes() == BODY
    assert [p.name for p in target.parent.iterdir()] == ["file.zip"]


def test_complete_bytes_of_a_call_that_was_killed_need_no_request(server, target):
    url = server.says(ok)
    target.parent.mkdir()
    (target.parent / PART[0]).write_bytes(BODY)
    (target.parent / PART[1]).write_text(json.dumps({"url": url, "validator": '"1"', "total": len(BODY)}))
    fetch(RemoteFile(url, "", **SUMS), target)
    assert target.read_bytes() == BODY
    assert not server.requests


def test_bytes_of_an_earlier_call_that_are_damaged_are_fetched_anew(server, target, pauses):
    url = server.says(ok)
    target.parent.mkdir()
    (target.parent / PART[0]).write_bytes(bytes(len(BODY)))
    (target.parent / PART[1]).write_text(json.dumps({"url": url, "validator": '"1"', "total": len(BODY)}))
    fetch(RemoteFile(url, "", **SUMS), target)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("note", ["", "[]", '{"url": "another", "validator": "1", "total": 5000}', None])
def test_bytes_of_unknown_origin_are_not_used(server, target, note):
    target.parent.mkdir()
    (target.parent / PART[0]).write_bytes(b"something else")
    if note is not None:
        (target.parent / PART[1]).write_text(note)
    fetch(RemoteFile(server.says(ok), ""), target)
    assert target.read_bytes() == BODY
    assert "Range" not in server.requests[0][1]


NEW = b"new" * 200_000


@pytest.mark.parametrize(
    "answers",
    [
        [lambda h: h.send(NEW, ETag='"2"')],  # what If-Range is for
        [lambda h: h.send(NEW[HALF:], 206, ETag='"2"', **content_range(HALF, len(NEW))), lambda h: h.send(NEW)],
        [lambda h: h.send(NEW[5:], 206, ETag='"1"', **content_range(5, len(NEW))), lambda h: h.send(NEW)],
        [status(416), lambda h: h.send(NEW)],
    ],
    ids=["whole", "another ETag", "another range", "416"],
)
def test_a_file_that_changed_is_not_glued_together(server, target, pauses, answers):
    fetch(RemoteFile(server.says(cut, *answers), ""), target)
    assert target.read_bytes() == NEW


def test_pieces_that_do_not_fit_are_fetched_anew(server, target, pauses):
    wrong = BODY[:HALF] + bytes(HALF)
    fetch(
        RemoteFile(server.says(cut, lambda h: h.send(wrong[HALF:], 206, **content_range(HALF)), ok), "", **SUMS), target
    )
    assert target.read_bytes() == BODY
    assert "Range" not in server.requests[2][1]


def test_without_a_mark_of_its_version_a_file_is_begun_anew(server, target, pauses):
    half = lambda h: h.send(BODY[:HALF], length=len(BODY))  # noqa: E731
    fetch(RemoteFile(server.says(half, lambda h: h.send(BODY)), "", **SUMS), target)
    assert target.read_bytes() == BODY
    assert all("Range" not in h for _, h in server.requests)


@pytest.mark.parametrize(
    ("declared", "code", "match"),
    [
        ({"size": 5}, "SIZE_MISMATCH", "it has [0-9,]+ bytes( or more)?, expected 5"),
        ({"sha256": "0" * 64}, "CHECKSUM_MISMATCH", f"its sha256 is {SUMS['sha256']}, expected {'0' * 64}"),
        ({"md5": "0" * 32}, "CHECKSUM_MISMATCH", f"its md5 is {SUMS['md5']}, expected {'0' * 32}"),
    ],
)
@pytest.mark.parametrize("length", [None, False])
def test_another_file_than_the_one_declared(server, target, declared, code, match, length):
    fails(server.says(lambda h: h.send(BODY, length=length)), target, code, match, declared=declared)
    assert len(server.requests) == 1


def test_an_endless_file_is_cut_short(server, target):
    def endless(h):
        h.send(b"", length=False)
        while not server.release.is_set():
            h.wfile.write(BODY)

    fails(server.says(endless), target, "SIZE_MISMATCH", declared={"size": 1000})


def test_busy_servers(server, target, pauses):
    url = server.says(status(503), status(429, Retry_After="7"), status(500), ok)
    fetch(RemoteFile(url, "", **SUMS), target)
    assert target.read_bytes() == BODY
    assert pauses == [1.0, 7.0, 4.0]


def test_retries_end(server, target, pauses):
    text = fails(server.says(status(503)), target, "UNREACHABLE", "tried 4 times", retries=3)
    assert "503" in text
    assert len(server.requests) == 4
    assert pauses == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("after", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_wait_beyond_the_deadline_is_not_begun(server, target, pauses, after):
    fails(server.says(status(429, Retry_After=after)), target, "DEADLINE", "after the deadline", deadline=60)
    assert not pauses


def test_servers_that_fall_silent(server, target, pauses):
    def silent(h):
        server.release.wait(20)

    def stalls(h):
        h.send(BODY[:HALF], length=len(BODY), ETag='"1"')
        server.release.wait(20)

    fetch(RemoteFile(server.says(silent, stalls, rest), "", **SUMS), target, timeout=0.3)
    assert target.read_bytes() == BODY


def test_servers_that_drip(server, target):
    def drips(h):
        h.send(b"", length=len(BODY), ETag='"1"')
        while not server.release.wait(0.02):
            h.wfile.write(b".")

    fails(server.says(drips), target, "DEADLINE", "bytes came before the deadline", deadline=0.3, leaves=PART)


def test_nobody_answers(server, target, pauses):
    url = server.says(ok)
    server.shutdown()
    server.server_close()
    fails(url, target, "UNREACHABLE", "Connection refused", retries=1)


@pytest.mark.parametrize(
    "answer",
    [
        lambda h: h.send(b"<p>Sign in", Content_Type="text/html; charset=utf-8"),
        lambda h: h.send(b"\n <!DOCTYPE html><p>", Content_Type="application/zip"),
        lambda h: h.send(b"<HTML>", length=False),
    ],
)
def test_web_pages(server, target, answer):
    fails(server.says(answer), target, "HTML_PAGE", "in a browser", declared={"size": 5000})
    fetch(RemoteFile(server.says(answer), ""), target.with_suffix(".html"))


@pytest.mark.parametrize("code", [401, 403, 404, 410, 418])
def test_refusals_are_not_asked_for_twice(server, target, pauses, code):
    fails(server.says(status(code)), target, "HTTP_STATUS", str(code))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a",
        "http://127.0.0.1.example.org/a",
        "ftp://127.0.0.1/a",
        "file:///etc/passwd",
        "https:///a",
        "a.zip",
        "https://example.org/a b",
        "https://[::1",
        "",
    ],
)
def test_addresses_that_are_refused(server, target, pauses, url):
    fails(url, target, "URL_REFUSED")
    assert not target.parent.exists()


@pytest.mark.parametrize("url", ["http://example.org/a", "ftp://127.0.0.1/a", "file:///etc/passwd", "https://[::1"])
def test_redirects_that_are_refused(server, target, pauses, url):
    fails(server.says(redirect(url)), target, "URL_REFUSED")
    assert len(server.requests) == 1


def test_redirects(server, target, monkeypatch):
    there = server.says(ok, path="/there")
    fetch(RemoteFile(server.says(redirect("/there")), "", **SUMS), target)
    fetch(RemoteFile(server.says(redirect(there)), "", **SUMS), target.with_name("b"))
    fails(server.says(redirect("/file.zip")), target.with_name("c"), "URL_REFUSED", leaves=["file.zip", "b"])
    from skinzoo.download.web import check_url

    check_url("https://example.org/a", come_from=there)
    for inside in (there, "https://localhost/a", "http://[::1]/a"):
        with pytest.raises(DownloadError, match="leads to this machine"):
            check_url(inside, come_from="https://example.org/a")


def test_a_full_disk(server, target, monkeypatch):
    class Free:
        free = 99

    monkeypatch.setattr("shutil.disk_usage", lambda path: Free)
    fails(server.says(ok), target, "DISK_FULL", f"{len(BODY):,} bytes are needed and 99 are free")


def test_a_disk_that_fills_up(server, target, pauses):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")

    def fill(h):
        (target.parent / PART[0]).unlink()
        (target.parent / PART[0]).symlink_to("/dev/full")
        rest(h)

    fails(server.says(cut, fill), target, "DISK_FULL", "bytes are needed and", leaves=PART)


def test_folders_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DownloadError) as caught:
        fetch(RemoteFile(server.says(ok), ""), tmp_path / "file" / "a")
    assert caught.value.code == "FILE_UNWRITABLE"
    assert not server.requests


def test_another_file_at_the_target_stays(server, target):
    target.parent.mkdir()
    target.write_bytes(b"mine")
    for declared in (SUMS, {"md5": "0" * 32}):
        fails(server.says(ok), target, "TARGET_DIFFERS", "Remove it", declared=declared, leaves=["file.zip"])
    target.with_name("folder").mkdir()
    with pytest.raises(DownloadError, match="is not a file"):
        fetch(RemoteFile(server.says(ok), ""), target.with_name("folder"))
    assert target.read_bytes() == b"mine"
    assert not server.requests


def test_options_that_make_no_sense(target):
    for options in ({"timeout": 0}, {"deadline": -1}, {"retries": -1}):
        with pytest.raises(ConfigError, match="must be above 0 seconds, and retries="):
            fetch(RemoteFile("https://example.org", ""), target, **options)


FETCH = """
import sys
from skinzoo.download import RemoteFile, fetch
fetch(RemoteFile(sys.argv[1], ""), sys.argv[2])
"""


def test_several_processes_and_threads_fetch_it_once(server, target):
    started = threading.Semaphore(0)

    def slow(h):
        started.acquire(timeout=20)  # until all have been started
        ok(h)

    url = server.says(slow)
    env = {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    others = [subprocess.Popen([sys.executable, "-c", FETCH, url, str(target)], env=env) for _ in range(2)]
    threads = [threading.Thread(target=fetch, args=(RemoteFile(url, ""), target)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        started.release()
    for thread in threads:
        thread.join()
    assert [p.wait() for p in others] == [0, 0]
    assert target.read_bytes() == BODY
    assert len(server.requests) == 1
    assert [p.name for p in target.parent.iterdir()] == ["file.zip"]


def test_a_lock_that_is_held(tmp_path):
    lock = tmp_path / "lock"
    with exclusive(lock, wait=1):
        with pytest.raises(DownloadError, match="another process has held"), exclusive(lock, wait=0.01):
            pass
        assert lock.exists()
    assert not lock.exists()
    lock.touch()  # left by a process that was killed
    with exclusive(lock, wait=0.01):
        pass
