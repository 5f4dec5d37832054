"""The Trainer: one loop, and objects that it receives."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from skinzoo.datasets import SkinDataset, make_loader
from skinzoo.devices import move
from skinzoo.errors import ConfigError, DivergedError
from skinzoo.evaluation.inference import collect
from skinzoo.losses import MultiTaskLoss, default_loss
from skinzoo.models import SkinModel
from skinzoo.training.callbacks import BestWeights, Callback, EarlyStopping, Printer, Writer
from skinzoo.training.checks import check_run
from skinzoo.training.config import TrainConfig
from skinzoo.training.engine import Engine, start_engine
from skinzoo.training.history import History, Row
from skinzoo.training.optim import build_optimizer
from skinzoo.training.schedules import Schedule
from skinzoo.training.seeding import counted_seed
from skinzoo.training.tally import Tally
from skinzoo.transforms import Transform, create_augmentation
from skinzoo.types import Batch


class Trainer:
    """Trains any model of the zoo on any collection.

    The order of the samples is a function of (seed, epoch), a sample's augmentation of (seed, epoch, index), dropout of
    (seed, step, rank): nothing depends on the number of workers or on the global random state.

    Under `torchrun` the same program runs on several processes; the batch is shared among them.

    Args:
        model: The model; trained in place.
        config: How to train.
        loss: What to minimise; default cross-entropy for classes and BCE + Dice for masks.
        callbacks: Told after each evaluation; best weights, early stopping, files and printing are added as the
            configuration asks.

    Attributes:
        history: Filled by `fit`.
    """

    def __init__(
        self,
        model: SkinModel,
        config: TrainConfig | None = None,
        *,
        loss: MultiTaskLoss | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        if config is not None and not isinstance(config, TrainConfig):
            raise ConfigError(f"config must be a TrainConfig, got {type(config).__name__}; try TrainConfig(**config).")
        if loss is not None and not isinstance(loss, MultiTaskLoss):
            raise ConfigError(f"loss must be a MultiTaskLoss, got {loss!r}; skinzoo.default_loss makes one from names.")
        self.model = model
        self.config = config or TrainConfig()
        self.loss = loss or default_loss(model.task, segmentation="dice_bce")
        self.callbacks = list(callbacks)
        self.history = History()
        self._best: dict[str, Tensor] = {}
        self._cuts = 0
        self._waited = 0

    def fit(self, train: SkinDataset, val: SkinDataset | None = None) -> History:
        """Train, and leave the best weights in the model.

        Args:
            train: What to learn from.
            val: What the best weights are chosen by; without it the last weights are kept.

        Returns:
            The history, one row an evaluation; also in `self.history`.

        Raises:
            LabelError: A collection's classes are not the model's.
            LeakageError: The same image, lesion or patient stands in both parts.
            EmptyLoaderError: A part is empty, or smaller than one batch with `drop_last`.
            BatchTooSmallError: The last batch of an epoch would be a single image, and the model has BatchNorm.
            DivergedError: The loss is no longer finite.
            ConfigError: The output folder holds an earlier run, or the monitored value does not exist.
        """
        self.model.train()
        check_run(self.model, self.config, train, val)
        self.history, self._best, self._cuts, self._waited = History(), {}, 0, 0
        engine = start_engine(self.config.device)
        with engine.own_randomness():
            callbacks = self._callbacks(val) if engine.is_main else []
            self._run(engine, train, val, callbacks)
            if self._best:
                self.model.load_state_dict(self._best)
            elif callbacks and val is not None:
                warnings.warn(
                    f"{self.config.monitor} was undefined in every evaluation; the last weights are kept.", stacklevel=2
                )
            engine.share(self.model)
        self.model.eval()
        return self.history

    def say(self, line: str) -> None:
        """Print a line without breaking the progress bar."""
        tqdm.write(line)

    def keep_weights(self) -> None:
        """Remember the current weights as the best."""
        self._best = {k: v.detach().to("cpu", copy=True) for k, v in self.model.state_dict().items()}

    def _callbacks(self, val: SkinDataset | None) -> list[Callback]:
        c = self.config
        callbacks: list[Callback] = [BestWeights(c.monitor)] if val is not None else []
        if val is not None and c.patience is not None:
            callbacks.append(EarlyStopping(c.patience))
        if c.output_dir is not None:
            callbacks.append(Writer(Path(c.output_dir)))
        if c.verbose:
            callbacks.append(Printer())
        return [*callbacks, *self.callbacks]

    def _run(self, engine: Engine, train: SkinDataset, val: SkinDataset | None, callbacks: Sequence[Callback]) -> None:
        c = self.config
        if c.batch_size % engine.world_size:
            raise ConfigError(f"batch_size={c.batch_size} cannot be shared equally by {engine.world_size} processes.")
        layout = torch.channels_last if c.channels_last and _is_convolutional(self.model) else torch.contiguous_format
        self.model.to(engine.device, memory_format=layout)  # type: ignore[call-overload]
        self.loss.to(engine.device)
        loader = self._loader(train, engine, training=True)
        val_loader = self._loader(val, engine, training=False) if val is not None and engine.is_main else None
        total = c.total_steps(len(loader))
        every = c.eval_every or len(loader)
        optimizer = build_optimizer(self.model, c)
        network = engine.wrap(self.model)
        for callback in callbacks:
            callback.on_fit_start(self)
        tally, start = Tally(), time.monotonic()
        bar = tqdm(total=total, disable=None if c.verbose and engine.is_main else True, unit="step", leave=False)
        for step, batch in enumerate(_endless(loader)):
            lr = self._set_rate(optimizer, step, total)
            torch.manual_seed(counted_seed(c.seed, step, engine.rank))
            self._train_step(network, optimizer, move(batch, engine.device), tally, step, lr)
            bar.update()
            done = step + 1
            minutes = (time.monotonic() - start) / 60
            out_of_time = c.max_minutes is not None and bool(engine.agree([float(minutes >= c.max_minutes)])[0])
            if done % every == 0 or done == total or out_of_time:
                row = {"step": float(done), "epoch": done / len(loader), "lr": lr, **tally.means()}
                tally = Tally()
                stop = self._evaluate(engine, val_loader, row, start, callbacks)
                if out_of_time and not self.history.stopped and done < total:
                    self.history.stopped = f"{c.max_minutes:g} minutes have passed"
                if done == total or stop or out_of_time:
                    break
        bar.close()
        if self.history.stopped and c.verbose and engine.is_main:
            self.say(f"stopped: {self.history.stopped}")
        for callback in callbacks:
            callback.on_fit_end(self)

    def _loader(self, dataset: SkinDataset, engine: Engine, *, training: bool) -> DataLoader[Batch]:
        c = self.config
        augmentation = create_augmentation(c.augmentation) if training else None
        return make_loader(
            dataset,
            Transform(self.model.input_spec, augmentation, seed=c.seed),
            batch_size=c.batch_size // (engine.world_size if training else 1),
            shuffle=training,
            seed=c.seed,
            num_workers=c.num_workers,
            drop_last=c.drop_last and training,
            rank=engine.rank if training else 0,
            world_size=engine.world_size if training else 1,
            pin_memory=engine.device.type == "cuda",
        )

    def _set_rate(self, optimizer: torch.optim.Optimizer, step: int, total: int) -> float:
        assert isinstance(self.config.schedule, Schedule)
        lr = self.config.schedule.rate(step, total, self.config.lr, self._cuts)
        for group in optimizer.param_groups:
            group["lr"] = lr
        return lr

    def _train_step(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        batch: Batch,
        tally: Tally,
        step: int,
        lr: float,
    ) -> None:
        output = network(batch.images)
        losses: dict[str, Tensor] = self.loss(output, batch)
        if not math.isfinite(losses["loss"].item()):
            parts = ", ".join(f"{k} {v.item():g}" for k, v in losses.items())
            shown = ", ".join(batch.ids[:8]) + (" ..." if len(batch.ids) > 8 else "")
            raise DivergedError(
                f"the loss is not finite at step {step} ({parts}; learning rate {lr:.2e}; images {shown}). "
                "Lower the learning rate, add warm-up, or set clip_grad_norm=1."
            )
        optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        if self.config.clip_grad_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_grad_norm)
        optimizer.step()
        tally.add(output, batch, losses)

    def _evaluate(
        self,
        engine: Engine,
        loader: DataLoader[Batch] | None,
        row: Row,
        start: float,
        callbacks: Sequence[Callback],
    ) -> bool:
        """Complete the row, tell the callbacks, and say whether to stop; all processes agree on the outcome."""
        if loader is not None:
            scores = collect(self.model, loader, loss=self.loss, device=engine.device).scores()
            row |= {f"val_{name}": value for name, value in scores.items()}
        self.model.train()
        row["seconds"] = time.monotonic() - start
        self.history.rows.append(row)
        for callback in callbacks:
            callback.on_evaluation(self, row)
        self._watch_plateau(row)
        stop, self._cuts = map(int, engine.agree([float(bool(self.history.stopped)), float(self._cuts)]))
        return bool(stop)

    def _watch_plateau(self, row: Row) -> None:
        assert isinstance(self.config.schedule, Schedule)
        self._waited = 0 if row is self.history.best else self._waited + 1
        if self.config.schedule.kind == "plateau" and self._waited > self.config.schedule.patience:
            self._cuts, self._waited = self._cuts + 1, 0


def _endless(loader: DataLoader[Batch]) -> Iterator[Batch]:
    epoch = 0
    while True:
        loader.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
        yield from loader
        epoch += 1


def _is_convolutional(model: SkinModel) -> bool:
    return sum(isinstance(m, nn.Conv2d) for m in model.modules()) > 1  # one alone cuts a transformer's patches
