import random

import cv2
import numpy as np
import plain_augmentation as plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import stats

from skinzoo.errors import ConfigError
from skinzoo.transforms.framing import Frame, frame_of, shrink
from skinzoo.transforms.motion import RIPPLE_WIDTH, Motion, ripple, source_maps, source_matrix
from skinzoo.transforms.warp import Warp
from skinzoo.types import InputSpec

STRONG = {"transpose": 0.5, "degrees": 45, "scale": 0.2, "shift": 0.1, "shear": 8}


def draws(step, count, **data):
    """What a step draws for so many pictures."""
    step.set_random_state(np.random.default_rng(0), random.Random(0))
    return [step.get_params() for _ in range(count)]


def picture(height=64, width=64, sigma=1.5):
    """Cloudy colours, over the whole range."""
    noise = np.random.default_rng(1).standard_normal((height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def apply(step, image, params, *, mask=False, frame=None):
    return (step.apply_to_mask if mask else step.apply)(image, **params, frame=frame)


def test_the_same_motion_gives_what_albumentations_gives_step_by_step():
    """Oracle: its flips, transpose and affine warp one after the other, with its own matrix and the same border."""
    step, image = Warp(**STRONG), picture()
    labels = (picture(sigma=4)[..., 0] > 120).astype(np.uint8)
    for params in draws(step, 200):
        motion = Motion(**params)
        gap = np.abs(apply(step, image, params).astype(int) - plain.move(image, motion))
        assert gap.mean() < 0.05
        assert gap[[0, -1]].mean() < 0.5  # the mirrored border
        assert gap[:, [0, -1]].mean() < 0.5
        assert (apply(step, labels, params, mask=True) != plain.move(labels, motion, mask=True)).mean() < 0.002


@pytest.mark.parametrize("shape", [(5, 5), (4, 6)])
def test_mere_flips_are_exact(shape):
    step = Warp(flip=0.5, transpose=0.5 if shape[0] == shape[1] else 0, move=0)
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    seen = set()
    for params in draws(step, 200):
        expected = image[:, ::-1] if params["mirrored"] else image
        expected = expected[::-1] if params["upended"] else expected
        expected = expected.swapaxes(0, 1) if params["transposed"] else expected
        assert (apply(step, image, params) == expected).all()
        assert (apply(step, image[..., 0], params, mask=True) == expected[..., 0]).all()
        seen.add(expected.tobytes())
    assert len(seen) == (8 if shape[0] == shape[1] else 4)


def test_a_transposed_picture_that_is_not_square_keeps_its_size():
    """By hand: about the centre (1.5, 0.5), pixel (x, y) comes from (1 + y, x - 1), mirrored into the picture."""
    image = np.arange(8, dtype=np.uint8).reshape(2, 4)
    moved = Warp().apply(image, **Motion(transposed=True)._asdict(), frame=None)
    rows = {-1: 1, 0: 0, 1: 1, 2: 0}
    assert moved.tolist() == [[int(image[rows[x - 1], 1 + y]) for x in range(4)] for y in range(2)]


def test_a_step_that_draws_nothing_returns_the_picture():
    image = picture()
    assert (Warp(flip=0, move=0)(image=image)["image"] == image).all()
    assert (Warp(flip=0, degrees=0)(image=image)["image"] == image).all()


def test_the_mask_is_the_label_map_of_the_moved_image():
    """A chequerboard as image and as mask: where the interpolated image is not undecided, the mask agrees."""
    y, x = np.mgrid[:64, :64]
    board = ((y // 8 + x // 8) % 2).astype(np.uint8)
    step = Warp(**STRONG, ripple=0.01, ripple_p=0.5)
    for params in draws(step, 100):
        image, mask = apply(step, board * 255, params), apply(step, board, params, mask=True)
        assert set(np.unique(mask)) <= {0, 1}
        clear = np.abs(image.astype(int) - 128) > 12
        assert clear.mean() > 0.6
        assert ((image > 128) == mask)[clear].mean() > 0.999


def test_the_draws_are_distributed_as_those_of_albumentations():
    """Oracle: what Affine and the flips draw; two-sample Kolmogorov-Smirnov and binomial tests."""
    ours = draws(Warp(**STRONG), 3000)
    affine = plain.affine(45, scale=0.2, shift=0.1, shear=8)
    affine.set_random_state(np.random.default_rng(1), random.Random(1))
    theirs = [affine.get_params_dependent_on_data({"shape": (1000, 1000)}, {}) for _ in range(3000)]
    middle = np.array([499.5, 499.5, 1])
    pairs = {
        "rotate": ([o["rotate"] for o in ours], [t["rotate"] for t in theirs]),
        "scale": ([o["scale"] for o in ours], [t["scale"]["x"] for t in theirs]),
        "shift x": ([o["shift"][0] for o in ours], [(t["matrix"] @ middle)[0] / 1000 - 0.4995 for t in theirs]),
        "shift y": ([o["shift"][1] for o in ours], [(t["matrix"] @ middle)[1] / 1000 - 0.4995 for t in theirs]),
    }
    for name, (a, b) in pairs.items():
        assert stats.ks_2samp(a, b).pvalue > 1e-3, name
    for name in ("mirrored", "upended", "transposed"):
        assert stats.binomtest(sum(o[name] for o in ours), 3000, 0.5).pvalue > 1e-3
    moved = sum(o["rotate"] != 0 for o in draws(Warp(move=0.5), 3000))
    assert stats.binomtest(moved, 3000, 0.5).pvalue > 1e-3
    rippled = sum(o["ripple"] is not None for o in draws(Warp(ripple=0.01), 3000))
    assert stats.binomtest(rippled, 3000, 0.2).pvalue > 1e-3


def centre_of(image):
    """Centre of mass (x, y)."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = image.astype(float)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


def test_a_point_lands_where_it_lands_in_the_plain_chain():
    """The distribution of a tracked spot's place over many pictures, against the plain chain of steps."""
    spot = np.zeros((64, 64), np.uint8)
    cv2.circle(spot, (40, 26), 3, 255, -1, cv2.LINE_AA)
    chains = [Warp(**STRONG)], [*plain.flips(), plain.A.Transpose(p=0.5), plain.affine(45, 0.2, 0.1, 8)]
    places = []
    for seed, chain in enumerate(chains):
        pipeline = plain.A.Compose(chain)
        pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
        places.append(np.array([centre_of(pipeline(image=spot)["image"]) for _ in range(600)]))
    for axis in (0, 1):
        assert stats.ks_2samp(*(p[:, axis] for p in places)).pvalue > 1e-3
    distance = [np.hypot(*(p - 31.5).T) for p in places]
    assert stats.ks_2samp(*distance).pvalue > 1e-3


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.tuples(st.integers(2, 300), st.integers(2, 300)))
def test_source_matrix_is_the_inverse_of_the_steps(seed, size):
    """Oracle: the product of the 3 x 3 matrices of the single steps, inverted by NumPy."""
    step = Warp(**STRONG)
    step.set_random_state(np.random.default_rng(seed), random.Random(seed))
    m = Motion(**step.get_params())
    (height, width), angle = size, np.radians(m.rotate)
    to_middle = np.array([[1, 0, -(width - 1) / 2], [0, 1, -(height - 1) / 2], [0, 0, 1]])
    mirror = np.diag([-1 if m.mirrored else 1, -1 if m.upended else 1, 1])
    swap = np.eye(3)[[1, 0, 2]] if m.transposed else np.eye(3)
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    lean = np.array([[1, np.tan(np.radians(m.shear[0])), 0], [np.tan(np.radians(m.shear[1])), 1, 0], [0, 0, 1]])
    shift = np.array([[1, 0, m.shift[0] * width], [0, 1, m.shift[1] * height], [0, 0, 1]])
    zoom = np.diag([m.scale, m.scale, 1])
    forward = np.linalg.inv(to_middle) @ shift @ lean @ turn @ zoom @ swap @ mirror @ to_middle
    assert np.allclose(source_matrix(m, size), np.linalg.inv(forward)[:2], atol=1e-9)


def test_ripples_have_the_strength_and_smoothness_that_they_should():
    """Closed form: white noise smoothed by a bell of width s is correlated by exp(-d^2 / 4 s^2) at distance d."""
    fields = np.array([ripple(seed, (224, 224), 0.01) for seed in range(40)])[..., 12:-12, 12:-12]
    assert fields.std() == pytest.approx(2.24, rel=0.05)
    assert abs(fields.mean()) < 0.1
    width = RIPPLE_WIDTH * 224
    for distance in (3, 6, 12):
        expected = pytest.approx(np.exp(-(distance**2) / (4 * width**2)), abs=0.06)
        assert np.corrcoef(fields[..., :-distance].ravel(), fields[..., distance:].ravel())[0, 1] == expected
        upper, lower = fields[..., :-distance, :], fields[..., distance:, :]
        assert np.corrcoef(upper.ravel(), lower.ravel())[0, 1] == expected
    assert abs(np.corrcoef(fields[:, 0].ravel(), fields[:, 1].ravel())[0, 1]) < 0.05


def test_ripples_come_on_top_of_the_affine_map():
    """A ramp: its value at a displaced place is known."""
    motion = Motion(rotate=20, scale=1.1, shift=(0.05, 0), ripple=3)
    y, x = np.mgrid[:96, :96].astype(np.float32)
    ramp = 2 * x + y
    moved = Warp(ripple=0.02).apply(ramp, **motion._asdict(), frame=None)
    matrix = source_matrix(motion, (96, 96))
    across, down = ripple(3, (96, 96), 0.02)
    from_x, from_y = (row[0] * (x + across) + row[1] * (y + down) + row[2] for row in matrix)
    inside = (from_x > 1) & (from_x < 94) & (from_y > 1) & (from_y < 94)
    assert inside.mean() > 0.6
    assert np.abs(moved - (2 * from_x + from_y))[inside].max() < 0.15  # OpenCV interpolates in steps of 1/32 pixel
    assert np.abs(np.stack(source_maps(matrix, across, down)) - np.stack([from_x, from_y])).max() < 1e-3


SPECS = [
    InputSpec((48, 48)),
    InputSpec((40, 56)),
    InputSpec((48, 48), crop="center"),
    InputSpec((40, 56), crop="center"),
]


def ramps(shape):
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.stack([x, y, x + y], axis=2)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("shape", [(60, 60), (64, 90), (200, 150), (111, 333), (30, 40)])
@pytest.mark.parametrize(
    "motion", [Motion(), Motion(mirrored=True), Motion(True, True, True, 1.2, 30, (5, -4), (0.05, 0.1))]
)
def test_a_frame_resizes_on_the_way(spec, shape, motion):
    """Closed form: a linear ramp, resized and moved by an affine map, is that map of the resized ramp."""
    frame = frame_of(shape, spec)
    moved = Warp().apply(ramps(shape), **motion._asdict(), frame=frame)
    assert moved.shape == (*spec.size, 3)
    down, across = frame.scale
    y, x = np.mgrid[: spec.size[0], : spec.size[1]].astype(float)
    matrix = source_matrix(motion, spec.size)
    at_x, at_y = (row[0] * x + row[1] * y + row[2] for row in matrix)
    at_x, at_y = (at_x + frame.corner[1] + 0.5) * across - 0.5, (at_y + frame.corner[0] + 0.5) * down - 0.5
    margin = 2 * max(1, down, across)
    inside = (at_x > margin) & (at_x < shape[1] - 1 - margin) & (at_y > margin) & (at_y < shape[0] - 1 - margin)
    assert inside.mean() > 0.4
    gap = np.abs(moved - np.stack([at_x, at_y, at_x + at_y], axis=2))[inside]
    assert gap.max() < 0.05 * max(down, across, 1)


def test_a_frame_is_what_resize_and_crop_cuts():
    """By hand: 600 x 450 (width x height), short side to 256: 341 x 256, cut at (58, 16)."""
    assert frame_of((450, 600), InputSpec((224, 224), crop="center")) == Frame(
        (224, 224), (450 / 256, 600 / 341), (16, 58)
    )
    assert frame_of((450, 600), InputSpec((224, 224))) == Frame((224, 224), (450 / 224, 600 / 224), (0, 0))
    assert frame_of((224, 224), InputSpec((224, 224))) is None
    assert frame_of((40_000, 300), InputSpec((224, 224))) is None


def test_large_pictures_are_averaged_before_the_warp():
    """By hand: 101 rows are halved twice, 64 columns once; then three rows are weighed to make up for the rest."""
    image = picture(101, 64)
    smaller, frame = shrink(image, Frame((20, 30), (101 / 20, 64 / 30), (0, 0)))
    assert smaller.shape == (25, 32, 3)
    assert frame.scale == (101 / 80, 64 / 60)
    halved = image[:100].reshape(25, 4, 32, 2, 3).mean((1, 3))
    side = ((101 / 80) ** 2 - 1) / 12 - 0.078125 / 2  # the variance of 4 pixels' average is 1.25, or 0.078 of 4 x 4
    beside = np.concatenate([halved[1:2], halved, halved[-2:-1]])
    by_hand = side * beside[:-2] + (1 - 2 * side) * halved + side * beside[2:] if side > 0.03 else halved
    assert np.abs(smaller - by_hand).max() <= 1
    fine = np.tile(np.array([0, 255], np.uint8), (64, 32))  # stripes of one pixel would become wide ones
    moved = Warp().apply(fine, **Motion(rotate=3)._asdict(), frame=Frame((30, 30), (64 / 30, 64 / 30), (0, 0)))
    assert np.ptp(moved) <= 2


@pytest.mark.parametrize("ratio", [1.1, 1.16, 1.4, 1.95, 2, 2.7, 3.9, 4, 5])
@pytest.mark.parametrize("degrees", [0, 4])
def test_resizing_in_the_warp_leaves_as_much_detail_as_pillow(ratio, degrees):
    """Oracle: Pillow's bilinear filter without aliasing. White noise has all frequencies; what passes is compared."""
    side = round(64 * ratio)
    rng = np.random.default_rng(0)
    noise = np.clip(128 + 30 * rng.standard_normal((side, side, 3)), 0, 255).astype(np.uint8)
    pillow = np.asarray(Image.fromarray(noise).resize((64, 64), Image.Resampling.BILINEAR), dtype=float)
    frame = frame_of((side, side), InputSpec((64, 64)))
    ours = Warp().apply(noise, **Motion(rotate=degrees)._asdict(), frame=frame).astype(float)
    assert ours.std() == pytest.approx(pillow.std(), rel=0.3)
    steps, pillow_steps = (np.diff(p, axis=1)[4:-4, 4:-4].std() for p in (ours, pillow))
    assert steps == pytest.approx(pillow_steps, rel=0.5)  # lesions have far less fine detail


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [(), (1,), (3,), (6,)])
def test_shape_and_type_stay(dtype, channels):
    image = np.random.default_rng(0).random((32, 32, *channels)).astype(dtype)
    step = Warp(**STRONG, ripple=0.02, ripple_p=0.3)
    for params in draws(step, 30):
        for mask in (False, True):
            moved = apply(step, image, params, mask=mask)
            assert (moved.shape, moved.dtype) == (image.shape, dtype)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flip": 1.5}, "flip must be a number from 0 to 1, got 1.5"),
        ({"degrees": -1}, "degrees must be a number from 0 to 360"),
        ({"scale": 1}, "scale must be a number from 0 to 0.99"),
        ({"shear": 45}, "shear"),
        ({"ripple": "much"}, "got 'much'"),
        ({"move": float("nan")}, "got nan"),
        ({"p": 2}, "p must be"),
    ],
)
def test_options_out_of_range_are_errors(options, message):
    with pytest.raises(ConfigError, match=message):
        Warp(**options)


def test_keypoints_and_boxes_are_refused():
    image = picture()
    points = plain.A.Compose([Warp()], keypoint_params=plain.A.KeypointParams("xy"))
    with pytest.raises(ConfigError, match="given keypoints; for these"):
        points(image=image, keypoints=[(3, 4)])
    boxes = plain.A.Compose([Warp()], bbox_params=plain.A.BboxParams("pascal_voc", label_fields=[]))
    with pytest.raises(ConfigError, match="given bounding boxes"):
        boxes(image=image, bboxes=[(3, 4, 10, 12)])
