"""Which part of a split each unit, a group or a single picture, goes to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def deal(count: IntArray, fractions: Sequence[float], seed: int, *, even: bool = False) -> IntArray:
    """Deal units one at a time, rarest class and largest unit first, each to the part that lacks most of its classes.

    No part stays empty if there are as many units as parts.

    Args:
        count: Rows of each unit in each class (units, classes).
        fractions: Share of each part.
        seed: Orders units that are alike.
        even: Among parts that lack equally much, choose the one with the fewest rows for its share, not the first.

    Returns:
        The number of each unit's part.
    """
    part = _deal(count, fractions, seed, even=even)
    if not even and len(np.unique(part)) < len(fractions) <= len(count):
        return _deal(count, fractions, seed, even=True)
    return part


def _deal(count: IntArray, fractions: Sequence[float], seed: int, *, even: bool) -> IntArray:
    shares = np.asarray(fractions)
    total = count.sum(axis=0)
    target = shares[:, None] * total
    have = np.zeros_like(target)
    rows = np.zeros(len(shares))
    rarity = np.where(count > 0, 1 / total, 0).max(axis=1)
    chance = np.random.default_rng(seed).random(len(count))
    part = np.zeros(len(count), dtype=np.int64)
    for unit in np.lexsort((chance, -count.sum(axis=1), -rarity)):
        mine = count[unit].nonzero()[0]
        need = 1 - have[:, mine] / target[:, mine]  # 1: nothing yet, 0: enough
        absent = have[:, mine] == 0
        score = need.sum(axis=1) + 1e3 * absent.sum(axis=1)  # a class is in every part before all else
        best = int(score.argmax())
        if even:
            alike = np.flatnonzero(score >= score[best] - 1e-9)
            best = int(alike[(rows[alike] / shares[alike]).argmin()])
        part[unit] = best
        have[best] += count[unit]
        rows[best] += count[unit].sum()
    return part


def deal_by_name(names: Iterable[str], fractions: Sequence[float], seed: int) -> IntArray:
    """The part of each unit by a hash of its name alone, so that a unit's part does not depend on the others.

    The first 8 bytes of the sha256 of `<seed>/<name>` in UTF-8, as a big-endian number divided by 2^64, fall into the
    parts' consecutive shares of [0, 1).

    Args:
        names: Of the units.
        fractions: Share of each part.
        seed: Another seed, another rule.

    Returns:
        The number of each unit's part.
    """
    texts = (f"{seed}/{name}".encode() for name in names)
    numbers = np.array([int.from_bytes(hashlib.sha256(t).digest()[:8], "big") / 2**64 for t in texts])
    return np.searchsorted(np.cumsum(fractions)[:-1], numbers, side="right").astype(np.int64)
