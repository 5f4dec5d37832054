"""One run of the Trainer: where it begins, its steps, evaluations and checkpoints, and how it ends."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from tqdm import tqdm

from skinzoo.datasets import SkinDataset
from skinzoo.datasets.loading import CountedBatchSampler
from skinzoo.errors import CheckpointDamagedError, ConfigError, SkinzooError
from skinzoo.evaluation.inference import collect
from skinzoo.evaluation.recording import record_training
from skinzoo.losses.checks import check_labels, check_masks, targets_checked
from skinzoo.training.assembling import is_convolutional, run_callbacks, run_loader, without_annotations
from skinzoo.training.checkpoint import Checkpoint, CheckpointStore
from skinzoo.training.engine import Engine
from skinzoo.training.gathering import gather_outcome
from skinzoo.training.history import Row
from skinzoo.training.interrupts import Interrupts
from skinzoo.training.rundir import as_plain, check_same_run, environment_changes
from skinzoo.training.schedules import Schedule
from skinzoo.training.seeding import seed_step
from skinzoo.training.state import Progress, environment, identity
from skinzoo.training.step import Stepper, below
from skinzoo.training.stopwatch import Stopwatch
from skinzoo.transforms.prefetching import Fed, Prefetch
from skinzoo.types import Batch

if TYPE_CHECKING:
    from skinzoo.training.trainer import Trainer


class Run:
    """What `Trainer.fit` does, on one of its processes.

    Args:
        trainer: Model, loss, configuration and callbacks.
        engine: This process.
        train: What to learn from.
        val: What to judge by, or None.
        interrupts: Signals received.

    Attributes:
        engine: This process.
        progress: Where the run stands.
        stepper: Makes the steps.
        watch: Where the time goes.
        total: Planned steps.

    Raises:
        ConfigError: The batch cannot be shared equally by the processes.
    """

    def __init__(
        self, trainer: Trainer, engine: Engine, train: SkinDataset, val: SkinDataset | None, interrupts: Interrupts
    ) -> None:
        c = trainer.config
        if c.batch_size % engine.world_size:
            raise ConfigError(
                f"batch_size={c.batch_size} cannot be shared equally by {engine.world_size} processes; "
                f"give a multiple of {engine.world_size}."
            )
        self.trainer = trainer
        self.config = c
        self.engine = engine
        self.interrupts = interrupts
        self.progress = Progress()
        self.watch = Stopwatch()
        self.identity = identity(trainer.model, trainer.loss, c, train, val, mixing=trainer.mixing)
        self.channels_last = c.channels_last and is_convolutional(trainer.model)
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        trainer.model.to(engine.device, memory_format=layout)  # type: ignore[call-overload]
        trainer.loss.to(engine.device)
        self.loader = run_loader(trainer, engine, train, training=True)
        self.val_loader = run_loader(trainer, engine, val, training=False) if val is not None else None
        trainer.model.calibration = trainer.model.operating_points = None  # they were fitted to other weights
        trainer.model.training_record = record_training(train, val, earlier=trainer.model.training_record)
        self.stepper = Stepper(trainer.model, trainer.loss, c, engine)
        self.sampler: CountedBatchSampler = self.loader.batch_sampler  # type: ignore[assignment]
        self.total = c.total_steps(len(self.loader))
        self.callbacks = run_callbacks(trainer, engine, val)
        self.store = CheckpointStore(Path(c.output_dir) / "checkpoints", c.keep_checkpoints) if c.output_dir else None
        self._saved = time.monotonic()
        self._begin = time.monotonic()

    # where it begins

    def take_up(self) -> None:
        """Begin, or go on from the newest checkpoint of the same run.

        Raises:
            CheckpointError: The folder's checkpoints are damaged, or of another run.
            ConfigError: The folder holds an earlier run without checkpoints.
        """
        found = self.engine.on_main(self._find)
        if self.engine.any(found is not None):
            tensors = self.engine.send(found.tensors if found else {})
            step, values = json.loads(self.engine.send_text(json.dumps([found.step, found.values] if found else [])))
            with _of_a_run(self.config.output_dir):
                self._restore(step, tensors, values)
        if self.progress.finished:
            self._say(
                f"{self.config.output_dir} holds this run, finished after step {self.progress.step}; nothing is left "
                "to do. overwrite=True starts anew."
            )
            return
        if self.progress.step:
            self._say(f"going on from step {self.progress.step} of {self.total} in {self.config.output_dir}")
        for callback in self.callbacks:
            callback.on_fit_start(self.trainer)

    def _find(self) -> Checkpoint | None:
        if self.store is None:
            return None
        folder = Path(self.config.output_dir or "")
        if self.config.overwrite:
            self.store.clear()
        found = self.store.newest()
        if found is None:
            if (folder / "history.csv").exists() and not self.store.folder.exists() and not self.config.overwrite:
                raise ConfigError(f"{folder} holds an earlier run; choose another output_dir, or overwrite=True.")
            self.store.folder.mkdir(parents=True, exist_ok=True)
            return None
        with _of_a_run(folder):
            if not self.config.force:
                before = dict(found.values["identity"])
                defaults = as_plain(type(self.config)().to_dict())  # of settings that the checkpoint is older than
                before["config"] = defaults | before["config"]
                check_same_run(folder, before, self.identity)
            changes = environment_changes(found.values["environment"], environment(self.engine))
        if changes:
            warnings.warn(f"going on, but not bit for bit as if uninterrupted: {'; '.join(changes)}.", stacklevel=2)
        return found

    def _restore(self, step: int, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        self.progress.restore(step, values["progress"], below("best/", tensors))
        if self.progress.finished:
            return
        self.stepper.restore(tensors, values["stepper"])
        tallies = below("tally/", tensors)
        if all(len(rows) == self.engine.world_size for rows in tallies.values()):
            self.stepper.tally.restore(
                {k: rows[self.engine.rank].to(self.engine.device) for k, rows in tallies.items()}
            )
        for callback in self.callbacks:
            callback.restore(values["callbacks"].get(type(callback).__name__, {}))

    # its steps

    def go(self) -> None:
        """Make all steps that are left."""
        c, progress = self.config, self.progress
        every = c.eval_every or len(self.loader)
        quiet = None if c.verbose and self.engine.is_main else True
        self._begin = time.monotonic() - progress.seconds
        with (
            tqdm(total=self.total, initial=progress.step, disable=quiet, unit="step", leave=False) as bar,
            closing(self._fed()) as batches,
        ):
            for fed in batches:
                lr = self._rate(progress.step)
                self._step(fed, lr)
                bar.update()
                late = c.max_minutes is not None and self.engine.any(self._seconds() >= c.max_minutes * 60)
                evaluates = progress.step % every == 0 or progress.step == self.total or late
                if evaluates:
                    self._evaluate(lr)
                    if late and not progress.history.stopped and progress.step < self.total:
                        progress.history.stopped = f"{c.max_minutes:g} minutes have passed"
                if progress.step == self.total or self.engine.any(bool(progress.history.stopped)):
                    break
                interrupted = self.engine.any(self.interrupts.received is not None)
                if interrupted or self._is_due(evaluates):
                    self._save()
                if interrupted:
                    raise self.interrupts.leave(str(self.config.output_dir), progress.step)
        self._end()

    def _fed(self) -> Prefetch:
        """The run's batches on the device; to a GPU, which is behind with its steps, one travels while it computes."""
        spec = self.trainer.model.input_spec
        return Prefetch(self._batches(), spec, self.engine.device, channels_last=self.channels_last)

    def _batches(self) -> Generator[Batch, None, None]:
        """The run's batches from its present step on, without end."""
        epoch, start = divmod(self.progress.step, len(self.loader))
        while True:
            self.sampler.set_epoch(epoch, start=start)
            batches = iter(self.loader)
            for number in range(start, len(self.loader)):
                with self.watch("data"):
                    batch = next(batches)
                yield without_annotations(batch) if self.sampler.is_padding(number) else batch
            epoch, start = epoch + 1, 0

    def _step(self, fed: Fed, lr: float) -> None:
        step = self.progress.step
        for callback in self.callbacks:
            callback.on_step_start(self.trainer, step)
        seed_step(self.config.seed, step, self.engine.rank, self.engine.device)
        batch = fed.batch
        with self._checked(fed.host):
            if self.trainer.mixing is not None:
                batch = self.trainer.mixing(batch, seed=self.config.seed, step=step, rank=self.engine.rank)
            self.stepper.step(batch, step, lr, self.watch)
        self.progress.step = step + 1

    def _checked(self, batch: Batch) -> AbstractContextManager[None]:
        """For an accelerator, labels and masks are checked here, where that does not wait for it."""
        if self.engine.device.type == "cpu":
            return nullcontext()
        space = self.trainer.model.label_space
        if space is not None:
            check_labels(batch.labels, len(space))
        if batch.masks is not None:
            check_masks(batch.masks)
        return targets_checked()

    def _rate(self, step: int) -> float:
        assert isinstance(self.config.schedule, Schedule)
        return self.config.schedule.rate(step, self.total, self.config.lr, self.progress.cuts)

    def _seconds(self) -> float:
        return time.monotonic() - self._begin

    # its evaluations

    def _evaluate(self, lr: float) -> None:
        """Add a row to the history and tell the callbacks; all processes agree on the outcome."""
        progress, done = self.progress, self.progress.step
        self.stepper.guard.check()
        row: Row = {"step": float(done), "epoch": done / len(self.loader), "lr": lr}
        row |= self.stepper.tally.means(self.engine, self.trainer.loss)
        self.stepper.tally.clear()
        if self.val_loader is not None:
            with self.watch("evaluation"):
                self.engine.share(self.stepper.evaluated)  # BatchNorm's statistics are each process's own
                outcome = collect(
                    self.stepper.evaluated, self.val_loader, loss=self.trainer.loss, device=self.engine.device
                )
                outcome = gather_outcome(outcome, self.engine, self.config.batch_size, self.trainer.loss)
            row |= {f"val_{name}": value for name, value in outcome.scores().items()}
        self.trainer.model.train()
        row["seconds"] = progress.seconds = self._seconds()
        progress.history.rows.append(row)
        for callback in self.callbacks:
            callback.on_evaluation(self.trainer, row)
        self._watch_plateau(row)

    def _watch_plateau(self, row: Row) -> None:
        assert isinstance(self.config.schedule, Schedule)
        progress = self.progress
        progress.waited = 0 if row is progress.history.best else progress.waited + 1
        if self.config.schedule.kind == "plateau" and progress.waited > self.config.schedule.patience:
            progress.cuts, progress.waited = progress.cuts + 1, 0

    def keep_weights(self) -> None:
        """Remember the evaluated model's weights as the best."""
        state = self.stepper.evaluated.state_dict()
        self.progress.best = {k: v.detach().to("cpu", copy=True) for k, v in state.items()}

    # its checkpoints and its end

    def _is_due(self, evaluated: bool) -> bool:
        c = self.config
        if self.store is None:
            return False
        if c.checkpoint_every is not None:
            return self.progress.step % c.checkpoint_every == 0
        minutes = (time.monotonic() - self._saved) / 60
        late = c.checkpoint_minutes is not None and minutes >= c.checkpoint_minutes
        return self.engine.any(evaluated or late)

    def _save(self) -> None:
        self.stepper.guard.check()
        tallies = {k: torch.cat(self.engine.gather(v[None])) for k, v in self.stepper.tally.state().items()}
        if self.store is None or not self.engine.is_main:
            return
        self.progress.seconds = self._seconds()
        tensors = {**self.stepper.tensors(), **{f"tally/{k}": v for k, v in tallies.items()}}
        self._write({**tensors, **{f"best/{k}": v for k, v in self.progress.best.items()}})

    def _write(self, tensors: dict[str, Tensor]) -> None:
        assert self.store is not None
        values = {
            "identity": self.identity,
            "environment": environment(self.engine),
            "progress": self.progress.values(),
            "stepper": self.stepper.values(),
            "callbacks": {type(c).__name__: state for c in self.callbacks if (state := c.state())},
        }
        with self.watch("checkpoint"):
            self.store.save(Checkpoint(self.progress.step, tensors, values))
        self._saved = time.monotonic()

    def _end(self) -> None:
        progress = self.progress
        progress.finished, progress.seconds = True, self._seconds()
        if progress.history.stopped:
            self._say(f"stopped: {progress.history.stopped}")
        self._say(f"time: {self.watch}")
        for callback in self.callbacks:
            callback.on_fit_end(self.trainer)
        if not progress.best:
            if self.val_loader is not None and self.engine.is_main:
                warnings.warn(
                    f"{self.config.monitor} was undefined in every evaluation; the last weights are kept.", stacklevel=2
                )
            self.keep_weights()
        if self.store is not None and self.engine.is_main:
            self.store.keep = 1
            self._write({f"best/{k}": v for k, v in progress.best.items()})

    def close(self) -> None:
        """End the processes that load data; left to the garbage collector, each would be waited for in vain."""
        for loader in (self.loader, self.val_loader):
            if loader is not None:
                loader._iterator = None

    def leave_best_weights(self) -> None:
        """Put the best weights into the model, in every process."""
        self.trainer.model.load_state_dict(self.progress.best)
        self.engine.share(self.trainer.model)

    def _say(self, line: str) -> None:
        if self.config.verbose and self.engine.is_main:
            self.trainer.say(line)


@contextmanager
def _of_a_run(folder: object) -> Iterator[None]:
    """Turn what a checkpoint of something else leads to into an error that says so."""
    try:
        yield
    except SkinzooError:
        raise
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointDamagedError(
            f"{folder}: a checkpoint's values are not those of a run ({type(error).__name__}: {error}); remove its "
            "folder checkpoints, or give overwrite=True to start anew."
        ) from error
