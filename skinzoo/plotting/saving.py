"""Figures as files: the same data gives the same bytes, and nobody sees half a file."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from skinzoo.errors import ConfigError
from skinzoo.files import atomic_path

DPI = 150
FORMATS = ("png", "svg", "pdf")
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}
_SETTINGS: Any = {"svg.hashsalt": "skinzoo", "svg.fonttype": "none", "pdf.fonttype": 42, "path.simplify": True}
_SETTINGS_LOCK = threading.Lock()
_SMALL = 150_000  # bytes; a larger SVG is slow to show


class EncodedFigure(NamedTuple):
    """A figure's file, to be held in a page.

    Attributes:
        format: `"svg"` or `"png"`.
        data: The file's content.
    """

    format: str
    data: bytes


def save_figure(figure: Figure, stem: str | os.PathLike[str], formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Write a figure to files, each complete or not at all.

    PNG has 150 dots per inch; SVG and PDF hold text as text. Equal data gives equal bytes with the same version of
    matplotlib: no date, no random ids.

    Args:
        figure: Any matplotlib figure.
        stem: Path without suffix; folders are made. `"report/roc"` gives `report/roc.png` and `report/roc.svg`.
        formats: Of `"png"`, `"svg"`, `"pdf"`.

    Returns:
        The paths, in the order of `formats`.

    Raises:
        ConfigError: No format or an unknown one; nothing is written.
    """
    if isinstance(formats, str) or not formats or any(f not in FORMATS for f in formats):
        raise ConfigError(f"formats must be some of {', '.join(FORMATS)}, in a list; got {formats!r}.")
    stem = Path(stem)
    contents = {f: figure_bytes(figure, f) for f in formats}
    paths = []
    for suffix, content in contents.items():
        target = stem.with_name(f"{stem.name}.{suffix}")
        with atomic_path(target) as temporary:
            temporary.write_bytes(content)
        paths.append(target)
    return paths


def figure_bytes(figure: Figure, format: str = "png") -> bytes:
    """A figure's file as `save_figure` writes it.

    Args:
        figure: Any matplotlib figure.
        format: `"png"`, `"svg"` or `"pdf"`.

    Raises:
        ConfigError: There is no such format.
    """
    if format not in FORMATS:
        raise ConfigError(f"format must be one of {', '.join(FORMATS)}; got {format!r}.")
    buffer = io.BytesIO()
    with _fixed_settings():
        figure.savefig(buffer, format=format, dpi=DPI, metadata=_METADATA[format])
    return buffer.getvalue()


def encoded_figure(figure: Figure) -> EncodedFigure:
    """A figure for a page that holds its pictures: SVG where that is small, PNG for pictures and crowded figures."""
    if not any(np.ndim(image.get_array()) == 3 for ax in figure.axes for image in ax.images):  # type: ignore[arg-type]
        svg = figure_bytes(figure, "svg")
        if len(svg) <= _SMALL:
            return EncodedFigure("svg", svg)
    return EncodedFigure("png", figure_bytes(figure, "png"))


@contextmanager
def _fixed_settings() -> Iterator[None]:
    """Matplotlib keeps these settings for the whole process: one thread changes them at a time, and puts them back."""
    with _SETTINGS_LOCK, matplotlib.rc_context(_SETTINGS):
        yield
