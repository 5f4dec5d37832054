"""Figures of groups of images: forests, bars with intervals, histograms, mistakes, confusion shares."""

import numpy as np
import pytest
from drawn import texts_of
from matplotlib.patches import StepPatch

from skinzoo.errors import ConfigError
from skinzoo.plotting import (
    ForestRow,
    best_median_worst,
    confusion_matrix_heatmap,
    dice_histogram,
    forest_plot,
    heatmap_overlay,
    mistakes_grid,
    per_class_bars,
    score_distributions,
)
from skinzoo.plotting.style import FEW

PICTURE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
HEAT = np.linspace(0, 1, 1200).reshape(30, 40)


class TestForest:
    ROWS = (
        ForestRow("sex", "female", 0.8, 0.7, 0.9, 1200),
        ("sex", "male", 0.75),
        ("age", "under 30", 0.5, 0.2, 0.8, 12, "only 3 melanomas"),
        ("age", "unknown", np.nan, np.nan, np.nan, 4, "fewer than 20"),
    )

    def test_texts_dots_and_intervals(self):
        figure = forest_plot(self.ROWS, reference=0.78, title="Recall", value_label="recall")
        said = texts_of(figure)
        for text in ("sex", "age", "female", "0.80 (0.70-0.90)", "1,200", "0.75", "n/a", "fewer than 20", "Recall"):
            assert text in said, text
        assert "overall 0.78" in said
        assert figure.axes[0].get_xlabel() == "recall"
        drawn = [line for line in figure.axes[0].lines if line.get_linestyle() == "-" or line.get_marker() == "o"]
        dots = [line for line in drawn if line.get_marker() == "o"]
        assert [line.get_xdata()[0] for line in dots] == [0.8, 0.75, 0.5]
        assert [list(line.get_xdata()) for line in drawn if len(line.get_xdata()) == 2] == [[0.7, 0.9], [0.2, 0.8]]
        assert [line.get_markerfacecolor() for line in dots] == [FEW[0], FEW[0], "white"]
        heights = [line.get_ydata()[0] for line in dots]
        assert heights == sorted(heights)  # from the top down

    def test_negative_values(self):
        said = texts_of(forest_plot([("", "a", -0.01, -0.02, 0.01)], reference=0, reference_label="none"))
        assert "-0.01 (-0.02 to 0.01)" in said

    def test_all_undefined(self):
        assert "n/a" in texts_of(forest_plot([("", "a", np.nan)], reference=np.nan))

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            (("", "a"), r"row 0 must be \(group, label, value"),
            (("", "a", 0.5, 0.6, 0.4), "from low to high"),
            (("", "a", "high"), "must be a number"),
            (("", "a", 0.5, 0.4, 0.6, 2.5), "n a whole number"),
            (("", "a", np.nan, 0.4, 0.6), "has an interval but no value"),
            (("", "a", np.inf), "finite numbers or NaN"),
        ],
    )
    def test_bad_rows(self, row, message):
        with pytest.raises(ConfigError, match=message):
            forest_plot([row])

    def test_no_rows(self):
        with pytest.raises(ConfigError, match="no row to draw"):
            forest_plot([])


class TestBarsWithIntervals:
    def test_error_bars_and_texts(self):
        scores = {"a": {"f1": 0.5, "auc": 0.9}, "b": {"f1": np.nan, "auc": 1.0}}
        intervals = {"a/f1": (0.4, 0.6), "b/auc": (np.nan, np.nan), "a/auc": (0.8, 1), "macro_f1": (0, 1)}
        figure = per_class_bars(scores, ("f1", "auc"), intervals=intervals)
        ax = figure.axes[0]
        assert [text.get_text() for text in ax.texts] == ["0.50 (0.40-0.60)", "n/a", "0.90 (0.80-1.00)", "1.00"]
        assert [tuple(line.get_xdata()) for line in ax.lines[::2]] == [(0.4, 0.6), (0.8, 1.0)]

    @pytest.mark.parametrize("bad", [(0.6, 0.4), (0.5,), (np.nan, 0.5)])
    def test_bad_intervals(self, bad):
        with pytest.raises(ConfigError, match="interval of 'a/f1'"):
            per_class_bars({"a": {"f1": 0.5}}, ("f1",), intervals={"a/f1": bad})


class TestHistograms:
    def test_dice_mean_median_and_share_below(self):
        dice = np.array([0.2, 0.6, 0.7, 0.9, 1.0, np.nan])
        figure = dice_histogram(dice, iou=dice / (2 - dice), threshold=0.7)
        said = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        assert said[:3] == ["Dice of 5 images", "mean 0.680", "median 0.700"]
        assert "below 0.7: 40.0% (2)" in said  # 0.7 itself is not below
        assert "undefined: 1" in said
        assert next(p for p in figure.axes[0].patches if isinstance(p, StepPatch)).get_data().values.sum() == 5
        marks = {line.get_label(): line.get_xdata()[0] for line in figure.axes[0].lines}
        assert marks == pytest.approx({"threshold": 0.7, "mean": 0.68, "median": 0.7})

    @pytest.mark.parametrize(
        ("dice", "more", "message"),
        [
            ([], {}, "no defined dice"),
            ([np.nan], {}, "no defined dice to draw: got 1 values"),
            ([70], {}, r"dice must lie in \[0, 1\] or be NaN; got 70"),
            (["x"], {}, "dice must be a list of numbers"),
            ([0.5], {"threshold": 70}, r"threshold must lie in \[0, 1\]"),
            ([0.5], {"iou": [[0.5]]}, "iou must be a list of numbers; got an array of shape"),
        ],
    )
    def test_bad_dice(self, dice, more, message):
        with pytest.raises(ConfigError, match=message):
            dice_histogram(dice, **more)

    def test_scores_by_class(self):
        figure = score_distributions(
            {"nevus": [0.1, 0.1, 0.6, 0.2], "melanoma": [0.9, 0.5], "none": []}, positive=["melanoma"], threshold=0.5
        )
        ax = figure.axes[0]
        labels = [t.get_text() for t in ax.get_yticklabels()]
        assert labels == ["nevus\nn = 4", "+ melanoma\nn = 2", "none\nn = 0"]
        assert [t.get_text() for t in ax.texts] == ["25%", "100%", "n/a: no images", "\u2265 0.50"]
        tops = [0.92 + k - p.get_data().values for k, p in enumerate(ax.patches)]
        np.testing.assert_allclose([top.max() for top in tops], 0.84)  # each as high as the others
        assert tops[0][4] == pytest.approx(0.84)  # two of four in the bin of 0.1
        assert ax.patches[0].get_facecolor() != ax.patches[1].get_facecolor()

    @pytest.mark.parametrize(
        ("scores", "more", "message"),
        [
            ({}, {}, "no score distribution to draw"),
            ({"a": []}, {}, "every class is empty"),
            ({"a": [np.nan]}, {}, r"a score of 'a' must lie in \[0, 1\]; got nan"),
            ({"a": [0.5]}, {"positive": ["b"]}, "positive names 'b'"),
        ],
    )
    def test_bad_scores(self, scores, more, message):
        with pytest.raises(ConfigError, match=message):
            score_distributions(scores, **more)


