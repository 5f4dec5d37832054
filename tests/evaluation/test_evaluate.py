"""The oracle model answers from a table, so that every figure of the report is known beforehand."""

import csv
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

import skinzoo
from skinzoo.datasets import LeakageWarning, Records
from skinzoo.errors import ConfigError, DivergedError, EmptyLoaderError, LabelError, UnknownNameError
from skinzoo.evaluation.inference import collect, metric_names
from skinzoo.evaluation.page import render_page
from skinzoo.models import ModelConfig, SkinModel
from skinzoo.taxonomy import ISIC2018, LabelSpace
from skinzoo.types import IGNORE_INDEX, Batch, InputSpec, ModelOutput, Task


class Oracle(SkinModel):
    """Says of the n-th picture that it sees what it was told to say."""

    def __init__(self, task, logits=None, masks=None, label_space=ISIC2018, size=32):
        spec = InputSpec(size=(size, size))
        super().__init__(ModelConfig("oracle", task, spec, label_space if task.has_labels else None))
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.logits, self.masks, self.seen = logits, masks, 0

    def predict_logits(self, images):
        start, self.seen = self.seen, self.seen + len(images)
        rows = [i % len(self.logits if self.logits is not None else self.masks) for i in range(start, self.seen)]
        return ModelOutput(
            None if self.logits is None else self.logits[rows], None if self.masks is None else self.masks[rows]
        )


@pytest.fixture(scope="module")
def data():
    return skinzoo.load_dataset("synthetic", num_images=28, size=32)


def truth_masks(data):
    """The masks at the model's size, as mask logits that are right everywhere."""
    transform = skinzoo.Transform(InputSpec(size=(32, 32)))
    return torch.stack([transform(s).mask for s in data]) * 20 - 10


def test_a_perfect_model_scores_one(data):
    logits = torch.nn.functional.one_hot(torch.tensor(data.records.labels), 7).float() * 30
    report = skinzoo.evaluate(Oracle(Task.MULTITASK, logits, truth_masks(data)), data, batch_size=5)
    assert not report.undefined
    other = {
        "malignant/pauc_80": 0.2,
        **dict.fromkeys(("ece", "ece_adaptive", "classwise_ece", "brier", "nll", "aurc"), 0),
    }
    assert report.values == pytest.approx(dict.fromkeys(report.values, 1.0) | other, abs=1e-9)
    assert not [e for e in report.examples if e.kind == "mistake"]


def test_known_mistakes_give_known_figures(data):
    labels = data.records.labels
    predicted = labels.copy()
    wrong = np.flatnonzero(labels == 0)[:2]
    predicted[wrong] = 1
    logits = torch.nn.functional.one_hot(torch.tensor(predicted), 7).float() * 4
    logits[wrong[1]] *= 2  # the more confident mistake
    masks = truth_masks(data)
    masks[3] = -10.0  # one lesion missed altogether
    report = skinzoo.evaluate(Oracle(Task.MULTITASK, logits, masks), data, batch_size=8, examples=4)
    n = int((labels == 0).sum())
    assert report["accuracy"] == pytest.approx(1 - 2 / 28)
    assert report["balanced_accuracy"] == pytest.approx((6 + (n - 2) / n) / 7)
    assert report["dice"] == report["iou"] == pytest.approx(27 / 28)
    assert report.classification.confusion[0, 1] == 2
    mistakes = [e.id for e in report.examples if e.kind == "mistake"]
    assert mistakes == [data.records.ids[wrong[1]], data.records.ids[wrong[0]]]
    panels = [e for e in report.examples if e.kind == "range"]
    assert len(panels) == 4
    assert panels[-1].id == data.records.ids[3], "the worst comes last"
    assert (panels[0].remark, panels[-1].remark) == ("best, Dice 1.000", "worst, Dice 0.000")


def test_a_leaky_split_is_told_in_the_report(data):
    with pytest.warns(LeakageWarning):
        test = data.split((0.5, 0.5), by="image", allow_leakage=True)[1]
    oracle = Oracle(Task.CLASSIFICATION, torch.zeros(len(test), 7))
    report = skinzoo.evaluate(oracle, test)
    fact = f"{100 * test.exposure.share:.1f} % of these images show a lesion of the training part"
    assert report.facts["exposed to training"] == fact
    assert fact in report.text()
    assert fact in render_page(report, [])
    assert "exposed to training" not in skinzoo.evaluate(oracle, data.split((0.5, 0.5))[1]).facts


def test_a_class_without_images_is_undefined_with_its_reason(data):
    part = data.subset(np.flatnonzero(data.records.labels != 2))
    logits = torch.nn.functional.one_hot(torch.tensor(part.records.labels), 7).float() * 30
    report = skinzoo.evaluate(Oracle(Task.CLASSIFICATION, logits), part)
    assert report["macro_f1"] == pytest.approx(1.0)
    assert math.isnan(report.classification.per_class["BCC"]["auc"])
    assert report.undefined["BCC/auc"] == report.undefined["BCC/f1"] == "no test images of this class"
    assert "no test images" in report.text()
    assert "no test images" in render_page(report, [])
    assert json.dumps(report.to_dict())


