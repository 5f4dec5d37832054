"""What goes wrong in the middle of a run: said in words that help, with the last good checkpoint left alone."""

import math

import pytest
import torch
from toy import BASE, ToyModel, toy_data

import skinzoo
from skinzoo.errors import BatchTooSmallError, ConfigError, DivergedError, OutOfMemoryError, TrainingError
from skinzoo.training import Callback, TrainConfig, Trainer
from skinzoo.training.checkpoint import CheckpointStore
from skinzoo.training.engine import Engine
from skinzoo.training.failures import explained
from skinzoo.training.guard import MAX_SKIPPED, Guard
from skinzoo.training.stopwatch import Stopwatch
from skinzoo.types import Batch

CPU = Engine(torch.device("cpu"))


class Poison(Callback):
    """Makes the weights infinite before a step."""

    def __init__(self, step):
        self.step = step

    def on_step_start(self, trainer, step):
        if step == self.step:
            with torch.no_grad():
                trainer.model.head[1].weight.fill_(math.inf)


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(tmp_path):
    config = TrainConfig(output_dir=str(tmp_path), **BASE)
    with pytest.raises(
        DivergedError,
        match=r"the loss is not finite at step 6 \(loss nan.*gradient norm not computed; learning rate 3\.00e-02; "
        r"images SYN_.*clip_grad_norm=1. Earlier checkpoints",
    ):
        Trainer(ToyModel(), config, callbacks=[Poison(6)]).fit(*toy_data())
    found = CheckpointStore(tmp_path / "checkpoints").newest()
    assert found.step == 6
    assert all(torch.isfinite(v).all() for v in found.tensors.values() if v.is_floating_point())


class Explode(torch.autograd.Function):
    """The identity, with an infinite gradient."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad * math.inf


class Exploding(ToyModel):
    def predict_logits(self, images):
        output = super().predict_logits(images)
        return output._replace(logits=Explode.apply(output.logits))


def test_a_gradient_that_is_not_finite():
    model = Exploding()
    before = {k: v.clone() for k, v in model.named_parameters()}
    with pytest.raises(
        DivergedError, match=r"the gradient is not finite at step 0 \(loss [\d.]+.*gradient norm (nan|inf)"
    ):
        Trainer(model, TrainConfig(**BASE)).fit(*toy_data())
    assert all(torch.equal(before[k], v) for k, v in model.named_parameters()), "the update was not made"


def seen(guard, step, loss, norm):
    batch = Batch(torch.zeros(1, 3, 2, 2), torch.zeros(1, dtype=torch.int64), None, [f"image{step}"])
    guard.see(step, 0.1, batch, {"loss": torch.tensor(loss)})
    guard.see_gradient(torch.tensor(norm))


def test_half_precision_may_skip_some_updates():
    guard = Guard(CPU, "fp16")
    for step in range(MAX_SKIPPED):
        seen(guard, step, 1.0, math.inf)
    seen(guard, MAX_SKIPPED, 1.0, 2.0)
    for step in range(MAX_SKIPPED):
        seen(guard, step, 1.0, math.inf)
    with pytest.raises(DivergedError, match="gradient is not finite at step 99"):
        seen(guard, 99, 1.0, math.inf)


def test_an_accelerator_is_asked_now_and_then_only(monkeypatch):
    guard = Guard(Engine(torch.device("meta")), "fp32")
    for step in range(20):
        seen(guard, step, math.nan if step == 3 else 1.0, 1.0)
    with pytest.raises(DivergedError, match=r"loss is not finite at step 3 .*image3"):
        guard.check()


class TooLarge(ToyModel):
    def predict_logits(self, images):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_too_little_memory_says_what_to_try():
    with pytest.raises(
        OutOfMemoryError,
        match=r"too little memory for 8 images a process in 2 pieces: accumulate=4 .*batch_size=4 needs half",
    ):
        Trainer(TooLarge(), TrainConfig(**BASE)).fit(*toy_data())


@pytest.mark.parametrize(
    ("engine", "error", "said"),
    [
        (
            CPU,
            "DataLoader worker (pid 7) is killed by signal: Killed. ",
            "process that loads data was killed.*num_workers=0",
        ),
        (CPU, "[enforce fail] DefaultCPUAllocator: can't allocate memory", "cpu has too little memory"),
        (
            Engine(torch.device("cpu"), 1, 2),
            "Connection closed by peer [127.0.0.1]",
            "process 1 lost the others.*same command",
        ),
    ],
)
def test_errors_from_below_in_other_words(engine, error, said):
    with pytest.raises(TrainingError, match=said), explained(TrainConfig(), engine):
        raise RuntimeError(error)


def test_other_errors_stay_as_they_are():
    with pytest.raises(RuntimeError, match="shapes differ"), explained(TrainConfig(), CPU):
        raise RuntimeError("shapes differ")


def test_pieces_of_one_image_in_front_of_batchnorm():
    train, val = toy_data()
    options = {**BASE, "batch_size": 4, "accumulate": 3}
    with pytest.raises(BatchTooSmallError, match="batches of 4, each in 3 pieces, make a batch of one"):
        Trainer(ToyModel(), TrainConfig(**options)).fit(train, val)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cannot be written to|is a file"):
        Trainer(ToyModel(), TrainConfig(output_dir=str(tmp_path / "file" / "run"), **BASE)).fit(*toy_data())


def test_the_stopwatch_names_the_bottleneck():
    watch = Stopwatch()
    watch._begin -= 10
    watch.seconds |= {"data": 6.0, "forward": 2.0, "evaluation": 1.0}
    assert str(watch).startswith("data 60%, forward 20%, evaluation 10%, other 10%; 67% of the training time was spent")
    assert "raise num_workers" in str(watch)
    watch.seconds["data"] = 1.0
    assert "num_workers" not in str(watch)
    assert sum(watch.shares().values()) == pytest.approx(1)


@pytest.mark.parametrize(
    "options",
    [{"ema_decay": 1.0}, {"precision": "fp8"}, {"accumulate": 0}, {"accumulate": 1.5}, {"keep_checkpoints": 0}],
)
def test_settings_out_of_range(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        skinzoo.TrainConfig(**options)
