"""Several threads and processes, an interrupted one, a cache that cannot be written, and a disk without room."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub_fixtures import hub  # noqa: F401

import skinzoo
from skinzoo.errors import OfflineError, WeightsError
from skinzoo.hub import HubOptions, HubReference, client, fetch_files

WEIGHTS = bytes(range(256)) * 4000
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS}
NAMES = tuple(FILES)
FETCH = (
    "import sys, hashlib; from skinzoo.hub import *; "
    "found = fetch_files(parse_reference(sys.argv[1]), ['config.json', 'model.safetensors']); "
    "print(hashlib.sha256(found.files['model.safetensors'].read_bytes()).hexdigest())"
)
READ_ONLY = """
import errno, os, sys
folder = os.environ["SKINZOO_HUB_CACHE"]
WRITES = ("mkdir", "rename", "remove", "rmdir", "chmod", "symlink", "link", "truncate", "utime")

def watch(event, args):
    to_write = os.O_WRONLY | os.O_RDWR | os.O_CREAT
    writes = event.removeprefix("os.") in WRITES or (event == "open" and (args[2] or 0) & to_write)
    if writes and any(str(a).startswith(folder) for a in args[:2]):
        raise OSError(errno.EROFS, "Read-only file system", str(args[0]))

sys.addaudithook(watch)
from skinzoo.errors import WeightsError
from skinzoo.hub import fetch_files, parse_reference
here, there = map(parse_reference, sys.argv[1:])
print(sorted(fetch_files(here, ["config.json"], optional=["README.md"]).files))
print(sorted(fetch_files(parse_reference(here.repository), ["config.json"], optional=["README.md"]).files))
for reference in (here, there):
    try:
        fetch_files(reference, ["config.json", "model.safetensors"])
    except WeightsError as error:
        print(error)
"""


@pytest.fixture
def published(hub):  # noqa: F811
    return HubReference("tester/model", hub.put("tester/model", FILES))


def python(code, *arguments):
    root = str(Path(skinzoo.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fetched(tmp_path):
    """What is in snapshots; the cache around them has folders that come and go."""
    return list((tmp_path / "hub_cache" / "models--tester--model" / "snapshots").glob("*/*"))


def partials(tmp_path):
    """Names of what is in snapshots and not whole: a partial file, or a link to nothing."""
    return [p.name for p in fetched(tmp_path) if not p.is_file() or p.read_bytes() != FILES[p.name]]


@pytest.mark.parametrize("damaged", [False, True], ids=["new", "damaged before"])
def test_sec_11_six_threads_fetch_one_file(hub, published, tmp_path, damaged):  # noqa: F811
    if damaged:
        fetch_files(published, NAMES).files["model.safetensors"].resolve().write_bytes(b"x" * len(WEIGHTS))
        hub.log.clear()
    done = threading.Event()
    bad = []

    def watch():
        while not (damaged or done.wait(0.001)):  # what is damaged is removed, so that it may be gone when it is read
            bad.extend(partials(tmp_path))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(lambda _: fetch_files(published, NAMES), range(6)))
    finally:
        done.set()
        watcher.join()
    assert not bad
    assert {f.files["model.safetensors"].read_bytes() for f in found} == {WEIGHTS}
    assert len(hub.requests("GET .*/resolve/.*model.safetensors")) == 1
    assert sorted(p.name for p in fetched(tmp_path)) == list(NAMES)
    assert not partials(tmp_path)


def test_sec_11_four_processes_fetch_one_file(hub, published, tmp_path):  # noqa: F811
    processes = [python(FETCH, str(published)) for _ in range(4)]
    answers = [p.communicate(timeout=120) for p in processes]
    found = fetch_files(published, NAMES)
    assert [out.strip() for out, _ in answers] == [found.sha256["model.safetensors"]] * 4, answers
    assert found.files["model.safetensors"].read_bytes() == WEIGHTS
    assert len(hub.requests("GET .*/resolve/.*model.safetensors")) == 1
    assert not partials(tmp_path)


def test_sec_11_killed_while_fetching(hub, published, tmp_path):  # noqa: F811
    hub.faults.stall("GET .*/resolve/.*model.safetensors", after=500_000, times=1)
    process = python(FETCH, str(published))
    end = time.monotonic() + 120
    while not hub.requests("GET .*/resolve/.*model.safetensors") and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    hub.faults.release()
    assert "model.safetensors" not in {p.name for p in fetched(tmp_path)}
    assert fetch_files(published, NAMES).files["model.safetensors"].read_bytes() == WEIGHTS
    assert not partials(tmp_path)


def test_sec_11_a_call_that_gave_up_does_not_block_the_next(hub, published, monkeypatch):  # noqa: F811
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 30)
    gate = hub.faults.stall("GET .*/resolve/.*model.safetensors", after=1000, times=1)
    with pytest.raises(OfflineError, match=r"not done within the deadline of 0\.3 s"):
        fetch_files(published, NAMES, options=HubOptions(deadline=0.3))
    gate.set()
    assert fetch_files(published, NAMES).files["model.safetensors"].read_bytes() == WEIGHTS


def test_sec_11_another_process_that_never_ends_is_waited_for_until_the_deadline(hub, published, tmp_path):  # noqa: F811
    from skinzoo.download import exclusive
    from skinzoo.hub.cache import CachedRepository

    lock = CachedRepository(tmp_path / "hub_cache", "tester/model").lock
    lock.parent.mkdir(parents=True)
    with (
        exclusive(lock, wait=1),
        pytest.raises(OfflineError, match="another process has held"),
    ):
        fetch_files(published, NAMES, options=HubOptions(deadline=1))
    assert fetch_files(published, NAMES).files.keys() == FILES.keys()


def test_sec_11_a_read_only_cache_is_read_and_nothing_more(hub, published, tmp_path):  # noqa: F811
    other = HubReference("tester/other", hub.put("tester/other", FILES))
    fetch_files(HubReference("tester/model"), ["config.json"])
    out, err = python(READ_ONLY, str(published), str(other)).communicate(timeout=120)
    lines = out.splitlines()
    assert lines[:2] == ["['config.json']"] * 2, out + err
    for line in lines[2:]:
        assert f"cannot be put into the cache {tmp_path / 'hub_cache'}: Read-only file system" in line
        assert "SKINZOO_HUB_CACHE" in line
    assert len(lines) == 4, err


def test_sec_11_a_cache_that_cannot_be_made(published, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match=r"cannot be put into the cache .*Not a directory.*SKINZOO_HUB_CACHE"):
        fetch_files(published, NAMES, options=HubOptions(cache_dir=tmp_path / "file" / "cache"))


def test_sec_11_a_full_disk_is_told_before_anything_is_fetched(hub, published, monkeypatch):  # noqa: F811
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(WeightsError, match=r"is full: 1,000 bytes are free and 1,024,002 bytes are needed") as raised:
        fetch_files(published, NAMES)
    assert "SKINZOO_HUB_CACHE" in str(raised.value)
    assert not hub.requests("GET .*/resolve/")
    monkeypatch.undo()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_sec_11_a_disk_that_becomes_full(hub, published, monkeypatch, number):  # noqa: F811
    monkeypatch.setattr(client, "_sleep", lambda _: pytest.fail("no use to try again"))

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    with pytest.raises(WeightsError, match=r"is full: [\d,]+ bytes are free for config\.json") as raised:
        fetch_files(published, NAMES)
    assert "SKINZOO_HUB_CACHE" in str(raised.value)
