"""Age, sex and site beside the picture: the encoder, the models that take it, and all that calls them."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.datasets import LeakageWarning, SkinDataset
from skinzoo.errors import ConfigError
from skinzoo.models import MetadataEncoder
from skinzoo.training import TrainConfig, Trainer

AGES = [20.0, 40.0, math.nan, 60.0]
SEXES = np.array(["male", None, " Female", "MALE"], dtype=object)
STD = math.sqrt(800 / 3)  # of 20, 40 and 60


def dataset(number=4, leaky=None, **columns):
    """Painted lesions with metadata columns of our own."""
    data = skinzoo.load_dataset("synthetic", num_images=number, size=32)
    info = dataclasses.replace(data.info, leaky=leaky or {})
    columns = {k: np.asarray(v) for k, v in columns.items()}
    return SkinDataset(info, dataclasses.replace(data.records, metadata=columns), data.label_space, data.source)


@pytest.fixture(scope="module")
def data():
    return dataset(age=AGES, sex=SEXES, note=np.array(["a", "b", "c", "d"], dtype=object))


@pytest.fixture(scope="module")
def model(data):
    encoder = MetadataEncoder.fit(data, columns=("age", "sex"))
    return build(encoder, head="mlp")


def build(encoder, name="resnet18_metadata", **options):
    return skinzoo.create_model(name, metadata=encoder, image_size=32, seed=0, backbone_weights=None, **options)


def test_features_by_hand(data):
    encoder = MetadataEncoder.fit(data, columns=("age", "sex"))
    expected = [
        [-20 / STD, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
        [0, 1, 1, 0, 0],
        [20 / STD, 0, 0, 1, 0],
    ]
    got = encoder([sample.metadata for sample in data])
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float32))
    assert (encoder.names, encoder.width) == (("age", "sex"), 5)
    assert encoder.missing.tolist() == [0, 1, 0, 0, 1]


def test_missing_is_neither_the_mean_nor_zero_and_the_unknown_is_missing(data):
    encoder = MetadataEncoder.fit(data, columns=("age", "sex"))
    missing, mean, zero = encoder([{}, {"age": 40}, {"age": 0}])[:, :2].tolist()
    assert missing == [0, 1]
    assert mean == [0, 0]
    assert zero == pytest.approx([-40 / STD, 0])
    rows = [{}, {"sex": "unknown"}, {"sex": None}, {"sex": ""}, {"age": math.nan}, {"age": "", "shoe": 44}]
    assert all(torch.equal(row, encoder.missing) for row in encoder(rows))
    assert encoder([]).shape == (0, 5)


def test_kinds_of_columns():
    data = dataset(
        flat=[3, 3, 3, 3], flag=np.array([True, False, None, True], object), mixed=np.array([1, "2", None, 3], object)
    )
    encoder = MetadataEncoder.fit(data, columns=("flat", "flag", "mixed"))
    assert encoder.columns[0].std == 1
    assert encoder.columns[1].categories == ("false", "true")
    assert encoder.columns[2].categories == ("1", "2", "3")


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (("age", "dx_type"), r"'dx_type' of synthetic gives the diagnosis away \(only nv by follow-up\).*age, empty"),
        (("aeg",), "no metadata column 'aeg'; did you mean 'age'"),
        (("empty",), "'empty' of synthetic has no value at all"),
        (("name",), "has 65 different values, more than 64"),
        (("wild",), "'wild' of synthetic holds numbers that are not finite"),
        ("age", "is one text"),
        (("age", "age"), "each once"),
        ((), "at least one"),
    ],
)
def test_columns_that_are_refused(columns, says):
    number = 65
    data = dataset(
        number,
        leaky={"dx_type": "only nv by follow-up"},
        age=np.arange(number, dtype=float),
        dx_type=np.array(["histo"] * number),
        empty=np.full(number, np.nan),
        name=np.array([f"n{i}" for i in range(number)], object),
        wild=np.array([np.inf] * number),
    )
    with pytest.raises(ConfigError, match=says):
        MetadataEncoder.fit(data, columns=columns)


def test_the_columns_of_ham10000(fake_ham10000):
    encoder = MetadataEncoder.fit(skinzoo.load_dataset("ham10000", fake_ham10000()))
    assert encoder.names == ("age", "sex", "localization")
    ages = [5.0 * (k % 18) for k in range(1, 28)]
    assert encoder.columns[0].mean == pytest.approx(np.mean(ages))
    assert encoder.columns[0].std == pytest.approx(np.std(ages))
    assert encoder.columns[2].categories == ("back",)


@pytest.mark.parametrize("value", ["old", True, math.inf])
def test_a_number_column_takes_numbers(data, value):
    with pytest.raises(ConfigError, match=r"'age' holds finite numbers, got"):
        MetadataEncoder.fit(data, columns=("age",))([{"age": value}])


def test_round_trip_through_json(data):
    encoder = MetadataEncoder.fit(data, columns=("age", "sex"))
    assert MetadataEncoder.from_dict(json.loads(json.dumps(encoder.to_dict()))) == encoder


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"columns": 3},
        {"columns": ["age"]},
        {"columns": [{"name": "age"}]},
        {"columns": [{"name": "age", "mean": 0, "std": 0}]},
        {"columns": [{"name": "age", "mean": "0", "std": 1}]},
        {"columns": [{"name": "sex", "categories": ["a", "a"]}]},
        {"columns": [{"name": "sex", "categories": ["a"], "code": "x"}]},
    ],
)
def test_a_damaged_encoder_is_an_error(values):
    with pytest.raises(ConfigError):
        MetadataEncoder.from_dict(values)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_carry_metadata_only_if_the_model_asks(data, model, workers):
    transform = skinzoo.Transform(model.input_spec)
    encoder = model.metadata_encoder
    loader = skinzoo.make_loader(data, transform, batch_size=3, num_workers=workers, metadata=encoder)
    batches = list(loader)
    assert torch.equal(torch.cat([b.metadata for b in batches]), encoder([s.metadata for s in data]))
    assert len(model.inputs(batches[0])) == 2
    (plain, *_) = skinzoo.make_loader(data, transform, batch_size=3)
    assert plain.metadata is None
    assert len(model.inputs(plain)) == 1
    other = skinzoo.create_model("simple_cnn", image_size=32)
    assert other.metadata_encoder is None
    assert len(other.inputs(batches[0])) == 1, "a model of pictures alone does not see metadata"


def test_the_answer_depends_on_metadata_and_none_is_all_missing(model):
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    rows = model.metadata_encoder([{"age": 80, "sex": "male"}, {}])
    with torch.no_grad():
        known, bare = model(images, rows).logits, model(images).logits
    assert not torch.allclose(known[0], bare[0])
    torch.testing.assert_close(known[1], bare[1])


def test_dropped_values_are_missing_ones_and_whole_columns(model):
    rows = model.metadata_encoder([{"age": 80, "sex": "male"}] * 400)
    thinner = build(model.metadata_encoder, metadata_dropout=0.25).train()
    torch.manual_seed(0)
    thinned = thinner._thinned(rows)
    blocks = (slice(0, 2), slice(2, 5))
    gone = torch.stack([(thinned[:, b] == thinner.missing[b]).all(1) for b in blocks], 1)
    kept = torch.stack([(thinned[:, b] == rows[:, b]).all(1) for b in blocks], 1)
    assert torch.equal(gone, ~kept)
    assert gone.double().mean(0).tolist() == pytest.approx([0.25, 0.25], abs=0.07)
    assert 0 < (gone[:, 0] & gone[:, 1]).sum() < gone[:, 0].sum(), "each column by itself"
    assert torch.equal(thinner.eval()._thinned(rows), rows)


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        (torch.zeros(2, 4), r"shape \(2, 5\), got torch.float32 \(2, 4\)"),
        (torch.zeros(1, 5), r"shape \(2, 5\)"),
        (torch.zeros(2, 5, dtype=torch.int64), "got torch.int64"),
    ],
)
def test_forward_checks_the_metadata(model, metadata, says):
    with pytest.raises(ConfigError, match=says):
        model(torch.zeros(2, 3, 32, 32), metadata)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"metadata": None}, r"must know its metadata: pass metadata=MetadataEncoder.fit"),
        ({"metadata_dropout": 1.0}, "metadata_dropout must lie in"),
        ({"metadata_width": 0}, "metadata_width must be"),
    ],
)
def test_options_out_of_range(model, options, says):
    with pytest.raises(ConfigError, match=says):
        skinzoo.create_model(
            "resnet18_metadata", **({"metadata": model.metadata_encoder, "backbone_weights": None} | options)
        )


@pytest.mark.parametrize("name", ["resnet18_metadata", "convnext_atto_metadata"])
def test_the_encoder_travels_with_the_weights(data, tmp_path, name):
    model = build(MetadataEncoder.fit(data, columns=("age", "sex")), name)
    loaded = skinzoo.create_model(f"local-dir:{model.save_pretrained(tmp_path)}")
    assert loaded.metadata_encoder == model.metadata_encoder
    assert loaded.config == model.config
    row = {"age": 33.0, "sex": "female"}
    assert skinzoo.predict(loaded, data[0], metadata=row)[0].probabilities == pytest.approx(
        skinzoo.predict(model, data[0], metadata=row)[0].probabilities
    )


def test_predict_takes_metadata_by_sample_by_row_or_for_all(model, data):
    def probabilities(inputs, **options):
        return [list(p.probabilities.values()) for p in skinzoo.predict(model, inputs, batch_size=3, **options)]

    samples = list(data)
    arrays = [sample.image for sample in samples]
    with torch.no_grad():
        images = torch.stack([skinzoo.Transform(model.input_spec)(s).image for s in samples])
        oracle = model(images, model.metadata_encoder([s.metadata for s in samples])).logits.double().softmax(1)
        bare = model(images).logits.double().softmax(1)
    rows = [{"age": s.metadata["age"], "sex": s.metadata["sex"]} for s in samples]
    np.testing.assert_allclose(probabilities(samples), oracle, atol=1e-6)
    np.testing.assert_allclose(probabilities(arrays, metadata=rows), oracle, atol=1e-6)
    np.testing.assert_allclose(probabilities(arrays), bare, atol=1e-6)
    np.testing.assert_allclose(probabilities(samples, metadata={}), bare, atol=1e-6)
    np.testing.assert_allclose(
        probabilities(arrays, metadata={"age": 20}), probabilities(arrays, metadata=[{"age": 20}] * 4)
    )


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"aeg": 5}, "takes no metadata 'aeg'; did you mean 'age'"),
        ([{}] * 3, "metadata has 3 rows, and there are more pictures"),
        ([{}] * 5, "metadata has 5 rows, and there are fewer pictures"),
    ],
)
def test_metadata_that_does_not_fit_the_pictures(model, data, metadata, says):
    with pytest.raises(ConfigError, match=says):
        skinzoo.predict(model, list(data), metadata=metadata)


def test_a_model_of_pictures_alone_takes_none(data):
    model = skinzoo.create_model("simple_cnn", image_size=32, seed=0)
    with pytest.raises(ConfigError, match="simple_cnn sees pictures alone"):
        skinzoo.predict(model, data[0], metadata={"age": 5})
    assert skinzoo.predict(model, data[0])[0].label == skinzoo.predict(model, data[0].image)[0].label


@pytest.mark.parametrize("explain", [skinzoo.grad_cam, skinzoo.saliency])
def test_explanations_see_the_metadata(model, data, explain):
    for metadata in (None, {"age": 75.0, "sex": "male"}):
        expected = skinzoo.predict(model, data[0], metadata=metadata)[0]
        explanation = explain(model, data[0], metadata=metadata)
        assert explanation.target == expected.label
        assert explanation.probability == pytest.approx(expected.probability, abs=1e-6)
        assert explanation.heatmap.shape == (32, 32)
        assert explanation.heatmap.max() == 1


def test_training_learns_from_metadata_and_survives_its_absence():
    """The pictures' own backbone is frozen and random; the site tells the class."""
    full = dataset(112, age=np.linspace(20, 80, 112))
    sites = np.array(list(full.label_space.classes), dtype=object)[full.records.labels]
    data = dataset(112, age=np.linspace(20, 80, 112), site=sites)
    train, val = data.split((0.75, 0.25))
    encoder = MetadataEncoder.fit(train, columns=("site", "age"))
    model = build(encoder, freeze_backbone=True)
    config = TrainConfig(
        num_steps=40, eval_every=40, batch_size=16, lr=1e-2, accumulate=2, ema_decay=0.5, verbose=False, device="cpu"
    )
    history = Trainer(model, config).fit(train, val)
    assert history["val_accuracy"][-1] > 0.9
    with pytest.warns(LeakageWarning, match="chosen by"):
        report = skinzoo.evaluate(model, val, examples=1)
    assert report["accuracy"] == pytest.approx(max(history["val_accuracy"]))
    assert report.facts["metadata"] == "site, age"

    without = dataset(112, age=np.linspace(20, 80, 112))
    with pytest.warns(LeakageWarning, match="trained on"):
        bare = skinzoo.evaluate(model, without, examples=0, allow_overlap=True)
    assert bare["accuracy"] < 0.6
    assert bare.facts["metadata"] == "site (not known), age"
    with pytest.raises(ConfigError, match=r"takes the metadata 'site', which gives the diagnosis away.*by design"):
        skinzoo.evaluate(model, dataset(112, leaky={"site": "by design"}, site=sites))
