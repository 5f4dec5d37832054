"""The code of the guide of trained weights runs as it stands, against the stand-in for the Hub."""

import re
from pathlib import Path

import pytest
from hub_fixtures import hub  # noqa: F401

import skinzoo
from skinzoo import errors

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "weights.md"


def test_the_guide_runs(hub, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    skinzoo.create_model("simple_cnn", image_size=32, seed=0).save_pretrained("mine")
    files = {p.name: p.read_bytes() for p in Path("mine").iterdir()}
    commit = hub.put("lab/skin-lesions", files)
    text = re.sub(r"@[0-9a-f]{40}", f"@{commit}", PAGE.read_text("utf-8"))
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {"skinzoo": skinzoo}
    tasks = []
    for block in blocks:
        exec(block, names)
        tasks.append(names.pop("model").task)
    assert tasks == ["classification", "multitask", "classification", "classification"]
    assert Path("weights/models--lab--skin-lesions").is_dir()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(\w+Error)`", PAGE.read_text("utf-8"))) - {"ValueError"}))
def test_the_errors_of_the_guide_exist(name):
    assert issubclass(getattr(errors, name), errors.WeightsError if name != "ConfigError" else ValueError)


def test_the_options_of_the_guide_are_all_there_are():
    from dataclasses import fields

    from skinzoo.hub import HubOptions

    table = PAGE.read_text("utf-8").partition("| `HubOptions` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {f.name for f in fields(HubOptions)}
