"""The page about the command line speaks of every command, and its examples are understood."""

import re
import shlex
from pathlib import Path

import pytest

from skinzoo.cli import build_parser
from skinzoo.cli.parsing import parsers

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "command-line.md").read_text("utf-8")
LINES = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_every_command_has_its_section_its_help_and_an_example():
    commands = list(parsers())
    assert re.findall(r"^## (\w+)$", PAGE, re.MULTILINE) == commands, "in the order of the help"
    assert re.findall(r"{{ help (\w+) }}", PAGE) == commands
    assert commands == list(dict.fromkeys(line.split()[1] for line in LINES[3:]))


@pytest.mark.parametrize("line", LINES)
def test_the_examples_are_understood(line, capsys):
    words = shlex.split(line)
    assert words[0] == "skinzoo"
    if words[-1] in ("--help", "--version"):
        with pytest.raises(SystemExit, match=r"^0$"):
            build_parser().parse_args(words[1:])
        assert capsys.readouterr().out
    else:
        assert build_parser().parse_args(words[1:]).command == words[1]


def test_the_built_page_has_every_option():
    page = pytest.importorskip("site_hooks").on_page_markdown(PAGE)
    assert "{{" not in page
    for command, parser in parsers().items():
        section = page.split(f"\n## {command}\n")[1].split("\n## ")[0]
        assert parser.format_help().strip() in section
        assert all(option in section for option in parser._option_string_actions)
