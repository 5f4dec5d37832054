"""Collections of dermoscopic images: opening, checking, splitting and loading them.

`load_dataset` opens a collection by name; `make_loader` feeds it to a model. One file holds one collection.
"""

from skinzoo.datasets.archive import archive
from skinzoo.datasets.base import DatasetInfo, Records, SkinDataset, Source
from skinzoo.datasets.catalogue import DATASETS, dataset_info, list_datasets, load_dataset, register_dataset
from skinzoo.datasets.decode import DecodedImage, DecodedMask, read_image, read_mask
from skinzoo.datasets.filesource import FileSource
from skinzoo.datasets.folder import folder
from skinzoo.datasets.ham10000 import ham10000
from skinzoo.datasets.integrity import Finding, IntegrityReport, IntegrityWarning
from skinzoo.datasets.isic2018_task3 import isic2018_task3
from skinzoo.datasets.loading import make_loader
from skinzoo.datasets.splits import check_disjoint, split_indices
from skinzoo.datasets.synthetic import synthetic

__all__ = [
    "DATASETS",
    "DatasetInfo",
    "DecodedImage",
    "DecodedMask",
    "FileSource",
    "Finding",
    "IntegrityReport",
    "IntegrityWarning",
    "Records",
    "SkinDataset",
    "Source",
    "archive",
    "check_disjoint",
    "dataset_info",
    "folder",
    "ham10000",
    "isic2018_task3",
    "list_datasets",
    "load_dataset",
    "make_loader",
    "read_image",
    "read_mask",
    "register_dataset",
    "split_indices",
    "synthetic",
]
