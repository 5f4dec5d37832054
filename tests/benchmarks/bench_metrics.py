"""How fast all metrics and their intervals are: `python tests/benchmarks/bench_metrics.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from numpy.typing import NDArray

from skinzoo.metrics import bootstrap_classification, bootstrap_segmentation, classification_metrics
from tests.benchmarks.cli import main
from tests.benchmarks.harness import Benchmark, Options, Result, take_turns, threads, timed
from tests.benchmarks.machine import missing

ABOUT = """\
10,000 pictures of 7,470 lesions and 7 classes, distributed as in HAM10000; processor time of one core. scikit-learn
computes what it has of the same metrics; its time for all resamples is that of five, multiplied."""

CLASSES = ["NV", "MEL", "BKL", "BCC", "AKIEC", "VASC", "DF"]
SHARES = [0.67, 0.11, 0.11, 0.05, 0.03, 0.015, 0.015]
MALIGNANT = {"MEL", "BCC", "AKIEC"}
FEW = 5

Scores = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def scores(images: int, lesions: int) -> Scores:
    """Labels, probabilities, and the lesion of each picture."""
    rng = np.random.default_rng(0)
    owner = np.append(np.arange(lesions), rng.integers(0, lesions, images - lesions))
    labels = rng.choice(7, lesions, p=SHARES)[owner]
    logits = rng.normal(size=(images, 7)) * 1.5 + 3 * np.eye(7)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, probabilities, owner


def scikit_learn(labels: NDArray[Any], probabilities: NDArray[Any]) -> None:
    """What scikit-learn has of the metrics, each once."""
    from sklearn import metrics as sk

    predictions = probabilities.argmax(axis=1)
    bad = [c for c, code in enumerate(CLASSES) if code in MALIGNANT]
    sk.accuracy_score(labels, predictions)
    sk.balanced_accuracy_score(labels, predictions)
    for average in (None, "macro", "weighted"):
        sk.precision_recall_fscore_support(labels, predictions, average=average)
    sk.cohen_kappa_score(labels, predictions)
    sk.matthews_corrcoef(labels, predictions)
    problems = [(labels == c, predictions == c, probabilities[:, c]) for c in range(7)]
    summed = probabilities[:, bad].sum(axis=1)
    for truth, said, score in [*problems, (np.isin(labels, bad), summed >= 0.5, summed)]:
        sk.confusion_matrix(truth, said)
        sk.roc_auc_score(truth, score)
        sk.average_precision_score(truth, score)
        sk.roc_curve(truth, score)  # for the four trade-offs
    sk.roc_auc_score(np.isin(labels, bad), summed, max_fpr=0.2)


def naive(labels: NDArray[Any], probabilities: NDArray[Any], owner: NDArray[Any]) -> None:
    """Some resamples of lesions, one after the other."""
    rng, lesions = np.random.default_rng(0), int(owner.max()) + 1
    members = [np.flatnonzero(owner == lesion) for lesion in range(lesions)]
    for _ in range(FEW):
        drawn = np.concatenate([members[lesion] for lesion in rng.integers(0, lesions, lesions)])
        scikit_learn(labels[drawn], probabilities[drawn])


def run(options: Options) -> Iterator[Result]:
    """Once, and resampled."""
    absent = missing("sklearn")
    images, resamples = options.size(10_000, 1_000), options.size(1_000, 20)
    labels, probabilities, owner = scores(images, images * 747 // 1000)
    truth, predicted = np.random.default_rng(0).integers(1, 50_000, (2, images))
    both = np.minimum(truth, predicted) // 2
    of = {"groups": owner, "resamples": resamples}
    once = {"ours": timed(lambda: classification_metrics(labels, probabilities, CLASSES, malignant=MALIGNANT), times=5)}
    often = {
        "ours": timed(lambda: bootstrap_classification(labels, probabilities, CLASSES, malignant=MALIGNANT, **of)),
        "masks": timed(lambda: bootstrap_segmentation(both, truth, predicted, **of)),
    }
    if not absent:
        once["theirs"] = timed(lambda: scikit_learn(labels, probabilities))
        often["theirs"] = timed(lambda: naive(labels, probabilities, owner))
    with threads(1):
        first, second = take_turns(once, options.rounds), take_turns(often, options.rounds)
    yield Result.of("all metrics", first.seconds("ours", scale=1000), "ms", at_most=50)
    said = f"{resamples:,} resamples of lesions, all metrics"
    yield Result.of(said, second.seconds("ours"), "s", at_most=3)
    yield Result.of(f"{resamples:,} resamples of lesions, mask metrics", second.seconds("masks"), "s")
    measures = "all metrics, against scikit-learn", f"{said}, against scikit-learn"
    if absent:
        yield from (Result.skip(measure, absent) for measure in measures)
        return
    yield Result.of(measures[0], first.ratio("theirs", "ours"))
    yield Result.of(measures[1], second.figure(lambda s: s["theirs"] * resamples / FEW / s["ours"]))


BENCHMARK = Benchmark("metrics", "Metrics and intervals", ABOUT, run)

if __name__ == "__main__":
    sys.exit(main(["metrics", *sys.argv[1:]]))
