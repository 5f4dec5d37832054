"""What cannot be published, and that everything that is missing is said at once."""

import copy
import dataclasses
import re

import numpy as np
import pytest
from carded import carded, made_up_report, recorded
from toy import ToyModel

import skinzoo
from skinzoo.errors import ConfigError, PublishError
from skinzoo.evaluation import record_training
from skinzoo.models import Calibration, OperatingPoints
from skinzoo.models.digest import weights_digest
from skinzoo.publishing import ModelCard, push_to_hub
from skinzoo.publishing.checks import problems
from skinzoo.publishing.reports import open_external
from skinzoo.taxonomy import LabelSpace


def model_of(parts, **options):
    return recorded(skinzoo.create_model("simple_cnn", image_size=32, seed=0, **options), parts)


def changed(report, **facts):
    again = copy.copy(report)
    again.facts = {**report.facts, **facts}
    return again


def found(model, report, card=None, external=None):
    return list(problems(model, report, card or carded(model), open_external(external)))


def test_nothing_speaks_against_a_complete_one(small, made_up):
    assert found(small, made_up) == []


def test_everything_is_said_at_once(drawn, made_up):
    model = skinzoo.create_model("simple_cnn", image_size=32, seed=0)
    report = changed(made_up, model="resnet18")
    report.resampling = skinzoo.Resampling(level=0.9, resamples=200)
    with pytest.raises(PublishError) as error:
        push_to_hub(model, "tester/x", report=report, card=ModelCard(), dry_run=True)
    lines = str(error.value).splitlines()
    assert re.fullmatch(r"simple_cnn cannot be published yet, \d+ things are missing or wrong:", lines[0])
    assert len(lines) == int(lines[0].split(", ")[1].split(" ")[0]) + 1
    said = "\n".join(lines)
    for part in ("training data: the model has no record", "another model", "level 0.9", "licence:", "limits:"):
        assert part in said
    assert "  1. training data" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "resnet18"}, "model is 'resnet18' there and 'simple_cnn' here"),
        ({"parameters": 5}, "parameters is '5' there"),
        ({"input": "64 x 64 pixels, squashed"}, "input is '64 x 64 pixels, squashed' there"),
        ({"probabilities": "calibrated by temperature 2"}, "probabilities is 'calibrated by temperature 2' there"),
        ({"weights": "0" * 64}, "the weights are others there"),
    ],
)
def test_facts_of_another_model(change, said, small, made_up):
    (line,) = found(small, changed(made_up, **change))
    assert line.startswith("report: it is of another model: ")
    assert said in line


def test_a_report_that_names_its_weights_belongs_to_these_alone(small, made_up, drawn, tmp_path):
    report = changed(made_up, weights=weights_digest(small))
    assert found(small, report) == []
    again = skinzoo.create_model(f"local-dir:{small.save_pretrained(tmp_path)}")
    assert found(again, report) == []
    other = recorded(skinzoo.create_model("simple_cnn", image_size=32, seed=1), drawn)
    assert "the weights are others there" in found(other, report)[0]


def test_other_classes_tasks_and_thresholds(drawn, small, made_up):
    renamed = model_of(drawn, label_space=LabelSpace("x", tuple("ABCDEFG")))
    assert "the classes are MEL, NV, BCC" in found(renamed, made_up)[0]
    space = LabelSpace("isic2018", small.label_space.classes, malignant=frozenset({"MEL"}))
    assert "other classes count as malignant there" in found(model_of(drawn, label_space=space), made_up)[0]
    with_points = model_of(drawn)
    with_points.operating_points = OperatingPoints(malignant=0.2)
    assert "the operating points are others there" in found(with_points, made_up)[0]
    calibrated = model_of(drawn)
    calibrated.calibration = Calibration("temperature", (2.0,))
    assert "probabilities is 'softmax, not calibrated' there" in found(calibrated, made_up)[0]
    both = skinzoo.create_model("multitask_resnet18", image_size=64, backbone_weights=None, seed=0)
    masks = made_up_report(recorded(both, drawn), drawn[2])
    masks.facts = made_up.facts
    assert "the task is multitask there and classification here" in found(small, masks)[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"overlap with training": "the model was trained on 3.0 % (2 of 67) of these images: too good"},
            "report: overlap with the training: the model was trained on 3.0 %",
        ),
        ({"overlap with training": "not known: the model has no record of its training"}, "not known: the model has"),
        ({"exposed to training": "4.0 % of these images show a lesion of the training part"}, "report: 4.0 % of these"),
    ],
)
def test_figures_on_images_of_the_training(change, said, small, made_up):
    (line,) = found(small, changed(made_up, **change))
    assert said in line
    assert "Score pictures that the model has never seen" in line


