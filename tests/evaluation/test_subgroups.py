"""Figures: scikit-learn on the filtered images. Intervals: resamples written out. Gaps: SciPy, and simulation."""

import json
import math
import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

import skinzoo
from skinzoo.errors import ConfigError, LabelError, UnknownNameError
from skinzoo.evaluation.inference import Outcome, collect
from skinzoo.evaluation.subgroups import study as subgroupstudy
from skinzoo.evaluation.subgroups.figures import subgroup_figures
from skinzoo.evaluation.subgroups.gaps import Drawn, gap_between
from skinzoo.files import write_json
from skinzoo.metrics import Interval
from skinzoo.metrics.calibration import expected_calibration_error
from skinzoo.metrics.percentiles import tail_share
from skinzoo.metrics.resampling import cluster_weights
from skinzoo.plotting import forest_plot
from skinzoo.taxonomy import BINARY, ISIC2018
from skinzoo.types import IGNORE_INDEX


def outcome(labels, probabilities, classes, masks=None, mask_rows=None):
    n = len(labels)
    return Outcome(
        ids=[f"i{k}" for k in range(n)],
        labels=np.asarray(labels, dtype=np.int64),
        logits=None,
        probabilities=probabilities,
        mask_counts=masks,
        mask_rows=np.arange(n)[mask_rows] if masks is not None else np.zeros(0, np.int64),
        loss_sums={},
        loss=None,
        classes=tuple(classes),
    )


def texts(values):
    return np.array(list(values), dtype=object)


@pytest.fixture(scope="module")
def case():
    """Seven classes, lesions of one to four images, a column of three groups, and some values missing."""
    rng = np.random.default_rng(0)
    n = 360
    labels = rng.choice(7, n, p=[0.15, 0.45, 0.1, 0.1, 0.1, 0.05, 0.05])
    logits = rng.normal(size=(n, 7))
    logits[np.arange(n), labels] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels[rng.random(n) < 0.05] = IGNORE_INDEX
    lesions = np.array([f"l{k}" for k in rng.integers(0, 170, n)])
    sex = texts(rng.choice(["female", "male", "other", None], n, p=[0.45, 0.3, 0.2, 0.05]))
    counts = rng.integers(50, 100, (n, 3))
    counts[:, 0] = rng.integers(0, 50, n)
    masked = np.sort(rng.permutation(n)[:300])
    return outcome(labels, probabilities, ISIC2018, counts[masked], masked), sex, lesions


@pytest.fixture(scope="module")
def found(case):
    given, sex, lesions = case
    return subgroup_figures(given, ISIC2018, {"sex": sex}, lesions, min_size=20, resamples=300)


