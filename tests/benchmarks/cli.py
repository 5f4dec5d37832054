"""`python -m tests.benchmarks`: run all benchmarks, or those that are named."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.harness import Benchmark, Options, Result
from tests.benchmarks.machine import describe
from tests.benchmarks.report import Report, Section, figure

NAMES = (
    *("pipeline", "augmentation", "training", "trainer", "inference", "evaluate"),
    *("grad_cam", "metrics", "startup", "loading", "gpu"),
)
"""Each is `BENCHMARK` of the module `bench_<name>`."""


def load(name: str) -> Benchmark:
    """A benchmark by its name; imports what it measures."""
    found: Benchmark = importlib.import_module(f"tests.benchmarks.bench_{name}").BENCHMARK
    return found


def run(benchmark: Benchmark, options: Options) -> Iterator[Result]:
    """The benchmark's rows, without bars if they are no measurements; what goes wrong is told, and becomes a row."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for result in benchmark.run(options):
                yield replace(result, at_least=None, at_most=None) if options.quick else result
    except Exception as error:
        traceback.print_exc()
        yield Result.skip(f"the rest of {benchmark.title}", f"it failed: {type(error).__name__}: {error}")


def section(name: str, options: Options) -> Section:
    """Measure in this process, and print each row as soon as it is known."""
    benchmark, results = load(name), []
    print(f"{benchmark.title} ({name})", flush=True)
    for result in run(benchmark, options):
        results.append(result)
        print(f"  {line(result)}", flush=True)
    return Section(name, benchmark.title, benchmark.about, tuple(results))


def apart(name: str, options: Options) -> Section:
    """Measure in a process of its own, so that no benchmark finds memory and settings as another left them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        settings = [f"--rounds={options.rounds}", f"--threads={options.threads}", *["--quick"][: options.quick]]
        command = [sys.executable, "-m", "tests.benchmarks", name, *settings, "--json", str(path)]
        done = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
        if path.exists():
            return Report.from_json(path.read_text(encoding="utf-8")).sections[0]
    return Section(name, name, "", (Result.skip(name, f"it failed: its process ended with {done.returncode}"),))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the files that were asked for; several benchmarks each in a process of its own.

    Returns:
        1 if a benchmark failed, else 0. A bar that is not met is told, not punished: it depends on the machine.
    """
    args = _parser().parse_args(arguments)
    if args.list:
        for name in NAMES:
            print(f"{name:14}{load(name).title}")
        return 0
    names = args.names or NAMES
    options = Options(args.rounds or (1 if args.quick else 7), args.quick, args.threads)
    report = Report(describe(options.threads), options.quick, ())
    for name in names:
        report = report.with_section((section if len(names) == 1 else apart)(name, options))
        if args.json:  # after each, so that an interrupted run leaves what it has
            Path(args.json).write_text(report.to_json(), encoding="utf-8")
    report = Report.from_json(report.to_json())
    if args.markdown:
        Path(args.markdown).write_text(report.to_markdown(), encoding="utf-8")
    return int(any(r.skipped.startswith("it failed") for s in report.sections for r in s.results))


def line(result: Result) -> str:
    """A row as text."""
    if result.value is None or result.quartiles is None:
        return f"{result.measure}: skipped: {result.skipped}"
    low, high = map(figure, result.quartiles)
    bar = {True: "; bar met", False: "; BAR NOT MET", None: ""}[result.met]
    note = f"; {result.note}" if result.note else ""
    return f"{result.measure}: {figure(result.value)} {result.unit} ({low} to {high}){bar}{note}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", type=_known, metavar="name", help=f"one of {', '.join(NAMES)}; default all")
    parser.add_argument("--rounds", type=_positive, help="that count, after one that warms up; default 7")
    parser.add_argument("--quick", action="store_true", help="tiny sizes and one round: tries the code, not the speed")
    said = "of PyTorch, for models; 1, the default, is timed by the processor, which other programs disturb little"
    parser.add_argument("--threads", type=_positive, default=1, help=said)
    parser.add_argument("--json", metavar="FILE", help="write the results there")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there")
    parser.add_argument("--list", action="store_true", help="say what there is")
    return parser


def _known(name: str) -> str:
    if name not in NAMES:
        raise argparse.ArgumentTypeError(f"no benchmark {name!r}; there are {', '.join(NAMES)}")
    return name


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a whole number of at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
