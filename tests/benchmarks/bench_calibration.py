"""Calibration figures against torchmetrics, and their bootstrap against a plain loop: `python bench_calibration.py`."""

from __future__ import annotations

import time

import numpy as np
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from skinzoo.metrics.calibration import calibration_metrics, expected_calibration_error
from skinzoo.metrics.calibration_bootstrap import bootstrap_calibration


def seconds(function, repeats=5):
    """The fastest of several calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main(n=10_000, classes=7, resamples=1000):
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(classes, 0.5), n)
    labels, groups = rng.integers(0, classes, n), rng.integers(0, 3 * n // 4, n)
    theirs = seconds(
        lambda: multiclass_calibration_error(torch.from_numpy(probabilities), torch.from_numpy(labels), classes)
    )
    ours = seconds(lambda: expected_calibration_error(labels, probabilities))
    print(f"calibration error, {n} x {classes}: {1e3 * ours:.2f} ms; torchmetrics {theirs / ours:.1f} times as long")
    draws = [rng.integers(0, n, n) for _ in range(20)]
    loop = seconds(lambda: [calibration_metrics(labels[d], probabilities[d]) for d in draws], 2) * resamples / 20
    ours = seconds(lambda: bootstrap_calibration(labels, probabilities, groups=groups, resamples=resamples), 2)
    print(f"{resamples} resamples of five figures: {ours:.2f} s; a loop {loop / ours:.1f} times as long")


if __name__ == "__main__":
    main()
