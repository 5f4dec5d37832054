"""Time of each corruption on one core. Run as `python tests/benchmarks/bench_corruptions.py [height width]`."""

import sys
import time

import cv2
import numpy as np

from skinzoo.transforms.corruptions import STRENGTHS, corrupt, list_corruptions

REPEATS = 5


def main() -> None:
    height, width = map(int, sys.argv[1:3]) if len(sys.argv) > 2 else (450, 600)
    cv2.setNumThreads(1)
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    total = 0.0
    for name in list_corruptions():
        corrupt(image, name, 3)
        start = time.perf_counter()
        for index in range(REPEATS):
            for strength in STRENGTHS:
                corrupt(image, name, strength, index=index)
        each = (time.perf_counter() - start) / REPEATS / len(STRENGTHS)
        total += each
        print(f"{name:<16}{1e3 * each:7.1f} ms")
    print(f"{'mean':<16}{1e3 * total / len(list_corruptions()):7.1f} ms at {height} x {width} pixels")


if __name__ == "__main__":
    main()
