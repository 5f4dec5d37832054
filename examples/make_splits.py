"""Split a collection by its tables alone, and write files that name each part's images.

Nobody needs the pictures for that, and whoever has the same table gets the same files, byte for byte.

    python examples/make_splits.py ham10000 HAM10000_metadata.csv --save_dir splits
    python examples/make_splits.py isic2019 ISIC_2019_Training_GroundTruth.csv ISIC_2019_Training_Metadata.csv
    python examples/make_splits.py my_clinic lesions.csv --id file --label diagnosis --group patient_id

`skinzoo.load_split(file, dataset)` finds the parts again.
"""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

import skinzoo

# columns with the id, the label (or one of 0 and 1 for each class) and the lesion or patient
KNOWN: dict[str, dict[str, Any]] = {
    "ham10000": {"id": "image_id", "label": "dx", "group": "lesion_id"},
    "isic2018_task3": {"id": "image", "label": None, "group": "lesion_id"},
    "isic2019": {"id": "image", "label": None, "group": "lesion_id"},
}
NO_LABEL = ("", "UNK")


def parse_arguments() -> argparse.Namespace:
    """Options; each is understood with underscores and with dashes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def option(name: str, **settings: Any) -> None:
        parser.add_argument(*dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"]), **settings)

    parser.add_argument("collection", help=f"{', '.join(KNOWN)}, or any name if the columns are given")
    parser.add_argument(
        "tables", nargs="+", type=Path, help="CSV tables, joined by the id; rows are those of the first"
    )
    option("id", help="column with the image's id")
    option("label", help="column with the class; without one, columns of 0 and 1, one for each class")
    option("group", help="column with the lesion or patient")
    option("fractions", type=float, nargs="+", default=[0.70, 0.15, 0.15], help="share of each part")
    option("folds", type=int, default=5, help="folds besides; 0 for none")
    option("seed", type=int, default=42)
    option("stable", action="store_true", help="deal by a hash of the lesion's name, not by class balance")
    option("allow_missing_classes", action="store_true", help="permit parts without a class")
    option("save_dir", type=Path, default=Path("splits"), help="where to write (default splits)")
    return parser.parse_args()


def read_rows(tables: list[Path], column: str) -> list[dict[str, str]]:
    """The rows of the first table, with the columns of the others beside them."""
    merged: dict[str, dict[str, str]] = {}
    for number, path in enumerate(tables):
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                if column not in row:
                    sys.exit(f"error: {path} has no column {column!r}, but {', '.join(row)}")
                if number == 0:
                    merged[row[column]] = {}
                if row[column] in merged:
                    merged[row[column]] |= row
    return list(merged.values())


def label_of(row: dict[str, str], column: str | None, classes: list[str]) -> str:
    """The class that a row names, in its own spelling."""
    if column is not None:
        return row[column].strip()
    named = [code for code in classes if float(row[code]) == 1]
    return named[0] if len(named) == 1 else ""


def as_dataset(args: argparse.Namespace) -> skinzoo.SkinDataset:
    """The tables' rows as a dataset without pictures."""
    known = KNOWN.get(args.collection, {})
    info = skinzoo.dataset_info(args.collection) if args.collection in skinzoo.list_datasets() else None
    column = args.id or known.get("id")
    if column is None:
        sys.exit(f"error: {args.collection} is none of {', '.join(KNOWN)}; name its columns: --id, --label, --group")
    label, group = args.label or known.get("label"), args.group or known.get("group")
    rows = read_rows(args.tables, column)
    for name in (label, group):
        if name is not None and rows and name not in rows[0]:
            sys.exit(f"error: no column {name!r} in {', '.join(map(str, args.tables))}; there are {', '.join(rows[0])}")
    space = info.label_space if info else None
    if space is None and label is not None:
        space = skinzoo.LabelSpace.from_names(sorted({row[label].strip() for row in rows} - set(NO_LABEL)))
    if space is None:
        sys.exit("error: name the column with the class: --label")
    found = [label_of(row, label, list(space)) for row in rows]
    records = skinzoo.datasets.Records.build(
        [row[column].removesuffix(".jpg") for row in rows],
        labels=[skinzoo.types.IGNORE_INDEX if name in NO_LABEL else space.index(name) for name in found],
        groups=[row[group] for row in rows] if group else None,
    )
    info = info or skinzoo.datasets.DatasetInfo(args.collection, args.collection, group="lesion" if group else "image")
    return skinzoo.SkinDataset(info, records, space, skinzoo.datasets.FileSource("."))


def main() -> None:
    args = parse_arguments()
    data = as_dataset(args)
    print(data)
    options = {name: getattr(args, name) for name in ("seed", "stable", "allow_missing_classes")}
    kind = "stable_" if args.stable else ""
    parts = data.split(args.fractions, **options)
    for part in parts:
        print(part)
    shares = "-".join(f"{100 * share:g}" for share in args.fractions)
    name = f"{args.collection}_{kind}{shares}_seed{args.seed}.csv"
    print(skinzoo.save_split(args.save_dir / name, **{part.part: part for part in parts}))
    if args.folds:
        folds = {f"fold{n}": held_out for n, (_, held_out) in enumerate(data.kfold(args.folds, **options), start=1)}
        name = f"{args.collection}_{kind}{args.folds}fold_seed{args.seed}.csv"
        print(skinzoo.save_split(args.save_dir / name, **folds))


if __name__ == "__main__":
    try:
        main()
    except (skinzoo.SkinzooError, OSError) as error:
        sys.exit(f"error: {error}")
