"""Answers made by hand, resamples drawn one by one, and models that do not differ."""

import csv
import json
import math
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from skinzoo.errors import ConfigError, LabelError, UnknownNameError
from skinzoo.evaluation.comparison.comparing import compare
from skinzoo.evaluation.comparison.matching import match_reports
from skinzoo.evaluation.comparison.paired import bootstrap_p_value, difference_interval
from skinzoo.evaluation.comparison.result import COLUMNS
from skinzoo.evaluation.inference import Outcome
from skinzoo.evaluation.report import Report
from skinzoo.evaluation.saved.writing import prediction_table, saved_keys
from skinzoo.files import write_csv, write_json
from skinzoo.metrics.delong import delong_test
from skinzoo.metrics.mcnemar import mcnemar_test
from skinzoo.metrics.resampling import cluster_weights
from skinzoo.models import OperatingPoints
from skinzoo.plotting.comparison import model_comparison
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import IGNORE_INDEX

SPACE = LabelSpace("three", ("MEL", "NV", "BCC"), malignant=frozenset({"MEL", "BCC"}))
N = 120
LABELS = np.random.default_rng(7).permutation(np.arange(N) % 3)
GROUPS = np.array([f"lesion {k // 2}" for k in range(N)])
FEW = {"resamples": 200}


