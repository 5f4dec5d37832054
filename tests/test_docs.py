"""What the pages name is there, and their commands are understood; that their Python runs is tested in tests/pages."""

import importlib
import re
import runpy
import shlex
import sys

import pytest

import skinzoo
from skinzoo.cli.parsing import build_parser
from tests.benchmarks.cli import _parser as benchmarks_parser
from tests.pages.blocks import ROOT, pages, shell_of

PAGES = pages()
if not any(page.startswith("docs/") for page in PAGES):
    pytest.skip("the pages are not part of the wheel", allow_module_level=True)
PYTHON = r"(?:\S*/)?python3?"
OURS = re.compile(rf"skinzoo(?: |$)|{PYTHON} (?:examples/|-m tests\.|-m skinzoo)")
"""A command that belongs to the project, wherever Python lies."""


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def commands_in(text: str) -> list[str]:
    """The commands of a shell block: without prompts and comments, and one by one."""
    lines = text.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):  # the others are what was said
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    bare = [re.sub(r"(^|\s)#.*", "", line) for line in lines]
    return [command.strip() for line in bare for command in re.split(r"&&|\|\|?|;", line) if command.strip()]


def shown_commands() -> list[tuple[str, str]]:
    """The project's own commands in blocks, each with its place."""
    blocks = [block for page in PAGES for block in shell_of(page)]
    found = [(block.place, command) for block in blocks for command in commands_in(block.text)]
    return [(place, command) for place, command in found if OURS.match(command)]


def inline_commands() -> list[tuple[str, str]]:
    """Those in the text, of two words or more."""
    found = {(page, code) for page in PAGES for code in re.findall(r"`([^`\n]+ [^`\n]+)`", text_of(page))}
    return sorted((page, code) for page, code in found if OURS.match(code))


def exit_status(command: str) -> object:
    """What the parser of the command ends with, 0 if it understands all of it; nothing is run."""
    words = shlex.split(command)
    try:
        if words[0] == "skinzoo" or words[1:3] == ["-m", "skinzoo"]:
            build_parser().parse_args(words[1:] if words[0] == "skinzoo" else words[3:])
        elif words[1] == "-m":
            assert words[2] == "tests.benchmarks", "the only other one"
            benchmarks_parser().parse_args(words[3:])
        else:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "argv", words[1:])
                patch.syspath_prepend(str(ROOT / "examples"))  # as for a script that is started by its path
                runpy.run_path(str(ROOT / words[1]))["parse_arguments"]()
    except SystemExit as end:  # also of --help and --version
        return end.code or 0
    return 0


@pytest.mark.parametrize("page", PAGES)
def test_every_name_of_the_library_exists(page):
    for dotted in sorted(set(re.findall(r"(?<![\w./-])skinzoo\.([a-zA-Z_][\w.]*\w)", text_of(page)))):
        value = skinzoo
        for part in dotted.split("."):
            if not hasattr(value, part):
                value = importlib.import_module(f"{value.__name__}.{part}")
            else:
                value = getattr(value, part)


@pytest.mark.parametrize("page", PAGES)
def test_every_model_and_recipe_exists(page):
    text = text_of(page)
    for name in re.findall(r'(?<!timm\.)create_model\("([\w.]+)"', text):
        if name != "strided":  # the guide registers it
            assert skinzoo.model_info(name.partition(".")[0])
    for name in re.findall(r'--recipe ([\w-]+)|get_recipe\("([\w-]+)"', text):
        assert skinzoo.get_recipe("".join(name))


@pytest.mark.parametrize(("place", "command"), shown_commands())
def test_every_command_in_a_block_is_understood(place, command):
    assert exit_status(command) == 0, place


@pytest.mark.parametrize(("page", "command"), inline_commands())
def test_every_command_in_the_text_is_understood(page, command, capsys):
    """What everybody has to fill in may be left out there, and nothing else may be wrong."""
    assert exit_status(command) == 0 or "required" in capsys.readouterr().err, page


def test_the_commands_are_found():
    block = "$ skinzoo models # all\n20 models\n$ rsync a b && .venv/bin/python examples/x.py \\\n  --a 'b c' | tail\n"
    assert commands_in(block) == ["skinzoo models", "rsync a b", ".venv/bin/python examples/x.py    --a 'b c'", "tail"]
    assert commands_in("skinzoo demo\n# only a comment\n") == ["skinzoo demo"]
    assert {place.partition(":")[0] for place, _ in shown_commands()} >= {"README.md", "docs/command-line.md"}


@pytest.mark.parametrize(
    "command", ["skinzoo prodict x", "skinzoo models --nonsense", "python examples/train_isic.py --epoch_count 3"]
)
def test_a_wrong_command_is_not_understood(command):
    assert exit_status(command) == 2


def test_every_metric_is_on_its_page():
    """The page of metrics names everything that a report measures."""
    page = pytest.importorskip("site_hooks").on_page_markdown(text_of("docs/guides/metrics.md"))
    assert "{{" not in page
    model = skinzoo.create_model("multitask", image_size=32, backbone_weights=None, seed=0)
    data = skinzoo.load_dataset("synthetic", num_images=14, size=32)
    report = skinzoo.evaluate(model, data, examples=0)
    named = set(re.findall(r"`(?:malignant/)?(\w+)`", page))
    for family in re.findall(r"`(\w+?)_\w+`, `_(\w+)`, `_(\w+)`", page):
        named |= {f"{family[0]}_{name}" for name in family[1:]}
    named |= {name.replace("_90_", "_95_") for name in named if "_90_" in name}
    measured = {key.removeprefix("malignant/") for key in report.values}
    for scores in report.classification.per_class.values():
        measured |= set(scores) - {"support"}
    assert measured <= named
