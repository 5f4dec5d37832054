import csv
import json
import math

import numpy as np
import pytest
import torch
from saved_models import own_config

import skinzoo
from skinzoo.datasets import Records
from skinzoo.errors import (
    BatchTooSmallError,
    ConfigError,
    DivergedError,
    EmptyLoaderError,
    LabelError,
    LeakageError,
)
from skinzoo.taxonomy import ISIC9
from skinzoo.training import Callback, Schedule, TrainConfig, Trainer
from skinzoo.training.optim import build_optimizer, parameter_groups
from skinzoo.types import IGNORE_INDEX

QUICK = {"batch_size": 8, "lr": 1e-3, "augmentation": "light", "verbose": False}


def small(name="simple_cnn", **options):
    if "backbone_weights" in skinzoo.model_info(name).options:
        options["backbone_weights"] = None
    return skinzoo.create_model(name, image_size=32, seed=0, **options)


@pytest.fixture(scope="module")
def data():
    return skinzoo.load_dataset("synthetic", num_images=112, size=32).split((0.5, 0.25, 0.25))


def weights(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("name", ["simple_cnn", "unet_resnet18", "multitask", "resnet18_head"])
def test_every_task_goes_through_the_same_trainer(name, data):
    model = small(name)
    before = weights(model)
    history = Trainer(model, TrainConfig(num_steps=4, eval_every=2, **QUICK)).fit(data[0], data[1])
    assert [row["step"] for row in history.rows] == [2, 4]
    assert ("val_accuracy" in history.columns) == model.task.has_labels
    assert ("val_dice" in history.columns) == model.task.has_masks
    assert all(math.isfinite(row[c]) for row in history.rows for c in ("train_loss", "val_loss", "lr", "seconds"))
    changed = {k.split(".")[0] for k, v in weights(model).items() if not torch.equal(v, before[k])}
    assert changed == ({"head"} if name == "resnet18_head" else {k.split(".")[0] for k in before})
    assert not model.training


def test_a_run_is_a_function_of_its_configuration(data):
    """Not of the global random state, nor of the number of workers; dropout included."""
    results = []
    for workers in (0, 2):
        torch.manual_seed(workers)
        np.random.seed(workers)  # noqa: NPY002
        model = small()
        Trainer(model, TrainConfig(num_steps=9, num_workers=workers, **QUICK)).fit(data[0])
        results.append(weights(model))
    assert same(*results)
    other = small()
    Trainer(other, TrainConfig(num_steps=9, seed=7, **QUICK)).fit(data[0])
    assert not same(results[0], weights(other))


def test_the_first_step_equals_plain_pytorch(data):
    """Oracle: one step written out by hand."""
    config = TrainConfig(num_steps=1, weight_decay=0.1, channels_last=False, **(QUICK | {"augmentation": "none"}))
    model = small(dropout=0.0)
    Trainer(model, config).fit(data[0])

    oracle = small(dropout=0.0).train()
    order = np.random.default_rng((42, 0)).permutation(len(data[0]))[:8]
    transform = skinzoo.Transform(oracle.input_spec)
    samples = [transform(data[0][i]) for i in order]
    images, labels = torch.stack([s.image for s in samples]), torch.tensor([s.label for s in samples])
    named = dict(oracle.named_parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for n, p in named.items() if n.endswith("weight")], "weight_decay": 0.1},
            {"params": [p for n, p in named.items() if n.endswith("bias")], "weight_decay": 0.0},
        ],
        lr=1e-3,
    )
    torch.nn.functional.cross_entropy(oracle(images).logits, labels).backward()
    optimizer.step()
    for name, value in oracle.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, atol=1e-6, rtol=1e-5)


def test_no_decay_on_biases_and_norms():
    model = small("resnet18_scratch")
    decay, plain = parameter_groups(model, 0.3)
    assert (decay["weight_decay"], plain["weight_decay"]) == (0.3, 0.0)
    named = {id(p): n for n, p in model.named_parameters()}
    assert {named[id(p)].rsplit(".", 1)[1] for p in decay["params"]} == {"weight"}
    assert all(
        "bn" in named[id(p)] or "downsample.1" in named[id(p)] or "bias" in named[id(p)] for p in plain["params"]
    )
    assert len(decay["params"]) + len(plain["params"]) == len(named)
    assert sum(p.numel() for g in parameter_groups(small("resnet18_head"), 0.3) for p in g["params"]) == 512 * 7 + 7


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam)])
def test_optimizers_by_name(name, kind):
    assert type(build_optimizer(small(), TrainConfig(optimizer=name))) is kind


