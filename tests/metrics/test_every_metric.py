"""All classification metrics at once. Oracles: scikit-learn and counting, in `metric_oracle`."""

import metric_oracle
import numpy as np
import pytest

from skinzoo.errors import ConfigError
from skinzoo.metrics import classification_metrics, classification_report

LABELS = np.array([0, 0, 1, 1, 2])
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.5, 0.3], [0.5, 0.3, 0.2], [0.3, 0.3, 0.4]])


def flat(metrics):
    rows = {f"{code}/{name}": v for code, row in metrics.per_class.items() for name, v in row.items()}
    return metrics.values | {key: value for key, value in rows.items() if not key.endswith("/support")}


@pytest.mark.parametrize("block", range(10))
def test_200_random_cases_equal_the_oracle(block):
    for seed in range(20 * block, 20 * block + 20):
        labels, probabilities, classes, malignant = metric_oracle.random_case(seed)
        expected = metric_oracle.all_metrics(labels, probabilities, classes, malignant)
        ours = flat(classification_metrics(labels, probabilities, classes, malignant=malignant))
        assert set(ours) == set(expected)
        keys = sorted(expected)
        np.testing.assert_allclose(
            [ours[k] for k in keys], [expected[k] for k in keys], rtol=0, atol=1e-12, err_msg=f"seed {seed}: {keys}"
        )


def test_random_cases_include_the_hard_ones():
    cases = [metric_oracle.random_case(seed) for seed in range(200)]
    assert {len(classes) for _, _, classes, _ in cases} == set(range(2, 10))
    assert {1, 2} <= {len(labels) for labels, *_ in cases}
    assert any(len(labels) > 1000 for labels, *_ in cases)
    one_class = [len(np.unique(labels)) == 1 for labels, *_ in cases]
    tied = [len(np.unique(p[:, 0])) < len(p) / 2 for _, p, *_ in cases]
    unpredicted = [bool(set(labels) - set(p.argmax(1))) for labels, p, *_ in cases]
    assert min(sum(one_class), sum(tied), sum(unpredicted)) > 30


@pytest.mark.parametrize("seed", [1, 3, 7, 9, 12])
def test_order_and_number_type_change_nothing(seed):
    labels, probabilities, classes, malignant = metric_oracle.random_case(seed)
    probabilities = probabilities.astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(labels))
    first = classification_metrics(labels, probabilities, classes, malignant=malignant)
    other = classification_metrics(labels[order], probabilities[order].astype(float), classes, malignant=malignant)
    np.testing.assert_equal(flat(first), flat(other))


def test_figures_of_malignant_against_benign_are_named_and_grouped():
    metrics = classification_metrics(LABELS, PROBABILITIES, ["NV", "MEL", "BCC"], malignant={"MEL", "BCC"})
    assert metrics.binary["sensitivity"] == 1.0, "0.8, 0.5 and 0.7 are summed; 0.5 reaches the threshold"
    assert metrics.binary["specificity"] == 1 / 2
    assert {f"malignant/{name}": v for name, v in metrics.binary.items()}.items() <= metrics.values.items()
    assert not metrics.undefined
    assert "malignant" not in classification_report(metrics)


def test_the_threshold_of_the_malignant_probability_can_be_chosen():
    figures = [
        classification_metrics(
            LABELS, PROBABILITIES, ["NV", "MEL", "BCC"], malignant={"MEL", "BCC"}, malignant_threshold=t
        ).binary
        for t in (0.0, 0.85, 1.0)
    ]
    assert [f["sensitivity"] for f in figures] == [1.0, 0.0, 0.0]
    assert [f["specificity"] for f in figures] == [0.0, 0.5, 1.0]
    assert len({f["auc"] for f in figures}) == 1


@pytest.mark.parametrize("malignant", [(), {"a", "b"}])
def test_without_malignant_and_benign_there_is_nothing_to_tell_apart(malignant):
    metrics = classification_metrics([0, 1], [[0.9, 0.1], [0.2, 0.8]], ["a", "b"], malignant=malignant)
    assert metrics.binary == {}
    assert not any(key.startswith("malignant") for key in metrics.values)


@pytest.mark.parametrize("malignant", ["MEL", {"MEL", "melanoma"}])
def test_malignant_classes_that_are_none_raise(malignant):
    message = r"malignant must be a collection .* got ('MEL'|melanoma) where the classes are NV"
    with pytest.raises(ConfigError, match=message):
        classification_metrics([0, 1], [[0.9, 0.1], [0.2, 0.8]], ["NV", "MEL"], malignant=malignant)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, "0.5", True, float("nan")])
def test_a_threshold_that_is_no_probability_raises(threshold):
    with pytest.raises(ConfigError, match="malignant_threshold must be a probability"):
        classification_metrics(
            [0, 1], [[0.9, 0.1], [0.2, 0.8]], ["NV", "MEL"], malignant={"MEL"}, malignant_threshold=threshold
        )


@pytest.mark.parametrize(
    ("labels", "reasons"),
    [
        ([0, 1], {}),
        (
            [0, 0],
            {
                "kappa": "labels and predictions are all of one and the same class",
                "mcc": "the labels, or the predictions, are all of one class",
                "macro_auc": "defined for no class",
                "a/specificity": "no test images of any other class",
                "a/npv": "no test images of any other class",
                "a/auc": "no test images of any other class",
                "b/recall": "no test images of this class",
                "b/npv": "no test images of this class",
                "malignant/sensitivity": "no malignant test images",
                "malignant/pauc_80": "no malignant test images",
            },
        ),
        ([1, 1], {"malignant/specificity": "no benign test images", "malignant/ppv": "no image is called malignant"}),
        ([], {"kappa": "no test images", "a/specificity": "no test images of this class"}),
    ],
)
def test_reasons(labels, reasons):
    metrics = classification_metrics(labels, np.tile([[0.9, 0.1]], (len(labels), 1)), ["a", "b"], malignant={"b"})
    assert reasons.items() <= metrics.undefined.items()
    assert {key for key, value in flat(metrics).items() if np.isnan(value)} == set(metrics.undefined)


def test_a_class_predicted_for_every_image_has_no_negative_predictive_value():
    metrics = classification_metrics([0, 1], [[0.9, 0.1]] * 2, ["a", "b"], malignant={"a"})
    assert metrics.undefined["a/npv"] == "predicted for every image"
    assert metrics.undefined["malignant/npv"] == "every image is called malignant"
    assert metrics.undefined["b/precision"] == "never predicted"


def test_the_specificity_of_an_absent_class_is_defined_but_not_in_the_mean():
    probabilities = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]
    metrics = classification_metrics([0, 1, 1], probabilities, ["a", "b", "c"])
    assert metrics.per_class["c"]["specificity"] == 2 / 3
    assert metrics.values["macro_specificity"] == 1.0
    assert metrics.macro_classes["macro_specificity"] == ("a", "b")


def test_a_tie_for_the_highest_score_counts_as_wrong_only_in_the_strict_figure():
    metrics = classification_metrics([0, 1], [[0.5, 0.5], [0.2, 0.8]], ["a", "b"])
    assert (metrics.values["balanced_accuracy"], metrics.values["balanced_accuracy_strict"]) == (1.0, 0.5)
    assert metrics.confusion.tolist() == [[1, 0], [0, 1]]
