import hashlib
import pickle
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinzoo.datasets.adapters.synthesis import SKIN_TONES, STYLES, describe_lesion, draw_lesion
from skinzoo.datasets.adapters.synthetic import synthetic
from skinzoo.errors import ConfigError
from skinzoo.taxonomy import ISIC2018


def digest(seed, indices, size=48):
    sha = hashlib.sha256()
    for i in indices:
        image, mask, label = draw_lesion(seed, i, size=size)
        sha.update(image.tobytes() + mask.tobytes() + bytes([label]))
    return sha.hexdigest()


@pytest.fixture(scope="module")
def pictures():
    return [draw_lesion(0, i, size=64) for i in range(280)]


@pytest.mark.parametrize("size", [32, 65, 128])
def test_shapes_and_values(size):
    image, mask, label = draw_lesion(0, 3, size=size)
    assert image.shape == (size, size, 3)
    assert mask.shape == (size, size)
    assert image.dtype == mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 1}
    assert 0 <= label < 7


def test_a_picture_does_not_depend_on_what_was_drawn_before():
    np.random.seed(0)  # noqa: NPY002 - the global state must not matter
    alone = draw_lesion(7, 5, size=48)
    for i in range(5):
        draw_lesion(7, i, size=48)
    np.random.seed(1)  # noqa: NPY002
    again = draw_lesion(7, 5, size=48)
    assert (alone[0] == again[0]).all()
    assert (alone[1] == again[1]).all()
    assert digest(7, [5]) != digest(8, [5])
    assert digest(7, [5]) != digest(7, [4])


def test_a_fresh_process_draws_the_same():
    code = (
        "import hashlib; from skinzoo.datasets.adapters.synthesis import draw_lesion; sha = hashlib.sha256()\n"
        "for i in (6, 2, 9):\n"
        "    a, m, y = draw_lesion(1, i, size=48); sha.update(a.tobytes() + m.tobytes() + bytes([y]))\n"
        "print(sha.hexdigest())"
    )
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert fresh.stdout.strip() == digest(1, (6, 2, 9))


def test_masks_are_one_blob_that_lies_mostly_inside(pictures):
    import cv2

    for image, mask, _ in pictures:
        share = mask.mean()
        assert 0.04 < share < 0.65
        assert cv2.connectedComponents(mask)[0] == 2  # background and one lesion
        border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        assert border.mean() < 0.25
        assert image.std() > 5


def test_artefacts_do_not_touch_the_mask():
    changed = 0
    for i in range(40):
        plain, mask, _ = draw_lesion(2, i, size=64, artefacts=False)
        image, same, _ = draw_lesion(2, i, size=64)
        assert (mask == same).all()
        changed += (plain != image).any()
    assert 15 <= changed < 40  # most pictures have some, not all


@pytest.mark.parametrize("code", ISIC2018.classes)
def test_the_mask_is_where_the_paint_covers_at_least_half(code, monkeypatch):
    """Oracle: the ratio of pictures painted with one unit of grey and with none gives the opacity back."""
    index = next(i for i in range(14) if describe_lesion(0, i).label == ISIC2018.index(code))

    def drawn_with(amount):
        def paint(canvas, rng):
            canvas.density += np.float32(amount)

        monkeypatch.setitem(STYLES, code, STYLES[code]._replace(paint=paint))
        return draw_lesion(0, index, size=128, artefacts=False)

    (bare, mask, _), (grey, same, _) = drawn_with(0), drawn_with(1)
    assert (mask == same).all()
    opacity = -np.log(grey.mean(axis=2) / bare.mean(axis=2))
    assert np.quantile(opacity[mask == 1], 0.9) == pytest.approx(1, abs=0.1)
    assert np.quantile(opacity[mask == 0], 0.1) == pytest.approx(0, abs=0.02)
    wrong = (opacity > 0.5) != (mask == 1)
    assert wrong.mean() < 0.01
    assert (np.abs(opacity[wrong] - 0.5) < 0.15).all()  # rounding and sensor noise, right on the border


def test_views_share_the_lesion_and_differ_as_pictures():
    data = synthetic(num_images=30, size=48, views_per_lesion=3)
    for i in range(0, 30, 3):
        samples = [data[i + k] for k in range(3)]
        assert len({s.group for s in samples}) == len({s.label for s in samples}) == 1
        assert len({s.metadata["skin_tone"] for s in samples}) == 1
        assert (samples[0].mask != samples[1].mask).any()
        areas = [s.mask.mean() for s in samples]
        assert max(areas) / min(areas) < 2.2  # zoom is 0.85 to 1.15; a cut edge adds a little
    assert len(set(data.records.groups)) == 10


def test_classes_are_balanced_and_shuffled():
    data = synthetic(num_images=210, size=32)
    assert set(data.class_counts().values()) == {30}
    order = data.records.labels[::2].reshape(-1, 7)
    assert (np.sort(order, axis=1) == np.arange(7)).all()
    assert len({tuple(row) for row in order}) > 10


def test_all_skin_tones_occur_and_darken_the_skin(pictures):
    tones = np.array([describe_lesion(0, i).skin_tone for i in range(280)])
    assert set(tones) == set(range(1, SKIN_TONES + 1))
    skin = np.array([np.median(image[mask == 0], axis=0).mean() for image, mask, _ in pictures])
    means = [skin[tones == t].mean() for t in range(1, SKIN_TONES + 1)]
    assert all(a > b for a, b in pairwise(means))
    assert means[0] > 150
    assert means[-1] < 110


def test_colours_inside_the_mask_tell_most_classes_apart(pictures):
    """Oracle: scikit-learn's logistic regression on colour statistics relative to the skin; chance is 1/7."""
    features, labels = [], np.array([label for *_, label in pictures])
    for image, mask, _ in pictures:
        inside, skin = image[mask == 1].astype(float), image[mask == 0].astype(float)
        features.append(
            np.r_[inside.mean(0) - np.median(skin, axis=0), inside.std(0), np.quantile(inside, 0.95, axis=0)]
        )
    x = np.array(features)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(x[:196], labels[:196])
    accuracy = model.score(x[196:], labels[196:])  # 98 lesions to train on, 42 others to test
    assert 0.55 < accuracy < 0.99


def test_dataset_is_what_it_says():
    data = synthetic(num_images=20, size=40, seed=3)
    sample = data[12]
    assert (sample.id, sample.group) == ("SYN_0000012", "SYNL_0000006")
    image, mask, label = draw_lesion(3, 12, size=40)
    assert (sample.image == image).all()
    assert (sample.mask == mask).all()
    assert sample.label == label
    assert data.label_space == ISIC2018
    assert data.has_masks
    longer = synthetic(num_images=30, size=40, seed=3)
    assert (longer[12].image == image).all()


def test_dataset_can_be_pickled_and_loaded_by_name():
    from skinzoo.datasets.catalogue import load_dataset

    data = load_dataset("synthetic", num_images=4, size=32)
    copy = pickle.loads(pickle.dumps(data.source))
    assert copy == data.source
    assert (copy.read("2", "2", "x")[0] == data[2].image).all()
    assert copy.read("2", "", "x")[1] is None


@pytest.mark.parametrize(
    "options",
    [{"num_images": 0}, {"size": 16}, {"seed": -1}, {"views_per_lesion": 0}, {"size": 64.0}, {"num_images": True}],
)
def test_refuses_what_makes_no_sense(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        synthetic(**options)
