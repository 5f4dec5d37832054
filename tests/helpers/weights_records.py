"""A complete weights record, as plain values, to change and to break."""

from __future__ import annotations

import json
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def record_values(**changes: Any) -> dict[str, Any]:
    """The values of a record of weights on the Hub; each call gives new ones."""
    part = {
        "role": "training",
        "collections": ["ham10000"],
        "title": "HAM10000",
        "part": "train",
        "num_images": 7,
        "num_groups": 5,
        "group": "lesion",
        "class_counts": {"MEL": 3, "NV": 4},
        "split_hash": "a" * 64,
        "licence": "CC BY-NC 4.0",
    }
    figure = {
        "metric": "balanced_accuracy",
        "value": 0.75,
        "low": 0.5,
        "high": 0.875,
        "level": 0.95,
        "protocol": "held-out lesions",
        "collection": "HAM10000",
        "part": "test",
        "n": 4,
        "unit": "lesion",
        "report": "report.json",
    }
    values = {
        "format_version": 1,
        "name": "resnet18_finetuned.ham10000",
        "title": "Two classes of HAM10000",
        "task": "classification",
        "repository": "skinzoo/resnet18-ham10000",
        "revision": COMMIT,
        "files": {
            "config.json": {"sha256": "1" * 64, "size": 100},
            "model.safetensors": {"sha256": "2" * 64, "size": 2_000_000},
            "report.json": {"sha256": "3" * 64, "size": 300},
        },
        "label_space": {
            "name": "two",
            "classes": ["MEL", "NV"],
            "titles": {"MEL": "melanoma", "NV": "melanocytic nevus"},
            "aliases": {},
            "malignant": ["MEL"],
            "covers": {},
        },
        "input_spec": {
            "size": [64, 96],
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
            "interpolation": "bilinear",
            "crop": "none",
            "crop_fraction": 0.875,
        },
        "parameters": 1_000_000,
        "dtype": "float16",
        "data": [
            part,
            {**part, "role": "validation", "part": "val"},
            {**part, "role": "test", "part": "test", "collections": []},
        ],
        "training": {
            "start": "backbone weights: imagenet",
            "optimizer": "adamw",
            "learning_rate": 0.001,
            "schedule": "cosine",
            "epochs": 12.5,
            "batch_size": 32,
            "augmentation": "dermoscopy",
            "loss": "cross_entropy",
            "selection": "val_loss, epoch 10",
            "seed": 42,
            "hardware": "one GPU",
            "minutes": 30,
            "versions": {"torch": "2.6.0"},
        },
        "figures": [
            figure,
            {**figure, "metric": "MEL/recall", "value": None, "low": None, "high": None},
            {**figure, "metric": "macro_auc", "value": 0.9, "low": 0.8, "high": 0.95, "collection": "Elsewhere"},
        ],
        "thresholds": {
            "per_class": {"MEL": 0.3},
            "malignant": 0.25,
            "abstain_below": None,
            "rule": "malignant: sensitivity at least 0.95",
            "source": "ham10000[val]",
        },
        "temperature": 1.25,
        "licence": "CC BY-NC 4.0",
        "citation": "Somebody et al. 2026",
        "synthetic": False,
        "intended_use": "Research.",
        "limits": ["Not a medical device."],
        "date": "2026-01-31",
    }
    made: dict[str, Any] = json.loads(json.dumps(values | changes))  # nothing in it is there twice
    return made
