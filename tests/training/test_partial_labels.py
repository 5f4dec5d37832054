"""Samples that lack a label or a mask: what is there counts, and how a batch is cut changes nothing."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import skinzoo
from skinzoo.datasets import Records, SkinDataset
from skinzoo.losses import CrossEntropy, DiceBCE, DistillationLoss, MultiTaskLoss, UncertaintyLoss, default_loss
from skinzoo.models.base import ModelConfig, SkinModel
from skinzoo.taxonomy import ISIC2018
from skinzoo.training import CutMix, Mixup, TrainConfig, Trainer
from skinzoo.training.engine import Engine
from skinzoo.training.step import Stepper
from skinzoo.training.stopwatch import Stopwatch
from skinzoo.types import IGNORE_INDEX, Batch, InputSpec, ModelOutput, Task

WEIGHTS = [0.5, 2.0, 1.0, 0.25, 3.0, 1.5, 0.1]


class Tiny(SkinModel):
    """Class and mask without BatchNorm, so that a batch may be cut anywhere."""

    def __init__(self):
        super().__init__(ModelConfig("tiny", Task.MULTITASK, InputSpec(size=(32, 32)), ISIC2018))
        torch.manual_seed(0)
        self.encoder = nn.Conv2d(3, 6, 3, padding=1)
        self.head = nn.Linear(6, 7)
        self.mask = nn.Conv2d(6, 1, 1)

    def predict_logits(self, images):
        features = self.encoder(images).tanh()
        return ModelOutput(self.head(features.mean((2, 3))), self.mask(features))


def annotated(dataset, *, labels=True, masks=True):
    """The dataset without its labels or masks."""
    r = dataset.records
    records = Records.build(
        r.ids,
        labels=r.labels if labels else np.full(len(r), IGNORE_INDEX),
        groups=r.groups,
        images=r.images,
        masks=r.masks if masks else [""] * len(r),
    )
    return SkinDataset(dataset.info, records, dataset.label_space, dataset.source)


def batch_of(n=11):
    """Labels where i % 3 > 0, masks where i % 4 > 1."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(7, (n,), generator=generator)
    masks = (torch.rand(n, 1, 32, 32, generator=generator) < 0.4).float()
    labels[::3] = IGNORE_INDEX
    masks[[i for i in range(n) if i % 4 < 2]] = math.nan
    return Batch(torch.randn(n, 3, 32, 32, generator=generator), labels, masks, [str(i) for i in range(n)])


def test_a_run_over_all_three_kinds_equals_the_parts_computed_separately():
    whole = skinzoo.load_dataset("synthetic", num_images=24, size=32)
    kinds = [
        annotated(whole.subset(range(8)), labels=False),
        annotated(whole.subset(range(8, 14)), masks=False),
        annotated(whole.subset(range(14, 24))),
    ]
    data = skinzoo.concat(*kinds)
    assert (data.records.labels == IGNORE_INDEX).sum() == 8
    assert (data.records.masks == "").sum() == 6
    trainer = Trainer(
        Tiny(),
        TrainConfig(num_steps=1, batch_size=24, augmentation="none", verbose=False),
        loss=default_loss("multitask", class_weights=WEIGHTS, segmentation="dice_bce"),
    )
    row = trainer.fit(data).rows[0]

    model, transform = Tiny(), skinzoo.Transform(InputSpec(size=(32, 32)))
    samples = [transform(whole[i]) for i in range(24)]
    with torch.no_grad():
        output = model(torch.stack([s.image for s in samples]))
    labels, masks = torch.tensor([s.label for s in samples]), torch.stack([s.mask for s in samples])
    masked = [*range(8), *range(14, 24)]
    classes = CrossEntropy(WEIGHTS)(output.logits[8:], labels[8:]).item()
    pixels = DiceBCE()(output.mask_logits[masked], masks[masked]).item()
    assert row["train_classification_loss"] == pytest.approx(classes, rel=1e-5)
    assert row["train_segmentation_loss"] == pytest.approx(pixels, rel=1e-5)
    assert row["train_loss"] == pytest.approx(classes + pixels, rel=1e-5)


def gradients(make_loss, batch, accumulate):
    """Gradients of one step of a fresh model and loss, and the training loss."""
    model, loss = Tiny(), make_loss()
    stepper = Stepper(model, loss, TrainConfig(accumulate=accumulate, lr=1e-9), Engine(torch.device("cpu")))
    model.train()
    stepper.step(batch, 0, 1e-9, Stopwatch())
    named = [*model.named_parameters(), *loss.named_parameters()]
    return {name: p.grad.clone() for name, p in named}, stepper.tally.means(stepper.engine, loss)["train_loss"]


