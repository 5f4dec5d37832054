"""One model on fabricated collections with other classes: everything is counted by hand."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.datasets import LeakageWarning, Records, SkinDataset
from skinzoo.errors import ConfigError, EmptyLoaderError, LabelError, LeakageError, UnknownNameError
from skinzoo.evaluation.external.across import evaluate_across
from skinzoo.evaluation.external.figures import malignancy
from skinzoo.evaluation.recording import record_training
from skinzoo.files import plain
from skinzoo.metrics.percentiles import percentile_interval
from skinzoo.metrics.resampling import cluster_weights
from skinzoo.models import ModelConfig, SkinModel
from skinzoo.taxonomy import BINARY, ISIC9, ISIC2018, ISIC2019, PAD_UFES_20, LabelSpace
from skinzoo.types import IGNORE_INDEX, InputSpec, ModelOutput, Task

PLAIN = InputSpec(size=(8, 8), mean=(0, 0, 0), std=(1, 1, 1))
QUICK = {"resamples": 40}


class Reader(SkinModel):
    """Reads the answer from the picture: its grey is ten times the class that it says, and it is `sure` of that."""

    def __init__(self, space=ISIC2018, sure=8.0):
        super().__init__(ModelConfig("reader", Task.CLASSIFICATION, PLAIN, space))
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.sure = sure

    def predict_logits(self, images):
        said = (images.mean((1, 2, 3)) * 25.5).round().long()
        return ModelOutput(self.sure * torch.nn.functional.one_hot(said, len(self.label_space)).float())


class Greys:
    def __init__(self, said):
        self.said = said

    def read(self, image, mask, id):
        return np.full((8, 8, 3), 10 * self.said[int(image)], np.uint8), None

    def __repr__(self):
        return f"Greys({self.said})"


def collection(name, space, rows, *, target=ISIC2018, ids=None, groups=None):
    """Rows of (own class or None, class that the model will say)."""
    n = len(rows)
    records = Records.build(
        ids or [f"{name}{i}" for i in range(n)],
        labels=[IGNORE_INDEX if own is None else space.index(own) for own, _ in rows],
        groups=groups,
        images=[str(i) for i in range(n)],
    )
    info = dataclasses.replace(skinzoo.load_dataset("synthetic", num_images=1).info, name=name, title=name)
    return SkinDataset(info, records, space, Greys([target.index(said) for _, said in rows]))


INTERNAL = [("MEL", "MEL")] * 3 + [("MEL", "NV")] + [("NV", "NV")] * 4 + [("BCC", "BCC"), ("BCC", "NV")]
OUTER = [("MEL", "MEL"), ("MEL", "NV"), ("NV", "NV"), ("NV", "BKL"), ("SCC", "AKIEC"), ("SCC", "NV"), ("AK", "AKIEC")]


@pytest.fixture
def report():
    internal = collection("inner", ISIC2018, INTERNAL)
    outer = collection("outer", ISIC2019, [*OUTER, (None, "NV")])
    return evaluate_across(Reader(), [internal, outer], **QUICK)


def test_figures_are_those_counted_by_hand(report):
    inner, outer = report.collections
    assert inner.values["balanced_accuracy"] == pytest.approx((3 / 4 + 1 + 1 / 2) / 3)
    assert inner.values["malignant/sensitivity"] == pytest.approx(4 / 6)
    assert inner.values["malignant/specificity"] == 1
    assert outer.values["balanced_accuracy"] == pytest.approx((1 / 2 + 1 / 2 + 1) / 3), "MEL, NV and AKIEC"
    assert outer.values["malignant/sensitivity"] == pytest.approx(3 / 5), "SCC counts, though no class scores it"
    assert outer.values["malignant/specificity"] == 1
    assert report["outer"] is outer


def test_what_became_of_the_labels_is_accounted_for(report):
    labels = report["outer"].labels
    assert (labels.images, labels.scored, labels.unlabelled) == (8, 5, 1)
    assert labels.unmatched == {"SCC": 2}
    assert labels.merged == {}
    assert labels.absent == ("BCC", "BKL", "DF", "VASC")
    assert (labels.malignant, labels.benign) == (5, 2)
    text = str(report)
    assert "8 images, 5 scored in the model's classes" in text
    assert "2 of SCC are not annotated: covers intraepithelial carcinoma" in text
    assert "no images of BCC, BKL, DF, VASC: what is predicted as one of these counts as wrong" in text
    assert report.collections[0].labels.absent == ("AKIEC", "BKL", "DF", "VASC")


def test_drops_compare_the_classes_that_both_have(report):
    drop = report["outer"].drops["balanced_accuracy"]
    assert drop.classes == ("MEL", "NV")
    assert drop.first == pytest.approx((3 / 4 + 1) / 2), "the images of BCC are left out"
    assert drop.here == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert drop.drop == pytest.approx(drop.first - drop.here)
    assert report["outer"].drops["malignant/sensitivity"].drop == pytest.approx(4 / 6 - 3 / 5)
    assert report["outer"].drops["malignant/sensitivity"].classes == ()
    assert report.collections[0].drops == {}


def test_merged_classes_are_named():
    rows = [("PBK", "BKL"), ("SEK", "BKL"), ("SEK", "NV"), ("NV", "NV"), ("MEL", "NV")]
    outer = evaluate_across(Reader(), {"nine": collection("nine", ISIC9, rows)}, **QUICK)["nine"]
    assert outer.labels.merged == {"BKL": ("PBK", "SEK")}
    assert outer.values["balanced_accuracy"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    alone = [row for row in rows if row[0] != "PBK"]
    found = evaluate_across(Reader(), {"nine": collection("nine", ISIC9, alone)}, **QUICK)["nine"]
    assert found.labels.merged == {}, "only what has images is merged"


def test_malignant_is_scored_where_no_class_has_a_counterpart():
    rows = [("malignant", "MEL"), ("malignant", "NV"), ("malignant", "AKIEC"), ("benign", "DF"), ("benign", "BCC")]
    _, outer = evaluate_across(
        Reader(), [collection("inner", ISIC2018, INTERNAL), collection("two", BINARY, rows)], **QUICK
    ).collections
    assert outer.report is None
    assert outer.labels.scored == 0
    assert outer.labels.unmatched == {"malignant": 3, "benign": 2}
    assert np.isnan(outer.values["balanced_accuracy"])
    assert outer.undefined["balanced_accuracy"] == "no test images in the model's classes"
    assert outer.values["malignant/sensitivity"] == pytest.approx(2 / 3)
    assert outer.values["malignant/specificity"] == pytest.approx(1 / 2)
    assert np.isnan(outer.drops["balanced_accuracy"].drop)
    assert outer.drops["malignant/specificity"].drop == pytest.approx(1 / 2)


def test_a_collection_decides_itself_what_is_malignant():
    rows = [("ACK", "AKIEC"), ("ACK", "NV"), ("MEL", "MEL"), ("NEV", "NV")]
    found = evaluate_across(Reader(), [collection("pad", PAD_UFES_20, rows)], **QUICK).collections[0]
    assert (found.labels.malignant, found.labels.benign) == (1, 3)
    assert found.values["malignant/specificity"] == pytest.approx(2 / 3)
    assert any("2 of ACK count as benign here" in note for note in found.notes)


def test_kinds_of_classes_without_a_malignant_set():
    space = LabelSpace("mine", ("melanoma", "nevus", "actinic keratosis", "thing"))
    assert malignancy(space) == {"melanoma": True, "nevus": False, "actinic keratosis": None, "thing": None}
    assert malignancy(BINARY) == {"benign": False, "malignant": True}


def test_an_interval_of_a_drop_comes_from_independent_draws():
    inner, outer = collection("inner", ISIC2018, INTERNAL), collection("outer", ISIC2019, OUTER)
    found = evaluate_across(Reader(), [inner, outer], metrics=["accuracy"], resamples=40, seed=5)["outer"]

    def accuracy(rows, names, seed):
        right = np.array([own == said for own, said in rows])
        drawn = np.concatenate(list(cluster_weights(np.array(names), resamples=40, seed=seed)))
        return (drawn * right).sum(1) / drawn.sum(1)

    common = [r for r in INTERNAL if r[0] in ("MEL", "NV")], [r for r in OUTER if r[0] in ("MEL", "NV")]
    first = accuracy(common[0], [f"inner{i}" for i, r in enumerate(INTERNAL) if r in common[0]], 5)
    other = accuracy(common[1], [f"outer{i}" for i, r in enumerate(OUTER) if r in common[1]], 6)
    by_hand = percentile_interval(first - other, level=0.95, strata=(8, 4))
    assert found.drops["accuracy"].interval == pytest.approx(by_hand)


def test_a_figure_that_never_varies_gives_its_drop_no_interval():
    outer = collection("outer", ISIC2019, [("MEL", "MEL")] * 3 + [("NV", "NV")] * 3)
    found = evaluate_across(Reader(), [collection("inner", ISIC2018, INTERNAL), outer], **QUICK)["outer"]
    drop = found.drops["malignant/sensitivity"]
    assert (found.values["malignant/sensitivity"], drop.drop) == (1, pytest.approx(4 / 6 - 1))
    assert np.isnan(drop.interval.low)


def test_the_first_collection_equals_evaluate():
    data = skinzoo.load_dataset("synthetic", num_images=28, size=32)
    model = skinzoo.create_model("simple_cnn", label_space=data.label_space, image_size=32)
    found = evaluate_across(model, [data], metrics=["accuracy", "macro_auc", "MEL/recall"], **QUICK).collections[0]
    same = skinzoo.evaluate(model, data)
    assert found.values["accuracy"] == same["accuracy"]
    assert found.values["macro_auc"] == same["macro_auc"]
    assert found.values["MEL/recall"] == same.classification.per_class["MEL"]["recall"]
    assert plain(found.report.to_dict()["metrics"]) == plain(same.to_dict()["metrics"])


def test_masks_are_scored_without_labels():
    data = skinzoo.load_dataset("synthetic", num_images=6, size=32)
    model = skinzoo.create_model("unet_resnet18", image_size=32, backbone_weights=None)
    bare = data.subset(range(4))
    bare.records = dataclasses.replace(bare.records, labels=np.full(4, IGNORE_INDEX))
    bare.info = dataclasses.replace(bare.info, name="bare")
    report = evaluate_across(model, [data, bare], **QUICK)
    assert report.metrics == ("dice",)
    assert report["bare"].values["dice"] == skinzoo.evaluate(model, bare)["dice"]
    assert report["bare"].masks == 4
    assert report["bare"].drops["dice"].drop == report["synthetic"].values["dice"] - report["bare"].values["dice"]


def test_overrides_are_by_collection():
    outer = collection("outer", ISIC2019, OUTER)
    found = evaluate_across(Reader(), [outer], overrides={"outer": {"SCC": "AKIEC"}}, **QUICK)["outer"]
    assert found.labels.scored == 7
    assert found.labels.merged == {"AKIEC": ("AK", "SCC")}
    assert found.values["balanced_accuracy"] == pytest.approx((1 / 2 + 1 / 2 + 2 / 3) / 3)
    with pytest.raises(UnknownNameError, match=r"overrides speak of 'outre'.*did you mean 'outer'"):
        evaluate_across(Reader(), [outer], overrides={"outre": {}}, **QUICK)


def test_shared_pictures_are_told():
    ids = [f"ISIC_{i:07d}" for i in range(10)]
    inner = collection("inner", ISIC2018, INTERNAL, ids=ids)
    outer = collection("outer", ISIC2019, OUTER, ids=[*ids[:3], *(f"x{i}" for i in range(4))])
    notes = evaluate_across(Reader(), [inner, outer], **QUICK)["outer"].notes
    assert notes == ("3 of its images are in inner too: no external test of these",)


def test_training_images_are_refused():
    outer = collection("outer", ISIC2019, OUTER)
    model = Reader()
    model.training_record = record_training(outer.subset([0]))
    with pytest.raises(LeakageError, match="was trained on 1 of the 7 images"):
        evaluate_across(model, [outer], **QUICK)
    with pytest.warns(LeakageWarning, match="trained on") as warned:
        found = evaluate_across(model, [outer], allow_overlap=True, **QUICK)
    assert len(warned) == 1
    assert any("was trained on 14.3 % (1 of 7)" in note for note in found["outer"].notes)


def test_equal_names_are_told_apart():
    one, two = collection("same", ISIC2018, INTERNAL), collection("same", ISIC2018, INTERNAL)
    names = [c.name for c in evaluate_across(Reader(), [one, two], **QUICK).collections]
    assert names == ["same", "same (2)"]


def test_a_report_is_saved(report, tmp_path):
    page = report.save(tmp_path / "out")
    names = {p.name for p in page.parent.iterdir()}
    assert names == {
        *("external.json", "external.csv", "external.md", "external.png", "external.svg"),
        *("1-inner", "2-outer"),
    }
    assert (page.parent / "2-outer" / "report.json").is_file()
    saved = json.loads((page.parent / "external.json").read_text())
    assert saved["collections"][1]["unmatched"] == {"SCC": 2}
    assert saved["collections"][1]["drops"]["balanced_accuracy"]["classes"] == ["MEL", "NV"]
    with (page.parent / "external.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(report.metrics)
    row = next(r for r in rows if r["collection"] == "outer" and r["metric"] == "malignant/sensitivity")
    assert (int(row["images"]), float(row["value"])) == (7, 0.6)
    assert "| outer | 8 |" in page.read_text()


def test_models_whose_classes_have_no_names():
    data = collection("inner", ISIC2018, INTERNAL)
    numbered = Reader(LabelSpace.numbered(7))
    assert evaluate_across(numbered, [data], **QUICK).collections[0].labels.alignment is None
    with pytest.raises(LabelError, match="the same names in the same order"):
        evaluate_across(numbered, [collection("outer", ISIC2019, OUTER)], **QUICK)


def test_bad_input_is_named(report):
    data = collection("inner", ISIC2018, INTERNAL)
    for wrong in ([], {}, "inner", [data, 3], data):
        with pytest.raises(ConfigError, match="datasets must be SkinDatasets"):
            evaluate_across(Reader(), wrong, **QUICK)
    with pytest.raises(EmptyLoaderError, match="inner has no image"):
        evaluate_across(Reader(), [data.subset([])], **QUICK)
    with pytest.raises(UnknownNameError, match="did you mean 'macro_auc'"):
        evaluate_across(Reader(), [data], metrics=["macro_acu"], **QUICK)
    with pytest.raises(ConfigError, match="metrics must be a list"):
        evaluate_across(Reader(), [data], metrics="accuracy", **QUICK)
    with pytest.raises(ConfigError, match="resamples"):
        evaluate_across(Reader(), [data], resamples=0)
    unlabelled = collection("bare", ISIC2018, [(None, "NV")])
    with pytest.raises(ConfigError, match="needs class labels"):
        evaluate_across(Reader(), [unlabelled], **QUICK)
    with pytest.raises(UnknownNameError, match="no collection 'outre'"):
        _ = report["outre"]
