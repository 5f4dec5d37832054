"""`skinzoo export`: a model for other programs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from skinzoo.cli.choosing import MODEL_HELP, load_model
from skinzoo.cli.hubbing import add_hub_options, hub_options
from skinzoo.cli.output import Output, wrapped
from skinzoo.cli.parsing import add_command

if TYPE_CHECKING:
    from skinzoo.cli.parsing import Commands

PIXELS = ("normalised", "unit", "uint8")
"""As `skinzoo.interchange.PIXELS`, which needs PyTorch."""
_FIELDS = ("path", "description", "outputs", "batch", "sha256")


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        "export",
        "write a model as ONNX, or as a PyTorch program",
        "Write a model as a file that runs without skinzoo, compare its answers with the model's, and describe input "
        "and answers in a JSON file beside it. ONNX needs the extra skinzoo[onnx].",
        "skinzoo export runs/demo/best --onnx model.onnx --pixels uint8",
        "skinzoo export runs/demo/best --program model.pt2 --batch 1",
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--onnx", metavar="FILE", help="write an ONNX file: .onnx")
    parser.add_argument("--program", metavar="FILE", help="write a program of torch.export: .pt2")
    parser.add_argument("--batch", metavar="N", type=_batch, default="dynamic", help="pictures at a time (default any)")
    parser.add_argument(
        "--pixels",
        choices=PIXELS,
        default="normalised",
        help="what goes in: what the model takes, RGB from 0 to 1, or RGB from 0 to 255 (default normalised)",
    )
    parser.add_argument("--licence", help="of the weights, for the description")
    add_hub_options(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Export to one or both."""
    if args.onnx is None and args.program is None:
        args.usage_error("give --onnx FILE or --program FILE")
    from skinzoo.interchange import export_onnx, export_program

    model = load_model(args.model, hub_options(args))
    given: dict[str, Any] = {"batch": args.batch, "pixels": args.pixels, "licence": args.licence}
    written: list[Any] = []
    if args.onnx is not None:
        written.append(export_onnx(model, args.onnx, **given))
    if args.program is not None:
        written.append(export_program(model, args.program, **given))
    output.answer(
        [{name: getattr(w, name) for name in _FIELDS} | {"differences": dict(w.parity.differences)} for w in written]
    )
    for export in written:
        output.say(wrapped(export))
    return 0


def _batch(text: str) -> int | str:
    if text != "dynamic" and not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of pictures nor dynamic")
    return text if text == "dynamic" else int(text)
