"""Compare models that were scored on the same images: figures with intervals, and tests of the differences.

python examples/compare.py runs/resnet18 runs/efficientnet
python examples/compare.py runs/a/report runs/b/report --names small large --metrics macro_auc malignant/auc

A folder is a report that train_isic.py or evaluate.py wrote, or a run that has one.
"""

import argparse
import sys
from pathlib import Path

import skinzoo


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="two or more runs or reports")
    parser.add_argument("--names", nargs="+", help="of the models (default: those of the runs' folders)")
    parser.add_argument("--metrics", nargs="+", help="such as macro_f1 MEL/auc malignant/auc dice; the first one ranks")
    parser.add_argument("--correction", default="holm", choices=["holm", "benjamini-hochberg", "none"])
    parser.add_argument("--resamples", type=int, default=2000, help="for intervals and tests (default 2000)")
    parser.add_argument(
        "--common_only", "--common-only", action="store_true", help="compare on the images that all reports have"
    )
    parser.add_argument("--save_dir", "--save-dir", default="runs/comparison", help="where the comparison goes")
    return parser.parse_args()


def run_names(reports: list[Path]) -> list[str] | None:
    """The folder of each run, if they tell the models apart."""
    paths = [path.resolve() for path in reports]
    names = [path.parent.name if path.name == "report" else path.name for path in paths]
    return names if len(set(names)) == len(names) else None


def main() -> None:
    args = parse_arguments()
    reports = [folder / "report" if (folder / "report").is_dir() else folder for folder in args.folders]
    comparison = skinzoo.compare(
        reports,
        names=args.names or run_names(reports),
        metrics=args.metrics,
        correction=args.correction,
        resamples=args.resamples,
        common_only=args.common_only,
    )
    print(comparison)
    print(f"comparison  {comparison.save(args.save_dir).resolve()}")


if __name__ == "__main__":
    try:
        main()
    except (skinzoo.SkinzooError, OSError) as error:
        sys.exit(f"error: {error}")
