"""The guide of trained weights names every error and every option; that its code runs is tested in tests/pages."""

import re
from pathlib import Path

import pytest

from skinzoo import errors

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "weights.md"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(\w+Error)`", PAGE.read_text("utf-8"))) - {"ValueError"}))
def test_the_errors_of_the_guide_exist(name):
    assert issubclass(getattr(errors, name), errors.WeightsError if name != "ConfigError" else ValueError)


def test_the_options_of_the_guide_are_all_there_are():
    from dataclasses import fields

    from skinzoo.hub import HubOptions

    table = PAGE.read_text("utf-8").partition("| `HubOptions` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {f.name for f in fields(HubOptions)}
