"""`skinzoo publish`: a model with its figures and its card to a Hub."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

from skinzoo.cli.choosing import MODEL_HELP, load_model
from skinzoo.cli.hubbing import add_hub_options, hub_options
from skinzoo.cli.output import Output, wrapped
from skinzoo.cli.parsing import add_command

if TYPE_CHECKING:
    from skinzoo.cli.parsing import Commands

_ABOUT = """\
Publish a trained model: weights, configuration, card, report and golden outputs in one commit, which is downloaded
again and compared. No picture leaves this machine without --photographs. Uploading needs a login: `hf auth login`, or
HF_TOKEN."""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        "publish",
        "publish a model with its card and its report on a Hub",
        _ABOUT,
        "skinzoo publish runs/ham/best --template card.yaml",
        "skinzoo publish runs/ham/best --report runs/ham/report --card card.yaml \\\n      --repo me/ham --dry-run",
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--template", metavar="FILE", help="write a card to fill in, and publish nothing")
    parser.add_argument("--repo", metavar="OWNER/NAME", help="where to; it is made if it is not there")
    parser.add_argument("--report", metavar="DIR", help="a report of this model on images it never saw")
    parser.add_argument("--card", metavar="FILE", help="YAML or JSON with what only a human knows")
    parser.add_argument(
        "--external", metavar="DIR", action="append", default=[], help="a report on another collection; again for more"
    )
    parser.add_argument("--dry-run", action="store_true", help="write and check everything, and upload nothing")
    parser.add_argument("--private", action="store_true", help="make a new repository a private one")
    parser.add_argument("--float16", action="store_true", help="store the weights as float16")
    parser.add_argument("--photographs", action="store_true", help="publish the report's pictures of lesions, too")
    parser.add_argument("--message", help="of the commit")
    parser.add_argument("--folder", metavar="DIR", help="where the files are written and kept")
    add_hub_options(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Publish, or try it, or write a card to fill in."""
    needed = {"--repo": args.repo, "--report": args.report, "--card": args.card}
    if args.template is None and (missing := [name for name, value in needed.items() if value is None]):
        args.usage_error(f"the following arguments are required: {', '.join(missing)}")
    from skinzoo.publishing import card_template, push_to_hub

    hub = hub_options(args)
    if args.template is not None:
        card_template(args.template, model=load_model(args.model, hub))
        output.answer({"template": args.template})
        output.say(f"{args.template}: answer its questions, then give it as --card")
        return 0
    published = push_to_hub(
        load_model(args.model, hub),
        args.repo,
        report=args.report,
        card=args.card,
        external=args.external or None,
        private=args.private,
        dry_run=args.dry_run,
        message=args.message,
        dtype="float16" if args.float16 else "float32",
        photographs=args.photographs,
        folder=args.folder,
        hub=hub,
    )
    values = {f.name: getattr(published, f.name) for f in dataclasses.fields(published) if f.name != "record"}
    output.answer(values | {"files": [dataclasses.asdict(file) for file in published.files]})
    output.say(wrapped(published))
    return 0
