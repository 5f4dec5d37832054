"""Weights that were trained for other classes: refused, or rows kept by name and said so."""

import re

import pytest
import torch
from safetensors.torch import load_file, save_file

import skinzoo
from skinzoo.errors import ConfigError, WeightsError, WeightsMismatchError
from skinzoo.models import Calibration, MetadataEncoder, OperatingPoints
from skinzoo.taxonomy import ISIC2018, LabelSpace

OURS = ("other", "NV", "MEL")
METADATA = MetadataEncoder.from_dict({"columns": [{"name": "age", "mean": 50.0, "std": 15.0}]})


def small(name="simple_cnn", classes=("MEL", "NV", "VASC"), **options):
    return skinzoo.create_model(name, label_space=list(classes), image_size=32, seed=0, **options)


@pytest.fixture
def folder(tmp_path):
    model = small()
    model.calibration = Calibration("temperature", (0.5,))
    model.operating_points = OperatingPoints({"MEL": 0.3})
    return model.save_pretrained(tmp_path / "model")


def last(model):
    return [m for m in model.head.modules() if isinstance(m, torch.nn.Linear)][-1]


def rebuilt(source, classes=OURS, seed=5):
    """The model and the one warning."""
    with pytest.warns(UserWarning, match="initialised again") as caught:
        model = skinzoo.create_model(
            "simple_cnn", weights=source, label_space=list(classes), rebuild_head=True, seed=seed
        )
    assert len(caught) == 1
    return model, str(caught[0].message)


@pytest.mark.parametrize(
    "classes",
    [
        ("MEL", "NV"),
        ("MEL", "NV", "VASC", "BCC"),
        ("MEL", "VASC", "NV"),
        ("a", "b", "c"),
        ("0", "1", "2"),
        ("class_0", "class_1", "class_2"),
        ("mel", "nv", "vasc"),
    ],
)
def test_other_classes_are_an_error_that_names_both(folder, classes):
    says = (
        rf"3 classes \['MEL', 'NV', 'VASC'\], the model has the {len(classes)} classes {re.escape(repr(list(classes)))}"
    )
    for source in (folder, folder / "model.safetensors"):
        with pytest.raises(WeightsMismatchError, match=says) as caught:
            skinzoo.create_model("simple_cnn", weights=source, label_space=list(classes), image_size=32)
        assert "rebuild_head=True" in str(caught.value)


def test_numbered_classes_are_names_too(tmp_path):
    numbered = small(classes=[str(k) for k in range(7)]).save_pretrained(tmp_path)
    assert skinzoo.create_model("simple_cnn", weights=numbered).label_space.classes == tuple("0123456")
    with pytest.raises(WeightsMismatchError, match=r"'0', '1', '2'.*the 7 classes .'MEL'"):
        skinzoo.create_model("simple_cnn", weights=numbered, label_space="isic2018")
    with pytest.raises(WeightsMismatchError, match=r"'0', '1', '2'.*the 7 classes .'class_0'"):
        skinzoo.create_model("simple_cnn", weights=numbered, num_classes=7)


def test_rows_are_kept_by_name_and_the_others_are_new(folder):
    before, (model, message) = skinzoo.create_model(f"local-dir:{folder}"), rebuilt(folder)
    theirs, ours = last(before), last(model)
    for row, name in enumerate(OURS):
        if name == "other":
            continue
        old = before.label_space.classes.index(name)
        assert torch.equal(ours.weight[row], theirs.weight[old])
        assert torch.equal(ours.bias[row], theirs.bias[old])
    assert not any(torch.equal(ours.weight[0], row) for row in theirs.weight)
    assert 0 < ours.weight[0].abs().max() <= 128**-0.5, "as PyTorch begins a layer of 128 features"
    states = (m.state_dict() for m in (before, model))
    first, second = ({k: v for k, v in s.items() if not k.startswith("head.6")} for s in states)
    assert all(torch.equal(v, second[k]) for k, v in first.items())
    assert message.startswith("head.6.weight and head.6.bias were initialised again for the model's classes.")
    assert "new, random rows: other; rows kept by name: NV, MEL; left out of the weights: VASC; " in message
    assert "dropped, as it was fitted to the other classes: the calibration and the operating points" in message
    assert str(folder) in message
    assert model.calibration is model.operating_points is None
    assert model.label_space.classes == OURS
    assert not model.training


def test_the_seed_makes_new_rows_reproducible(folder):
    state = torch.get_rng_state()
    models = [rebuilt(folder, seed=s)[0] for s in (5, 5, 6)]
    assert torch.equal(torch.get_rng_state(), state)
    first, second, third = (last(m).weight for m in models)
    assert torch.equal(first, second)
    assert not torch.equal(first[0], third[0])
    assert torch.equal(first[1:], third[1:])
    skinzoo_default = rebuilt(folder, seed=None)[0]
    assert not torch.equal(last(skinzoo_default).weight[0], first[0])


