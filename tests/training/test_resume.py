"""A run that was cut off anywhere and started again ends as if nothing had happened: the same bits everywhere."""

import random
import signal

import numpy as np
import pytest
import torch
from toy import BASE, Crash, CrashAt, ToyModel, toy_data, toy_run

import skinzoo
from skinzoo.errors import CheckpointMismatchError, ConfigError
from skinzoo.taxonomy import LabelSpace
from skinzoo.training import Callback, TrainConfig, Trainer, run, step
from skinzoo.training.callbacks import Writer
from skinzoo.training.state import Progress


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch):
    monkeypatch.setattr(Writer, "on_fit_end", lambda self, trainer: None)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return toy_run(tmp_path_factory.mktemp("whole"), num_workers=0)


def scramble():
    """Global random states as another process would have them."""
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002
    torch.manual_seed(99)


def crashed_and_resumed(folder, at, *, during="step", **options):
    with pytest.raises(Crash):
        toy_run(folder, callbacks=[CrashAt(at, during=during)], **options)
    scramble()
    return toy_run(folder, **options)


@pytest.mark.parametrize("at", [1, 2, 5, 7, 10, 13])
def test_the_same_bits_from_every_step(at, uninterrupted, tmp_path):
    assert crashed_and_resumed(tmp_path, at) == uninterrupted


def test_the_same_bits_when_cut_off_in_an_evaluation(uninterrupted, tmp_path):
    assert crashed_and_resumed(tmp_path, 8, during="evaluation") == uninterrupted


def test_the_same_bits_from_a_checkpoint_some_steps_back(uninterrupted, tmp_path):
    assert crashed_and_resumed(tmp_path, 11, checkpoint_every=4) == uninterrupted


def test_the_same_bits_after_many_interruptions_and_with_other_workers(uninterrupted, tmp_path):
    for at, workers in ((3, 2), (4, 0), (9, 2)):
        with pytest.raises(Crash):
            toy_run(tmp_path, callbacks=[CrashAt(at)], num_workers=workers)
    assert toy_run(tmp_path, num_workers=0) == uninterrupted


@pytest.mark.parametrize(
    "options",
    [
        {"accumulate": 1, "ema_decay": None},
        {"drop_last": True, "optimizer": "adam", "schedule": "cosine"},
        {"accumulate": 3, "backbone_lr_scale": 0.1, "clip_grad_norm": 0.5, "patience": 2},
        {"precision": "bf16"},
    ],
    ids=lambda o: ",".join(o),
)
def test_the_same_bits_with_other_settings(options, tmp_path):
    whole = toy_run(tmp_path / "whole", **options)
    assert crashed_and_resumed(tmp_path / "cut", 6, **options) == whole


def without(name):
    """A `Stepper.restore` that forgets the tensors below a name."""
    original = step.Stepper.restore

    def forgetful(self, tensors, values):
        kept = {k: v for k, v in self.tensors().items() if k.startswith(f"{name}/")}
        original(self, {**{k: v for k, v in tensors.items() if not k.startswith(f"{name}/")}, **kept}, values)

    return step.Stepper, "restore", forgetful


def forgetting(attribute, value):
    """A `Progress.restore` that forgets one thing."""
    original = Progress.restore

    def forgetful(self, *args):
        original(self, *args)
        owner = self.history if attribute in ("best", "rows") and attribute != "weights" else self
        setattr(owner, attribute, value())

    return Progress, "restore", forgetful


def lose_best_weights():
    original = Progress.restore

    def forgetful(self, at, values, best):
        original(self, at, values, {k: torch.zeros_like(v) for k, v in best.items()})

    return Progress, "restore", forgetful


def lose_position():
    original = run.Run._batches

    def forgetful(self):
        at, self.progress.step = self.progress.step, self.progress.step - self.progress.step % len(self.loader)
        batches = original(self)
        first = next(batches)
        self.progress.step = at
        yield first
        yield from batches

    return run.Run, "_batches", forgetful


