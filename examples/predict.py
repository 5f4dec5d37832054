"""Predict class and mask of one picture, or of each of a folder or archive.

python examples/predict.py --model runs/demo/best --image_path lesion.jpg
python examples/predict.py --model runs/demo/best --image_path pictures/ --save_dir runs/predictions --masks
python examples/predict.py --model runs/demo/best --image_path pictures.zip --table answers.parquet

A table takes any number of pictures: a command that was interrupted goes on when it is given again. Only masks and
heatmaps, which are written before the table, are then drawn anew.
"""

import argparse
import sys
from pathlib import Path

from PIL import Image

import skinzoo

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder written by the training, such as runs/demo/best")
    parser.add_argument("--image_path", "--image-path", required=True, help="picture, or folder or archive of pictures")
    parser.add_argument("--save_dir", "--save-dir", type=Path, help="folder for predictions.csv and PNG files")
    parser.add_argument("--table", type=Path, help="write the table here instead: .csv or .parquet")
    parser.add_argument("--masks", action="store_true", help="also write <id>_mask.png to --save_dir")
    parser.add_argument("--heatmaps", action="store_true", help="also write <id>_heatmap.png (Grad-CAM) to --save_dir")
    parser.add_argument("--measure", action="store_true", help="also measure each lesion, for the table")
    parser.add_argument("--overwrite", action="store_true", help="begin anew, and replace a table that is there")
    parser.add_argument("--batch_size", "--batch-size", type=int, default=16)
    args = parser.parse_args()
    if (args.masks or args.heatmaps) and args.save_dir is None:
        parser.error("--masks and --heatmaps need --save_dir")
    if args.table is None and args.save_dir is not None:
        args.table = args.save_dir / "predictions.csv"
    elif args.table is not None and args.table.suffix.lower() not in (".csv", ".parquet"):
        parser.error("--table must end in .csv or .parquet")
    return args


def line(p: skinzoo.Prediction) -> str:
    """One picture of many, in short."""
    ranked = sorted(p.probabilities.items(), key=lambda item: -item[1])[:3]
    classes = "  ".join(f"{code} {probability:.1%}" for code, probability in ranked)
    lesion = f"  lesion covers {p.mask.mean():.1%}" if p.mask is not None else ""
    return f"{p.id}: {classes}{lesion}"


def print_all(model: skinzoo.SkinModel, args: argparse.Namespace) -> None:
    predictions = skinzoo.predict_all(model, args.image_path, batch_size=args.batch_size, measure=False)
    found = 0
    for prediction in predictions:
        found += 1
        print(line(prediction))
    if not found:
        sys.exit(f"error: no picture can be read: {predictions.failed[0].reason}.")
    for failed in predictions.failed:
        print(f"{failed.id}: not predicted: {failed.reason}", file=sys.stderr)


def draw(model: skinzoo.SkinModel, args: argparse.Namespace) -> None:
    """Masks and heatmaps as PNG files, named after the pictures."""
    predictions = skinzoo.predict_all(
        model, args.image_path, batch_size=args.batch_size, measure=False, heatmaps=args.heatmaps
    )
    for p in predictions:
        path = args.save_dir / f"{p.id}_mask.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if args.masks and p.mask is not None:
            Image.fromarray(p.mask * 255).save(path)
        if p.heatmap is not None:
            p.heatmap.save(args.save_dir / f"{p.id}_heatmap.png")


def main() -> None:
    args = parse_arguments()
    model = skinzoo.create_model(f"local-dir:{args.model}")
    if args.masks and not model.task.has_masks:
        sys.exit(f"error: {model.config.architecture} predicts no mask.")
    if args.table is not None and args.table.exists() and not args.overwrite:
        sys.exit(f"error: {args.table} is there already; give another place, or --overwrite.")
    path = Path(args.image_path)
    if path.is_file() and path.suffix.lower() not in ARCHIVES:
        print(skinzoo.predict(model, path)[0])
    elif args.table is None:
        print_all(model, args)
    if args.masks or args.heatmaps:
        draw(model, args)
    if args.table is not None:
        options = {"batch_size": args.batch_size, "measure": args.measure, "overwrite": args.overwrite}
        print(skinzoo.predict_table(model, path, args.table, **options))


if __name__ == "__main__":
    try:
        main()
    except (skinzoo.SkinzooError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted: the same command goes on where it stopped.")
