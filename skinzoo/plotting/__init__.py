"""Figures from arrays and metrics. Nothing here touches pyplot; `save_figure` writes them."""

from skinzoo.plotting.bars import per_class_bars
from skinzoo.plotting.comparison import model_comparison
from skinzoo.plotting.confusion import confusion_matrix_heatmap
from skinzoo.plotting.convergence import convergence_curves
from skinzoo.plotting.curves import learning_curves
from skinzoo.plotting.decision import decision_curves
from skinzoo.plotting.distributions import dice_histogram, score_distributions
from skinzoo.plotting.explanations import explanation_panel, heatmap_overlay
from skinzoo.plotting.forest import ForestRow, forest_plot
from skinzoo.plotting.grid import picture_grid
from skinzoo.plotting.masks import best_median_worst, segmentation_panels
from skinzoo.plotting.mistakes import mistakes_grid
from skinzoo.plotting.precision_recall import precision_recall_curves
from skinzoo.plotting.reliability import reliability_diagram
from skinzoo.plotting.robustness import robustness_curves, robustness_table
from skinzoo.plotting.roc import roc_curves
from skinzoo.plotting.saving import EncodedFigure, encoded_figure, figure_bytes, save_figure
from skinzoo.plotting.selective import risk_coverage_curves

__all__ = [
    "EncodedFigure",
    "ForestRow",
    "best_median_worst",
    "confusion_matrix_heatmap",
    "convergence_curves",
    "decision_curves",
    "dice_histogram",
    "encoded_figure",
    "explanation_panel",
    "figure_bytes",
    "forest_plot",
    "heatmap_overlay",
    "learning_curves",
    "mistakes_grid",
    "model_comparison",
    "per_class_bars",
    "picture_grid",
    "precision_recall_curves",
    "reliability_diagram",
    "risk_coverage_curves",
    "robustness_curves",
    "robustness_table",
    "roc_curves",
    "save_figure",
    "score_distributions",
    "segmentation_panels",
]