LOSSES = {
    "plain": lambda: default_loss("multitask"),
    "class weights": lambda: default_loss("multitask", class_weights=WEIGHTS, label_smoothing=0.1),
    "focal, dice": lambda: default_loss(
        "multitask", classification="focal", segmentation="dice_bce", class_weights=WEIGHTS, segmentation_weight=0.3
    ),
    "tversky": lambda: default_loss("multitask", segmentation="tversky"),
    "learned weights": lambda: UncertaintyLoss(CrossEntropy(WEIGHTS), DiceBCE(), initial=0.4),
    "distillation": lambda: DistillationLoss(Tiny(), Tiny(), default_loss("multitask", class_weights=WEIGHTS)),
}
BATCHES = {
    "partial": batch_of,
    "labels only": lambda: batch_of()._replace(masks=None),
    "masks only": lambda: batch_of()._replace(labels=torch.full((11,), IGNORE_INDEX)),
    "mixup": lambda: Mixup(1.0)(batch_of(), seed=0, step=0),
    "cutmix": lambda: CutMix()(batch_of(), seed=0, step=1),
}


@pytest.mark.parametrize("kind", BATCHES)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_does_not_depend_on_how_the_batch_is_cut(loss, kind):
    expected, value = gradients(LOSSES[loss], BATCHES[kind](), 1)
    assert sum(g.abs().sum() for g in expected.values()) > 1e-3
    for accumulate in (2, 3, 11):
        found, other = gradients(LOSSES[loss], BATCHES[kind](), accumulate)
        assert other == pytest.approx(value, rel=1e-5)
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-6)


class TwoProcesses(Engine):
    """One of two processes whose sums are known beforehand: what `total` gives is taken from a script."""

    def __init__(self, rank, others):
        super().__init__(torch.device("cpu"), rank, 2)
        object.__setattr__(self, "others", iter(others))

    def wrap(self, model, *, compiled=False):
        return model

    def total(self, values):
        return values + next(self.others)


@pytest.mark.parametrize("loss", ["learned weights", "class weights"])
def test_two_processes_make_the_gradient_of_one(loss):
    """The sums that each process needs from the other are computed first, then the two steps."""
    batch = batch_of()
    expected, _ = gradients(LOSSES[loss], batch, 1)
    parts = [
        batch._replace(images=batch.images[r], labels=batch.labels[r], masks=batch.masks[r], ids=batch.ids[r])
        for r in (slice(0, 4), slice(4, 11))
    ]
    names = ("classification_loss", "segmentation_loss")
    masses = [torch.stack([LOSSES[loss]().mass(part)[n].double() for n in names]) for part in parts]
    own = []
    for other in (1, 0):
        model, objective = Tiny(), LOSSES[loss]()
        engine = TwoProcesses(1 - other, [masses[other], *[torch.zeros(())] * 4])
        stepper = Stepper(model, objective, TrainConfig(), engine)
        stepper.step(parts[1 - other], 0, 1e-9, Stopwatch())
        own.append({n: p.grad * 2 for n, p in objective.named_parameters()})  # the sum with zeros was halved
        own[-1] |= {n: p.grad for n, p in model.named_parameters()}
    for name, gradient in expected.items():
        torch.testing.assert_close((own[0][name] + own[1][name]) / 2, gradient, rtol=1e-5, atol=1e-6)


def test_learned_weights_train_along_and_are_resumed(tmp_path):
    from toy import Crash, CrashAt

    def run(folder, *callbacks):
        data = skinzoo.load_dataset("synthetic", num_images=24, size=32)
        loss = default_loss("multitask", learned_weights=True)
        config = TrainConfig(
            num_steps=5, batch_size=8, accumulate=2, lr=1e-2, output_dir=str(folder), checkpoint_every=1, verbose=False
        )
        trainer = Trainer(Tiny(), config, loss=loss, callbacks=callbacks)
        row = trainer.fit(data).rows[-1]
        groups = trainer.run.stepper.optimizer.param_groups
        return loss.log_variances.tolist(), row["train_loss"], [g["lr_scale"] for g in groups]

    whole = run(tmp_path / "whole")
    assert all(0.1 < abs(value) <= 0.5 for value in whole[0]), "ten learning rates a step"
    assert whole[2] == [1.0, 1.0, 10.0]
    with pytest.raises(Crash):
        run(tmp_path / "cut", CrashAt(3))
    assert run(tmp_path / "cut") == whole


def test_a_student_learns_from_its_teacher_alone_and_the_teacher_stays_out_of_the_state():
    """With weight 1 no annotation counts."""
    data = skinzoo.load_dataset("synthetic", num_images=32, size=32)
    teacher, student = Tiny(), Tiny()
    with torch.no_grad():
        student.head.weight.zero_()
    loss = DistillationLoss(teacher, student, MultiTaskLoss(CrossEntropy(), DiceBCE()), weight=1.0)
    config = TrainConfig(num_steps=60, eval_every=20, batch_size=16, lr=2e-2, verbose=False)
    before = {k: v.clone() for k, v in teacher.state_dict().items()}
    trainer = Trainer(student, config, loss=loss)
    history = trainer.fit(data)
    assert history["train_distillation_loss"][-1] < history["train_distillation_loss"][0]
    assert all(torch.equal(before[k], v) for k, v in teacher.state_dict().items())
    parts = {name.split("/")[0] for name in trainer.run.stepper.tensors()}
    assert parts == {"model", "optimizer"}
