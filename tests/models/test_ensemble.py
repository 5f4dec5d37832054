"""Ensembles against means taken by hand in NumPy float64, and what they refuse."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from saved_models import change_config, own_config
from torchvision.transforms.v2 import functional as tv

import skinzoo
from skinzoo.errors import ConfigError, UnknownNameError, WeightsError
from skinzoo.models import Calibration, MetadataEncoder, SkinModel
from skinzoo.models.averaging import MaskMean, convert_images, mean_logits
from skinzoo.models.base import ModelConfig
from skinzoo.models.provenance import SeenImages, TrainingRecord, hashes_of, packed
from skinzoo.models.tta import with_tta
from skinzoo.taxonomy import ISIC2018, LabelSpace
from skinzoo.types import InputSpec, ModelOutput, Task

PLAIN = InputSpec(size=(32, 32), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
ENCODER = MetadataEncoder.from_dict({"columns": [{"name": "age", "mean": 50.0, "std": 15.0}]})


def softmax(logits):
    values = np.asarray(logits, dtype=np.float64)
    values = np.exp(values - values.max(-1, keepdims=True))
    return values / values.sum(-1, keepdims=True)


def sharp(model: SkinModel) -> SkinModel:
    """A new model's answers are all alike: make them differ."""
    with torch.no_grad():
        list(model.head.modules())[-1].weight.mul_(40)
    return model


def cnn(seed: int, **options) -> SkinModel:
    options.setdefault("image_size", 32)
    return sharp(skinzoo.create_model("simple_cnn", seed=seed, **options))


def unet(seed: int, **options) -> SkinModel:
    return skinzoo.create_model("unet_resnet18", seed=seed, image_size=64, backbone_weights=None, **options)


def ensemble(members, **options) -> SkinModel:
    return skinzoo.create_model("ensemble", members=members, **options)


def answer(model: SkinModel, *given: torch.Tensor) -> ModelOutput:
    with torch.no_grad():
        return model(*given)


def pictures(size: int = 32, count: int = 3) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def pair():
    return cnn(1), cnn(2)


@pytest.fixture(scope="module")
def segmenter():
    return unet(3)


@pytest.fixture(scope="module")
def data():
    return skinzoo.load_dataset("synthetic", num_images=12, size=64)


# ---------------------------------------------------------------------------------------------------- the mean itself


@pytest.mark.parametrize("weights", [None, [1, 3], [0.0, 2.0]])
def test_probabilities_are_the_weighted_mean(pair, weights):
    model, images = ensemble(pair, member_weights=weights), pictures()
    first, second = (softmax(answer(m, images).logits) for m in pair)
    share = 0.5 if weights is None else weights[0] / sum(weights)
    expected = share * first + (1 - share) * second
    assert np.abs(first - second).max() > 0.1, "the test needs members that differ"
    logits = answer(model, images).logits
    np.testing.assert_allclose(softmax(logits), expected, atol=1e-6)
    np.testing.assert_allclose(model.probabilities(logits), expected, atol=1e-6)


def test_the_mean_logit_is_the_geometric_mean(pair):
    images = pictures()
    logits = answer(ensemble(pair, average="logit", member_weights=[1, 3]), images).logits
    first, second = (answer(m, images).logits.double().numpy() for m in pair)
    np.testing.assert_allclose(logits, 0.25 * first + 0.75 * second, atol=1e-5)
    product = softmax(first) ** 0.25 * softmax(second) ** 0.75
    np.testing.assert_allclose(softmax(logits), product / product.sum(1, keepdims=True), atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    arrays(np.float64, (3, 2, 4), elements=st.floats(-30, 30)),
    st.lists(st.floats(0.01, 10), min_size=3, max_size=3),
)
def test_mean_of_any_answers(values, weights):
    logits = mean_logits([torch.tensor(v) for v in values], weights, average="probability")
    expected = np.average(softmax(values), axis=0, weights=weights)
    np.testing.assert_allclose(softmax(logits), expected, atol=2e-6)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float32, (4, 1, 1, 2, 3), elements=st.floats(-12, 12, width=32)), st.sampled_from(["logit", "mean"]))
