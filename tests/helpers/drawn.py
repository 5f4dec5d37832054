"""What stands where in a figure: for tests that nothing is cut off and no two texts overlap."""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def text_boxes(figure: Figure) -> list[tuple[Text, Bbox]]:
    """Every text that is seen, with its box in pixels; tick labels beyond the limits are not seen."""
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    unseen = set()
    for ax in figure.axes:
        for axis, limits, k in ((ax.xaxis, ax.get_xlim(), 0), (ax.yaxis, ax.get_ylim(), 1)):
            for label in axis.get_ticklabels(which="both"):
                if not ax.axison or not min(limits) <= label.get_position()[k] <= max(limits):
                    unseen.add(label)
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in unseen]
    return [(t, t.get_window_extent()) for t in texts]


def assert_readable(figure: Figure, *, slack: float = 1.0) -> list[tuple[Text, Bbox]]:
    """No text leaves the figure, and no two level ones overlap by more than `slack` pixels; all are returned."""
    boxes = text_boxes(figure)
    assert boxes
    for text, box in boxes:
        assert box.x0 >= -slack, f"{text} leaves the figure at the left"
        assert box.y0 >= -slack, f"{text} leaves the figure at the bottom"
        assert box.x1 <= figure.bbox.x1 + slack, f"{text} leaves the figure at the right"
        assert box.y1 <= figure.bbox.y1 + slack, f"{text} leaves the figure at the top"
    level = [(t, box) for t, box in boxes if t.get_rotation() in (0, 90)]
    x0, y0, x1, y1 = np.array([box.extents for _, box in level]).T
    across = np.minimum.outer(x1, x1) - np.maximum.outer(x0, x0)
    down = np.minimum.outer(y1, y1) - np.maximum.outer(y0, y0)
    for k, j in np.argwhere(np.triu((across > slack) & (down > slack), 1)):
        overlap = f"{across[k, j]:.1f} x {down[k, j]:.1f}"
        raise AssertionError(f"{level[k][0]} and {level[j][0]} overlap by {overlap} pixels")
    return boxes


def texts_of(figure: Figure) -> list[str]:
    """Every text that is seen."""
    return [text.get_text() for text, _ in text_boxes(figure)]
