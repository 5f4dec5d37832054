"""Training loops to compare: by hand, by the Trainer, and by other frameworks, all on the same loader."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

import skinzoo
from skinzoo.models.base import SkinModel
from skinzoo.training import Callback, TrainConfig, Trainer
from skinzoo.training.optim import build_optimizer
from skinzoo.transforms import feed
from tests.benchmarks.harness import Clock

WARM = 1
"""Steps that are not timed: memory is asked for, and the optimiser makes its state."""


class Stopwatch:
    """Seconds from the first step that counts to the end."""

    def __init__(self, clock: Clock, device: str = "cpu", warm: int = WARM) -> None:
        self.clock, self.device, self.warm = clock, torch.device(device), warm
        self.begun = self.seconds = 0.0

    def now(self) -> float:
        """The time at which the device has done all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return self.clock()

    def step(self, number: int) -> None:
        """Step `number` is about to begin."""
        if number == self.warm:
            self.begun = self.now()

    def end(self) -> None:
        """The last step was made."""
        self.seconds = self.now() - self.begun


class Timed(Callback):
    """Tells a stopwatch about the Trainer's steps."""

    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch

    def on_step_start(self, trainer: Trainer, step: int) -> None:
        """Before a step."""
        self.watch.step(step)

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last."""
        self.watch.end()


def config_of(steps: int, batch_size: int, *, warm: int = WARM, **settings: Any) -> TrainConfig:
    """`steps` timed steps."""
    fixed = {"augmentation": "none", "drop_last": True, "verbose": False, "device": "cpu", "precision": "fp32"}
    return TrainConfig(num_steps=warm + steps, batch_size=batch_size, **{**fixed, **settings})


def by_trainer(
    model: SkinModel, data: skinzoo.SkinDataset, config: TrainConfig, clock: Clock, warm: int = WARM
) -> float:
    """The Trainer."""
    watch = Stopwatch(clock, config.device, warm)
    Trainer(model, config, callbacks=[Timed(watch)]).fit(data)
    return watch.seconds


def loader_of(model: SkinModel, data: skinzoo.SkinDataset, config: TrainConfig, output: Any) -> DataLoader[Any]:
    """The Trainer's loader."""
    transform = skinzoo.Transform(model.input_spec, output=output)
    return skinzoo.make_loader(
        data, transform, batch_size=config.batch_size, shuffle=True, drop_last=True, seed=config.seed
    )


def fed(
    model: SkinModel, data: skinzoo.SkinDataset, config: TrainConfig
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Pictures and labels as the Trainer's steps get them, without end."""
    loader, device, epoch = loader_of(model, data, config, "uint8"), torch.device("cpu"), 0
    while True:
        loader.batch_sampler.set_epoch(epoch)
        for batch in loader:
            batch = feed(batch, model.input_spec, device, channels_last=True)
            yield batch.images, batch.labels
        epoch += 1


def by_hand(model: SkinModel, data: skinzoo.SkinDataset, config: TrainConfig, clock: Clock) -> float:
    """A bare loop with the Trainer's settings: bytes, channels last, a fused optimiser."""
    watch, optimizer = Stopwatch(clock), build_optimizer(model, config)
    model.train().to(memory_format=torch.channels_last)
    for step, (images, labels) in zip(range(config.num_steps or 0), fed(model, data, config), strict=False):
        watch.step(step)
        loss = nn.functional.cross_entropy(model(images).logits, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    watch.end()
    return watch.seconds


def plainly(model: SkinModel, data: skinzoo.SkinDataset, config: TrainConfig, clock: Clock) -> float:
    """A loop as tutorials have it: float32, contiguous tensors, PyTorch's optimiser as it comes."""
    watch, optimizer = Stopwatch(clock), torch.optim.AdamW(model.parameters(), lr=config.lr)
    model.train().to(memory_format=torch.contiguous_format)
    loader, step = loader_of(model, data, config, "float32"), 0
    while step < (config.num_steps or 0):
        for batch in loader:
            watch.step(step)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(batch.images.contiguous()).logits, batch.labels)
            loss.backward()
            optimizer.step()
            step += 1
            if step == config.num_steps:
                break
    watch.end()
    return watch.seconds


class Steps:
    """So many batches of a stream, as a loader that a framework accepts."""

    def __init__(self, stream: Iterator[Any], number: int) -> None:
        self.stream, self.number = stream, number

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[Any]:
        return (next(self.stream) for _ in range(self.number))


def by_lightning(model: SkinModel, data: skinzoo.SkinDataset, config: TrainConfig, clock: Clock) -> float:
    """Lightning with everything off that can be."""
    import lightning.pytorch as pl

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    watch, steps = Stopwatch(clock), config.num_steps or 0
    model.train().to(memory_format=torch.channels_last)

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            return nn.functional.cross_entropy(self.model(batch[0]).logits, batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return build_optimizer(model, config)

        def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
            watch.step(batch_idx)

        def on_train_end(self) -> None:
            watch.end()

    off = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    trainer = pl.Trainer(accelerator="cpu", devices=1, max_steps=steps, **dict.fromkeys(off, False))
    trainer.fit(Module(), Steps(fed(model, data, config), steps))
    return watch.seconds


def by_fastai(model: SkinModel, data: skinzoo.SkinDataset, config: TrainConfig, clock: Clock) -> float:
    """fastai's Learner without bar, log or validation."""
    from fastai.callback.core import Callback as FastaiCallback
    from fastai.callback.core import CancelValidException
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    watch, steps = Stopwatch(clock), config.num_steps or 0
    model.train().to(memory_format=torch.channels_last)

    class Watch(FastaiCallback):
        def before_batch(self) -> None:
            watch.step(self.iter)

        def after_train(self) -> None:
            watch.end()

        def before_validate(self) -> None:
            raise CancelValidException

    def score(output: Any, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(output.logits, labels)

    def optimizer(params: Any, lr: float, **_: Any) -> Any:
        return OptimWrapper(opt=build_optimizer(model, config))

    batches = Steps(fed(model, data, config), steps)
    loaders = DataLoaders(batches, batches, device=torch.device("cpu"))
    learner = Learner(loaders, model, loss_func=score, opt_func=optimizer, lr=config.lr, cbs=[Watch()])
    with learner.no_logging():
        learner.fit(1)
    return watch.seconds