def test_mean_of_any_masks(values, kind):
    mean = MaskMean("logit" if kind == "logit" else "probability")
    weights = [1.0, 2.0, 0.5, 3.0]
    for value, weight in zip(values, weights, strict=True):
        mean.add(torch.tensor(value), weight)
    exact = values.astype(np.float64)
    wanted = exact if kind == "logit" else 1 / (1 + np.exp(-exact))
    got = mean.result().double()
    np.testing.assert_allclose(
        got if kind == "logit" else got.sigmoid(), np.average(wanted, axis=0, weights=weights), atol=1e-5
    )


def test_extreme_answers_stay_finite():
    far = torch.tensor([[1e4, -1e4, 0.0]], dtype=torch.float64)
    for average in ("probability", "logit"):
        opposed = mean_logits([far, -far], [1.0, 1.0], average=average)
        assert torch.isfinite(opposed).all()
        assert softmax(opposed)[0].argmin() == (2 if average == "probability" else 0)
        np.testing.assert_allclose(softmax(mean_logits([far, far], [1.0, 2.0], average=average)), [[1, 0, 0]])
        mask = MaskMean(average)
        for value in (1e4, -1e4):
            mask.add(torch.tensor([value, 1e4, -1e4, 30.0]).reshape(1, 1, 2, 2))
        expected = [0.0, 1e4, -1e4, 30.0]
        np.testing.assert_allclose(mask.result().flatten(), expected, rtol=1e-6)
    np.testing.assert_allclose(softmax(mean_logits([far, -far], [1.0, 1.0], average="probability")), [[0.5, 0.5, 0]])


def test_a_mask_is_sure_only_where_all_are():
    """The mean of p = 1 - 1e-13 and p = 0.5 is 0.75: logit log 3; no rounding to 1 on the way."""
    mask = MaskMean("probability")
    mask.add(torch.full((1, 1, 1, 1), 30.0))
    mask.add(torch.zeros(1, 1, 1, 1))
    assert mask.result().item() == pytest.approx(np.log(3), abs=1e-6)


def test_members_calibration_is_applied_before_the_mean_and_the_ensembles_after():
    members, images = (cnn(1), cnn(2)), pictures()
    members[0].calibration = Calibration("temperature", (0.1,))
    members[1].calibration = Calibration("vector", (0.5,) * 7, tuple(float(k) for k in range(7)))
    raw = [answer(m, images).logits.double().numpy() for m in members]
    model = ensemble(members)
    mean = (softmax(0.1 * raw[0]) + softmax(0.5 * raw[1] + np.arange(7))) / 2
    logits = answer(model, images).logits
    np.testing.assert_allclose(model.probabilities(logits), mean, atol=1e-6)
    by_logit = ensemble(members, average="logit")
    expected = softmax((0.1 * raw[0] + 0.5 * raw[1] + np.arange(7)) / 2)
    np.testing.assert_allclose(by_logit.probabilities(answer(by_logit, images).logits), expected, atol=1e-6)
    model.calibration = Calibration("temperature", (2.0,))
    assert torch.equal(answer(model, images).logits, logits)
    np.testing.assert_allclose(model.probabilities(logits), mean**2 / (mean**2).sum(1, keepdims=True), atol=1e-6)


def test_a_member_of_weight_zero_is_not_asked():
    model = ensemble([cnn(1), cnn(2)], member_weights=[1, 0])
    model(pictures()).logits[:, 0].sum().backward()
    reached = [any(p.grad is not None for p in member.parameters()) for member in model.members]
    assert reached == [True, False]


# ------------------------------------------------------------------------------------------- what the members may be


def test_each_member_sees_its_own_size_and_normalisation(data):
    small, large = cnn(1, image_size=None, input_spec=PLAIN), cnn(2, image_size=64)
    model = ensemble([small, large])
    assert model.input_spec == large.input_spec, "by default, that of the largest member"
    sample = skinzoo.Transform(model.input_spec)(data[0])
    images = sample.image[None]
    as_seen = images * torch.tensor(model.input_spec.std)[:, None, None]
    as_seen = tv.resize(as_seen + torch.tensor(model.input_spec.mean)[:, None, None], [32, 32], antialias=True)
    expected = (softmax(answer(small, as_seen).logits) + softmax(answer(large, images).logits)) / 2
    np.testing.assert_allclose(softmax(answer(model, images).logits), expected, atol=1e-5)
    other = ensemble([small, large], image_size=(48, 40))
    assert other.input_spec == dataclasses.replace(large.input_spec, size=(48, 40))
    assert answer(other, torch.zeros(1, 3, 48, 40)).logits.shape == (1, 7)
    assert ensemble([large, small], input_spec=PLAIN).input_spec == PLAIN


