"""Models whose answer under a corruption is known beforehand, and figures that must equal those of `evaluate`."""

import csv
import dataclasses
import json
import pickle

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.datasets import Records, SkinDataset
from skinzoo.errors import ConfigError, EmptyLoaderError, LabelError, LeakageError, UnknownNameError
from skinzoo.evaluation.recording import record_training
from skinzoo.evaluation.robustness.corrupting import CorruptedSource, corrupted
from skinzoo.evaluation.robustness.pixelstore import ShrinkingSource, StoredSource, stored
from skinzoo.evaluation.robustness.suite import evaluate_robustness, working_size
from skinzoo.metrics.bootstrap import bootstrap_statistic
from skinzoo.models import ModelConfig, SkinModel
from skinzoo.plotting.robustness import robustness_curves, robustness_table
from skinzoo.taxonomy import LabelSpace
from skinzoo.transforms.corruptions import corrupt
from skinzoo.types import InputSpec, ModelOutput, Task

LIGHT = LabelSpace("light", ("dim", "lit"), malignant=frozenset({"dim"}))
PLAIN = InputSpec(size=(32, 32), mean=(0, 0, 0), std=(1, 1, 1))
QUICK = {"resamples": 60, "progress": False}


class Photometer(SkinModel):
    """Calls a picture lit whose mean value exceeds 120 of 255; its mask is where a pixel is darker than 50."""

    def __init__(self, space=LIGHT, task=Task.MULTITASK, size=(32, 32)):
        spec = dataclasses.replace(PLAIN, size=size)
        super().__init__(ModelConfig("photometer", task, spec, space if task.has_labels else None))
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def predict_logits(self, images):
        lit = 20 * (images.mean((1, 2, 3)) - 120 / 255)
        masks = 50 / 255 - images.mean(1, keepdim=True)
        logits = torch.stack([-lit, lit], 1) if self.task.has_labels else None
        return ModelOutput(logits, masks if self.task.has_masks else None)


class Flat:
    """Pictures of one grey each, with a black square as the lesion."""

    def __init__(self, greys, shape=(40, 50)):
        self.greys, self.shape, self.reads = greys, shape, []

    def read(self, image, mask, id):
        self.reads.append(int(image))
        picture = np.full((*self.shape, 3), self.greys[int(image)], np.uint8)
        truth = np.zeros(self.shape, np.uint8)
        truth[10:20, 10:20] = 1
        picture[truth == 1] = 0
        return picture, truth if mask else None

    def __repr__(self):
        return f"Flat({self.greys}, {self.shape})"


def flat_data(greys, labels=None, *, groups=None, masks=True, shape=(40, 50)):
    n = len(greys)
    rows = [str(i) for i in range(n)]
    labels = [int(g > 128) for g in greys] if labels is None else labels
    records = Records.build(
        [f"p{i}" for i in range(n)], labels=labels, groups=groups, images=rows, masks=rows if masks else None
    )
    info = dataclasses.replace(skinzoo.load_dataset("synthetic", num_images=1).info, name="flat", title="flat pictures")
    return SkinDataset(info, records, LIGHT, Flat(greys, shape))


GREYS = [60, 80, 90, 100, 135, 150, 170, 190, 210, 230]  # a black square takes a twentieth of the light


def test_darkness_turns_exactly_those_pictures_that_it_must():
    data = flat_data(GREYS)
    report = evaluate_robustness(Photometer(), data, corruptions=["dark", "jpeg"], **QUICK)
    assert report.clean["balanced_accuracy"] == 1.0
    for strength, level in zip((1, 2, 3, 4, 5), (0.15, 0.29, 0.42, 0.54, 0.66), strict=True):
        right = [(1 - level) * g * 0.95 > 120 for g in GREYS[4:]]
        cell = report.cell("dark", strength)
        assert cell.values["balanced_accuracy"] == pytest.approx((1 + np.mean(right)) / 2)
        assert cell.drops["balanced_accuracy"] == pytest.approx((1 - np.mean(right)) / 2)
        assert cell.values["malignant/sensitivity"] == 1.0
        assert cell.values["malignant/specificity"] == pytest.approx(np.mean(right))
        assert report.cell("jpeg", strength).values["balanced_accuracy"] == 1.0
    dark, jpeg = report.lines
    means = report.table("balanced_accuracy").mean(axis=1)
    assert (dark.values["balanced_accuracy"], jpeg.values["balanced_accuracy"]) == pytest.approx(tuple(means))
    assert dark.relative["balanced_accuracy"] == pytest.approx(means[0])
    assert report.overall.values["balanced_accuracy"] == pytest.approx(means.mean())
    assert report.overall.drops["balanced_accuracy"] == pytest.approx(1 - means.mean())


