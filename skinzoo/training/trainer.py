"""The Trainer: what a user holds. The work is done by a `Run`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from skinzoo.datasets import SkinDataset
from skinzoo.errors import ConfigError
from skinzoo.losses import MultiTaskLoss, default_loss
from skinzoo.models import SkinModel
from skinzoo.training.callbacks import Callback
from skinzoo.training.checks import check_run
from skinzoo.training.config import TrainConfig
from skinzoo.training.engine import start_engine
from skinzoo.training.failures import explained
from skinzoo.training.history import History
from skinzoo.training.interrupts import Interrupts
from skinzoo.training.mixing import BatchMixing
from skinzoo.training.run import Run
from skinzoo.training.rundir import RunLock


class Trainer:
    """Trains any model of the zoo on any collection.

    The order of the samples is a function of (seed, epoch), a sample's augmentation of (seed, epoch, index), dropout of
    (seed, step, rank): nothing depends on the number of workers or on the global random state. With
    `config.output_dir`, a run that was killed goes on where its last checkpoint was when the same program is started
    again, and ends with the weights of an uninterrupted run.

    Under `torchrun` the same program runs on several processes; the batch is shared among them.

    Args:
        model: The model; trained in place.
        config: How to train.
        loss: What to minimise; default cross-entropy for classes and BCE + Dice for masks.
        mixing: Mixes the pictures of a batch, such as `Mixup`; None for no mixing.
        callbacks: Told what happens; best weights, early stopping, files and printing are added as the configuration
            asks.

    Attributes:
        history: Filled by `fit`.
        run: The run that `fit` is at, for callbacks; None before the first.

    Raises:
        ConfigError: `config` or `loss` is of another kind.
    """

    def __init__(
        self,
        model: SkinModel,
        config: TrainConfig | None = None,
        *,
        loss: MultiTaskLoss | None = None,
        mixing: BatchMixing | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        if config is not None and not isinstance(config, TrainConfig):
            raise ConfigError(f"config must be a TrainConfig, got {type(config).__name__}; try TrainConfig(**config).")
        if loss is not None and not isinstance(loss, MultiTaskLoss):
            raise ConfigError(f"loss must be a MultiTaskLoss, got {loss!r}; skinzoo.default_loss makes one from names.")
        self.model = model
        self.config = config or TrainConfig()
        self.loss = loss or default_loss(model.task, segmentation="dice_bce")
        self.mixing = mixing
        self.callbacks = list(callbacks)
        self.history = History()
        self.run: Run | None = None

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
            DivergedError: The loss or the gradient is no longer finite.
            OutOfMemoryError: The batch is too large for the device.
            CheckpointError: A checkpoint cannot be written or read, or is of another run.
            RunLockedError: Another process writes to the output folder.
            ConfigError: The output folder cannot be used, or the monitored value does not exist.
            SystemExit: SIGTERM or SIGINT was received; a checkpoint was saved. Only with an output folder.
        """
        c = self.config
        self.model.train()
        check_run(self.model, c, train, val)
        with ExitStack() as stack:
            engine = start_engine(c.device)
            if c.output_dir is not None:
                lock = RunLock(Path(c.output_dir))
                engine.on_main(lambda: stack.enter_context(lock))
            stack.enter_context(engine.own_randomness())
            stack.enter_context(explained(c, engine))
            interrupts = stack.enter_context(Interrupts(c.output_dir is not None))
            self.run = Run(self, engine, train, val, interrupts)
            stack.callback(self.run.close)
            self.history = self.run.progress.history
            self.run.take_up()
            if not self.run.progress.finished:
                self.run.go()
            self.run.leave_best_weights()
            if engine.any(interrupts.received is not None):  # since the last step; the program is to end all the same
                raise interrupts.leave(str(c.output_dir), self.run.progress.step)
        self.model.eval()
        return self.history

    @property
    def evaluated(self) -> SkinModel:
        """The model whose weights are judged and kept: the moving average, if there is one."""
        return self.model if self.run is None else self.run.stepper.evaluated

    def say(self, line: str) -> None:
        """Print a line without breaking the progress bar."""
        tqdm.write(line)