class Recorder(Callback):
    def __init__(self):
        self.rates, self.events, self.states = [], [], []

    def on_fit_start(self, trainer):
        self.events.append("start")

    def on_evaluation(self, trainer, row):
        self.events.append(row["step"])
        self.rates.append(row["lr"])
        self.states.append(weights(trainer.model))

    def on_fit_end(self, trainer):
        self.events.append("end")


def test_epochs_or_steps(data):
    recorder = Recorder()
    Trainer(small(), TrainConfig(epochs=2, **QUICK), callbacks=[recorder]).fit(data[0])
    assert recorder.events == ["start", 7.0, 14.0, "end"]
    recorder = Recorder()
    Trainer(small(), TrainConfig(num_steps=5, eval_every=3, **QUICK), callbacks=[recorder]).fit(data[0])
    assert recorder.events == ["start", 3.0, 5.0, "end"], "the last step is evaluated too"


def test_the_schedule_drives_the_rate(data):
    schedule = Schedule("cosine", warmup=0.5)
    recorder = Recorder()
    Trainer(small(), TrainConfig(num_steps=6, eval_every=1, schedule=schedule, **QUICK), callbacks=[recorder]).fit(
        data[0]
    )
    assert recorder.rates == [schedule.rate(s, 6, 1e-3) for s in range(6)]


def scripted_trainer(monkeypatch, values, **options):
    """A trainer whose validation macro F1 is scripted."""
    from skinzoo.evaluation.inference import Outcome

    script = iter(values)
    monkeypatch.setattr(Outcome, "scores", lambda _self: {"loss": 1.0, "macro_f1": next(script)})
    config = TrainConfig(num_steps=len(values), eval_every=1, monitor="val_macro_f1", **(QUICK | options))
    return Trainer(small(), config, callbacks=[Recorder()])


def test_the_best_weights_are_put_back_and_ties_keep_the_earlier(monkeypatch, data):
    trainer = scripted_trainer(monkeypatch, [0.1, 0.8, 0.8, float("nan"), 0.3])
    history = trainer.fit(data[0], data[1])
    assert history.best["step"] == 2
    assert same(weights(trainer.model), trainer.callbacks[0].states[1])


def test_an_undefined_first_value_is_not_the_best(monkeypatch, data):
    trainer = scripted_trainer(monkeypatch, [float("nan"), 0.2, 0.1])
    assert trainer.fit(data[0], data[1]).best["step"] == 2


def test_early_stopping(monkeypatch, data):
    trainer = scripted_trainer(monkeypatch, [0.1, 0.5, 0.4, 0.5, 0.9, 0.9], patience=2)
    history = trainer.fit(data[0], data[1])
    assert len(history) == 4
    assert history.stopped == "no better val_macro_f1 for 2 evaluations"


def test_plateau_cuts_the_rate(monkeypatch, data):
    schedule = Schedule("plateau", gamma=0.5, patience=1)
    trainer = scripted_trainer(monkeypatch, [0.5, 0.4, 0.4, 0.4, 0.6, 0.1], schedule=schedule)
    trainer.fit(data[0], data[1])
    assert trainer.callbacks[0].rates == [1e-3, 1e-3, 1e-3, 5e-4, 5e-4, 5e-4]


def test_a_time_limit_ends_the_run(data):
    history = Trainer(small(), TrainConfig(num_steps=10_000, max_minutes=1e-6, **QUICK)).fit(data[0], data[1])
    assert len(history) == 1
    assert "minutes have passed" in history.stopped


def test_the_global_random_state_stays(data):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    Trainer(small(), TrainConfig(num_steps=2, **QUICK)).fit(data[0])
    assert torch.equal(before, torch.get_rng_state())


def test_numpy_numbers_are_numbers(data):
    config = TrainConfig(num_steps=np.int64(2), lr=np.float32(1e-3), batch_size=np.int32(8), verbose=False)
    assert len(Trainer(small(), config).fit(data[0])) == 1
    assert json.dumps(TrainConfig(seed=np.int64(3)).to_dict())


