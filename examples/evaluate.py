"""Score a trained model again: on the test part of its own run, or on another collection.

python examples/evaluate.py --model runs/demo/best
python examples/evaluate.py --model runs/demo/best --dataset folder --data_dir data/other_lesions --thorough

A model is not scored on images that it was trained on, unless --allow_overlap is given; the report then says so.
"""

import argparse
import json
import sys
from pathlib import Path

import skinzoo


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder written by train_isic.py, such as runs/demo/best")
    parser.add_argument("--part", default="test", choices=["train", "val", "test"], help="part of the model's own run")
    parser.add_argument("--dataset", choices=skinzoo.list_datasets(), help="score on all of this collection instead")
    parser.add_argument("--data_dir", "--data-dir", help="folder of the collection (default: where the run found it)")
    parser.add_argument("--batch_size", "--batch-size", type=int, default=32)
    parser.add_argument("--num_workers", "--num-workers", type=int, default=0)
    parser.add_argument("--thorough", action="store_true", help="also robustness and faithful heatmaps; takes minutes")
    parser.add_argument(
        "--allow_overlap", "--allow-overlap", action="store_true", help="score on images of the training, too"
    )
    parser.add_argument("--save_dir", "--save-dir", default="runs/evaluation", help="where the report goes")
    return parser.parse_args()


def own_part(args: argparse.Namespace) -> skinzoo.SkinDataset:
    """The images that the run wrote down: another split would score on training images."""
    path = Path(args.model).parent / "run.json"
    if not path.is_file():
        sys.exit(
            f"error: {path} is not there, so the test images are not known; name another collection with --dataset."
        )
    try:
        run = json.loads(path.read_text("utf-8"))
        recipe, ids, data_dir = run["recipe"], run["parts"][args.part], args.data_dir or run["data_dir"]
        name, options = recipe["dataset"], recipe["dataset_options"]
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"error: {path} is damaged ({error!r}); name a collection with --dataset.")
    return skinzoo.load_dataset(name, data_dir, **options).select(ids, part=args.part)


def main() -> None:
    args = parse_arguments()
    model = skinzoo.create_model(f"local-dir:{args.model}")
    data = skinzoo.load_dataset(args.dataset, args.data_dir) if args.dataset else own_part(args)
    report = skinzoo.evaluate(
        model,
        data,
        batch_size=args.batch_size,
        num_workers=args.num_workers,
        allow_overlap=args.allow_overlap,
        thorough=args.thorough,
    )
    print(report)
    print(f"report   {report.save(args.save_dir).resolve()}")


if __name__ == "__main__":
    try:
        main()
    except (skinzoo.SkinzooError, OSError) as error:
        sys.exit(f"error: {error}")
