"""Curves show the numbers that they were given; areas are compared with scikit-learn's and with `skinzoo.metrics`."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from skinzoo.errors import ConfigError
from skinzoo.metrics import roc_curve
from skinzoo.plotting import (
    decision_curves,
    precision_recall_curves,
    reliability_diagram,
    risk_coverage_curves,
    roc_curves,
)

RNG = np.random.default_rng(0)
LABELS, SCORES = np.arange(60) % 3 == 0, RNG.random(60).round(2)
CURVE = roc_curve(LABELS, SCORES)


def legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def lines(figure):
    return {line.get_label(): line for line in figure.axes[0].lines if not line.get_label().startswith("_")}


class TestRoc:
    def test_areas_with_and_without_intervals(self):
        areas = {"a": (0.9123, 0.8812, 0.9391), "b": (0.5, np.nan, np.nan), "absent": np.nan}
        said = legend(roc_curves(dict.fromkeys("abc", ([0, 1], [0, 1])), areas=areas))
        assert said == ["0.912 (0.88-0.94)  a", "0.500 (n/a)  b", "0.500  c", "n/a  absent"]

    def test_long_names_have_their_area_below(self):
        name = "actinic keratosis / intraepithelial carcinoma"
        said = legend(roc_curves({name: CURVE}, areas={name: (0.9, 0.8, 1.0)}))
        assert said == ["actinic keratosis /\nintraepithelial carcinoma\n0.900 (0.80-1.00)"]

    def test_operating_points_lie_where_the_threshold_puts_them(self):
        figure = roc_curves({"a": CURVE}, operating_points={"a": 0.5, "readers": (0.25, 0.75)})
        sensitivity, specificity = (SCORES >= 0.5)[LABELS].mean(), (SCORES < 0.5)[~LABELS].mean()
        marks = [line.get_xydata().tolist()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
        assert marks == [pytest.approx([1 - specificity, sensitivity]), [0.25, 0.75]]
        assert f"at 0.50: sensitivity {sensitivity:.2f}, specificity {specificity:.2f}" in legend(figure)[0]
        assert legend(figure)[1] == "readers\nsensitivity 0.75, specificity 0.75"

    def test_bands(self):
        ax = roc_curves({"a": CURVE}, bands={"a": ([0, 0.5, 1], [0, 0.2, 0.9], [0.3, 0.8, 1])}).axes[0]
        corners = ax.collections[0].get_paths()[0].vertices.tolist()
        assert all(corner in corners for corner in ([0, 0.3], [0.5, 0.2], [0.5, 0.8], [1, 0.9]))

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ({"areas": {"b": 0.5}}, "areas names 'b', which is not drawn; drawn are 'a'"),
            ({"areas": {"a": (0.5, 0.6)}}, r"area of 'a' must be a number or \(value, low, high\)"),
            ({"areas": {"a": (0.5, 0.6, 0.4)}}, "must run from low to high; got 0.6 and 0.4"),
            ({"areas": {"a": "high"}}, "area of 'a' must be a number"),
            ({"bands": {"b": CURVE}}, "bands names 'b'"),
            ({"bands": {"a": ([0, 1], [0, 1])}}, "band of 'a' has no 'high'"),
            ({"bands": {"a": ([0, 1], [0, 1], [0, 2])}}, r"band of 'a' must lie in \[0, 1\]"),
            ({"operating_points": {"b": 0.5}}, "operating_points names 'b'"),
            ({"operating_points": {"a": np.nan}}, "threshold that is a number"),
            ({"operating_points": {"b": (0.5, 0.5, 0.5)}}, "a threshold or"),
        ],
    )
    def test_what_does_not_fit(self, more, message):
        with pytest.raises(ConfigError, match=message):
            roc_curves({"a": CURVE}, **more)

    @pytest.mark.parametrize(
        "bad", [([0, 1, 0.5], [0, 0.5, 1]), ("ab", "cd"), ([[0, 1]], [[0, 1]]), 7, {"fpr": [0, 1]}]
    )
    def test_more_bad_curves(self, bad):
        with pytest.raises(ConfigError, match="'a' must be two equally long lists of rates"):
            roc_curves({"a": bad})

    def test_thresholds_are_needed_for_points_only(self):
        with pytest.raises(ConfigError, match="has no 'thresholds'"):
            roc_curves({"a": ([0, 1], [0, 1])}, operating_points={"a": 0.5})

    def test_curves_are_a_mapping(self):
        with pytest.raises(ConfigError, match="must map names to curves; got list"):
            roc_curves([CURVE])


class TestPrecisionRecall:
    def test_area_is_the_average_precision_in_both_orders(self):
        precision, recall, _ = precision_recall_curve(LABELS, SCORES)
        expected = f"{average_precision_score(LABELS, SCORES):.3f}"
        for curve in ((precision, recall), (precision[::-1], recall[::-1]), {"recall": recall, "precision": precision}):
            figure = precision_recall_curves({"a": curve}, prevalence={"a": 0.25})
            assert legend(figure) == [f"{expected}, chance 0.250  a"]
        assert lines(figure)[legend(figure)[0]].get_drawstyle() == "steps-pre"
        chance = [line for line in figure.axes[0].lines if line.get_label() == "_"]
        assert chance[0].get_ydata() == [0.25, 0.25]

    def test_undefined_points_and_classes(self):
        figure = precision_recall_curves({"a": ([np.nan, 1, 0.5], [0, 0.5, 1])}, areas={"b": np.nan})
        assert legend(figure) == ["0.750  a", "n/a  b"]

    @pytest.mark.parametrize(
        ("curves", "more", "message"),
        [
            ({}, {}, "no precision-recall curve to draw"),
            ({"a": ([1, 0.5], [0, 2])}, {}, r"recall of .* must lie in \[0, 1\]; got 2"),
            ({"a": ([1, 0.5, 1], [0, 1, 0.5])}, {}, "all rising or all falling"),
            ({"a": ([np.nan], [0])}, {}, "no defined precision"),
            ({"a": ([1, 0.5], [0, 1])}, {"prevalence": {"b": 0.5}}, "prevalence names 'b'"),
            ({"a": ([1, 0.5], [0, 1])}, {"prevalence": {"a": 50}}, r"prevalence must lie in \[0, 1\]; got 50"),
        ],
    )
    def test_what_does_not_fit(self, curves, more, message):
        with pytest.raises(ConfigError, match=message):
            precision_recall_curves(curves, **more)


class TestReliability:
    BINS = {  # noqa: RUF012
        "confidence": [0.2, np.nan, 0.9],
        "accuracy": [0.5, np.nan, 0.8],
        "count": [10, 0, 30],
        "low": [0.3, np.nan, 0.7],
        "high": [0.7, np.nan, 0.9],
    }

    def test_points_intervals_counts_and_error(self):
        figure = reliability_diagram(self.BINS)
        ax, below = figure.axes
        error = (10 * 0.3 + 30 * 0.1) / 40  # by hand
        assert ax.get_title(loc="left") == f"ECE {error:.3f}"
        line, _, (bars,) = ax.containers[0]
        np.testing.assert_allclose(line.get_xydata(), [[0.2, 0.5], [0.9, 0.8]])
        np.testing.assert_allclose([s[:, 1] for s in bars.get_segments()], [[0.3, 0.7], [0.7, 0.9]])
        assert [bar.get_height() for bar in below.patches] == [10, 0, 30]
        assert [bar.get_x() for bar in below.patches] == pytest.approx([0, 1 / 3, 2 / 3])

    def test_stems_where_the_bins_are_not_of_equal_width(self):
        bins = {**self.BINS, "confidence": [0.6, np.nan, 0.9]}
        below = reliability_diagram(bins).axes[1]
        assert not below.patches
        assert [s[:, 0].tolist() for s in below.collections[0].get_segments()] == [[0.6, 0.6], [0.9, 0.9]]

    def test_before_and_after(self):
        figure = reliability_diagram(self.BINS, before={**self.BINS, "accuracy": [0.2, np.nan, 0.5]}, title="Top")
        assert figure.axes[0].get_title(loc="left") == "Top: ECE 0.300 before, 0.150 after calibration"
        assert legend(figure) == ["perfect calibration", "before", "after"]

    def test_several(self):
        assert legend(reliability_diagram({"one": self.BINS, "two": tuple(self.BINS.values())})) == [
            "perfect calibration",
            "one\nECE 0.150",
            "two\nECE 0.150",
        ]

    def test_agrees_with_the_metrics(self):
        calibration = pytest.importorskip("skinzoo.metrics.calibration")
        probabilities = RNG.dirichlet(np.ones(3), 200)
        labels = RNG.integers(0, 3, 200)
        error = calibration.expected_calibration_error(labels, probabilities)
        figure = reliability_diagram(calibration.reliability_curve(labels, probabilities))
        assert figure.axes[0].get_title(loc="left") == f"ECE {error:.3f}"

    @pytest.mark.parametrize(
        ("curve", "more", "message"),
        [
            ({**BINS, "count": [0, 0, 0]}, {}, "holds no images"),
            ({**BINS, "count": [-1, 0, 3]}, {}, "holds no images"),
            ({**BINS, "accuracy": [0.5, 3, 1]}, {}, r"accuracy of the curve must lie in \[0, 1\] or be NaN; got 3"),
            ({**BINS, "low": [0.1]}, {}, "of equal length"),
            ({"confidence": [1]}, {}, "has no 'accuracy'"),
            ({}, {}, "no reliability curve"),
            ({"a": BINS, "b": BINS}, {"before": BINS}, "one with `before`; got 2"),
        ],
    )
    def test_what_does_not_fit(self, curve, more, message):
        with pytest.raises(ConfigError, match=message):
            reliability_diagram(curve, **more)


class TestRiskCoverage:
    CURVE = ([0.25, 0.5, 0.75, 1.0], [0.0, 0.5, 1 / 3, 0.5], [0.9, 0.8, 0.7, 0.6])

    def test_area_is_the_mean_over_all_images(self):
        figure = risk_coverage_curves({"a": self.CURVE})
        assert legend(figure) == [f"AURC {np.mean(self.CURVE[1]):.3f}  a\nat full coverage: 50.0%"]

    def test_point_of_abstention_and_given_area(self):
        figure = risk_coverage_curves({"a": self.CURVE}, areas={"a": (0.1, 0.05, 0.2)}, abstain_below={"a": 0.75})
        assert legend(figure)[0].startswith("AURC 0.100 (0.05-0.20)  a\nfrom 0.75 on, 50% coverage: 50.0%")
        assert [0.5, 0.5] in [line.get_xydata().tolist()[0] for line in figure.axes[0].lines]

    @pytest.mark.parametrize(
        ("curve", "more", "message"),
        [
            (([1, 0.5], [0, 0]), {}, "coverage must rise"),
            (([0.5, 1], [0, 9]), {}, r"risk of .* must lie in \[0, 1\]"),
            (([1], [np.nan]), {}, "no defined risk"),
            (([], []), {}, "at least one point"),
            (CURVE, {"abstain_below": {"a": 0.95}}, "no image of 'a' has a confidence of 0.95"),
            (CURVE, {"abstain_below": {"b": 0.95}}, "abstain_below names 'b'"),
            (CURVE[:2], {"abstain_below": {"a": 0.5}}, "has no 'thresholds'"),
        ],
    )
    def test_what_does_not_fit(self, curve, more, message):
        with pytest.raises(ConfigError, match=message):
            risk_coverage_curves({"a": curve}, **more)


class TestDecision:
    def test_treat_all_crosses_zero_at_the_prevalence(self):
        drawn = lines(decision_curves({"model": ([0, 0.2, 0.5], [0.3, 0.2, np.nan])}, prevalence=0.3, threshold=0.2))
        assert list(drawn) == ["model", "treat all", "treat none", "threshold 0.20"]
        t, benefit = drawn["treat all"].get_data()
        assert np.interp(0.0, -benefit, t) == pytest.approx(0.3, abs=1e-3)
        assert benefit[0] == pytest.approx(0.3)
        np.testing.assert_array_equal(drawn["model"].get_ydata(), [0.3, 0.2, np.nan])
        assert drawn["threshold 0.20"].get_xdata() == [0.2, 0.2]

    def test_prevalence_follows_from_the_line_of_treating_all(self):
        t = np.array([0.1, 0.4])
        curve = {"thresholds": t, "model": [0.2, 0.1], "treat_all": 0.3 - 0.7 * t / (1 - t)}
        assert lines(decision_curves({"model": curve}))["treat all"].get_ydata()[0] == pytest.approx(0.3)

    @pytest.mark.parametrize(
        ("curve", "more", "message"),
        [
            (([0, 1], [0, 0]), {"prevalence": 0.1}, "stay below 1"),
            (([0.5, 0.1], [0, 0]), {"prevalence": 0.1}, "that rise"),
            (([0, 0.5], [0, 0]), {}, "needed without prevalence.* has no 'treat_all'"),
            (([0, 0.5], [0, 0], [5, 5]), {}, "fits no share of positives"),
            (([0, 0.5], [0, 0]), {"prevalence": 3}, r"prevalence must lie in \[0, 1\]; got 3"),
        ],
    )
    def test_what_does_not_fit(self, curve, more, message):
        with pytest.raises(ConfigError, match=message):
            decision_curves({"a": curve}, **more)