def test_what_is_written(data, tmp_path):
    folder = tmp_path / "run"
    model = small("multitask")
    history = Trainer(model, TrainConfig(num_steps=4, eval_every=2, output_dir=folder, **QUICK)).fit(data[0], data[1])
    assert sorted(p.name for p in folder.iterdir()) == [
        ".lock",
        "best",
        "checkpoints",
        "history.csv",
        "last",
        "learning_curves.png",
        "train_config.json",
    ]
    with (folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(r["val_loss"]) for r in rows] == history["val_loss"]
    assert json.loads((folder / "train_config.json").read_text())["lr"] == 1e-3
    best = skinzoo.create_model(f"local-dir:{folder / 'best'}")
    assert same(weights(best), weights(model))
    assert own_config(folder / "best")["training"]["step"] == history.best["step"]


def test_overwriting_leaves_nothing_of_the_earlier_run(data, tmp_path):
    config = {"num_steps": 1, "output_dir": str(tmp_path), **QUICK}
    Trainer(small(), TrainConfig(**config)).fit(data[0])
    (tmp_path / "best").mkdir()
    Trainer(small(), TrainConfig(overwrite=True, **config)).fit(data[0])
    assert not (tmp_path / "best").exists()


def with_records(dataset, **changes):
    r = dataset.records
    columns = {"labels": r.labels, "groups": r.groups, "images": r.images, "masks": r.masks, **changes}
    copy = dataset.subset(np.arange(len(dataset)))
    copy.records = Records.build(r.ids, **columns)
    return copy


def test_samples_without_label_or_mask_are_skipped_by_the_loss(data):
    train = data[0]
    labels, masks = train.records.labels.copy(), train.records.masks.copy()
    labels[::2], masks[1::3] = IGNORE_INDEX, ""
    model = small("multitask")
    history = Trainer(model, TrainConfig(num_steps=3, **QUICK)).fit(
        with_records(train, labels=labels, masks=masks), data[1]
    )
    assert math.isfinite(history.rows[-1]["train_loss"])
    only_masks = with_records(train, labels=np.full(len(train), IGNORE_INDEX))
    history = Trainer(small("multitask"), TrainConfig(num_steps=2, **QUICK)).fit(only_masks)
    assert math.isnan(history.rows[-1]["train_classification_loss"])
    assert math.isnan(history.rows[-1]["train_accuracy"])
    assert math.isfinite(history.rows[-1]["train_loss"])


def test_one_line_per_evaluation_is_printed(data, capsys):
    Trainer(small(), TrainConfig(num_steps=2, eval_every=1, **(QUICK | {"verbose": True}))).fit(data[0], data[1])
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert len(lines) == 3
    assert lines[2].startswith("time: ")
    assert "val loss" in lines[0]
    assert "F1" in lines[0]


