"""Which of many patterns show one picture: an exact search by 64-bit hashes, then a look at the patterns themselves.

Measured on 8,940 images of HAM10000 and 2,359 of the nine ISIC classes, 1,316 of which are re-encoded and squashed
copies of HAM10000's: the similarity of these is 0.915 and more, that of different lesions at most 0.668 in any of the
eight positions. All of the 1,590 pairs above the threshold were within 11 of 64 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.auditing.patterns import NUM_TURNS, SIDE, FloatArray, PatternArray, flatten, softened, turned

MIN_SIMILARITY = 0.8
"""Patterns from here on show one picture."""

MAX_BITS = 11
"""Bits of 64 by which two such patterns' hashes may differ."""

_BANDS = 4  # of 16 bits: where 11 bits differ, one band differs by 2 at most
_DETAIL = 5
_CHUNK = 4096
_MAX_CANDIDATES = 2_000_000  # at a time; bounds the memory, never the result

IntArray = NDArray[np.int64]
HashArray = NDArray[np.uint16]

_BITS = np.unpackbits(np.arange(1 << 16, dtype="<u2").view(np.uint8).reshape(-1, 2), axis=1).sum(1).astype(np.uint8)
_FLIPS = np.flatnonzero(_BITS <= MAX_BITS // _BANDS)


class Near(NamedTuple):
    """Pairs of near-identical pictures.

    Attributes:
        first: The smaller position of each pair (P,).
        second: The other one (P,).
        similarity: Correlation of their patterns (P,), from `MIN_SIMILARITY` to 1.
        turned: True where the second is flipped or rotated (P,).
    """

    first: IntArray
    second: IntArray
    similarity: FloatArray
    turned: NDArray[np.bool_]

    @classmethod
    def none(cls) -> Near:
        """No pair."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, np.zeros(0, dtype=np.float32), np.zeros(0, dtype=bool))


def find_near(patterns: PatternArray) -> Near:
    """All pairs of near-identical patterns among N of shape (32, 32).

    Of patterns that are exactly equal, each is paired with the first only, and only the first with others: a thousand
    copies make a thousand pairs, not half a million.
    """
    unique, representative = _distinct(patterns)
    details = _details(patterns[unique])
    hashes = [_hashes(patterns[unique], turn) for turn in range(NUM_TURNS)]
    best: dict[tuple[int, int], tuple[float, bool]] = {}
    for turn in range(NUM_TURNS):
        for a, b in _candidates(hashes[turn], hashes[0]):
            values = _agreement(turned(details[a], turn), details[b])
            for k in np.flatnonzero(values >= MIN_SIMILARITY).tolist():
                pair = (int(unique[a[k]]), int(unique[b[k]]))
                if values[k] > best.get(pair, (0.0, False))[0]:
                    best[pair] = (float(values[k]), turn > 0)
    copies = np.flatnonzero(representative < np.arange(len(patterns))).tolist()
    best |= {(int(representative[i]), i): (1.0, False) for i in copies}
    ordered = sorted(best)
    pairs = np.array(ordered, dtype=np.int64).reshape(-1, 2)
    return Near(
        pairs[:, 0],
        pairs[:, 1],
        np.array([best[p][0] for p in ordered], dtype=np.float32),
        np.array([best[p][1] for p in ordered], dtype=bool),
    )


def similarities(patterns: PatternArray, first: IntArray, second: IntArray) -> FloatArray:
    """Similarity of given pairs (P,), in the position that fits best; in [-1, 1]."""
    result = np.empty(len(first), dtype=np.float32)
    for start in range(0, len(first), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        a, b = _details(patterns[first[chunk]]), _details(patterns[second[chunk]])
        result[chunk] = np.max([_agreement(turned(a, turn), b) for turn in range(NUM_TURNS)], axis=0)
    return result


def _distinct(patterns: PatternArray) -> tuple[IntArray, IntArray]:
    """Positions of the first of each group of equal patterns, ascending, and for each pattern this first one."""
    first: dict[bytes, int] = {}
    representative = np.array([first.setdefault(p.tobytes(), i) for i, p in enumerate(patterns)], dtype=np.int64)
    return np.unique(representative), representative


def _details(patterns: PatternArray) -> PatternArray:
    """Patterns with a finer local mean taken off: what tells round lesions in the middle of the picture apart."""
    details = np.empty_like(patterns)
    for start in range(0, len(patterns), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        details[chunk] = softened(flatten(patterns[chunk].astype(np.float32), _DETAIL))
    return details


def _agreement(a: PatternArray, b: PatternArray) -> FloatArray:
    """The correlation of patterns (P, 32, 32), or of their middles (20 x 20) where that is lower.

    The whole tells round lesions apart that lie in the middle; the middle is free of black bars and frames.
    """
    return np.minimum(_correlation(a, b), _correlation(a[:, 6:-6, 6:-6], b[:, 6:-6, 6:-6]))


def _correlation(a: PatternArray, b: PatternArray) -> FloatArray:
    x, y = (np.ascontiguousarray(p).reshape(len(p), -1).astype(np.float32) for p in (a, b))
    for values in (x, y):
        values -= values.mean(axis=1, keepdims=True)
    size = np.sqrt(np.einsum("ij,ij->i", x, x) * np.einsum("ij,ij->i", y, y))
    return np.asarray(np.einsum("ij,ij->i", x, y) / np.maximum(size, 1), dtype=np.float32)


def _hashes(patterns: PatternArray, turn: int) -> HashArray:
    """64 bits of each pattern as four words (N, 4): does it brighten, 32 times rightwards and 32 times downwards?"""
    coarse, fine = _means(4), _means(9)
    words = np.empty((len(patterns), _BANDS), dtype=np.uint16)
    for start in range(0, len(patterns), _CHUNK):
        grey = turned(patterns[start : start + _CHUNK], turn).astype(np.float32)
        across = np.diff(coarse @ grey @ fine.T, axis=2) > 0
        down = np.diff(fine @ grey @ coarse.T, axis=1) > 0
        bits = np.concatenate([across.reshape(len(grey), -1), down.reshape(len(grey), -1)], axis=1)
        words[start : start + _CHUNK] = np.packbits(bits, axis=1).view(np.uint16)
    return words


def _means(cells: int) -> FloatArray:
    """The matrix (cells, 32) that takes the mean of 32 values over equal stretches."""
    edges = np.linspace(0, SIDE, cells + 1)
    at = np.arange(SIDE)
    overlap = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
    return np.asarray(np.clip(overlap, 0, None) * cells / SIDE, dtype=np.float32)


def _candidates(queries: HashArray, stored: HashArray) -> Iterator[tuple[IntArray, IntArray]]:
    """All pairs a < b of which query `a` and stored `b` differ by `MAX_BITS` at most, each once, in pieces.

    One of the four words then differs by two bits at most, so each word is looked up with every such change of it.
    """
    for band in range(_BANDS):
        order = np.argsort(stored[:, band], kind="stable")
        starts = np.searchsorted(stored[order, band], np.arange((1 << 16) + 1))
        for start in range(0, len(queries), _CHUNK // 4):
            probes = queries[start : start + _CHUNK // 4, band, None].astype(np.int64) ^ _FLIPS
            counts = starts[probes + 1] - starts[probes]
            for rows in _pieces(counts.sum(axis=1)):
                a, b = _expand(starts[probes[rows]], counts[rows], order)
                a += start + rows.start
                a, b = a[a < b], b[a < b]
                differ = _BITS[queries[a] ^ stored[b]]
                keep = (differ.sum(axis=1) <= MAX_BITS) & (differ[:, :band] > MAX_BITS // _BANDS).all(axis=1)
                for piece in range(0, int(keep.sum()), _CHUNK):
                    yield a[keep][piece : piece + _CHUNK], b[keep][piece : piece + _CHUNK]


def _pieces(work: IntArray) -> Iterator[slice]:
    """Cut rows into runs of `_MAX_CANDIDATES` at most, or of one row."""
    start, total = 0, 0
    for i, amount in enumerate(work.tolist()):
        if total and total + amount > _MAX_CANDIDATES:
            yield slice(start, i)
            start, total = i, 0
        total += amount
    yield slice(start, len(work))


def _expand(begin: IntArray, counts: IntArray, order: IntArray) -> tuple[IntArray, IntArray]:
    """Every (row, order[begin], order[begin + 1] ...) of the stretches (R, K) that start at `begin`."""
    lengths = counts.ravel()
    row = np.repeat(np.repeat(np.arange(len(counts)), counts.shape[1]), lengths)
    ends = np.cumsum(lengths)
    within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    return row, order[np.repeat(begin.ravel(), lengths) + within]
