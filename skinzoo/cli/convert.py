"""`skinzoo convert`: a checkpoint of an older project becomes a model of the zoo."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from skinzoo.cli.output import Output, wrapped
from skinzoo.cli.parsing import add_choices, add_command
from skinzoo.errors import ConfigError

if TYPE_CHECKING:
    from skinzoo.cli.parsing import Commands

_ABOUT = """\
Make a model of the zoo from weights that were saved elsewhere, such as a .pth file. Every tensor must find its place.
Which output is which class stands in no file, so the classes are given in the order of training. A pickle is opened
with --trusted only, and never in a way that can run code."""

_TAKEN = ("architecture", "label_space", "num_classes", "trusted", "key", "ignore", "path")


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        "convert",
        "make a model of a checkpoint from elsewhere",
        _ABOUT,
        "skinzoo convert best.pth --model resnet50_scratch --classes isic2018 \\\n      --trusted --out models/old",
        "skinzoo convert old.safetensors --model simple_cnn \\\n      --classes benign malignant --out models/old",
    )
    parser.add_argument("file", metavar="FILE", help=".safetensors, or what torch.save wrote: .pth, .pt, .bin, .ckpt")
    parser.add_argument("--model", metavar="NAME", required=True, help="the architecture; see `skinzoo models`")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the model is saved")
    classes = parser.add_mutually_exclusive_group()
    classes.add_argument("--classes", metavar="NAME", nargs="+", help="the classes in order, or a known label space")
    classes.add_argument("--num-classes", metavar="N", type=int, help="their number, if they are to have no names")
    parser.add_argument("--trusted", action="store_true", help="vouch for a file that is not safetensors")
    parser.add_argument("--key", help="where in the file the weights stand, if several fit")
    parser.add_argument("--ignore", metavar="PATTERN", action="append", default=[], help="tensors to leave out")
    parser.add_argument("--overwrite", action="store_true", help="replace a model that is there")
    add_choices(parser, _TAKEN, of="the architecture, such as image_size=224")


def run(args: argparse.Namespace, output: Output) -> int:
    """Convert and save.

    Raises:
        ConfigError: There is a model in the folder already.
    """
    from skinzoo.interchange import convert_checkpoint

    if (args.out / "config.json").exists() and not args.overwrite:
        raise ConfigError(f"{args.out} holds a model already; give another place, or --overwrite.")
    classes = args.classes[0] if args.classes and len(args.classes) == 1 else args.classes
    conversion = convert_checkpoint(
        args.file,
        architecture=args.model,
        label_space=classes,
        num_classes=args.num_classes,
        trusted=args.trusted,
        key=args.key,
        ignore=args.ignore,
        **dict(args.options),
    )
    folder = conversion.model.save_pretrained(args.out, **conversion.facts)
    output.answer(
        {
            "folder": folder,
            "architecture": conversion.model.config.architecture,
            "classes": list(conversion.model.label_space or ()),
            "sha256": conversion.sha256,
            "key": conversion.key,
            "renamed": dict(conversion.renamed),
            "ignored": conversion.ignored,
        }
    )
    output.say(wrapped(conversion))
    output.say(f"saved to {folder}")
    return 0
