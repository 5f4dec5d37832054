"""Any collection that keeps one folder per class."""

from __future__ import annotations

from pathlib import Path

from skinzoo.datasets.adapters._classfolders import open_class_folders
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo

INFO = DatasetInfo(
    name="folder",
    title="One folder per class",
    tree="""\
root/
  <class name>/*.jpg
or
root/
  Train/<class name>/*.jpg
  Test/<class name>/*.jpg
""",
    metadata=("official_split",),
    modality="",
    access="put your own images into one folder per class",
)


@register_dataset(INFO)
def folder(root: Path, checks: CheckOptions) -> SkinDataset:
    """Open a tree of class folders, with or without `Train` and `Test` above them.

    The classes are the folders: the nine titles of `ISIC9`, or names of all seven classes of `ISIC2018`, give those
    label spaces; others a label space of their own, in alphabetical order. In that, a folder without images is no class
    (`CLASS_EMPTY`). The metadata column `official_split` keeps `"train"`, `"val"` or `"test"`.

    The id is the file's name without its ending. A byte-identical copy called `X(1)` beside `X` has the id `X`. Where
    different pictures of several folders have one everyday name (`1.jpg` here and there), the folder becomes part of
    the id; an ISIC archive id always means one picture.

    Args:
        root: The folder above the class folders, or above `Train` and `Test`.
        checks: How closely to look at the files.

    Raises:
        DatasetNotFoundError: No class folder with an image, or `Train` and `Test` hold images but no class folders; the
            message shows what was found.
    """
    return open_class_folders(INFO, root, checks)