def test_a_converted_picture_is_the_picture_made_for_the_other_model(data):
    ours = InputSpec(size=(32, 32))
    sample = data[0]
    converted = convert_images(skinzoo.Transform(ours)(sample).image[None], ours, PLAIN)
    torch.testing.assert_close(converted[0], skinzoo.Transform(PLAIN)(sample).image, atol=1e-6, rtol=0)
    images = pictures()
    assert convert_images(images, ours, ours) is images
    torch.testing.assert_close(convert_images(convert_images(images, ours, PLAIN), PLAIN, ours), images)


def test_classes_and_masks_may_come_from_different_members(pair, segmenter):
    model, images = ensemble([pair[0], segmenter, pair[1]], member_weights=[3, 5, 1]), pictures(64)
    assert (model.task, model.label_space) == (Task.MULTITASK, ISIC2018)
    output = answer(model, images)
    torch.testing.assert_close(output.mask_logits, answer(segmenter, images).mask_logits, atol=1e-5, rtol=1e-5)
    smaller = tv.resize(images, [32, 32], antialias=True)
    first, second = (softmax(answer(m, smaller).logits) for m in pair)
    np.testing.assert_allclose(softmax(output.logits), 0.75 * first + 0.25 * second, atol=1e-5)
    assert ensemble([segmenter]).task is Task.SEGMENTATION
    assert ensemble(pair).task is Task.CLASSIFICATION


@pytest.mark.parametrize("average", ["probability", "logit"])
def test_masks_are_the_weighted_mean(segmenter, average):
    members, images = [segmenter, unet(7)], pictures(64, count=1)
    masks = [answer(m, images).mask_logits.double() for m in members]
    got = answer(ensemble(members, member_weights=[3, 1], average=average), images).mask_logits.double()
    link = torch.sigmoid if average == "probability" else torch.clone
    assert (link(masks[0]) - link(masks[1])).abs().max() > 0.01, "the test needs members that differ"
    torch.testing.assert_close(link(got), 0.75 * link(masks[0]) + 0.25 * link(masks[1]), atol=1e-6, rtol=1e-6)


def test_masks_of_another_size_are_brought_to_the_size_of_the_input(segmenter):
    model = ensemble([segmenter], image_size=96)
    images = pictures(96)
    own = answer(segmenter, tv.resize(images, [64, 64], antialias=True)).mask_logits
    expected = torch.nn.functional.interpolate(own, size=(96, 96), mode="bilinear", align_corners=False)
    torch.testing.assert_close(answer(model, images).mask_logits, expected, atol=1e-5, rtol=1e-5)


def test_named_members_are_built_for_the_ensemble(pair, tmp_path):
    options = {"image_size": 32, "label_space": "isic9", "seed": 3}
    first, again = (ensemble(["simple_cnn", "simple_cnn"], **options) for _ in range(2))
    assert [len(m.label_space) for m in first.members] == [9, 9]
    assert [m.input_spec.size for m in first.members] == [(32, 32)] * 2
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    weights = [next(m.parameters()) for m in first.members]
    assert not torch.equal(*weights), "two members of one name start from different weights"
    nine = cnn(1, label_space="isic9")
    folder = cnn(4, label_space="isic9").save_pretrained(tmp_path)
    model = ensemble(["simple_cnn", f"local-dir:{folder}", nine], image_size=32)
    assert model.label_space.name == "isic9", "named members get the classes of those that have some"
    assert not model.training
    assert len(ensemble(["simple_cnn"], num_classes=3, image_size=32).label_space) == 3
    assert ensemble(iter(pair)).label_space is ISIC2018
    assert ensemble(ensemble(pair).members).label_space is ISIC2018


