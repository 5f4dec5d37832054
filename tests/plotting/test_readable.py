"""Every figure, with little and with much in it: nothing is cut off, nothing overlaps, and it can be written."""

import io

import numpy as np
import pytest
from drawn import assert_readable
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from skinzoo.metrics import roc_curves_ovr
from skinzoo.plotting import (
    confusion_matrix_heatmap,
    decision_curves,
    dice_histogram,
    explanation_panel,
    figure_bytes,
    forest_plot,
    learning_curves,
    mistakes_grid,
    per_class_bars,
    picture_grid,
    precision_recall_curves,
    reliability_diagram,
    risk_coverage_curves,
    roc_curves,
    score_distributions,
    segmentation_panels,
)

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)
MASK = np.pad(np.ones((10, 20), np.uint8), 10)
HEAT = RNG.random((30, 40))
LONG = [f"{letter}ctinic keratosis / intraepithelial carcinoma" for letter in "abcdefg"]
THIRTY = [f"rare kind of lesion number {k}" for k in range(30)]
RATES = (np.array([0, 0.2, 1]), np.array([0, 0.9, 1]))
BINS = (
    [0.1, 0.5, np.nan, 0.9],
    [0.2, 0.4, np.nan, 1.0],
    [5, 40, 0, 12345],
    [0, 0.3, np.nan, 0.98],
    [0.7, 0.6, np.nan, 1],
)
METRICS = ("macro_precision", "macro_recall", "macro_f1")
ROWS = [
    ("sex", "female", 0.81, 0.77, 0.85, 702),
    ("sex", "male, or not recorded in the table of the clinic", 0.79, 0.75, 0.83, 12345),
    ("age", "under 30", np.nan, np.nan, np.nan, 9, "fewer than 20 images, of which none is a melanoma at all"),
    ("age", "over 30", 0.5, 0.2, 0.8, 21, "only 3 melanomas"),
]


def scores(names, **more):
    return {name: {"precision": 0.5, "recall": 1.0, "f1": np.nan, "support": 12345, **more} for name in names}


def areas(names):
    return dict.fromkeys(names, (0.912, 0.88, 0.94))


def ends(names):
    return {f"{name}/{metric}": (0.4, 1.0) for name in names for metric in ("precision", "recall", "f1")}