def streamed(generator):
    """A `seed_step` that leaves one of the three global generators to its stream."""
    names = {"python": "random", "numpy": "numpy", "torch": "torch"}

    def forgetful(seed, at, rank, device):
        value = skinzoo.training.seeding.counted_seed(seed, at, rank)
        if generator != "python":
            random.seed(value)
        if generator != "numpy":
            np.random.seed(value % 2**32)  # noqa: NPY002
        if generator != "torch":
            torch.manual_seed(value)

    assert generator in names
    return run, "seed_step", forgetful


MUTANTS = {
    "model": lambda: without("model"),
    "average": lambda: without("ema"),
    "optimiser": lambda: without("optimizer"),
    "position in the epoch": lose_position,
    "losses since the evaluation": lambda: (run.Run, "_restore", no_tally()),
    "plateau": lambda: forgetting("cuts", lambda: 0),
    "history": lambda: forgetting("rows", list),
    "Python's generator": lambda: streamed("python"),
    "NumPy's generator": lambda: streamed("numpy"),
    "PyTorch's generator": lambda: streamed("torch"),
}


def no_tally():
    original = run.Run._restore

    def forgetful(self, *args):
        original(self, *args)
        self.stepper.tally.clear()

    return forgetful


@pytest.mark.parametrize("mutant", MUTANTS)
def test_every_piece_of_the_state_is_needed(mutant, uninterrupted, tmp_path, monkeypatch):
    """If bringing back one piece is left out, the comparison of the tests above fails."""
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[CrashAt(13)])
    scramble()
    monkeypatch.setattr(*MUTANTS[mutant]())
    try:
        result = toy_run(tmp_path)
    except (KeyError, IndexError, ZeroDivisionError):
        return
    assert result != uninterrupted


BEST_MUTANTS = {"best row": lambda: forgetting("best", lambda: None), "best weights": lose_best_weights}


@pytest.mark.parametrize("mutant", [None, *BEST_MUTANTS])
def test_the_best_evaluation_is_needed(mutant, tmp_path, monkeypatch):
    """The same, of a run whose first evaluation is the best one whatever the weights."""
    from skinzoo.evaluation.inference import Outcome

    losses = iter([0.1, 0.5, 0.6, 0.7] * 2)
    monkeypatch.setattr(Outcome, "scores", lambda _self: {"loss": next(losses)})
    expected = toy_run(tmp_path / "whole")
    with pytest.raises(Crash):
        toy_run(tmp_path / "cut", callbacks=[CrashAt(13)])
    if mutant is not None:
        monkeypatch.setattr(*BEST_MUTANTS[mutant]())
    assert (toy_run(tmp_path / "cut") == expected) == (mutant is None)


def test_a_worse_evaluation_after_resuming_does_not_replace_the_best(monkeypatch, tmp_path):
    from skinzoo.evaluation.inference import Outcome

    script = {4.0: 0.7, 8.0: 0.9, 12.0: 0.9, 14.0: 0.1}
    steps = iter([4.0, 8.0, 8.0, 12.0, 14.0])
    monkeypatch.setattr(Outcome, "scores", lambda _self: {"loss": 1.0, "macro_f1": script[next(steps)]})
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[CrashAt(7)], monitor="val_macro_f1")
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[CrashAt(8, during="evaluation")], monitor="val_macro_f1")
    trainer = Trainer(ToyModel(), TrainConfig(output_dir=str(tmp_path), **{**BASE, "monitor": "val_macro_f1"}))
    history = trainer.fit(*toy_data())
    assert history["step"] == [4, 8, 12, 14]
    assert history.best["step"] == 8, "a tie keeps the earlier one"
    kept = skinzoo.tensors.load_tensors(tmp_path / "best" / "model.safetensors")
    assert all(torch.equal(kept[k], v) for k, v in trainer.model.state_dict().items())


def test_a_finished_run_says_so_and_gives_its_weights(tmp_path, capsys):
    first = ToyModel()
    trained = Trainer(first, TrainConfig(output_dir=str(tmp_path), **BASE))
    trained.fit(*toy_data())
    again = ToyModel()
    history = Trainer(again, TrainConfig(output_dir=str(tmp_path), **{**BASE, "verbose": True})).fit(*toy_data())
    assert "finished after step 14; nothing is left to do. overwrite=True" in capsys.readouterr().out
    assert history.rows == trained.history.rows
    assert history.best == trained.history.best
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in first.state_dict().items())
    assert not again.training
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2, "one checkpoint is left"


