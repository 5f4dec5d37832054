"""Show what a model looks at, in one picture, or in each of a folder or archive.

python examples/explain.py --model runs/demo/best --image_path lesion.jpg
python examples/explain.py --model runs/demo/best --image_path pictures/ --target malignant --save_dir runs/heatmaps
python examples/explain.py --model runs/demo/best --image_path lesion.jpg --method integrated_gradients
"""

import argparse
import sys
from pathlib import Path, PurePosixPath

import skinzoo

METHODS = ("grad_cam", "saliency", "integrated_gradients")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder written by the training, such as runs/demo/best")
    parser.add_argument("--image_path", "--image-path", required=True, help="picture, or folder or archive of pictures")
    parser.add_argument("--target", help="class code, 'malignant', or 'lesion' for the mask (default: predicted class)")
    parser.add_argument("--method", default="grad_cam", choices=METHODS)
    parser.add_argument("--batch_size", "--batch-size", type=int, default=16)
    parser.add_argument("--save_dir", "--save-dir", default="runs/explanations")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    model = skinzoo.create_model(f"local-dir:{args.model}")
    explanations = skinzoo.explain_all(
        model, args.image_path, method=args.method, target=args.target, batch_size=args.batch_size
    )
    found = 0
    for explanation in explanations:
        found += 1
        picture = PurePosixPath(explanation.id)
        saved = explanation.save(Path(args.save_dir) / picture.parent / f"{args.method}_{picture.name}.png")
        print(f"{explanation.id}: {explanation.target} ({explanation.probability:.1%})  {saved}")
    if not found:
        sys.exit(f"error: no picture can be read: {explanations.failed[0].reason}.")
    for failed in explanations.failed:
        print(f"{failed.id}: not explained: {failed.reason}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except (skinzoo.SkinzooError, OSError) as error:
        sys.exit(f"error: {error}")
