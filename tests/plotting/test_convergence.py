"""Several trainings in one panel: the points are those of the histories, and the best of each is marked."""

import numpy as np
import pandas as pd
import pytest

from skinzoo.errors import ConfigError
from skinzoo.plotting import convergence_curves
from skinzoo.training import History

FAST = [{"epoch": 1.0, "step": 50.0, "seconds": 9.0, "val_macro_f1": 0.5, "val_loss": 1.0},
        {"epoch": 2.0, "step": 100.0, "seconds": 18.0, "val_macro_f1": 0.7, "val_loss": 0.6},
        {"epoch": 3.0, "step": 150.0, "seconds": 27.0, "val_macro_f1": 0.6, "val_loss": 0.8}]  # fmt: skip
SLOW = {"epoch": [1, 2, 3, 4], "step": [10, 20, 30, 40], "val_macro_f1": [0.1, None, "", 0.3], "val_loss": [2, 2, 1, 1]}


def drawn(figure):
    """(x, y, best x) of each line, in order."""
    found = []
    for line in figure.axes[0].lines:
        (at,) = line.get_markevery() or (None,)
        x = line.get_xdata()
        found.append((list(x), list(line.get_ydata()), None if at is None else x[at]))
    return found


def legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_points_and_the_best_of_each():
    figure = convergence_curves({"fast": FAST, "slow": SLOW}, "val_macro_f1")
    assert drawn(figure) == [([1, 2, 3], [0.5, 0.7, 0.6], 2), ([1, 4], [0.1, 0.3], 4)]
    assert legend(figure) == ["0.700  fast", "0.300  slow"]
    ax = figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epochs", "val macro f1")
    assert ax.get_legend().get_title().get_text() == "highest value"


def test_of_a_loss_the_lowest_is_best_and_the_first_of_equal_ones():
    figure = convergence_curves({"fast": FAST, "slow": SLOW})
    assert [best for _, _, best in drawn(figure)] == [2, 3]
    assert legend(figure) == ["0.600  fast", "1.000  slow"]
    assert figure.axes[0].get_legend().get_title().get_text() == "lowest value"


@pytest.mark.parametrize(
    "form",
    [
        lambda: {name: [row[name] for row in FAST] for name in FAST[0]},
        lambda: pd.DataFrame(FAST),
        lambda: [{name: str(value) for name, value in row.items()} for row in FAST],  # as csv.DictReader gives it
    ],
)
def test_all_forms_of_a_history_mean_the_same(form):
    assert drawn(convergence_curves({"a": form()}, "val_macro_f1")) == drawn(
        convergence_curves({"a": FAST}, "val_macro_f1")
    )


def test_what_a_trainer_returns_is_drawn_as_it_is():
    history = History()
    history.rows += [dict(row) for row in FAST]
    assert drawn(convergence_curves({"a": history})) == drawn(convergence_curves({"a": FAST}))


def test_the_x_axis():
    assert convergence_curves({"a": FAST}, x="step").axes[0].get_xlabel() == "optimiser steps"
    assert drawn(convergence_curves({"a": FAST}, x="seconds"))[0][0] == [9, 18, 27]
    without = {name: values for name, values in SLOW.items() if name != "epoch"}
    assert convergence_curves({"a": FAST, "b": without}).axes[0].get_xlabel() == "optimiser steps"
    bare = {"val_loss": [3.0, 2.0]}
    figure = convergence_curves({"a": FAST, "b": bare})
    assert figure.axes[0].get_xlabel() == "evaluations"
    assert drawn(figure)[1][0] == [1, 2]
    with pytest.raises(ConfigError, match=r"history of 'b' has no column 'step'; it has val_loss"):
        convergence_curves({"a": FAST, "b": bare}, x="step")


def test_a_training_without_a_value_is_listed_and_not_drawn():
    figure = convergence_curves({"fast": FAST, "never": {"epoch": [1, 2], "val_loss": [np.nan, None]}})
    assert legend(figure) == ["0.600  fast", "n/a  never"]
    assert drawn(figure)[1] == ([], [], None)


def test_each_look_differs_and_dollars_stay():
    figure = convergence_curves({f"$run$ {k}": FAST for k in range(8)}, value_label="macro F1", title="a title")
    looks = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in figure.axes[0].lines}
    assert len(looks) == 8
    assert figure.axes[0].get_ylabel() == "macro F1"
    assert figure.axes[0].get_title(loc="left") == "a title"
    figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("histories", "message"),
    [
        ({}, "no convergence curve to draw"),
        ([FAST], "must map names to curves; got list"),
        ({"a": []}, "history of 'a' needs at least one row"),
        ({"a": {"epoch": [1], "val_loss": [1, 2]}}, "history of 'a' needs .* columns of equal length"),
        ({"a": [1, 2]}, r"history of 'a' must be a History, columns by name, or one mapping a row; got \[1, 2\]"),
        ({"a": [{"epoch": 1, "val_dice": 0.5}]}, "history of 'a' has no column 'val_loss'; it has epoch, val_dice"),
        ({"a": [{"epoch": 1, "val_loss": None}]}, "'val_loss' is defined in no row of any history"),
    ],
)
def test_bad_input(histories, message):
    with pytest.raises(ConfigError, match=message):
        convergence_curves(histories)
