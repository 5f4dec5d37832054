"""What it costs to begin: `python tests/benchmarks/bench_startup.py`."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import skinzoo
from tests.benchmarks.cli import main
from tests.benchmarks.harness import Benchmark, Options, Result, take_turns

ABOUT = """\
Each in a fresh process, whose processor time is counted, with the files in memory and their bytecode there. Where it
says "beyond", the time of a Python that does nothing is taken off."""

ROOT = Path(skinzoo.__file__).parents[1]
PROGRAMS = {
    "python": "",
    "skinzoo": "import skinzoo",
    "list": "import skinzoo; skinzoo.list_models()",
    "torch": "import torch",
    "model": "import skinzoo; skinzoo.create_model('simple_cnn')",
    "numpy": "import numpy",
}


def fresh(program: str) -> Callable[[], float]:
    """A variant: runs a program in a process of its own and says how long its processor worked for it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def variant() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", program], check=True, env=environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    return variant


def imported(program: str) -> set[str]:
    """Which heavy packages a program imports."""
    heavy = "{'torch', 'torchvision', 'timm', 'numpy', 'pandas', 'albumentations', 'segmentation_models_pytorch'}"
    code = f"{program}\nimport sys; print(*({heavy} & sys.modules.keys()))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True, text=True)
    return set(done.stdout.split())


def run(options: Options) -> Iterator[Result]:
    """Imports, names, a model."""
    wanted = ("python", "skinzoo", "list") if options.quick else tuple(PROGRAMS)
    t = take_turns({name: fresh(PROGRAMS[name]) for name in wanted}, options.rounds)

    def beyond(name: str) -> Callable[[dict[str, float]], float]:
        return lambda s: 1000 * (s[name] - s["python"])

    loads = {name: ", ".join(sorted(imported(PROGRAMS[name]))) or "nothing heavy" for name in ("skinzoo", "list")}
    said = "`import skinzoo`, beyond Python's start"
    yield Result.of(said, t.figure(beyond("skinzoo")), "ms", at_most=100, note=f"imports {loads['skinzoo']}")
    said = "`skinzoo.list_models()`, beyond Python's start"
    yield Result.of(said, t.figure(beyond("list")), "ms", note=f"imports {loads['list']}")
    said = '`create_model("simple_cnn")`, against `import torch` alone'
    if options.quick:
        yield Result.skip(said, "--quick")
        return
    heavy = ", ".join(sorted(imported(PROGRAMS["model"])))
    seconds = f"{t.median('model'):.2f} s against {t.median('torch'):.2f} s; imports {heavy}"
    yield Result.of(said, t.ratio("model", "torch"), note=seconds)
    said = "`import numpy`, beyond Python's start, for comparison"
    yield Result.of(said, t.figure(beyond("numpy")), "ms")


BENCHMARK = Benchmark("startup", "Start", ABOUT, run)

if __name__ == "__main__":
    sys.exit(main(["startup", *sys.argv[1:]]))
