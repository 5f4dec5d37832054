"""The harness of the benchmarks on fake clocks, its tables, and that every benchmark runs."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks import cli, machine
from tests.benchmarks.harness import Benchmark, Options, Result, Summary, Timings, take_turns, timed
from tests.benchmarks.report import Report, Section, figure

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "docs" / "assets"


class Clock:
    """A clock that only moves when work is done."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def work(self, *seconds):
        """Work that takes so long the first time, the second ..."""
        left = list(seconds)

        def one():
            self.now += left.pop(0)

        return one


# the harness


def test_a_ratio_is_taken_within_a_round():
    clock = Clock()
    slow, fast = clock.work(99, 2, 30, 8), clock.work(1, 1, 10, 2)  # a round in which all is ten times as slow
    t = take_turns({"slow": timed(slow, clock), "fast": timed(fast, clock)}, 3)
    assert t.ratio("slow", "fast") == Summary(3, (2.5, 3.5), (2, 4), 3)
    assert t.seconds("fast", scale=1000).median == 2000
    assert t.figure(lambda s: s["slow"] - s["fast"]).extremes == (1, 20)


def test_the_first_round_does_not_count():
    calls = []
    t = take_turns({"a": lambda: calls.append("a") or float(len(calls))}, 2)
    assert len(calls) == 3
    assert [seconds["a"] for seconds in t.rounds] == [2, 3]


def test_the_order_moves_on_from_round_to_round():
    calls = []
    take_turns({name: lambda name=name: calls.append(name) or 1.0 for name in "abc"}, 4)
    rounds = ["".join(calls[k : k + 3]) for k in range(0, len(calls), 3)]
    assert rounds[1:] == ["abc", "bca", "cab", "abc"]
    assert sorted(rounds[0]) == ["a", "b", "c"]


def test_work_can_be_done_several_times():
    clock = Clock()
    assert timed(clock.work(1, 2, 6), clock, times=3)() == 3


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=20))
def test_quartiles_are_those_of_numpy(values):
    summary = Summary.of(values)
    low, middle, high = np.percentile(values, [25, 50, 75])
    assert (summary.median, *summary.quartiles) == pytest.approx((middle, low, high))
    assert (*summary.extremes, summary.rounds) == (min(values), max(values), len(values))


@pytest.mark.parametrize(
    ("bars", "met"),
    [
        ({}, None),
        ({"at_least": 2}, True),
        ({"at_least": 2.1}, False),
        ({"at_most": 2}, True),
        ({"at_most": 1.9}, False),
    ],
)
def test_a_bar_is_met_or_not(bars, met):
    assert Result("a", 2.0, **bars).met is met
    assert Result.skip("a", "no GPU").met is None


def test_one_thread_is_timed_by_the_processor_and_more_by_the_wall():
    import time

    assert Options().clock is time.process_time
    assert Options(threads=2).clock is time.perf_counter


# its tables


def report():
    rows = (
        Result.of("first", Timings(({"a": 3.0, "b": 1.0},)).ratio("a", "b"), at_least=2, note="900 images/s"),
        Result("second", 1234.5678, "ms", (1000.1, 2000.2), (1.0, 3000.0), 7, at_most=50),
        Result("third", 0.0123456789, "s", (0.01, 0.02), (0.01, 0.02), 7),
        Result.skip("fourth", "fastai not installed"),
    )
    return Report({"processor": "a chip", "cores": "2"}, False, (Section("speed", "Speed", "What it is.", rows),))


def test_json_gives_the_same_report_again():
    first = report()
    again = Report.from_json(first.to_json())
    assert again.to_json() == first.to_json()
    assert again.to_markdown() == first.to_markdown()
    assert again.sections[0].results[1] == replace(first.sections[0].results[1], value=1234.57)
    met = [row["met"] for row in json.loads(first.to_json())["sections"][0]["results"]]
    assert met == [True, False, None, None]