def test_without_the_fact_nothing_is_known(small, made_up):
    report = copy.copy(made_up)
    report.facts = {k: v for k, v in made_up.facts.items() if k != "overlap with training"}
    assert "overlap with the training: not told" in found(small, report)[0]


def test_names_tell_too_where_facts_were_edited(fake_ham10000, tmp_path, write_image):
    """The facts say that nothing overlaps; the ids of the report are those of the training."""
    model = skinzoo.create_model("simple_cnn", image_size=32, seed=0)
    ham = skinzoo.load_dataset("ham10000", fake_ham10000())
    half = ham.subset(np.arange(0, len(ham), 2))
    model.training_record = record_training(half)
    by_lesion = int(np.isin(ham.records.groups, half.records.groups).sum())
    assert len(half) < by_lesion < len(ham)
    assert f"report: {by_lesion} of its images, or lesions, stand in" in "".join(
        found(model, made_up_report(model, ham))
    )
    renamed = ham.subset(range(len(ham)))
    renamed.info = dataclasses.replace(ham.info, name="mine", title="Mine", namespace="")
    assert "of its images, or lesions, stand in" in "".join(found(model, made_up_report(model, renamed)))

    for k, code in enumerate(ham.label_space):
        write_image(tmp_path / "clinic" / code / f"{k}.jpg", seed=k)
    clinic = skinzoo.load_dataset("folder", tmp_path / "clinic")
    model.training_record = record_training(clinic)
    report = made_up_report(model, clinic)
    assert f"report: {len(clinic)} of its images" in "".join(found(model, report))
    elsewhere = changed(report, collection="Another")
    assert "stand in" not in "".join(found(model, elsewhere)), "the same names in another collection are others"


def test_intervals(small, made_up, drawn):
    report = copy.copy(made_up)
    report.__dict__["intervals"] = {}
    assert "report: balanced_accuracy has no interval" in found(small, report)[0]
    few = made_up_report(small, drawn[2].subset([0]))
    assert any("balanced_accuracy has no interval: 1 lesions" in line for line in found(small, few))
    unlabelled = made_up_report(small, drawn[2])
    unlabelled.outcome.labels[:] = -100
    again = skinzoo.Report("x", unlabelled.facts, unlabelled.label_space, unlabelled.outcome)
    assert any(
        "report: it has no figures" in line or "balanced_accuracy is undefined" in line for line in found(small, again)
    )


def test_external_reports_are_held_to_the_same(small, made_up, drawn):
    card = carded(small, no_external_test=None)
    good = changed(made_up, collection="Clinic B")
    assert found(small, made_up, card, good) == []
    assert found(small, made_up, card, {"B": good, "C": good}) == []
    same = found(small, made_up, card, {"B": made_up})
    assert same == ["external test 'B': the model was made with this collection; an external test is of another one."]
    other = changed(good, model="resnet18", **{"overlap with training": "the model was trained on all"})
    said = found(small, made_up, card, [other])
    assert "another model" in said[0]
    assert "overlap" in said[1]
    assert all(line.startswith("external test 'Clinic B, part test'") for line in said)
    with pytest.raises(ConfigError, match="report must be a Report, or the folder"):
        open_external(3)


def test_models_that_nobody_could_load(drawn, small, made_up):
    wrapped = skinzoo.with_tta(small)
    assert found(wrapped, made_up)[0].startswith("model: test-time augmentation is not saved; publish model.model")
    toy = recorded(ToyModel(), drawn)
    assert "model: toy is no registered architecture" in found(toy, made_up_report(toy, drawn[2]))[0]


def test_a_licence_that_the_record_lacks(drawn):
    model = model_of(drawn)
    record = model.training_record
    entry = dataclasses.replace(record.training[0], title="My clinic", licence="")
    model.training_record = dataclasses.replace(record, training=(entry,))
    assert found(model, made_up_report(model, drawn[2]))[0].startswith("data_licences.My clinic")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"repository": "no owner"}, "'no owner' is no Hub repository"),
        ({"repository": "a/../b"}, "is no Hub repository"),
        ({"card": 3}, "card must be a path"),
        ({"report": 3}, "report must be a Report"),
        ({"model": 3}, "push_to_hub takes a model"),
        ({"folder": 3}, "folder must be a path"),
        ({"card": "absent.yaml"}, "no model card at absent.yaml"),
    ],
)
def test_values_of_another_kind(options, said, small, made_up, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = {"model": small, "repository": "tester/x", "report": made_up, "card": carded(small), **options}
    model, repository = values.pop("model"), values.pop("repository")
    with pytest.raises(ConfigError, match=re.escape(said)):
        push_to_hub(model, repository, dry_run=True, **values)
