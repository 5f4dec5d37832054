"""Real processes, really killed: the same bits in the end, whatever the moment."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import skinzoo
from skinzoo.errors import RunLockedError
from skinzoo.training.rundir import RunLock

HELPERS = Path(__file__).parents[1] / "helpers"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{Path(skinzoo.__file__).parents[1]}:{HELPERS}"}


def start(folder, workers=0, pause=0.0):
    command = [sys.executable, str(HELPERS / "killable.py"), str(folder), str(workers), str(pause)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True
    )


def wait_for(process, text):
    """Read lines until one begins with `text`."""
    for line in process.stdout:
        if line.startswith(text):
            return line.strip()
    raise AssertionError(f"ended with {process.wait()}: {process.stderr.read()[-2000:]}")


def finish(folder, workers=0):
    out, err = start(folder, workers).communicate(timeout=300)
    found = [line.split()[1] for line in out.splitlines() if line.startswith("digest")]
    assert found, err[-2000:]
    return found[0]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return finish(tmp_path_factory.mktemp("whole"))


def kill_at_random(folder, kills, seed):
    """Kill a run `kills` times with SIGKILL, its workers with it, then let it come to its end."""
    rng = random.Random(seed)
    for number in range(kills):
        process = start(folder, workers=2 * (number % 2), pause=0.05)
        wait_for(process, "step")
        time.sleep(rng.uniform(0, 0.4))
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    return finish(folder)


def test_five_kills(uninterrupted, tmp_path):
    assert kill_at_random(tmp_path, 5, seed=1) == uninterrupted


@pytest.mark.nightly
def test_fifty_kills(uninterrupted, tmp_path):
    kills = 0
    while kills < 50:
        folder = tmp_path / str(kills)
        assert kill_at_random(folder, 5, seed=kills) == uninterrupted
        kills += 5


def wait_for_the_end_of(group):
    """No process of the group is alive; a worker may take some seconds to notice that it is alone."""
    for _ in range(60):
        alive = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = status.read_text().rpartition(")")[2].split()
                alive += [status.parent.name] if fields[2] == str(group) and fields[0] != "Z" else []
        if not alive:
            return
        time.sleep(0.25)
    raise AssertionError(f"orphans: {alive}")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_save_and_exit(number, status, uninterrupted, tmp_path):
    process = start(tmp_path, workers=2, pause=0.05)
    wait_for(process, "step 2")
    os.killpg(process.pid, number)  # the group, as a terminal and a cluster do: the workers get it too
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, err[-2000:]
    assert f"{signal.Signals(number).name}: stopped after step" in out
    wait_for_the_end_of(process.pid)
    assert finish(tmp_path) == uninterrupted


def test_a_second_signal_ends_at_once(tmp_path):
    process = start(tmp_path, pause=20)
    wait_for(process, "step 0")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=15)
    assert process.returncode == 143


def test_two_processes_on_one_folder(uninterrupted, tmp_path):
    process = start(tmp_path, workers=2, pause=5)
    wait_for(process, "step 0")
    with pytest.raises(RunLockedError, match=rf"being written by process {process.pid} on "):
        RunLock(tmp_path).__enter__()
    out, err = start(tmp_path).communicate(timeout=120)
    assert "RunLockedError" in err
    assert "digest" not in out
    process.kill()  # its workers live on for a moment and hold nothing
    process.communicate()
    assert finish(tmp_path) == uninterrupted
