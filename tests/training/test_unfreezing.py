"""Gradual unfreezing. Oracle: a model whose parts are really frozen, trained with plain PyTorch."""

import pytest
import torch
from torch import nn
from toy import Crash, CrashAt, ToyModel, toy_data, toy_run

import skinzoo
from skinzoo.errors import CheckpointMismatchError, ConfigError
from skinzoo.training import Callback, GradualUnfreezing, TrainConfig, Trainer
from skinzoo.training.callbacks import Writer

STAGES = ["backbone.1", "backbone"]  # BatchNorm after four steps, the convolution before it after eight


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch):
    monkeypatch.setattr(Writer, "on_fit_end", lambda self, trainer: None)


class Watcher(Callback):
    """What changed between one step and the next, and what the optimiser knows."""

    def __init__(self):
        self.last, self.changed, self.known, self.modes = None, [], [], []

    def on_step_start(self, trainer, step):
        model = trainer.model
        now = {k: v.clone() for k, v in model.state_dict().items()}
        if self.last is not None:
            self.changed.append({k for k, v in now.items() if not torch.equal(v, self.last[k])})
            states = trainer.run.stepper.optimizer.state
            self.known.append({name for name, p in model.named_parameters() if p in states})
        self.last = now
        self.modes.append({name for name, module in model.named_modules() if module.training})


def fit(*callbacks, model=None, **options):
    config = TrainConfig(
        **({"num_steps": 13, "batch_size": 8, "lr": 1e-2, "device": "cpu", "verbose": False, "eval_every": 3} | options)
    )
    trainer = Trainer(model or ToyModel(), config, callbacks=list(callbacks))
    trainer.fit(*toy_data())
    return trainer


def test_each_stage_trains_from_its_step_on():
    watcher = Watcher()
    fit(GradualUnfreezing(STAGES, every=4), watcher, weight_decay=0.1)
    head = {"head.1.weight", "head.1.bias"}
    norm = {"backbone.1.weight", "backbone.1.bias"}
    statistics = {"backbone.1.running_mean", "backbone.1.running_var", "backbone.1.num_batches_tracked"}
    first = {"backbone.0.weight", "backbone.0.bias"}
    changed, known = watcher.changed, watcher.known
    assert all(c == head for c in changed[:4])
    assert all(c == head | norm | statistics for c in changed[4:8])
    assert all(c >= head | norm | statistics | {"backbone.0.weight"} for c in changed[8:])
    assert known == [head] * 4 + [head | norm] * 4 + [head | norm | first] * 4
    modes = watcher.modes
    assert all("backbone.1" not in m and "head.0" in m for m in modes[:4]), "evaluations do not wake it"
    assert all("backbone.1" in m and "backbone.0" not in m for m in modes[4:8])
    assert all(m == {name for name, _ in ToyModel().named_modules()} for m in modes[8:])


@pytest.mark.parametrize("options", [{}, {"clip_grad_norm": 0.1}, {"optimizer": "adam"}], ids=str)
def test_what_stands_still_has_no_influence(options):
    """Oracle: the same run with the backbone frozen for good, as the strategy `head` does it."""

    class Frozen(ToyModel):
        def __init__(self):
            super().__init__()
            self._frozen = [self.backbone]
            self.backbone.requires_grad_(False)

    kept = fit(GradualUnfreezing(["backbone"], every=100), **options).model.state_dict()
    expected = fit(model=Frozen(), **options).model.state_dict()
    assert all(torch.equal(kept[k], v) for k, v in expected.items())


def test_the_models_own_order():
    order = ["backbone.layer4", "backbone.layer3", "backbone.layer2", "backbone.layer1", "backbone"]
    assert stages_of("resnet18_scratch") == order
    assert stages_of("unet_resnet18") == [name.replace("backbone", "encoder") for name in order]
    assert stages_of("multitask") == stages_of("unet_resnet18")
    assert stages_of("vit_tiny_patch16_224_scratch")[-1] == "backbone"


def stages_of(name):
    """Names of the stages, made sure of: together they hold the backbone's parameters, each once."""
    options = {"backbone_weights": None} if "backbone_weights" in skinzoo.model_info(name).options else {}
    model = skinzoo.create_model(name, seed=0, **options)
    unfreezing = GradualUnfreezing(every=1)
    trainer = Trainer(model)
    unfreezing.on_fit_start(trainer)
    trunk = model.backbone if hasattr(model, "backbone") else model.encoder
    found = [id(p) for stage in unfreezing._parameters for p in stage]
    assert sorted(found) == sorted(id(p) for p in trunk.parameters())
    from skinzoo.training.unfreezing import _own_order

    return [name for (name,) in _own_order(model)]


@pytest.mark.parametrize("at", [2, 4, 6, 8, 11])
def test_the_same_bits_from_every_step(at, tmp_path):
    stages = [["backbone.1"], "backbone"]
    whole = toy_run(tmp_path / "whole", callbacks=[GradualUnfreezing(stages, every=4)])
    with pytest.raises(Crash):
        toy_run(tmp_path / "cut", callbacks=[GradualUnfreezing(stages, every=4), CrashAt(at)])
    assert toy_run(tmp_path / "cut", callbacks=[GradualUnfreezing(stages, every=4)]) == whole
    assert toy_run(tmp_path / "other") != whole


def test_other_stages_than_the_run_began_with_are_refused(tmp_path):
    with pytest.raises(Crash):
        toy_run(tmp_path, callbacks=[GradualUnfreezing(STAGES, every=4), CrashAt(3)])
    with pytest.raises(CheckpointMismatchError, match=r"every=4\), and now it is .* every=5"):
        toy_run(tmp_path, callbacks=[GradualUnfreezing(STAGES, every=5)])


def test_values_that_make_no_sense():
    for every in (0, -1, 1.5, True):
        with pytest.raises(ConfigError, match="every must be a whole number of steps"):
            GradualUnfreezing(every=every)
    for stages in ("backbone", []):
        with pytest.raises(ConfigError, match="must be a list of names"):
            GradualUnfreezing(stages, every=1)
    with pytest.raises(ConfigError, match="backbon: nothing that trains; did you mean 'backbone"):
        fit(GradualUnfreezing(["backbon"], every=1))
    with pytest.raises(ConfigError, match=r"backbone\.1: nothing that trains"):
        fit(GradualUnfreezing(["backbone", "backbone.1"], every=1))

    class Bare(ToyModel):
        def __init__(self):
            super().__init__()
            self.trunk, self.backbone = self.backbone, nn.Identity()
            del self.backbone

    with pytest.raises(ConfigError, match="neither a backbone nor an encoder; name the stages"):
        fit(GradualUnfreezing(every=1), model=Bare())
