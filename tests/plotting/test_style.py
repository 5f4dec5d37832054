"""Plotting has no side effects: pyplot stays unimported, matplotlib's settings untouched, figures can be saved."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from skinzoo.errors import ConfigError
from skinzoo.plotting import (
    confusion_matrix_heatmap,
    explanation_panel,
    learning_curves,
    per_class_bars,
    picture_grid,
    roc_curves,
    segmentation_panels,
)
from skinzoo.plotting.style import FEW, MANY, wrapped

PICTURE = np.full((30, 40, 3), 200, np.uint8)
MASK = np.pad(np.ones((10, 20), np.uint8), 10)

FIGURES = {
    "curves": lambda: learning_curves({"epoch": [1, 2], "train_loss": [2.0, 1.0], "lr": [1e-3, 1e-5]}, best_epoch=2),
    "confusion": lambda: confusion_matrix_heatmap([[3, 1], [0, 0]], ["a", "b"]),
    "masks": lambda: segmentation_panels([PICTURE], [MASK], [1 - MASK]),
    "explanation": lambda: explanation_panel(PICTURE, np.full((30, 40), 0.5), "title"),
    "roc": lambda: roc_curves({"a": ([0, 0.5, 1], [0, 0.8, 1])}),
    "bars": lambda: per_class_bars({"a": {"precision": 1.0, "recall": 0.5, "f1": np.nan}}),
    "grid": lambda: picture_grid([PICTURE], ["caption"]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_can_be_saved_as_png(name, tmp_path):
    path = tmp_path / "figure.png"
    FIGURES[name]().savefig(path)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert np.asarray(picture.convert("L")).std() > 1  # something is drawn


def test_pyplot_is_not_imported_and_settings_stay_as_they_are():
    code = """
import io, sys, matplotlib
import numpy as np
before = dict(matplotlib.rcParams)
from skinzoo.plotting import *
picture, mask = np.zeros((8, 9, 3), np.uint8), np.eye(8, 9, dtype=np.uint8)
for figure in (
    learning_curves({"val_loss": [1.0]}),
    confusion_matrix_heatmap([[1]], ["a"]),
    segmentation_panels([picture], [mask], [mask]),
    explanation_panel(picture, np.zeros((8, 9))),
    roc_curves({"a": ([0, 1], [0, 1])}),
    per_class_bars({"a": {"f1": 1.0}}, ["f1"]),
    picture_grid([picture], ["a"]),
    mistakes_grid([picture], ["a"], [np.zeros((8, 9))]),
    precision_recall_curves({"a": ([1, 0.5], [0, 1])}),
    reliability_diagram(([0.5], [0.5], [1], [0.1], [0.9])),
    risk_coverage_curves({"a": ([1], [0.1])}),
    decision_curves({"a": ([0], [0.1])}, prevalence=0.1),
    forest_plot([("", "a", 0.5)]),
    dice_histogram([0.5], threshold=0.7),
    score_distributions({"a": [0.5]}),
):
    figure.savefig(io.BytesIO())
    figure_bytes(figure, "svg")
assert dict(matplotlib.rcParams) == before
assert "matplotlib.pyplot" not in sys.modules
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], check=True)


def test_colours_are_all_different():
    assert len(set(FEW)) == len(FEW) == 6
    assert len(set(MANY)) == len(MANY) == 9


def test_names_are_wrapped_but_never_lost():
    assert wrapped(["basal cell carcinoma", "x" * 30, ""], 12) == ["basal cell\ncarcinoma", "x" * 30, " "]


@pytest.mark.parametrize("bad", [PICTURE[..., 0], PICTURE / 255, PICTURE.transpose(2, 0, 1), PICTURE[:0]])
def test_only_uint8_rgb_pictures(bad):
    with pytest.raises(ConfigError, match=r"uint8 RGB array of shape \(H, W, 3\)"):
        picture_grid([bad], ["x"])
    with pytest.raises(ConfigError, match="image 0"):
        segmentation_panels([bad], [MASK], [MASK])
    with pytest.raises(ConfigError, match="uint8 RGB"):
        explanation_panel(bad, np.zeros((30, 40)))
