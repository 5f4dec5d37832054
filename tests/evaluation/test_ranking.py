"""What to label next."""

import csv
import math

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.errors import ConfigError, EmptyLoaderError
from skinzoo.evaluation.features import penultimate_features
from skinzoo.evaluation.ranking import k_centre_greedy, uncertainty


@pytest.fixture(scope="module")
def data():
    return skinzoo.load_dataset("synthetic", num_images=12, size=32)


@pytest.fixture(scope="module")
def model():
    return skinzoo.create_model("simple_cnn", image_size=32, seed=0)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("entropy", [0.0, math.log(2), 0.5 * math.log(2) + 0.5 * math.log(4), math.log(3)]),
        ("margin", [0.0, 1.0, 0.75, 1.0]),
        ("least_confidence", [0.0, 0.5, 0.5, 2 / 3]),
    ],
)
def test_uncertainties_by_hand(measure, expected):
    probabilities = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.5, 0.25], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(uncertainty(probabilities, measure), expected, atol=1e-12)


def test_k_centre_by_hand():
    points = np.array([[0], [1], [2], [10], [4]], np.float32)  # mean 3.4, so 4 is first; then 10; then 0
    rows, distances = k_centre_greedy(points, 4)
    assert rows.tolist() == [4, 3, 0, 2], "1 and 2 are as far; 2 is 2 from 0 and 4, 1 is 1 from 0"
    assert distances.tolist() == [math.inf, 6, 4, 2]
    rows, distances = k_centre_greedy(points, 2, centres=np.array([[9.0], [11.0]], np.float32))
    assert rows.tolist() == [0, 4], "away from what is labelled"
    np.testing.assert_allclose(distances, [9, 4])


def test_k_centre_with_equal_points_takes_each_once_in_order():
    rows, distances = k_centre_greedy(np.ones((4, 3), np.float32), 9)
    assert rows.tolist() == [0, 1, 2, 3]
    assert distances.tolist() == [math.inf, 0, 0, 0]


def test_k_centre_equals_brute_force():
    rng = np.random.default_rng(0)
    points, centres = rng.normal(size=(40, 5)), rng.normal(size=(300, 5))
    rows, distances = k_centre_greedy(points.astype(np.float32), 10, centres.astype(np.float32))
    covered = list(centres.astype(np.float32).astype(float))
    for row, distance in zip(rows, distances, strict=True):
        nearest = [min(np.linalg.norm(p - c) for c in covered) for p in points.astype(np.float32).astype(float)]
        assert row == int(np.argmax(nearest))
        assert distance == pytest.approx(max(nearest), abs=1e-5)
        covered.append(points[row].astype(np.float32).astype(float))


@pytest.mark.parametrize("strategy", ["entropy", "margin", "least_confidence"])
def test_ranking_by_uncertainty_equals_predictions(model, data, strategy, tmp_path):
    ranking = skinzoo.rank_unlabelled(model, data, strategy, n=5, batch_size=5)
    rows = [list(p.probabilities.values()) for p in skinzoo.predict(model, list(data))]
    scores = uncertainty(np.array(rows), strategy)
    expected = sorted(range(len(data)), key=lambda i: -scores[i])[:5]
    assert ranking.rows.tolist() == expected
    assert ranking.ids == tuple(data.records.ids[expected])
    np.testing.assert_allclose(ranking.scores, scores[expected], atol=1e-6)
    assert data.subset(ranking.rows).records.ids.tolist() == list(ranking.ids)
    with ranking.save(tmp_path / "next.csv").open() as file:
        table = list(csv.reader(file))
    assert table[0] == ["rank", "id", strategy]
    assert [row[1] for row in table[1:]] == list(ranking.ids)


def test_ranking_by_diversity(model, data):
    whole = skinzoo.rank_unlabelled(model, data, "diversity")
    assert sorted(whole.rows.tolist()) == list(range(12))
    assert len(whole) == 12
    again = skinzoo.rank_unlabelled(model, data, "diversity", n=4, batch_size=5)
    assert again.ids == whole.ids[:4]
    assert [name for name, _ in again] == list(again.ids)
    labelled, pool = data.subset(range(3)), data.subset(range(3, 12))
    away = skinzoo.rank_unlabelled(model, pool, "diversity", n=2, labelled=labelled)
    features, known = (
        penultimate_features(model, skinzoo.make_loader(d, skinzoo.Transform(model.input_spec), batch_size=4))
        for d in (pool, labelled)
    )
    expected, distances = k_centre_greedy(features, 2, known)
    assert away.rows.tolist() == expected.tolist()
    np.testing.assert_allclose(away.scores, distances, rtol=1e-5)


def test_features_are_what_enters_the_last_layer(data):
    model = skinzoo.create_model("multitask", backbone_weights=None, image_size=32, seed=0).train()
    loader = skinzoo.make_loader(data, skinzoo.Transform(model.input_spec), batch_size=5)
    features = penultimate_features(model, loader)
    assert model.training
    assert not any(m._forward_pre_hooks for m in model.modules())
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(batch.images).logits for batch in loader])
        torch.testing.assert_close(model.head[-1](torch.tensor(features)), logits, atol=1e-5, rtol=1e-4)


def test_labels_are_not_looked_at(model, data):
    unlabelled = skinzoo.load_dataset("synthetic", num_images=12, size=32)
    unlabelled.records.labels[:] = -100
    assert skinzoo.rank_unlabelled(model, unlabelled).ids == skinzoo.rank_unlabelled(model, data).ids


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"strategy": "entropie"}, "unknown strategy 'entropie'; did you mean 'entropy'"),
        ({"n": 0}, "n must be a whole number"),
        ({"n": 2.5}, "n must be a whole number"),
        ({"labelled": "data"}, "labelled= is for strategy='diversity'"),
    ],
)
def test_arguments_that_make_no_sense(model, data, options, says):
    options = {k: data if v == "data" else v for k, v in options.items()}
    with pytest.raises(ConfigError, match=says):
        skinzoo.rank_unlabelled(model, data, **options)


def test_models_and_collections_that_cannot_be_ranked(model, data):
    segmenter = skinzoo.create_model("unet_resnet18", backbone_weights=None, image_size=32)
    with pytest.raises(ConfigError, match="unet_resnet18 predicts no class"):
        skinzoo.rank_unlabelled(segmenter, data, "diversity")
    with pytest.raises(EmptyLoaderError):
        skinzoo.rank_unlabelled(model, data.subset([]))
