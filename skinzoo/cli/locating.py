"""From what a user calls a trained model to a folder with its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from skinzoo.cli.choosing import full_name

if TYPE_CHECKING:
    from skinzoo.hub.digests import FileDigest
    from skinzoo.hub.options import HubOptions

_NEEDED = ("config.json", "model.safetensors")
_OPTIONAL = ("training_data.json", "golden.safetensors")


class Located(NamedTuple):
    """A trained model on this disk.

    Attributes:
        name: As `create_model` calls it.
        folder: Where its files are.
        files: Their paths by name.
        revision: The commit that they are of; None if they are of none.
        expected: What a record says that they are; empty where there is none.
    """

    name: str
    folder: Path
    files: Mapping[str, Path]
    revision: str | None = None
    expected: Mapping[str, FileDigest] = {}


def locate(text: str, hub: HubOptions) -> Located:
    """Find a model's files, and fetch them if they are on the Hub.

    Raises:
        WeightsError: They are not there, or not those that were published; see `full_name` and
            `skinzoo.hub.fetch_files`.
    """
    from skinzoo.hub.bundled import bundled_folder
    from skinzoo.hub.fetching import fetch_files
    from skinzoo.hub.records import weights_info
    from skinzoo.hub.reference import HubReference, parse_reference
    from skinzoo.models.published import find_published

    name = full_name(text)
    if name.startswith("local-dir:"):
        folder = Path(name.removeprefix("local-dir:"))
        found = (folder / n for n in (*_NEEDED, *_OPTIONAL))
        return Located(name, folder, {path.name: path for path in found if path.is_file()})
    if name.startswith("hf-hub:"):
        pinned = parse_reference(find_published(parse_reference(name), hub).name)  # it says what is no model of ours
        snapshot = fetch_files(pinned, _NEEDED, optional=_OPTIONAL, options=hub)
        return Located(name, snapshot.folder, snapshot.files, snapshot.revision)
    record = weights_info(name)
    if record.repository is None:
        folder = bundled_folder(record)
        return Located(name, folder, {n: folder / n for n in record.files}, None, record.files)
    reference = HubReference(hub.own_repository(record.repository), record.revision)
    snapshot = fetch_files(reference, list(record.files), expected=record.files, options=hub)
    return Located(name, snapshot.folder, snapshot.files, snapshot.revision, record.files)
