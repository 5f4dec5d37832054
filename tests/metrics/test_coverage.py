"""How often 95 % intervals hold the truth, over simulated test sets of lesions with one to three images.

The score of an image is that of its class, plus a deviation of the lesion, plus one of the image, all normal. So the
accuracy, the sensitivity and the area under the ROC curve of the population are known.
"""

from statistics import NormalDist

import numpy as np

from skinzoo.metrics import bootstrap_classification

GAP, LESION_SD, IMAGE_SD = 1.5, 0.7, 0.7
SD = float(np.hypot(LESION_SD, IMAGE_SD))
RIGHT, AREA = NormalDist().cdf(GAP / 2 / SD), NormalDist().cdf(GAP / SD / 2**0.5)
TRUTH = {"accuracy": RIGHT, "b/recall": RIGHT, "b/auc": AREA, "balanced_accuracy": RIGHT}


def simulated(rng, num_lesions, num_positive):
    owner = np.repeat(np.arange(num_lesions), rng.integers(1, 4, num_lesions))
    labels = (owner < num_positive).astype(int)
    scores = GAP * (labels - 0.5) + LESION_SD * rng.normal(size=num_lesions)[owner]
    positive = 1 / (1 + np.exp(-(scores + IMAGE_SD * rng.normal(size=len(owner)))))
    return labels, np.stack([1 - positive, positive], axis=1), owner


def coverage(num_lesions, num_positive, sets, *, by_lesion=True):
    rng, held = np.random.default_rng(num_lesions), dict.fromkeys(TRUTH, 0)
    for seed in range(sets):
        labels, probabilities, owner = simulated(rng, num_lesions, num_positive)
        found = bootstrap_classification(
            labels, probabilities, ["a", "b"], groups=owner if by_lesion else None, resamples=400, seed=seed
        )
        for key, truth in TRUTH.items():
            held[key] += found[key].low <= truth <= found[key].high
    return {key: count / sets for key, count in held.items()}


def test_intervals_of_500_sets_hold_the_truth_in_93_to_97_percent():
    for key, share in coverage(150, 60, 500).items():
        assert 0.93 <= share <= 0.97, (key, share)


def test_drawing_images_instead_of_lesions_would_not_do():
    assert coverage(150, 60, 100, by_lesion=False)["accuracy"] < 0.92


def test_the_area_of_a_class_of_few_lesions_is_covered_almost_as_often():
    assert coverage(60, 9, 150)["b/auc"] > 0.9