def test_metadata_goes_to_the_members_that_take_it(pair):
    options = {"metadata": ENCODER, "image_size": 32, "backbone_weights": None}
    knowing = sharp(skinzoo.create_model("resnet18_metadata", seed=1, **options))
    model = ensemble([pair[0], knowing])
    assert model.metadata_encoder == ENCODER
    images, known = pictures(count=2), ENCODER([{"age": 80.0}, {}])
    for given_ in ((images, known), (images,)):
        expected = (softmax(answer(pair[0], images).logits) + softmax(answer(knowing, *given_).logits)) / 2
        np.testing.assert_allclose(softmax(answer(model, *given_).logits), expected, atol=1e-6)
    picture = np.full((32, 32, 3), 90, np.uint8)
    old, young = (skinzoo.predict(model, picture, metadata={"age": age})[0].probabilities["NV"] for age in (80.0, 10.0))
    assert old != young
    other = MetadataEncoder.from_dict({"columns": [{"name": "age", "mean": 40.0, "std": 15.0}]})
    stranger = skinzoo.create_model("resnet18_metadata", **(options | {"metadata": other}))
    with pytest.raises(ConfigError, match=r"member 1 \(resnet18_metadata\) encodes metadata otherwise than member 0"):
        ensemble([knowing, stranger])
    with pytest.raises(ConfigError, match="none of the ensemble's members takes metadata"):
        ensemble(pair)(images, known)


class Unregistered(SkinModel):
    def __init__(self):
        super().__init__(ModelConfig("mine", Task.CLASSIFICATION, InputSpec(size=(32, 32)), ISIC2018))
        self.weight = torch.nn.Parameter(torch.zeros(1))


SEVEN = LabelSpace("seven", ISIC2018.classes[::-1])


@pytest.mark.parametrize(
    ("members", "options", "says"),
    [
        (lambda: None, {}, r"needs members=\[\.\.\.\].*got None"),
        (lambda: "simple_cnn", {}, "a list of models"),
        (lambda: cnn(1), {}, "a list of models"),
        (lambda: [], {}, "at least one member"),
        (lambda: [3], {}, "a member is a model, a name or local-dir:<folder>, got 3"),
        (lambda: [{"architecture": "simple_cnn"}], {}, "a member is a model"),
        (
            lambda: [cnn(1), cnn(1, label_space="isic9")],
            {},
            r"member 1 \(simple_cnn\) has the classes.*AK, PBK.*too many",
        ),
        (lambda: [cnn(1), cnn(1, label_space=SEVEN)], {}, "in another order, from place 0 on"),
        (lambda: [cnn(1)], {"label_space": "isic9"}, "the ensemble has AK, BCC.*missing"),
        (lambda: [cnn(1)], {"num_classes": 7}, "the ensemble has class_0"),
        (lambda: [Unregistered()], {}, r"member 0 \(mine\) is no registered model"),
        (lambda: [with_tta(cnn(1))], {}, "Wrap the whole ensemble in with_tta"),
        (lambda: ["simple_cnn"] * 33, {"image_size": 32}, "32 models in all, this one has 33"),
        (lambda: [cnn(1)], {"member_weights": [1, 2]}, r"1 numbers of at least 0, one for each member; got \[1, 2\]"),
        (lambda: [cnn(1)], {"member_weights": [-1]}, "of at least 0"),
        (lambda: [cnn(1)], {"member_weights": [float("nan")]}, "of at least 0"),
        (lambda: [cnn(1)], {"member_weights": ["1"]}, "of at least 0"),
        (lambda: [cnn(1)], {"member_weights": "1"}, "of at least 0"),
        (lambda: [cnn(1)], {"member_weights": 1}, "of at least 0"),
        (lambda: [cnn(1), unet(1)], {"member_weights": [0, 1]}, "not all 0 for the members that predict labels"),
        (lambda: [cnn(1), unet(1)], {"member_weights": [1, 0]}, "not all 0 for the members that predict masks"),
        (lambda: [cnn(1)], {"average": "median"}, "average must be one of 'probability', 'logit', got 'median'"),
        (
            lambda: [cnn(1)],
            {"input_spec": InputSpec(size=(32, 32), crop="center")},
            "member 0 .*sees the whole picture",
        ),
        (lambda: [cnn(1)], {"weights": "somewhere"}, "gets its weights with its members"),
        (lambda: [unet(1)], {"label_space": "isic9"}, "no member predicts a class"),
    ],
)
def test_what_makes_no_ensemble(members, options, says):
    with pytest.raises(ConfigError, match=says):
        ensemble(members(), **options)


