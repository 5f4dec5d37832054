"""How fast are synthetic pictures painted on one core? Run as `python tests/benchmarks/bench_synthetic.py [size]`."""

import sys
import time

import cv2

from skinzoo.datasets.adapters.synthesis import draw_lesion

NUM_IMAGES, REPEATS = 210, 5


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 128
    cv2.setNumThreads(1)
    draw_lesion(0, 0, size=size)
    rates = []
    for repeat in range(REPEATS):
        start = time.perf_counter()
        for i in range(NUM_IMAGES):
            draw_lesion(repeat, i, size=size)
        rates.append(NUM_IMAGES / (time.perf_counter() - start))
    rates.sort()
    print(f"{size} px: {rates[REPEATS // 2]:.0f} images/s (median of {REPEATS}; {rates[0]:.0f} to {rates[-1]:.0f})")


if __name__ == "__main__":
    main()
