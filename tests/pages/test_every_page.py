"""Every block of Python on every page runs, in order and as it is printed."""

from __future__ import annotations

import contextlib
from importlib import import_module
from pathlib import Path

import pytest

from tests.pages.blocks import pages, python_of
from tests.pages.stage import ENTRIES, Stage, run_page

for path in sorted(Path(__file__).parent.glob("on_*.py")):
    import_module(f"tests.pages.{path.stem}")

RUN = [page for page in pages() if python_of(page)]
if not any(page.startswith("docs/") for page in RUN):
    pytest.skip("the pages are not part of the wheel", allow_module_level=True)


@pytest.fixture
def stage(request):
    with contextlib.closing(Stage(request)) as prepared:
        yield prepared


@pytest.mark.parametrize("page", RUN)
def test_the_blocks_of_a_page_run(page, stage):
    run_page(page, stage)


def test_every_entry_has_a_page():
    assert sorted(ENTRIES) == RUN
