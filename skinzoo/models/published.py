"""Finding trained weights: on the Hub, among the weights that skinzoo knows, in a folder or a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from skinzoo.errors import UnknownNameError, WeightsError
from skinzoo.hub.bundled import bundled_folder
from skinzoo.hub.describing import describe_repository
from skinzoo.hub.digests import FileDigest
from skinzoo.hub.fetching import fetch_files
from skinzoo.hub.options import HubOptions
from skinzoo.hub.record import WeightsRecord
from skinzoo.hub.records import find_record, known_records
from skinzoo.hub.reference import PREFIX, HubReference, parse_reference
from skinzoo.hub.synthetic import warn_if_synthetic
from skinzoo.models.base import SkinModel
from skinzoo.models.catalogue import LOCAL_PREFIX
from skinzoo.models.reading import Build, Source, find_source, load_source
from skinzoo.models.saved_config import (
    CONFIG_NAME,
    MAX_CONFIG_BYTES,
    RECORD_NAME,
    WEIGHTS_NAME,
    is_ours,
    read_config,
    read_json,
)


def load_published(reference: str, build: Build, options: HubOptions | None = None) -> SkinModel:
    """Load a model from a repository of the Hub, in evaluation mode.

    Args:
        reference: `owner/name` or `owner/name@<commit of 40 hex digits>`.
        build: Builds a registered architecture from checked values.
        options: Which Hub, which cache, how long.

    Raises:
        ConfigError: The reference has another form; nothing was asked.
        OfflineError: A file is not in the cache and could not be fetched.
        ChecksumError: A file is not the one that was published.
        WeightsError: The repository holds no model of skinzoo's, or one that cannot be used.
    """
    return load_source(find_published(parse_reference(reference), options), build)


def find_published(
    reference: HubReference, options: HubOptions | None = None, *, expected: Mapping[str, FileDigest] | None = None
) -> Source:
    """Fetch a saved model: its configuration, which is checked, and then the files that it names and no others.

    Args:
        reference: The repository, and the commit of it.
        options: Which Hub, which cache, how long.
        expected: What files must be, by name, where that is known from elsewhere.

    Raises:
        WeightsError: As `load_published` does.
    """
    known = dict(expected or {})
    first = fetch_files(
        reference, [CONFIG_NAME], expected={k: v for k, v in known.items() if k == CONFIG_NAME}, options=options
    )
    values = read_json(first.folder / CONFIG_NAME, most=MAX_CONFIG_BYTES)
    if not is_ours(values):
        described = describe_repository(
            reference.repository, first.listing, values if isinstance(values, dict) else None
        )
        raise WeightsError(f"{reference} on the Hub is no model of skinzoo's. {described}")
    config = read_config(first.folder)
    needed = list(config.files)
    digests = {name: known.get(name, digest) for name, digest in config.files.items()}
    optional = []
    if config.format_version == 1:  # it says neither how large the weights are nor whether there is a record
        digests = {name: known[name] for name in (WEIGHTS_NAME, RECORD_NAME) if name in known}
        optional = [RECORD_NAME]
    pinned = HubReference(reference.repository, first.revision)
    rest = fetch_files(pinned, needed, optional=optional, expected=digests, options=options)
    source = find_source(rest.folder, name=str(pinned))
    verified = source.config is not None and rest.sha256[WEIGHTS_NAME] == source.config.files[WEIGHTS_NAME].sha256
    return Source(source.weights, source.config, verified, source.name)


def find_recorded(record: WeightsRecord, options: HubOptions | None = None) -> Source:
    """The files of weights that skinzoo knows: those in the package, or those of the recorded commit.

    Raises:
        WeightsError: As `load_published` does.
    """
    warn_if_synthetic(record)
    if record.bundled or record.repository is None:
        return find_source(bundled_folder(record), name=record.name)
    repository = (options or HubOptions()).own_repository(record.repository)
    return find_published(HubReference(repository, record.revision), options, expected=record.files)


def find_saved(name: str, options: HubOptions | None = None) -> Source | None:
    """A whole model by `local-dir:<folder>`, `hf-hub:<repository>` or the full name of known weights.

    Returns:
        None for any other name.

    Raises:
        WeightsError: As `load_published` does.
    """
    if name.startswith(LOCAL_PREFIX):
        return find_source(Path(name.removeprefix(LOCAL_PREFIX)))
    if name.startswith(PREFIX):
        return find_published(parse_reference(name), options)
    record = known_records().get(name)
    return None if record is None else find_recorded(record, options)


def find_weights(architecture: str, weights: str | os.PathLike[str], options: HubOptions | None = None) -> Source:
    """What `weights=...` stands for: what `find_saved` takes, the tag of known weights, a folder or a file.

    A tag counts before a file or folder of that name.

    Args:
        architecture: Canonical name of the model that the weights are for.
        weights: What was given.
        options: Which Hub, which cache, how long.

    Raises:
        WeightsError: There is nothing of that name, or as `load_published` does.
    """
    if not isinstance(weights, str):
        return find_source(weights)
    if (source := find_saved(weights, options)) is not None:
        return source
    try:
        return find_recorded(find_record(architecture, weights), options)
    except UnknownNameError as error:
        if not Path(weights).exists():
            raise WeightsError(f"{error} And there is no file or folder {weights!r}.") from error
    return find_source(weights)