def report(
    skill=1.0, *, seed=0, n=N, title="net on test", groups=GROUPS, labels=LABELS, dice=None, space=SPACE, **edit
):
    """A model whose answers are noise plus `skill` times the truth; `dice` is the mean share of right mask pixels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, len(space)))
    logits[np.arange(n), np.maximum(labels[:n], 0)] += skill
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = np.random.default_rng(1).integers(200, 900, n)
    both = None if dice is None else (truth * np.clip(dice + 0.05 * rng.normal(size=n), 0, 1)).astype(int)
    outcome = Outcome(
        ids=[f"i{k}" for k in range(n)],
        labels=labels[:n],
        logits=None,
        probabilities=p,
        mask_counts=None if both is None else np.stack([both, truth, truth], axis=1),
        mask_rows=np.zeros(0, np.int64) if both is None else np.arange(n),
        loss_sums={},
        loss=None,
        classes=space.classes,
    )
    return Report(title, {}, space, replace(outcome, **edit), groups=None if groups is None else groups[:n])


def shuffled(given, order):
    """The same report with its samples in another order."""
    o = given.outcome
    at = np.argsort(order)
    outcome = replace(
        o,
        ids=[o.ids[k] for k in order],
        labels=o.labels[order],
        probabilities=o.probabilities[order],
        mask_rows=np.sort(at[o.mask_rows]),
        mask_counts=None if o.mask_counts is None else o.mask_counts[order[np.sort(at[o.mask_rows])]],
    )
    return Report(given.title, {}, given.label_space, outcome, groups=given.groups[order])


def saved(given, folder):
    keys = {"title": given.title, "facts": given.facts, "metrics": given.values}
    write_json(folder / "report.json", keys | saved_keys(given))
    write_csv(folder / "predictions.csv", *prediction_table(given))
    return folder


def test_figures_tests_and_order():
    good, bad = report(2.0, seed=1, dice=0.9), report(0.5, seed=2, dice=0.7)
    c = compare({"bad": bad, "good": good}, **FEW)
    assert c.models == ("good", "bad"), "best first"
    assert c.metrics == (
        *("balanced_accuracy", "macro_f1", "macro_auc", "accuracy", "malignant/auc", "malignant/sensitivity"),
        *("dice", "iou"),
    )
    p, q = good.outcome.probabilities, bad.outcome.probabilities
    score = c.scores["good"]["balanced_accuracy"]
    assert score.value == pytest.approx(balanced_accuracy_score(LABELS, p.argmax(1)))
    assert score.interval.low < score.value < score.interval.high
    malignant = LABELS != 1
    area = c.difference("good", "bad", "malignant/auc")
    summed = p[:, [0, 2]].sum(1), q[:, [0, 2]].sum(1)
    assert area.value == pytest.approx(roc_auc_score(malignant, summed[0]) - roc_auc_score(malignant, summed[1]))
    assert area.test == "DeLong"
    assert area.p_value == pytest.approx(delong_test(malignant, *summed, groups=GROUPS).p_value)
    accuracy = c.difference("good", "bad", "accuracy")
    assert accuracy.test == "McNemar (exact)"
    right = p.argmax(1) == LABELS, q.argmax(1) == LABELS
    assert accuracy.p_value == pytest.approx(mcnemar_test(*right, groups=GROUPS).p_value)
    assert accuracy.value == pytest.approx(right[0].mean() - right[1].mean())
    dice = c.difference("good", "bad", "dice")
    assert dice.test == "bootstrap"
    assert dice.value == pytest.approx(good["dice"] - bad["dice"])
    assert dice.p_value == dice.p_bootstrap < 0.02
    turned = c.difference("bad", "good", "dice")
    assert (turned.value, turned.interval.low) == (-dice.value, -dice.interval.high)
    raw = np.array([d.p_value for d in c.differences])
    order, expected = np.argsort(raw, kind="stable"), np.empty(len(raw))
    expected[order] = np.minimum(np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1)), 1)
    np.testing.assert_allclose([d.adjusted for d in c.differences], expected)


def test_both_models_are_scored_on_the_same_draws_of_lesions():
    """The interval of the difference equals that of differences taken resample by resample with scikit-learn."""
    a, b = report(1.2, seed=3), report(1.0, seed=4)
    found = compare([a, b], names=["a", "b"], metrics=["balanced_accuracy"], resamples=60, seed=5)
    differences = []
    for weights in np.concatenate(list(cluster_weights(GROUPS, 60, 5))):
        rows = np.repeat(np.arange(N), weights.astype(int))
        one, other = (balanced_accuracy_score(LABELS[rows], r.outcome.probabilities[rows].argmax(1)) for r in (a, b))
        differences.append(one - other)
    d = found.difference("a", "b", "balanced_accuracy")
    labels = LABELS
    strata = [len(set(GROUPS[labels == c])) for c in range(3)]
    assert d.interval == pytest.approx(difference_interval(np.array(differences), level=0.95, strata=tuple(strata)))
    assert d.p_value == pytest.approx(bootstrap_p_value(np.array(differences), strata=tuple(strata)))


def test_the_paired_interval_is_narrower_than_those_of_the_models():
    base = report(1.5, seed=6)
    p = base.outcome.probabilities.copy()
    p[:2] = np.roll(p[:2], 1, axis=1)
    twin = Report("twin", {}, SPACE, replace(base.outcome, probabilities=p), groups=GROUPS)
    c = compare({"base": base, "twin": twin}, metrics=["balanced_accuracy"], **FEW)
    d, s = c.differences[0].interval, c.scores["base"]["balanced_accuracy"].interval
    assert d.high - d.low < 0.7 * (s.high - s.low)


def test_identical_models_do_not_differ():
    c = compare({"one": report(dice=0.8), "same": report(dice=0.8)}, metrics=None, **FEW)
    for d in c.differences:
        assert (d.value, tuple(d.interval), d.p_value, d.adjusted, d.p_bootstrap) == (0, (0, 0), 1, 1, 1), d
    assert not c.significant
    assert c.notes[0].startswith("No difference between the models is significant after correction for 8 tests")
    assert "no proof that they are equal" in c.notes[0]
    assert "n/a" not in str(c)


def test_figures_that_no_resample_changes_are_not_taken_for_exact():
    """Neither model finds a malignant lesion at its threshold, but they are not the same model."""
    models = {name: report(seed=seed) for name, seed in (("a", 1), ("b", 2))}
    for given in models.values():
        given.operating_points = OperatingPoints(malignant=1.0)
        given.__post_init__()
    found = compare(models, metrics=["malignant/sensitivity"], **FEW).difference("a", "b", "malignant/sensitivity")
    assert (found.value, found.test) == (0.0, "none")
    assert math.isnan(found.p_value)
    assert math.isnan(found.interval.low)


def test_no_difference_survives_among_equally_good_models():
    c = compare({f"m{k}": report(1.0, seed=k) for k in range(3)}, metrics=["balanced_accuracy", "accuracy"], **FEW)
    assert len(c.differences) == 6
    assert not c.significant
    assert "No difference between the models is significant" in str(c)
    assert all(d.adjusted >= d.p_value for d in c.differences)


def test_order_of_samples_and_models_and_the_seed():
    a, b = report(1.5, seed=1, dice=0.9), report(1.0, seed=2, dice=0.8)
    mixed = shuffled(b, np.random.default_rng(0).permutation(N))
    first, second = compare({"a": a, "b": b}, **FEW), compare({"b": mixed, "a": a}, **FEW)
    assert first.models == second.models
    for d, e in zip(first.differences, second.differences, strict=True):
        np.testing.assert_allclose([d.value, *d.interval, d.p_value], [e.value, *e.interval, e.p_value], atol=1e-12)
    assert compare({"a": a, "b": b}, **FEW).to_dict() == first.to_dict()
    other = compare({"a": a, "b": b}, seed=1, **FEW)
    assert other.differences[0].interval != first.differences[0].interval


def test_classes_in_another_order_are_put_right():
    a, turned = report(1.5, seed=1), [2, 0, 1]
    space = LabelSpace("turned", tuple(SPACE.classes[k] for k in turned), malignant=SPACE.malignant)
    o = a.outcome
    other = replace(
        o, probabilities=o.probabilities[:, turned], labels=np.argsort(turned)[o.labels], classes=space.classes
    )
    c = compare({"a": a, "b": Report("b", {}, space, other, groups=GROUPS)}, metrics=["MEL/auc", "accuracy"], **FEW)
    assert all(d.value == 0 and d.p_value == 1 for d in c.differences)


def test_saved_reports_compare_like_those_in_memory(tmp_path):
    a, b = report(1.5, seed=1, dice=0.9), report(1.0, seed=2, dice=0.8)
    for name, given in (("a", a), ("b", b)):
        saved(given, tmp_path / name)
    c = compare([str(tmp_path / "a"), tmp_path / "b"], names=["a", "b"], **FEW)
    assert c.to_dict() == compare({"a": a, "b": b}, **FEW).to_dict()


def test_models_of_different_tasks():
    multi, only = report(1.5, seed=1, dice=0.9), report(1.0, seed=2)
    segmenter = Report(
        "unet", {}, None, replace(report(dice=0.8).outcome, probabilities=None, classes=()), groups=GROUPS
    )
    c = compare({"multi": multi, "classifier": only, "unet": segmenter}, **FEW)
    assert {(d.model, d.other) for d in c.differences if d.metric == "dice"} == {("multi", "unet")}
    assert {(d.model, d.other) for d in c.differences if d.metric == "accuracy"} == {("multi", "classifier")}
    assert "dice" not in c.scores["classifier"]
    assert c.models[-1] == "unet", "without the first metric it stands last"
    with pytest.raises(ConfigError, match="no metric in common"):
        compare({"classifier": only, "unet": segmenter}, **FEW)


def test_each_model_has_its_own_threshold():
    a = replace(report(1.5, seed=1), operating_points=OperatingPoints(malignant=0.31))
    b = report(1.5, seed=2)
    c = compare({"a": a, "b": b}, metrics=["malignant/sensitivity", "malignant/specificity"], **FEW)
    assert c.facts["malignant from"] == "a: 0.31, b: 0.5"
    for name, given, threshold in (("a", a, 0.31), ("b", b, 0.5)):
        called = given.outcome.probabilities[:, [0, 2]].sum(1) >= threshold
        score = c.scores[name]["malignant/sensitivity"]
        assert score.value == pytest.approx(called[LABELS != 1].mean()) == given["malignant/sensitivity"]
        assert score.interval.low <= score.value <= score.interval.high


def test_partial_labels_and_masks():
    labels = np.where(np.arange(N) % 4 == 0, IGNORE_INDEX, LABELS)
    reports = {}
    for name, seed in (("a", 1), ("b", 2)):
        given = report(1.5, seed=seed, labels=labels, dice=0.8)
        rows = np.flatnonzero(np.arange(N) % 3 == 0)
        counts = given.outcome.mask_counts[rows]
        reports[name] = Report(
            name, {}, SPACE, replace(given.outcome, mask_rows=rows, mask_counts=counts), groups=GROUPS
        )
    c = compare(reports, **FEW)
    assert (c.facts["samples"], c.facts["with a label"], c.facts["with a mask"]) == (120, 90, 40)
    for name, given in reports.items():
        assert c.scores[name]["accuracy"].value == given["accuracy"]
        assert c.scores[name]["dice"].value == given["dice"]


def test_other_samples_are_refused_or_left_out():
    a, b = report(seed=1), report(seed=2, n=100)
    with pytest.raises(ConfigError, match=r"100 are in all, a has 20 more, such as 'i100'.*common_only=True"):
        compare({"a": a, "b": b})
    c = compare({"a": a, "b": b}, common_only=True, metrics=["accuracy"], **FEW)
    assert c.facts["samples"] == 100
    assert c.scores["a"]["accuracy"].value == pytest.approx((a.outcome.probabilities.argmax(1) == LABELS)[:100].mean())
    assert "Only the 100 samples that all reports have are compared: a has 20 more." in c.notes
    elsewhere = report(ids=[f"j{k}" for k in range(N)])
    with pytest.raises(ConfigError, match="no sample in common"):
        compare({"a": a, "b": elsewhere}, common_only=True)


def test_disagreements_are_refused():
    a, labels = report(seed=1), LABELS.copy()
    labels[[3, 5]] = (labels[[3, 5]] + 1) % 3
    labels[9] = IGNORE_INDEX
    with pytest.raises(LabelError, match="disagree about the true label of 3 of 120 samples: 'i3', 'i5', 'i9'"):
        compare({"a": a, "b": report(seed=2, labels=labels)})
    with pytest.raises(LabelError, match="b has the classes MEL, NV, SCC, a MEL, NV, BCC"):
        compare({"a": a, "b": report(seed=2, space=LabelSpace("other", ("MEL", "NV", "SCC")))})
    with pytest.raises(ConfigError, match="do not agree on the malignant classes: a: BCC, MEL; b: none"):
        compare({"a": a, "b": report(seed=2, space=LabelSpace("three", SPACE.classes))})
    with pytest.raises(ConfigError, match="other lesions or patients for 120 of 120 samples, such as 'i0'"):
        compare({"a": a, "b": report(seed=2, groups=np.array([f"p{k}" for k in range(N)]))})
    with pytest.raises(ConfigError, match="b has 1 samples whose id stands twice"):
        compare({"a": a, "b": report(seed=2, ids=["i0", *(f"i{k}" for k in range(N - 1))])})
    masked = report(seed=1, dice=0.8)
    rows = np.arange(N - 2)
    fewer = replace(masked.outcome, mask_rows=rows, mask_counts=masked.outcome.mask_counts[rows])
    with pytest.raises(ConfigError, match="2 samples have one in only one of them, such as 'i118', 'i119'"):
        compare({"a": masked, "b": Report("b", {}, SPACE, fewer, groups=GROUPS)})


def test_masks_scored_at_other_sizes_are_told():
    a, b = report(seed=1, dice=0.8), report(seed=2, dice=0.8)
    b.outcome.mask_counts[:] *= 4
    notes = compare({"a": a, "b": b}, metrics=["dice"], **FEW).notes
    assert any("each model was scored at its own input size" in note for note in notes)


def test_few_lesions_and_unknown_lesions_are_told():
    few = np.array([f"p{k % 9}" for k in range(N)])
    notes = compare({"a": report(seed=1, groups=few), "b": report(seed=2, groups=few)}, **FEW).notes
    assert any("only 9 independent lesions, patients or images, too few to judge" in note for note in notes)
    notes = compare({"a": report(seed=1, groups=None), "b": report(seed=2, groups=None)}, **FEW).notes
    assert any("No report knows lesions or patients" in note for note in notes)
    assert not any("too few" in note for note in notes)
    half = compare({"a": report(seed=1), "b": report(seed=2, groups=None)}, **FEW)
    assert half.facts["lesions or patients"] == 60, "one report that knows is enough"


def test_too_few_resamples_for_so_many_tests_are_told():
    reports = {f"m{k}": report(1.0, seed=k) for k in range(3)}
    notes = compare(reports, resamples=100).notes
    assert any("smallest p-value that 100 resamples can give does not hold against 18 tests" in note for note in notes)
    assert not any("smallest p-value" in note for note in compare(reports, resamples=100, correction="none").notes)
    analytic = compare(reports, resamples=100, metrics=["accuracy", "malignant/auc"]).notes
    assert not any("smallest p-value" in note for note in analytic)


def test_an_undefined_figure_is_nan_with_its_reason_and_no_test():
    labels = np.where(LABELS == 2, 1, LABELS)
    reports = {"a": report(seed=1, labels=labels), "b": report(seed=2, labels=labels)}
    c = compare(reports, metrics=["BCC/auc", "accuracy"], **FEW)
    d = c.difference("a", "b", "BCC/auc")
    assert math.isnan(d.value)
    assert math.isnan(d.adjusted)
    assert d.test == "none"
    assert c.undefined["a"]["BCC/auc"] == "no test images of this class"
    assert c.difference("a", "b", "accuracy").adjusted == c.difference("a", "b", "accuracy").p_value, "a family of one"
    assert "n/a" in str(c)
    assert json.loads(json.dumps(c.to_dict(), allow_nan=True))


def test_one_malignant_lesion_is_no_base_for_a_test():
    labels = np.ones(N, dtype=np.int64)
    labels[:2] = 0  # two images of lesion 0
    c = compare({"a": report(seed=1, labels=labels), "b": report(seed=4, labels=labels)}, **FEW)
    d = c.difference(*c.models, "malignant/sensitivity")
    assert not math.isnan(d.value)
    assert math.isnan(d.p_value)
    assert math.isnan(d.interval.low)
    assert "fewer than two groups" in c.undefined["a"]["malignant/sensitivity"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metrics": ["acuracy"]}, UnknownNameError, "no model has the metric 'acuracy'; did you mean 'accuracy'"),
        ({"metrics": "accuracy"}, ConfigError, "metrics must be a list of names"),
        ({"metrics": []}, ConfigError, "metrics must be a list of names"),
        ({"level": 95}, ConfigError, "level must lie between 0 and 1"),
        ({"resamples": 0}, ConfigError, "resamples must be a whole number of at least 1"),
        ({"correction": "bonferoni"}, ConfigError, "unknown correction 'bonferoni'"),
        ({"seed": -1}, ConfigError, "seed must be a whole number"),
        ({"names": ["a", "b"]}, ConfigError, "names= is for a list"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        compare({"a": report(seed=1), "b": report(seed=2)}, **options)


def test_bad_reports():
    a = report()
    for given in (a, "folder", 5):
        with pytest.raises(ConfigError, match="reports must be a mapping of names to reports, or a list"):
            compare(given)
    with pytest.raises(ConfigError, match="two reports or more; got 1"):
        compare([a])
    with pytest.raises(ConfigError, match="must be a Report or the folder of a saved one; got int"):
        compare([a, 5])
    with pytest.raises(ConfigError, match="one text for each of the 2 reports"):
        compare([a, a], names=["a"])
    with pytest.raises(ConfigError, match="each name must stand once"):
        compare([a, a], names=["a", "a"])
    with pytest.raises(ConfigError, match="only one model has the metric 'dice'"):
        compare({"a": a, "b": report(dice=0.8)}, metrics=["dice"])


def test_names_from_titles():
    titles = ["resnet18 on HAM10000", "resnet18 on HAM10000", "vit on HAM10000"]
    c = compare([report(3 - k, seed=k, title=t) for k, t in enumerate(titles)], metrics=["accuracy"], **FEW)
    assert c.models == ("resnet18 (1)", "resnet18 (2)", "vit")
    c = compare([report(2, seed=1, title="a on x"), report(1, seed=2, title="a on y")], metrics=["accuracy"], **FEW)
    assert set(c.models) == {"a on x", "a on y"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_saved_files(tmp_path):
    evil = "=<script>alert(1)</script>|`x`\n$\\frac$"
    c = compare({evil: report(2.0, seed=1), "b": report(0.3, seed=2)}, **FEW)
    index = c.save(tmp_path / "deep" / "comparison")
    assert index.name == "comparison.html"
    names = {
        "comparison.html",
        "comparison.json",
        "comparison.md",
        "comparison.csv",
        "comparison.png",
        "comparison.svg",
    }
    assert {p.name for p in index.parent.iterdir()} == names
    page = Page()
    page.feed(index.read_text("utf-8"))
    assert not [t for t, _ in page.tags if t == "script" and "alert" in page.text.split("Made with")[1]]
    assert "<script>alert" not in index.read_text("utf-8")
    assert all(a.get("src", "data:").startswith("data:") for _, a in page.tags)
    assert "differences are significant after correction" in page.text
    with Image.open(index.parent / "comparison.png") as picture:
        assert picture.width > 800
    values = json.loads((index.parent / "comparison.json").read_text())
    assert values["scores"][evil]["accuracy"]["value"] == c.scores[evil]["accuracy"].value
    assert values["differences"][0]["adjusted"] == c.differences[0].adjusted
    with (index.parent / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS)
    assert len(rows) == 2 * 6 + 6
    assert rows[0]["model"].startswith("'=")
    assert float(rows[12]["p_value"]) == c.differences[0].p_value
    markdown = (index.parent / "comparison.md").read_text()
    assert "<script" not in markdown.replace("\\<", "")
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in tables} == {7, 8}
    before = {p.name: p.read_bytes() for p in index.parent.iterdir()}
    c.save(index.parent)
    assert {p.name: p.read_bytes() for p in index.parent.iterdir()} == before
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file; give a folder"):
        c.save(tmp_path / "file")


def test_text_and_table():
    c = compare({"good": report(2.0, seed=1), "bad": report(0.3, seed=2)}, metrics=["accuracy", "MEL/auc"], **FEW)
    text = str(c)
    assert text.index("good ") < text.index("bad ")
    assert f"{c.scores['good']['accuracy'].value:.3f} ({c.scores['good']['accuracy'].interval})" in text
    assert "good - bad" in text
    assert "<0.001 *" in text
    assert max(map(len, text.splitlines())) < 130
    rows = c.table()
    assert [r["kind"] for r in rows] == ["score"] * 4 + ["difference"] * 2
    assert all(list(r) == list(COLUMNS) for r in rows)
    with pytest.raises(ConfigError, match="'good' and 'x' were not compared by 'accuracy'; models: good, bad"):
        c.difference("good", "x", "accuracy")


def test_p_value_of_resamples():
    rng = np.random.default_rng(0)
    many = (100_000,)
    assert bootstrap_p_value(np.zeros(99), strata=many) == 1.0
    assert bootstrap_p_value(np.ones(99), strata=many) == pytest.approx(2 / 100, rel=0.01)
    draws = rng.normal(0.5, 0.3, 20_000)
    assert bootstrap_p_value(draws, strata=many) == pytest.approx(2 * stats.norm.cdf(-0.5 / 0.3), rel=0.05)
    assert bootstrap_p_value(-draws, strata=many) == bootstrap_p_value(draws, strata=many)
    assert bootstrap_p_value(draws, strata=(10,)) > 1.3 * bootstrap_p_value(draws, strata=many), "few lesions tell less"
    holes = np.where(np.arange(20_000) % 3 == 0, np.nan, draws)
    assert bootstrap_p_value(holes, strata=many) == pytest.approx(bootstrap_p_value(draws, strata=many), rel=0.2)
    assert math.isnan(bootstrap_p_value(np.where(np.arange(9) < 5, np.nan, 1.0), strata=many))
    assert math.isnan(bootstrap_p_value(draws, strata=(1, 50)))
    for strata in ((12,), (300, 15)):
        p = bootstrap_p_value(draws, strata=strata)
        assert difference_interval(draws, level=1 - p - 0.01, strata=strata).low > 0
        assert difference_interval(draws, level=1 - p + 0.01, strata=strata).low < 0, "p is where the interval meets 0"


def test_type_one_error_of_the_resamples():
    """80 sets of 40 lesions with two images, two equally good models: few false findings by balanced accuracy."""
    rng = np.random.default_rng(11)
    found, sets = 0, 80
    labels, groups = np.arange(80) // 2 % 2, np.array([f"g{k // 2}" for k in range(80)])
    space = LabelSpace("two", ("a", "b"))
    for seed in range(sets):
        reports = []
        for _ in range(2):
            right = np.repeat(rng.random(40) < 0.75, 2) ^ (rng.random(80) < 0.05)
            p = np.where((labels == 1) == right, 0.8, 0.2)
            reports.append(
                report(n=80, labels=labels, groups=groups, space=space, probabilities=np.stack([1 - p, p], 1))
            )
        c = compare(reports, metrics=["balanced_accuracy"], resamples=199, seed=seed)
        found += c.differences[0].p_value <= 0.05
    assert found / sets <= 0.11


def test_matching_keeps_the_first_reports_order():
    a, b = report(seed=1), report(seed=2)
    order = np.random.default_rng(0).permutation(N)
    matched = match_reports({"a": shuffled(a, order), "b": b})
    assert matched.outcomes["b"].ids == [f"i{k}" for k in order]
    np.testing.assert_array_equal(matched.outcomes["b"].probabilities, b.outcome.probabilities[order])
    np.testing.assert_array_equal(matched.labels, LABELS[order])
    np.testing.assert_array_equal(matched.groups, GROUPS[order])


def test_the_figure_shows_each_model_in_each_panel():
    scores = {"a": {"accuracy": (0.8, 0.7, 0.9), "dice": 0.5}, "b": {"accuracy": (0.6, 0.5, 0.7)}}
    figure = model_comparison(scores, metric_titles={"dice": "Dice"}, note="95 %")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["accuracy", "Dice"]
    first, second = figure.axes
    assert [t.get_text() for t in first.get_yticklabels()] == ["a", "b"]
    ends = [tuple(line.get_xdata()) for line in first.lines]
    assert (0.7, 0.9) in ends
    assert (0.8,) in ends
    assert "n/a" in [t.get_text() for t in second.texts]
    assert len({line.get_marker() for line in first.lines} - {"None"}) == 2
    assert [t.get_text() for t in figure.texts] == ["95 %"]
    with pytest.raises(ConfigError, match="at least one model with one metric"):
        model_comparison({"a": {}})
    with pytest.raises(ConfigError, match="accuracy of 'a'"):
        model_comparison({"a": {"accuracy": (0.8, 0.9, 0.7)}})
