"""A stand-in for the second queue of a GPU."""

from __future__ import annotations

from contextlib import contextmanager

import torch

from skinzoo.transforms import feed, prefetching


class LazySide:
    """What is made inside `work` is not there before `join`, as on a GPU that has other things to do."""

    def __init__(self, monkeypatch):
        self.log, self._inside, self._waiting = [], False, []
        monkeypatch.setattr(prefetching, "feed", self._feed)

    @contextmanager
    def work(self):
        self._inside = True
        yield
        self._inside = False

    def join(self, fed):
        self.log.append(f"join {fed.ids[0]}")
        for tensor, values in self._waiting:
            tensor.copy_(values)
        self._waiting.clear()

    def _feed(self, host, *args, **options):
        assert self._inside
        self.log.append(f"feed {host.ids[0]}")
        fed = feed(host, *args, **options)
        empty = fed._replace(images=torch.full_like(fed.images, torch.nan))
        self._waiting.append((empty.images, fed.images))
        return empty