def oracle(given, rows):
    """Figures of the chosen rows; an image may stand several times."""
    rows = rows[given.labels[rows] >= 0]
    truth, scores = given.labels[rows], given.probabilities[rows]
    malignant = [k for k, code in enumerate(ISIC2018) if code in ISIC2018.malignant]
    positive, summed = np.isin(truth, malignant), scores[:, malignant].sum(1)
    present = np.unique(truth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class that is predicted and not there
        balanced = sk.balanced_accuracy_score(truth, scores.argmax(1))
    return {
        "accuracy": sk.accuracy_score(truth, scores.argmax(1)),
        "balanced_accuracy": balanced,
        "macro_f1": sk.f1_score(truth, scores.argmax(1), labels=present, average="macro", zero_division=0),
        "macro_auc": np.mean([sk.roc_auc_score(truth == c, scores[:, c]) for c in present]),
        "malignant/sensitivity": sk.recall_score(positive, summed >= 0.5),
        "malignant/specificity": sk.recall_score(~positive, summed < 0.5),
        "malignant/auc": sk.roc_auc_score(positive, summed),
    }


@pytest.mark.parametrize("label", ["female", "male", "other"])
def test_figures_are_those_of_the_filtered_images(case, found, label):
    given, sex, lesions = case
    rows = np.flatnonzero(sex == label)
    subgroup = found["sex"][label]
    assert subgroup.rows.tolist() == rows.tolist()
    assert subgroup.num_images == len(rows)
    assert subgroup.num_groups == len(set(lesions[rows]))
    labelled = given.labels[rows][given.labels[rows] >= 0]
    codes = np.array(list(ISIC2018))[labelled]
    assert subgroup.num_malignant == sum(code in ISIC2018.malignant for code in codes)
    assert subgroup.num_classes == len(set(codes))
    for name, value in oracle(given, rows).items():
        assert subgroup.figures[name].value == pytest.approx(value, abs=1e-12), name
        counted = {"malignant/sensitivity": subgroup.num_malignant}
        counted["malignant/specificity"] = len(labelled) - subgroup.num_malignant
        assert subgroup.figures[name].n == counted.get(name, len(labelled))
        assert not subgroup.figures[name].reason
    ece = expected_calibration_error(given.labels[rows], given.probabilities[rows])
    assert subgroup.figures["ece"].value == ece
    assert subgroup.figures["ece"].low <= ece <= subgroup.figures["ece"].high
    where = np.isin(given.mask_rows, rows)
    both, truth, predicted = given.mask_counts[where].T
    assert subgroup.figures["dice"].value == pytest.approx(np.mean(2 * both / (truth + predicted)))
    assert subgroup.figures["dice"].n == where.sum()


def test_intervals_are_those_of_resamples_written_out(case):
    given, sex, lesions = case
    found = subgroup_figures(given, ISIC2018, {"sex": sex}, lesions, resamples=40)
    weights = np.concatenate(list(cluster_weights(lesions, 40, 0))).astype(int)
    drawn = [np.repeat(np.arange(len(lesions)), w) for w in weights]
    labelled, malignant = given.labels >= 0, np.isin(given.labels, [ISIC2018.index(c) for c in ISIC2018.malignant])

    def strata(chosen):
        """How many lesions each figure rests on."""

        def lesions_of(rows):
            return len(set(lesions[chosen & rows]))

        classes = tuple(lesions_of(given.labels == c) for c in range(7) if lesions_of(given.labels == c))
        sick, well = lesions_of(malignant), lesions_of(labelled & ~malignant)
        macro = dict.fromkeys(("balanced_accuracy", "macro_f1", "macro_auc"), classes)
        return {
            "accuracy": (lesions_of(labelled),),
            "malignant/sensitivity": (sick,),
            "malignant/auc": (sick, well),
            **macro,
        }

    def interval(values, sizes):
        share = tail_share(sizes, 0.95)
        return pytest.approx(np.quantile(values, [share, 1 - share]), abs=1e-9)

    def resampled(chosen):
        table = [oracle(given, rows[chosen[rows]]) for rows in drawn]
        return {name: np.array([row[name] for row in table]) for name in table[0]}

    others = (sex == "male") | (sex == "other")
    female, rest = resampled(sex == "female"), resampled(others)
    subgroup, sizes = found["sex"]["female"], strata(sex == "female")
    for name, size in sizes.items():
        assert subgroup.figures[name][1:3] == interval(female[name], size), name
        difference = subgroup.minus_rest[name]
        assert difference[1:3] == interval(female[name] - rest[name], size + strata(others)[name]), name
        whole = oracle(given, np.flatnonzero(others))[name]
        assert difference.value == pytest.approx(subgroup.figures[name].value - whole)
    assert set(subgroup.minus_rest) == set(subgroup.figures) - {"ece"}


def test_images_without_a_value_are_a_group_outside_of_the_comparison(case, found):
    _, sex, _ = case
    table = found["sex"]
    assert [s.label for s in table] == ["female", "male", "other", "not known"]
    unknown = table["not known"]
    assert not unknown.known
    assert unknown.num_images == sum(v is None for v in sex)
    assert unknown.minus_rest == {}
    assert all(gap.groups == 3 for gap in table.gaps.values())
    assert "not known" not in {label for gap in table.gaps.values() for label in (gap.best, gap.worst)}


def test_the_gap_lies_between_the_extremes(found):
    for name, gap in found["sex"].gaps.items():
        values = {s.label: s.figures[name].value for s in found["sex"] if s.known}
        assert gap.value == pytest.approx(max(values.values()) - min(values.values()))
        assert (gap.best, gap.worst) == (max(values, key=values.get), min(values, key=values.get))
        assert 0 <= gap.low <= gap.value <= gap.high <= 1
    assert "ece" not in found["sex"].gaps


def drawn(values, strata=(), value=None):
    return Drawn(float(np.nanmean(values)) if value is None else value, np.asarray(values), strata)


def test_two_groups_and_the_formula_of_the_gap():
    rng = np.random.default_rng(3)
    one, other = rng.normal(0.8, 0.03, 2000), rng.normal(0.6, 0.05, 2000)
    gap = gap_between({"a": drawn(other, value=0.6), "b": drawn(one, value=0.8)})
    reach = np.quantile(np.abs(other - one + 0.2), 0.95)  # of one pair, studentised or not
    assert (gap.best, gap.worst, gap.groups, gap.reason) == ("b", "a", 2, "")
    assert gap[2:5] == pytest.approx((0.2, 0.2 - reach, 0.2 + reach))
    assert reach == pytest.approx(1.96 * (one - other).std(), rel=0.05)
    alike = gap_between({"a": drawn(other, value=0.6), "b": drawn(other[::-1], value=0.61)})
    assert alike.low == 0
    few = gap_between({"a": drawn(other, (10,), 0.6), "b": drawn(one, (10,), 0.8)})
    student = stats.t.ppf(0.975, 18) * np.sqrt(10 / 9) / stats.norm.ppf(0.975)  # ten lesions each
    assert (few.high - few.value) / reach == pytest.approx(student, rel=1e-6)


def test_several_groups_need_more_than_two():
    rng = np.random.default_rng(4)
    draws = [drawn(values, value=0.8) for values in rng.normal(0.8, 0.03, (6, 4000))]
    pair = gap_between(dict(zip("ab", draws, strict=False)))
    all_six = gap_between(dict(zip("abcdef", draws, strict=True)))
    tukey = stats.studentized_range.ppf(0.95, 6, 1e6) / stats.studentized_range.ppf(0.95, 2, 1e6)
    assert all_six.high / pair.high == pytest.approx(tukey, rel=0.05)


def test_undefined_resamples():
    draws = np.linspace(0.5, 0.9, 100)
    few, many = draws.copy(), draws.copy()
    few[:10], many[:60] = np.nan, np.nan
    one = drawn(draws[::-1], value=0.6)
    assert not gap_between({"a": one, "b": drawn(few, value=0.8)}).reason
    gap = gap_between({"a": one, "b": drawn(many, value=0.8)})
    assert gap.value == pytest.approx(0.2)
    assert math.isnan(gap.low)
    assert gap.reason.startswith("not defined in most resamples")


def binary(right, malignant, group, lesions=None, **options):
    """The figures of a model that is right where it is said to be."""
    right, malignant = np.asarray(right, bool), np.asarray(malignant, bool)
    said = np.where(right == malignant, 0.9, 0.1)
    given = outcome(malignant.astype(int), np.stack([1 - said, said], 1), BINARY)
    return subgroup_figures(given, BINARY, {"sex": texts(group)}, lesions, **options)


@pytest.mark.parametrize("sizes", [[60, 60], [40, 40, 40, 40]], ids=str)
def test_equal_groups_have_a_gap_that_may_be_zero(sizes, monkeypatch):
    """Equal true sensitivity, and images of one lesion that are alike: 95 % of the intervals hold 0.

    Resampling images instead of lesions gives 88 %, and intervals for each pair of the four groups give 83 %.
    """
    monkeypatch.setattr(subgroupstudy, "bootstrap_calibration", lambda *a, **b: {"ece": Interval(0.0, 1.0)})
    rng = np.random.default_rng(0)
    holds = []
    for _ in range(150 if len(sizes) == 2 else 120):
        lesions = np.repeat(np.arange(2 * sum(sizes)), 2)
        group = np.repeat(np.arange(len(sizes)), 2 * np.array(sizes))[lesions]
        malignant = (np.arange(2 * sum(sizes)) % 2 == 0)[lesions]
        right = rng.random(len(lesions)) < rng.beta(1.6, 0.4, 2 * sum(sizes))[lesions]
        found = binary(right, malignant, [f"g{g}" for g in group], lesions, resamples=100)
        holds.append(found["sex"].gaps["malignant/sensitivity"].low == 0)
    assert 0.905 <= np.mean(holds) <= 0.985


def test_a_true_gap_is_found_and_lesions_matter():
    rng = np.random.default_rng(1)
    group = np.repeat(["a", "b"], 300)
    malignant = np.arange(600) % 2 == 0
    right = rng.random(600) < np.where(group == "a", 0.95, 0.6)
    lesions = np.arange(600) // 10
    gap = binary(right, malignant, group)["sex"].gaps["malignant/sensitivity"]
    assert (gap.best, gap.worst) == ("a", "b")
    assert gap.low > 0.2
    alike = right[lesions * 10]  # ten images of each lesion that are judged alike
    single, joint = (
        binary(alike, malignant, group, names)["sex"].gaps["accuracy"] for names in (None, lesions.astype(str))
    )
    assert joint.value == single.value
    assert joint.high - joint.low > 2 * (single.high - single.low)


def test_small_groups_are_not_judged():
    group = ["a"] * 40 + ["b"] * 40 + ["c"] * 29 + [None] * 5
    malignant = np.array(([True] * 10 + [False] * 30) + ([True] * 4 + [False] * 36) + [True, False] * 14 + [True] * 6)
    right = np.arange(114) % 3 > 0
    table = binary(right, malignant, group)["sex"]
    small = table["c"].figures
    assert {e.reason for e in small.values()} == {"29 images, fewer than 30"}
    assert all(math.isnan(e.value) and math.isnan(e.low) for e in small.values())
    assert (small["accuracy"].n, small["malignant/sensitivity"].n) == (29, 15)
    few = table["b"].figures
    assert few["malignant/sensitivity"].reason == "4 malignant images, fewer than 5"
    assert few["malignant/auc"].reason == "4 malignant images, fewer than 5"
    assert not few["malignant/specificity"].reason
    assert table.gaps["malignant/sensitivity"].reason == "only a can be judged"
    assert math.isnan(table.gaps["malignant/sensitivity"].value)
    assert table.gaps["malignant/specificity"].groups == 2
    assert table["c"].minus_rest["accuracy"].reason == "29 images, fewer than 30"
    assert not table["a"].minus_rest["malignant/sensitivity"].reason  # the rest is judged as a whole
    assert binary(right, malignant, group, min_size=29)["sex"].gaps["accuracy"].groups == 3


def test_images_of_one_lesion_are_one_case():
    group = ["a"] * 40 + ["b"] * 40
    malignant = np.arange(80) % 2 == 0
    right = np.arange(80) % 3 > 0
    lesions = [f"{'m' if m else 'n'}{k // 10}" for k, m in enumerate(malignant)]
    figures = binary(right, malignant, group, lesions)["sex"]["a"].figures
    assert figures["malignant/sensitivity"].reason == "4 malignant lesions or patients, fewer than 5"
    assert not binary(right, malignant, group, lesions, min_positives=4)["sex"]["a"].figures["malignant/auc"].reason
    alone = binary(right, malignant, group, ["p"] * 40 + [str(k) for k in range(40)])["sex"]
    assert alone["a"].figures["accuracy"].reason == "all images are of one lesion or patient"


def test_a_perfect_group_is_not_certain():
    """The oracle is Jeffreys' interval: quantiles of the beta distribution, drawn by another generator."""
    malignant = np.arange(120) % 2 == 0
    right = np.where(np.arange(120) < 60, True, np.arange(120) % 5 > 0)
    table = binary(right, malignant, ["a"] * 60 + ["b"] * 60, resamples=4000)["sex"]
    e = table["a"].figures["malignant/sensitivity"]
    assert e.value == 1
    expected = np.quantile(np.random.RandomState(7).beta(30.5, 0.5, 200_000), [0.025, 0.975])
    assert e[1:3] == pytest.approx(expected, abs=0.01)
    assert table["b"].figures["malignant/sensitivity"].low < e.low
    gap = table.gaps["malignant/sensitivity"]
    assert gap.low > 0
    assert gap.high > gap.value
    both = binary(np.ones(120, bool), malignant, ["a"] * 60 + ["b"] * 60)["sex"]
    assert both.gaps["malignant/sensitivity"].value == 0
    assert both.gaps["malignant/sensitivity"].high > 0.03
    auc = both["a"].figures["malignant/auc"]
    assert (auc.value, math.isnan(auc.low), auc.reason) == (
        1.0,
        True,
        "the same in all resamples, so that they give no interval",
    )
    assert both.gaps["malignant/auc"].reason == "no group can be judged"


def test_one_group_only():
    found = binary(np.arange(60) % 4 > 0, np.arange(60) % 2 == 0, ["female"] * 60)
    table = found["sex"]
    assert table.note == "all images with a value are female, so that nothing can be compared"
    assert table["female"].figures["accuracy"].value == 0.75
    assert table["female"].minus_rest["accuracy"].reason == "there is no other group"
    assert table.gaps["accuracy"].reason == "only female can be judged"
    assert table.note in str(found)


def test_nothing_to_group_by(case):
    given, sex, lesions = case
    found = subgroup_figures(given, ISIC2018, {"hair": sex}, lesions)
    assert len(found) == 0
    assert found.reason == (
        "no column tells age, sex, anatomical site, skin tone, source (metadata columns: 'hair'); name others with "
        "columns=[...]"
    )
    assert str(found) == f"no subgroups: {found.reason}"
    with pytest.raises(UnknownNameError, match="no subgroups by 'sex'; no column tells"):
        found["sex"]
    named = subgroup_figures(given, ISIC2018, {"hair": sex}, lesions, columns=["hair"], resamples=20)
    assert named["hair"].attribute == "hair"
    many = subgroup_figures(given, ISIC2018, {"site": texts(map(str, range(360)))}, lesions)
    assert "site was left out: metadata column 'site' has 360 different values" in str(many)


def test_nothing_to_score(case):
    given, sex, _ = case
    unlabelled = outcome([IGNORE_INDEX] * 360, given.probabilities, ISIC2018)
    assert subgroup_figures(unlabelled, ISIC2018, {"sex": sex}).reason == (
        "no image has a label or a mask that was predicted"
    )
    empty = outcome([], np.zeros((0, 7)), ISIC2018)
    assert subgroup_figures(empty, ISIC2018, {"sex": texts([])}, columns=None).reason


def test_masks_alone():
    rng = np.random.default_rng(0)
    counts = np.stack([rng.integers(10, 40, 80), np.full(80, 50), np.full(80, 50)], axis=1)
    given = outcome([IGNORE_INDEX] * 80, None, (), counts, np.arange(80))
    found = subgroup_figures(given, None, {"skin_tone": np.arange(80) // 40 + 1}, resamples=50)
    assert list(found["skin_tone"]["1"].figures) == ["dice"]
    assert found["skin_tone"]["2"].figures["dice"].value == pytest.approx(counts[40:, 0].mean() / 50)
    assert found["skin_tone"]["1"].num_malignant is None
    few = outcome([IGNORE_INDEX] * 80, None, (), counts[:50], np.arange(50))
    table = subgroup_figures(few, None, {"skin_tone": np.arange(80) // 40 + 1}, resamples=50)["skin_tone"]
    assert table["2"].figures["dice"].reason == "10 images with a mask, fewer than 30"


def test_without_malignant_classes_there_are_no_such_figures(case):
    given, sex, lesions = case
    space = skinzoo.LabelSpace("plain", tuple(ISIC2018))
    table = subgroup_figures(given, space, {"sex": sex}, lesions, resamples=20)["sex"]
    assert not [name for name in table["female"].figures if name.startswith("malignant/")]
    assert table["female"].num_malignant is None


def test_the_threshold_is_the_callers(case):
    given, sex, lesions = case
    low = subgroup_figures(given, ISIC2018, {"sex": sex}, lesions, malignant_threshold=0.1, resamples=20)
    rows = np.flatnonzero((sex == "female") & (given.labels >= 0))
    malignant = [k for k, code in enumerate(ISIC2018) if code in ISIC2018.malignant]
    called = given.probabilities[rows][:, malignant].sum(1) >= 0.1
    expected = called[np.isin(given.labels[rows], malignant)].mean()
    assert low["sex"]["female"].figures["malignant/sensitivity"].value == pytest.approx(expected)


def test_the_seed_decides(case, found):
    given, sex, lesions = case
    options = {"min_size": 20, "resamples": 300}
    again = subgroup_figures(given, ISIC2018, {"sex": sex}, lesions, **options)
    assert str(again) == str(found)
    other = subgroup_figures(given, ISIC2018, {"sex": sex}, lesions, seed=1, **options)
    assert str(other) != str(found)
    order = np.random.default_rng(0).permutation(360)
    place = np.argsort(order)
    turned = outcome(
        given.labels[order], given.probabilities[order], ISIC2018, given.mask_counts, place[given.mask_rows]
    )
    assert str(subgroup_figures(turned, ISIC2018, {"sex": sex[order]}, lesions[order], **options)) == str(found)


def test_json_text_and_forest_plot(found, tmp_path):
    values = json.loads(write_json(tmp_path / "subgroups.json", found.to_dict()).read_text())
    assert values["options"]["resamples"] == 300
    table = values["tables"]["sex"]
    assert [s["label"] for s in table["subgroups"]] == ["female", "male", "other", "not known"]
    assert table["subgroups"][3]["figures"]["accuracy"]["value"] is None
    assert table["gaps"]["accuracy"]["best"] == found["sex"].gaps["accuracy"].best

    text = str(found)
    female = found["sex"]["female"]
    assert text.splitlines()[0] == "sex"
    for part in ("balanced accuracy", "sensitivity", "malignant AUC", str(female.figures["malignant/sensitivity"])):
        assert part in text
    assert f"not known: {found['sex']['not known'].figures['accuracy'].n} images, fewer than 20" in text
    assert max(map(len, text.splitlines())) <= 170

    rows = found.forest("malignant/sensitivity")
    assert rows[0] == ("sex", "female", *female.figures["malignant/sensitivity"])
    forest_plot(rows)
    with pytest.raises(UnknownNameError, match="no figure 'recall' of subgroups; there are accuracy"):
        found.forest("recall")
    with pytest.raises(UnknownNameError, match="sex has no group 'femal'; did you mean 'female'"):
        found["sex"]["femal"]


BAD = {
    "min_size": ({"min_size": 0}, "min_size must be a whole number of at least 1"),
    "min_positives": ({"min_positives": 2.5}, "min_positives must be a whole number"),
    "resamples": ({"resamples": 0}, "resamples must be a whole number of at least 1"),
    "seed": ({"seed": -1}, "seed must be a whole number"),
    "threshold": ({"malignant_threshold": 50}, "malignant_threshold must be a probability"),
    "columns": ({"columns": "sex"}, "is one text"),
    "a column": ({"columns": ["age"]}, "no metadata column 'age'"),
    "groups": ({"groups": ["a", "b"]}, "2 groups for 360 images"),
    "groups without a name": ({"groups": [""] * 360}, "360 of 360 samples have no group"),
    "label space": ({"label_space": BINARY}, "was given the classes benign, malignant"),
    "no label space": ({"label_space": None}, "was given no label space"),
    "metadata": ({"metadata": {"sex": texts("ab")}}, "for 360 images"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_input(case, change, message):
    given, sex, lesions = case
    options = {"label_space": ISIC2018, "metadata": {"sex": sex}, "groups": lesions} | change
    with pytest.raises((ConfigError, LabelError), match=message):
        subgroup_figures(given, **options)


def test_the_synthetic_collection_end_to_end():
    data = skinzoo.load_dataset("synthetic", num_images=140, size=32)
    model = skinzoo.create_model("simple_cnn", image_size=32, seed=0)
    loader = skinzoo.make_loader(data, skinzoo.Transform(model.input_spec), batch_size=70)
    given = collect(model, loader)
    r = data.records
    found = subgroup_figures(given, data.label_space, r.metadata, r.groups, min_size=10, resamples=50)
    table = found["skin_tone"]
    assert table.attribute == "skin tone"
    assert [s.label for s in table] == sorted({str(t) for t in r.metadata["skin_tone"]})
    assert sum(s.num_images for s in table) == 140
    assert sum(s.num_malignant for s in table) == 60
    for s in table:
        judged = s.figures["accuracy"]
        right = given.probabilities[s.rows].argmax(1) == given.labels[s.rows]
        assert judged.reason or judged.value == pytest.approx(right.mean())
