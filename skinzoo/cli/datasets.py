"""`skinzoo datasets`: which collections there are."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from skinzoo.cli.output import Output, fields, table
from skinzoo.cli.parsing import add_command, is_pattern

if TYPE_CHECKING:
    from skinzoo.cli.parsing import Commands
    from skinzoo.datasets import DatasetInfo


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        "datasets",
        "list the collections, or show one",
        "List the collections of images. A name shows one: size, classes, licence, and how to get it.",
        "skinzoo datasets",
        "skinzoo datasets ham10000",
    )
    parser.add_argument("pattern", metavar="NAME", nargs="?", help='a name, or a pattern in quotes, such as "isic*"')


def run(args: argparse.Namespace, output: Output) -> int:
    """List collections, or show one.

    Raises:
        UnknownNameError: No collection is called so.
    """
    import skinzoo

    if args.pattern is not None and not is_pattern(args.pattern):
        info = skinzoo.dataset_info(args.pattern)
        output.answer(describe(info) | {"tree": info.tree})
        output.say(_text(info))
        return 0
    infos = [skinzoo.dataset_info(name) for name in skinzoo.list_datasets(args.pattern or "*")]
    if not infos:
        raise skinzoo.errors.UnknownNameError(
            f"no collection is called {args.pattern!r}; `skinzoo datasets` lists all."
        )
    output.answer([describe(info) for info in infos])
    rows = [(i.name, f"{i.num_images:,}" if i.num_images else "any", _masks(i), _short(i.licence)) for i in infos]
    output.say(table(("name", "images", "masks", "licence"), rows))
    return 0


def describe(info: DatasetInfo) -> dict[str, Any]:
    """A collection's declared facts, as plain values."""
    space = info.label_space
    return {
        "name": info.name,
        "title": info.title,
        "images": info.num_images,
        "parts": dict(info.parts),
        "classes": list(space) if space is not None else None,
        "masks": info.has_masks,
        "group": info.group,
        "modality": info.modality,
        "metadata": list(info.metadata),
        "licence": info.licence,
        "homepage": info.homepage,
        "citation": info.citation,
        "downloadable": bool(info.downloads),
        "access": info.access,
    }


def _text(info: DatasetInfo) -> str:
    facts = fields(
        [
            ("name", info.name),
            ("title", info.title),
            ("images", f"{info.num_images:,}" if info.num_images else "as many as yours has"),
            ("parts", ", ".join(f"{name} {number:,}" for name, number in info.parts.items())),
            ("classes", ", ".join(_classes(info))),
            ("masks", _masks(info)),
            ("split by", info.group),
            ("metadata", ", ".join(info.metadata)),
            ("licence", info.licence),
            ("homepage", info.homepage),
            ("to get it", f"skinzoo download {info.name}" if info.downloads else info.access),
            ("cite", info.citation),
            ("open", f"skinzoo.load_dataset({info.name!r}, ...)"),
        ]
    )
    return f"{facts}\n\n{info.tree.rstrip()}" if info.tree else facts


def _classes(info: DatasetInfo) -> list[str]:
    counted = [f"{code} {number:,}" for code, number in info.class_counts.items()]
    return counted or list(info.label_space or ())


def _masks(info: DatasetInfo) -> str:
    return "yes" if info.has_masks else "no"


def _short(licence: str) -> str:
    return re.split("[;:,]", licence)[0] or "yours"
