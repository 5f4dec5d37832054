"""What stands in the axes is what stood in the history."""

import numpy as np
import pandas as pd
import pytest

from skinzoo.errors import ConfigError
from skinzoo.plotting import learning_curves

ROWS = [
    {"epoch": 1, "step": 10, "seconds": 3, "train_loss": 1.5, "val_loss": 1.6, "val_macro_f1": 0.2, "lr": 1e-3},
    {"epoch": 2, "step": 20, "seconds": 6, "train_loss": 1.0, "val_loss": 1.2, "val_macro_f1": None, "lr": 1e-4},
    {"epoch": 3, "step": 30, "seconds": 9, "train_loss": 0.7, "val_loss": 1.1, "val_macro_f1": 0.6, "lr": 1e-5},
]


def panels(figure):
    """Title -> label -> (x, y)."""
    return {
        ax.get_title(loc="left"): {
            line.get_label(): (line.get_xdata(), line.get_ydata())
            for line in ax.lines
            if not line.get_label().startswith("_")
        }
        for ax in figure.axes
    }


def test_panels_lines_and_values():
    found = panels(learning_curves(ROWS))
    assert list(found) == ["Loss", "Macro precision, recall, F1", "Learning rate"]
    assert list(found["Loss"]) == ["train loss", "val loss"]
    np.testing.assert_array_equal(found["Loss"]["val loss"], ([1, 2, 3], [1.6, 1.2, 1.1]))
    np.testing.assert_array_equal(found["Macro precision, recall, F1"]["val F1"], ([1, 3], [0.2, 0.6]))


def test_all_panels():
    names = ["loss", "segmentation_loss", "accuracy", "macro_recall", "macro_auc", "dice", "iou"]
    history = {f"{split}/{name}": [0.1, 0.2] for split in ("train", "val") for name in names} | {
        "learning_rate": [1, 1]
    }
    found = panels(learning_curves(history))
    assert list(found) == [
        "Loss",
        "Parts of the loss",
        "Accuracy",
        "Macro precision, recall, F1",
        "Macro AUC",
        "Dice and IoU",
        "Learning rate",
    ]
    assert set(found["Dice and IoU"]) == {"train Dice", "train IoU", "val Dice", "val IoU"}


@pytest.mark.parametrize(
    "form",
    [
        lambda: {name: [row[name] for row in ROWS] for name in ROWS[0]},
        lambda: pd.DataFrame(ROWS),
        lambda: [
            {k: "" if v is None else str(v) for k, v in row.items()} for row in ROWS
        ],  # as csv.DictReader gives it
        lambda: [{k: v for k, v in row.items() if v is not None} for row in ROWS],
    ],
)
def test_rows_columns_tables_and_text_mean_the_same(form):
    expected, found = panels(learning_curves(ROWS)), panels(learning_curves(form()))
    assert {t: list(lines) for t, lines in found.items()} == {t: list(lines) for t, lines in expected.items()}
    for title, lines in expected.items():
        for label, points in lines.items():
            np.testing.assert_array_equal(found[title][label], points)


def test_x_axis_is_the_epoch_else_the_step_else_the_row():
    for dropped, name, x in (
        ((), "epoch", [1, 2, 3]),
        (("epoch",), "step", [10, 20, 30]),
        (("epoch", "step"), "row", [1, 2, 3]),
    ):
        figure = learning_curves([{k: v for k, v in row.items() if k not in dropped} for row in ROWS])
        assert {ax.get_xlabel() for ax in figure.axes} == {name}
        np.testing.assert_array_equal(figure.axes[0].lines[0].get_xdata(), x)


def test_best_epoch_is_marked_in_every_panel():
    figure = learning_curves(ROWS, best_epoch=2)
    for ax in figure.axes:
        assert [line.get_xdata()[0] for line in ax.lines if line.get_label() == "best"] == [2]
        assert "best (2)" in [text.get_text() for text in ax.texts]
    assert all("best" not in lines for lines in panels(learning_curves(ROWS)).values())


def test_learning_rate_over_decades_is_logarithmic():
    assert learning_curves({"lr": [1e-3, 1e-5]}).axes[0].get_yscale() == "log"
    assert learning_curves({"lr": [1e-3, 5e-4]}).axes[0].get_yscale() == "linear"
    assert learning_curves({"lr": [1e-3, 0.0]}).axes[0].get_yscale() == "linear"


def test_legend_names_what_the_colours_and_dashes_mean():
    loss, scores, _ = learning_curves([row | {"train_macro_f1": 0.5, "val_macro_recall": 0.1} for row in ROWS]).axes
    assert [t.get_text() for t in loss.get_legend().get_texts()] == ["train", "val"]
    assert [t.get_text() for t in scores.get_legend().get_texts()] == ["F1", "recall", "train", "val"]


def test_single_row_is_drawn_as_points():
    line = learning_curves([{"epoch": 4, "train_loss": 0.5}]).axes[0].lines[0]
    assert line.get_marker() == "o"


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ([], "at least one row"),
        ({}, "at least one row"),
        ({"loss": []}, "at least one row"),
        ({"loss": [1], "lr": [1, 2]}, "equal length"),
        ({"epoch": [1], "seconds": [2]}, "nothing to draw"),
        ({"train_loss": [float("nan")]}, "nothing to draw"),
    ],
)
def test_histories_that_cannot_be_drawn(history, message):
    with pytest.raises(ConfigError, match=message):
        learning_curves(history)
