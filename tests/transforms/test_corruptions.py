"""Corruptions: the same again for the same seed, stronger with every strength, and never another size or type."""

import itertools
import threading

import cv2
import numpy as np
import pytest

import skinzoo
from skinzoo.errors import ConfigError, ImageDecodeError, MaskError, UnknownNameError
from skinzoo.transforms.artefacts import draw_gel_bubbles, draw_ink, draw_paper_ruler
from skinzoo.transforms.corruptions import CORRUPTIONS, STRENGTHS, corrupt, list_corruptions

NAMES = list_corruptions()
SIZES = [(32, 32), (33, 47), (97, 64), (450, 600)]
DETERMINED = {"defocus", "low_resolution", "jpeg", "bright", "dark", "contrast", "saturation"}


@pytest.fixture(scope="module")
def pictures():
    """Three synthetic lesions with their masks, 128 pixels."""
    data = skinzoo.load_dataset("synthetic", num_images=6, size=128)
    return [(data[i].image, data[i].mask) for i in (0, 2, 4)]


def resized(image, shape):
    return cv2.resize(image, shape[::-1], interpolation=cv2.INTER_LINEAR)


def change(a, b):
    return float(np.abs(a.astype(np.float64) - b).mean())


def test_the_list_is_what_the_guide_promises():
    assert len(NAMES) == 16
    assert set(list_corruptions(family="artefact")) == {"hair", "ruler", "ink", "bubbles"}
    assert list_corruptions("*_noise") == ["gaussian_noise"]
    assert all(len(entry.facets["levels"]) == len(STRENGTHS) for entry in CORRUPTIONS)


@pytest.mark.parametrize("name", NAMES)
def test_size_type_and_the_given_picture_stay(name, pictures):
    image, mask = pictures[0]
    for shape in SIZES:
        given, truth = resized(image, shape), cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_NEAREST)
        before, before_mask = given.copy(), truth.copy()
        for strength in (1, 5):
            found = corrupt(given, name, strength, mask=truth)
            assert found.image.shape == given.shape
            assert found.image.dtype == found.mask.dtype == np.uint8
            assert found.mask.shape == shape
            assert set(np.unique(found.mask)) <= {0, 1}
            assert not np.shares_memory(found.image, given)
            assert not np.shares_memory(found.mask, truth)
        assert np.array_equal(given, before)
        assert np.array_equal(truth, before_mask)


@pytest.mark.parametrize("name", NAMES)
def test_the_result_depends_on_seed_and_index_alone(name, pictures):
    image = pictures[0][0]
    first = corrupt(image, name, 4, seed=3, index=7).image
    np.random.seed(5)  # noqa: NPY002 - another global state changes nothing
    cv2.setRNGSeed(99)
    corrupt(pictures[1][0], name, 2)
    assert np.array_equal(first, corrupt(image, name, 4, seed=3, index=7).image)
    others = [corrupt(image, name, 4, seed=4, index=7).image, corrupt(image, name, 4, seed=3, index=8).image]
    assert all(np.array_equal(first, other) == (name in DETERMINED) for other in others)


def test_threads_do_not_disturb_each_other(pictures):
    image = pictures[0][0]
    alone = [corrupt(image, "gaussian_noise", 3, index=i).image for i in range(8)]
    found = [None] * 8

    def work(i):
        for _ in range(4):
            found[i] = corrupt(image, "gaussian_noise", 3, index=i).image

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(a, b) for a, b in zip(alone, found, strict=True))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "off_centre"])
def test_every_strength_changes_more(name, pictures):
    for shape in ((128, 128), (240, 320)):
        changes = [
            np.mean([change(corrupt(p, name, s, index=i).image, p) for i, p in enumerate(given)])
            for given in [[resized(image, shape) for image, _ in pictures]]
            for s in STRENGTHS
        ]
        assert 0 < changes[0] < 30, changes
        assert all(b > 1.05 * a for a, b in itertools.pairwise(changes)), changes


@pytest.mark.parametrize("name", ["hair", "ruler", "ink", "bubbles", "vignette", "colour_cast", "dark"])
def test_a_single_picture_changes_more_with_every_strength(name, pictures):
    for index, (image, _) in enumerate(pictures):
        changes = [change(corrupt(image, name, s, index=index).image, image) for s in STRENGTHS]
        assert changes == sorted(changes), changes


@pytest.mark.parametrize("name", [n for n in NAMES if n != "jpeg"])  # which has blocks of 8 pixels at any size
def test_a_strength_means_about_the_same_at_another_size(name, pictures):
    small = [resized(image, (224, 224)) for image, _ in pictures]
    large = [resized(image, (448, 448)) for image, _ in pictures]
    for strength in (3, 5):
        there = np.mean([change(corrupt(p, name, strength, index=i).image, p) for i, p in enumerate(small)])
        seen = [
            change(cv2.resize(corrupt(p, name, strength, index=i).image, (224, 224), interpolation=cv2.INTER_AREA), q)
            for i, (p, q) in enumerate(zip(large, small, strict=True))
        ]
        assert np.mean(seen) == pytest.approx(there, rel=0.5 if name == "gaussian_noise" else 0.25)


def test_light_does_what_its_level_says():
    grey = np.full((40, 40, 3), 100, np.uint8)
    for strength, (dark, bright) in enumerate(
        zip(*(CORRUPTIONS.resolve(n).facets["levels"] for n in ("dark", "bright")), strict=True), start=1
    ):
        assert corrupt(grey, "dark", strength).image.mean() == pytest.approx(100 * (1 - dark), abs=1)
        assert corrupt(grey, "bright", strength).image.mean() == pytest.approx(100 + 255 * bright, abs=1)
        assert np.array_equal(corrupt(grey, "contrast", strength).image, grey), "the mean stays"


