"""Predict class and mask of one picture, or of each of a folder or archive, with the public functions.

python examples/predict.py --model runs/demo/best --image_path lesion.jpg
python examples/predict.py --model runs/demo/best --image_path pictures.zip --table answers.parquet

A table takes any number of pictures: a command that was interrupted goes on when it is given again. The command
`skinzoo predict` also writes masks and heatmaps, measures lesions, and answers in JSON.
"""

import argparse
import sys

import skinzoo


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder written by the training, such as runs/demo/best")
    parser.add_argument("--image_path", "--image-path", required=True, help="picture, or folder or archive of pictures")
    parser.add_argument("--table", help="write a row for each picture here: .csv or .parquet")
    parser.add_argument("--batch_size", "--batch-size", type=int, default=16)
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    model = skinzoo.create_model(f"local-dir:{args.model}")
    if args.table is not None:
        print(skinzoo.predict_table(model, args.image_path, args.table, batch_size=args.batch_size))
        return
    predictions = skinzoo.predict_all(model, args.image_path, batch_size=args.batch_size)
    found = False
    for prediction in predictions:
        found = True
        print(prediction)
    for failed in predictions.failed:
        print(f"{failed.id}: not predicted: {failed.reason}", file=sys.stderr)
    if not found:
        sys.exit("error: no picture can be read.")


if __name__ == "__main__":
    try:
        main()
    except (skinzoo.SkinzooError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted: the same command goes on where it stopped.")
