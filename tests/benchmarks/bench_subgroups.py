"""How long do subgroup figures and training records take? Run as `python tests/benchmarks/bench_subgroups.py`.

A made-up test part of HAM10000's size with four columns, and a record of as many images as ISIC 2024 has.
"""

import json
import time

import numpy as np

from skinzoo.datasets import Records, SkinDataset
from skinzoo.datasets.adapters.isic2024 import INFO
from skinzoo.evaluation.inference import Outcome
from skinzoo.evaluation.recording import record_training
from skinzoo.evaluation.subgroups.figures import subgroup_figures
from skinzoo.taxonomy import BINARY, ISIC2018

COLUMNS = {
    "sex": ["male", "female", None],
    "localization": ["back", "lower extremity", "trunk", "upper extremity", "abdomen", "face", "chest", "foot"],
    "dataset": ["vidir_modern", "rosendahl", "vidir_molemax", "vienna_dias"],
}


def main() -> None:
    rng, n = np.random.default_rng(0), 1_503
    labels = rng.choice(7, n, p=[0.11, 0.67, 0.05, 0.03, 0.11, 0.015, 0.015])
    logits = rng.normal(size=(n, 7)) + 2 * np.eye(7)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    ids = [f"i{k}" for k in range(n)]
    outcome = Outcome(ids, labels, logits, probabilities, None, np.zeros(0, np.int64), {}, None, tuple(ISIC2018))
    metadata = {name: rng.choice(np.array(values, dtype=object), n) for name, values in COLUMNS.items()}
    metadata["age"] = rng.choice(np.arange(0.0, 90.0, 5), n)
    lesions = np.array([f"HAM_{k}" for k in rng.integers(0, 1_100, n)])
    cpu = time.process_time()
    found = subgroup_figures(outcome, ISIC2018, metadata, lesions)
    groups = sum(map(len, found))
    print(f"subgroups: {n} images, {groups} groups in 4 columns: {time.process_time() - cpu:.1f} s of CPU")

    n = 401_059
    names = [f"ISIC_{k:07d}" for k in range(n)]
    patients = [f"IP_{k:07d}" for k in rng.integers(0, 1_042, n)]
    records = Records.build(names, labels=rng.integers(0, 2, n), groups=patients)
    cpu = time.process_time()
    record = record_training(SkinDataset(INFO, records, BINARY, object()))
    text = json.dumps(record.to_dict())
    print(f"record: {n} images: {time.process_time() - cpu:.1f} s of CPU, {len(text) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
