"""Cross-validation."""

import csv
import json
import math
import statistics

import pytest
from toy import Crash, ToyModel

import skinzoo
from skinzoo.errors import CheckpointMismatchError, ConfigError, UnknownNameError
from skinzoo.training import Callback, CrossValidation, Fold, TrainConfig, Trainer

QUICK = {"num_steps": 3, "eval_every": 3, "batch_size": 16, "lr": 1e-3, "verbose": False, "device": "cpu"}


@pytest.fixture(scope="module")
def data():
    return skinzoo.load_dataset("synthetic", num_images=84, size=32)


@pytest.fixture
def quick_pages(monkeypatch):
    """Pages take seconds to draw."""

    def save(report, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text(report.title)

    monkeypatch.setattr(skinzoo.Report, "save", save)


def make_model(train):
    return ToyModel(train.label_space)


class Steps(Callback):
    """Counts steps, and ends the run before one of them."""

    def __init__(self, crash_at=None):
        self.made, self.crash_at = 0, crash_at

    def on_step_start(self, trainer, step):
        if step == self.crash_at:
            raise Crash
        self.made += 1


def test_each_fold_is_a_plain_run_on_its_parts(data):
    result = skinzoo.cross_validate(make_model, data, TrainConfig(**QUICK), k=3, val=0.2)
    assert sum(fold.images for fold in result.folds) == len(data)
    for fold, (train, val, test) in zip(result.folds, data.kfold(3, seed=42, val=0.2), strict=True):
        model = make_model(train)
        Trainer(model, TrainConfig(**QUICK)).fit(train, val)
        oracle = skinzoo.evaluate(model, test).values
        assert fold.scores == pytest.approx(oracle, nan_ok=True)
        assert fold.report.values == pytest.approx(oracle, nan_ok=True)
    values = [fold.scores["accuracy"] for fold in result.folds]
    assert result["accuracy"] == pytest.approx((statistics.mean(values), statistics.stdev(values), 3))
    assert set(result.scores) == set(oracle)


def test_without_a_validation_part_the_last_weights_are_scored(data):
    result = skinzoo.cross_validate(make_model, data, TrainConfig(**QUICK), k=2, val=None, seed=5)
    train, test = data.kfold(2, seed=5)[0]
    model = make_model(train)
    Trainer(model, TrainConfig(**QUICK)).fit(train)
    assert result.folds[0].scores == pytest.approx(skinzoo.evaluate(model, test).values, nan_ok=True)


def test_interrupted_and_made_again(data, tmp_path, monkeypatch, quick_pages):
    """The first fold is finished, the second has a checkpoint, the third was never begun."""
    config = TrainConfig(output_dir=str(tmp_path / "cv"), checkpoint_every=1, **QUICK)
    whole = skinzoo.cross_validate(make_model, data, TrainConfig(**QUICK), k=3)
    counts = [Steps(), Steps(crash_at=2), Steps()]
    with pytest.raises(Crash):
        skinzoo.cross_validate(make_model, data, config, k=3, make_callbacks=lambda n: [counts[n - 1]])
    assert [c.made for c in counts] == [3, 2, 0]

    counts, scored, evaluate = [Steps(), Steps(), Steps()], [], skinzoo.training.folds.evaluate
    monkeypatch.setattr("skinzoo.training.folds.evaluate", lambda *a, **b: scored.append(1) or evaluate(*a, **b))
    result = skinzoo.cross_validate(make_model, data, config, k=3, make_callbacks=lambda n: [counts[n - 1]])
    assert [c.made for c in counts] == [0, 1, 3]
    assert len(scored) == 2
    assert [fold.report is None for fold in result.folds] == [True, False, False]
    for fold, oracle in zip(result.folds, whole.folds, strict=True):
        assert fold.scores == pytest.approx(oracle.scores, nan_ok=True)
        assert (fold.folder / "best" / "model.safetensors").exists()
        assert (fold.folder / "report" / "index.html").exists()

    with (tmp_path / "cv" / "folds.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["fold"] for row in table] == ["1", "2", "3", "mean", "std"]
    assert float(table[3]["accuracy"]) == pytest.approx(result["accuracy"].mean)
    assert float(table[4]["accuracy"]) == pytest.approx(result["accuracy"].std)

    with pytest.raises(CheckpointMismatchError, match=r"lr: 0\.001 before, 0\.5 now"):
        skinzoo.cross_validate(
            make_model, data, TrainConfig(output_dir=str(tmp_path / "cv"), **(QUICK | {"lr": 0.5})), k=3
        )

    (tmp_path / "cv" / "fold-1" / "fold.json").write_text("{")  # damaged: scored again, not trained again
    again = skinzoo.cross_validate(make_model, data, config, k=3)
    assert [fold.report is None for fold in again.folds] == [False, True, True]
    assert again.folds[0].scores == pytest.approx(whole.folds[0].scores, nan_ok=True)


def test_overwrite_starts_anew_and_forgets_the_figures(data, tmp_path, quick_pages):
    options = {"output_dir": str(tmp_path), **QUICK}
    skinzoo.cross_validate(make_model, data, TrainConfig(**options), k=2)
    kept = json.loads((tmp_path / "fold-1" / "fold.json").read_text())
    with pytest.raises(Crash):
        skinzoo.cross_validate(
            make_model, data, TrainConfig(overwrite=True, **options), k=2, make_callbacks=lambda n: [Steps(1)]
        )
    assert not (tmp_path / "fold-1" / "fold.json").exists()
    result = skinzoo.cross_validate(make_model, data, TrainConfig(**options), k=2)
    assert result.folds[0].scores["accuracy"] == pytest.approx(kept["scores"]["accuracy"])


def test_mean_and_deviation_leave_out_what_is_undefined():
    nan = math.nan
    result = CrossValidation(
        (
            Fold(1, 10, {"a": 1.0, "b": nan, "c": nan}),
            Fold(2, 10, {"a": 2.0, "b": 3.0, "c": nan}),
            Fold(3, 11, {"a": 6.0, "b": nan, "c": nan}),
        )
    )
    assert result["a"] == (3.0, pytest.approx(math.sqrt(7)), 3)
    assert result["b"][::2] == (3.0, 1)
    assert math.isnan(result["b"].std)
    assert math.isnan(result["c"].mean)
    assert "31 held-out images" in str(result)
    assert "a  3.0000 ± 2.6458" in str(result)
    assert "b  3.0000 ± nan  (undefined in 2)" in str(result)
    with pytest.raises(UnknownNameError, match="no metric 'aa' in these folds; did you mean 'a'"):
        _ = result["aa"]


def test_losses_are_made_for_each_fold(data):
    seen = []

    def make_loss(model, train):
        seen.append(train.name)
        return skinzoo.default_loss(
            model.task, class_weights=skinzoo.class_weights(list(train.class_counts().values()))
        )

    skinzoo.cross_validate(make_model, data, TrainConfig(**QUICK), k=2, make_loss=make_loss)
    assert seen == ["synthetic[fold 1 of 2, train]", "synthetic[fold 2 of 2, train]"]


def test_one_model_for_all_folds_is_refused(data):
    model = make_model(data)
    with pytest.raises(ConfigError, match="make_model gave the same model a second time"):
        skinzoo.cross_validate(lambda train: model, data, TrainConfig(**QUICK), k=2)
    with pytest.raises(ConfigError, match="k=1: the number of folds"):
        skinzoo.cross_validate(make_model, data, TrainConfig(**QUICK), k=1)
