"""Sampling in a run: what is drawn, and that it goes on where it was cut off."""

from collections import Counter

import pytest
from scipy import stats
from toy import BASE, Crash, CrashAt, ToyModel, toy_data, toy_run

from skinzoo.errors import CheckpointMismatchError, ConfigError
from skinzoo.training import TrainConfig, Trainer
from skinzoo.training.callbacks import Writer


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch):
    monkeypatch.setattr(Writer, "on_fit_end", lambda self, trainer: None)


class Seen:
    """A mixing that only looks."""

    def __init__(self):
        self.labels = []

    def __call__(self, batch, *, seed, step, rank=0):
        self.labels += batch.labels.tolist()
        return batch


def test_a_rare_class_is_drawn_as_often_as_a_common_one():
    """One sample against 26, eight epochs of 27 draws: 8 times without sampling, about 108 times when balanced."""
    train, _ = toy_data()
    part = train.subset(range(27))
    part.records.labels[:] = [1] * 26 + [0]
    options = BASE | {"num_steps": None, "epochs": 8, "schedule": "constant", "batch_size": 27, "accumulate": 1}
    drawn = {}
    for sampling in ("uniform", "balanced"):
        seen = Seen()
        Trainer(ToyModel(), TrainConfig(sampling=sampling, **options), mixing=seen).fit(part)
        drawn[sampling] = Counter(seen.labels)
    assert drawn["uniform"] == {1: 208, 0: 8}
    assert drawn["balanced"].total() == 216
    assert stats.binomtest(drawn["balanced"][0], 216, 0.5).pvalue > 0.01


@pytest.mark.parametrize("at", [3, 7])
def test_the_same_bits_when_interrupted(at, tmp_path):
    whole = toy_run(tmp_path / "whole", sampling="balanced")
    with pytest.raises(Crash):
        toy_run(tmp_path / "cut", callbacks=[CrashAt(at)], sampling="balanced", num_workers=2)
    assert toy_run(tmp_path / "cut", sampling="balanced") == whole
    assert toy_run(tmp_path / "other") != whole


def test_another_sampling_is_another_run(tmp_path):
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[CrashAt(3)], sampling="sqrt")
    with pytest.raises(CheckpointMismatchError, match="sampling: 'sqrt' before, 'uniform' now"):
        toy_run(tmp_path)


def test_names():
    with pytest.raises(ConfigError, match="unknown sampling 'weighted'; use one of uniform, balanced, sqrt, effective"):
        TrainConfig(sampling="weighted")