def test_other_orders_are_put_right_without_loss(folder):
    model, message = rebuilt(folder, classes=("VASC", "MEL", "NV"))
    before = skinzoo.create_model(f"local-dir:{folder}")
    picture = torch.randn(2, 3, 32, 32)
    assert torch.allclose(model(picture).logits, before(picture).logits[:, [2, 0, 1]])
    assert "new, random rows: none" in message


def test_a_whole_model_can_be_asked_for_with_other_classes(folder):
    name = f"local-dir:{folder}"
    with pytest.raises(ConfigError, match=r"drop label_space\. For other classes, give rebuild_head=True as well"):
        skinzoo.create_model(name, label_space=OURS)
    with pytest.warns(UserWarning, match="rows kept by name: NV, MEL"):
        model = skinzoo.create_model(name, label_space=OURS, rebuild_head=True, seed=0)
    assert model.input_spec.size == (32, 32)
    with pytest.warns(UserWarning, match="rows kept by name: none"):
        assert len(skinzoo.create_model(name, num_classes=9, rebuild_head=True).label_space) == 9
    same = skinzoo.create_model(name, label_space=["MEL", "NV", "VASC"], rebuild_head=True)
    assert same.calibration.temperature == 2, "nothing to rebuild, nothing dropped, no warning"
    assert skinzoo.create_model(name, rebuild_head=True).calibration is not None
    with pytest.raises(ConfigError, match="drop image_size"):
        skinzoo.create_model(name, image_size=64, rebuild_head=True)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18_scratch", {}),
        ("resnet18_scratch", {"head": "mlp"}),
        ("multitask_resnet18", {"backbone_weights": None}),
        ("resnet18_metadata", {"backbone_weights": None, "metadata": METADATA}),
    ],
)
def test_every_head(name, options, tmp_path):
    before = small(name, **options)
    folder = before.save_pretrained(tmp_path, dtype="float16")
    with pytest.warns(UserWarning, match="rows kept by name: NV, MEL"):
        model = skinzoo.create_model(f"local-dir:{folder}", label_space=OURS, rebuild_head=True)
    assert torch.equal(last(model).weight[1], last(before).weight[1].half().float())
    assert torch.equal(last(model).bias[2], last(before).bias[0].half().float())
    assert model(torch.zeros(1, 3, 32, 32)).logits.shape == (1, 3)


def test_a_bare_file_knows_its_classes_and_brings_them(folder, tmp_path):
    bare = folder / "model.safetensors"
    assert rebuilt(bare)[0].label_space.classes == OURS
    assert skinzoo.create_model("simple_cnn", weights=bare, image_size=32).label_space.classes == ("MEL", "NV", "VASC")
    known = small(classes=ISIC2018.classes).save_pretrained(tmp_path / "known")
    assert skinzoo.create_model("simple_cnn", weights=known / "model.safetensors").label_space is ISIC2018


def test_a_file_without_names_is_compared_by_number(folder, tmp_path):
    save_file(load_file(folder / "model.safetensors"), tmp_path / "nameless.safetensors")
    source = tmp_path / "nameless.safetensors"
    model = skinzoo.create_model("simple_cnn", weights=source, label_space=OURS, image_size=32)
    assert torch.equal(last(model).weight, last(skinzoo.create_model(f"local-dir:{folder}")).weight)
    with pytest.raises(WeightsMismatchError, match=r"3 classes without names, the model has the 2 classes"):
        skinzoo.create_model("simple_cnn", weights=source, label_space=OURS[:2])
    message = rebuilt(source, classes=OURS[:2])[1]
    assert "new, random rows: other, NV; rows kept by name: none" in message


def test_nothing_else_is_forgiven(folder):
    wrong = small("resnet18_scratch").save_pretrained(folder / "other")
    with pytest.raises(WeightsMismatchError, match="does not fit the model"):
        skinzoo.create_model("simple_cnn", weights=wrong, label_space=OURS, rebuild_head=True)
    mlp = small("resnet18_scratch", head="mlp").save_pretrained(folder / "mlp")
    with pytest.raises(WeightsMismatchError, match="does not fit the model"):
        skinzoo.create_model("resnet18_scratch", weights=mlp, label_space=OURS, rebuild_head=True, head="linear")


def test_an_ensemble_has_no_last_layer_of_its_own(tmp_path):
    folder = skinzoo.create_model("ensemble", members=[small(), small()]).save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match=r"cannot be used: .*the ensemble has"):
        skinzoo.create_model(f"local-dir:{folder}", label_space=OURS, rebuild_head=True)


def test_what_was_trained_on_is_still_known(tmp_path):
    before = small()
    train, val = skinzoo.load_dataset("synthetic", num_images=28, size=32).split((0.7, 0.3), seed=0)
    before.training_record = skinzoo.evaluation.record_training(train, val)
    model, message = rebuilt(before.save_pretrained(tmp_path))
    assert model.training_record == before.training_record
    assert "dropped" not in message


def test_the_given_label_space_counts(folder):
    mine = LabelSpace("mine", ("MEL", "NV", "VASC"), malignant={"MEL"})
    model = skinzoo.create_model("simple_cnn", weights=folder, label_space=mine)
    assert model.label_space.malignant == {"MEL"}
    assert model.calibration is not None
