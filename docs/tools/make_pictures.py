"""Draws the pictures of these pages from the synthetic collection.

`python docs/tools/make_pictures.py <saved model>`
"""

import sys
from pathlib import Path

from PIL import Image

import skinzoo
from skinzoo.transforms import denormalise

ASSETS = Path(__file__).parents[1] / "assets"
SIDE, GAP = 116, 5


def main(model_folder: str) -> None:
    """One column a class: picture, predicted mask, Grad-CAM."""
    model = skinzoo.create_model(f"local-dir:{model_folder}")
    data = skinzoo.load_dataset("synthetic", num_images=140, size=SIDE, seed=9)
    chosen = [next(s for s in data if s.label == c) for c in range(len(data.label_space))]
    sheet = Image.new("RGB", (len(chosen) * (SIDE + GAP) - GAP, 3 * (SIDE + GAP) - GAP), "white")
    for column, sample in enumerate(chosen):
        mask = skinzoo.predict(model, sample)[0].mask
        cut_out = sample.image * mask[..., None] + 235 * (1 - mask[..., None])
        rows = (sample.image, cut_out.astype("uint8"), skinzoo.grad_cam(model, sample).overlay())
        for row, picture in enumerate(rows):
            sheet.paste(Image.fromarray(picture), (column * (SIDE + GAP), row * (SIDE + GAP)))
    sheet.quantize(192).save(ASSETS / "synthetic.png", optimize=True)

    presets = skinzoo.list_augmentations()
    sheet = Image.new("RGB", (7 * (SIDE + GAP) - GAP, len(presets) * (SIDE + GAP) - GAP), "white")
    spec = skinzoo.InputSpec(size=(SIDE, SIDE))
    for row, name in enumerate(presets):
        transform = skinzoo.Transform(spec, skinzoo.create_augmentation(name), seed=1)
        for column in range(7):
            picture = denormalise(transform(chosen[column], epoch=0, index=column).image, spec)
            sheet.paste(Image.fromarray(picture), (column * (SIDE + GAP), row * (SIDE + GAP)))
    sheet.quantize(192).save(ASSETS / "augmentations.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