def test_partial_labels_and_masks_are_left_out_and_counted(data):
    r = data.records
    labels, masks = r.labels.copy(), r.masks.copy()
    labels[:4], masks[10:] = IGNORE_INDEX, ""
    part = data.subset(range(28))
    part.records = Records.build(r.ids, labels=labels, groups=r.groups, images=r.images, masks=masks)
    logits = torch.nn.functional.one_hot(torch.tensor(r.labels), 7).float() * 30
    report = skinzoo.evaluate(Oracle(Task.MULTITASK, logits, truth_masks(data)), part, batch_size=9)
    assert (report.classification.num_samples, report.classification.num_unlabelled) == (24, 4)
    assert report.segmentation.num_samples == 10
    assert report.outcome.mask_rows.tolist() == list(range(10))


def test_a_segmenter_is_reported_without_classes(data, tmp_path):
    report = skinzoo.evaluate(Oracle(Task.SEGMENTATION, masks=truth_masks(data)), data)
    assert report.classification is None
    assert list(report.values) == ["dice", "iou", "dice_pooled", "iou_pooled", "thresholded_jaccard"]
    report.save(tmp_path)
    assert not (tmp_path / "confusion_matrix.png").exists()
    with (tmp_path / "predictions.csv").open() as file:
        assert next(csv.reader(file))[:5] == ["id", "group", "label", "dice", "iou"]


def partial_batches(sizes):
    """28 samples: every second one has a label, every third a mask."""
    n = 28
    images = torch.zeros(n, 3, 32, 32)
    labels = torch.where(torch.arange(n) % 2 == 0, torch.arange(n) % 7, IGNORE_INDEX)
    masks = torch.zeros(n, 1, 32, 32)
    masks[torch.arange(n) % 3 != 0] = float("nan")
    ids = [str(i) for i in range(n)]
    parts = zip(*(t.split(sizes) for t in (images, labels, masks)), strict=True)
    starts = np.cumsum([0, *sizes])
    return [
        Batch(x, y, m if (~m.isnan()).any() else None, ids[a : a + len(x)])
        for (x, y, m), a in zip(parts, starts, strict=False)
    ]


@pytest.mark.parametrize("sizes", [[28], [14, 14], [1] * 28, [3, 25], [9, 9, 9, 1]])
def test_losses_do_not_depend_on_the_batches(sizes):
    generator = torch.Generator().manual_seed(0)
    logits, masks = torch.randn(28, 7, generator=generator), torch.randn(28, 1, 32, 32, generator=generator)
    model = Oracle(Task.MULTITASK, logits, masks).train()
    loss = skinzoo.default_loss(Task.MULTITASK, segmentation="bce", segmentation_weight=2.0)
    outcome = collect(model, partial_batches(sizes), loss=loss)
    assert model.training, "the mode is put back"
    assert outcome.ids == [str(i) for i in range(28)]
    labelled, masked = np.arange(0, 28, 2), np.arange(0, 28, 3)
    assert outcome.mask_rows.tolist() == masked.tolist()
    classes = torch.nn.functional.cross_entropy(logits[labelled], torch.tensor(labelled % 7)).item()
    pixels = torch.nn.functional.binary_cross_entropy_with_logits(
        masks[masked], torch.zeros(len(masked), 1, 32, 32)
    ).item()
    assert outcome.losses["classification_loss"] == pytest.approx(classes, rel=1e-5)
    assert outcome.losses["segmentation_loss"] == pytest.approx(pixels, rel=1e-5)
    assert outcome.losses["loss"] == pytest.approx(classes + 2 * pixels, rel=1e-5)


@pytest.mark.parametrize("task", list(Task))
def test_metric_names_are_those_that_are_measured(task, data):
    masks = truth_masks(data)[:1] if task.has_masks else None
    model = Oracle(task, torch.zeros(1, 7) if task.has_labels else None, masks)
    loader = skinzoo.make_loader(data, skinzoo.Transform(model.input_spec), batch_size=14)
    scores = collect(model, loader, loss=skinzoo.default_loss(task)).scores()
    assert [name for name in scores if not name.endswith("_loss")] == metric_names(task)


@pytest.mark.parametrize("bad", ["logits", "masks"])
def test_a_model_that_gives_nan_is_an_error_not_a_figure(data, bad):
    logits, masks = torch.eye(7), truth_masks(data)[:7]
    {"logits": logits, "masks": masks}[bad].fill_(float("nan"))
    model = Oracle(Task.MULTITASK, logits, masks)
    with pytest.raises(DivergedError, match="NaN or infinite values"):
        skinzoo.evaluate(model, data)
    with pytest.raises(DivergedError, match="NaN or infinite values"):
        skinzoo.predict(model, data[0])


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.sources, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [v for k, v in attrs if k in ("src", "href")]