class TestBadInput:
    def test_classes_that_do_not_fit(self, data):
        with pytest.raises(LabelError, match=r"9 classes.*has 7.*label_space=dataset.label_space"):
            Trainer(small(label_space=ISIC9), TrainConfig(**QUICK)).fit(data[0])
        shuffled = tuple(reversed(data[0].label_space.classes))
        with pytest.raises(LabelError, match="same names in the same order"):
            Trainer(small(label_space=shuffled), TrainConfig(**QUICK)).fit(data[0])
        Trainer(small(num_classes=7), TrainConfig(num_steps=1, **QUICK)).fit(data[0])

    def test_empty_parts(self, data):
        empty = data[0].subset([])
        with pytest.raises(EmptyLoaderError, match="0 samples"):
            Trainer(small(), TrainConfig(**QUICK)).fit(empty)
        with pytest.raises(EmptyLoaderError, match="drop_last"):
            Trainer(small(), TrainConfig(drop_last=True, **QUICK)).fit(data[0].subset(range(5)))

    def test_nothing_to_learn_from(self, data):
        with pytest.raises(ConfigError, match=r"needs masks, and synthetic.* has none"):
            Trainer(small("unet_resnet18"), TrainConfig(**QUICK)).fit(with_records(data[0], masks=[""] * len(data[0])))

    def test_leakage(self, data):
        with pytest.raises(LeakageError):
            Trainer(small(), TrainConfig(**QUICK)).fit(data[0], data[0].subset([0, 1]))

    def test_a_last_batch_of_one_with_batchnorm(self, data):
        part = data[0].subset(range(17))
        with pytest.raises(BatchTooSmallError, match=r"17 images in batches of 8 make a batch of one.*drop_last=True"):
            Trainer(small("resnet18_scratch"), TrainConfig(**QUICK)).fit(part)
        Trainer(small("resnet18_scratch"), TrainConfig(num_steps=2, drop_last=True, **QUICK)).fit(part)
        Trainer(small("resnet18_head"), TrainConfig(num_steps=3, **QUICK)).fit(part)
        Trainer(small("simple_cnn"), TrainConfig(num_steps=3, **QUICK)).fit(part)

    def test_a_loss_that_is_not_finite(self, data):
        model = small()
        config = TrainConfig(num_steps=50, **(QUICK | {"lr": 1e30}))
        with pytest.raises(
            DivergedError, match=r"not finite at step \d+ .*learning rate 1.00e\+30; images SYN_.*clip_grad_norm"
        ):
            Trainer(model, config).fit(data[0])

    def test_a_monitor_that_is_not_measured(self, data):
        with pytest.raises(ConfigError, match=r"monitor='val_dice' is not measured.*val_macro_f1"):
            Trainer(small(), TrainConfig(monitor="val_dice", **QUICK)).fit(data[0], data[1])

    def test_batches_of_one_with_batchnorm(self, data):
        for drop_last in (False, True):
            config = TrainConfig(drop_last=drop_last, **(QUICK | {"batch_size": 1}))
            with pytest.raises(BatchTooSmallError, match="batch of one"):
                Trainer(small("resnet18_scratch"), config).fit(data[0])

    def test_what_watches_the_validation_part_needs_one(self, data):
        for options in ({"patience": 2}, {"schedule": "plateau"}):
            with pytest.raises(ConfigError, match="validation part"):
                Trainer(small(), TrainConfig(**options, **QUICK)).fit(data[0])

    def test_a_monitor_that_this_part_cannot_give(self, data):
        no_masks = with_records(data[1], masks=[""] * len(data[1]))
        with pytest.raises(ConfigError, match="not measured for this model on synthetic"):
            Trainer(small("multitask"), TrainConfig(monitor="val_dice", **QUICK)).fit(data[0], no_masks)

    def test_a_monitor_that_is_never_defined_is_said(self, monkeypatch, data):
        trainer = scripted_trainer(monkeypatch, [float("nan"), float("nan")])
        with pytest.warns(UserWarning, match="undefined in every evaluation; the last weights are kept"):
            trainer.fit(data[0], data[1])

    def test_other_kinds_of_objects(self, data, tmp_path):
        with pytest.raises(ConfigError, match=r"TrainConfig\(\*\*config\)"):
            Trainer(small(), {"epochs": 1})
        with pytest.raises(ConfigError, match="default_loss"):
            Trainer(small(), loss="focal")
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match="is a file"):
            Trainer(small(), TrainConfig(output_dir=tmp_path / "file", **QUICK)).fit(data[0])

    @pytest.mark.parametrize(
        "bad",
        [
            {"schedule": None},
            {"epochs": 1, "num_steps": 1},
            {"epochs": 0},
            {"batch_size": 0},
            {"lr": -1.0},
            {"lr": float("nan")},
            {"weight_decay": -1},
            {"seed": -1},
            {"optimizer": "sgd"},
            {"schedule": "linear"},
            {"patience": 0},
            {"max_minutes": 0},
            {"epochs": "3"},
            {"batch_size": 2.5},
            {"seed": None},
            {"num_workers": True},
        ],
    )
    def test_configurations_that_make_no_sense(self, bad):
        with pytest.raises(ConfigError):
            TrainConfig(**bad)

    def test_a_device_that_is_not_there(self, data):
        with pytest.raises(ConfigError, match="unknown device 'gpu'"):
            Trainer(small(), TrainConfig(device="gpu", **QUICK)).fit(data[0])
        if not torch.cuda.is_available():
            with pytest.raises(ConfigError, match="device 'cuda' is not to be had; use 'auto', 'cpu'"):
                Trainer(small(), TrainConfig(device="cuda", **QUICK)).fit(data[0])
