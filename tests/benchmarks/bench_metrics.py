"""How fast are all metrics and their intervals? Run as `OMP_NUM_THREADS=1 python tests/benchmarks/bench_metrics.py`.

10,000 images of 7,470 lesions and 7 classes, distributed as in HAM10000; processor time of one core. scikit-learn's
time for 1,000 resamples is that of a few, multiplied.
"""

import resource
import time
import warnings

import numpy as np
from sklearn import metrics as sk

from skinzoo.metrics import bootstrap_classification, bootstrap_segmentation, classification_metrics

CLASSES = ["NV", "MEL", "BKL", "BCC", "AKIEC", "VASC", "DF"]
SHARES = [0.67, 0.11, 0.11, 0.05, 0.03, 0.015, 0.015]
MALIGNANT = {"MEL", "BCC", "AKIEC"}
IMAGES, LESIONS, RESAMPLES, FEW = 10_000, 7_470, 1_000, 5


def test_set():
    rng = np.random.default_rng(0)
    owner = np.append(np.arange(LESIONS), rng.integers(0, LESIONS, IMAGES - LESIONS))
    labels = rng.choice(7, LESIONS, p=SHARES)[owner]
    logits = rng.normal(size=(IMAGES, 7)) * 1.5 + 3 * np.eye(7)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, probabilities, owner


def scikit_learn(labels, probabilities):
    """What scikit-learn has of the metrics, each once."""
    predictions = probabilities.argmax(axis=1)
    bad = [c for c, code in enumerate(CLASSES) if code in MALIGNANT]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sk.accuracy_score(labels, predictions)
        sk.balanced_accuracy_score(labels, predictions)
        for average in (None, "macro", "weighted"):
            sk.precision_recall_fscore_support(labels, predictions, average=average)
        sk.cohen_kappa_score(labels, predictions)
        sk.matthews_corrcoef(labels, predictions)
        problems = [(labels == c, predictions == c, probabilities[:, c]) for c in range(7)]
        summed = probabilities[:, bad].sum(axis=1)
        for truth, said, scores in [*problems, (np.isin(labels, bad), summed >= 0.5, summed)]:
            sk.confusion_matrix(truth, said)
            sk.roc_auc_score(truth, scores)
            sk.average_precision_score(truth, scores)
            sk.roc_curve(truth, scores)  # for the four trade-offs
        sk.roc_auc_score(np.isin(labels, bad), summed, max_fpr=0.2)


def seconds(work, times):
    """The quickest of some runs."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def naive(labels, probabilities, owner):
    rng, members = np.random.default_rng(0), [np.flatnonzero(owner == lesion) for lesion in range(LESIONS)]
    for _ in range(FEW):
        drawn = np.concatenate([members[lesion] for lesion in rng.integers(0, LESIONS, LESIONS)])
        scikit_learn(labels[drawn], probabilities[drawn])


def main() -> None:
    labels, probabilities, owner = test_set()

    def point():
        return classification_metrics(labels, probabilities, CLASSES, malignant=MALIGNANT)

    def interval():
        return bootstrap_classification(
            labels, probabilities, CLASSES, groups=owner, malignant=MALIGNANT, resamples=RESAMPLES
        )

    point()
    ours, theirs = seconds(point, 5), seconds(lambda: scikit_learn(labels, probabilities), 3)
    print(f"all metrics once: {1000 * ours:.0f} ms; scikit-learn {1000 * theirs:.0f} ms ({theirs / ours:.1f} times)")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours = seconds(interval, 3)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    theirs = seconds(lambda: naive(labels, probabilities, owner), 1) * RESAMPLES / FEW
    keys = len(interval().intervals)
    print(
        f"{RESAMPLES} resamples by lesion, {keys} metrics: {ours:.2f} s, {memory:.0f} MB more; "
        f"scikit-learn {theirs:.0f} s ({theirs / ours:.0f} times)"
    )
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(1, 50_000, (2, IMAGES))
    both = np.minimum(truth, predicted) // 2
    masks = seconds(lambda: bootstrap_segmentation(both, truth, predicted, groups=owner, resamples=RESAMPLES), 3)
    print(f"{RESAMPLES} resamples of the mask metrics: {masks:.2f} s")


if __name__ == "__main__":
    main()