@pytest.mark.parametrize("workers", [0, 1])
def test_each_pass_equals_evaluate_on_a_corrupted_view(workers):
    data = skinzoo.load_dataset("synthetic", num_images=28, size=48)
    model = Photometer(data.label_space, Task.SEGMENTATION)
    report = evaluate_robustness(
        model, data, corruptions=["hair", "off_centre"], strengths=[2, 5], seed=4, num_workers=workers, **QUICK
    )
    assert report.metrics == ("dice",)
    assert report.clean["dice"] == skinzoo.evaluate(model, data)["dice"]
    for name in ("hair", "off_centre"):
        for strength in (2, 5):
            view = corrupted(data, name, strength, seed=4)
            assert report.cell(name, strength).values["dice"] == skinzoo.evaluate(model, view)["dice"]
    assert report.cell("hair", 5).values["dice"] != report.clean["dice"]


def test_clean_figures_equal_evaluates_for_classes():
    data = skinzoo.load_dataset("synthetic", num_images=28, size=48)
    model = skinzoo.create_model("simple_cnn", label_space=data.label_space, image_size=32)
    wanted = ["balanced_accuracy", "macro_auc", "MEL/recall", "macro_f1"]
    report = evaluate_robustness(model, data, corruptions=["dark"], strengths=[3], metrics=wanted, **QUICK)
    same = skinzoo.evaluate(model, data)
    for name in ("balanced_accuracy", "macro_auc", "macro_f1"):
        assert report.clean[name] == same[name]
    assert report.clean["MEL/recall"] == same.classification.per_class["MEL"]["recall"]
    assert report.metrics == tuple(wanted)


def test_the_interval_of_a_drop_is_paired_and_by_lesion():
    greys = [60, 70, 80, 90, 130, 140, 150, 160, 200, 210, 220, 230]
    groups = [f"g{i // 2}" for i in range(12)]
    data = flat_data(greys, groups=groups, masks=False)
    report = evaluate_robustness(
        Photometer(task=Task.CLASSIFICATION),
        data,
        corruptions=["dark"],
        strengths=[2],
        metrics=["accuracy"],
        resamples=400,
        seed=3,
        progress=False,
    )
    lost = np.array([g > 128 and 0.71 * g * 0.95 <= 120 for g in greys])
    by_hand = bootstrap_statistic(
        lambda w: {"drop": (w * lost).sum(1) / w.sum(1)}, np.array(groups), resamples=400, seed=3
    )
    cell = report.cell("dark", 2)
    assert cell.drops["accuracy"] == pytest.approx(lost.mean())
    assert cell.intervals["accuracy"] == pytest.approx(by_hand["drop"])


def test_a_drop_that_never_varies_has_no_interval():
    report = evaluate_robustness(Photometer(), flat_data(GREYS), corruptions=["contrast"], strengths=[1], **QUICK)
    cell = report.cell("contrast", 1)
    assert cell.drops["balanced_accuracy"] == 0
    assert np.isnan(cell.intervals["balanced_accuracy"].low)


def test_undefined_figures_say_why():
    data = flat_data([200, 210, 220, 230], masks=False)
    report = evaluate_robustness(
        Photometer(task=Task.CLASSIFICATION), data, corruptions=["dark"], strengths=[1, 5], **QUICK
    )
    assert np.isnan(report.clean["malignant/sensitivity"])
    assert report.undefined["malignant/sensitivity"] == "no malignant test images"
    assert report.undefined["dark/5/malignant/sensitivity"] == "no malignant test images"
    assert report.clean["balanced_accuracy"] == 1
    assert report.cell("dark", 5).values["balanced_accuracy"] == 0
    assert "n/a" in str(report)
    wrong = flat_data([200, 210, 60, 70], labels=[0, 0, 1, 1], masks=False)
    report = evaluate_robustness(
        Photometer(task=Task.CLASSIFICATION), wrong, corruptions=["dark"], strengths=[1], **QUICK
    )
    assert np.isnan(report.overall.relative["balanced_accuracy"])
    assert report.undefined["relative/balanced_accuracy"] == "the clean figure is 0"


