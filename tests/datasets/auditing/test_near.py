"""The search for near-identical pictures: what it finds, what it leaves, and that it is exact."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from skinzoo.datasets.auditing import near
from skinzoo.datasets.auditing.near import MAX_BITS, MIN_SIMILARITY, find_near, similarities
from skinzoo.datasets.auditing.patterns import NUM_TURNS, flatten, pattern_of, pattern_of_file, turned

T = Image.Transpose


def encoded(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


CHANGES = {
    "re-encoded": lambda i: encoded(i, 50),
    "squashed": lambda i: i.resize((90, 90)),
    "grey": lambda i: i.convert("L").convert("RGB"),
    "darker, less contrast": lambda i: ImageEnhance.Contrast(ImageEnhance.Brightness(i).enhance(0.8)).enhance(0.7),
}
TURNS = {
    "mirrored": T.FLIP_LEFT_RIGHT,
    "upside down": T.FLIP_TOP_BOTTOM,
    "by 90": T.ROTATE_90,
    "by 180": T.ROTATE_180,
    "by 270": T.ROTATE_270,
    "transposed": T.TRANSPOSE,
    "transversed": T.TRANSVERSE,
}


def patterns(images):
    return np.stack([pattern_of(image).values for image in images])


def pairs(found):
    return list(zip(found.first.tolist(), found.second.tolist(), strict=True))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_copy_is_found_among_others(picture, change):
    images = [picture(k) for k in range(12)]
    found = find_near(patterns([*images, change(images[7])]))
    assert pairs(found) == [(7, 12)]
    assert not found.turned.any()
    assert found.similarity[0] > 0.9


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
def test_a_turned_copy_is_found_and_told_so(picture, turn):
    images = [picture(k) for k in range(12)]
    found = find_near(patterns([*images, encoded(images[7].transpose(turn), 75)]))
    assert pairs(found) == [(7, 12)]
    assert found.turned.all()


def test_a_black_frame_or_bars_make_no_two_pictures_alike(picture):
    framed, barred = [], []
    for k in range(40):
        framed.append(picture(k))
        ImageDraw.Draw(framed[-1]).rectangle((0, 0, 127, 95), outline="black", width=4)
        barred.append(picture(k))
        ImageDraw.Draw(barred[-1]).rectangle((0, 0, 127, 11), fill="black")
        ImageDraw.Draw(barred[-1]).rectangle((0, 84, 127, 95), fill="black")
    assert pairs(find_near(patterns(framed))) == []
    assert pairs(find_near(patterns(barred))) == []


def test_similarity_is_that_of_the_best_position(picture):
    p = patterns([picture(0), picture(0).transpose(T.ROTATE_90), picture(1)])
    same, other = similarities(p, np.array([0, 0]), np.array([1, 2])).tolist()
    assert same > 0.95
    assert other < MIN_SIMILARITY


def test_a_thousand_equal_pictures_make_a_line_of_pairs_not_a_square(picture):
    p = patterns([picture(0), picture(1)])
    found = find_near(np.concatenate([p, np.repeat(p[:1], 1000, axis=0)]))
    assert pairs(found) == [(0, k) for k in range(2, 1002)]
    assert (found.similarity == 1).all()


def test_no_pattern_gives_no_pair(picture):
    assert pairs(find_near(np.zeros((0, 32, 32), np.int8))) == []
    assert pairs(find_near(patterns([picture(0)]))) == []


@pytest.mark.parametrize("limit", [2_000_000, 50])
def test_the_candidates_are_exactly_the_pairs_within_the_bits(limit, monkeypatch):
    """Against a look at every pair, with words so much alike that most of them are candidates in many ways."""
    monkeypatch.setattr(near, "_MAX_CANDIDATES", limit)
    rng = np.random.default_rng(0)
    stored = (rng.random((300, 64)) < 0.1).astype(np.uint8)
    queries = stored ^ (rng.random((300, 64)) < 0.05)
    a_words, b_words = (np.packbits(x, axis=1).view(np.uint16) for x in (queries, stored))
    got = [pair for a, b in near._candidates(a_words, b_words) for pair in zip(a.tolist(), b.tolist(), strict=True)]
    distance = (queries[:, None] != stored[None]).sum(axis=2)
    expected = {(a, b) for a, b in np.argwhere(distance <= MAX_BITS).tolist() if a < b}
    assert len(expected) > 1000
    assert len(expected) < 300 * 299 / 2
    assert sorted(got) == sorted(expected)  # none twice


def test_flatten_takes_the_local_mean_off():
    grey = np.random.default_rng(0).random((2, 32, 32), dtype=np.float32)
    wide = np.pad(grey, [(0, 0), (2, 2), (2, 2)], mode="edge")
    mean = np.array([[[w[y : y + 5, x : x + 5].mean() for x in range(32)] for y in range(32)] for w in wide])
    expected = grey - mean
    expected -= expected.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(flatten(grey, 5), expected, atol=1e-5)


def test_turns_are_the_eight_positions_of_a_square():
    square = np.arange(4).reshape(2, 2)
    assert len({turned(square, k).tobytes() for k in range(NUM_TURNS)}) == NUM_TURNS == 8


def test_a_file_decoded_at_a_fraction_looks_as_if_decoded_in_full(picture, tmp_path):
    path = tmp_path / "large.jpg"
    picture(0).resize((1024, 768), Image.Resampling.BICUBIC).save(path, quality=90)
    full = pattern_of(Image.open(path)).values
    assert similarities(np.stack([pattern_of_file(path).values, full]), np.array([0]), np.array([1]))[0] > 0.97


def test_only_a_plain_jpeg_takes_the_short_way(picture, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(0).save(tmp_path / "turned.jpg", exif=exif)
    picture(0).save(tmp_path / "a.png")
    picture(0).convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert [pattern_of_file(tmp_path / n) for n in ("turned.jpg", "a.png", "cmyk.jpg")] == [None, None, None]
