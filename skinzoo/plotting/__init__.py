"""Figures from arrays and metrics. Nothing here touches pyplot; save with `figure.savefig("name.png")`."""

from skinzoo.plotting.bars import per_class_bars
from skinzoo.plotting.confusion import confusion_matrix_heatmap
from skinzoo.plotting.curves import learning_curves
from skinzoo.plotting.explanations import explanation_panel, heatmap_overlay
from skinzoo.plotting.grid import picture_grid
from skinzoo.plotting.masks import segmentation_panels
from skinzoo.plotting.roc import roc_curves

__all__ = [
    "confusion_matrix_heatmap",
    "explanation_panel",
    "heatmap_overlay",
    "learning_curves",
    "per_class_bars",
    "picture_grid",
    "roc_curves",
    "segmentation_panels",
]
