"""`skinzoo verify`: are a model's files those that were published, and does it answer as it did then?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from skinzoo.cli.choosing import MODEL_HELP
from skinzoo.cli.hubbing import add_hub_options, hub_options
from skinzoo.cli.locating import Located, locate
from skinzoo.cli.output import Output, table
from skinzoo.cli.parsing import add_command
from skinzoo.errors import ChecksumError, SkinzooError

if TYPE_CHECKING:
    from skinzoo.cli.parsing import Commands
    from skinzoo.models import SkinModel

GOLDEN_NAME = "golden.safetensors"


class Check(NamedTuple):
    """One thing that was looked at.

    Attributes:
        what: A file's name, `"loading"` or `"golden outputs"`.
        ok: False if it is not as it should be.
        detail: What was found.
    """

    what: str
    ok: bool
    detail: str


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        "verify",
        "compare a model's files with what was published, and replay it",
        "Compare the sha256 of each file of a model with what its configuration and its record say, "
        "load it, and ask it the golden pictures again if it was published with them. "
        "The exit status is 1 if anything differs.",
        "skinzoo verify runs/demo/best",
        "skinzoo verify hf-hub:owner/name@0123456789abcdef0123456789abcdef01234567",
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    add_hub_options(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Verify and tell."""
    name, folder, checks = verify(args)
    ok = all(check.ok for check in checks)
    output.answer({"model": name, "folder": folder, "ok": ok, "checks": [check._asdict() for check in checks]})
    output.say(table(("", "", ""), [("ok" if c.ok else "BAD", c.what, c.detail) for c in checks]).lstrip("\n"))
    output.say(f"{name}: {'verified' if ok else 'NOT as published'}" + (f" in {folder}" if folder else ""))
    return 0 if ok else 1


def verify(args: argparse.Namespace) -> tuple[str, Path | None, list[Check]]:
    """A model's full name, its folder and everything that was looked at."""
    try:
        located = locate(args.model, hub_options(args))
    except ChecksumError as error:
        return args.model, None, [Check("files", False, str(error))]
    checks = list(_files(located))
    model = _load(located.folder, checks)
    golden = located.folder / GOLDEN_NAME
    if model is not None and golden.is_file():
        checks.append(_replay(model, golden))
    return located.name, located.folder, checks


def _files(located: Located) -> Iterator[Check]:
    """Each file against what the record says, or else the configuration."""
    from skinzoo.files import sha256_of

    expected = {name: digest.sha256 for name, digest in located.expected.items()}
    for name, digest in {**_configured(located.folder), **expected}.items():
        path = located.folder / name
        if not path.is_file():
            yield Check(name, False, "absent")
        elif (found := sha256_of(path)) != digest:
            yield Check(name, False, f"sha256 {found}, expected {digest}")
        else:
            yield Check(name, True, f"sha256 {found[:16]}..., {path.stat().st_size:,} bytes")


def _configured(folder: Path) -> dict[str, str]:
    """The sha256 that a model's own configuration gives its files; none if it is damaged, which loading will tell."""
    from skinzoo.models.saved_config import read_config

    try:
        return {name: digest.sha256 for name, digest in read_config(folder).files.items()}
    except SkinzooError:
        return {}


def _load(folder: Path, checks: list[Check]) -> SkinModel | None:
    import skinzoo

    try:
        model = skinzoo.create_model(f"local-dir:{folder}")
    except SkinzooError as error:
        checks.append(Check("loading", False, str(error)))
        return None
    checks.append(Check("loading", True, f"{model.config.architecture}, {model.num_parameters():,} parameters"))
    return model


def _replay(model: SkinModel, golden: Path) -> Check:
    from skinzoo.publishing.golden import replay_golden
    from skinzoo.publishing.staging import TOLERANCE

    try:
        difference = replay_golden(model, golden)
    except SkinzooError as error:
        return Check("golden outputs", False, str(error))
    return Check("golden outputs", difference <= TOLERANCE, f"answers differ by at most {difference:.1e}")