class TestPictures:
    def test_mistakes_beside_their_heatmaps(self):
        figure = mistakes_grid([PICTURE, PICTURE], ["first", "second"], [HEAT, None])
        first, overlay, second, nothing, key = figure.axes
        np.testing.assert_array_equal(first.images[0].get_array(), PICTURE)
        np.testing.assert_array_equal(overlay.images[0].get_array(), heatmap_overlay(PICTURE, HEAT))
        assert (first.get_xlabel(), second.get_xlabel()) == ("first", "second")
        assert not nothing.images
        assert nothing.texts[0].get_text() == "no Grad-CAM"
        assert key.texts[0].get_text() == "Grad-CAM: low to high relevance"
        assert overlay.get_position().x0 > first.get_position().x1

    def test_without_heatmaps_it_is_a_grid(self):
        assert [ax.get_xlabel() for ax in mistakes_grid([PICTURE] * 2, ["a", "b"]).axes] == ["a", "b"]

    def test_what_does_not_fit(self):
        with pytest.raises(ConfigError, match="1 images, 1 texts, 2 heatmaps"):
            mistakes_grid([PICTURE], ["a"], [HEAT, HEAT])
        with pytest.raises(ConfigError, match="image's size"):
            mistakes_grid([PICTURE], ["a"], [HEAT.T])
        for heatmaps in (None, []):
            with pytest.raises(ConfigError, match="at least one image"):
                mistakes_grid([], [], heatmaps)
        with pytest.raises(ConfigError, match="columns"):
            mistakes_grid([PICTURE], ["a"], columns=0)

    def test_best_median_and_worst(self):
        scores = [0.5, np.nan, 0.9, 0.1, 0.7, 0.3]
        assert best_median_worst(scores) == [(2, "best, 0.900"), (0, "median, 0.500"), (3, "worst, 0.100")]
        assert [k for k, _ in best_median_worst(scores, each=2)] == [2, 4, 0, 5, 3]  # five images, each once
        assert best_median_worst([0.4]) == [(0, "best, 0.400")]
        assert best_median_worst([0.4, 0.6]) == [(1, "best, 0.600"), (0, "worst, 0.400")]
        for bad, each in (([], 1), ([np.nan], 1), ([0.5], 0)):
            with pytest.raises(ConfigError, match="at least one defined score"):
                best_median_worst(bad, each=each)


class TestConfusionShares:
    COUNTS = np.array([[6, 2, 0], [2, 30, 0], [0, 0, 0]])

    def cells(self, **more):
        ax = confusion_matrix_heatmap(self.COUNTS, ["a", "b", "c"], **more).axes[0]
        return [text.get_text() for text in ax.texts], ax.images[0].get_array(), ax.figure.axes[1].get_ylabel()

    def test_of_the_true_class(self):
        texts, shares, label = self.cells(normalise="true")
        assert texts[:2] == ["75%\n6", "25%\n2"]
        np.testing.assert_allclose(shares[:2], self.COUNTS[:2] / self.COUNTS[:2].sum(1, keepdims=True))
        assert label == "share of the true class"

    def test_of_the_predicted_class(self):
        texts, shares, label = self.cells(normalise="predicted")
        assert texts[4] == "94%\n30"
        np.testing.assert_allclose(shares[:, :2], self.COUNTS[:, :2] / self.COUNTS[:, :2].sum(0))
        assert shares.mask[:, 2].all()  # a class that is never predicted has no precision
        assert not shares.mask[2, :2].any()
        assert label == "share of the predicted class"

    def test_many_classes_show_one_number(self):
        counts = np.diag([1234] * 13) + 1
        names = [f"kind of lesion {k}" for k in range(13)]
        figure = confusion_matrix_heatmap(counts, names)
        assert {text.get_text() for text in figure.axes[0].texts} == {"1", "1.2k"}
        assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == [str(k) for k in range(1, 14)]
        assert figure.axes[0].get_yticklabels()[12].get_text() == "kind of lesion 12 (n = 1,247)  13"
        shares = confusion_matrix_heatmap(counts, names, normalise="true")
        assert {text.get_text() for text in shares.axes[0].texts} == {"<1", "99"}

    def test_unknown_normalisation(self):
        with pytest.raises(ConfigError, match="None, 'true' or 'predicted'; got 'all'"):
            self.cells(normalise="all")
