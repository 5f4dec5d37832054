"""DeLong's test by midranks against placements counted pair by pair; prints the ratio of their times."""

import time

import numpy as np

from skinzoo.metrics.delong import delong_test


def pair_by_pair(labels, a, b):
    """z of the difference, in O(n^2)."""
    v10, v01 = [], []
    for scores in (a, b):
        x, y = scores[labels == 1][:, None], scores[labels == 0][None]
        wins = (x > y) + 0.5 * (x == y)
        v10.append(wins.mean(1))
        v01.append(wins.mean(0))
    c = np.cov(v10) / len(v10[0]) + np.cov(v01) / len(v01[0])
    return (v10[0].mean() - v10[1].mean()) / (c[0, 0] + c[1, 1] - 2 * c[0, 1]) ** 0.5


def seconds(function):
    """The best of three runs."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    for n in (500, 2_000, 8_000):
        labels = rng.integers(0, 2, n)
        a, b = (labels + rng.normal(size=n) for _ in range(2))
        assert abs(delong_test(labels, a, b).statistic - pair_by_pair(labels, a, b)) < 1e-9
        fast, slow = seconds(lambda: delong_test(labels, a, b)), seconds(lambda: pair_by_pair(labels, a, b))  # noqa: B023
        print(f"n={n:>6,}: {1000 * fast:7.2f} ms by midranks, {1000 * slow:8.2f} ms pair by pair, {slow / fast:6.1f} x")
