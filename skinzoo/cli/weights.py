"""`skinzoo weights`: which trained weights are published."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from skinzoo.cli.output import Output, table, wrapped
from skinzoo.cli.parsing import add_command, is_pattern
from skinzoo.types import Task

if TYPE_CHECKING:
    from skinzoo.cli.parsing import Commands
    from skinzoo.hub.record import WeightsRecord


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        "weights",
        "list the published weights, or show one",
        "List the published weights. A name shows all that is known about one: what it was trained "
        "on, how well it does, and what it must not be used for.",
        "skinzoo weights",
        'skinzoo weights "multitask_*" --task multitask',
    )
    parser.add_argument("pattern", metavar="NAME", nargs="?", help='a name, or a pattern in quotes, such as "resnet*"')
    parser.add_argument("--task", choices=[task.value for task in Task], help="only weights for this task")


def run(args: argparse.Namespace, output: Output) -> int:
    """List records, or show one.

    Raises:
        ConfigError: The weights are for another task.
        UnknownNameError: No weights are called so.
    """
    from skinzoo.errors import ConfigError, UnknownNameError
    from skinzoo.hub.records import list_weights, weights_info

    if args.pattern is not None and not is_pattern(args.pattern):
        record = weights_info(args.pattern)
        if args.task not in (None, str(record.task)):
            raise ConfigError(f"{record.name} is for {record.task}, not for {args.task}.")
        output.answer(record.to_dict())
        output.say(wrapped(str(record)))
        return 0
    records = [weights_info(name) for name in list_weights(args.pattern, task=args.task)]
    if not records and args.pattern is not None:
        raise UnknownNameError(f"no weights are called {args.pattern!r}; `skinzoo weights` lists all.")
    output.answer([record.to_dict() for record in records])
    if not records:
        output.say("no weights are published" + (f" for {args.task}" if args.task else "") + ".")
        return 0
    rows = [(r.name, "; ".join(filter(None, (headline(r), f"licence {r.licence}", _warning(r))))) for r in records]
    output.say(table(("name", "figure and licence"), rows))
    return 0


def headline(record: WeightsRecord) -> str:
    """The first figure of a record, with its interval and what it was measured on."""
    figure = record.figures[0]
    value = "undefined" if figure.value is None else f"{figure.value:.3f}"
    part = f", {figure.part}" if figure.part else ""
    return f"{figure.metric} {value} ({figure.interval}) on {figure.n:,} images of {figure.collection}{part}"


def _warning(record: WeightsRecord) -> str:
    return "trained on drawn pictures, of no medical use" if record.synthetic else ""
