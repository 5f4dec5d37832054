"""What does `SkinDataset.cache` cost and give? Run as `python tests/benchmarks/bench_memmap.py FOLDER [images] [size]`.

Caches images of the real HAM10000 (`$SKINZOO_DATA`) in FOLDER and compares reading them with decoding the files, in
alternation, with all of it in the page cache. Then reads the whole cache in a worker process and tells what memory
is that worker's own.
"""

import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import skinzoo

REPEATS, SAMPLE = 5, 400


def rate(dataset: skinzoo.SkinDataset, rows: Iterable[int]) -> float:
    """Samples read a second."""
    start, count = time.perf_counter(), 0
    for row in rows:
        _ = dataset[row]
        count += 1
    return count / (time.perf_counter() - start)


def private_megabytes() -> float:
    """Memory that only this process has written to (Linux); pages of the cache's files are not its own."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024


def read_all(dataset: skinzoo.SkinDataset, answer: "multiprocessing.Queue[float]") -> None:
    """Worker: read every sample and tell by how much its own memory grew."""
    before = private_megabytes()
    for row in range(len(dataset)):
        _ = dataset[row]
    answer.put(private_megabytes() - before)


def main() -> None:
    folder = sys.argv[1]
    images, size = (int(a) for a in [*sys.argv[2:], *("2000", "256")[len(sys.argv) - 2 :]])
    data = skinzoo.load_dataset("ham10000", check="none")
    data = data.subset(np.random.default_rng(0).permutation(len(data))[:images])
    start = time.perf_counter()
    cached = data.cache(folder, size)
    print(f"first call: {len(data) / (time.perf_counter() - start):.0f} images/s, {len(data)} images at {size} pixels")
    start = time.perf_counter()
    data.cache(folder, size)
    print(f"second call: {time.perf_counter() - start:.2f} s")
    rows = np.random.default_rng(1).permutation(len(data))[:SAMPLE].tolist()
    pairs = [(rate(data, rows), rate(cached, rows)) for _ in range(REPEATS)]
    ratios = sorted(b / a for a, b in pairs)
    decoded, mapped = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"read: {mapped:.0f} images/s, decoded {decoded:.0f} images/s; x{statistics.median(ratios):.0f} "
        f"(median of {REPEATS} pairs, {ratios[0]:.0f} to {ratios[-1]:.0f})"
    )
    answer: multiprocessing.Queue[float] = multiprocessing.Queue()
    worker = multiprocessing.Process(target=read_all, args=(cached, answer))
    worker.start()
    print(f"memory of a worker's own, after reading all: {answer.get():.1f} MB")
    worker.join()


if __name__ == "__main__":
    main()
