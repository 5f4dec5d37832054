"""The other figures show the numbers that they were given."""

import numpy as np
import pytest

from skinzoo.errors import ConfigError, MaskError
from skinzoo.metrics import classification_metrics, roc_auc, roc_curve, roc_curves_ovr
from skinzoo.plotting import (
    confusion_matrix_heatmap,
    explanation_panel,
    heatmap_overlay,
    per_class_bars,
    picture_grid,
    roc_curves,
    segmentation_panels,
)

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)
MASK = np.pad(np.ones((10, 20), np.uint8), 10)


class TestConfusionMatrix:
    COUNTS = np.array([[1500, 500, 3], [0, 4, 1], [0, 0, 0]])

    def test_counts_percentages_and_colours(self):
        ax = confusion_matrix_heatmap(self.COUNTS, ["melanoma", "nevus", "absent"]).axes[0]
        cells = [text.get_text() for text in ax.texts]
        assert cells == ["1,500\n75%", "500\n25%", "3\n<1%", "0", "4\n80%", "1\n20%", "0", "0", "0"]
        shares = ax.images[0].get_array()
        np.testing.assert_allclose(shares[:2], self.COUNTS[:2] / self.COUNTS[:2].sum(1, keepdims=True))
        assert shares.mask[2].all()

    def test_rows_are_the_truth_and_name_their_support(self):
        ax = confusion_matrix_heatmap(self.COUNTS, ["melanoma", "nevus", "absent"]).axes[0]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
        assert [t.get_text() for t in ax.get_xticklabels()] == ["melanoma", "nevus", "absent"]
        assert [t.get_text() for t in ax.get_yticklabels()] == ["melanoma\nn = 2,003", "nevus\nn = 5", "absent\nn = 0"]

    def test_many_classes_show_counts_only(self):
        ax = confusion_matrix_heatmap(np.ones((15, 15), int), [f"c{k}" for k in range(15)]).axes[0]
        assert {text.get_text() for text in ax.texts} == {"1"}

    @pytest.mark.parametrize("bad", [np.ones((2, 3), int), np.ones((2, 2), int), np.eye(3) / 3, -np.eye(3, dtype=int)])
    def test_bad_matrices(self, bad):
        with pytest.raises(ConfigError, match=r"counts .* shape \(3, 3\)"):
            confusion_matrix_heatmap(bad, ["a", "b", "c"])


class TestSegmentationPanels:
    def test_columns_masks_and_scores(self):
        other = np.roll(MASK, 5, axis=1)
        figure = segmentation_panels([PICTURE, PICTURE], [MASK, MASK], [MASK, other], ["first", "second"])
        first, second = figure.axes[:4], figure.axes[4:]
        assert [ax.get_title() for ax in first] == ["image", "truth", "prediction", "overlay"]
        assert [row[0].get_xlabel() for row in (first, second)] == ["first", "second"]
        assert first[3].get_xlabel() == "Dice 1.000   IoU 1.000"
        assert second[3].get_xlabel() == f"Dice {2 * 150 / 400:.3f}   IoU {150 / 250:.3f}"
        np.testing.assert_array_equal(second[0].images[0].get_array(), PICTURE)
        np.testing.assert_array_equal(second[1].images[0].get_array(), MASK)
        np.testing.assert_array_equal(second[2].images[0].get_array(), other)
        assert [t.get_text() for t in figure.legends[0].get_texts()] == ["truth", "prediction"]

    def test_outlines_run_around_the_masks(self):
        prediction = np.zeros_like(MASK)
        prediction[:5, :5] = 1  # touches the border
        overlay = segmentation_panels([PICTURE], [MASK], [prediction]).axes[3]
        boxes = [lines.get_paths()[0].get_extents().extents.tolist() for lines in overlay.collections]
        assert boxes == [[9.5, 9.5, 29.5, 19.5], [-0.5, -0.5, 4.5, 4.5]]
        assert overlay.get_xlim() == (-0.5, 39.5)
        assert overlay.get_ylim() == (29.5, -0.5)

    def test_empty_masks_have_no_outline(self):
        overlay = segmentation_panels([PICTURE], [0 * MASK], [0 * MASK]).axes[3]
        assert not overlay.collections
        assert overlay.get_xlabel() == "Dice 1.000   IoU 1.000"

    def test_what_does_not_fit(self):
        with pytest.raises(ConfigError, match="equally many"):
            segmentation_panels([PICTURE], [MASK], [])
        with pytest.raises(ConfigError, match="at least one"):
            segmentation_panels([], [], [])
        with pytest.raises(ConfigError, match=r"its size \(30, 40\)"):
            segmentation_panels([PICTURE], [MASK], [MASK.T])
        with pytest.raises(MaskError, match="0 and 1 only"):
            segmentation_panels([PICTURE], [255 * MASK], [MASK])


