"""Anyone's own collection: a CSV or Parquet table that names the images, their classes and whatever else is known."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.filesource import check_relative
from skinzoo.datasets.folds import OFFICIAL
from skinzoo.datasets.ids import composed
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import Listing, list_folders, not_found
from skinzoo.datasets.opening import open_files, unknown_groups
from skinzoo.datasets.parquet import read_parquet
from skinzoo.datasets.records import Records
from skinzoo.datasets.tables import (
    Table,
    group_column,
    image_ids,
    metadata_columns,
    name_labels,
    read_table,
    text_column,
)
from skinzoo.errors import ConfigError, DataError, IntegrityError, TableError
from skinzoo.taxonomy import LABEL_SPACES, LabelSpace

INFO = DatasetInfo(
    name="table",
    title="A table of one's own",
    tree="""\
root/
  <any>.csv or <any>.parquet   (one row an image; its path below root in one of the columns)
  <any folders>/<images>
""",
    group="image",
    has_masks=True,
    metadata=(OFFICIAL,),
    modality="",
)

UNLABELLED = LabelSpace("unlabelled", ("unlabelled",))
"""The label space of a table without labels, where the caller names none."""


class Found(NamedTuple):
    """The files that a column of paths names.

    Attributes:
        paths: For each row, empty where the file is not there.
        listing: What lies in the folders that the column names.
    """

    paths: list[str]
    listing: Listing


@register_dataset(INFO)
def table(
    root: Path,
    checks: CheckOptions,
    *,
    file: str | os.PathLike[str] | None = None,
    image: str = "image",
    label: str | None = None,
    id: str | None = None,
    group: str | None = None,
    mask: str | None = None,
    official_split: str | None = None,
    metadata: Sequence[str] = (),
    numbers: Sequence[str] = (),
    label_space: str | LabelSpace | None = None,
    delimiter: str | None = None,
) -> SkinDataset:
    """Open a collection of one's own by its table.

    Cells of `image` and `mask` are paths below `root` with forward slashes, with or without the file's ending. Nothing
    is opened if one of them leads out of `root`.

    Text is never interpreted: ids keep their leading zeros, and `NA` is a text. Empty cells are missing, and so are
    words such as `NA` and `unknown` in `group`.

    Name the group where patients or lesions are known: otherwise a split may put pictures of one lesion on both sides.

    Args:
        root: The folder that the paths start from.
        checks: How closely to look at the files.
        file: The table, below `root` or anywhere: Parquet if it ends in `.parquet` (needs
            `pip install 'skinzoo[data]'`), else comma, semicolon or tab separated UTF-8 text.
        image: Column with the images' paths.
        label: Column with the classes; None for images without labels.
        id: Column with unique ids; None takes the files' names without ending, with the folders where these repeat.
        group: Column with patient or lesion ids.
        mask: Column with the masks' paths.
        official_split: Column with `train`, `val` or `test`; the metadata column `official_split` keeps it.
        metadata: Further columns to keep, as text, None where empty or `unknown`.
        numbers: Further columns to keep, as numbers, NaN where missing.
        label_space: The classes, or the name of a known label space; None makes one of the classes that the column
            has, in alphabetical order. Where the table writes 0 and 1, give
            `LabelSpace("binary", ("benign", "malignant"), aliases={"0": "benign", "1": "malignant"})`.
        delimiter: One character between the cells of a text table; None finds a comma, semicolon or tab itself.

    Raises:
        ConfigError: No `file`, or an option that makes no sense.
        MissingDependencyError: The table is Parquet and `pyarrow` is not installed.
        DatasetNotFoundError: The table or every image is absent.
        TableError: The table lacks a column or is no table.
        LabelError: A class that `label_space` does not know.
        DataError: A path leads out of `root` (code `PATH_ESCAPE`).
    """
    path = _table_file(root, file, delimiter)
    kept = list(dict.fromkeys([*_names("metadata", metadata), *_names("numbers", numbers)]))
    named = [image, *(c for c in (label, id, group, mask, official_split) if c is not None)]
    if both := set(named) & set(numbers):
        raise ConfigError(
            f"{INFO.name}: numbers={list(numbers)!r}, but {min(both)!r} is read as text for its own option."
        )
    cells = _read(path, [*named, *kept], numbers, delimiter)
    _check_paths(cells, [image] if mask is None else [image, mask])
    images = _find(root, cells[image])
    masks = Found([""] * len(cells), Listing()) if mask is None else _find(root, cells[mask])
    ids = _ids_of(cells[image]) if id is None else cells[id]
    _check_ids(cells, ids)
    space = _space(label_space, cells, label)
    labels, findings = (None, []) if label is None else name_labels(cells, label, ids, space)
    groups = None if group is None else group_column(cells[group])
    info = replace(INFO, label_space=space, has_masks=mask is not None, group=_group_kind(group), metadata=tuple(kept))
    if groups is not None:
        findings += unknown_groups(ids, groups, info.group)
    more, odd = metadata_columns(cells, ids, kept, dict.fromkeys(cells.numbers, (-math.inf, math.inf)))
    if official_split is not None:
        more[OFFICIAL] = text_column([c.lower() for c in cells[official_split]], missing=("",))
        info = replace(info, metadata=(*info.metadata, OFFICIAL))
    records = Records.build(
        ids,
        labels=labels,
        groups=groups,
        images=images.paths,
        masks=["" if p in masks.listing.barred else p for p in masks.paths],
        metadata=more,
    )
    return open_files(
        info,
        root,
        records,
        space,
        checks,
        num_rows=len(records),
        findings=[*findings, *odd, *_extra(images.listing, {*images.paths, *masks.paths})],
        expect_masks=mask is not None,
        barred=images.listing.barred,
    )


def _table_file(root: Path, file: str | os.PathLike[str] | None, delimiter: str | None) -> Path:
    if not isinstance(file, str | os.PathLike):
        raise ConfigError(f"{INFO.name}: file={file!r} is no table; give the path of a CSV or Parquet file.")
    if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ConfigError(f"{INFO.name}: delimiter={delimiter!r} is not one character between cells.")
    path = root / Path(file).expanduser()
    if not path.is_file():
        raise not_found(INFO, root, f"no file {os.fspath(file)}")
    return path


def _names(option: str, columns: Sequence[str]) -> list[str]:
    if isinstance(columns, str) or not all(isinstance(c, str) for c in columns):
        raise ConfigError(f"{INFO.name}: {option}={columns!r} is no list of columns; give [{columns!r}] or the like.")
    return list(columns)


def _read(path: Path, columns: Sequence[str], numbers: Sequence[str], delimiter: str | None) -> Table:
    if path.suffix.lower() in (".parquet", ".pq"):
        return read_parquet(path, columns, numbers=numbers)
    return read_table(path, columns, numbers=numbers, delimiter=delimiter)


def _check_paths(cells: Table, columns: Iterable[str]) -> None:
    """Make sure that every path leads downwards, before anything is looked for."""
    for column in columns:
        for row, cell in enumerate(cells[column]):
            try:
                check_relative(cell)
            except DataError as error:
                raise DataError(f"{cells.path}, {cells.where(row)}, column {column}: {error}", error.code) from error


def _find(root: Path, cells: Iterable[str]) -> Found:
    """The files that a column names, in whatever Unicode form, with or without their ending."""
    names = [PurePosixPath(cell).as_posix() if cell else "" for cell in cells]
    above = sorted({PurePosixPath(name).parent.as_posix() for name in names if name})
    listing = list_folders(root, [root / folder for folder in above if (root / folder).is_dir()])
    files: dict[str, list[str]] = defaultdict(list)
    for found in listing.images:
        files[composed(found.path)].insert(0, found.path)
        files[composed(os.path.splitext(found.path)[0])].append(found.path)  # noqa: PTH122 - a Path per file takes longer
    return Found([_one(files.get(composed(name), []), name) for name in names], listing)


def _one(paths: Sequence[str], name: str) -> str:
    """The file that a cell names, empty if there is none."""
    if len(paths) > 1 and composed(paths[0]) != composed(name):
        raise IntegrityError(
            f"ID_AMBIGUOUS: {name!r} may be {paths[0]} or {paths[1]}; write the ending into the table.", "ID_AMBIGUOUS"
        )
    return paths[0] if paths else ""


def _ids_of(paths: Sequence[str]) -> list[str]:
    """File names without ending; with the folders in front where one name stands for several paths."""
    whole = image_ids(paths)
    of_name: dict[str, set[str]] = defaultdict(set)
    for path in whole:
        of_name[PurePosixPath(path).name].add(path)
    return [name if len(of_name[name := PurePosixPath(p).name]) == 1 else p.replace("/", "_") for p in whole]


def _check_ids(cells: Table, ids: Sequence[str]) -> None:
    if "" in ids:
        raise TableError(f"{cells.path}, {cells.where(ids.index(''))}: no image path or no id; each row needs one.")


def _space(given: str | LabelSpace | None, cells: Table, label: str | None) -> LabelSpace:
    if isinstance(given, str):
        return LABEL_SPACES[given]
    if given is not None:
        if not isinstance(given, LabelSpace):
            raise ConfigError(f"{INFO.name}: label_space={given!r} is neither a name nor a LabelSpace.")
        return given
    if label is None:
        return UNLABELLED
    names = {cell.casefold(): cell for cell in sorted(set(cells[label]) - {""}, reverse=True)}
    if not names:
        raise TableError(f"{cells.path}: column {label!r} is empty in every row; leave out label=, or fill it in.")
    return LabelSpace.from_names(names[key] for key in sorted(names))


def _group_kind(column: str | None) -> str:
    if column is None:
        return "image"
    return "patient" if "patient" in column.lower() else "lesion"


def _extra(listing: Listing, used: set[str]) -> list[Finding]:
    """One finding for all images of the same folders that the table does not name; it may well be a choice of them."""
    extra = [found.path for found in listing.images if found.path not in used]
    if not extra:
        return []
    message = f"no row of the table names {len(extra)} images beside those that it names"
    return [replace(Finding.of("EXTRA_FILE", "", extra[0], message, "kept", count=len(extra)), severity="info")]
