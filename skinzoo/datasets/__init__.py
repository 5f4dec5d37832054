"""Collections of dermoscopic images: opening, checking, splitting and loading them.

`load_dataset` opens a collection by name; `make_loader` feeds it to a model. One file holds one collection.
"""

from skinzoo.datasets import adapters  # noqa: F401 - registers every collection
from skinzoo.datasets.base import Records, SkinDataset, Source
from skinzoo.datasets.catalogue import (
    DATASETS,
    dataset_info,
    download_dataset,
    list_datasets,
    load_dataset,
    register_dataset,
)
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.combining import concat
from skinzoo.datasets.decode import DecodedImage, DecodedMask, read_image, read_mask
from skinzoo.datasets.exposure import Exposure, LeakageWarning, leakage_meter
from skinzoo.datasets.filesource import FileSource
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding, IntegrityReport, IntegrityWarning
from skinzoo.datasets.loading import make_loader
from skinzoo.datasets.memmap import MemmapSource
from skinzoo.datasets.sampling import sampling_weights
from skinzoo.datasets.scanning import RowFacts, facts_of, scan
from skinzoo.datasets.splitfiles import SplitWarning, load_split, save_split
from skinzoo.datasets.splits import check_disjoint, split_indices

__all__ = [
    "DATASETS",
    "CheckOptions",
    "DatasetInfo",
    "DecodedImage",
    "DecodedMask",
    "Exposure",
    "FileSource",
    "Finding",
    "IntegrityReport",
    "IntegrityWarning",
    "LeakageWarning",
    "MemmapSource",
    "Records",
    "RowFacts",
    "SkinDataset",
    "Source",
    "SplitWarning",
    "check_disjoint",
    "concat",
    "dataset_info",
    "download_dataset",
    "facts_of",
    "leakage_meter",
    "list_datasets",
    "load_dataset",
    "load_split",
    "make_loader",
    "read_image",
    "read_mask",
    "register_dataset",
    "sampling_weights",
    "save_split",
    "scan",
    "split_indices",
]
