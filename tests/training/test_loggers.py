"""Figures on their way to tracking tools."""

import math
import sys
import types

import pytest

import skinzoo
from skinzoo.errors import ConfigError, MissingDependencyError
from skinzoo.training import Logger, LogTo, TensorBoardLogger, TrainConfig, Trainer

QUICK = {"num_steps": 7, "eval_every": 3, "batch_size": 8, "lr": 1e-3, "verbose": False, "device": "cpu"}


@pytest.fixture(scope="module")
def data():
    return skinzoo.load_dataset("synthetic", num_images=56, size=32).split((0.6, 0.4))


class Kept:
    def __init__(self):
        self.logged, self.closed = [], 0

    def log(self, values, step):
        assert not self.closed
        self.logged.append((step, dict(values)))

    def close(self):
        self.closed += 1


def fit(data, *callbacks, **options):
    model = skinzoo.create_model("simple_cnn", image_size=32, seed=0)
    return Trainer(model, TrainConfig(**(QUICK | options)), callbacks=callbacks).fit(*data)


def test_every_row_of_the_history_is_logged(data):
    logger = Kept()
    history = fit(data, LogTo(logger))
    assert [step for step, _ in logger.logged] == [3, 6, 7]
    for row, (_, values) in zip(history.rows, logger.logged, strict=True):
        assert values == pytest.approx({k: v for k, v in row.items() if k != "step"}, nan_ok=True)
    assert logger.closed == 1


def test_the_running_loss_is_the_mean_since_the_last_evaluation(data):
    every_two, every_step = Kept(), Kept()
    fit(data, LogTo(every_two, every=2), eval_every=6)
    fit(data, LogTo(every_step), eval_every=1, num_steps=5)
    running = {step: v for step, v in every_two.logged if "running_loss" in v}
    single = {step: v["train_loss"] for step, v in every_step.logged}
    assert list(running) == [2, 4], "an evaluation at step 6 began anew"
    assert running[2]["running_loss"] == pytest.approx((single[1] + single[2]) / 2, rel=1e-5)
    four = (8 * (single[1] + single[2] + single[3]) + 4 * single[4]) / 28  # the fourth batch has 4 of 28 images
    assert running[4]["running_loss"] == pytest.approx(four, rel=1e-5)
    assert running[4]["lr"] == 1e-3


def test_the_device_is_waited_for_once_in_n_steps(data, monkeypatch):
    from skinzoo.training.tally import Tally

    reads, means = [], Tally.means
    monkeypatch.setattr(Tally, "means", lambda self, *a: reads.append(1) or means(self, *a))
    fit(data, LogTo(Kept(), every=5), num_steps=16, eval_every=16)
    assert len(reads) == 3 + 1, "after 5, 10 and 15 steps, and in the evaluation"


def test_logging_changes_nothing_that_is_learned(data):
    plain, logged = fit(data), fit(data, LogTo(Kept(), every=1))
    assert plain["val_loss"] == logged["val_loss"]


def test_a_logger_that_fails_does_not_end_the_training(data):
    class Broken(Kept):
        def log(self, values, step):
            super().log(values, step)
            raise ConnectionError("server is down")

    logger = Broken()
    with pytest.warns(UserWarning, match=r"Broken could not be told about step 3 \(ConnectionError: server is down\)"):
        history = fit(data, LogTo(logger))
    assert len(history) == 3
    assert len(logger.logged) == 1, "it is not asked again"


@pytest.mark.parametrize("every", [0, -1, 1.5, True])
def test_arguments_that_make_no_sense(every):
    with pytest.raises(ConfigError, match="every must be a whole number"):
        LogTo(Kept(), every=every)
    with pytest.raises(ConfigError, match=r"a logger has the methods log\(values, step\) and close\(\)"):
        LogTo(print)


def test_tensorboard_is_named_if_it_is_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "skinzoo\[tensorboard\]"'):
        TensorBoardLogger("runs")


def test_what_is_written_through_the_writer(monkeypatch, tmp_path):
    calls = []

    class SummaryWriter:
        def __init__(self, folder):
            calls.append(("open", folder))

        def add_scalar(self, *arguments):
            calls.append(arguments)

        def flush(self):
            calls.append("flush")

        def close(self):
            calls.append("close")

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=SummaryWriter))
    logger = TensorBoardLogger(tmp_path / "tb")
    assert isinstance(logger, Logger)
    assert not calls, "nothing is opened before there is something to write"
    logger.close()
    logger.log({"val_macro_f1": 0.5, "train_loss": 2.0, "lr": 0.1}, 4)
    logger.close()
    assert calls == [
        ("open", str(tmp_path / "tb")),
        ("val/macro_f1", 0.5, 4),
        ("train/loss", 2.0, 4),
        ("lr", 0.1, 4),
        "flush",
        "close",
    ]


def test_real_event_files(data, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = fit(data, LogTo(TensorBoardLogger(tmp_path), every=2))
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    scalars = [(e.step, e.value) for e in events.Scalars("val/loss")]
    assert [step for step, _ in scalars] == [3, 6, 7]
    assert [value for _, value in scalars] == pytest.approx(history["val_loss"])
    assert [e.step for e in events.Scalars("running_loss")] == [2, 4]
    assert all(math.isfinite(e.value) for e in events.Scalars("lr"))
