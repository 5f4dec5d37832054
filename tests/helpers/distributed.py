"""Training programs for one or several processes: `python distributed.py FOLDER NAME...` runs scenarios by name."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch

import skinzoo
from skinzoo.datasets import Records
from skinzoo.losses import CrossEntropy, DiceBCE, DistillationLoss, MultiTaskLoss, UncertaintyLoss
from skinzoo.tensors import save_tensors
from skinzoo.training import Callback, GradualUnfreezing, TrainConfig, Trainer
from skinzoo.training.callbacks import Writer
from skinzoo.types import IGNORE_INDEX

torch.set_num_threads(1)
Writer.on_fit_end = lambda self, trainer: None
RANK = int(os.environ.get("RANK", "0"))
CONFIG = {"num_steps": 12, "eval_every": 4, "batch_size": 8, "lr": 3e-4, "device": "cpu", "verbose": False}


def data(size, partial=False):
    train, val = skinzoo.load_dataset("synthetic", num_images=84, size=32).split((0.7, 0.3))
    train = train.subset(range(size))
    if partial:
        rng = np.random.default_rng(0)
        r = train.records
        labels = np.where(rng.random(size) < 0.7, IGNORE_INDEX, r.labels)
        masks = np.where(rng.random(size) < 0.5, "", r.masks)
        train.records = Records.build(r.ids, labels=labels, groups=r.groups, images=r.images, masks=masks)
    return train, val


def model(name="simple_cnn", **options):
    return skinzoo.create_model(name, image_size=32, seed=0, **options)


class DieAt(Callback):
    """One process ends without a word."""

    everywhere = True

    def on_step_start(self, trainer, step):
        if step == 7 and RANK == 1:
            os._exit(9)


class Multi(skinzoo.SkinModel):
    """Class and mask without BatchNorm, whose statistics would depend on how a batch is shared."""

    def __init__(self):
        config = skinzoo.create_model("multitask", image_size=32, backbone_weights=None).config
        super().__init__(config)
        torch.manual_seed(0)
        self.body = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.mask = torch.nn.Conv2d(8, 1, 1)
        self.head = torch.nn.Linear(8, 7)

    def predict_logits(self, images):
        features = self.body(images).relu()
        return skinzoo.ModelOutput(self.head(features.mean((2, 3))), self.mask(features))


WEIGHTS = [1.0, 5.0, 0.5, 2.0, 1.0, 0.1, 3.0]
SCENARIOS = {
    "uneven": lambda: (model(dropout=0.0), data(39), {"accumulate": 2, "ema_decay": 0.9}, None, []),
    "padded": lambda: (
        model(dropout=0.0),
        data(41),
        {"clip_grad_norm": 0.1},
        MultiTaskLoss(CrossEntropy(weight=WEIGHTS)),
        [],
    ),
    "partial": lambda: (
        Multi(),
        data(43, partial=True),
        {},
        MultiTaskLoss(CrossEntropy(weight=WEIGHTS), DiceBCE()),
        [],
    ),
    "learned": lambda: (
        Multi(),
        data(41, partial=True),
        {"sampling": "balanced", "accumulate": 2},
        UncertaintyLoss(CrossEntropy(weight=WEIGHTS), DiceBCE()),
        [GradualUnfreezing(["body"], every=5)],
    ),
    "taught": lambda: (
        Multi(),
        data(41, partial=True),
        {},
        DistillationLoss(model(dropout=0.0), Multi(), MultiTaskLoss(CrossEntropy(), DiceBCE())),
        [],
    ),
    "dying": lambda: (model(), data(39), {"checkpoint_every": 1}, None, [DieAt()]),
    "living": lambda: (model(), data(39), {"checkpoint_every": 1}, None, []),
}


def main(folder, names):
    for name in names:
        net, parts, options, loss, callbacks = SCENARIOS[name]()
        where = folder / {"dying": "living"}.get(name, name)
        config = TrainConfig(output_dir=str(where), **CONFIG, **options)
        history = Trainer(net, config, loss=loss, callbacks=callbacks).fit(*parts)
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]
        save_tensors(folder / f"{name}-rank{RANK}.safetensors", net.state_dict())
        (folder / f"{name}-rank{RANK}.json").write_text(json.dumps([rows, history.best["step"]]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