def test_more_that_makes_no_ensemble(pair):
    with pytest.raises(UnknownNameError, match="did you mean 'simple_cnn'"):
        ensemble(["simple_cn"])
    with pytest.raises(WeightsError, match=r"no config.json in nowhere"):
        ensemble(["local-dir:nowhere"])
    with pytest.raises(ConfigError, match=r"member 1 .* is given twice; use member_weights"):
        ensemble([pair[0], pair[0]])
    with pytest.raises(ConfigError, match="may be 2 deep, this one is 3"):
        ensemble([ensemble([ensemble(pair)])])
    tame = LabelSpace("tame", ISIC2018.classes, malignant={"MEL"})
    with pytest.raises(ConfigError, match="do not agree on whether AKIEC, BCC is malignant; say it with label_space"):
        ensemble([pair[0], cnn(3, label_space=tame)])
    assert ensemble([pair[0], cnn(3, label_space=tame)], label_space=tame).label_space.malignant == {"MEL"}
    wide = [InputSpec(size=size, crop="center") for size in ((64, 64), (32, 32), (32, 64))]
    cropped = [cnn(1, image_size=None, input_spec=spec) for spec in wide]
    assert ensemble(cropped[:2]).input_spec == wide[0], "the same centre at another resolution"
    with pytest.raises(ConfigError, match=r"member 1 .*centre \(0.875 of the sides\) at 32 x 64 pixels"):
        ensemble([cropped[0], cropped[2]])


def test_what_any_member_has_seen_the_ensemble_has_seen(pair, tmp_path):
    seen = [
        SeenImages(
            ("ham10000",), "HAM", f"fold {k}", 1, 1, "image", {"NV": 1}, "", "0" * 64, packed(hashes_of([str(k)])), b""
        )
        for k in range(3)
    ]
    members = [cnn(1), cnn(2), cnn(3)]
    members[0].training_record = TrainingRecord((seen[0], seen[1]))
    members[2].training_record = TrainingRecord((seen[0], seen[2]), (seen[1],))
    model = ensemble(members)
    assert sorted(e.part for e in model.training_record.training) == [e.part for e in seen]
    assert model.training_record.validation == (seen[1],)
    loaded = skinzoo.create_model(f"local-dir:{model.save_pretrained(tmp_path)}")
    assert loaded.training_record == model.training_record
    assert ensemble([loaded, pair[0]]).training_record == model.training_record
    assert ensemble(pair).training_record is None


# ---------------------------------------------------------------------------------------------------- saving, loading


def test_saved_with_its_members(pair, segmenter, tmp_path):
    inner = ensemble([cnn(1), cnn(2)], average="logit")
    inner.calibration = Calibration("temperature", (0.5,))
    knowing = skinzoo.create_model("resnet18_metadata", metadata=ENCODER, image_size=32, backbone_weights=None)
    model = ensemble([inner, segmenter, pair[0], knowing], member_weights=[2, 1, 0, 1], image_size=64)
    inner.members[0].calibration = Calibration("vector", (0.5,) * 7, (0.1,) * 7, source="val")
    model.calibration = Calibration("temperature", (0.9,))
    images = pictures(64)
    before = answer(model, images)
    names = sorted(p.name for p in model.save_pretrained(tmp_path).iterdir())
    assert names == ["config.json", "model.safetensors"]
    loaded = skinzoo.create_model(f"local-dir:{tmp_path}")
    after = answer(loaded, images)
    assert torch.equal(before.logits, after.logits)
    assert torch.equal(before.mask_logits, after.mask_logits)
    assert loaded.config == model.config
    assert loaded.members[0].members[0].calibration == inner.members[0].calibration
    assert (loaded.calibration, loaded.metadata_encoder) == (model.calibration, ENCODER)
    assert not loaded.training
    members = own_config(tmp_path)["options"]["members"]
    assert [m["architecture"] for m in members] == ["ensemble", "unet_resnet18", "simple_cnn", "resnet18_metadata"]


