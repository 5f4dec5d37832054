"""The parser of the command line. Nothing heavy is imported for it, so that `--help` is quick."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import skinzoo
from skinzoo.cli.output import WIDTH, Output

Run: TypeAlias = Callable[[argparse.Namespace, Output], int]
"""What a command does; returns the exit status, 0 for done and 1 for found bad."""

_ABOUT = "skinzoo: models, weights and collections for skin-lesion images. For research; not a medical device."
_NOTE = """\
`skinzoo COMMAND --help` explains a command. Exit status: 0 done, 1 failed or
found bad, 2 wrong usage, 130 interrupted. SKINZOO_DEBUG=1 shows where an error
arose.

example:
  skinzoo predict runs/demo/best lesion.jpg
"""


class Parser(argparse.ArgumentParser):
    """A parser without colour and with lines of one width; options are not abbreviated."""

    def __init__(self, **settings: Any) -> None:
        layout = partial(argparse.RawDescriptionHelpFormatter, width=WIDTH, max_help_position=26)
        super().__init__(formatter_class=layout, allow_abbrev=False, **settings)
        self.color = False  # from Python 3.14 on, the default is True


if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction[Parser]


def build_parser() -> Parser:
    """The parser of all commands."""
    from skinzoo.cli import audit, convert, datasets, demo, download, export, models, predict, publish, verify, weights

    parser = Parser(prog="skinzoo", description=textwrap.fill(_ABOUT, WIDTH), epilog=_NOTE)
    parser.add_argument("--version", action="version", version=f"skinzoo {skinzoo.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for module in (models, weights, datasets, download, verify, predict, demo, audit, convert, export, publish):
        module.add(commands)
    return parser


def parser_of(command: str) -> Parser:
    """The parser of one command.

    Raises:
        KeyError: No such command.
    """
    return parsers()[command]


def parsers() -> dict[str, Parser]:
    """The parser of each command, by name."""
    found = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(found[0].choices)


def add_command(commands: Commands, run: Run, name: str, summary: str, details: str, *examples: str) -> Parser:
    """Add a command with the options that all commands have.

    Args:
        commands: Where to.
        run: What it does.
        name: Its name.
        summary: One line for the list of commands.
        details: What its own help says.
        *examples: Command lines.
    """
    shown = "\n".join(f"  {example}" for example in examples)
    heading = "examples" if len(examples) > 1 else "example"
    parser = commands.add_parser(
        name, help=summary, description=textwrap.fill(details, WIDTH), epilog=f"{heading}:\n{shown}\n"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    parser.add_argument("--traceback", action="store_true", help="show where an error arose")
    parser.set_defaults(run=run, usage_error=parser.error)
    return parser


def add_choices(parser: argparse._ActionsContainer, taken: Collection[str], *, of: str) -> None:
    """Add `--option NAME=VALUE`, which may be given several times.

    Args:
        parser: Where to.
        taken: Names that the command itself gives.
        of: What takes the options.
    """

    def choice(text: str) -> tuple[str, Any]:
        name, value = name_and_value(text)
        if name in taken:
            raise argparse.ArgumentTypeError(f"{name!r} is given to the command itself; see --help")
        return name, value

    parser.add_argument(
        "--option",
        dest="options",
        metavar="NAME=VALUE",
        type=choice,
        action="append",
        default=[],
        help=f"an option of {of}; may be given again",
    )


def is_pattern(text: str) -> bool:
    """True for a shell-style pattern, false for a name."""
    return bool(set("*?[") & set(text))


def name_and_value(text: str) -> tuple[str, Any]:
    """`NAME=VALUE`, the value as JSON where it is JSON (numbers, true, false, null, lists), else as it stands.

    Raises:
        ArgumentTypeError: It has another form.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
