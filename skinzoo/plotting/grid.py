"""Pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from skinzoo.errors import ConfigError
from skinzoo.plotting.layout import plain_texts
from skinzoo.plotting.style import INK, TEXT_SIZE, checked_image, new_figure, picture_axes, place, wrapped


def picture_grid(images: Sequence[ArrayLike], captions: Sequence[str], *, columns: int = 4) -> Figure:
    """Images with a caption below each, row by row.

    Args:
        images: uint8 RGB arrays (H, W, 3); sizes may differ.
        captions: One for each image; long lines are wrapped, line breaks kept.
        columns: Images in a row.

    Raises:
        ConfigError: Nothing to draw, lengths that differ, or an array that is no picture.
    """
    if not len(images) or len(images) != len(captions) or columns < 1:
        raise ConfigError(
            f"need at least one image, as many captions, and columns >= 1; got {len(images)} images, "
            f"{len(captions)} captions, columns={columns}."
        )
    pictures = [checked_image(image, what=f"image {k}") for k, image in enumerate(images)]
    texts = ["\n".join(wrapped(caption.split("\n"), 24)) for caption in captions]
    across = min(columns, len(pictures))
    down = -(-len(pictures) // across)
    width, gap = 1.72, 0.1
    tallest = width * min(2.0, max(p.shape[0] / p.shape[1] for p in pictures))
    step = tallest + 0.16 * max(text.count("\n") + 1 for text in texts) + 2 * gap
    figure = new_figure(across * (width + gap) + gap, down * step, pad=None)
    for k, (picture, text) in enumerate(zip(pictures, texts, strict=True)):
        ax = place(figure, gap + k % across * (width + gap), gap + k // across * step, width, tallest)
        ax.set_anchor("NW")
        picture_axes(ax)
        ax.imshow(picture)
        ax.set_xlabel(text, fontsize=TEXT_SIZE - 0.5, color=INK, loc="left", linespacing=1.3)
    return plain_texts(figure)
