"""`skinzoo models`: what can be built."""

from __future__ import annotations

import argparse
import inspect
from typing import TYPE_CHECKING, Any

from skinzoo.cli.output import Output, fields, table
from skinzoo.cli.parsing import add_command, is_pattern
from skinzoo.types import Task

if TYPE_CHECKING:
    from skinzoo.cli.parsing import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        "models",
        "list the models that can be built, or show one",
        "List the models that can be built. A name shows one model: its options and its input.",
        "skinzoo models",
        'skinzoo models "convnext_tiny*" --task classification',
        "skinzoo models multitask_resnet18",
    )
    parser.add_argument(
        "pattern",
        metavar="PATTERN",
        nargs="?",
        help='a name, or a pattern with * and ? in quotes, such as "vit_*", which searches all of timm, too',
    )
    parser.add_argument("--task", choices=[task.value for task in Task], help="only models of this task")


def run(args: argparse.Namespace, output: Output) -> int:
    """List models, or show one.

    Raises:
        ConfigError: The model is for another task.
        UnknownNameError: No model is called so.
    """
    import skinzoo

    if args.pattern is not None and not is_pattern(args.pattern):
        shown = describe(args.pattern)
        if args.task not in (None, shown["task"]):
            raise skinzoo.errors.ConfigError(f"{args.pattern} is for {shown['task']}, not for {args.task}.")
        output.answer(shown)
        output.say(_text(shown))
        return 0
    names = skinzoo.list_models(args.pattern, task=args.task)
    if not names:
        raise skinzoo.errors.UnknownNameError(f"no model is called {args.pattern!r}; `skinzoo models` lists all.")
    entries = [(name, skinzoo.model_info(name)) for name in names]
    output.answer([{"name": n, "task": e.task and str(e.task), "summary": e.summary} for n, e in entries])
    output.say(table(("name", "task", "summary"), [(n, e.task or "of its members", e.summary) for n, e in entries]))
    return 0


def describe(name: str) -> dict[str, Any]:
    """What there is to know about a model, as plain values; `input` is None where it depends on the options."""
    import torch

    import skinzoo

    entry = skinzoo.model_info(name)
    shown: dict[str, Any] = {
        "name": name,
        "task": entry.task and str(entry.task),
        "summary": entry.summary,
        "options": {option: _default(entry.build, option) for option in entry.options},
        "parameters": None,
        "input": None,
    }
    try:
        options: dict[str, Any] = dict.fromkeys({"backbone_weights"} & set(entry.options))
        with torch.device("meta"):  # without memory for the weights
            model = skinzoo.create_model(name, **options)
    except skinzoo.errors.ConfigError:
        return shown
    return shown | {"parameters": model.num_parameters(), "input": model.input_spec.to_dict()}


def _default(build: Any, option: str) -> Any:
    """An option's default as a plain value."""
    default = inspect.signature(build).parameters[option].default
    plain = default is None or isinstance(default, bool | int | float | str)
    return default if plain else None if default is inspect.Parameter.empty else str(default)


def _text(shown: dict[str, Any]) -> str:
    spec = shown["input"] or {}
    size = " x ".join(map(str, spec.get("size", ())))
    crop = f", the central {spec['crop_fraction']:.1%}" if spec.get("crop") == "center" else ""
    return fields(
        [
            ("name", shown["name"]),
            ("task", shown["task"] or "that of its members"),
            ("summary", shown["summary"]),
            ("options", ", ".join(f"{name}={default!r}" for name, default in shown["options"].items())),
            ("input", f"{size} pixels{crop}" if spec else "depends on the options"),
            ("mean", ", ".join(map(str, spec.get("mean", ())))),
            ("std", ", ".join(map(str, spec.get("std", ())))),
            ("parameters", f"{shown['parameters']:,} with the default classes" if shown["parameters"] else ""),
            ("use", f"skinzoo.create_model({shown['name']!r}, ...)"),
        ]
    )
