"""Looking at many files closely: in parallel, with a progress bar, and never twice at what did not change."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import islice
from typing import TypeVar

from skinzoo.datasets.looking import PLAIN, Facts, Reading, look_closely, same_state
from skinzoo.datasets.remembering import CachePlace
from skinzoo.datasets.scancache import Key, ScanCache
from skinzoo.errors import ConfigError

T = TypeVar("T")
R = TypeVar("R")

_CHUNK = 8
_AHEAD = 4


class Survey:
    """Facts about the files below one root, from the cache where they did not change, by decoding them where they did.

    A file is taken to be unchanged if its size and times of change are; if only a time is another, its sha256 decides.
    Facts are written to the cache as files are done, so that a survey which is cut short goes on from there.

    Args:
        root: The collection's folder.
        reading: How the files will be read for use.
        workers: Threads; None for one per core.
        progress: Show a bar if this is a terminal.
        cache: See `ScanCache`.
        name: For the bar.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        reading: Reading = PLAIN,
        workers: int | None = None,
        progress: bool = True,
        cache: CachePlace = True,
        name: str = "",
    ) -> None:
        self._root = os.fspath(root)
        self._reading = reading
        self._workers = check_workers(workers)
        self._progress = progress
        self._name = name
        self._cache = ScanCache(root, cache)

    def images(self, paths: Sequence[str]) -> list[Facts]:
        """Facts about image files, by their paths below the root."""
        return self._look(paths, mask=False)

    def masks(self, paths: Sequence[str]) -> list[Facts]:
        """Facts about mask files, by their paths below the root."""
        return self._look(paths, mask=True)

    def close(self) -> None:
        """Close the cache's file."""
        self._cache.close()

    def __enter__(self) -> Survey:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _look(self, paths: Sequence[str], *, mask: bool) -> list[Facts]:
        how = _how(self._reading, mask=mask)
        facts: dict[str, Facts] = {}
        todo = []
        for path in dict.fromkeys(paths):
            known = self._cache.find((how, path))
            if known is not None and self._is_unchanged(path, known):
                facts[path] = known
            else:
                todo.append((how, path))

        def one(key: Key) -> tuple[Key, Facts]:
            known = self._cache.find(key)
            return key, look_closely(f"{self._root}/{key[1]}", mask=mask, reading=self._reading, known=known)

        label = " ".join(filter(None, ("scanning", self._name, "masks" if mask else "images")))
        with (
            progress_bar(len(facts) + len(todo), label, done=len(facts), show=self._progress) as advance,
            closing(in_parallel(one, todo, self._workers)) as rounds,  # so that an interrupt stops the threads at once
        ):
            for results in rounds:
                self._cache.add(results)
                facts.update((path, found) for (_, path), found in results)
                advance(len(results))
        return [facts[path] for path in paths]

    def _is_unchanged(self, path: str, known: Facts) -> bool:
        try:
            state = os.stat(f"{self._root}/{path}")  # noqa: PTH116 - a Path takes longer than the call
        except OSError:
            return False
        return same_state(known, state)


def _how(reading: Reading, *, mask: bool) -> str:
    """The first half of a cache's key: facts hold for one way of reading only."""
    options = f" {tuple(reading)}" if reading != PLAIN else ""
    return f"{'mask' if mask else 'image'}{options}"


def check_workers(workers: int | None) -> int:
    """The number of threads that `workers` asks for; None is one per core.

    Raises:
        ConfigError: Not a whole number from 1 on.
    """
    if workers is None:
        return os.cpu_count() or 1
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ConfigError(f"workers={workers!r}: give the number of threads that decode, or None for one per core.")
    return workers


def in_parallel(function: Callable[[T], R], items: Iterable[T], workers: int) -> Generator[list[R], None, None]:
    """Results in the order of the items, a few at a time.

    Threads, because Pillow decodes outside Python's lock. When the consumer closes it, what has not been begun is not
    begun any more.
    """

    def chunk_of(part: list[T]) -> list[R]:
        return [function(item) for item in part]

    rest = iter(items)
    chunks = iter(lambda: list(islice(rest, _CHUNK)), [])
    pool = ThreadPoolExecutor(workers)
    try:
        waiting = deque(pool.submit(chunk_of, c) for c in islice(chunks, _AHEAD * workers))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(chunk_of, c) for c in islice(chunks, 1))
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def progress_bar(total: int, label: str, *, done: int = 0, show: bool = True) -> Iterator[Callable[[int], object]]:
    """A bar on a terminal, as a function that takes how many more are done; none if nothing is left to do."""
    from tqdm import tqdm

    hidden = None if show and done < total else True  # None: where there is no terminal
    with tqdm(total=total, initial=done, desc=label, unit="file", disable=hidden) as bar:
        yield bar.update
