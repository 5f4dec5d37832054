"""The measuring itself: variants in turn, ratios within a round, and what came out of them.

Times of one machine swing by more than the differences that are looked for. Therefore the variants take turns within
each round, the order moves on by one from round to round, a ratio is taken within a round, and what is told is the
median over the rounds with its quartiles and its range.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Clock = Callable[[], float]
PROCESSOR: Clock = time.process_time
"""For work in one process with one thread: other programs disturb it little."""
WALL: Clock = time.perf_counter
"""Where threads, processes or a GPU take part."""


class Summary(NamedTuple):
    """What one figure was over the rounds."""

    median: float
    quartiles: tuple[float, float]
    extremes: tuple[float, float]
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """The quartiles are those of the values themselves, as NumPy's `percentile` takes them."""
        low, middle, high = (
            statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else 3 * [values[0]]
        )
        return cls(middle, (low, high), (min(values), max(values)), len(values))


@dataclass(frozen=True)
class Timings:
    """Seconds of each variant in each round."""

    rounds: tuple[Mapping[str, float], ...]

    def figure(self, of: Callable[[Mapping[str, float]], float]) -> Summary:
        """Any figure that each round has."""
        return Summary.of([of(seconds) for seconds in self.rounds])

    def seconds(self, name: str, *, scale: float = 1.0) -> Summary:
        """Of one variant."""
        return self.figure(lambda s: scale * s[name])

    def ratio(self, over: str, under: str) -> Summary:
        """How many times as long one variant takes as another."""
        return self.figure(lambda s: s[over] / s[under])

    def median(self, name: str) -> float:
        """Seconds of one variant."""
        return self.seconds(name).median


def timed(work: Callable[[], object], clock: Clock = PROCESSOR, *, times: int = 1) -> Callable[[], float]:
    """A variant: does the work so many times and says how many seconds it took each time."""

    def variant() -> float:
        begin = clock()
        for _ in range(times):
            work()
        return (clock() - begin) / times

    return variant


def take_turns(variants: Mapping[str, Callable[[], float]], rounds: int) -> Timings:
    """Run all variants in each round, and a round before the first that warms up and does not count."""
    names, kept = list(variants), []
    for number in range(-1, rounds):
        turn = number % len(names)
        seconds = {name: variants[name]() for name in names[turn:] + names[:turn]}
        if number >= 0:
            kept.append({name: seconds[name] for name in names})
    return Timings(tuple(kept))


@dataclass(frozen=True)
class Result:
    """One row of the table.

    Attributes:
        measure: What was measured.
        value: Median over the rounds; None if it was skipped.
        unit: `"x"` for a ratio, `"ms"`, `"s"`, `"%"`, `"images/s"`.
        quartiles: Of the rounds.
        extremes: Least and greatest of the rounds.
        rounds: How many.
        at_least: Bar that the value must not be below.
        at_most: Bar that the value must not be above.
        note: What helps to read it.
        skipped: Why there is no value.
    """

    measure: str
    value: float | None = None
    unit: str = "x"
    quartiles: tuple[float, float] | None = None
    extremes: tuple[float, float] | None = None
    rounds: int = 0
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""
    skipped: str = ""

    @classmethod
    def of(
        cls,
        measure: str,
        summary: Summary,
        unit: str = "x",
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        note: str = "",
    ) -> Result:
        """A row of a figure that was measured."""
        return cls(measure, summary.median, unit, *summary[1:], at_least, at_most, note)

    @classmethod
    def skip(cls, measure: str, why: str) -> Result:
        """A row of a figure that was not measured."""
        return cls(measure, skipped=why)

    @property
    def met(self) -> bool | None:
        """True if the bar is reached; None without a bar or a value."""
        if self.value is None or (self.at_least is None and self.at_most is None):
            return None
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        rounds: That count.
        quick: True to use sizes so small that only the code is tried, not the speed.
        threads: Of PyTorch, in measurements of models.
    """

    rounds: int = 7
    quick: bool = False
    threads: int = 1

    @property
    def clock(self) -> Clock:
        """For measurements of models."""
        return PROCESSOR if self.threads == 1 else WALL

    def size(self, usual: int, quick: int) -> int:
        """One of two sizes."""
        return quick if self.quick else usual


@dataclass(frozen=True)
class Benchmark:
    """A section of the table.

    Attributes:
        name: On the command line.
        title: Of its table.
        about: What is compared, in Markdown.
        run: Measures.
    """

    name: str
    title: str
    about: str
    run: Callable[[Options], Iterable[Result]] = field(repr=False)


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """PyTorch and OpenCV use so many threads inside."""
    import cv2
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(number)
    cv2.setNumThreads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
