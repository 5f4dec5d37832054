"""Every classification metric computed a second time: by scikit-learn where it has it, by counting where it has not."""

import warnings

import numpy as np
from sklearn import metrics as sk

NAN = float("nan")
LEVELS = (90, 95)


def random_case(seed, max_samples=2000):
    """2..9 classes, n = 1..2000, imbalance, ties, and often classes without images or predictions."""
    rng = np.random.default_rng(seed)
    num_classes = int(rng.integers(2, 10))
    n = int(rng.choice([1, 2, 5, int(rng.integers(6, 100)), int(rng.integers(100, max_samples + 1))]))
    prior = rng.dirichlet(np.full(num_classes, rng.choice([0.2, 1.0, 10.0])))
    labels = rng.choice(num_classes, size=n, p=prior)
    probabilities = rng.dirichlet(np.full(num_classes, 0.7), size=n)
    probabilities[np.arange(n), labels] += rng.choice([0.0, 0.3])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    if seed % 3 == 0:
        probabilities = np.round(probabilities * 8) / 8  # many ties, and sums without rounding
    if seed % 4 == 0:
        probabilities[:, rng.integers(num_classes)] = 0.0  # a class that is hardly ever predicted
    if seed % 17 == 0:
        probabilities[:] = 1 / num_classes  # all scores equal
    classes = [f"c{k}" for k in range(num_classes)]
    malignant = set(rng.choice(classes, size=int(rng.integers(1, num_classes)), replace=False).tolist())
    return labels, np.clip(probabilities, 0, 1), classes, malignant


def all_metrics(labels, probabilities, classes, malignant=(), threshold=0.5):
    """`{"macro_f1": ..., "c0/auc": ..., "malignant/auc": ...}`; NaN where the definitions leave it undefined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of classes that are absent or never predicted
        return _all_metrics(labels, probabilities, classes, malignant, threshold)


def _all_metrics(labels, probabilities, classes, malignant, threshold):
    predictions = probabilities.argmax(axis=1)
    present = np.unique(labels)
    found = {
        "accuracy": sk.accuracy_score(labels, predictions),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predictions),
        "balanced_accuracy_strict": strict(labels, probabilities),
        "kappa": NAN if len({*labels, *predictions}) == 1 else sk.cohen_kappa_score(labels, predictions),
        "mcc": NAN if len(present) == 1 or len(set(predictions)) == 1 else sk.matthews_corrcoef(labels, predictions),
    }
    for kind in ("macro", "weighted"):
        means = sk.precision_recall_fscore_support(labels, predictions, average=kind, labels=present, zero_division=0)
        found |= {f"{kind}_{name}": v for name, v in zip(("precision", "recall", "f1"), means[:3], strict=True)}
    rows = {}
    for c, code in enumerate(classes):
        truth, said = labels == c, predictions == c
        counted = decisions(truth, said)
        rows[c] = {
            "precision": counted["ppv"],
            "recall": counted["sensitivity"],
            "f1": 2 * (truth & said).sum() / (truth.sum() + said.sum()) if truth.any() else NAN,
            "specificity": counted["specificity"],
            "npv": counted["npv"],
            **ranking(truth, probabilities[:, c]),
        }
        found |= {f"{code}/{name}": value for name, value in rows[c].items()}
    for name in ("auc", "average_precision", "specificity"):
        defined = [rows[c][name] for c in present if not np.isnan(rows[c][name])]
        found[f"macro_{name}"] = np.mean(defined) if defined else NAN
    if malignant:
        bad = [k for k, code in enumerate(classes) if code in malignant]
        truth, summed = np.isin(labels, bad), probabilities[:, bad].sum(axis=1)
        binary = decisions(truth, summed >= threshold) | ranking(truth, summed)
        binary["pauc_80"] = kaggle_pauc(truth, summed) if 0 < truth.sum() < len(truth) else NAN
        found |= {f"malignant/{name}": value for name, value in binary.items()}
    return found


def decisions(truth, said):
    """Of one class against the rest."""
    some, others = truth.any(), (~truth).any()
    return {
        "sensitivity": said[truth].mean() if some else NAN,
        "specificity": (~said)[~truth].mean() if others else NAN,
        "ppv": truth[said].mean() if some and said.any() else NAN,
        "npv": (~truth)[~said].mean() if some and others and (~said).any() else NAN,
    }


def ranking(truth, scores):
    """Of one score against one truth."""
    if truth.all() or not truth.any():
        names = ["auc", "average_precision"]
        names += [f"{name}_at_{s}_{other}" for s in LEVELS for name, other in TRADEOFFS]
        return dict.fromkeys(names, NAN)
    found = {"auc": sk.roc_auc_score(truth, scores), "average_precision": sk.average_precision_score(truth, scores)}
    for level in LEVELS:
        for name, other in TRADEOFFS:
            found[f"{name}_at_{level}_{other}"] = best_at(truth, scores, level / 100, name)
    return found


TRADEOFFS = (("sensitivity", "specificity"), ("specificity", "sensitivity"))


def best_at(truth, scores, least, which):
    """By trying every threshold: the best sensitivity where the specificity is at least so high, or the reverse."""
    positives, negatives = np.sort(scores[truth]), np.sort(scores[~truth])
    thresholds = np.append(np.unique(scores), np.inf)
    specificity = np.searchsorted(negatives, thresholds, "left") / len(negatives)
    sensitivity = (len(positives) - np.searchsorted(positives, thresholds, "left")) / len(positives)
    wanted, bound = (sensitivity, specificity) if which == "sensitivity" else (specificity, sensitivity)
    return wanted[bound >= least].max()


def kaggle_pauc(truth, scores, min_tpr=0.8):
    """The scorer of the ISIC 2024 challenge: on flipped labels and scores, the ROC curve is cut and interpolated."""
    flipped_truth, flipped_scores = np.abs(truth.astype(int) - 1), -scores
    max_fpr = abs(1 - min_tpr)
    fpr, tpr, _ = sk.roc_curve(flipped_truth, flipped_scores)
    stop = np.searchsorted(fpr, max_fpr, "right")
    tpr = np.append(tpr[:stop], np.interp(max_fpr, [fpr[stop - 1], fpr[stop]], [tpr[stop - 1], tpr[stop]]))
    return sk.auc(np.append(fpr[:stop], max_fpr), tpr)


def strict(labels, probabilities):
    """Mean recall where a tie for the highest score is wrong, one image at a time."""
    right = {}
    for label, row in zip(labels, probabilities, strict=True):
        best = [k for k, score in enumerate(row) if score == max(row)]
        right.setdefault(label, []).append(best == [label])
    return np.mean([np.mean(hits) for hits in right.values()])
