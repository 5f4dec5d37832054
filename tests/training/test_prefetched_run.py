"""A run whose batches travel beside the device ends with the bits of one whose batches do not."""

from functools import partial

import pytest
from lazyside import LazySide
from toy import Crash, CrashAt, toy_run

from skinzoo.errors import LabelError
from skinzoo.evaluation import inference
from skinzoo.training import Callback, run
from skinzoo.training.callbacks import Writer
from skinzoo.training.run import Run
from skinzoo.transforms.prefetching import Prefetch


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch):
    monkeypatch.setattr(Writer, "on_fit_end", lambda self, trainer: None)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "on_fit_end", lambda self, trainer: None)
        return toy_run(tmp_path_factory.mktemp("plain"), num_workers=0)


@pytest.fixture
def side(monkeypatch):
    """Prefetching as on a GPU, in training and evaluation."""
    lazy = LazySide(monkeypatch)
    for module in (run, inference):
        monkeypatch.setattr(module, "Prefetch", partial(Prefetch, side=lazy))
    return lazy


@pytest.mark.parametrize("workers", [0, 1])
def test_the_same_bits(plain, side, tmp_path, workers):
    assert toy_run(tmp_path, num_workers=workers) == plain
    assert sum(line.startswith("join") for line in side.log) > 14


@pytest.mark.parametrize(("at", "during"), [(5, "step"), (8, "evaluation")])
def test_the_same_bits_after_an_interruption(plain, side, tmp_path, at, during):
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[CrashAt(at, during=during)])
    assert toy_run(tmp_path) == plain


def test_a_run_takes_no_batch_that_it_does_not_use_and_lets_go_of_them(side, tmp_path, monkeypatch):
    taken, closed = [], []
    batches, close = Run._batches, Prefetch.close

    def counting(self):
        for batch in batches(self):
            taken.append(self.progress.step)
            yield batch

    monkeypatch.setattr(Run, "_batches", counting)
    monkeypatch.setattr(Prefetch, "close", lambda self: closed.append(close(self)))

    class Enough(Callback):
        def on_evaluation(self, trainer, row):
            trainer.history.stopped = "enough"

    toy_run(tmp_path, callbacks=[Enough()])
    assert taken == [0, 1, 2, 3]
    assert len(closed) == 2, "that of the run, and that of its one evaluation"


def test_labels_are_checked_where_they_were_read(side, tmp_path, monkeypatch):
    """As for an accelerator: on the host, before the step, and of the batch that the step takes."""
    seen = []

    def checking(self, batch):
        assert batch.images.dtype.itemsize == 1, "the batch as the loader gave it"
        seen.append(list(batch.ids))
        if len(seen) == 3:
            raise LabelError("bad label")
        return original(self, batch)

    original = Run._checked
    monkeypatch.setattr(Run, "_checked", checking)
    steps = []

    class Noting(Callback):
        def on_step_start(self, trainer, step):
            steps.append(step)

    with pytest.raises(LabelError):
        toy_run(tmp_path, callbacks=[Noting()])
    assert steps == [0, 1, 2]
    joined = [line.removeprefix("join ") for line in side.log if line.startswith("join")]
    assert joined == [ids[0] for ids in seen]
