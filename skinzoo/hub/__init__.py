"""Trained weights: where they are published, and fetching them so that they are the ones that were published."""

from skinzoo.hub.bundled import bundled_folder
from skinzoo.hub.describing import describe_repository
from skinzoo.hub.digests import FileDigest
from skinzoo.hub.fetching import Snapshot, fetch_files
from skinzoo.hub.making import record_of
from skinzoo.hub.options import HubOptions
from skinzoo.hub.record import WeightsRecord
from skinzoo.hub.records import find_record, list_weights, weights_info
from skinzoo.hub.reference import HubReference, parse_reference
from skinzoo.hub.synthetic import SyntheticWeightsWarning, warn_if_synthetic

__all__ = [
    "FileDigest",
    "HubOptions",
    "HubReference",
    "Snapshot",
    "SyntheticWeightsWarning",
    "WeightsRecord",
    "bundled_folder",
    "describe_repository",
    "fetch_files",
    "find_record",
    "list_weights",
    "parse_reference",
    "record_of",
    "warn_if_synthetic",
    "weights_info",
]