def test_save_writes_a_page_that_needs_nothing_else(data, tmp_path):
    model = skinzoo.create_model("multitask", backbone_weights=None, image_size=32, seed=0)
    report = skinzoo.evaluate(model, data)
    history = skinzoo.History()
    history.rows = [{"step": 1.0, "epoch": 1.0, "lr": 0.1, "train_loss": 2.0, "seconds": 1.0}]
    report.add_figure("Learning curves", history.figure(), "how it went")
    index = report.save(tmp_path / "new" / "report")
    pictures = {p.stem for p in index.parent.glob("*.png")}
    assert pictures == {p.stem for p in index.parent.glob("*.svg")}
    assert {p.name for p in index.parent.iterdir()} - {f"{p}.{s}" for p in pictures for s in ("png", "svg")} == {
        "index.html",
        "report.json",
        "report.md",
        "classification_report.txt",
        "predictions.csv",
    }
    assert {
        "confusion_matrix",
        "confident_mistakes",
        "segmentation_panels",
        "learning_curves",
        "reliability",
    } <= pictures
    page = Page()
    page.feed(index.read_text("utf-8"))
    assert page.tags.count("img") == len(pictures) - 2 + 2 * len(report.examples), "examples stand one by one"
    assert all(re.match(r"data:image/(png|jpeg|svg\+xml);base64,|#", s) for s in page.sources)
    assert page.tags.count("script") == 1, "the one that sorts tables"
    for path in index.parent.glob("*.png"):
        with Image.open(path) as picture:
            assert picture.width > 300
    saved = json.loads((index.parent / "report.json").read_text())
    assert saved["metrics"]["accuracy"] == report["accuracy"]
    assert saved["confusion_matrix"] == report.classification.confusion.tolist()
    with (index.parent / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [r["id"] for r in rows] == data.records.ids.tolist()
    from sklearn.metrics import roc_auc_score

    scores = np.array([[float(r[f"p_{code}"]) for code in model.label_space] for r in rows])
    areas = [
        roc_auc_score([r["label"] == code for r in rows], scores[:, k]) for k, code in enumerate(model.label_space)
    ]
    assert np.mean(areas) == pytest.approx(report["macro_auc"], abs=1e-12), "the file reproduces the figures"
    right = np.mean([r["label"] == r["predicted"] for r in rows])
    assert right == pytest.approx(report["accuracy"])
    assert np.mean([float(r["dice"]) for r in rows]) == pytest.approx(report["dice"], abs=1e-5)


def test_names_from_the_data_are_escaped(data, tmp_path):
    evil = LabelSpace("evil", ("<script>alert(1)</script>", *ISIC2018.classes[1:]))
    copy = data.subset(range(len(data)))
    copy.label_space = evil
    report = skinzoo.evaluate(Oracle(Task.CLASSIFICATION, torch.eye(7), label_space=evil), copy)
    text = report.save(tmp_path).read_text("utf-8")
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_the_printed_table_carries_the_headlines(data):
    report = skinzoo.evaluate(Oracle(Task.CLASSIFICATION, torch.eye(7)), data)
    assert re.search(rf"macro F1 +{report['macro_f1']:.4f}", str(report))
    assert "melanoma" in str(report)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda d: d.subset([]), EmptyLoaderError),
        (lambda d: relabelled(d, ("a", "b")), LabelError),
        (lambda d: relabelled(d, tuple(reversed(ISIC2018.classes))), LabelError),
    ],
)
def test_collections_that_do_not_fit(data, change, error):
    with pytest.raises(error):
        skinzoo.evaluate(Oracle(Task.CLASSIFICATION, torch.eye(7)), change(data))


def relabelled(data, classes):
    copy = data.subset(range(len(data)))
    copy.label_space = LabelSpace("other", classes)
    return copy


def test_nothing_to_score_is_an_error(data):
    copy = data.subset(range(4))
    copy.records = Records.build(copy.records.ids, images=copy.records.images)
    with pytest.raises(ConfigError, match=r"needs class labels or masks, and .* has none"):
        skinzoo.evaluate(Oracle(Task.MULTITASK, torch.eye(7), truth_masks(data)), copy)


def test_report_details(data, tmp_path):
    report = skinzoo.evaluate(Oracle(Task.CLASSIFICATION, torch.eye(7)), data, examples=0)
    with pytest.raises(UnknownNameError, match="did you mean 'macro_f1'"):
        _ = report["macro_F1"]
    figure = report.pictures()[0].figure
    with pytest.raises(ConfigError, match="to_dict"):
        report.attach("nothing", 3)
    for title in ("Confusion matrix", "混同行列", "混同行列"):
        report.add_figure(title, figure)
    report.save(tmp_path / "report")
    names = {p.name for p in (tmp_path / "report").glob("*.png")}
    assert {"confusion_matrix.png", "confusion_matrix_2.png", "figure.png", "figure_2.png"} <= names
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file"):
        report.save(tmp_path / "file")
    with pytest.raises(ConfigError, match="examples"):
        skinzoo.evaluate(Oracle(Task.CLASSIFICATION, torch.eye(7)), data, examples=-1)
    with pytest.raises(ConfigError, match="unknown device 'gpu'"):
        skinzoo.evaluate(Oracle(Task.CLASSIFICATION, torch.eye(7)), data, device="gpu")
