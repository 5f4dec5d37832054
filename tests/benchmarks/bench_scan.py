"""How fast is a scan of HAM10000, by threads? Run as `python tests/benchmarks/bench_scan.py [root] [images]`."""

import sys
import tempfile
import time
from functools import partial

from skinzoo.datasets import load_dataset
from skinzoo.datasets.scanning import scan


def timed(label, work):
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return result, f"{label}: {wall:.2f} s wall, {cpu:.2f} s CPU", wall, cpu


def main() -> None:
    root = sys.argv[1] if len(sys.argv) > 1 else None
    data, text, *_ = timed("opening with check='quick'", lambda: load_dataset("ham10000", root))
    print(text)
    data = data.subset(range(min(int(sys.argv[2]) if len(sys.argv) > 2 else len(data), len(data))))
    for workers in (1, 2, 4):
        with tempfile.TemporaryDirectory() as folder:
            work = partial(scan, data, workers=workers, progress=False, cache=folder)
            _, text, wall, cpu = timed(f"first scan, {workers} threads", work)
            print(f"{text} ({len(data) / wall:.0f} images with masks/s, {len(data) / cpu:.0f} a CPU second)")
            print(timed(f"second scan, {workers} threads", work)[1])


if __name__ == "__main__":
    main()
