"""`skinzoo demo`: a page on which to try a model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from skinzoo.cli.choosing import MODEL_HELP, load_model
from skinzoo.cli.hubbing import add_hub_options, hub_options
from skinzoo.cli.parsing import add_command

if TYPE_CHECKING:
    from skinzoo.cli.output import Output
    from skinzoo.cli.parsing import Commands

_ABOUT = """\
Open a page in the browser on which to try a model: a picture in, named probabilities, the lesion's outline and
measures, and a heatmap out. It is served from this machine, and asks no other one for anything. Needs the extra
skinzoo[demo]. Research use, not a medical device."""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        "demo",
        "try a model on a page in the browser",
        _ABOUT,
        "skinzoo demo",
        "skinzoo demo runs/demo/best",
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help=f"{MODEL_HELP} (default: the bundled weights)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine only)"
    )
    parser.add_argument("--port", type=int, default=7860, help="number of the port (default 7860)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda ... (default auto)")
    add_hub_options(parser)
    parser.set_defaults(interrupted="ended.")


def run(args: argparse.Namespace, output: Output) -> int:
    """Serve the page until the process is interrupted."""
    import skinzoo
    from skinzoo.demo import launch
    from skinzoo.devices import pick_device

    name = args.model or skinzoo.list_weights("*.bundled")[0]
    model = load_model(name, hub_options(args)).to(pick_device(args.device))
    output.answer({"model": name, "address": f"http://{args.host}:{args.port}"})
    launch(model, host=args.host, port=args.port, browser=not args.no_browser, about=f"The model is `{name}`.")
    return 0