def test_each_picture_is_read_once():
    data = flat_data(GREYS, shape=(60, 90))
    evaluate_robustness(Photometer(), data, corruptions=["dark", "hair"], strengths=[1, 2, 3], **QUICK)
    looks = len(np.unique(np.linspace(0, len(GREYS) - 1, 8).astype(int)))  # a few to judge the size by
    assert len(data.source.reads) == len(GREYS) + looks


def test_a_store_gives_the_same_pixels_and_shrinks_large_pictures(monkeypatch):
    data = skinzoo.load_dataset("synthetic", num_images=5, size=64)
    with stored(data, short_side=64) as held:
        assert isinstance(held.source, StoredSource)
        again = pickle.loads(pickle.dumps(held.source))
        for i in range(5):
            assert np.array_equal(held[i].image, data[i].image)
            assert np.array_equal(held[i].mask, data[i].mask)
            assert np.array_equal(again.read(str(i), "x", "")[0], data[i].image)
        assert held.records.ids.tolist() == data.records.ids.tolist()
    wide = flat_data([50, 200], shape=(40, 80))
    with stored(wide, short_side=20) as held:
        assert held[0].image.shape == (20, 40, 3)
        assert held[0].mask.sum() == 25
    monkeypatch.setattr("skinzoo.evaluation.robustness.pixelstore.MAX_BYTES", 100)
    with stored(wide, short_side=20) as held:
        assert isinstance(held.source, ShrinkingSource)
        assert held[1].image.shape == (20, 40, 3)


def test_masks_that_are_missing_stay_missing_in_a_store():
    data = flat_data([50, 60, 200])
    data.records = dataclasses.replace(data.records, masks=np.array(["0", "", "2"]))
    with stored(data, short_side=64) as held:
        assert [held[i].mask is None for i in range(3)] == [False, True, False]
        assert held[2].image[0, 0, 0] == 200


def test_the_working_size_is_never_less_than_the_model_sees():
    assert working_size(Photometer(size=(224, 224))) == 512
    assert working_size(Photometer(size=(768, 640))) == 768


def test_max_images_keeps_the_shares_of_the_classes():
    drawn = []
    for _ in range(2):
        data = flat_data([60] * 30 + [200] * 10)
        report = evaluate_robustness(Photometer(), data, corruptions=["dark"], strengths=[1], max_images=12, **QUICK)
        assert report.facts["images"] == "12 of 40, drawn by class with seed 0"
        drawn.append(set(data.source.reads))
    assert drawn[0] == drawn[1]
    assert len([i for i in drawn[0] if i < 30]) == 9
    assert len([i for i in drawn[0] if i >= 30]) == 3


def test_a_corrupted_view_is_a_dataset_like_any_other(tmp_path):
    data = skinzoo.load_dataset("synthetic", num_images=28, size=48).split((0.5, 0.5), seed=1)[1]
    view = corrupted(data, "off_centre", 4, seed=2)
    assert view.name == "synthetic[test, off_centre 4]"
    assert data.name == "synthetic[test]"
    assert len(view) == len(data)
    last = len(view) - 1
    assert np.array_equal(view[last].image, corrupted(data.subset([last]), "off_centre", 4, seed=2)[0].image)
    assert view[0].image.shape == data[0].image.shape
    assert not np.array_equal(view[0].mask, data[0].mask)
    assert not np.array_equal(view[0].image, corrupted(data, "off_centre", 4, seed=3)[0].image)
    assert np.array_equal(pickle.loads(pickle.dumps(view.source)).read(*_keys(view, 0))[0], view[0].image)
    cached = view.cache(tmp_path, 48, workers=2, progress=False)
    assert np.array_equal(cached[1].image, view[1].image)
    assert isinstance(view.source, CorruptedSource)


def _keys(data, row):
    r = data.records
    return str(r.images[row]), str(r.masks[row]), str(r.ids[row])


def test_what_a_view_shows_is_what_corrupt_does():
    data = flat_data([150])
    shown = corrupted(data, "dark", 3)[0].image
    assert np.array_equal(shown, corrupt(data[0].image, "dark", 3).image)
    hairy = corrupted(flat_data([150, 150]), "hair", 3)
    assert not np.array_equal(hairy[0].image, hairy[1].image), "each picture has hairs of its own"