def test_saturation_ends_in_grey_and_a_cast_keeps_the_geometric_mean(pictures):
    image = pictures[0][0]
    grey = corrupt(image, "saturation", 5).image.astype(int)
    assert np.ptp(grey, axis=2).max() <= 1
    flat = np.full((16, 16, 3), 120, np.uint8)
    cast = corrupt(flat, "colour_cast", 5, index=2).image.astype(float)[0, 0]
    assert np.exp(np.log(cast).mean()) == pytest.approx(120, abs=1)
    assert np.linalg.norm(np.log(cast / 120)) == pytest.approx(0.36, abs=0.02)


def test_noise_has_the_deviation_of_its_level():
    grey = np.full((224, 224, 3), 128, np.uint8)
    for strength, level in enumerate(CORRUPTIONS.resolve("gaussian_noise").facets["levels"][:3], start=1):
        assert corrupt(grey, "gaussian_noise", strength).image.std() == pytest.approx(255 * level, rel=0.06)


def test_motion_blur_averages_along_a_line():
    dot = np.zeros((101, 101, 3), np.uint8)
    dot[50, 50] = 255
    found = corrupt(dot, "motion_blur", 5, index=1).image[..., 0].astype(float)
    rows, columns = np.nonzero(found)
    spread = np.linalg.eigvalsh(np.cov(np.stack([rows, columns]), aweights=found[rows, columns]))
    length = 0.125 * 101
    assert np.sqrt(spread[1]) == pytest.approx(length / np.sqrt(12), rel=0.15), "a uniform line"
    assert np.sqrt(spread[0]) < 1


def test_low_resolution_keeps_as_many_pixels_as_it_says():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (56, 84, 3), dtype=np.uint8)
    assert np.array_equal(corrupt(image, "low_resolution", 2).image, image), "no detail finer than 80 pixels is there"
    by_hand = cv2.resize(image.reshape(28, 2, 42, 2, 3).mean((1, 3)).round().astype(np.uint8), (84, 56))
    assert change(corrupt(image, "low_resolution", 5).image, by_hand) < 1


def test_the_mask_follows_the_crop_exactly():
    height, width = 60, 80
    y, x = np.mgrid[:height, :width]
    mask = (((y - 30) ** 2 + (x - 40) ** 2) < 18**2).astype(np.uint8)
    image = np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)
    areas = []
    for strength in STRENGTHS:
        for index in range(6):
            found = corrupt(image, "off_centre", strength, index=index, mask=mask)
            assert ((found.image[..., 0] > 127) == found.mask).mean() > 0.985, "up to the pixels on the border"
            kept = CORRUPTIONS.resolve("off_centre").facets["levels"][strength - 1]
            touched = [found.mask[0].any(), found.mask[-1].any(), found.mask[:, 0].any(), found.mask[:, -1].any()]
            if strength == 5:
                assert any(touched), "the lesion is partly out of the frame"
            areas.append((strength, found.mask.sum() * kept**2 / mask.sum()))
    seen = [np.mean([a for s, a in areas if s == strength]) for strength in STRENGTHS]
    assert seen[0] == pytest.approx(1, abs=0.03)
    assert seen == sorted(seen, reverse=True)
    assert 0.3 < seen[-1] < 0.9


def test_other_corruptions_leave_the_mask_alone(pictures):
    image, mask = pictures[0]
    for name in NAMES:
        moved = not np.array_equal(corrupt(image, name, 5, mask=mask).mask, mask)
        assert moved == bool(CORRUPTIONS.resolve(name).facets.get("moves", False))
    assert corrupt(image, "hair", 1).mask is None


def test_what_is_drawn_lies_where_it_should():
    skin = np.full((200, 200, 3), 200, np.uint8)
    rng = np.random.default_rng
    inked = np.abs(draw_ink(skin, rng(0), count=12).astype(int) - 200).max(2) > 20
    y, x = np.mgrid[:200, :200] - 99.5
    assert inked.any()
    assert not inked[np.hypot(y, x) < 40].any(), "the middle of the lesion stays free"
    paper = np.abs(draw_paper_ruler(skin, rng(1), depth=0.2).astype(int) - 200).max(2) > 10
    assert paper.mean() == pytest.approx(0.2, abs=0.02)
    assert draw_gel_bubbles(skin, rng(2), count=0).tolist() == skin.tolist()


def test_bad_input_is_named(pictures):
    image, mask = pictures[0]
    with pytest.raises(UnknownNameError, match="unknown corruption 'defokus'; did you mean 'defocus'"):
        corrupt(image, "defokus", 1)
    for strength in (0, 6, 2.0, True, "3", None):
        with pytest.raises(ConfigError, match="strength must be one of 1, 2, 3, 4, 5"):
            corrupt(image, "hair", strength)
    for options in ({"seed": -1}, {"index": 1.5}, {"seed": True}):
        with pytest.raises(ConfigError, match="whole number of at least 0"):
            corrupt(image, "hair", 1, **options)
    for wrong in (image.astype(np.float32), image[..., 0], image[..., :2], image[:0]):
        with pytest.raises(ImageDecodeError, match="uint8 RGB"):
            corrupt(wrong, "hair", 1)
    for wrong in (mask[:-1], mask.astype(bool)):
        with pytest.raises(MaskError, match="the mask must be uint8"):
            corrupt(image, "hair", 1, mask=wrong)
