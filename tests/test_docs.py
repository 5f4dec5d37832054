"""What the pages name is there."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

import skinzoo
from skinzoo.cli.parsing import build_parser

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
if not PAGES:
    pytest.skip("the pages are not part of the wheel", allow_module_level=True)


def text_of(path: Path) -> str:
    return path.read_text("utf-8")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda p: p.name)
def test_every_name_of_the_library_exists(page):
    for dotted in sorted(set(re.findall(r"(?<![\w./-])skinzoo\.([a-zA-Z_][\w.]*\w)", text_of(page)))):
        value = skinzoo
        for part in dotted.split("."):
            if not hasattr(value, part):
                value = importlib.import_module(f"{value.__name__}.{part}")
            else:
                value = getattr(value, part)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda p: p.name)
def test_every_model_and_recipe_exists(page):
    text = text_of(page)
    for name in re.findall(r'(?<!timm\.)create_model\("([\w.]+)"', text):
        if name != "strided":  # the guide registers it
            assert skinzoo.model_info(name.partition(".")[0])
    for name in re.findall(r'--recipe ([\w-]+)|get_recipe\("([\w-]+)"', text):
        assert skinzoo.get_recipe("".join(name))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_script_exists_and_takes_its_options(page):
    for script, rest in re.findall(r"python (examples/\w+\.py)([^`\n]*)", text_of(page)):
        source = text_of(ROOT / script)
        for option in re.findall(r"--([\w-]+)", rest):
            assert f'"{option.replace("-", "_")}"' in source or f'"--{option}"' in source, f"{script} --{option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_can_be_parsed(page):
    for line in re.findall(r"^\$ (skinzoo .*)$", text_of(page), re.MULTILINE):
        build_parser().parse_args(shlex.split(line, comments=True)[1:])
