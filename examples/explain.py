"""Show what a model looks at: Grad-CAM or saliency for one picture or a folder.

python examples/explain.py --model runs/demo/best --image_path lesion.jpg --save_dir runs/explanations
"""

import argparse
import sys
from pathlib import Path

import skinzoo

METHODS = {"grad_cam": skinzoo.grad_cam, "saliency": skinzoo.saliency}
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder written by the training, such as runs/demo/best")
    parser.add_argument("--image_path", "--image-path", required=True, help="picture, or folder of pictures")
    parser.add_argument("--target", help="class code, or 'lesion' for the mask (default: the predicted class)")
    parser.add_argument("--method", default="grad_cam", choices=METHODS)
    parser.add_argument("--save_dir", "--save-dir", default="runs/explanations")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    model = skinzoo.create_model(f"local-dir:{args.model}")
    path = Path(args.image_path)
    pictures = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
    if not pictures:
        sys.exit(f"error: no picture in {path}.")
    for picture in pictures:
        explanation = METHODS[args.method](model, picture, target=args.target)
        inside = picture.relative_to(path).parent if path.is_dir() else Path()
        saved = explanation.save(Path(args.save_dir) / inside / f"{args.method}_{picture.name}.png")
        print(f"{explanation.id}: {explanation.target} ({explanation.probability:.1%})  {saved}")


if __name__ == "__main__":
    try:
        main()
    except skinzoo.SkinzooError as error:
        sys.exit(f"error: {error}")