def test_overwrite_starts_anew(tmp_path, uninterrupted):
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[CrashAt(9)], lr=1e-2)
    assert toy_run(tmp_path, overwrite=True) == uninterrupted


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lr": 1e-2}, r"lr: 0\.03 before, 0\.01 now"),
        ({"batch_size": 4, "accumulate": 1}, r"accumulate: 2 before, 1 now\s+batch_size: 8 before, 4 now"),
        ({"schedule": "cosine"}, "schedule: "),
    ],
)
def test_another_configuration_is_refused_by_name(options, said, tmp_path):
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[CrashAt(5)])
    before = sorted((tmp_path / "checkpoints").iterdir())
    with pytest.raises(CheckpointMismatchError, match=rf"{said}[\s\S]*overwrite=True.*force=True"):
        toy_run(tmp_path, **options)
    assert sorted((tmp_path / "checkpoints").iterdir()) == before


def test_another_split_model_or_class_list_is_refused(tmp_path):
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[CrashAt(5)])
    config = TrainConfig(output_dir=str(tmp_path), **BASE)
    train, val = toy_data(seed=1)
    with pytest.raises(CheckpointMismatchError, match="training images: '39 with sha256"):
        Trainer(ToyModel(), config).fit(train, val)
    renamed = LabelSpace("renamed", tuple(f"c{i}" for i in range(7)))
    train, val = toy_data()
    train.label_space = val.label_space = renamed
    with pytest.raises(CheckpointMismatchError, match=r"classes: \['MEL', .* before, \['c0'"):
        Trainer(ToyModel(renamed), config).fit(train, val)


def test_force_goes_on_all_the_same(tmp_path, uninterrupted):
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[CrashAt(5)])
    assert toy_run(tmp_path, lr=1e-3, force=True) != uninterrupted


def test_another_number_of_threads_is_said(tmp_path):
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[CrashAt(5)])
    torch.set_num_threads(2)
    with pytest.warns(UserWarning, match="not bit for bit.*number of threads was 1 and is 2"):
        toy_run(tmp_path)


def test_a_failed_resume_changes_nothing(tmp_path):
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[CrashAt(5)])
    model = ToyModel()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    torch.manual_seed(4)
    state = torch.get_rng_state()
    with pytest.raises(CheckpointMismatchError):
        toy_run(tmp_path, model=model, lr=1.0)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


class Counter(Callback):
    def __init__(self):
        self.seen = 0

    def on_step_start(self, trainer, step):
        self.seen += 1

    def state(self):
        return {"seen": self.seen}

    def restore(self, state):
        self.seen = state["seen"]


def test_callbacks_remember(tmp_path):
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[Counter(), CrashAt(9)])
    counter = Counter()
    toy_run(tmp_path, callbacks=[counter])
    assert counter.seen == 14


def test_a_folder_of_a_run_without_checkpoints_is_refused(tmp_path):
    (tmp_path / "history.csv").touch()
    with pytest.raises(ConfigError, match="holds an earlier run; choose another output_dir, or overwrite=True"):
        toy_run(tmp_path)


@pytest.mark.parametrize("moment", ["on_fit_end", "on_evaluation"])
def test_a_signal_in_the_last_moments_ends_the_program_and_not_the_run(moment, tmp_path, capsys):
    class Signalled(Callback):
        pass

    def stop(_self, trainer, *_):
        if trainer.run.progress.step == trainer.run.total:
            signal.raise_signal(signal.SIGTERM)

    setattr(Signalled, moment, stop)
    with pytest.raises(SystemExit) as left:
        toy_run(tmp_path, callbacks=[Signalled()])
    assert left.value.code == 143
    assert "SIGTERM: stopped after step" in capsys.readouterr().out
    again = Trainer(ToyModel(), TrainConfig(output_dir=str(tmp_path), **BASE))
    assert again.fit(*toy_data()).rows
    assert again.run.progress.finished
    assert again.run.progress.step == again.run.total