def nested(depth):
    def change(config):
        member = config["options"]["members"][0]
        for _ in range(depth):
            member = member | {"architecture": "ensemble", "options": {"members": [member]}}
        config["options"]["members"] = [member]

    return change


def member(**values):
    return lambda config: config["options"]["members"][0].update(values)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (nested(2), "2 deep; the saved one is deeper"),
        (nested(150), "2 deep; the saved one is deeper"),
        (lambda c: c["options"].update(members=c["options"]["members"] * 17), "32 models in all; the saved one"),
        (lambda c: c["options"].update(members=["simple_cnn"]), "a saved ensemble's member must have"),
        (lambda c: c["options"].update(members=["local-dir:/elsewhere"]), "a saved ensemble's member must have"),
        (lambda c: c["options"].update(members={}), "needs members"),
        (lambda c: c["options"].update(members=[]), "at least one member"),
        (lambda c: c["options"].update(average=["probability"]), "average must be one of"),
        (lambda c: c["options"].update(member_weights=[1]), "2 numbers of at least 0"),
        (lambda c: c["options"].update(code="x"), "does not take the option 'code'"),
        (member(architecture="os.system"), "unknown model"),
        (member(architecture=7), "unknown model"),
        (member(options={"code": "x"}), "does not take the option 'code'"),
        (member(options=[]), "must have"),
        (member(label_space=None), "needs label space"),
        (member(label_space="isic2018"), "cannot be used"),
        (member(input_spec={"size": [0, 0]}), "size"),
        (member(calibration={"method": "vector", "scale": [1.0], "bias": [0.0]}), "calibration of 1 classes"),
        (member(calibration={"method": "temperature", "scale": [-1.0]}), "Calibration: scale"),
        (member(calibration=[1]), "cannot be used"),
        (member(extra=1), "must have architecture, calibration"),
        (member(architecture="resnet18_scratch", options={}), "does not fit the model"),
    ],
)
def test_a_changed_configuration_is_refused(pair, tmp_path, change, says):
    folder = ensemble(pair).save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match=says):
        skinzoo.create_model(change_config(folder, change))


# ------------------------------------------------------------------------------------------------- through the library


def test_evaluate_predict_explain(pair, segmenter, data):
    model = ensemble([*pair, segmenter])
    report = skinzoo.evaluate(model, data, examples=1)
    assert {"accuracy", "dice"} <= set(report.values)
    assert report.outcome.probabilities.shape == (12, 7)
    np.testing.assert_allclose(report.outcome.probabilities.sum(1), 1)
    together = ensemble(pair)
    picture = data[0].image
    first, second = (skinzoo.predict(m, picture)[0].probabilities for m in pair)
    found = skinzoo.predict(together, picture)[0].probabilities
    assert found == pytest.approx({code: (first[code] + second[code]) / 2 for code in first}, abs=1e-6)
    with pytest.raises(ConfigError, match=r"explain the members one by one: model\.members\[0\]"):
        skinzoo.grad_cam(together, picture)
    assert skinzoo.grad_cam(together.members[0], picture).heatmap.max() > 0
    assert skinzoo.saliency(model, picture, target="lesion").heatmap.max() > 0


def test_it_can_be_trained_and_continues_from_its_folder(data, tmp_path):
    model = ensemble([cnn(1), cnn(2)])
    before = [next(m.parameters()).clone() for m in model.members]
    config = skinzoo.TrainConfig(
        num_steps=2, batch_size=6, eval_every=2, output_dir=str(tmp_path), device="cpu", verbose=False
    )
    skinzoo.Trainer(model, config).fit(*data.split((0.5, 0.5), seed=0, allow_missing_classes=True))
    assert not any(torch.equal(b, next(m.parameters())) for b, m in zip(before, model.members, strict=True))
    best = skinzoo.create_model(f"local-dir:{tmp_path / 'best'}")
    weights = best.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())


def test_a_name_without_a_task_of_its_own():
    assert skinzoo.model_info("ensemble").task is None
    assert skinzoo.model_info("ensemble").options == ["members", "average", "member_weights"]
    assert "ensemble" in skinzoo.list_models(family="ensemble")
    assert "ensemble" not in skinzoo.list_models(task="segmentation")
