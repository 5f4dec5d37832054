"""Predict class and mask of one picture or of a folder.

python examples/predict.py --model runs/demo/best --image_path lesion.jpg
"""

import argparse
import json
import sys
from pathlib import Path

from PIL import Image

import skinzoo


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder written by the training, such as runs/demo/best")
    parser.add_argument("--image_path", "--image-path", required=True, help="picture, or folder of pictures")
    parser.add_argument("--save_dir", "--save-dir", help="also write predictions.json and the masks as PNG files here")
    parser.add_argument("--batch_size", "--batch-size", type=int, default=16)
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    model = skinzoo.create_model(f"local-dir:{args.model}")
    predictions = skinzoo.predict(model, args.image_path, batch_size=args.batch_size)
    for p in predictions:
        ranked = sorted(p.probabilities.items(), key=lambda item: -item[1])[:3]
        classes = "  ".join(f"{code} {probability:.1%}" for code, probability in ranked)
        lesion = f"  lesion covers {p.mask.mean():.1%}" if p.mask is not None else ""
        print(f"{p.id}: {classes}{lesion}")
    if args.save_dir is not None:
        folder = Path(args.save_dir)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "predictions.json").write_text(json.dumps([p.to_dict() for p in predictions], indent=2))
        for p in predictions:
            if p.mask is not None:
                path = folder / f"{p.id}_mask.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(p.mask * 255).save(path)
        print(f"written to {folder.resolve()}")


if __name__ == "__main__":
    try:
        main()
    except skinzoo.SkinzooError as error:
        sys.exit(f"error: {error}")
