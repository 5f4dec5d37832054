"""Where the blocks of a page are run: a folder, names that the page takes for granted, and what is made short."""

from __future__ import annotations

import dataclasses
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import timm

import skinzoo
from tests.pages import taken
from tests.pages.blocks import ROOT, python_of

Entry: TypeAlias = "Callable[[Stage], Iterator[None]]"
"""Prepares, yields while the blocks run, and looks at what they did."""

ENTRIES: dict[str, Callable[[Stage], AbstractContextManager[None]]] = {}
"""By page."""


def page(path: str) -> Callable[[Entry], Entry]:
    """Declares the entry of a page."""

    def keep(entry: Entry) -> Entry:
        if path in ENTRIES:
            raise ValueError(f"{path} has two entries")
        ENTRIES[path] = contextmanager(entry)
        return entry

    return keep


def run_page(path: str, stage: Stage) -> None:
    """Run every block of Python of a page, in order and as it is printed: there is no way to leave one out."""
    if path not in ENTRIES:
        pytest.fail(
            f"{path} has blocks of Python and no entry: declare one with @page({path!r}) in tests/pages/on_*.py"
        )
    with ENTRIES[path](stage):
        for block in python_of(path):
            code = "\n" * (block.line - 1) + block.text  # an error names the line of the page
            exec(compile(code, ROOT / path, "exec", dont_inherit=True), stage.names)


class Stage:
    """What an entry has to hand.

    Args:
        request: Of the test, for `fixture`.

    Attributes:
        folder: The working folder, empty at first.
        patch: Undone after the page.
        names: What the blocks see, and what they made.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.fixture = request.getfixturevalue
        self.folder: Path = self.fixture("tmp_path")
        self.patch: pytest.MonkeyPatch = self.fixture("monkeypatch")
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self._said: pytest.CaptureFixture[str] = self.fixture("capsys")
        self.patch.chdir(self.folder)
        self.patch.setenv("SKINZOO_DATA", str(self.folder))
        self.patch.setattr(os, "fsync", lambda _: None)  # waiting for the disk would take most of the time

    def close(self) -> None:
        """Let go of what the blocks made, in this process: a session of onnxruntime cannot be freed in a fork of it."""
        self.names.clear()

    def take(self, *names: str, **own: Any) -> dict[str, Any]:
        """Let the page take these names for granted, besides `skinzoo`; all names of the page are returned."""
        self.names |= {"skinzoo": skinzoo} | {name: getattr(taken, name)() for name in names} | own
        return self.names

    def printed(self) -> str:
        """What was printed since the last call."""
        return self._said.readouterr().out

    def picture(self, *paths: str) -> None:
        """Put pictures into the working folder, each another one."""
        for path in paths:
            self.fixture("write_image")(self.folder / path, seed=zlib.crc32(path.encode()))

    def saved(self, *folders: str, architecture: str = "simple_cnn", **options: Any) -> None:
        """Put models into the working folder, each with other weights."""
        for seed, folder in enumerate(folders):
            skinzoo.create_model(architecture, image_size=32, seed=seed, **options).save_pretrained(folder)

    def call(self, name: str, **options: Any) -> list[Any]:
        """Let `skinzoo.<name>` have these options whatever the page says, and return the list of its results."""
        original, results = getattr(skinzoo, name), []

        def called(*args: Any, **given: Any) -> Any:
            results.append(original(*args, **given | options))
            return results[-1]

        self.patch.setattr(skinzoo, name, called)
        return results

    def small_models(self, size: int = 32) -> None:
        """New models are small, see small pictures, and begin with random weights in place of ImageNet's."""

        def start(name: str, **options: Any) -> Any:
            return timm.create_model(name, pretrained=False, num_classes=0, **options)

        def create(name: str, **options: Any) -> skinzoo.SkinModel:
            if name.isidentifier() and "weights" not in options:
                name, more = taken.SMALL.get(name, (name, {}))
                options |= more | {"image_size": size}
            return original(name, **options)

        original = skinzoo.create_model
        self.patch.setattr("skinzoo.models.backbone._downloaded", start)
        self.patch.setattr(skinzoo, "create_model", create)

    def one_epoch(self) -> list[skinzoo.TrainConfig]:
        """Every training ends after one pass over its images; the settings that the page gave are returned."""
        original, given = skinzoo.Trainer.__init__, []

        def begin(trainer: Any, model: Any, config: Any = None, **options: Any) -> None:
            given.append(config)
            short = dataclasses.replace(config, epochs=1, num_steps=None, eval_every=None)
            original(trainer, model, short, **options)

        self.patch.setattr(skinzoo.Trainer, "__init__", begin)
        return given

    def no_figures(self) -> None:
        """Reports without the figures that they draw by themselves, which takes seconds."""
        self.patch.setattr("skinzoo.evaluation.report.pictures_of", lambda _: [])

    def few(self, name: str, number: int) -> None:
        """Leave so many pictures of a collection that the page takes for granted, from all of its length."""
        data = self.names[name]
        self.names[name] = data.subset(np.linspace(0, len(data) - 1, number).astype(int))