FIGURES = {
    "confusion, 2": lambda: confusion_matrix_heatmap([[3, 1], [0, 0]], ["benign", "malignant"]),
    "confusion, 2 long": lambda: confusion_matrix_heatmap([[3, 1], [0, 0]], LONG[:2]),
    "confusion, 7 long": lambda: confusion_matrix_heatmap(np.full((7, 7), 1234), LONG, normalise="true"),
    "confusion, 9 huge": lambda: confusion_matrix_heatmap(np.full((9, 9), 1234567), list("abcdefghi")),
    "confusion, 30 long": lambda: confusion_matrix_heatmap(np.full((30, 30), 1234), THIRTY, normalise="predicted"),
    "confusion, 30 codes": lambda: confusion_matrix_heatmap(np.eye(30, dtype=int) * 999, [f"C{k}" for k in range(30)]),
    "roc": lambda: roc_curves({"MEL": RATES}, title="Melanoma against all others, by patient"),
    "roc, 7": lambda: roc_curves(dict.fromkeys(LONG, RATES), areas=areas(LONG)),
    "roc, 30": lambda: roc_curves(dict.fromkeys(THIRTY, RATES), areas=areas(THIRTY)),
    "roc, all": lambda: roc_curves(
        {"MEL": (*RATES, [np.inf, 0.5, 0.1])},
        areas={"MEL": (0.9, 0.8, 1.0), "DF": np.nan},
        bands={"MEL": ([0, 1], [0, 0.9], [0.3, 1])},
        operating_points={"MEL": 0.5, "eight dermatologists": (0.2, 0.8)},
    ),
    "precision and recall": lambda: precision_recall_curves(
        dict.fromkeys(LONG, ([1, 0.8, 0.3], [0, 0.5, 1])), areas=areas(LONG), prevalence=dict.fromkeys(LONG, 0.12)
    ),
    "reliability": lambda: reliability_diagram(BINS),
    "reliability, before": lambda: reliability_diagram(BINS, before=BINS, title="Probability of the predicted class"),
    "reliability, 3": lambda: reliability_diagram(dict.fromkeys(LONG[:3], BINS)),
    "risk": lambda: risk_coverage_curves(
        dict.fromkeys(LONG[:3], ([0.5, 1], [0.1, 0.2], [0.8, 0.3])), abstain_below={LONG[0]: 0.8}
    ),
    "decision": lambda: decision_curves({LONG[0]: ([0, 0.5], [0.2, 0.1])}, prevalence=0.2, threshold=0.1, title="Use"),
    "forest": lambda: forest_plot(ROWS, reference=0.8, title="Balanced accuracy by subgroup"),
    "forest, 1": lambda: forest_plot([("", "all", 0.8)], reference=0.8),
    "forest, n/a": lambda: forest_plot([("sex", "female", np.nan, np.nan, np.nan, 0, "no images")]),
    "bars": lambda: per_class_bars(scores(LONG)),
    "bars, intervals": lambda: per_class_bars(scores(LONG), intervals=ends(LONG)),
    "bars, 30": lambda: per_class_bars(scores(THIRTY)),
    "bars, 1": lambda: per_class_bars({"a": {"auc": 1.0}}, ["auc"]),
    "dice": lambda: dice_histogram([0.9, np.nan, 0.1], iou=[0.8, 0.05], threshold=0.7, title="Masks"),
    "scores": lambda: score_distributions(
        {**dict.fromkeys(LONG, (0.1, 0.9)), "absent": []}, positive=LONG[:2], threshold=0.3, title="Malignant?"
    ),
    "scores, 30": lambda: score_distributions(dict.fromkeys(THIRTY, (0.1,))),
    "mistakes": lambda: mistakes_grid([PICTURE] * 3, ["said melanoma (97%)\nis nevus"] * 3, [HEAT, None, HEAT]),
    "grid": lambda: picture_grid([PICTURE] * 5, ["ISIC_0000001\n" + LONG[0]] * 5),
    "masks": lambda: segmentation_panels([PICTURE] * 2, [MASK] * 2, [1 - MASK] * 2, ["worst, 0.1", "best, 0.9"]),
    "explanation": lambda: explanation_panel(PICTURE, HEAT, "title"),
    "curves": lambda: learning_curves(
        {"epoch": [1, 2], "train_loss": [20.0, 1e-3], "lr": [1e-3, 1e-5]}
        | {f"{split}_{metric}": [0.5, 0.6] for split in ("train", "val", "test") for metric in METRICS},
        best_epoch=2,
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_off_overlaps_or_is_too_small_on_a_page_700_pixels_wide(name):
    figure = FIGURES[name]()
    scale = min(1.0, 700 / (96 * figure.get_size_inches()[0]))  # a browser shows an inch as 96 pixels
    smallest = 5.5 if "30" in name or "huge" in name else 7.5
    for text, _ in assert_readable(figure):
        size = text.get_fontsize() * scale * 96 / 72
        assert size >= smallest or text.get_text().startswith("$"), f"{text} has {size:.1f} pixels"


@settings(max_examples=6, deadline=None)
@given(
    st.lists(st.text("abcdefghij klmnopq", min_size=1, max_size=45), min_size=1, max_size=9, unique=True),
    st.sampled_from([1, 1234, 99999]),
)
def test_whatever_the_names_are(names, count):
    names = [f"{k}{name.strip()}" for k, name in enumerate(names)]
    assert_readable(confusion_matrix_heatmap(np.full((len(names), len(names)), count), names))
    assert_readable(roc_curves(dict.fromkeys(names, RATES), areas=areas(names)))
    assert_readable(forest_plot([(name[:1], name, 0.5, 0.2, 0.7, count, name) for name in names], title=names[0]))


@pytest.mark.parametrize("name", [n for n in FIGURES if "30" not in n and "7" not in n])
def test_equal_data_gives_equal_bytes(name):
    drawn_before = FIGURES[name]()
    drawn_before.draw_without_rendering()
    svg = figure_bytes(FIGURES[name](), "svg")
    assert figure_bytes(drawn_before, "svg") == svg
    assert b"<dc:date>" not in svg


@pytest.mark.parametrize("name", ["roc, all", "masks", "curves"])
def test_figures_can_be_seen(name):
    with Image.open(io.BytesIO(figure_bytes(FIGURES[name](), "png"))) as picture:
        assert np.asarray(picture.convert("L")).std() > 1


def test_names_with_dollar_signs_are_no_formulas():
    name = "from $5 to $\\frac"
    for figure in (
        roc_curves({name: RATES}, title=name),
        confusion_matrix_heatmap([[1]], [name]),
        forest_plot([(name, name, 0.5, 0.4, 0.6, 3, name)], title=name, value_label=name),
        per_class_bars({name: {"f1": 0.5}}, ["f1"]),
        score_distributions({name: [0.5]}, score=name),
        picture_grid([PICTURE], [name]),
    ):
        assert b"from $5" in figure_bytes(figure, "svg")


def test_no_colour_is_the_only_difference():
    """Series that differ in colour differ in dashes too, or in their markers, or in the hatching of the bars."""
    looks = {
        (str(line._unscaled_dash_pattern), line.get_marker())
        for line in roc_curves(dict.fromkeys("abcd", RATES)).axes[0].lines
        if line.get_label() != "_child0"
    }
    assert len(looks) == 4
    hatches = {bars[0].get_hatch() for bars in per_class_bars(scores("a")).axes[0].containers}
    assert len(hatches) == 3
    curves = reliability_diagram({"a": BINS, "b": BINS, "c": BINS}).axes[0].containers
    assert len({bars[0].get_marker() for bars in curves}) == 3
    lines = learning_curves({"train_loss": [1, 2], "val_loss": [1, 2]}).axes[0].lines
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == 2


def test_large_curves_stay_small_and_fast_to_show():
    labels = RNG.integers(0, 2, 60_000)
    curve = roc_curves_ovr(labels, np.column_stack([1 - labels, labels]) * 0.3 + RNG.random((60_000, 2)), ["a", "b"])
    assert len(curve["a"].fpr) > 50_000
    figure = roc_curves(curve)
    for name, line in zip(curve, figure.axes[0].lines[1:], strict=True):
        x, y = line.get_data()
        assert len(x) < 5000
        along, kept = curve[name].fpr + curve[name].tpr, x + y  # rises where either rate does
        assert np.abs(np.interp(along, kept, x) - curve[name].fpr).max() < 0.003
    assert len(figure_bytes(figure, "svg")) < 150_000