def test_a_report_is_printed_and_saved(tmp_path):
    report = evaluate_robustness(
        Photometer(), flat_data(GREYS), corruptions=["dark", "hair"], strengths=[5, 1], **QUICK
    )
    assert report.strengths == (1, 5)
    page = report.save(tmp_path / "out")
    files = {p.name for p in page.parent.iterdir()}
    curves = {"robustness_curves.png", "robustness_curves.svg"}
    assert files == {"robustness.json", "robustness.csv", "robustness.md", "robustness.png", "robustness.svg"} | curves
    saved = json.loads((page.parent / "robustness.json").read_text())
    value = saved["corruptions"]["dark"]["strengths"]["5"]["values"]["balanced_accuracy"]
    assert value == report.cell("dark", 5).values["balanced_accuracy"]
    with (page.parent / "robustness.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(report.metrics) * (1 + 4 + 3)
    row = next(r for r in rows if (r["corruption"], r["strength"], r["metric"]) == ("dark", "5", "balanced_accuracy"))
    assert float(row["value"]) == value
    text = str(report)
    assert "balanced_accuracy: 1.000 clean" in text
    assert "40 x 50" not in text
    assert "512 pixels along the short side" in text
    assert page.read_text().count("## ") == len(report.metrics)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        report.save(tmp_path / "file")


def test_training_images_are_refused():
    data = flat_data(GREYS)
    model = Photometer()
    model.training_record = record_training(data.subset([0, 1]))
    with pytest.raises(LeakageError, match="was trained on 2 of the 10 images"):
        evaluate_robustness(model, data, corruptions=["dark"], strengths=[1], **QUICK)
    with pytest.warns(UserWarning, match="trained on"):
        report = evaluate_robustness(model, data, corruptions=["dark"], strengths=[1], allow_overlap=True, **QUICK)
    assert "20.0 % (2 of 10)" in report.facts["seen by the model"]


BAD = [
    ({"corruptions": ["hairs"]}, UnknownNameError, "did you mean 'hair'"),
    ({"corruptions": "hair"}, ConfigError, "corruptions must be a list"),
    ({"corruptions": []}, ConfigError, "corruptions must be a list"),
    ({"corruptions": ["hair", "hair"]}, ConfigError, "must be different ones"),
    ({"strengths": [0]}, ConfigError, "strength must be one of"),
    ({"strengths": []}, ConfigError, "strengths must be a list"),
    ({"strengths": 3}, ConfigError, "strengths must be a list"),
    ({"strengths": [1, 1]}, ConfigError, "must be different ones"),
    ({"metrics": ["macro_acu"], "corruptions": ["dark"]}, UnknownNameError, "did you mean 'macro_auc'"),
    ({"metrics": "dice", "corruptions": ["dark"]}, ConfigError, "metrics must be a list"),
    ({"max_images": 0}, ConfigError, "max_images must be a whole number"),
    ({"resamples": 0}, ConfigError, "resamples must be a whole number"),
    ({"seed": -1}, ConfigError, "seed must be a whole number"),
]


@pytest.mark.parametrize(("options", "error", "text"), BAD)
def test_bad_options_are_named(options, error, text):
    with pytest.raises(error, match=text):
        evaluate_robustness(Photometer(), flat_data([60, 200]), **(QUICK | options))


def test_collections_that_do_not_fit_are_refused():
    data = flat_data([60, 200])
    with pytest.raises(EmptyLoaderError, match="has no image"):
        evaluate_robustness(Photometer(), data.subset([]), **QUICK)
    with pytest.raises(LabelError, match="needed"):
        evaluate_robustness(Photometer(LabelSpace("other", ("a", "b"))), data, **QUICK)
    with pytest.raises(UnknownNameError, match="no figures under 'hair'"):
        evaluate_robustness(Photometer(), data, corruptions=["dark"], strengths=[1], **QUICK).cell("hair", 1)
    for wrong in ({"strength": 9}, {"name": "nothing"}, {"seed": -1}):
        with pytest.raises((ConfigError, UnknownNameError)):
            corrupted(data, **({"name": "hair", "strength": 1} | wrong))


def test_figures_refuse_what_they_cannot_draw():
    with pytest.raises(ConfigError, match=r"must have the shape \(1, 2\)"):
        robustness_table([[0.5]], ["hair"], [1, 2], clean=0.9)
    with pytest.raises(ConfigError, match="needs a family"):
        robustness_curves(np.ones((7, 1)), list("abcdefg"), [1], clean=1.0)
    figure = robustness_table([[0.5, np.nan], [0.9, 0.8]], ["hair", "dark"], [1, 2], clean=0.9)
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert texts.count("n/a") == 3
    assert figure.axes[0].get_yticklabels()[0].get_text() == "dark", "what is undefined comes last"
