"""`skinzoo download`: fetch a collection, or weights."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from skinzoo.cli.hubbing import add_hub_options, hub_options
from skinzoo.cli.locating import locate
from skinzoo.cli.output import Output, fields
from skinzoo.cli.parsing import add_choices, add_command
from skinzoo.errors import UnknownNameError

if TYPE_CHECKING:
    from skinzoo.cli.parsing import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        "download",
        "fetch a collection, or weights",
        "Fetch a collection whose publisher lets everybody have it, or weights, and say where they are. "
        "Each file is verified. A download that was cut off goes on where it stopped.",
        "skinzoo download dermamnist --option size=64",
        "skinzoo download hf-hub:owner/name --cache weights",
    )
    parser.add_argument("name", metavar="NAME", help="a collection, weights, or hf-hub:OWNER/NAME[@COMMIT]")
    group = parser.add_argument_group("collections")
    group.add_argument("--root", metavar="DIR", help="its folder (default: NAME in SKINZOO_DATA)")
    group.add_argument("--part", help="one of its parts (default: all)")
    add_choices(group, ("name", "root", "part"), of="the collection that its files depend on")
    add_hub_options(parser)
    parser.set_defaults(interrupted="interrupted: the same command goes on where it stopped.")


def run(args: argparse.Namespace, output: Output) -> int:
    """Fetch what is named.

    Raises:
        UnknownNameError: It is neither a collection nor weights.
    """
    import skinzoo
    from skinzoo.datasets import download_dataset
    from skinzoo.hub.records import list_weights
    from skinzoo.registry import did_you_mean

    if args.name in (collections := skinzoo.list_datasets()):
        info = skinzoo.dataset_info(args.name)
        folder = download_dataset(args.name, args.root, part=args.part, **dict(args.options))
        output.answer({"name": args.name, "folder": folder, "licence": info.licence})
        output.say(fields([("folder", folder), ("licence", info.licence), ("cite", info.citation)]))
        return 0
    if args.root or args.part or args.options:
        args.usage_error("--root, --part and --option are for collections; see `skinzoo datasets`")
    weights = list_weights()
    if args.name not in weights and not args.name.startswith("hf-hub:"):
        hint = did_you_mean(args.name, [*collections, *weights])
        raise UnknownNameError(f"{args.name!r} is neither a collection nor weights; {hint}")
    found = locate(args.name, hub_options(args))
    output.answer({"name": found.name, "folder": found.folder, "revision": found.revision, "files": dict(found.files)})
    output.say(
        fields([("folder", found.folder), ("commit", found.revision), ("files", ", ".join(sorted(found.files)))])
    )
    return 0
