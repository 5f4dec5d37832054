import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

import skinzoo
from skinzoo.datasets import DatasetInfo, Records, SkinDataset
from skinzoo.errors import ConfigError
from skinzoo.models.base import ModelConfig, SkinModel
from skinzoo.taxonomy import ISIC9
from skinzoo.training import Callback, Trainer, get_recipe
from skinzoo.training.optim import build_optimizer, parameter_groups
from skinzoo.training.schedules import Schedule
from skinzoo.types import InputSpec, ModelOutput, Task


def test_warmup_and_cosine_follow_the_formula_at_every_step():
    """2,000 steps, warm-up over the first 20 % from 1e-4 to 1e-3, cosine down to 1e-5."""
    schedule, total, peak = Schedule("cosine", warmup=0.2, warmup_lr=1e-4, final_lr=1e-5), 2000, 1e-3
    for step in range(total):
        if step < 400:
            expected = 1e-4 + (1e-3 - 1e-4) * step / 400
        else:
            expected = 1e-5 + 0.5 * (1e-3 - 1e-5) * (1 + math.cos(math.pi * (step - 400) / 1599))
        assert schedule.rate(step, total, peak) == pytest.approx(expected, rel=1e-12)
    assert schedule.rate(0, total, peak) == 1e-4
    assert schedule.rate(400, total, peak) == peak
    assert schedule.rate(total - 1, total, peak) == pytest.approx(1e-5, rel=1e-9)
    assert schedule.rate(total, total, peak) == pytest.approx(1e-5, rel=1e-9), "a step beyond the end stays at the end"


class Flat(SkinModel):
    """As small as a model with a backbone can be."""

    def __init__(self):
        super().__init__(ModelConfig("flat", Task.CLASSIFICATION, InputSpec(size=(4, 4)), ISIC9))
        self.backbone = nn.Linear(3, 2)
        self.head = nn.Linear(2, 9)

    def predict_logits(self, images):
        return ModelOutput(self.head(self.backbone(images.mean((2, 3)))))


class Grey:
    """Pictures without content."""

    def read(self, image, mask, id):
        return np.full((4, 4, 3), 128, np.uint8), None


class Rates(Callback):
    """The rates that the optimiser was left with, group by group."""

    def __init__(self):
        self.seen = []

    def on_step_start(self, trainer, step):
        if step:
            self.on_fit_end(trainer)

    def on_fit_end(self, trainer):
        self.seen.append([group["lr"] for group in trainer.run.stepper.optimizer.param_groups])


@pytest.mark.parametrize("name", ["isic9-resnet50-finetuned", "isic9-simple-cnn"])
def test_the_nine_class_recipes_have_the_published_schedule(name):
    config = get_recipe(name).train
    assert config.total_steps(52) == 2000
    assert config.lr == 1e-3
    assert config.schedule == Schedule("cosine", warmup=0.2, warmup_lr=1e-4, final_lr=1e-5)


def test_the_published_schedule_reaches_the_optimiser_at_every_step():
    """All 2,000 steps of the recipe, on a model and pictures of next to nothing; the backbone at a tenth."""
    recipe = get_recipe("isic9-resnet50-finetuned").train
    config = dataclasses.replace(
        recipe, batch_size=1, backbone_lr_scale=0.1, augmentation="none", eval_every=2000, device="cpu", verbose=False
    )
    records = Records.build(["a", "b"], labels=[0, 1])
    rates = Rates()
    Trainer(Flat(), config, callbacks=[rates]).fit(SkinDataset(DatasetInfo("n", "n"), records, ISIC9, Grey()))
    steps = np.arange(2000)
    warm = 1e-4 + (1e-3 - 1e-4) * steps / 400
    cosine = 1e-5 + (1e-3 - 1e-5) * (1 + np.cos(np.pi * (steps - 400) / 1599)) / 2
    expected = np.where(steps < 400, warm, cosine)
    seen = np.array(rates.seen)
    assert seen.shape == (2000, 4)
    np.testing.assert_allclose(seen, expected[:, None] * [1, 1, 0.1, 0.1], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "trunk"),
    [
        ("resnet18_scratch", "backbone"),
        ("simple_cnn", "backbone"),
        ("unet_resnet18", "encoder"),
        ("multitask", "encoder"),
        ("vit_tiny_patch16_224_scratch", "backbone"),
    ],
)
def test_the_backbone_of_every_kind_of_model_has_a_rate_of_its_own(name, trunk):
    options = {"backbone_weights": None} if "backbone_weights" in skinzoo.model_info(name).options else {}
    model = skinzoo.create_model(name, **options)
    slow = {id(p) for p in getattr(model, trunk).parameters()}
    groups = parameter_groups(model, 0.1, 0.25)
    dealt = [(id(p), group["lr_scale"]) for group in groups for p in group["params"]]
    assert sorted(i for i, _ in dealt) == sorted(map(id, model.parameters())), "each exactly once"
    assert {i for i, scale in dealt if scale == 0.25} == slow
    assert {scale for i, scale in dealt if i not in slow} == {1.0}
    assert {g["lr_scale"] for g in parameter_groups(model, 0.1)} == {1.0}


def test_what_a_loss_learns_has_a_group_of_its_own_without_decay():
    loss = skinzoo.default_loss("multitask", learned_weights=True)
    config = skinzoo.TrainConfig(weight_decay=0.1)
    group = build_optimizer(Flat(), config, extra=loss).param_groups[-1]
    assert [id(p) for p in group["params"]] == [id(p) for p in loss.parameters()]
    assert (group["weight_decay"], group["lr_scale"]) == (0.0, 10.0)
    plain = build_optimizer(Flat(), config, extra=skinzoo.default_loss("multitask"))
    assert len(plain.param_groups) == 2


def test_cosine_equals_torchs():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=49, eta_min=0.01)
    schedule = Schedule("cosine", final_lr=0.01)
    for step in range(50):
        assert schedule.rate(step, 50, 0.3) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        oracle.step()


def test_step_equals_torchs():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    oracle = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.5)
    for step in range(50):
        rate = Schedule("step", step_size=7, gamma=0.5).rate(step, 50, 0.3)
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        oracle.step()


def test_step_without_a_size_cuts_at_the_thirds():
    rates = [Schedule("step", gamma=0.1).rate(step, 30, 1.0) for step in range(30)]
    assert [rates.count(r) for r in dict.fromkeys(rates)] == [10, 10, 10]


def test_constant_and_plateau():
    assert {Schedule().rate(step, 10, 0.1) for step in range(10)} == {0.1}
    plateau = Schedule("plateau", gamma=0.5, final_lr=0.02)
    assert [plateau.rate(5, 10, 0.1, cuts) for cuts in range(4)] == [0.1, 0.05, 0.025, 0.02]


@pytest.mark.parametrize("total", [1, 2, 3])
def test_very_short_runs_have_a_rate(total):
    for kind in ("constant", "cosine", "step", "plateau"):
        for step in range(total):
            assert math.isfinite(Schedule(kind, warmup=0.5).rate(step, total, 0.1))


@pytest.mark.parametrize(
    "bad", [{"kind": "cosin"}, {"warmup": 1.0}, {"warmup": -0.1}, {"gamma": 1.0}, {"step_size": -1}, {"patience": -1}]
)
def test_values_out_of_range(bad):
    with pytest.raises(ConfigError):
        Schedule(**bad)
