"""Running the command line in this process, and small models for it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import skinzoo
from skinzoo.cli import main
from skinzoo.hub import records
from skinzoo.hub.record import WeightsRecord
from skinzoo.models import published


class Ran(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def cli(capsys, monkeypatch):
    """`cli("models", "--json")` runs a command line and returns its status and what it printed."""
    monkeypatch.delenv("SKINZOO_DEBUG", raising=False)

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        status = main([str(a) for a in arguments])
        return Ran(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """The folder of a small classifier; nobody has trained it."""
    space = skinzoo.dataset_info("synthetic").label_space
    model = skinzoo.create_model("simple_cnn", label_space=space, image_size=32, seed=1)
    return model.save_pretrained(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def multitask(tmp_path_factory):
    """The folder of a model that answers with class and mask; nobody has trained it."""
    space = skinzoo.dataset_info("synthetic").label_space
    model = skinzoo.create_model("multitask_resnet18", label_space=space, backbone_weights=None, image_size=32, seed=1)
    return model.save_pretrained(tmp_path_factory.mktemp("multitask"))


@pytest.fixture
def pictures(tmp_path, write_image):
    """Two pictures, one of them in a folder below, and one that is none."""
    folder = tmp_path / "pictures"
    write_image(folder / "one.jpg")
    write_image(folder / "below" / "two.jpg", seed=2)
    (folder / "bad.jpg").write_text("not found")
    return folder


def record_values(folder: Path, **changes: Any) -> dict[str, Any]:
    """What a record says about the model in a folder."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    known = config.get("_skinzoo", config)
    figure = {"metric": "balanced_accuracy", "value": 0.71, "low": 0.65, "high": 0.77, "level": 0.95}
    figure |= {"protocol": "one crop", "collection": "Drawn lesions", "part": "test", "n": 300, "unit": "lesion"}
    part = {"role": "training", "collections": ["synthetic"], "title": "Drawn lesions", "part": "train"}
    part |= {"num_images": 700, "num_groups": 700, "group": "image", "class_counts": {"MEL": 700}}
    part |= {"split_hash": "0" * 64, "licence": "MIT"}
    training = {"start": "random weights", "optimizer": "adamw", "learning_rate": 1e-3, "schedule": "cosine"}
    training |= {"epochs": 3, "batch_size": 32, "augmentation": "dermoscopy", "loss": "cross-entropy"}
    training |= {"selection": "macro F1", "seed": 42, "hardware": "a CPU", "minutes": 2, "versions": {"torch": "2.6"}}
    files = {
        path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size": path.stat().st_size}
        for path in sorted(folder.iterdir())
    }
    return {
        "format_version": 1,
        "name": "simple_cnn.test",
        "title": "A small classifier",
        "task": known["task"],
        "repository": None,
        "revision": None,
        "files": {"report.json": {"sha256": "0" * 64, "size": 1}, **files},
        "label_space": known["label_space"],
        "input_spec": known["input_spec"],
        "parameters": 1000,
        "dtype": "float32",
        "data": [part],
        "training": training,
        "figures": [{**figure, "report": "report.json"}],
        "thresholds": None,
        "temperature": None,
        "licence": "CC BY-NC 4.0",
        "citation": "nobody",
        "synthetic": True,
        "intended_use": "tests",
        "limits": ["It knows nothing."],
        "date": "2026-01-31",
        **changes,
    }


@pytest.fixture
def values_of():
    """`values_of(folder, **changes)`: what a record says about the model in a folder."""
    return record_values


@pytest.fixture
def know(monkeypatch):
    """`know(values)` makes this the only record."""

    def add(values: dict[str, Any]) -> WeightsRecord:
        record = WeightsRecord.from_dict(values)
        for module in (records, published):
            monkeypatch.setattr(module, "known_records", lambda: {record.name: record})
        return record

    return add


@pytest.fixture
def record(know, small):
    """The record of a small model, the only one there is; its files are nowhere."""
    return know(record_values(small))
