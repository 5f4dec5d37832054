"""The examples of a report on its page: small pictures with their captions, in as many columns as fit."""

from __future__ import annotations

import io
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinzoo import html

if TYPE_CHECKING:
    from skinzoo.evaluation.report import Example, Report

STYLE = """
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: .75rem; }
.gallery > div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .7rem;
  min-width: 0; font-size: .875rem; line-height: 1.4; }
.gallery .two { display: grid; grid-template-columns: 1fr 1fr; gap: .4rem; margin-bottom: .4rem; }
.gallery img { display: block; width: 100%; border-radius: 6px; }
.gallery b, .gallery span { display: block; overflow-wrap: anywhere; }
.gallery span { color: var(--soft); }
.key { display: inline-block; width: 1.4em; height: .35em; border-radius: 2px; margin-right: .35em;
  vertical-align: middle; }
.key.heat { width: 5em; height: .6em;
  background: linear-gradient(90deg, #440154, #3b528b, #21918c, #5ec962, #fde725); }
"""
MAX_SIDE = 256
"""Pixels; a picture with a longer side is shrunk to it."""
TRUTH, PREDICTED = (25, 242, 155), (255, 62, 209)
"""Colours of the outlines."""


def masks_gallery(report: Report) -> str:
    """Pictures over the range of Dice, each beside itself with both outlines."""
    shown = [e for e in report.examples if e.kind == "range" and e.truth is not None and e.predicted is not None]
    if not shown:
        return ""
    keys = "".join(
        f'<span class="key" style="background:rgb{colour}"></span>{name} '
        for name, colour in (("truth", TRUTH), ("prediction", PREDICTED))
    )
    text = f"{len(shown)} of {_masks(report):,} pictures, from the best to the worst Dice, evenly over the ranks. "
    cards = [_card(e, outlined(e), "true and predicted outline", e.remark) for e in shown]
    return f'{html.heading("From the best to the worst mask")}<p class="about">{text}{keys}</p>{_grid(cards)}'


def mistakes_gallery(report: Report) -> str:
    """The most confident mistakes, each beside the heatmap of what the model said."""
    shown = [e for e in report.examples if e.kind == "mistake"]
    if not shown or report.label_space is None:
        return ""
    heated = any(e.heatmap is not None for e in shown)
    text = f"The {len(shown)} wrong predictions with the highest probability"
    text += ", each beside the Grad-CAM of what was predicted. " if heated else "."
    key = '<span class="key heat"></span>low to high relevance' if heated else ""
    cards = [_card(e, _overlay(e), "Grad-CAM of the prediction", verdict(report, e)) for e in shown]
    return f'{html.heading("Confident mistakes")}<p class="about">{text}{key}</p>{_grid(cards)}'


def verdict(report: Report, example: Example) -> str:
    """What the class is, and what was said."""
    assert report.label_space is not None
    assert example.probabilities is not None
    assert example.label is not None
    best = int(example.probabilities.argmax())
    codes = report.label_space.classes
    return f"{codes[example.label]}, predicted {codes[best]} ({example.probabilities[best]:.0%})"


def outlined(example: Example) -> NDArray[np.uint8]:
    """The picture with the edge of the true mask and that of the predicted one."""
    picture = example.image.copy()
    wide = max(1, round(min(picture.shape[:2]) / 110))
    for mask, colour in ((example.truth, TRUTH), (example.predicted, PREDICTED)):
        if mask is not None:
            picture[_edge(mask, wide)] = colour
    return picture


def _edge(mask: NDArray[np.bool_], wide: int) -> NDArray[np.bool_]:
    """Pixels of a mask with a neighbour outside of it, `wide` steps deep; the rim of the picture counts as outside."""
    inner = mask
    for _ in range(wide):
        p = np.pad(inner, 1)
        inner = inner & p[:-2, 1:-1] & p[2:, 1:-1] & p[1:-1, :-2] & p[1:-1, 2:]
    edge: NDArray[np.bool_] = mask & ~inner
    return edge


def _overlay(example: Example) -> NDArray[np.uint8] | None:
    from skinzoo.plotting import heatmap_overlay

    return None if example.heatmap is None else heatmap_overlay(example.image, example.heatmap)


def _masks(report: Report) -> int:
    return len(report.outcome.mask_rows)


def _grid(cards: list[str]) -> str:
    return f'<div class="gallery">{"".join(cards)}</div>'


def _card(example: Example, second: NDArray[np.uint8] | None, what: str, text: str) -> str:
    pictures = [(f"{example.id}", example.image)] + ([] if second is None else [(f"{example.id}: {what}", second)])
    shown = "".join(html.image(alt, _jpeg(pixels), kind="jpeg") for alt, pixels in pictures)
    return f'<div><div class="two">{shown}</div><b>{escape(example.id)}</b><span>{escape(text)}</span></div>'


def _jpeg(pixels: NDArray[Any]) -> bytes:
    picture = Image.fromarray(pixels)
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85, subsampling=0)  # thin coloured outlines need every pixel's colour
    return buffer.getvalue()