class TestHeatmaps:
    def test_no_heat_leaves_the_image_and_full_heat_is_the_colour(self):
        from matplotlib import colormaps

        cold, hot = np.zeros((30, 40)), np.ones((30, 40), np.float32)
        np.testing.assert_array_equal(heatmap_overlay(PICTURE, cold), PICTURE)
        np.testing.assert_array_equal(heatmap_overlay(PICTURE, hot, alpha=0.0), PICTURE)
        yellow = np.rint(np.array(colormaps["viridis"](1.0)[:3]) * 255)
        np.testing.assert_array_equal(heatmap_overlay(PICTURE, hot, alpha=1.0)[3, 4], yellow)
        mixed = heatmap_overlay(PICTURE, hot)
        assert mixed.dtype == np.uint8
        np.testing.assert_allclose(mixed[3, 4], 0.55 * PICTURE[3, 4] + 0.45 * yellow, atol=0.51)

    def test_panel_has_both_pictures_and_the_title(self):
        heat = RNG.random((30, 40))
        figure = explanation_panel(PICTURE, heat, "melanoma (91%)")
        left, right, bar = figure.axes
        np.testing.assert_array_equal(left.images[0].get_array(), PICTURE)
        np.testing.assert_array_equal(right.images[-1].get_array(), heatmap_overlay(PICTURE, heat))
        assert left.get_title(loc="left") == "melanoma (91%)"
        assert [t.get_text() for t in bar.get_yticklabels()] == ["low", "high"]

    @pytest.mark.parametrize(
        ("heat", "message"),
        [
            (np.zeros((40, 30)), "image's size"),
            (np.zeros((30, 40), np.uint8), "float array"),
            (np.full((30, 40), 1.5), r"in \[0, 1\]; got values from 1.5"),
            (np.full((30, 40), np.nan), r"in \[0, 1\]"),
        ],
    )
    def test_bad_heatmaps(self, heat, message):
        with pytest.raises(ConfigError, match=message):
            heatmap_overlay(PICTURE, heat)

    def test_opacity_out_of_range(self):
        with pytest.raises(ConfigError, match="alpha"):
            heatmap_overlay(PICTURE, np.zeros((30, 40)), alpha=1.5)


class TestRocCurves:
    def test_points_and_areas(self):
        labels, scores = RNG.integers(0, 2, 50), RNG.random(50)
        ax = roc_curves({"melanoma": roc_curve(labels, scores), "chance": ([0, 1], [0, 1])}).axes[0]
        legend = [text.get_text() for text in ax.get_legend().get_texts()]
        assert legend == [f"{roc_auc(labels, scores):.3f}  melanoma", "0.500  chance"]
        line = next(line for line in ax.lines if "melanoma" in line.get_label())
        np.testing.assert_array_equal(line.get_xdata(), roc_curve(labels, scores).fpr)
        np.testing.assert_array_equal(line.get_ydata(), roc_curve(labels, scores).tpr)

    def test_no_two_of_many_classes_look_alike(self):
        names = [f"class {k}" for k in range(20)]
        labels = np.repeat(np.arange(20), 3)
        ax = roc_curves(roc_curves_ovr(labels, RNG.dirichlet(np.ones(20), 60), names)).axes[0]
        looks = {
            (line.get_color(), str(line._unscaled_dash_pattern)) for line in ax.lines if "class" in line.get_label()
        }
        assert len(looks) == 20

    @pytest.mark.parametrize(
        "bad", [([0, 1],), ([0, 1], [0, 0.5, 1]), ([0], [0]), ([0, np.nan], [0, 1]), ([0, 2], [0, 1])]
    )
    def test_bad_curves(self, bad):
        with pytest.raises(ConfigError, match="'a' must be two equally long lists of rates"):
            roc_curves({"a": bad})

    def test_nothing_to_draw(self):
        with pytest.raises(ConfigError, match="no ROC curve"):
            roc_curves({})


class TestPerClassBars:
    def test_lengths_values_and_undefined(self):
        probabilities = [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.7, 0.3, 0.0]]
        metrics = classification_metrics([0, 1, 1], probabilities, ["nevus", "melanoma", "vascular lesion"])
        ax = per_class_bars(metrics.per_class).axes[0]
        assert [c.get_label() for c in ax.containers] == ["precision", "recall", "F1"]
        assert [bar.get_width() for bar in ax.containers[1]] == [1.0, 0.5, 0.0]
        assert [text.get_text() for text in ax.texts[3:6]] == ["1.00", "0.50", "n/a"]
        assert [t.get_text() for t in ax.get_yticklabels()] == [
            "nevus\nn = 1",
            "melanoma\nn = 2",
            "vascular lesion\nn = 0",
        ]
        assert ax.get_ylim() == (2.5, -0.5)  # the first class on top

    def test_chosen_metrics(self):
        ax = per_class_bars({"a": {"auc": 0.9, "f1": 0.5}}, ("auc",)).axes[0]
        assert [c.get_label() for c in ax.containers] == ["AUC"]

    @pytest.mark.parametrize(
        ("per_class", "metrics", "message"),
        [
            ({}, ("f1",), "at least one class"),
            ({"a": {"f1": 1.0}}, (), "1 to 6 metrics"),
            ({"a": {"f1": 1.0}}, ("auc",), "has no metric 'auc'"),
            ({"a": {"f1": 98.0}}, ("f1",), r"in \[0, 1\]"),
        ],
    )
    def test_bad_scores(self, per_class, metrics, message):
        with pytest.raises(ConfigError, match=message):
            per_class_bars(per_class, metrics)


class TestPictureGrid:
    def test_pictures_and_captions_in_order(self):
        tall = RNG.integers(0, 256, (60, 30, 3), dtype=np.uint8)
        figure = picture_grid([PICTURE, tall, PICTURE], ["a", "b\nsecond line", "c"], columns=2)
        assert [ax.get_xlabel() for ax in figure.axes] == ["a", "b\nsecond line", "c"]
        np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), tall)
        tops = [ax.get_position().y1 for ax in figure.axes]
        assert tops[0] == pytest.approx(tops[1])
        assert tops[2] < tops[0]

    @pytest.mark.parametrize(
        ("images", "captions", "columns"), [([], [], 4), ([PICTURE], [], 4), ([PICTURE], ["a"], 0)]
    )
    def test_what_makes_no_grid(self, images, captions, columns):
        with pytest.raises(ConfigError, match="at least one image"):
            picture_grid(images, captions, columns=columns)
