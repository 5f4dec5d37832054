"""Two processes do what one does: same weights, same figures, one set of files, and a way back after one has died."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import skinzoo
from skinzoo.tensors import load_tensors

HELPERS = Path(__file__).parents[1] / "helpers"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{Path(skinzoo.__file__).parents[1]}:{HELPERS}"}
SHARED = ("uneven", "padded", "partial", "learned", "taught")


def launch(folder, processes, *scenarios):
    folder.mkdir(exist_ok=True)
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"] if processes > 1 else []
    command = [sys.executable, *torchrun, str(HELPERS / "distributed.py"), str(folder), *scenarios]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=600, check=False)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, processes in (("one", 1), ("two", 2)):
        done = launch(folder / name, processes, *SHARED)
        assert done.returncode == 0, done.stderr[-3000:]
    return folder


def figures(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize("scenario", SHARED)
def test_two_processes_give_the_weights_of_one(scenario, results):
    one = load_tensors(results / "one" / f"{scenario}-rank0.safetensors")
    ranks = [load_tensors(results / "two" / f"{scenario}-rank{r}.safetensors") for r in (0, 1)]
    for name, value in one.items():
        assert torch.equal(ranks[0][name], ranks[1][name])
        torch.testing.assert_close(ranks[0][name], value, atol=1e-5, rtol=0)


@pytest.mark.parametrize("scenario", SHARED)
def test_two_processes_give_the_figures_of_one(scenario, results):
    """Losses in training, whatever annotation fell on which process, and every metric of the shared evaluation."""
    one, best = figures(results / "one" / f"{scenario}-rank0.json")
    ranks = [figures(results / "two" / f"{scenario}-rank{r}.json") for r in (0, 1)]
    assert str(ranks[0]) == str(ranks[1])
    assert ranks[0][1] == best
    for mine, theirs in zip(one, ranks[0][0], strict=True):
        assert mine == pytest.approx(theirs, abs=2e-5, nan_ok=True)


def test_only_one_process_writes(results):
    for scenario in SHARED:
        files = [
            sorted(p.relative_to(results / n) for p in (results / n / scenario).rglob("*")) for n in ("one", "two")
        ]
        assert files[0] == files[1]


def test_a_process_that_dies_ends_the_run_and_the_run_goes_on(tmp_path):
    whole = launch(tmp_path / "whole", 2, "living")
    assert whole.returncode == 0, whole.stderr[-3000:]
    dead = launch(tmp_path / "cut", 2, "dying")
    assert dead.returncode != 0
    assert "process 0 lost the others" in dead.stderr or "SIGTERM: stopped after step" in dead.stdout, dead.stderr[
        -3000:
    ]
    assert not (tmp_path / "cut" / "dying-rank0.json").exists()
    again = launch(tmp_path / "cut", 2, "living")
    assert again.returncode == 0, again.stderr[-3000:]
    for suffix in ("json", "safetensors"):
        ends = [(tmp_path / n / f"living-rank0.{suffix}").read_bytes() for n in ("whole", "cut")]
        assert ends[0] == ends[1], "the same bits as without the death"
