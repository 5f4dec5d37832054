"""Cross-validation: one run a fold, each in a folder of its own."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

from tqdm import tqdm

from skinzoo.datasets import SkinDataset
from skinzoo.errors import ConfigError, UnknownNameError
from skinzoo.evaluation import Report, evaluate
from skinzoo.files import write_csv, write_json
from skinzoo.losses import MultiTaskLoss
from skinzoo.models import SkinModel
from skinzoo.registry import did_you_mean
from skinzoo.training.callbacks import Callback
from skinzoo.training.config import TrainConfig
from skinzoo.training.mixing import BatchMixing
from skinzoo.training.state import fingerprint
from skinzoo.training.trainer import Trainer


@dataclass(frozen=True, eq=False)
class Fold:
    """The outcome of one fold.

    Attributes:
        number: 1 for the first.
        images: Held-out images that it was scored on.
        scores: All metrics by name; an undefined one is NaN.
        folder: With the run, the weights in `best/` and the page in `report/`; None if nothing was written.
        report: The full report; None if the fold was finished before and its figures were read from the folder.
    """

    number: int
    images: int
    scores: dict[str, float]
    folder: Path | None = None
    report: Report | None = None


class Spread(NamedTuple):
    """A metric over the folds.

    Attributes:
        mean: Over the folds in which it is defined; NaN if it never is.
        std: Sample standard deviation (n - 1); NaN with fewer than two.
        folds: Number of folds in which it is defined.
    """

    mean: float
    std: float
    folds: int

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {self.std:.4f}"


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The figures of all folds; `print` it, `save` it.

    The folds share most of their training images, so the standard deviation says how much the figures move from fold
    to fold; it is no confidence interval.

    Attributes:
        folds: In order.
    """

    folds: tuple[Fold, ...]

    @property
    def scores(self) -> dict[str, Spread]:
        """Mean and standard deviation of each metric."""
        return {name: self[name] for name in dict.fromkeys(name for fold in self.folds for name in fold.scores)}

    def __getitem__(self, metric: str) -> Spread:
        """One metric.

        Raises:
            UnknownNameError: It was measured in no fold.
        """
        known = {name for fold in self.folds for name in fold.scores}
        if metric not in known:
            raise UnknownNameError(f"no metric {metric!r} in these folds; {did_you_mean(metric, known)}")
        values = [v for fold in self.folds if not math.isnan(v := fold.scores.get(metric, math.nan))]
        return Spread(
            fmean(values) if values else math.nan, stdev(values) if len(values) > 1 else math.nan, len(values)
        )

    def save(self, folder: str | Path) -> Path:
        """Write `folds.csv`, one row a fold and two for mean and standard deviation; returns its path."""
        names = list(self.scores)
        rows: list[list[Any]] = [[f.number, f.images, *(f.scores.get(n) for n in names)] for f in self.folds]
        rows.append(["mean", "", *(self.scores[n].mean for n in names)])
        rows.append(["std", "", *(self.scores[n].std for n in names)])
        return write_csv(Path(folder) / "folds.csv", ["fold", "images", *names], rows)

    def __str__(self) -> str:
        total = sum(fold.images for fold in self.folds)
        width = max(map(len, self.scores), default=0)
        lines = [f"{len(self.folds)} folds, {total} held-out images; mean ± standard deviation over the folds"]
        for name, spread in self.scores.items():
            fewer = f"  (undefined in {len(self.folds) - spread.folds})" if spread.folds < len(self.folds) else ""
            lines.append(f"{name:<{width}}  {spread}{fewer}")
        return "\n".join(lines)


def cross_validate(
    make_model: Callable[[SkinDataset], SkinModel],
    data: SkinDataset,
    config: TrainConfig | None = None,
    *,
    k: int = 5,
    val: float | None = 0.15,
    make_loss: Callable[[SkinModel, SkinDataset], MultiTaskLoss] | None = None,
    make_callbacks: Callable[[int], Sequence[Callback]] | None = None,
    mixing: BatchMixing | None = None,
    **division: Any,
) -> CrossValidation:
    """Train and score k models, each on the images that it did not see.

    With `config.output_dir`, fold 3 of 5 lies in `<output_dir>/fold-3`: a call that was interrupted goes on where it
    was when it is made again, and a finished fold is neither trained nor scored again. The figures of all folds are
    written to `<output_dir>/folds.csv`.

    Args:
        make_model: Makes a new model for a training part, such as `lambda train: create_model("resnet18_finetuned",
            label_space=train.label_space, seed=0)`. It must make the same one each time, so give it a seed.
        data: All images.
        config: How to train each of them.
        k: Number of folds.
        val: Share of the images outside the held-out fold by which the best weights are chosen; None to train on all
            of them and to score the last weights. The held-out fold never chooses weights.
        make_loss: Makes the loss from a model and its training part; default as for the `Trainer`.
        make_callbacks: Makes callbacks for a fold, by its number from 1.
        mixing: As for the `Trainer`.
        **division: Further options of `data.kfold`: `by`, `stable`, `allow_missing_classes` ..., and `seed`, which is
            `config.seed` unless given.

    Raises:
        ConfigError: `make_model` gave the same model twice, or as for `Trainer.fit`.
        SplitError: The collection cannot be divided so.
        TrainingError: As for `Trainer.fit`.
    """
    config = config or TrainConfig()
    parts = data.kfold(k, val=val, **{"seed": config.seed, **division})
    folds: list[Fold] = []
    before: SkinModel | None = None
    for number, (train, *between, test) in enumerate(parts, start=1):
        folder = None if config.output_dir is None else Path(config.output_dir) / f"fold-{number}"
        model = make_model(train)
        if model is before:
            raise ConfigError("make_model gave the same model a second time; it must make a new one for each fold.")
        before = model
        if config.verbose:
            tqdm.write(f"fold {number} of {k}: {len(train)} images to train on, {len(test)} held out")
        trainer = Trainer(
            model,
            dataclasses.replace(config, output_dir=None if folder is None else str(folder)),
            loss=None if make_loss is None else make_loss(model, train),
            mixing=mixing,
            callbacks=() if make_callbacks is None else make_callbacks(number),
        )
        if folder is not None and config.overwrite:
            (folder / "fold.json").unlink(missing_ok=True)
        trainer.fit(train, *between)
        folds.append(_found(folder, number, test) or _scored(trainer, folder, number, test))
    result = CrossValidation(tuple(folds))
    if config.output_dir is not None and _is_main(trainer):
        result.save(config.output_dir)
    return result


def _scored(trainer: Trainer, folder: Path | None, number: int, test: SkinDataset) -> Fold:
    c = trainer.config
    report = evaluate(trainer.model, test, batch_size=c.batch_size, num_workers=c.num_workers)
    if folder is not None and _is_main(trainer):
        report.save(folder / "report")
        write_json(folder / "fold.json", {"number": number, "held out": fingerprint(test), "scores": report.values})
    return Fold(number, len(test), report.values, folder, report)


def _found(folder: Path | None, number: int, test: SkinDataset) -> Fold | None:
    """The fold that was scored before, on these images; None if it was not."""
    if folder is None or not (folder / "fold.json").is_file():
        return None
    try:
        kept = json.loads((folder / "fold.json").read_text("utf-8"))
        scores = {name: math.nan if value is None else float(value) for name, value in kept["scores"].items()}
        same = kept["held out"] == fingerprint(test)
    except (ValueError, KeyError, TypeError, AttributeError):  # damaged: score it again
        return None
    return Fold(number, len(test), scores, folder) if same else None


def _is_main(trainer: Trainer) -> bool:
    return trainer.run is not None and trainer.run.engine.is_main
