"""`skinzoo audit`: what collections share, what stands twice, what is damaged."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from skinzoo.cli.output import Output, table, wrapped
from skinzoo.cli.parsing import add_choices, add_command

if TYPE_CHECKING:
    from skinzoo.cli.parsing import Commands
    from skinzoo.datasets import IntegrityReport, SkinDataset
    from skinzoo.datasets.auditing import Audit

_ABOUT = """\
Open collections, say what is wrong with their files, and look for what they share, what stands twice, and labels
that contradict one another. A COLLECTION is a name that `skinzoo datasets` lists, NAME=FOLDER, or a folder with one
folder for each class."""
_CONTRADICTIONS = ("DUP_CONFLICT", "SPLIT_LEAKS")


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        "audit",
        "look for leaks, copies, contradictions and damage in collections",
        _ABOUT,
        "skinzoo audit ham10000 --root data/HAM10000 --strict",
        "skinzoo audit ham10000=data/HAM10000 isic9=data/isic9 --save audit",
        "skinzoo audit isic9 --root data/isic9 --official",
    )
    parser.add_argument("collections", metavar="COLLECTION", nargs="+", help="a name, NAME=FOLDER or a folder")
    parser.add_argument("--root", metavar="DIR", help="folder of the one collection that is named")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--official", action="store_true", help="compare the official parts of the one collection")
    which.add_argument("--split", metavar="FILE", help="compare the parts that a split file names")
    parser.add_argument("--all", action="store_true", help="audit copies and contradictions, too, that are not used")
    parser.add_argument("--ids-only", action="store_true", help="compare ids and files, not what pictures look like")
    parser.add_argument("--check", choices=["quick", "full", "none"], default="quick", help="how closely to look")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if there are leaks or contradictions")
    parser.add_argument("--save", metavar="DIR", type=Path, help="write a page, and all findings as JSON")
    add_choices(parser, ("name", "root"), of='each collection, such as part="train"')


def run(args: argparse.Namespace, output: Output) -> int:
    """Open, audit, print and save."""
    import skinzoo

    alone = len(args.collections) == 1
    if not alone and (args.root or args.official or args.split):
        args.usage_error("--root, --official and --split are for one collection; name folders as NAME=FOLDER")
    opened = [_open(what, args) for what in args.collections]
    parts: dict[str, SkinDataset] = {}
    if args.official:
        parts = opened[0].official(missing="drop", allow_leakage=True)
    elif args.split:
        parts = skinzoo.load_split(args.split, opened[0], allow_leakage=True)
    if parts and (rest := len(opened[0]) - sum(map(len, parts.values()))):
        output.warn(f"{rest:,} of {len(opened[0]):,} images are in no part, and are not part of this audit")
    audit = skinzoo.audit(*(parts.values() or opened), near=not args.ids_only)
    reports = [dataset.integrity for dataset in opened]
    output.answer({"audit": audit.to_dict(), "integrity": [report.to_dict() for report in reports]})
    for report in reports:
        output.say(f"{_text(report)}\n")
    output.say(wrapped(audit))
    if args.save is not None:
        for number, report in enumerate(reports, start=1):
            report.save(args.save / (f"integrity_{number}.json" if len(reports) > 1 else "integrity.json"))
        output.say(f"\nsaved to {audit.save(args.save)}")
    return int(args.strict and _is_bad(audit, opened))


def _open(what: str, args: argparse.Namespace) -> SkinDataset:
    """A collection by name, by name and folder, or by its folder alone."""
    import skinzoo
    from skinzoo.datasets import DATASETS, IntegrityWarning

    name, _, folder = what.partition("=")
    root = args.root or folder or None
    if name not in DATASETS and Path(what).is_dir():
        name, folder, root = "folder", what, what
    if folder and args.root:
        args.usage_error(f"--root {args.root} and {what}: name one folder")
    options = dict(args.options) | ({"conflicts": "keep", "duplicates": "keep"} if args.all else {})
    if DATASETS[name].needs_files:
        options = {"check": args.check, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IntegrityWarning)  # the whole report is printed
        return skinzoo.load_dataset(name, root, **options)


def _text(report: IntegrityReport) -> str:
    """What was found wrong, a line for each code."""
    from skinzoo.datasets.integrity import CODES

    head = f"{report.name}: {report.num_rows:,} rows, {report.num_ok:,} usable, {report.num_quarantined:,} set aside"
    if not report.findings:
        return f"{head}; nothing to report"
    rows = [(code, f"{n:,}", CODES[code].hint) for code, n in report.counts().items()]
    return f"{head}\n{table(('code', 'rows', 'what to do, or what was done'), rows)}"


def _is_bad(audit: Audit, opened: list[SkinDataset]) -> bool:
    """True if datasets share something, or a picture has labels that exclude one another."""
    codes = {code for dataset in opened for code in dataset.integrity.counts()}
    return bool(audit.leaks or audit.of("label") or codes & set(_CONTRADICTIONS))