def test_the_table():
    lines = report().to_markdown().splitlines()
    assert "Measured on: a chip; cores 2." in lines
    assert lines[-6:] == [
        "| measure | median | middle half | range | rounds | bar | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| first; 900 images/s | 3.00 x | 3.00 to 3.00 | 3.00 to 3.00 | 1 | ≥ 2 x | met |",
        "| second | 1,235 ms | 1,000 to 2,000 | 1.00 to 3,000 | 7 | ≤ 50 ms | **not met** |",
        "| third | 0.0123 s | 0.0100 to 0.0200 | 0.0100 to 0.0200 | 7 |  |  |",
        "| fourth | skipped: fastai not installed | | | | | |",
    ]
    assert "no measurements" in replace(report(), quick=True).to_markdown()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.00123, "0.00123"),
        (1, "1.00"),
        (99.94, "99.9"),
        (99.96, "100"),
        (12345.6, "12,346"),
        (-0.5, "-0.500"),
    ],
)
def test_figures_have_three_digits(value, text):
    assert figure(value) == text


def test_the_page_shows_the_table_of_the_committed_results():
    made = Report.from_json((ASSETS / "benchmarks.json").read_text("utf-8"))
    assert (ASSETS / "benchmarks.md").read_text("utf-8") == made.to_markdown()
    assert not made.quick
    assert [section.name for section in made.sections] == list(cli.NAMES)
    assert '--8<-- "docs/assets/benchmarks.md"' in (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    for row in (row for section in made.sections for row in section.results):
        assert row.rounds >= 5 or row.skipped, row.measure


# the machine


def test_a_processor_says_its_name_and_what_it_can(tmp_path):
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nmodel name\t: Chip 9\nflags\t\t: fpu avx2 avx512_bf16\n")
    assert machine.processor(str(told)) == "Chip 9 (avx2, avx512_bf16)"
    assert machine.processor(str(tmp_path / "nothing"))


def test_what_is_not_installed_is_named():
    assert machine.missing("json", "numpy") == ""
    assert machine.missing("json", "nothing_of_this_name", "nor_this") == "nothing_of_this_name, nor_this not installed"


# the command


@pytest.fixture
def fake(monkeypatch):
    """Two benchmarks that need no time, the second of which fails half-way."""

    def good(options):
        yield Result.of("good", Summary.of([1.0] * options.rounds), at_least=2)

    def bad(options):
        yield Result.skip("one", "no GPU")
        raise ValueError("broken")

    found = {"good": Benchmark("good", "Good", "About.", good), "bad": Benchmark("bad", "Bad", "About.", bad)}
    monkeypatch.setattr(cli, "NAMES", tuple(found))
    monkeypatch.setattr(cli, "load", found.__getitem__)


def test_files_are_written(fake, tmp_path, capsys):
    files = {"--json": tmp_path / "r.json", "--markdown": tmp_path / "r.md"}
    assert cli.main(["good", "--rounds", "3", *(str(a) for pair in files.items() for a in pair)]) == 0
    made = Report.from_json(files["--json"].read_text("utf-8"))
    assert files["--markdown"].read_text("utf-8") == made.to_markdown()
    assert [(r.measure, r.rounds, r.met) for r in made.sections[0].results] == [("good", 3, False)]
    assert "good: 1.00 x (1.00 to 1.00); BAR NOT MET" in capsys.readouterr().out
    assert {"processor", "cores", "Python", "torch", "skinzoo"} <= made.machine.keys()


def test_quick_rows_have_no_bar(fake, capsys):
    assert cli.main(["good", "--quick"]) == 0
    assert "BAR" not in capsys.readouterr().out


def test_what_fails_is_told_and_the_rest_goes_on(fake, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "apart", cli.section)
    assert cli.main(["bad", "good", "--json", str(tmp_path / "r.json")]) == 1
    sections = Report.from_json((tmp_path / "r.json").read_text("utf-8")).sections
    assert [r.skipped for r in sections[0].results] == ["no GPU", "it failed: ValueError: broken"]
    assert sections[1].results[0].value == 1
    assert "ValueError: broken" in capsys.readouterr().err


def test_several_run_apart(fake, monkeypatch):
    asked = []
    monkeypatch.setattr(cli, "apart", lambda *given: asked.append(given) or cli.Section(given[0], "", "", ()))
    assert cli.main(["--rounds", "4", "--threads", "2"]) == 0
    assert asked == [("good", Options(4, threads=2)), ("bad", Options(4, threads=2))]


def test_a_process_of_its_own_brings_its_rows(capfd):
    found = cli.apart("startup", Options(1, quick=True))
    assert [row.rounds for row in found.results] == [1, 1, 0]
    assert "Start (startup)" in capfd.readouterr().out


def test_a_process_that_ends_without_a_report_is_told(capfd):
    (row,) = cli.apart("no_such_benchmark", Options()).results
    assert row.skipped == "it failed: its process ended with 2"


@pytest.mark.parametrize(("arguments", "said"), [(["god"], "no benchmark 'god'"), (["--rounds", "0"], "at least 1")])
def test_bad_arguments_are_refused(fake, arguments, said, capsys):
    with pytest.raises(SystemExit):
        cli.main(arguments)
    assert said in capsys.readouterr().err


def test_this_folder_is_found_before_another_package_of_its_name(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").write_text("raise RuntimeError('the wrong package')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for command in (["-m", "tests.benchmarks"], ["tests/benchmarks/bench_startup.py"]):
        done = subprocess.run(
            [sys.executable, *command, "--help"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "usage: python -m tests.benchmarks" in done.stdout


def test_every_file_is_listed_or_a_script_of_its_own(capsys):
    files = {path.stem.removeprefix("bench_"): path.read_text("utf-8") for path in cli_files()}
    assert set(cli.NAMES) == {name for name, text in files.items() if "BENCHMARK = " in text}
    assert cli.main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(cli.NAMES)


def cli_files():
    """The benchmarks' files."""
    return sorted((ROOT / "tests" / "benchmarks").glob("bench_*.py"))


# every benchmark


SLOW = ("inference", "trainer")
"""An export to ONNX, and other frameworks."""


def quickly(name):
    """The rows of a benchmark with tiny sizes."""
    rows = list(cli.run(cli.load(name), Options(1, quick=True)))
    assert rows
    assert not [row for row in rows if row.skipped.startswith("it failed")]
    return rows


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in cli.NAMES])
def test_every_benchmark_runs(name):
    assert all(row.value is None or np.isfinite(row.value) for row in quickly(name))


@pytest.mark.filterwarnings("ignore")
def test_the_trainers_loops_make_the_same_steps():
    """All loops see the same batches, so that a tiny model ends with the same weights, whoever runs it."""
    import torch

    from tests.benchmarks import loops
    from tests.benchmarks.bench_trainer import Tiny
    from tests.benchmarks.pictures import in_memory

    data, config = in_memory(16, 32), loops.config_of(3, 8)
    ended = []
    for way in (loops.by_hand, loops.plainly, loops.by_trainer):
        torch.manual_seed(0)
        model = Tiny()
        assert way(model, data, config, Clock()) == 0
        ended.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.allclose(ended[0], ended[2], atol=1e-6)
    assert not torch.equal(ended[0], torch.cat([p.detach().flatten() for p in Tiny().parameters()]))
    assert len(ended[1]) == len(ended[0])


@pytest.mark.filterwarnings("ignore")
def test_the_gpu_benchmark_runs_on_a_processor():
    from tests.benchmarks import bench_gpu

    rows = list(bench_gpu.measure(Options(1, quick=True), bench_gpu.CASES[:1], device="cpu", workers=0))
    assert [row.unit for row in rows] == ["%", "images/s", "images/s"]
    assert rows[0].value == pytest.approx(100 * rows[1].value / rows[2].value)
    assert rows[0].note.endswith("0 workers, batches of 2")


def test_without_a_gpu_its_rows_say_so(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    rows = quickly("gpu")
    assert len(rows) == 4
    assert {row.skipped for row in rows} == {"no GPU that PyTorch can use"}
